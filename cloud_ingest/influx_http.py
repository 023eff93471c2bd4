"""InfluxDB's `/query` over plain HTTP, the same in every version, and what its answers mean for the next step."""

from collections.abc import Callable
from typing import TypeVar

import httpx

from cloud_ingest import influxql
from cloud_ingest.store import Stored, StoreUnavailable

_Answer = TypeVar("_Answer")
_TIMEOUT = httpx.Timeout(10.0, connect=3.0)


def client_of(origin: str, *, auth: tuple[str, str] | None = None, token: str = "") -> httpx.Client:
    """A client that several threads may use. It ignores proxy settings: a store is next door."""
    headers = {"Authorization": f"Token {token}"} if token else {}
    return httpx.Client(base_url=origin, auth=auth, headers=headers, timeout=_TIMEOUT, trust_env=False)


def send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """Raises StoreUnavailable if there was no answer at all, or one that asks to come again."""
    try:
        response = client.send(request)
    except httpx.HTTPError as wrong:
        raise StoreUnavailable(f"{client.base_url.host}:{client.base_url.port}: {_words(wrong)}") from wrong
    if response.status_code in (401, 403):
        raise StoreUnavailable(f"the store does not accept our name and password or token ({response.status_code})")
    if response.status_code == 429 or response.status_code >= 500:
        raise StoreUnavailable(f"the store answered {response.status_code}: {short(response.text)}")
    return response


def short(text: str) -> str:
    """A store's words, fit for one line of a log."""
    return " ".join(text.split())[:200]


class InfluxQueries:
    """Reading one database."""

    def __init__(self, client: httpx.Client, database: str) -> None:
        self._client = client
        self._database = database

    def latest(self, school: str, room: str, since_us: int) -> list[Stored]:
        """Raises StoreUnavailable."""
        return self._ask("GET", influxql.latest(school, room, since_us), influxql.latest_of)

    def count(self, school: str, room: str | None, since_us: int) -> int:
        """Raises StoreUnavailable."""
        return self._ask("GET", influxql.count(school, room, since_us), influxql.count_of)

    def is_there(self) -> bool:
        """True if the database exists. Raises StoreUnavailable."""
        return not self._ask("GET", influxql.is_there(self._database), influxql.error_of)

    def create_database(self) -> None:
        """Make sure that the database exists. Raises StoreUnavailable."""
        self._ask("POST", influxql.create_database(self._database), influxql.count_of)

    def _ask(self, method: str, question: str, read: Callable[[object], _Answer]) -> _Answer:
        parameters = {"db": self._database, "epoch": "u", "q": question}
        response = send(self._client, self._client.build_request(method, "/query", params=parameters))
        try:
            return read(response.json())
        except ValueError as wrong:  # not JSON, or not an answer
            raise StoreUnavailable(f"the store answered {response.status_code}: {short(str(wrong))}") from wrong


def _words(wrong: httpx.HTTPError) -> str:
    return short(str(wrong)) or type(wrong).__name__
