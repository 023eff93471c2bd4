"""What the embedded store does when nobody waits for it: windows of points, and letting go of what was taken over.

Each step is one short transaction, so a kill at any moment leaves either all of it or nothing. An hour of a series is
rolled up once it has ended; a point that comes later makes it due again. Only hours that nothing is due in are let go,
and with them goes the right to compute them anew: what comes for them after that (`late`) is added a day later, when
its gateway has long had our ack and does not send it again.
"""

import sqlite3

from cloud_ingest.sqlite_keeping import Keeping
from cloud_ingest.sqlite_schema import MONTH_US, hour_of
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, HOUR_US, MINUTE_US

SERIES_A_STEP = 100
"""Points of an hour each: a step is some hundredths of a second, in which nothing else can be written."""
ROWS_A_STEP = 10_000
_ENDED_US = 2 * MINUTE_US
"""How long after its end an hour is left alone: live points are still under way."""
_LATE_US = DAY_US

_NUMBER = "CASE WHEN typeof(value) <> 'text' THEN value END"
_SUMS = (
    f"count(*) AS n, sum(CAST({_NUMBER} AS REAL)) AS total, min({_NUMBER}) AS least, max({_NUMBER}) AS most, "
    "max(time) AS newest"
)


def _windows_of(table: str, window_us: int, key_us: int) -> str:
    """Rows for a table of windows, of the points that `table` has of one series in one hour."""
    return f"""
    SELECT start / {key_us}, :series, start, n, total, CAST(least AS REAL), CAST(most AS REAL),
        (SELECT value FROM {table} WHERE hour = :hour AND series = :series AND time = newest), newest
    FROM (SELECT time / {window_us} * {window_us} AS start, {_SUMS} FROM {table}
        WHERE hour = :hour AND series = :series GROUP BY time / {window_us})"""


_COLUMNS = "series, start, count, total, minimum, maximum, last, last_time"
_ADD = """
ON CONFLICT DO UPDATE SET count = count + excluded.count,
    total = coalesce(total + excluded.total, total, excluded.total),
    minimum = coalesce(min(minimum, excluded.minimum), minimum, excluded.minimum),
    maximum = coalesce(max(maximum, excluded.maximum), maximum, excluded.maximum),
    last = CASE WHEN excluded.last_time >= last_time THEN excluded.last ELSE last END,
    last_time = max(last_time, excluded.last_time)"""
_TWELVE = (
    f"day = :hour * {HOUR_US} / {DAY_US} AND series = :series "
    f"AND start >= :hour * {HOUR_US} AND start < (:hour + 1) * {HOUR_US}"
)
_FIVE_MINUTES = f"INSERT OR REPLACE INTO five_minutes (day, {_COLUMNS}) " + _windows_of(
    "point", FIVE_MINUTES_US, DAY_US
)
# Of the twelve windows that have just been made, which are read sooner than the points are again.
_HOURS = f"""
INSERT OR REPLACE INTO hours (month, {_COLUMNS})
SELECT :hour * {HOUR_US} / {MONTH_US}, :series, :hour * {HOUR_US}, sum(count), sum(total), min(minimum), max(maximum),
    (SELECT last FROM five_minutes WHERE {_TWELVE} ORDER BY start DESC LIMIT 1), max(last_time)
FROM five_minutes WHERE {_TWELVE}"""
# "WHERE true", or SQLite takes ON CONFLICT for the condition of a join.
_LATE_FIVE_MINUTES = (
    f"INSERT INTO five_minutes (day, {_COLUMNS}) SELECT * FROM ({_windows_of('late', FIVE_MINUTES_US, DAY_US)}) "
    f"WHERE true {_ADD}"
)
_LATE_HOURS = (
    f"INSERT INTO hours (month, {_COLUMNS}) SELECT * FROM ({_windows_of('late', HOUR_US, MONTH_US)}) WHERE true {_ADD}"
)


def roll_up(connection: sqlite3.Connection, now_us: int) -> set[tuple[int, int]]:
    """A step, inside a transaction of the caller's: of which series and hours, which are due no longer."""
    ended = hour_of(now_us - _ENDED_US)
    find = "SELECT hour, series FROM due WHERE hour < ? ORDER BY hour LIMIT ?"
    due = [{"hour": h, "series": s} for h, s in connection.execute(find, (ended, SERIES_A_STEP))]
    connection.executemany(_FIVE_MINUTES, due)
    connection.executemany(_HOURS, due)
    connection.executemany("DELETE FROM due WHERE hour = :hour AND series = :series", due)
    return {(mark["series"], mark["hour"]) for mark in due}


def let_go(connection: sqlite3.Connection, keeping: Keeping, now_us: int) -> bool:
    """A step when nothing is to be rolled up; False if there is nothing to do now."""
    return _add_late(connection, now_us) or _let_go_of_old(connection, keeping, now_us)


def _add_late(connection: sqlite3.Connection, now_us: int) -> bool:
    find = "SELECT hour, series FROM late GROUP BY series, hour HAVING max(came) < ? LIMIT ?"
    late = [{"hour": h, "series": s} for h, s in connection.execute(find, (now_us - _LATE_US, SERIES_A_STEP))]
    connection.executemany(_LATE_FIVE_MINUTES, late)
    connection.executemany(_LATE_HOURS, late)
    connection.executemany("DELETE FROM late WHERE hour = :hour AND series = :series", late)
    return bool(late)


def _let_go_of_old(connection: sqlite3.Connection, keeping: Keeping, now_us: int) -> bool:
    """Old by our clock and by the points', so that neither a wrong clock here nor one in a room deletes anything."""
    newest = connection.execute("SELECT max(hour) FROM point").fetchone()[0]
    if newest is None:
        return False
    now_us = min(now_us, (newest + 1) * HOUR_US)
    return (
        _let_go_of_points(connection, hour_of(keeping.raw_from_us(now_us)))
        or _let_go(connection, "five_minutes", "day", keeping.five_minutes_from_us(now_us) // DAY_US)
        or _let_go(connection, "hours", "month", keeping.hours_from_us(now_us) // MONTH_US)
    )


def _let_go_of_points(connection: sqlite3.Connection, wanted_from: int) -> bool:
    """First say that the windows count from now on; readers and writers see that at once. Then delete the points."""
    raw_from: int = connection.execute("SELECT value FROM state WHERE name = 'raw_from'").fetchone()[0]
    oldest_due = connection.execute("SELECT min(hour) FROM due").fetchone()[0]
    allowed = wanted_from if oldest_due is None else min(wanted_from, oldest_due)
    if allowed > raw_from:
        connection.execute("UPDATE state SET value = ? WHERE name = 'raw_from'", (allowed,))
        return True
    oldest = connection.execute("SELECT min(hour) FROM point").fetchone()[0]
    if oldest is None or oldest >= raw_from:
        return False
    connection.execute(
        "DELETE FROM point WHERE (hour, series, time) IN (SELECT hour, series, time FROM point WHERE hour = ? LIMIT ?)",
        (oldest, ROWS_A_STEP),
    )
    return True


def _let_go(connection: sqlite3.Connection, table: str, key: str, wanted_from: int) -> bool:
    oldest = connection.execute(f"SELECT min({key}) FROM {table}").fetchone()[0]
    if oldest is None or oldest >= wanted_from:
        return False
    connection.execute(
        f"DELETE FROM {table} WHERE ({key}, series, start) IN "
        f"(SELECT {key}, series, start FROM {table} WHERE {key} = ? LIMIT ?)",
        (oldest, ROWS_A_STEP),
    )
    return True
