"""The few InfluxQL questions that the centre asks, and their answers as ours: pure.

InfluxQL over plain HTTP `/query` is the one way of reading that 1.x, 2.x (with a database mapping) and 3.x Core share.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.line_protocol import FIELDS
from cloud_ingest.store import Sample, Stored
from cloud_ingest.windows import FIVE_MINUTES_US, HOUR_US, Span, Window

_Answer = TypeVar("_Answer")
_SUM = ', sum("value") AS total'
LEVELS = ((HOUR_US, "1h"), (FIVE_MINUTES_US, "5m"))
"""Length of a rolled up window, and what is added to its measurement's name."""
_OURS = ", ".join(f'"{measurement.value}"' for measurement in Measurement)


class NoAnswer(ValueError):
    """The text is not an answer to the question; it says why."""


def latest(school: str, room: str | None, since_us: int) -> str:
    fields = ", ".join(f'"{field}"' for field in (*FIELDS, "simulated"))
    return f"SELECT {fields} {_from(school, room, since_us)} GROUP BY * ORDER BY time DESC LIMIT 1"


def count(school: str, room: str | None, since_us: int) -> str:
    fields = ", ".join(f'count("{field}")' for field in FIELDS)
    return f"SELECT {fields} {_from(school, room, since_us)}"


def points(school: str, series: Series, span: Span, limit: int) -> str:
    fields = ", ".join(f'"{field}"' for field in (*FIELDS, "simulated"))
    return f"SELECT {fields} {_from_series(school, series, span)} ORDER BY time LIMIT {limit:d}"


def windows(school: str, series: Series, span: Span, window_us: int, *, sums: bool = True) -> str:
    """Two statements: there is no sum of flags, so those that are true are counted.

    Without `sums` if there is a sum that JSON cannot hold, which the store gives no answer for at all.
    """
    return _windows(_from_series(school, series, span), f"time({window_us:d}u)", sums)


def windows_of_all(school: str, span: Span, window_us: int, *, sums: bool = True) -> str:
    """As `windows`, for each series of a school."""
    bounds = f"school = {_text(school)} AND {_within(span)}"
    return _windows(f"FROM {_OURS} WHERE {bounds}", f"time({window_us:d}u), *", sums)


def school_sums(metric: str, span: Span, schools: Sequence[str] = (), *, sums: bool = True) -> str:
    """Of all schools, or of those named."""
    of = _of_metric(metric, span, schools)
    totals = (
        f'SELECT count("value") AS n{_SUM if sums else ""}, count("flag") AS flags, count("text") AS texts '
        f"{of} GROUP BY school"
    )
    true = f'SELECT count("flag") AS "true" {of} AND "flag" = true GROUP BY school'
    return "; ".join([totals, true, school_lasts(metric, span, schools)])


def school_lasts(metric: str, span: Span, schools: Sequence[str] = ()) -> str:
    """A statement for each kind of value."""
    of = _of_metric(metric, span, schools)
    return "; ".join(f'SELECT last("{field}") AS "last" {of} GROUP BY school' for field in FIELDS)


def totals_of_windows(metric: str, length_us: int, span: Span, *, sums: bool = True) -> str:
    """As `school_sums`, of the windows of `influx_rollups`, but for when the last point came."""
    total = ", sum(total) AS total" if sums else ""
    return (
        f'SELECT sum("count") AS n{total}, count(total) AS totals, count(minimum) AS minima '
        f"{_of_windows(metric, length_us, span)} GROUP BY school"
    )


def windows_starts(metric: str, length_us: int, span: Span) -> str:
    """When the last window of each school begins."""
    return f'SELECT last("count") AS "last" {_of_windows(metric, length_us, span)} GROUP BY school'


def schools_of(metric: str) -> str:
    return f"SHOW TAG VALUES WITH KEY = school WHERE metric = {_text(metric)}"


def is_there(name: str) -> str:
    """A question that costs nothing and fails if the database is missing (SHOW MEASUREMENTS would not)."""
    return f"SHOW RETENTION POLICIES ON {_name(name)}"


def create_database(name: str) -> str:
    return f"CREATE DATABASE {_name(name)}"


def checked(read: Callable[[object], _Answer]) -> Callable[[object], _Answer]:
    """Whatever comes instead of an answer is a NoAnswer."""

    @wraps(read)
    def read_checked(answer: object) -> _Answer:
        try:
            return read(answer)
        except NoAnswer:
            raise
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as wrong:
            raise NoAnswer(f"not an answer to InfluxQL: {type(wrong).__name__}") from wrong

    return read_checked


@checked
def latest_of(answer: object) -> list[Stored]:
    """The last points in the answer to `latest`. Raises NoAnswer, as all of these."""
    found = []
    for name, tags, row in rows(answer):
        value = value_of(row)
        if value is None:
            continue
        device, role, metric, room = (str(tags.get(tag, "")) for tag in ("device", "role", "metric", "room"))
        simulated = row.get("simulated") is True
        found.append(Stored(Measurement(name), device, role, metric, value, int(row["time"]), simulated, room))
    return sorted(found, key=lambda s: (s.room, s.measurement, s.device, s.metric, s.role))


@checked
def count_of(answer: object) -> int:
    """The number in the answer to `count`."""
    return sum(int(value) for _, _, row in rows(answer) for name, value in row.items() if name != "time" and value)


@checked
def points_of(answer: object) -> list[Sample]:
    """The points in the answer to `points`."""
    found = ((int(row["time"]), value_of(row), row.get("simulated") is True) for _, _, row in rows(answer))
    return [Sample(time_us, value, simulated) for time_us, value, simulated in found if value is not None]


@checked
def windows_of(answer: object) -> list[Window]:
    """The windows in the answer to `windows`."""
    true = {int(row["time"]): int(row["true"]) for _, _, row in rows(answer, 1)}
    return [_window(row, true.get(int(row["time"]), 0)) for _, _, row in rows(answer)]


@checked
def windows_of_all_of(answer: object) -> list[tuple[Series, list[Window]]]:
    """The windows of each series in the answer to `windows_of_all`."""
    true = {(_series(name, tags), int(row["time"])): int(row["true"]) for name, tags, row in rows(answer, 1)}
    found: dict[Series, list[Window]] = {}
    for name, tags, row in rows(answer):
        series = _series(name, tags)
        found.setdefault(series, []).append(_window(row, true.get((series, int(row["time"])), 0)))
    return [*found.items()]


class SchoolSum(NamedTuple):
    """What one school has of one metric."""

    points: int
    total: float | None
    """None of texts, infinite if it is more than a float can hold."""
    last_us: int

    def plus(self, other: "SchoolSum") -> "SchoolSum":
        numbers = [one.total for one in (self, other) if one.total is not None]
        return SchoolSum(
            self.points + other.points, sum(numbers) if numbers else None, max(self.last_us, other.last_us)
        )


@checked
def school_sums_of(answer: object) -> dict[str, SchoolSum]:
    """The answer to `school_sums` or `totals_of_windows`."""
    found: dict[str, SchoolSum] = {}
    for _, tags, row in rows(answer):
        school = str(tags["school"])
        one = SchoolSum(sum(int(row.get(name) or 0) for name in ("n", "flags", "texts")), _total(row), -1)
        found[school] = one.plus(found[school]) if school in found else one
    statements = len(cast("Any", answer)["results"])
    if statements > 1:
        for _, tags, row in rows(answer, 1):
            school = str(tags["school"])
            found[school] = found[school].plus(SchoolSum(0, float(int(row["true"])), -1))
    for school, at_us in _starts(answer, range(2, statements)).items():
        found[school] = found[school]._replace(last_us=at_us)
    return found


@checked
def starts_of(answer: object) -> dict[str, int]:
    """The times in the answer to `school_lasts` or `windows_starts`: the latest of each school."""
    return _starts(answer, range(len(cast("Any", answer)["results"])))


@checked
def school_names_of(answer: object) -> list[str]:
    """The schools in the answer to `schools_of`."""
    if error := error_of(answer):
        raise NoAnswer(error)
    series = cast("Any", answer)["results"][0].get("series", [])
    return sorted({str(value) for one in series for _, value in one["values"]})


def _starts(answer: object, statements: range) -> dict[str, int]:
    found: dict[str, int] = {}
    for statement in statements:
        for _, tags, row in rows(answer, statement):
            school = str(tags["school"])
            found[school] = max(found.get(school, -1), int(row["time"]))
    return found


def _total(row: Mapping[str, Any]) -> float | None:
    if "minima" in row:  # a window's total that no line could hold is missing
        if not row["minima"]:
            return None
        return float(row["total"]) if row["totals"] == row["minima"] and "total" in row else math.inf
    if not (row["n"] or row["flags"]):
        return None
    return float(row.get("total", math.inf) or 0.0) if row["n"] else 0.0


def error_of(answer: object) -> str:
    """What went wrong, in the store's words; empty if nothing did."""
    match answer:
        case {"error": str(error)}:
            return error
        case {"results": [*results]}:
            return next((str(result["error"]) for result in results if type(result) is dict and "error" in result), "")
    return ""


def rows(answer: object, statement: int = 0) -> Iterator[tuple[str, Mapping[str, Any], dict[str, Any]]]:
    """Each row of one statement's answer with the name and tags of its series, as column to value. Raises NoAnswer."""
    if error := error_of(answer):
        raise NoAnswer(error)
    match answer:
        case {"results": [*results]} if len(results) > statement and type(results[statement]) is dict:
            pass
        case _:
            raise NoAnswer("not an answer to InfluxQL")
    for series in results[statement].get("series", []):
        match series:
            case {"name": str(name), "columns": ["time", *_] as columns, "values": list(values)}:
                for row in values:
                    yield name, series.get("tags") or {}, dict(zip(columns, row, strict=True))
            case _:  # VictoriaMetrics answers every question with a list of databases
                raise NoAnswer(
                    "not an answer to InfluxQL; VictoriaMetrics does not speak it: write victoria://host:port"
                )


def value_of(row: Mapping[str, Any], prefix: str = "") -> Value | None:
    value, flag, text = (row.get(prefix + field) for field in FIELDS)
    if value is not None:
        return float(value)
    return cast("Value | None", flag if flag is not None else text)


def _window(row: Mapping[str, Any], true: int) -> Window:
    start_us = int(row["time"])
    last = value_of(row, "last_")
    if last is None:
        raise ValueError("a window has a last value")
    if row["values"]:
        numbers = (float(row.get("total", math.inf)), float(row["least"]), float(row["most"]))
        return Window(start_us, int(row["values"]), *numbers, last)
    if row["flags"]:
        flags = int(row["flags"])
        return Window(start_us, flags, float(true), float(true == flags), float(true > 0), last)
    return Window(start_us, int(row["texts"]), None, None, None, last)


def _series(name: str, tags: Mapping[str, Any]) -> Series:
    return Series(Measurement(name), *(str(tags[tag]) for tag in ("room", "device", "role", "metric")))


def _windows(source: str, group: str, sums: bool) -> str:
    return (
        f'SELECT count("value") AS "values"{_SUM if sums else ""}, min("value") AS least, max("value") AS most, '
        'count("flag") AS flags, count("text") AS texts, '
        'last("value") AS last_value, last("flag") AS last_flag, last("text") AS last_text '
        f"{source} GROUP BY {group} fill(none); "
        f'SELECT count("flag") AS "true" {source} AND "flag" = true GROUP BY {group} fill(none)'
    )


def _from(school: str, room: str | None, since_us: int) -> str:
    place = f"school = {_text(school)}" + ("" if room is None else f" AND room = {_text(room)}")
    return f"FROM {_OURS} WHERE {place} AND time >= {since_us:d}u"


def _from_series(school: str, series: Series, span: Span) -> str:
    return f"FROM {_name(series.measurement.value)} WHERE {of_series(school, series)} AND {_within(span)}"


def of_series(school: str, series: Series) -> str:
    """The tags of one series as a condition."""
    tags = {"school": school, "room": series.room, "device": series.device, "role": series.role}
    return " AND ".join(f"{tag} = {_text(text)}" for tag, text in (*tags.items(), ("metric", series.metric)))


def _of_metric(metric: str, span: Span, schools: Sequence[str]) -> str:
    named = " OR ".join(f"school = {_text(school)}" for school in schools)
    return f"FROM {_OURS} WHERE metric = {_text(metric)} AND {_within(span)}{f' AND ({named})' if named else ''}"


def _of_windows(metric: str, length_us: int, span: Span) -> str:
    suffix = dict(LEVELS)[length_us]
    measurements = ", ".join(f'"{measurement.value}_{suffix}"' for measurement in Measurement)
    return f"FROM {measurements} WHERE metric = {_text(metric)} AND {_within(span)}"


def _within(span: Span) -> str:
    return f"time >= {span.since_us:d}u AND time < {span.until_us:d}u"


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _name(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
