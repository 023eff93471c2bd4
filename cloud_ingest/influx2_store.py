"""InfluxDB 2.x and 3.x, and whatever else takes `/api/v2/write`, by influxdb-client's WriteApi; read by InfluxQL."""

import os
from collections.abc import Sequence
from typing import cast

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from cloud_ingest.bad_lines import Rejected
from cloud_ingest.influx_http import InfluxQueries, client_of, short
from cloud_ingest.line_store import write_portions
from cloud_ingest.store import Portion, Stored, StoreUnavailable

_MICROSECONDS = cast("WritePrecision", WritePrecision.US)  # the library declares its constants as str
_REJECTED = (400, 413, 422)  # 422: what 2.x says to some partial writes


class Influx2Store:
    """Lines go to WriteApi ready-made: as Point objects they would cost five times as much.

    The bucket is made by whoever runs the server; reading needs the bucket mapped as a database (2.x) of its name.
    """

    writers = 2
    points_per_write = 10_000
    durable_after_s = 0.0

    def __init__(self, origin: str, org: str, bucket: str) -> None:
        token = os.environ.get("LOPHOC_STORE_TOKEN", "")
        self._bucket = bucket
        self._client = InfluxDBClient(url=origin, token=token, org=org, timeout=10_000, retries=Retry(0))
        self._writes = self._client.write_api(write_options=SYNCHRONOUS)
        self._http = client_of(origin, token=token)
        self._queries = InfluxQueries(self._http, bucket)

    def open(self, *, create: bool = True) -> None:
        """Nothing to create. Its `/health` is not asked: 1.x and others have none."""

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]  # the library's own gap
        self._http.close()

    def write(self, portions: Sequence[Portion]) -> list[int]:
        return write_portions(portions, self._post)

    def latest(self, school: str, room: str, since_us: int = 0) -> list[Stored]:
        return self._queries.latest(school, room, since_us)

    def count(self, school: str, room: str | None = None, since_us: int = 0) -> int:
        return self._queries.count(school, room, since_us)

    def _post(self, content: bytes) -> Rejected | None:
        try:
            self._writes.write(bucket=self._bucket, record=content, write_precision=_MICROSECONDS)
        except ApiException as answer:
            said = short(str(answer.body or answer.reason or ""))
            if answer.status in _REJECTED:
                return Rejected(said)
            raise StoreUnavailable(f"the store answered {answer.status}: {said}") from answer
        except HTTPError as wrong:
            raise StoreUnavailable(f"no answer from the store: {type(wrong).__name__}") from wrong
        return None
