"""The journal on disk: one SQLite file of rows that wait for the centre, and what has been counted.

    entry   one row a batch that waits, under (measurement, id): its own order, and the drop order, are a range each
    layout, layout_again
            the names of the series in those batches: twice, so that one bad page does not cost all of them
    aside   the last batches that could not be read, here or at the centre
    tally   one line: counts, and where sequence numbers and time go on when no row is left to tell

Made for one thread. Every change is inside `transaction`; WAL with synchronous=FULL makes it durable when that ends.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from classroom_profiles.telemetry import MAX_POINTS, Clock, Layout, Measurement, digest, names
from edge_agent.drop_order import DROP_ORDER
from edge_agent.journal_tally import LATEST_US, Tally
from edge_agent.stamping import Row

VERSION = 2
_ASIDE_BATCHES = 64
_WAL_PAGES = 1_000
_MOST_IDS = 2**62
_SCHEMA = """
CREATE TABLE entry (
    measurement TEXT NOT NULL, id INTEGER NOT NULL, points INTEGER NOT NULL, clock TEXT NOT NULL,
    handed INTEGER NOT NULL DEFAULT 0, offset_us INTEGER NOT NULL, last_us INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    digest TEXT NOT NULL, layout INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (measurement, id)) WITHOUT ROWID;
CREATE TABLE layout (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE layout_again (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE aside (id INTEGER PRIMARY KEY, why TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE tally (one INTEGER PRIMARY KEY CHECK (one = 1), counts BLOB NOT NULL);
"""
_FROM_1 = _SCHEMA.partition("CREATE TABLE aside")[0].replace(
    "CREATE TABLE entry (", "ALTER TABLE entry RENAME TO entry_1; CREATE TABLE entry (", 1
)
_APPEND = """
INSERT OR REPLACE INTO entry (measurement, id, points, clock, offset_us, last_us, last_seq, digest, layout, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
READ = """
SELECT points, clock, offset_us, last_us, last_seq, digest, layout, payload FROM entry WHERE measurement = ? AND id = ?
"""
_FOUND = "SELECT measurement, id, points, clock, handed, last_us, layout FROM entry"
_OLDEST = "SELECT last_us FROM entry WHERE measurement = ? ORDER BY id LIMIT 1"
_BETWEEN = "SELECT id FROM entry WHERE measurement = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A row as the uplink sends it: always the same bytes, with their layout or without."""

    id: int
    measurement: Measurement
    points: int
    digest: str
    layout: Layout = field(compare=False)
    payload: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is, and what it weighs."""

    measurement: Measurement
    id: int
    points: int


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a row without its bytes."""

    place: Place
    untrusted: bool
    handed: bool
    """The uplink has had it: if it is untrusted, its times stay as they are."""
    last_us: int
    boot: str
    """Empty if its layout is not there any more."""


class NotAJournal(Exception):
    """The file cannot be used as it is; the text says why."""


class JournalFile:
    """Raises sqlite3.Error where the disk fails, and NotAJournal where the file is not what it was."""

    def __init__(self, connection: sqlite3.Connection, max_bytes: int) -> None:
        self._connection = connection
        self._page_size = int(self._one("PRAGMA page_size"))
        self._max_pages = max_bytes // self._page_size
        self._aside_bytes = min(1024 * 1024, max_bytes // 8)
        self._layouts: dict[int, Layout] = {}
        self._layout_ids: dict[bytes, int] = {}

    @classmethod
    def open(cls, path: Path, max_bytes: int) -> Self:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        connection.text_factory = _text
        try:
            with _judged():
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # a second agent shall not send all of it again
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version not in (0, 1, VERSION):
                    raise NotAJournal(f"it has version {version}; this lophoc knows {VERSION}")
                if version == 0:
                    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                        raise NotAJournal("it is the database of something else")
                    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
                connection.execute(f"PRAGMA journal_size_limit = {_WAL_PAGES * 4096}")
                connection.execute("PRAGMA cache_size = -1024")
                if version == 0:
                    connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {VERSION};COMMIT;")
                if version == 1:
                    connection.executescript(f"BEGIN IMMEDIATE;{_FROM_1}PRAGMA user_version = {VERSION};COMMIT;")
                return cls(connection, max_bytes)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; durable once it has ended without an error."""
        with _judged():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._layouts, self._layout_ids = {}, {}  # some may have been made in this transaction
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def found(self) -> list[Found]:
        """Every row, oldest first."""
        with _judged():
            boots = {row_id: layout.boot for row_id, layout in self._read_layouts().items()}
            # All at once: a question that is not read to its end would keep the file locked, and from being rescued.
            rows = self._connection.execute(_FOUND).fetchall()
            found = [
                Found(
                    Place(_measurement(name), _within(row_id, 0, _MOST_IDS), _within(points, 0, MAX_POINTS)),
                    _clock(clock) is Clock.UNTRUSTED,
                    bool(handed),
                    _within(last_us, -1, LATEST_US),
                    boots.get(layout, ""),
                )
                for name, row_id, points, clock, handed, last_us, layout in rows
            ]
        return sorted(found, key=lambda each: each.place.id)

    def forget_layouts(self) -> None:
        """Those that no row has; not for every day, since it looks at all rows."""
        self._connection.execute("DELETE FROM layout WHERE id NOT IN (SELECT layout FROM entry)")
        self._connection.execute("DELETE FROM layout_again WHERE id NOT IN (SELECT layout FROM entry)")
        self._layouts, self._layout_ids = {}, {}

    def has_old_rows(self) -> bool:
        """True if there are rows of version 1 that were not moved yet: see `journal_upgrade`."""
        with _judged():
            return bool(self._one("SELECT count(*) FROM sqlite_schema WHERE name = 'entry_1'"))

    def old_rows(self, most: int) -> list[tuple[Any, ...]]:
        """The first of them: measurement, id, points, offset_us, last_us, last_seq, digest, payload."""
        with _judged():
            return self._connection.execute(
                "SELECT * FROM entry_1 ORDER BY measurement, id LIMIT ?", (most,)
            ).fetchall()

    def remove_old(self, measurement: str, row_id: int) -> None:
        self._connection.execute("DELETE FROM entry_1 WHERE measurement = ? AND id = ?", (measurement, row_id))

    def no_more_old(self) -> None:
        self._connection.execute("DROP TABLE entry_1")

    def keep_aside(self, why: str, payload: bytes) -> None:
        self._connection.execute("INSERT INTO aside (why, payload) VALUES (?, ?)", (why, payload))
        self._trim_aside()

    def oldest_us(self) -> int | None:
        """The time of the oldest row, more or less: the last time in it."""
        found = []
        with _judged():
            for measurement in Measurement:
                row = self._connection.execute(_OLDEST, (measurement.value,)).fetchone()
                if row is not None:
                    found.append(int(row[0]))
        return min(found, default=None)

    def next_seq(self) -> dict[Measurement, int]:
        with _judged():
            rows = self._connection.execute("SELECT measurement, max(last_seq) + 1 FROM entry GROUP BY measurement")
            return {_measurement(measurement): number for measurement, number in rows}

    def digests(self) -> set[str]:
        with _judged():
            return {name for (name,) in self._connection.execute("SELECT digest FROM entry")}

    def tally(self) -> Tally:
        with _judged():
            row = self._connection.execute("SELECT counts FROM tally").fetchone()
        try:
            tally = Tally() if row is None else msgspec.json.decode(row[0], type=Tally)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as wrong:
            raise NotAJournal(f"its counts cannot be read: {wrong}") from wrong
        if not tally.plausible:
            raise NotAJournal("its counts have a number that cannot be")
        return tally

    def save(self, tally: Tally) -> None:
        self._connection.execute("INSERT OR REPLACE INTO tally VALUES (1, ?)", (msgspec.json.encode(tally),))

    def append(self, row_id: int, row: Row) -> None:
        """Also in the place of one that has the same id."""
        self._connection.execute(
            _APPEND,
            (
                row.measurement.value, row_id, row.points, row.clock.value, row.offset_us, row.last_us, row.last_seq,
                row.digest, self._layout_id(row.layout), row.payload,
            ),
        )  # fmt: skip

    def hand_out(self, places: Iterable[Place]) -> None:
        """From now on their times stay as they are."""
        self._connection.executemany(
            "UPDATE entry SET handed = 1 WHERE measurement = ? AND id = ?",
            [(place.measurement.value, place.id) for place in places],
        )

    def rows(self, places: Sequence[Place]) -> list[Row]:
        """Those that are there and undamaged, in the order asked for."""
        return [row for place in places if (row := self._row(place.measurement, place.id)) is not None]

    def _row(self, measurement: Measurement, row_id: int) -> Row | None:
        """None if it is not there, or its bytes have changed."""
        row = self._connection.execute(READ, (measurement.value, row_id)).fetchone()
        if row is None or digest(row[7]) != row[5] or (layout := self._layout(row[6])) is None:
            return None
        if not names(row[7], layout):
            return None
        points, clock, offset_us, last_us, last_seq, name, _, payload = row
        return Row(measurement, points, _clock(clock), offset_us, last_us, last_seq, name, layout, payload)

    def _layout(self, row_id: int) -> Layout | None:
        if row_id not in self._layouts:
            for table in ("layout", "layout_again"):
                question = f"SELECT packed FROM {table} WHERE id = ?"  # noqa: S608 - one of two names
                row = self._connection.execute(question, (row_id,)).fetchone()
                if row is not None and (layout := read_layout(row[0])) is not None:
                    self._layouts[row_id] = layout
                    break
        return self._layouts.get(row_id)

    def _layout_id(self, layout: Layout) -> int:
        known = self._layout_ids.get(layout.packed)
        if known is not None:
            return known
        row = self._connection.execute(
            "INSERT INTO layout (packed) VALUES (?) RETURNING id", (layout.packed,)
        ).fetchone()
        made = int(row[0])
        self._connection.execute("INSERT OR REPLACE INTO layout_again VALUES (?, ?)", (made, layout.packed))
        self._layout_ids[layout.packed] = made
        self._layouts[made] = layout
        return made

    def _read_layouts(self) -> dict[int, Layout]:
        found: dict[int, Layout] = {}
        for table in ("layout_again", "layout"):
            for row_id, packed in self._connection.execute(f"SELECT id, packed FROM {table}"):  # noqa: S608
                if (layout := read_layout(packed)) is not None:
                    found[row_id] = layout
        return found

    def remove(self, place: Place) -> None:
        self._connection.execute(
            "DELETE FROM entry WHERE measurement = ? AND id = ?", (place.measurement.value, place.id)
        )

    def set_aside(self, place: Place, why: str) -> None:
        """Keep a batch that cannot be read for a technician; the oldest of those make room."""
        self._connection.execute(
            "INSERT INTO aside (why, payload) SELECT ?, payload FROM entry WHERE measurement = ? AND id = ?",
            (why, place.measurement.value, place.id),
        )
        self.remove(place)
        self._trim_aside()

    def _trim_aside(self) -> None:
        kept = self._connection.execute("SELECT id, length(payload) FROM aside ORDER BY id DESC").fetchall()
        size = 0
        for number, (row_id, length) in enumerate(kept):
            size += length
            if number and (number >= _ASIDE_BATCHES or size > self._aside_bytes):
                self._connection.execute("DELETE FROM aside WHERE id <= ?", (row_id,))
                break

    def between(self, after: int, last: int, most: int) -> tuple[list[Parcel], list[Place]]:
        """The oldest rows later than `after` up to `last`, and those of them whose bytes have changed on the disk."""
        found: list[tuple[int, Measurement]] = []
        parcels: list[Parcel] = []
        damaged: list[Place] = []
        with _judged():
            for measurement in Measurement:
                rows = self._connection.execute(_BETWEEN, (measurement.value, after, last, most))
                found += [(row[0], measurement) for row in rows]
            for row_id, measurement in sorted(found)[:most]:
                row = self._row(measurement, row_id)
                if row is None:
                    damaged.append(Place(measurement, row_id, self._points(measurement, row_id)))
                else:
                    parcels.append(Parcel(row_id, measurement, row.points, row.digest, row.layout, row.payload))
        return parcels, damaged

    def make_room(self, spared: Set[int]) -> list[Place]:
        """What had to be removed, in the drop order, so that no more than `max_bytes` are used; `spared` ids stay."""
        dropped: list[Place] = []
        for measurement in DROP_ORDER:
            while self._used_pages() > self._max_pages:
                oldest = self._oldest(measurement, spared)
                if not oldest:
                    break
                for place in oldest:
                    self.remove(place)
                    dropped.append(place)
                    if self._used_pages() <= self._max_pages:
                        break
        return dropped

    def give_back(self) -> None:
        """Return pages to the file system once most of the file is empty, some at a time."""
        with _judged():
            free = int(self._one("PRAGMA freelist_count"))
            if free > 256 and free > int(self._one("PRAGMA page_count")) // 2:
                self._connection.executescript("PRAGMA incremental_vacuum(256)")  # execute() would give back one page

    def _oldest(self, measurement: Measurement, spared: Set[int]) -> list[Place]:
        rows = self._connection.execute(
            "SELECT id, points FROM entry WHERE measurement = ? ORDER BY id LIMIT ?",
            (measurement.value, 64 + len(spared)),
        )
        return [Place(measurement, row_id, points) for row_id, points in rows if row_id not in spared]

    def _points(self, measurement: Measurement, row_id: int) -> int:
        row = self._connection.execute(
            "SELECT points FROM entry WHERE measurement = ? AND id = ?", (measurement.value, row_id)
        ).fetchone()
        return int(row[0])

    def _used_pages(self) -> int:
        return int(self._one("PRAGMA page_count")) - int(self._one("PRAGMA freelist_count"))

    def _one(self, question: str) -> int:
        answer: int = self._connection.execute(question).fetchone()[0]
        return answer


def _measurement(name: str) -> Measurement:
    try:
        return Measurement(name)
    except ValueError:
        raise NotAJournal("it has a measurement that nobody knows") from None


def _text(raw: bytes) -> str:
    """Whatever the disk made of it: what reads it knows what it must be."""
    return raw.decode("ascii", "replace")


def _clock(name: str) -> Clock:
    try:
        return Clock(name)
    except ValueError:
        raise NotAJournal("it has a kind of clock that nobody knows") from None


def read_layout(packed: object) -> Layout | None:
    """None if the disk has changed it."""
    try:
        return Layout.read(packed) if isinstance(packed, bytes) else None
    except ValueError:
        return None


def _within(number: object, low: int, high: int) -> int:
    """What is beyond would make all that comes after it wrong: no point may be before the last one."""
    if not isinstance(number, int) or not low <= number <= high:
        raise NotAJournal("it has a number that cannot be")
    return number


_BEYOND_USE = {
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
    # What we ask never changes: if there is no such table or a row breaks a rule, the file is not what we wrote.
    sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH,
}  # fmt: skip


@contextlib.contextmanager
def _judged() -> Iterator[None]:
    """A damaged file is another matter than a disk that is full or away."""
    try:
        yield
    except sqlite3.DatabaseError as wrong:
        if getattr(wrong, "sqlite_errorcode", 0) & 0xFF in _BEYOND_USE:
            raise NotAJournal(str(wrong)) from wrong
        raise
    except (UnicodeDecodeError, TypeError, OverflowError) as wrong:  # a column, or the schema, is of another kind
        raise NotAJournal(f"something in it is not of its kind: {wrong}") from wrong
