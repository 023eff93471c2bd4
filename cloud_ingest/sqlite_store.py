"""The embedded store: one SQLite file, no server, made for one school to a few hundred."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Run, Series
from cloud_ingest import sqlite_reads, sqlite_rollups
from cloud_ingest.sqlite_keeping import Keeping
from cloud_ingest.sqlite_schema import hour_of, prepare
from cloud_ingest.store import Portion, Sample, SchoolTotals, Stored, StoreUnavailable, WrongStore, wall_us
from cloud_ingest.tending import Tending
from cloud_ingest.wal import make_private
from cloud_ingest.windows import FIVE_MINUTES_US, Span, Window, asked

_INSERT = "INSERT OR REPLACE INTO point (hour, series, time, value, simulated) VALUES (?, ?, ?, ?, ?)"
_INSERT_LATE = "INSERT OR REPLACE INTO late (hour, series, time, value, simulated, came) VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_DUE = "INSERT OR IGNORE INTO due (series, hour) VALUES (?, ?)"
_LATEST = """
INSERT INTO latest (series, time, value, simulated) VALUES (?, ?, ?, ?)
ON CONFLICT (series) DO UPDATE SET time = excluded.time, value = excluded.value, simulated = excluded.simulated
WHERE excluded.time >= latest.time
"""
_MARKS = 2_000_000
_REST = 2.0
"""At an hour's turn all series of a city are rolled up, for minutes: two thirds of that time are left to writes."""

_Answer = TypeVar("_Answer")
_Row = tuple[int, int, int, Value, bool]


class SqliteStore:
    """Flags are kept as SQLite integers, numbers as reals, texts as text: the column has no affinity of its own.

    The first write starts a thread that does `tend` from time to time, between other writes.
    """

    writers = 1
    points_per_write = 20_000
    durable_after_s = 0.0

    def __init__(self, path: str, keeping: Keeping | None = None, clock_us: Callable[[], int] = wall_us) -> None:
        self._path = Path(path)
        self._keeping = keeping or Keeping()
        self._clock_us = clock_us
        self._connection: sqlite3.Connection | None = None
        self._reading: sqlite3.Connection | None = None
        self._ids: dict[tuple[str, ...], int] = {}
        self._due: set[tuple[int, int]] = set()
        """Series and hour known to be in `due`, as long as nobody else has changed the file."""
        self._data_version = -1
        self._lock = threading.Lock()
        self._reading_lock = threading.Lock()
        self._tending = Tending(self.tend, clock_us, rest=_REST)

    def open(self, *, create: bool = True) -> None:
        if not self._path.parent.is_dir():
            raise WrongStore(f"no folder {self._path.parent} for the store's file")
        if not create and not self._path.is_file():
            raise StoreUnavailable(f"there is no file {self._path}")
        with self._lock, self._reading_lock, _translated():
            if self._connection is not None:
                return
            if create:
                make_private(self._path)
            with contextlib.ExitStack() as opened:
                writing, reading = (opened.enter_context(contextlib.closing(self._connect())) for _ in range(2))
                prepare(writing, str(self._path), create=create)
                opened.pop_all()
            self._connection, self._reading = writing, reading

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)

    def close(self) -> None:
        self._tending.stop()
        with self._lock, self._reading_lock:
            for connection in (self._connection, self._reading):
                if connection is not None:
                    connection.close()
            self._connection = self._reading = None
            self._ids.clear()
            self._due.clear()

    def write(self, portions: Sequence[Portion]) -> list[int]:
        with self._changing() as connection:
            self._store(connection, portions)
        self._tending.start()
        return [0] * len(portions)

    def tend(self, now_us: int) -> bool:
        """One short step of what need not be done at once; False if there is none left for now."""
        with self._changing() as connection:
            done = sqlite_rollups.roll_up(connection, now_us)
            self._due -= done  # and not all: to find half a million marks again would be as much work as their points
            return bool(done) or sqlite_rollups.let_go(connection, self._keeping, now_us)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction. Raises StoreUnavailable."""
        with self._lock, _translated():
            connection = self._opened(self._connection)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._ids.clear()  # ids that were made in this transaction are gone with it
                self._due.clear()
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def _store(self, connection: sqlite3.Connection, portions: Sequence[Portion]) -> None:
        raw_from: int = connection.execute("SELECT value FROM state WHERE name = 'raw_from'").fetchone()[0]
        version: int = connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version or len(self._due) > _MARKS:  # another process may have rolled up
            self._data_version = version
            self._due.clear()
        rows: list[_Row] = []
        latest: list[tuple[int, int, Value, bool]] = []
        due: set[tuple[int, int]] = set()
        for portion in portions:
            for run in portion.runs:
                series = self._series(connection, portion.school, run)
                times, values, simulated = run.times_us, run.values, run.simulated
                if len(times) == 1:
                    hour = hour_of(times[0])
                    rows.append((hour, series, times[0], values[0], simulated))
                    due.add((series, hour))
                else:
                    hours = [hour_of(time_us) for time_us in times]
                    rows += [
                        (hour, series, time_us, value, simulated)
                        for hour, time_us, value in zip(hours, times, values, strict=True)
                    ]
                    due.update((series, hour) for hour in {*hours})
                latest.append((series, times[-1], values[-1], simulated))
        rows.sort(key=_key)
        if rows and rows[0][0] < raw_from:
            now_us = self._clock_us()
            connection.executemany(_INSERT_LATE, [(*row, now_us) for row in rows if row[0] < raw_from])
            rows = [row for row in rows if row[0] >= raw_from]
            due = {mark for mark in due if mark[1] >= raw_from}
        connection.executemany(_INSERT, rows)
        connection.executemany(_INSERT_DUE, sorted(due - self._due))
        connection.executemany(_LATEST, latest)
        self._due |= due

    def _series(self, connection: sqlite3.Connection, school: str, run: Run) -> int:
        of = run.series
        names = (school, of.room, of.measurement._value_, of.device, of.role, of.metric)
        known = self._ids.get(names)
        if known is None:
            known = sqlite_reads.series_id(connection, school, of)
            if known is None:
                insert = "INSERT INTO series (school, room, measurement, device, role, metric) VALUES (?,?,?,?,?,?)"
                known = connection.execute(insert, names).lastrowid
                assert known is not None
            self._ids[names] = known
        return known

    def latest(self, school: str, room: str | None = None, since_us: int = 0) -> list[Stored]:
        return self._read(lambda connection: sqlite_reads.latest(connection, school, room, since_us))

    def points(self, school: str, series: Series, span: Span, limit: int = 10_000) -> list[Sample]:
        return self._read(lambda connection: sqlite_reads.points(connection, school, series, span, limit))

    def windows(self, school: str, series: Series, span: Span, window_us: int) -> list[Window]:
        whole = asked(span, window_us)
        return self._read(lambda connection: sqlite_reads.windows(connection, school, series, whole, window_us))

    def by_school(self, metric: str, span: Span) -> list[SchoolTotals]:
        whole = span.widened(FIVE_MINUTES_US)
        return self._read(lambda connection: sqlite_reads.by_school(connection, metric, whole))

    def count(self, school: str, room: str | None = None, since_us: int = 0) -> int:
        return self._read(lambda connection: sqlite_reads.count(connection, school, room, since_us))

    def _read(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """All of a question sees one moment of the file; writes go on meanwhile. Raises StoreUnavailable."""
        with self._reading_lock, _translated():
            connection = self._opened(self._reading)
            connection.execute("BEGIN")
            try:
                return question(connection)
            finally:
                connection.execute("ROLLBACK")

    def _opened(self, connection: sqlite3.Connection | None) -> sqlite3.Connection:
        if connection is None:
            raise StoreUnavailable(f"{self._path} is not open")
        return connection


def _key(row: _Row) -> tuple[object, ...]:
    return row[:3]


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """A full disk or a lock held for too long passes; the words are SQLite's."""
    try:
        yield
    except sqlite3.Error as wrong:
        raise StoreUnavailable(f"SQLite: {wrong}") from wrong
