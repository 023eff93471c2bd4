"""InfluxDB 1.x by its own `/write` and `/query` (made against 1.6.7, the version in Debian 12)."""

import os
import re
from collections.abc import Sequence

import httpx

from cloud_ingest.bad_lines import Rejected
from cloud_ingest.influx_http import InfluxQueries, client_of, send, short
from cloud_ingest.line_store import write_portions
from cloud_ingest.store import Portion, Stored, StoreUnavailable

_DROPPED = re.compile(rb"partial write: .*dropped=(\d+)", re.DOTALL)


class Influx1Store:
    """Its 204 is durable: 5,000 of 5,000 points survived a kill -9 right after it."""

    writers = 2
    points_per_write = 10_000
    durable_after_s = 0.0

    def __init__(self, origin: str, database: str, user: str = "") -> None:
        self._database = database
        auth = (user, os.environ.get("LOPHOC_STORE_PASSWORD", "")) if user else None
        self._client = client_of(origin, auth=auth)
        self._queries = InfluxQueries(self._client, database)

    def open(self, *, create: bool = True) -> None:
        if not self._queries.is_there() and create:
            self._queries.create_database()

    def close(self) -> None:
        self._client.close()

    def write(self, portions: Sequence[Portion]) -> list[int]:
        return write_portions(portions, self._post)

    def latest(self, school: str, room: str, since_us: int = 0) -> list[Stored]:
        return self._queries.latest(school, room, since_us)

    def count(self, school: str, room: str | None = None, since_us: int = 0) -> int:
        return self._queries.count(school, room, since_us)

    def _post(self, content: bytes) -> Rejected | None:
        response = self._send(content)
        if response.status_code == 404:  # someone dropped the database
            self._queries.create_database()
            response = self._send(content)
        if response.status_code == 204:
            return None
        if response.status_code in (400, 413):
            dropped = _DROPPED.search(response.content)
            all_of_it = dropped is not None and int(dropped[1]) == content.count(b"\n") + 1
            return Rejected(short(response.text), all_of_it)
        raise StoreUnavailable(f"the store answered {response.status_code}: {short(response.text)}")

    def _send(self, content: bytes) -> httpx.Response:
        request = self._client.build_request(
            "POST", "/write", params={"db": self._database, "precision": "u"}, content=content
        )
        return send(self._client, request)
