"""VictoriaMetrics (made against 1.79.5, the version in Debian 12): written as InfluxDB 2.x is, read by MetricsQL.

It has to be started with `-dedup.minScrapeInterval=1ms`, or a batch that is sent twice is counted twice, and with
`-search.latencyOffset=1s`, or the newest half minute is not shown. Its answers need no rollups: it reads a year of
points in the time that others take for a year of hours.
"""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import httpx

from classroom_profiles.telemetry import Series
from cloud_ingest import promql
from cloud_ingest.influx_http import client_of, send, short
from cloud_ingest.line_protocol import body
from cloud_ingest.store import Portion, Sample, SchoolTotals, Stored, StoreUnavailable, WrongStore, wall_us
from cloud_ingest.victoria_lines import FIRST_US, Limits, written
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, HOUR_US, Span, Window, asked

_FLAG = re.compile(r'^flag\{name="(retentionPeriod|dedup\.minScrapeInterval)", value="([^"]*)"', re.MULTILINE)
_STARTED = re.compile(r"^vm_app_start_timestamp (\S+)", re.MULTILINE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)?")
_UNITS_US = {"ms": 1000, "s": 10**6, "m": 60 * 10**6, "h": HOUR_US, "d": DAY_US, "w": 7 * DAY_US, "y": 365 * DAY_US}
_MONTH_US = 31 * DAY_US  # a retention without a unit is in months of 31 days
_LOOKS_US = (HOUR_US, DAY_US, 30 * DAY_US)
_AHEAD_US = 2 * DAY_US

_Answer = TypeVar("_Answer")


class VictoriaStore:
    """Numbers have 15 digits and times are milliseconds there. Its 204 came up to 12 s before a kill does no harm."""

    writers = 2
    points_per_write = 10_000
    durable_after_s = 12.0

    def __init__(self, origin: str, clock_us: Callable[[], int] = wall_us) -> None:
        self._client = client_of(origin)
        self._clock_us = clock_us
        self._retention_us: int | None = None

    def open(self, *, create: bool = True) -> None:
        """Raises WrongStore if it was started so that it would count replays twice."""
        response = send(self._client, self._client.build_request("GET", "/metrics"))
        flags = dict(_FLAG.findall(response.text))
        interval = flags.get("dedup.minScrapeInterval")
        if interval is not None and not 0 < _duration_us(interval, 1000) <= 1000:
            raise WrongStore(f"start VictoriaMetrics with -dedup.minScrapeInterval=1ms (it has {interval})")
        if "retentionPeriod" in flags:
            self._retention_us = _duration_us(flags["retentionPeriod"], _MONTH_US)

    def close(self) -> None:
        self._client.close()

    def write(self, portions: Sequence[Portion]) -> list[int]:
        found, refused = written(portions, Limits.at(self._clock_us(), self._retention_us))
        if found:
            self._send("POST", "/api/v2/write", {"precision": "us"}, body(found))
        return refused

    def era(self) -> str:
        """When it was started: what it took just before that may be gone. Raises StoreUnavailable."""
        started = _STARTED.search(self._send("GET", "/metrics", {}).text)
        return started[1] if started else ""

    def tend(self, now_us: int) -> bool:
        """Nothing to do."""
        return False

    def latest(self, school: str, room: str | None = None, since_us: int = 0) -> list[Stored]:
        """Looks back an hour first, and further for those that were silent: all of a long time takes long to read."""
        until_us = self._clock_us() + _AHEAD_US
        first_us = max(since_us, FIRST_US)
        wanted = self._ask(
            "/api/v1/series", _series_asked(promql.of(school, room), first_us, until_us), promql.series_of
        )
        found: dict[Series, Stored] = {}
        for look_us in (*_LOOKS_US, until_us):
            missing = wanted - found.keys()
            if not missing:
                break
            span = Span(max(first_us, until_us - _AHEAD_US - look_us), until_us)
            devices = {series.device for series in missing}
            for stored in self._query(promql.latest(promql.of(school, room, devices), span), promql.latest_of):
                found[_series_of(stored)] = stored
        return sorted(found.values(), key=lambda s: (s.room, s.measurement, s.device, s.metric, s.role))

    def points(self, school: str, series: Series, span: Span, limit: int = 10_000) -> list[Sample]:
        """A little at first, then more at a time: nobody says beforehand how many there are."""
        found: list[Sample] = []
        selector = promql.of_series(school, series)
        start_us, step_us = span.since_us, HOUR_US
        while start_us < span.until_us and len(found) < limit:
            end_us = min(start_us + step_us, span.until_us)
            asked_for: promql.Parameters = {
                "match[]": selector, "start": f"{start_us / 1e6:.3f}", "end": f"{end_us / 1e6 - 0.001:.3f}"
            }  # fmt: skip
            some = promql.exported(self._send("GET", "/api/v1/export", asked_for).text)
            found += some
            start_us = end_us
            step_us *= 2 if len(some) < limit // 4 else 1
        return found[:limit]

    def windows(self, school: str, series: Series, span: Span, window_us: int) -> list[Window]:
        whole = asked(span, window_us)
        question = promql.windows(school, series, whole, window_us)
        return self._ask("/api/v1/query_range", question, lambda answer: promql.windows_of(answer, window_us))

    def by_school(self, metric: str, span: Span) -> list[SchoolTotals]:
        whole = span.widened(FIVE_MINUTES_US)
        answers = [self._query(question, lambda answer: answer) for question in promql.by_school(metric, whole)]
        return _said(lambda: promql.by_school_of(*answers))

    def count(self, school: str, room: str | None = None, since_us: int = 0) -> int:
        span = Span(max(since_us, FIRST_US), self._clock_us() + _AHEAD_US)
        return self._query(promql.count(promql.of(school, room), span), promql.count_of)

    def _query(self, question: promql.Parameters, read: Callable[[object], _Answer]) -> _Answer:
        return self._ask("/api/v1/query", question, read)

    def _ask(self, path: str, question: promql.Parameters, read: Callable[[object], _Answer]) -> _Answer:
        response = self._send("POST", path, question)
        return _said(lambda: read(response.json()))

    def _send(
        self, method: str, path: str, parameters: promql.Parameters, content: bytes | None = None
    ) -> httpx.Response:
        """Raises StoreUnavailable."""
        response = send(self._client, self._client.build_request(method, path, params=parameters, content=content))
        if response.status_code not in (200, 204):
            raise StoreUnavailable(f"the store answered {response.status_code}: {short(response.text)}")
        return response


def _series_asked(selector: str, first_us: int, until_us: int) -> promql.Parameters:
    return {"match[]": selector, "start": first_us // 10**6, "end": until_us // 10**6}


def _series_of(stored: Stored) -> Series:
    return Series(stored.measurement, stored.room, stored.device, stored.role, stored.metric)


def _said(read: Callable[[], _Answer]) -> _Answer:
    try:
        return read()
    except ValueError as wrong:  # not JSON, or not an answer
        raise StoreUnavailable(f"the store gave no answer: {short(str(wrong))}") from wrong


def _duration_us(text: str, unit_us: int) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise WrongStore(f"VictoriaMetrics says a duration of '{text}', which is not understood here")
    return round(float(match[1]) * (_UNITS_US[match[2]] if match[2] else unit_us))
