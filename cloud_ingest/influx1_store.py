"""InfluxDB 1.x by its own `/write` and `/query` (made against 1.6.7, the version in Debian 12)."""

import os
import re
from collections.abc import Callable

import httpx

from cloud_ingest.bad_lines import Rejected
from cloud_ingest.influx_http import InfluxQueries, client_of, send, short
from cloud_ingest.influx_rollups import rollup_name
from cloud_ingest.influx_store import InfluxStore
from cloud_ingest.store import StoreUnavailable, wall_us

_DROPPED = re.compile(rb"partial write: .*dropped=(\d+)", re.DOTALL)


class Influx1Store(InfluxStore):
    """Its 204 is durable: 5,000 of 5,000 points survived a kill -9 right after it."""

    def __init__(self, origin: str, database: str, user: str = "", clock_us: Callable[[], int] = wall_us) -> None:
        self._database = database
        auth = (user, os.environ.get("LOPHOC_STORE_PASSWORD", "")) if user else None
        self._client = client_of(origin, auth=auth)
        self._queries = InfluxQueries(self._client, database)
        self._rolled = InfluxQueries(self._client, rollup_name(database))
        super().__init__(self._queries, self._rolled, clock_us)

    def open(self, *, create: bool = True) -> None:
        for queries in (self._queries, self._rolled) if create else ():
            if not queries.is_there():
                queries.create_database()
        if not create:
            self._queries.is_there()

    def close(self) -> None:
        super().close()
        self._client.close()

    def _post_rollups(self, content: bytes) -> bool:
        response = self._send(content, rollup_name(self._database))
        if response.status_code == 404:
            self._rolled.create_database()
            response = self._send(content, rollup_name(self._database))
        if response.status_code != 204:
            raise StoreUnavailable(f"the store answered {response.status_code}: {short(response.text)}")
        return True

    def _post(self, content: bytes) -> Rejected | None:
        response = self._send(content, self._database)
        if response.status_code == 404:  # someone dropped the database
            self._queries.create_database()
            response = self._send(content, self._database)
        if response.status_code == 204:
            return None
        if response.status_code in (400, 413):
            dropped = _DROPPED.search(response.content)
            all_of_it = dropped is not None and int(dropped[1]) == content.count(b"\n") + 1
            return Rejected(short(response.text), all_of_it)
        raise StoreUnavailable(f"the store answered {response.status_code}: {short(response.text)}")

    def _send(self, content: bytes, database: str) -> httpx.Response:
        request = self._client.build_request(
            "POST", "/write", params={"db": database, "precision": "u"}, content=content
        )
        return send(self._client, request)
