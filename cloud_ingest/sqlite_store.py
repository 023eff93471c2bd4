"""The embedded store: one SQLite file, no server, made for one school to a few hundred.

Points are clustered by hour, so that a write touches the newest pages only and a room's day is read from few places:
this key takes ten times as many points a second as (series, time) does.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Run
from cloud_ingest.store import Portion, Stored, StoreUnavailable, WrongStore

_HOUR_US = 3_600_000_000
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY,
    school TEXT NOT NULL, room TEXT NOT NULL, measurement TEXT NOT NULL,
    device TEXT NOT NULL, role TEXT NOT NULL, metric TEXT NOT NULL,
    UNIQUE (school, room, measurement, device, role, metric));
CREATE TABLE IF NOT EXISTS point (
    hour INTEGER NOT NULL, series INTEGER NOT NULL, time INTEGER NOT NULL, value NOT NULL, simulated INTEGER NOT NULL,
    PRIMARY KEY (hour, series, time)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest (
    series INTEGER PRIMARY KEY, time INTEGER NOT NULL, value NOT NULL, simulated INTEGER NOT NULL);
"""
_INSERT = "INSERT OR REPLACE INTO point (hour, series, time, value, simulated) VALUES (?, ?, ?, ?, ?)"
_LATEST = """
INSERT INTO latest (series, time, value, simulated) VALUES (?, ?, ?, ?)
ON CONFLICT (series) DO UPDATE SET time = excluded.time, value = excluded.value, simulated = excluded.simulated
WHERE excluded.time >= latest.time
"""
# Hours are few: stepping from one to the next by the key costs less than reading every point of every series.
_COUNT = """
WITH RECURSIVE hours(hour) AS (
    SELECT min(hour) FROM point WHERE hour >= :hour
    UNION ALL SELECT (SELECT min(hour) FROM point WHERE point.hour > hours.hour) FROM hours WHERE hour IS NOT NULL)
SELECT count(*) FROM hours
CROSS JOIN series ON series.school = :school AND (:room IS NULL OR series.room = :room)
CROSS JOIN point ON point.hour = hours.hour AND point.series = series.id AND point.time >= :since
"""
_ROOM = """
SELECT measurement, device, role, metric, value, time, simulated FROM series JOIN latest ON latest.series = series.id
WHERE school = ? AND room = ? AND time >= ? ORDER BY measurement, device, metric, role
"""

_Row = tuple[int, int, int, Value, bool]


class SqliteStore:
    """Flags are kept as SQLite integers, numbers as reals, texts as text: the column has no affinity of its own."""

    writers = 1
    points_per_write = 20_000
    durable_after_s = 0.0

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._connection: sqlite3.Connection | None = None
        self._ids: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def open(self, *, create: bool = True) -> None:
        if not self._path.parent.is_dir():
            raise WrongStore(f"no folder {self._path.parent} for the store's file")
        if not create and not self._path.is_file():
            raise StoreUnavailable(f"there is no file {self._path}")
        with self._lock, _translated():
            if self._connection is not None:
                return
            connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection, create=create)
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    def _prepare(self, connection: sqlite3.Connection, *, create: bool) -> None:
        version, tables = self._what_it_is(connection)
        if version not in (0, _VERSION):
            raise WrongStore(f"{self._path} has version {version}; this lophoc knows {_VERSION}")
        if version == 0 and tables:
            raise WrongStore(f"{self._path} is the database of something else")
        if version == 0 and not create:
            raise StoreUnavailable(f"{self._path} is empty")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # NORMAL would lose acknowledged points in a power cut
        connection.execute("PRAGMA cache_size = -32000")
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")

    def _what_it_is(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Its version and how many tables it has, before anything is changed. Raises WrongStore."""
        try:
            connection.execute("BEGIN")  # both of one moment: another process may be making the tables just now
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as wrong:
            if wrong.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise WrongStore(f"{self._path} is not a SQLite file: {wrong}") from wrong
            raise
        return int(version), int(tables)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._ids.clear()

    def write(self, portions: Sequence[Portion]) -> list[int]:
        with self._lock, _translated():
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._store(connection, portions)
                connection.execute("COMMIT")
            except BaseException:
                self._ids.clear()  # ids that were made in this transaction are gone with it
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        return [0] * len(portions)

    def _store(self, connection: sqlite3.Connection, portions: Sequence[Portion]) -> None:
        rows: list[_Row] = []
        latest: list[tuple[int, int, Value, bool]] = []
        for portion in portions:
            for run in portion.runs:
                series = self._series(connection, portion.school, run)
                simulated = run.simulated
                rows += [
                    (time // _HOUR_US, series, time, value, simulated)
                    for time, value in zip(run.times_us, run.values, strict=True)
                ]
                latest.append((series, run.times_us[-1], run.values[-1], simulated))
        rows.sort(key=_key)
        connection.executemany(_INSERT, rows)
        connection.executemany(_LATEST, latest)

    def _series(self, connection: sqlite3.Connection, school: str, run: Run) -> int:
        of = run.series
        names = (school, of.room, of.measurement.value, of.device, of.role, of.metric)
        known = self._ids.get(names)
        if known is None:
            find = (
                "SELECT id FROM series WHERE school = ? AND room = ? AND measurement = ? AND device = ? "
                "AND role = ? AND metric = ?"
            )
            row = connection.execute(find, names).fetchone()
            if row is None:
                insert = "INSERT INTO series (school, room, measurement, device, role, metric) VALUES (?,?,?,?,?,?)"
                row = (connection.execute(insert, names).lastrowid,)
            known = self._ids[names] = int(row[0])
        return known

    def latest(self, school: str, room: str, since_us: int = 0) -> list[Stored]:
        with self._lock, _translated():
            rows = self._opened().execute(_ROOM, (school, room, since_us)).fetchall()
        return [
            Stored(
                Measurement(measurement), device, role, metric,
                bool(value) if isinstance(value, int) else value, time, bool(simulated),
            )
            for measurement, device, role, metric, value, time, simulated in rows
        ]  # fmt: skip

    def count(self, school: str, room: str | None = None, since_us: int = 0) -> int:
        asked = {"school": school, "room": room, "since": since_us, "hour": since_us // _HOUR_US}
        with self._lock, _translated():
            row: tuple[int] = self._opened().execute(_COUNT, asked).fetchone()
        return row[0]

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreUnavailable(f"{self._path} is not open")
        return self._connection


def _key(row: _Row) -> Any:
    return row[:3]


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """A full disk or a lock held for too long passes; the words are SQLite's."""
    try:
        yield
    except sqlite3.Error as wrong:
        raise StoreUnavailable(f"SQLite: {wrong}") from wrong
