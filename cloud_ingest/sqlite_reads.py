"""What is asked of the embedded store. Each hour of a series is read from where it is whole:

hour                        | its points are | its windows are
let go of (before raw_from) | late ones only | whole, but for the late ones: both are added up
due                         | whole          | old or missing: points alone count
else                        | whole          | whole: they are read, since they are few
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.sqlite_schema import MONTH_US, hour_of
from cloud_ingest.store import Sample, SchoolTotals, Stored
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, HOUR_US, Span, Window, mean, number, regrouped

_NAMES = "school = ? AND room = ? AND measurement = ? AND device = ? AND role = ? AND metric = ?"
_LATEST = """
SELECT measurement, device, role, metric, value, time, simulated, room
FROM series JOIN latest ON latest.series = series.id
WHERE school = :school AND (:room IS NULL OR room = :room) AND time >= :since
ORDER BY room, measurement, device, metric, role
"""
# Hours are few: stepping from one to the next by the key costs less than reading every point of every series.
_COUNT = """
WITH RECURSIVE hours_of(hour) AS (
    SELECT min(hour) FROM point WHERE hour >= max(:hour, :raw_from)
    UNION ALL
    SELECT (SELECT min(hour) FROM point WHERE point.hour > hours_of.hour) FROM hours_of WHERE hour IS NOT NULL)
SELECT count(*) FROM hours_of
CROSS JOIN series ON series.school = :school AND (:room IS NULL OR series.room = :room)
CROSS JOIN point ON point.hour = hours_of.hour AND point.series = series.id AND point.time >= :since
"""
_COUNT_LATE = """
SELECT count(*) FROM late JOIN series ON series.id = late.series
WHERE school = :school AND (:room IS NULL OR room = :room) AND late.time >= :since
"""
_COUNT_HOURS = """
SELECT coalesce(sum(hours.count), 0) FROM hours JOIN series ON series.id = hours.series
WHERE school = :school AND (:room IS NULL OR room = :room) AND start >= :hour * 3600000000
    AND start < :raw_from * 3600000000
"""
_LEVELS = (("hours", "month", HOUR_US, MONTH_US), ("five_minutes", "day", FIVE_MINUTES_US, DAY_US))

_Sum = tuple[int, float | None, int]
"""How many points, their sum, and the time of the last."""


def series_id(connection: sqlite3.Connection, school: str, of: Series) -> int | None:
    names = (school, of.room, of.measurement.value, of.device, of.role, of.metric)
    row = connection.execute(f"SELECT id FROM series WHERE {_NAMES}", names).fetchone()
    return None if row is None else int(row[0])


def latest(connection: sqlite3.Connection, school: str, room: str | None, since_us: int) -> list[Stored]:
    asked = {"school": school, "room": room, "since": since_us}
    return [
        Stored(Measurement(measurement), device, role, metric, _value(value), time_us, bool(simulated), of_room)
        for measurement, device, role, metric, value, time_us, simulated, of_room in connection.execute(_LATEST, asked)
    ]


def count(connection: sqlite3.Connection, school: str, room: str | None, since_us: int) -> int:
    raw_from = _raw_from(connection)
    hour = hour_of(since_us)
    asked = {"school": school, "room": room, "since": since_us, "hour": hour, "raw_from": raw_from}
    questions = (_COUNT, _COUNT_LATE, _COUNT_HOURS) if hour < raw_from else (_COUNT,)
    return sum(int(connection.execute(question, asked).fetchone()[0]) for question in questions)


def points(connection: sqlite3.Connection, school: str, of: Series, span: Span, limit: int) -> list[Sample]:
    found: list[Sample] = []
    series = series_id(connection, school, of)
    if series is None:
        return found
    raw_from = _raw_from(connection)
    columns = "SELECT time, value, simulated FROM"
    late = f"{columns} late WHERE series = ? AND time >= ? AND time < ? ORDER BY hour, time LIMIT ?"
    rows = connection.execute(late, (series, span.since_us, span.until_us, limit))
    found += [Sample(time_us, _value(value), bool(simulated)) for time_us, value, simulated in rows]
    for hour in _hours_with_points(connection, series, span, raw_from):
        if len(found) >= limit:
            break
        find = (
            "SELECT time, value, simulated FROM point WHERE hour = ? AND series = ? AND time >= ? AND time < ? "
            "ORDER BY time LIMIT ?"
        )
        rows = connection.execute(find, (hour, series, span.since_us, span.until_us, limit - len(found)))
        found += [Sample(time_us, _value(value), bool(simulated)) for time_us, value, simulated in rows]
    return found


def windows(connection: sqlite3.Connection, school: str, of: Series, span: Span, window_us: int) -> list[Window]:
    """`span` is in whole windows."""
    series = series_id(connection, school, of)
    if series is None:
        return []
    raw_from = _raw_from(connection)
    first, end = hour_of(span.since_us), hour_of(span.until_us - 1) + 1
    due = {hour for (hour,) in connection.execute(
        "SELECT hour FROM due WHERE series = ? AND hour >= ? AND hour < ?", (series, first, end))}  # fmt: skip
    found: list[tuple[Window, int]] = []
    level = next((level for level in _LEVELS if window_us % level[2] == 0), None)
    if level is not None:
        due = {hour for hour in due if hour >= raw_from}
        found += (one for one in _rolled(connection, level, series, span) if hour_of(one[0].start_us) not in due)
        raw_hours: Iterable[int] = sorted(due)
    else:  # shorter than any rollup; where the points are gone, what is left of them is shown
        before = Span(span.since_us, min(span.until_us, raw_from * HOUR_US))
        if before.since_us < before.until_us:
            found += _rolled(connection, _LEVELS[1], series, before)
        raw_hours = _hours_with_points(connection, series, span, raw_from)
    length_us = level[2] if level is not None else window_us
    for hour in raw_hours:
        found += _raw(connection, "point", series, hour, span, length_us)
    for (hour,) in connection.execute(
        "SELECT DISTINCT hour FROM late WHERE series = ? AND hour >= ? AND hour < ?", (series, first, end)
    ).fetchall():
        found += _raw(connection, "late", series, hour, span, length_us)
    found.sort(key=lambda one: (one[0].start_us // window_us, one[1]))
    return regrouped((window for window, _ in found), window_us)


def by_school(connection: sqlite3.Connection, metric: str, span: Span) -> list[SchoolTotals]:
    """`span` is in whole five minutes."""
    raw_from = _raw_from(connection)
    first, end = hour_of(span.since_us), hour_of(span.until_us - 1) + 1
    due: dict[int, list[int]] = defaultdict(list)
    for hour, series in connection.execute("SELECT hour, series FROM due WHERE hour >= ? AND hour < ?", (first, end)):
        if hour >= raw_from:
            due[series].append(hour)
    late = {series for (series,) in connection.execute("SELECT DISTINCT series FROM late")}
    found: dict[str, list[_Sum]] = defaultdict(list)
    for series, school in connection.execute("SELECT id, school FROM series WHERE metric = ?", (metric,)).fetchall():
        sums = [_sum(connection, level, series, part, due.get(series, [])) for level, part in _parts(span)]
        sums += [_sum_raw(connection, "point", series, hour, span) for hour in due.get(series, [])]
        if series in late:
            sums += [_sum_raw(connection, "late", series, hour, span) for hour in range(first, min(end, raw_from))]
        found[school] += [one for one in sums if one[0]]
    return [_totals(school, found[school]) for school in sorted(found) if found[school]]


def _totals(school: str, sums: list[_Sum]) -> SchoolTotals:
    count = sum(n for n, _, _ in sums)
    numbers = [total for _, total, _ in sums if total is not None]
    return SchoolTotals(school, count, mean(sum(numbers) if numbers else None, count), max(at for _, _, at in sums))


def _parts(span: Span) -> list[tuple[tuple[str, str, int, int], Span]]:
    """Whole hours from hours, the rest from five minutes."""
    whole = Span(-(-span.since_us // HOUR_US) * HOUR_US, span.until_us // HOUR_US * HOUR_US)
    if whole.since_us >= whole.until_us:
        return [(_LEVELS[1], span)]
    edges = (Span(span.since_us, whole.since_us), Span(whole.until_us, span.until_us))
    return [(_LEVELS[0], whole), *((_LEVELS[1], edge) for edge in edges if edge.since_us < edge.until_us)]


def _sum(
    connection: sqlite3.Connection, level: tuple[str, str, int, int], series: int, span: Span, but_hours: list[int]
) -> _Sum:
    table, key, _, key_us = level
    find = (
        f"SELECT coalesce(sum(count), 0), sum(total), max(last_time) FROM {table} "
        f"WHERE {key} IN ({_keys(span, key_us)}) AND series = ? AND start >= ? AND start < ? "
        f"AND start / {HOUR_US} NOT IN ({', '.join(map(str, but_hours))})"
    )
    count, total, last_us = connection.execute(find, (series, span.since_us, span.until_us)).fetchone()
    return count, total, last_us


def _sum_raw(connection: sqlite3.Connection, table: str, series: int, hour: int, span: Span) -> _Sum:
    find = (
        "SELECT count(*), sum(CASE WHEN typeof(value) <> 'text' THEN CAST(value AS REAL) END), max(time) "
        f"FROM {table} WHERE hour = ? AND series = ? AND time >= ? AND time < ?"
    )
    count, total, last_us = connection.execute(find, (hour, series, span.since_us, span.until_us)).fetchone()
    return count, total, last_us


def _keys(span: Span, key_us: int) -> str:
    """The days or months of a span: named one by one, so that each is one step in the table's key."""
    return ", ".join(str(number) for number in range(span.since_us // key_us, (span.until_us - 1) // key_us + 1))


def _raw_from(connection: sqlite3.Connection) -> int:
    """The first hour of which all points are there."""
    return int(connection.execute("SELECT value FROM state WHERE name = 'raw_from'").fetchone()[0])


def _hours_with_points(connection: sqlite3.Connection, series: int, span: Span, raw_from: int) -> Iterator[int]:
    """Of a series, in order, without visiting the hours in which the whole file has nothing."""
    hour = max(hour_of(span.since_us), raw_from)
    while True:
        row = connection.execute("SELECT min(hour) FROM point WHERE hour >= ?", (hour,)).fetchone()
        if row[0] is None or row[0] * HOUR_US >= span.until_us:
            return
        yield row[0]
        hour = row[0] + 1


def _rolled(
    connection: sqlite3.Connection, level: tuple[str, str, int, int], series: int, span: Span
) -> Iterator[tuple[Window, int]]:
    """Windows of a series from one of the tables."""
    table, key, _, key_us = level
    find = (
        f"SELECT start, count, total, minimum, maximum, last, last_time FROM {table} "
        f"WHERE {key} IN ({_keys(span, key_us)}) AND series = ? AND start >= ? AND start < ?"
    )
    for start_us, n, total, least, most, last, last_us in connection.execute(
        find, (series, span.since_us, span.until_us)
    ):
        yield Window(start_us, n, total, least, most, _value(last)), last_us


def _raw(
    connection: sqlite3.Connection, table: str, series: int, hour: int, span: Span, window_us: int
) -> Iterator[tuple[Window, int]]:
    """Windows of the points that one hour of a series has in `table`."""
    find = f"SELECT time, value FROM {table} WHERE hour = ? AND series = ? AND time >= ? AND time < ? ORDER BY time"
    values: list[Value] = []
    start_us, last_us = -1, 0
    for time_us, value in connection.execute(find, (hour, series, span.since_us, span.until_us)):
        if time_us // window_us * window_us != start_us:
            if values:
                yield _window(start_us, values), last_us
            start_us, values = time_us // window_us * window_us, []
        values.append(_value(value))
        last_us = time_us
    if values:
        yield _window(start_us, values), last_us


def _window(start_us: int, values: list[Value]) -> Window:
    numbers = [n for n in map(number, values) if n is not None]
    if not numbers:
        return Window(start_us, len(values), None, None, None, values[-1])
    return Window(start_us, len(values), sum(numbers), min(numbers), max(numbers), values[-1])


def _value(value: Value) -> Value:
    return bool(value) if isinstance(value, int) else value
