"""The few InfluxQL questions that the centre asks, and their answers as ours: pure.

InfluxQL over plain HTTP `/query` is the one way of reading that 1.x, 2.x (with a database mapping) and 3.x Core share.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.line_protocol import FIELDS
from cloud_ingest.store import Sample, SchoolTotals, Stored
from cloud_ingest.windows import Span, Window, mean

_Answer = TypeVar("_Answer")
_SUM = ', sum("value") AS total'
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


def by_school(metric: str, span: Span, *, sums: bool = True) -> str:
    of = f"FROM {_OURS} WHERE metric = {_text(metric)} AND {_within(span)}"
    totals = (
        f'SELECT count("value") AS n{_SUM if sums else ""}, count("flag") AS flags, count("text") AS texts '
        f"{of} GROUP BY school"
    )
    true = f'SELECT count("flag") AS "true" {of} AND "flag" = true GROUP BY school'
    newest = [f'SELECT last("{field}") AS "last" {of} GROUP BY school' for field in FIELDS]
    return "; ".join([totals, true, *newest])


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


@checked
def by_school_of(answer: object) -> list[SchoolTotals]:
    """The totals in the answer to `by_school`."""
    counts: dict[str, int] = {}
    sums: dict[str, float] = {}
    seen: dict[str, int] = {}
    for _, tags, row in rows(answer):
        school = str(tags["school"])
        counts[school] = counts.get(school, 0) + sum(int(row[name] or 0) for name in ("n", "flags", "texts"))
        if row["n"] or row["flags"]:
            sums[school] = sums.get(school, 0.0) + float(row.get("total", math.inf) or 0.0)
    for _, tags, row in rows(answer, 1):
        sums[str(tags["school"])] += int(row["true"])
    for statement in range(2, 2 + len(FIELDS)):
        for _, tags, row in rows(answer, statement):
            school = str(tags["school"])
            seen[school] = max(seen.get(school, 0), int(row["time"]))
    return [
        SchoolTotals(school, counts[school], mean(sums.get(school), counts[school]), seen[school])
        for school in sorted(counts)
    ]


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


def _within(span: Span) -> str:
    return f"time >= {span.since_us:d}u AND time < {span.until_us:d}u"


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _name(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
