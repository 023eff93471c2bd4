"""The embedded store's file: its tables, and what to do with a file that is older, newer, or none of ours.

    point ──── due: hours of series that changed ───► five_minutes ──► hours
      │            since they were rolled up             │               │
      └ kept raw_days, then gone: state 'raw_from'       └ 2 years       └ 10 years     late ─► both, a day later

Points are clustered by hour, so that a write touches the newest pages only and a room's day is read from few places:
this key takes ten times as many points a second as (series, time) does. Windows are clustered by day and by 30 days.
"""

import sqlite3

from cloud_ingest.store import StoreUnavailable, WrongStore
from cloud_ingest.wal import write_ahead
from cloud_ingest.windows import DAY_US, HOUR_US

VERSION = 2
MONTH_US = 30 * DAY_US

_POINTS = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    school TEXT NOT NULL, room TEXT NOT NULL, measurement TEXT NOT NULL,
    device TEXT NOT NULL, role TEXT NOT NULL, metric TEXT NOT NULL,
    UNIQUE (school, room, measurement, device, role, metric));
CREATE TABLE point (
    hour INTEGER NOT NULL, series INTEGER NOT NULL, time INTEGER NOT NULL, value NOT NULL, simulated INTEGER NOT NULL,
    PRIMARY KEY (hour, series, time)) WITHOUT ROWID;
CREATE TABLE latest (
    series INTEGER PRIMARY KEY, time INTEGER NOT NULL, value NOT NULL, simulated INTEGER NOT NULL);
"""
_WINDOW = (
    "start INTEGER NOT NULL, count INTEGER NOT NULL, total, minimum, maximum, last NOT NULL, last_time INTEGER NOT NULL"
)
_ROLLUPS = f"""
CREATE TABLE five_minutes (
    day INTEGER NOT NULL, series INTEGER NOT NULL, {_WINDOW}, PRIMARY KEY (day, series, start)) WITHOUT ROWID;
CREATE TABLE hours (
    month INTEGER NOT NULL, series INTEGER NOT NULL, {_WINDOW}, PRIMARY KEY (month, series, start)) WITHOUT ROWID;
CREATE TABLE due (hour INTEGER NOT NULL, series INTEGER NOT NULL, PRIMARY KEY (series, hour)) WITHOUT ROWID;
CREATE INDEX due_by_hour ON due (hour);
CREATE TABLE late (
    hour INTEGER NOT NULL, series INTEGER NOT NULL, time INTEGER NOT NULL, value NOT NULL, simulated INTEGER NOT NULL,
    came INTEGER NOT NULL, PRIMARY KEY (series, hour, time)) WITHOUT ROWID;
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX series_by_metric ON series (metric);
INSERT INTO state (name, value) VALUES ('raw_from', 0);
"""
_FROM_1 = f"{_ROLLUPS} INSERT INTO due (hour, series) SELECT DISTINCT hour, series FROM point;"


def hour_of(time_us: int) -> int:
    return time_us // HOUR_US


def prepare(connection: sqlite3.Connection, name: str, *, create: bool) -> None:
    """Settings and tables. Raises WrongStore, StoreUnavailable; nothing is changed then."""
    version, tables = _what_it_is(connection, name)
    if version not in (0, 1, VERSION):
        raise WrongStore(f"{name} has version {version}; this lophoc knows {VERSION}")
    if version == 0 and tables:
        raise WrongStore(f"{name} is the database of something else")
    if version == 0 and not create:
        raise StoreUnavailable(f"{name} is empty")
    if version == 1 and not create:
        raise StoreUnavailable(f"{name} has version 1: lophoc ingest brings it to {VERSION} when it opens it")
    connection.execute("PRAGMA cache_size = -32000")
    if not create:
        return
    write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")  # NORMAL would lose acknowledged points in a power cut
    connection.execute("BEGIN IMMEDIATE")  # another process may be making the tables just now: look again
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            script = _POINTS + _ROLLUPS if version == 0 else _FROM_1
            for statement in script.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _what_it_is(connection: sqlite3.Connection, name: str) -> tuple[int, int]:
    """Its version and how many tables it has, before anything is changed. Raises WrongStore."""
    try:
        connection.execute("BEGIN")  # both of one moment
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as wrong:
        if wrong.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise WrongStore(f"{name} is not a SQLite file: {wrong}") from wrong
        raise
    return int(version), int(tables)
