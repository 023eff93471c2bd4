"""InfluxDB 2.x and 3.x, and whatever else takes `/api/v2/write`, by influxdb-client's WriteApi; read by InfluxQL."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from cloud_ingest.bad_lines import Rejected
from cloud_ingest.influx_http import InfluxQueries, client_of, short
from cloud_ingest.influx_rollups import rollup_name
from cloud_ingest.influx_store import InfluxStore
from cloud_ingest.store import StoreUnavailable, wall_us

_MICROSECONDS = cast("WritePrecision", WritePrecision.US)  # the library declares its constants as str
_REJECTED = (400, 413, 422)  # 422: what 2.x says to some partial writes


class Influx2Store(InfluxStore):
    """Lines go to WriteApi ready-made: as Point objects they would cost five times as much.

    The bucket is made by whoever runs the server, and so is the one for rollups, without which long charts are slow;
    reading needs each mapped as a database (2.x) of its name.
    """

    def __init__(self, origin: str, org: str, bucket: str, clock_us: Callable[[], int] = wall_us) -> None:
        token = os.environ.get("LOPHOC_STORE_TOKEN", "")
        self._bucket = bucket
        self._client = InfluxDBClient(url=origin, token=token, org=org, timeout=10_000, retries=Retry(0))
        self._writes = self._client.write_api(write_options=SYNCHRONOUS)
        self._http = client_of(origin, token=token)
        super().__init__(InfluxQueries(self._http, bucket), InfluxQueries(self._http, rollup_name(bucket)), clock_us)

    def open(self, *, create: bool = True) -> None:
        """Nothing to create. Its `/health` is not asked: 1.x and others have none."""

    def close(self) -> None:
        super().close()
        self._client.close()  # type: ignore[no-untyped-call]  # the library's own gap
        self._http.close()

    def _post_rollups(self, content: bytes) -> bool:
        with _translated():
            try:
                self._send(content, rollup_name(self._bucket))
            except ApiException as answer:
                if answer.status == 404:
                    return False
                raise
        return True

    def _post(self, content: bytes) -> Rejected | None:
        with _translated():
            try:
                self._send(content, self._bucket)
            except ApiException as answer:
                if answer.status in _REJECTED:
                    return Rejected(_said(answer))
                raise
        return None

    def _send(self, content: bytes, bucket: str) -> None:
        self._writes.write(bucket=bucket, record=content, write_precision=_MICROSECONDS)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ApiException as answer:
        raise StoreUnavailable(f"the store answered {answer.status}: {_said(answer)}") from answer
    except HTTPError as wrong:
        raise StoreUnavailable(f"no answer from the store: {type(wrong).__name__}") from wrong


def _said(answer: ApiException) -> str:
    return short(str(answer.body or answer.reason or ""))
