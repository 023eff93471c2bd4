"""The journal on disk: one SQLite file of rows that wait for the centre, and what has been counted.

Made for one thread. Every change is inside `transaction`; WAL with synchronous=FULL makes it durable when that ends.
Nothing that is read is taken for what was written unless its checksum says so. The tables: see `journal_schema`.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import Any, Self

from classroom_profiles.telemetry import Clock, Measurement, digest
from edge_agent.drop_order import DROP_ORDER
from edge_agent.journal_aside import Aside
from edge_agent.journal_columns import NAMES, Columns, sound
from edge_agent.journal_judge import NotAJournal, judged
from edge_agent.journal_layouts import KeptLayouts
from edge_agent.journal_places import Found, Parcel, Place
from edge_agent.journal_schema import connected, intact
from edge_agent.journal_tally import Tally
from edge_agent.stamping import Row

MOST_IDS = 2**62
Key = tuple[bytes, int]
"""Where a row is whose columns cannot be believed: its measurement's bytes as they are in the file, and its id."""

_APPEND = f"INSERT OR REPLACE INTO entry ({NAMES}, checked, payload) VALUES ({'?, ' * 11}?)"  # noqa: S608 - our own words
_HERE = "WHERE measurement = ? AND id = ?"
_HAND_OUT = f"UPDATE entry SET handed = 1, checked = ? {_HERE}"  # noqa: S608
_AT_KEY = "WHERE measurement = CAST(? AS TEXT) AND id = ?"
_ALL = f"SELECT CAST(measurement AS BLOB), {NAMES}, checked FROM entry ORDER BY measurement, id"  # noqa: S608
_COLUMNS = f"SELECT {NAMES}, checked FROM entry {_HERE}"  # noqa: S608
_READ = f"SELECT {NAMES}, checked, payload FROM entry {_HERE}"  # noqa: S608
_OLDEST = f"SELECT {NAMES}, checked FROM entry WHERE measurement = ? ORDER BY id LIMIT ?"  # noqa: S608
_BETWEEN = "SELECT id FROM entry WHERE measurement = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?"


class JournalFile:
    """Raises sqlite3.Error where the disk fails, and NotAJournal where the file is not what it was."""

    def __init__(self, connection: sqlite3.Connection, max_bytes: int) -> None:
        self._connection = connection
        self._max_pages = max_bytes // int(self._one("PRAGMA page_size"))
        self.layouts = KeptLayouts(connection)
        self.aside = Aside(connection, min(1024 * 1024, max_bytes // 8))

    @classmethod
    def open(cls, path: Path, max_bytes: int) -> Self:
        """Raises OSError, too."""
        return cls(connected(path), max_bytes)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; durable once it has ended without an error."""
        with judged():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self.layouts.forget()  # some may have been made in this transaction
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def check(self) -> None:
        """Reads the whole file. Raises NotAJournal if SQLite's trees in it are not whole."""
        if wrong := intact(self._connection):
            raise NotAJournal(wrong)

    def look_through(self) -> tuple[list[Found], list[Key]]:
        """Every row whose columns are as they were written, oldest first; and where the others are.

        Raises NotAJournal if rows are not in the order of their keys: then some of them cannot be had by it.
        """
        found: list[Found] = []
        changed: list[Key] = []
        before: Key = (b"", 0)
        with judged():
            boots = {layout_id: layout.boot for layout_id, layout in self.layouts.all()}
            # All at once: a question that is not read to its end would keep the file locked, and from being rescued.
            for raw, *rest in self._connection.execute(_ALL).fetchall():
                key = (bytes(raw), rest[1])
                if not isinstance(key[1], int) or key <= before:
                    raise NotAJournal("its rows are not in order")
                before = key
                columns = sound(tuple(rest))
                if columns is None:
                    changed.append(key)
                else:
                    found.append(_found(columns, boots.get(columns.layout, "")))
        if len({each.place.id for each in found}) < len(found):
            raise NotAJournal("two of its rows have one number")
        return sorted(found, key=lambda each: each.place.id), changed

    def take_out(self, key: Key) -> Row | None:
        """A row whose columns have changed, as its bytes tell it; what they tell no more is kept aside.

        It is not in the file any more: append it again.
        """
        (payload,) = self._connection.execute(f"SELECT payload FROM entry {_AT_KEY}", key).fetchone()  # noqa: S608
        self._connection.execute(f"DELETE FROM entry {_AT_KEY}", key)  # noqa: S608
        if not isinstance(payload, bytes):
            payload = str(payload).encode()
        for _, layout in self.layouts.all():
            with contextlib.suppress(ValueError):
                return Row.read(layout, payload)
        self.aside.keep("its bytes have changed on the disk", payload)
        return None

    def oldest_us(self) -> int | None:
        """The time of the oldest row, more or less: the last time in it."""
        with judged():
            rows = [row for measurement in Measurement for row in self._first(measurement, 1)]
        return min((row.last_us for row in rows), default=None)

    def digests(self) -> set[str]:
        with judged():
            return {name for (name,) in self._connection.execute("SELECT digest FROM entry")}

    def tally(self) -> Tally:
        """Raises NotAJournal, too, if neither of its two copies can be believed."""
        why = ""
        for table in ("tally", "tally_again"):
            try:
                with judged():
                    row = self._connection.execute(f"SELECT counts FROM {table}").fetchone()  # noqa: S608
                if row is not None:
                    return Tally.read(row[0])
            except (NotAJournal, ValueError) as wrong:
                why = str(wrong)
        if why:
            raise NotAJournal(f"its counts cannot be read: {why}")
        return Tally()

    def save(self, tally: Tally) -> None:
        packed = tally.packed
        self._connection.execute("INSERT OR REPLACE INTO tally VALUES (1, ?)", (packed,))
        self._connection.execute("INSERT OR REPLACE INTO tally_again VALUES (1, ?)", (packed,))

    def append(self, row_id: int, row: Row) -> None:
        """Also in the place of one that has the same id."""
        columns = Columns.of(row_id, row, self.layouts.id_of(row.layout))
        self._connection.execute(_APPEND, (*columns, columns.checksum, row.payload))

    def hand_out(self, places: Iterable[Place]) -> None:
        """From now on their times stay as they are."""
        for place in places:
            key = (place.measurement.value, place.id)
            found = self._connection.execute(_COLUMNS, key).fetchone()
            columns = sound(found) if found is not None else None
            if columns is not None:  # else a new checksum would hide that it has changed
                self._connection.execute(_HAND_OUT, (columns._replace(handed=1).checksum, *key))

    def rows(self, places: Sequence[Place]) -> list[Row]:
        """Those that are there and undamaged, in the order asked for."""
        return [row for place in places if (row := self._row(place.measurement, place.id)) is not None]

    def remove(self, place: Place) -> bool:
        """True if it was there."""
        key = (place.measurement.value, place.id)
        return self._connection.execute(f"DELETE FROM entry {_HERE}", key).rowcount > 0  # noqa: S608

    def set_aside(self, place: Place, why: str) -> bool:
        """Keep a batch that cannot be read for a technician. True if it was there."""
        key = (place.measurement.value, place.id)
        found = self._connection.execute(f"SELECT payload FROM entry {_HERE}", key).fetchone()  # noqa: S608
        if found is not None:
            self.aside.keep(why, found[0])
            self.remove(place)
        return found is not None

    def between(self, after: int, last: int, most: int) -> tuple[list[Parcel], list[Place], list[Key]]:
        """The oldest rows later than `after` up to `last`; those of them whose bytes have changed on the disk, and
        those whose columns have.
        """
        found: list[tuple[int, Measurement]] = []
        parcels: list[Parcel] = []
        damaged: list[Place] = []
        changed: list[Key] = []
        with judged():
            for measurement in Measurement:
                rows = self._connection.execute(_BETWEEN, (measurement.value, after, last, most))
                found += [(row[0], measurement) for row in rows]
            for row_id, measurement in sorted(found)[:most]:
                row = self._row(measurement, row_id)
                if row is not None:
                    parcels.append(Parcel(row_id, measurement, row.points, row.digest, row.layout, row.payload))
                    continue
                columns = sound(self._connection.execute(_COLUMNS, (measurement.value, row_id)).fetchone())
                if columns is not None:
                    damaged.append(Place(measurement, row_id, columns.points))
                else:
                    changed.append((measurement.value.encode(), row_id))
        return parcels, damaged, changed

    def make_room(self, spared: Set[int]) -> list[Place]:
        """What had to be removed, in the drop order, so that no more than `max_bytes` are used; `spared` ids stay."""
        dropped: list[Place] = []
        for measurement in DROP_ORDER:
            while self._used_pages() > self._max_pages:
                oldest = self._first(measurement, 64 + len(spared))
                places = [Place(measurement, row.id, row.points) for row in oldest if row.id not in spared]
                if not places:
                    break
                for place in places:
                    self.remove(place)
                    dropped.append(place)
                    if self._used_pages() <= self._max_pages:
                        break
        return dropped

    def give_back(self) -> None:
        """Return pages to the file system once most of the file is empty, some at a time."""
        with judged():
            free = int(self._one("PRAGMA freelist_count"))
            if free > 256 and free > int(self._one("PRAGMA page_count")) // 2:
                self._connection.executescript("PRAGMA incremental_vacuum(256)")  # execute() would give back one page

    def old_tables(self) -> list[str]:
        """Those of earlier versions whose rows were not moved yet: see `journal_upgrade`."""
        question = "SELECT name FROM sqlite_schema WHERE name IN ('entry_1', 'entry_2') ORDER BY name"
        with judged():
            return [str(name) for (name,) in self._connection.execute(question).fetchall()]

    def old_rows(self, table: str, columns: str, most: int) -> list[tuple[Any, ...]]:
        question = f"SELECT {columns} FROM {table} ORDER BY measurement, id LIMIT ?"  # noqa: S608 - our own words
        with judged():
            return self._connection.execute(question, (most,)).fetchall()

    def remove_old(self, table: str, measurement: str, row_id: int) -> None:
        self._connection.execute(f"DELETE FROM {table} {_HERE}", (measurement, row_id))  # noqa: S608

    def no_more_old(self, table: str) -> None:
        self._connection.execute(f"DROP TABLE {table}")

    def _row(self, measurement: Measurement, row_id: int) -> Row | None:
        """None if it is not there, or not what was written."""
        found = self._connection.execute(_READ, (measurement.value, row_id)).fetchone()
        columns = sound(found[:-1]) if found is not None else None
        payload = found[-1] if found is not None else None
        if columns is None or not isinstance(payload, bytes) or digest(payload) != columns.digest:
            return None
        layout = self.layouts.of(columns.layout, payload)
        if layout is None:
            return None
        return Row(
            measurement, columns.points, Clock(columns.clock), columns.offset_us, columns.last_us, columns.last_seq,
            columns.digest, layout, payload,
        )  # fmt: skip

    def _first(self, measurement: Measurement, most: int) -> list[Columns]:
        """The oldest, but for those that the disk has changed."""
        rows = self._connection.execute(_OLDEST, (measurement.value, most)).fetchall()
        return [columns for row in rows if (columns := sound(row)) is not None]

    def _used_pages(self) -> int:
        return int(self._one("PRAGMA page_count")) - int(self._one("PRAGMA freelist_count"))

    def _one(self, question: str) -> int:
        answer: int = self._connection.execute(question).fetchone()[0]
        return answer


def _found(columns: Columns, boot: str) -> Found:
    place = Place(columns.of_measurement, columns.id, columns.points)
    untrusted = columns.clock == Clock.UNTRUSTED.value
    return Found(place, untrusted, bool(columns.handed), columns.last_us, columns.last_seq, boot)
