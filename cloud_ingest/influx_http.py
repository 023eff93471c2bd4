"""InfluxDB's `/query` over plain HTTP, the same in every version, and what its answers mean for the next step."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import httpx
import msgspec

from classroom_profiles.telemetry import Series
from cloud_ingest import influxql
from cloud_ingest.store import Sample, Stored, StoreUnavailable
from cloud_ingest.windows import Span, Window

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


class NotThere(StoreUnavailable):
    """No such database."""


class NoSum(StoreUnavailable):
    """A sum is more than a float can hold; InfluxDB then gives no answer at all."""


class InfluxQueries:
    """Reading one database."""

    def __init__(self, client: httpx.Client, database: str) -> None:
        self._client = client
        self._database = database

    def latest(self, school: str, room: str | None, since_us: int) -> list[Stored]:
        """Raises StoreUnavailable, as all of these."""
        return self.ask(influxql.latest(school, room, since_us), influxql.latest_of)

    def count(self, school: str, room: str | None, since_us: int) -> int:
        return self.ask(influxql.count(school, room, since_us), influxql.count_of)

    def points(self, school: str, series: Series, span: Span, limit: int) -> list[Sample]:
        return self.ask(influxql.points(school, series, span, limit), influxql.points_of)

    def windows(self, school: str, series: Series, span: Span, window_us: int) -> list[Window]:
        return self._with_sums(partial(influxql.windows, school, series, span, window_us), influxql.windows_of)

    def windows_of_all(self, school: str, span: Span, window_us: int) -> list[tuple[Series, list[Window]]]:
        return self._with_sums(partial(influxql.windows_of_all, school, span, window_us), influxql.windows_of_all_of)

    def school_sums(self, metric: str, span: Span, schools: Sequence[str] = ()) -> dict[str, influxql.SchoolSum]:
        """Of all schools, or of those named. All sums are infinite if one is more than a float can hold."""
        return self._with_sums(partial(influxql.school_sums, metric, span, schools), influxql.school_sums_of)

    def school_lasts(self, metric: str, span: Span, schools: Sequence[str] = ()) -> dict[str, int]:
        """When the last point came of each school, or of those named."""
        return self.ask(influxql.school_lasts(metric, span, schools), influxql.starts_of)

    def schools_of(self, metric: str) -> list[str]:
        """Those that have points of a metric, of whatever time."""
        return self.ask(influxql.schools_of(metric), influxql.school_names_of)

    def _with_sums(self, question: Callable[..., str], read: Callable[[object], _Answer]) -> _Answer:
        try:
            return self.ask(question(), read)
        except NoSum:
            return self.ask(question(sums=False), read)

    def is_there(self) -> bool:
        """True if the database exists. Raises StoreUnavailable."""
        return not self.ask(influxql.is_there(self._database), influxql.error_of)

    def create_database(self) -> None:
        """Make sure that the database exists. Raises StoreUnavailable."""
        self.ask(influxql.create_database(self._database), influxql.count_of, "POST")

    def ask(self, question: str, read: Callable[[object], _Answer], method: str = "GET") -> _Answer:
        """Raises StoreUnavailable; NotThere if the database is missing, NoSum."""
        parameters = {"db": self._database, "epoch": "u", "q": question}
        response = send(self._client, self._client.build_request(method, "/query", params=parameters))
        if b"unsupported value" in response.content[:300]:
            raise NoSum("a sum is more than a float can hold")
        try:
            return read(msgspec.json.decode(response.content))  # a year of hours in a third of the time
        except (ValueError, msgspec.DecodeError) as wrong:  # not JSON, or not an answer
            kind = NotThere if response.status_code == 404 or "not found" in str(wrong) else StoreUnavailable
            raise kind(f"the store answered {response.status_code}: {short(str(wrong))}") from wrong


def _words(wrong: httpx.HTTPError) -> str:
    return short(str(wrong)) or type(wrong).__name__
