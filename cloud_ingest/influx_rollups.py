"""Five-minute windows and hours beside InfluxDB's points, in a database of their own: `lophoc` has `lophoc_rollup`.

A worker marks an hour of a school as due before it writes points of it, and again every ten seconds for as long as it
does. Once the hour has ended and been quiet for a while, some worker reads it as windows, writes them, and marks it as
done at a moment well before it read. An hour is read from its windows if it was done after it was last due, and from
its points in every other case: late points, a missing database or a dead worker make reading slower, never wrong.
Workers on several machines need clocks that agree within ten seconds.
"""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice, takewhile
from math import inf, isfinite
from typing import Any

from classroom_profiles.telemetry import Series
from cloud_ingest import influx_totals
from cloud_ingest.influx_http import InfluxQueries, NoSum, NotThere
from cloud_ingest.influxql import LEVELS, NoAnswer, checked, error_of, of_series, rows, value_of
from cloud_ingest.line_protocol import body, checked_tag, number, prefix, quoted
from cloud_ingest.store import Portion, SchoolTotals
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, HOUR_US, MINUTE_US, Span, Window, regrouped

_AGAIN_US = 10_000_000
_SOON_US = 5_000_000
_ENDED_US = 2 * MINUTE_US
_QUIET_US = 40_000_000
_READ_AFTER_US = 30_000_000
_REMEMBERED_US = 35 * DAY_US
_GAP_HOURS = 60 * 24
_LINES = 10_000
_MOST_HOURS = 48
_PIECES = 16

_log = logging.getLogger("lophoc.ingest.store")


class InfluxRollups:
    """Of one database, for the store that writes to it and for readers."""

    def __init__(
        self, raw: InfluxQueries, rolled: InfluxQueries, post: Callable[[bytes], bool], clock_us: Callable[[], int]
    ) -> None:
        """`post` writes lines to the rollups' database; False if there is none. Raises StoreUnavailable."""
        self._raw, self._rolled, self._post, self._clock_us = raw, rolled, post, clock_us
        self._lock = threading.Lock()
        self._marked: dict[tuple[str, int], int] = {}
        self._touched: set[tuple[str, int]] = set()
        """Hours of schools that were written to since marks were last made."""
        self._due: dict[tuple[str, int], int] = {}
        self._ready: deque[tuple[str, list[int]]] = deque()
        self._stride = 1
        self._forgotten: list[str] | None = None
        """Schools whose hours may have been due when the last worker stopped; None: not asked yet."""
        self._missing = False

    def mark(self, portions: Sequence[Portion]) -> None:
        """Before `portions` are written. Raises StoreUnavailable."""
        touched: set[tuple[str, int]] = set()
        for portion in portions:
            hours = set()
            times_us: list[int] = []
            for run in portion.runs:
                if run.times_us is times_us:  # columns often share their times
                    continue
                times_us = run.times_us
                first, last = run.times_us[0] // HOUR_US, run.times_us[-1] // HOUR_US
                hours.add(first)
                if last != first:
                    hours.update(time_us // HOUR_US for time_us in run.times_us)
            touched.update((portion.school, hour) for hour in hours)
        now_us = self._clock_us()
        with self._lock:
            self._touched |= touched
            new: list[tuple[str, int]] = []
            if any(abs(now_us - self._marked.get(one, 0)) >= _AGAIN_US for one in touched):
                # The others' turn comes soon: with them, so that a city of schools costs no request a write.
                new = sorted(one for one in self._touched if abs(now_us - self._marked.get(one, 0)) >= _SOON_US)
                self._touched.clear()
        if not new or not self._write(_mark("rollup_due", school, hour, now_us) for school, hour in new):
            return
        with self._lock:
            if len(self._marked) > 100_000:
                self._marked = {one: at for one, at in self._marked.items() if at + _AGAIN_US > now_us}
            self._marked |= dict.fromkeys(new, now_us)
            self._due |= dict.fromkeys(new, now_us)

    def windows(self, school: str, series: Series, span: Span, window_us: int) -> list[Window]:
        """`span` is in whole windows. Raises StoreUnavailable."""
        level = next((level for level in LEVELS if window_us % level[0] == 0), None)
        if level is None:
            return self._raw.windows(school, series, span, window_us)
        try:
            pieces = _pieces(self._done(school, span), span)
            whole = _between(pieces, span)
            parts = self._windows(school, series, whole, window_us, level[1]) if whole else []
        except NotThere:
            pieces, whole, parts = [span], [], []
        found = [*zip(whole, parts, strict=True)]
        found += [(piece, self._raw.windows(school, series, piece, level[0])) for piece in pieces]
        found.sort(key=lambda part: part[0].since_us)
        return regrouped((window for _, windows in found for window in windows), window_us)

    def by_school(self, metric: str, span: Span) -> list[SchoolTotals]:
        """`span` is in whole five minutes. Raises StoreUnavailable."""

        def between(done: set[int]) -> tuple[list[Span], list[Span]]:
            pieces = _pieces(done, span)
            return pieces, _between(pieces, span)

        try:
            done = self._done_of_all(span)
            return influx_totals.by_school(self._raw, self._rolled, done, metric, between)
        except NotThere:
            return influx_totals.totals(self._raw.school_sums(metric, span))

    def tend(self, now_us: int) -> bool:
        """Roll up some hours in a row of one school; False if none is due now. Raises StoreUnavailable."""
        if self._forgotten is None:
            self._forgotten = self._schools()
        if self._forgotten:
            self._remember(self._forgotten.pop(), now_us)
            return True
        with self._lock:
            self._ready = self._ready or deque(self._rows_of_hours(now_us))
            if not self._ready:
                return False
            school, hours = self._ready.popleft()
            if len(hours) > self._stride:
                self._ready.appendleft((school, hours[self._stride :]))
            hours = [*takewhile(lambda hour: self._is_ready(school, hour, now_us), hours[: self._stride])]
            due = {hour: self._due[school, hour] for hour in hours}
        if hours and not self._done_among(school, hours):
            self._roll_up(school, hours, now_us)
        with self._lock:
            for hour, at_us in due.items():
                if self._due.get((school, hour)) == at_us:
                    del self._due[school, hour]
        return True

    def _rows_of_hours(self, now_us: int) -> Iterator[tuple[str, list[int]]]:
        """What can be rolled up now, as hours in a row of one school."""
        row: list[int] = []
        before = ("", -1)
        for school, hour in sorted(one for one in self._due if self._is_ready(*one, now_us)):
            if row and (school, hour) != (before[0], before[1] + 1):
                yield before[0], row
                row = []
            row.append(hour)
            before = (school, hour)
        if row:
            yield before[0], row

    def _is_ready(self, school: str, hour: int, now_us: int) -> bool:
        """It has ended, and is not written to any more."""
        at_us = self._due.get((school, hour))
        return at_us is not None and (hour + 1) * HOUR_US + _ENDED_US <= now_us and at_us + _QUIET_US <= now_us

    def _roll_up(self, school: str, hours: list[int], now_us: int) -> None:
        first, end = self._after_last_done(school, hours[0]), hours[-1] + 1
        found = self._raw.windows_of_all(school, Span(first * HOUR_US, end * HOUR_US), FIVE_MINUTES_US)
        lines = [line for series, windows in found for line in _lines(school, series, windows)]
        self._stride = min(_MOST_HOURS, self._stride * 2) if len(lines) < _LINES else max(1, self._stride // 2)
        done_us = now_us - _READ_AFTER_US
        self._write([*lines, *(_mark("rollup_done", school, hour, done_us) for hour in range(first, end))])

    def _write(self, lines: Iterable[str]) -> bool:
        """In their order: the marks of what is done come last."""
        waiting = iter(lines)
        while some := list(islice(waiting, _LINES)):
            if not self._post(body(some)):
                if not self._missing:
                    self._missing = True
                    _log.warning("there is no database or bucket for rollups: long charts are read from points")
                return False
        return True

    def _schools(self) -> list[str]:
        try:
            return self._rolled.ask("SHOW TAG VALUES FROM rollup_due WITH KEY = school", _tag_values_of)
        except NotThere:
            return []

    def _remember(self, school: str, now_us: int) -> None:
        """What was due when the last worker stopped."""
        due, done = self._marks(school, Span(now_us - _REMEMBERED_US, now_us + DAY_US))
        with self._lock:
            for hour, at_us in due.items():
                if done.get(hour, -1) <= at_us:
                    self._due.setdefault((school, hour), at_us)

    def _done(self, school: str, span: Span) -> set[int]:
        """The hours whose windows hold all of their points."""
        due, done = self._marks(school, span.widened(HOUR_US))
        return {hour for hour, at_us in done.items() if at_us > due.get(hour, -1)}

    def _done_of_all(self, span: Span) -> dict[str, set[int]]:
        """As `_done`, of each school that has such hours."""
        question = f"SELECT at FROM rollup_due, rollup_done WHERE {_within(span.widened(HOUR_US))} GROUP BY school"
        return self._rolled.ask(question, _done_of)

    def _done_among(self, school: str, hours: list[int]) -> bool:
        """True if another worker has done all of them."""
        try:
            return self._done(school, Span(hours[0] * HOUR_US, (hours[-1] + 1) * HOUR_US)).issuperset(hours)
        except NotThere:
            return False

    def _after_last_done(self, school: str, hour: int) -> int:
        """Where to begin, so that the hours in which a school had nothing are done too."""
        span = Span(max(0, hour - _GAP_HOURS) * HOUR_US, hour * HOUR_US)
        question = f"SELECT last(at) AS at FROM rollup_done WHERE school = '{checked_tag(school)}' AND {_within(span)}"
        try:
            _, done = self._rolled.ask(question, _marks_of)
        except NotThere:
            return hour
        return max((at + 1 for at in done), default=hour)

    def _marks(self, school: str, span: Span) -> tuple[dict[int, int], dict[int, int]]:
        """When each hour was last due, and done."""
        of = f"school = '{checked_tag(school)}' AND {_within(span)}"
        return self._rolled.ask(f"SELECT at FROM rollup_due, rollup_done WHERE {of}", _marks_of)

    def _windows(
        self, school: str, series: Series, spans: list[Span], window_us: int, suffix: str, *, sums: bool = True
    ) -> list[list[Window]]:
        """Of each span, made of shorter ones by the store itself."""
        total = ", sum(total) AS total" if sums else ""
        columns = (
            f'SELECT sum("count") AS "count"{total}, min(minimum) AS minimum, max(maximum) AS maximum, count(total) AS '
            "totals, count(minimum) AS minima, last(last_value) AS last_value, last(last_flag) AS last_flag, "
            f'last(last_text) AS last_text FROM "{series.measurement.value}_{suffix}" '
        )
        question = "; ".join(
            f"{columns} WHERE {of_series(school, series)} AND {_within(span)} GROUP BY time({window_us:d}u) fill(none)"
            for span in spans
        )
        try:
            return self._rolled.ask(question, partial(_windows_of, statements=len(spans)))
        except NoSum:
            return self._windows(school, series, spans, window_us, suffix, sums=False)


def rollup_name(database: str) -> str:
    return f"{database}_rollup"


def _pieces(done: set[int], span: Span) -> list[Span]:
    """What has to be read from points: the hours that are not done, the nearest joined until they are few."""
    pieces: list[list[int]] = []
    for start_us in span.starts(HOUR_US):
        if start_us // HOUR_US in done:
            continue
        if pieces and pieces[-1][1] == start_us:
            pieces[-1][1] = start_us + HOUR_US
        else:
            pieces.append([start_us, start_us + HOUR_US])
    while len(pieces) > _PIECES:
        nearest = min(range(len(pieces) - 1), key=lambda place: pieces[place + 1][0] - pieces[place][1])
        pieces[nearest : nearest + 2] = [[pieces[nearest][0], pieces[nearest + 1][1]]]
    return [Span(max(start, span.since_us), min(end, span.until_us)) for start, end in pieces]


def _between(pieces: list[Span], span: Span) -> list[Span]:
    """What is left of `span`."""
    edges = [span.since_us, *(edge for piece in pieces for edge in (piece.since_us, piece.until_us)), span.until_us]
    return [Span(since, until) for since, until in zip(edges[::2], edges[1::2], strict=True) if since < until]


def _mark(kind: str, school: str, hour: int, at_us: int) -> str:
    return f"{kind},school={checked_tag(school)} at={at_us}i {hour * HOUR_US}"


def _lines(school: str, series: Series, windows: list[Window]) -> list[str]:
    """Each level's windows as lines."""
    found = []
    for length_us, suffix in LEVELS:
        start = prefix(school, series).replace(",", f"_{suffix},", 1)
        found += [f"{start}{_fields(window)} {window.start_us}" for window in regrouped(windows, length_us)]
    return found


def _fields(window: Window) -> str:
    match window.last:
        case str():
            return f"count={window.count}i,last_text={quoted(window.last)}"
        case bool():
            last = f"last_flag={str(window.last).lower()}"
        case _:
            last = f"last_value={number(window.last)}"
    sums = {"total": window.total, "minimum": window.minimum, "maximum": window.maximum}
    numbers = ",".join(
        f"{name}={number(value)}" for name, value in sums.items() if value is not None and isfinite(value)
    )
    return f"count={window.count}i,{numbers},{last}"


@checked
def _marks_of(answer: object) -> tuple[dict[int, int], dict[int, int]]:
    found: dict[str, dict[int, int]] = {"rollup_due": {}, "rollup_done": {}}
    for name, _, row in rows(answer):
        found[name][int(row["time"]) // HOUR_US] = int(row["at"])
    return found["rollup_due"], found["rollup_done"]


@checked
def _done_of(answer: object) -> dict[str, set[int]]:
    marks: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
    for name, tags, row in rows(answer):
        marks[str(tags["school"])][name, int(row["time"]) // HOUR_US] = int(row["at"])
    return {
        school: {
            hour
            for (name, hour), at_us in of_one.items()
            if name == "rollup_done" and at_us > of_one.get(("rollup_due", hour), -1)
        }
        for school, of_one in marks.items()
    }


@checked
def _tag_values_of(answer: object) -> list[str]:
    match answer:
        case {"results": [{"series": [{"values": [*values]}]}]}:
            return [str(value) for _, value in values]
    if error := error_of(answer):
        raise NoAnswer(error)
    return []


def _windows_of(answer: object, statements: int) -> list[list[Window]]:
    return [[checked(_window)(row) for _, _, row in rows(answer, number)] for number in range(statements)]


def _window(row: Any) -> Window:
    last = value_of(row, "last_")
    if last is None:
        raise ValueError("a window has a last value")
    if not row["minima"]:
        return Window(int(row["time"]), int(row["count"]), None, None, None, last)
    # A total that no line could hold is missing.
    total = float(row["total"]) if row["totals"] == row["minima"] and "total" in row else inf
    return Window(int(row["time"]), int(row["count"]), total, float(row["minimum"]), float(row["maximum"]), last)


def _within(span: Span) -> str:
    return f"time >= {span.since_us:d}u AND time < {span.until_us:d}u"
