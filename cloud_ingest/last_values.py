"""Last values: the newest point of every series of a city, kept by the receiver, read without asking the store.

    writers' threads ──on_received──► what was heard ──twice a second──► file beside the store ──► latest, changed_since

A store takes seconds to find the last points of half a million series, so whoever shows the city live reads this file:

    with LastValues(beside(store_url, "last-values"), create=False) as lasts:
        revision, rows = lasts.changed_since(0)          # all of it, once
        revision, rows = lasts.changed_since(revision)   # from then on what changed, a few times a second if need be

What is read is at most about half a second old, and asking costs next to nothing while nothing has changed. A value is
here a little before its store has confirmed it, so that a slow store does not make a screen slow: what is here is what
was measured, not a word on what is stored. If we end before it is, its gateway sends it again, as it had no ack.

Several workers share the file: each hears of a part of the batches, and the newest counts. Losing it, or what a killed
worker had not written, loses freshness only: a new file is filled from the store (`last_seed`), and by what comes in.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Self

from classroom_profiles.series import Measurement
from classroom_profiles.topics import Address
from cloud_ingest import last_totals
from cloud_ingest.last_file import LastFile, LastValuesUnavailable
from cloud_ingest.last_names import LastNames
from cloud_ingest.last_news import LastNews, Room
from cloud_ingest.last_rows import Heard, Last, Name, RoomLasts, Wanted, changes
from cloud_ingest.store import Portion, SchoolTotals, Stored, wall_us

__all__ = ["Last", "LastValues", "LastValuesUnavailable"]

FLUSH_S = 0.5
ROOMS = 200_000
"""In the file: beyond that those that have been quiet for longest go."""
_AT_ONCE = 2_000  # rooms in one transaction, so that no other worker waits for long

_FIND = "SELECT id, names, newest_us, revision, lasts FROM room WHERE school = ? AND room = ?"
_INSERT = "INSERT INTO room (names, newest_us, revision, lasts, school, room) VALUES (?, ?, ?, ?, ?, ?)"
_UPDATE = "UPDATE room SET names = ?, newest_us = ?, revision = ?, lasts = ? WHERE id = ?"
_RENEW = """
WITH new (school, room, names, oldest_us, newest_us, lasts) AS (VALUES {rows})
UPDATE room SET newest_us = new.newest_us, revision = ?, lasts = new.lasts FROM new
WHERE room.school = new.school AND room.room = new.room AND room.names = new.names AND room.newest_us < new.oldest_us
RETURNING room.school, room.room
"""
_IN_ONE = 250  # rooms in one statement: Python gives its lock away at each, and then waits for it
_BOUND = """
DELETE FROM room WHERE id IN (SELECT id FROM room ORDER BY newest_us LIMIT max(0, (SELECT count(*) FROM room) - ?))
"""
_STATE = "SELECT value FROM state WHERE name = ?"

_Row = tuple[object, ...]

_log = logging.getLogger("lophoc.ingest.last-values")


class LastValues:
    """Open it with `with`. A reader passes `create=False`, and nothing is written. Threads may share it."""

    def __init__(
        self, path: Path, *, create: bool = True, clock_us: Callable[[], int] = wall_us, flush_s: float = FLUSH_S
    ) -> None:
        self._create = create
        self._clock_us = clock_us
        self._flush_s = flush_s
        self._news = LastNews()
        self._using = threading.Lock()
        self._file = LastFile(path, create=create)
        self._openings = 0
        self._names = LastNames()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._flush_on, name="last values", daemon=True)

    def __enter__(self) -> Self:
        """Raises LastValuesUnavailable."""
        with self._using:
            self._file.open()
        if self._create:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._create:
            with contextlib.suppress(LastValuesUnavailable):
                self.flush()
        with self._using:
            self._file.close()

    def on_received(self, _: Address, portion: Portion) -> None:
        """A batch is about to be stored, perhaps without some points that the store will not take."""
        self._news.add(portion)

    def on_stored(self, school: str, stored: Sequence[Stored]) -> None:
        """A store's own last points of a school, which may be older than what is here."""
        self._news.add_stored(school, stored)

    def latest(
        self, school: str | None = None, room: str | None = None, metric: str | None = None, since_us: int | None = None
    ) -> list[Last]:
        """The newest points, of those measured at or after `since_us`.

        In order of school, room, measurement, device, metric, role. Raises LastValuesUnavailable.
        """
        wanted = None if metric is None else partial(_is_of, metric)
        return self._read(-1, school, room, wanted, since_us or 0)[1]

    def by_school(self, metric: str, since_us: int) -> Sequence[SchoolTotals]:
        """Each school that has newest values of `metric` measured then or later. Raises LastValuesUnavailable."""
        return last_totals.by_school(self.latest(metric=metric, since_us=since_us))

    def changed_since(
        self,
        revision: int,
        school: str | None = None,
        room: str | None = None,
        metric: str | None = None,
        *,
        wanted: Wanted | None = None,
    ) -> tuple[int, list[Last]]:
        """The series that got a newer point since `revision`, ordered as in `latest`, and what to ask with next.

        Instead of `metric`, `wanted` chooses among all names: most cheaply if it is the same one each time.

        0 is before everything. If the file was lost and begun anew, all that is in the new one has changed.
        Raises LastValuesUnavailable.
        """
        return self._read(revision, school, room, wanted if metric is None else partial(_is_of, metric), 0)

    def flush(self) -> None:
        """Write down what is new. Raises LastValuesUnavailable; then it is written the next time."""
        news = self._news.take()
        rooms = sorted(news)
        done = 0
        try:
            while done < len(rooms):
                some = rooms[done : done + _AT_ONCE]
                with self._transaction() as connection:
                    self._write(connection, [(of, news[of]) for of in some])
                done += len(some)
        except LastValuesUnavailable:
            self._news.hold({of: news[of] for of in rooms[done:]})
            raise

    def is_seeded(self) -> bool:
        """True once the file has what the store had. Raises LastValuesUnavailable."""
        with self._transaction() as connection:
            return bool(_state(connection, "seeded"))

    def claim_seeding(self, mine: int, for_us: int) -> bool:
        """True if nobody else is filling the file from the store; nor will anybody for so long.

        `mine`: a number of whoever asks. Raises LastValuesUnavailable.
        """
        now_us = self._clock_us()
        with self._transaction() as connection:
            if _state(connection, "seeding_until") > now_us and _state(connection, "seeding_by") != mine:
                return False
            _set_state(connection, "seeding_until", now_us + for_us)
            _set_state(connection, "seeding_by", mine)
        return True

    def seeded(self) -> None:
        """The file has what the store had. Raises LastValuesUnavailable."""
        with self._transaction() as connection:
            _set_state(connection, "seeded", 1)

    def _flush_on(self) -> None:
        lost = False
        while not self._closing.wait(self._flush_s):
            try:
                self.flush()
                lost = False
            except LastValuesUnavailable as why:
                if not lost:
                    _log.warning("last values are not written, they will be: %s", why)
                lost = True

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._using:
            try:
                with self._file.transaction() as connection:
                    if self._openings != self._file.openings:
                        self._openings = self._file.openings
                        self._names.forget()
                    yield connection
            except LastValuesUnavailable:
                self._names.forget()  # what was written of them in this transaction is not there
                raise

    def _write(self, connection: sqlite3.Connection, news: Sequence[tuple[Room, Sequence[Heard]]]) -> None:
        revision = max(_state(connection, "revision") + 1, self._clock_us())  # counts on in a file begun anew, too
        renewed = self._renew(connection, news, revision)
        made: list[_Row] = []
        changed: list[_Row] = []
        left: set[int] = set()
        for (school, room), some in news:
            if (school, room) in renewed:
                continue
            row = connection.execute(_FIND, (school, room)).fetchone()
            lasts = RoomLasts() if row is None else RoomLasts.unpacked(self._names.of(connection, row[1])[0], *row[2:])
            if not sum([lasts.take(heard, revision) for heard in some]):
                continue
            lasts.bound()
            number = self._names.number(connection, lasts.names)
            if row is None:
                made.append((number, *lasts.packed(), school, room))
                continue
            changed.append((number, *lasts.packed(), row[0]))
            if row[1] != number:
                left.add(row[1])
        connection.executemany(_UPDATE, changed)
        if made:
            connection.executemany(_INSERT, made)
            connection.execute(_BOUND, (ROOMS,))
        if left:
            self._names.let_go(connection, left)
        _set_state(connection, "revision", revision)

    def _renew(
        self, connection: sqlite3.Connection, news: Sequence[tuple[Room, Sequence[Heard]]], revision: int
    ) -> set[Room]:
        """The usual case: everything that a room has was measured again. The rooms for which that was so."""
        usual: list[_Row] = []
        for (school, room), some in news:
            heard = some[0]
            number = self._names.known(heard.names) if len(some) == 1 else None
            if number is not None:
                usual.append((school, room, number, heard.oldest_us, heard.newest_us, heard.columns))
        renewed: set[Room] = set()
        for start in range(0, len(usual), _IN_ONE):
            rows = usual[start : start + _IN_ONE]
            asked = _RENEW.format(rows=",".join(["(?, ?, ?, ?, ?, ?)"] * len(rows)))
            renewed.update(connection.execute(asked, [*chain.from_iterable(rows), revision]).fetchall())
        return renewed

    def _read(
        self, revision: int, school: str | None, room: str | None, wanted: Wanted | None, since_us: int
    ) -> tuple[int, list[Last]]:
        found: list[Last] = []
        with self._transaction() as connection:
            newest = _state(connection, "revision")
            if newest < revision:
                revision = 0  # it is another file, and the clock went back
            if newest == revision:
                return newest, found
            where = {
                "school = ?": school, "room = ?": room, "newest_us >= ?": since_us or None,
                "revision > ?": None if revision < 0 else revision,
            }  # fmt: skip
            asked = {condition: value for condition, value in where.items() if value is not None}
            question = "SELECT school, room, names, newest_us, revision, lasts FROM room"
            if "revision > ?" in asked and school is None:  # few of many rows: better than reading them in order
                question += " INDEXED BY room_by_revision"
            if asked:
                question += f" WHERE {' AND '.join(asked)}"
            rows = connection.execute(f"{question} ORDER BY school, room", (*asked.values(),)).fetchall()
            for of_school, of_room, number, newest_us, changed, packed in rows:
                try:
                    names, places = self._names.chosen(connection, number, wanted)
                    if not places:
                        continue
                    some = changes(packed, names, places, newest_us, changed, revision, since_us)
                except ValueError as wrong:  # of one room; whoever writes to it next begins the file anew
                    _log.warning("last values of %s/%s cannot be read: %s", of_school, of_room, wrong)
                    continue
                for place, value, time_us, simulated in some:
                    measurement, device, role, metric = names[place]
                    of = _MEASUREMENTS[measurement]
                    found.append(Last(of_school, of_room, of, device, role, metric, value, time_us, simulated))
        return newest, found


def _is_of(metric: str, name: Name) -> bool:
    return name[3] == metric


_MEASUREMENTS = {measurement.value: measurement for measurement in Measurement}


def _state(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(_STATE, (name,)).fetchone()[0])


def _set_state(connection: sqlite3.Connection, name: str, value: int) -> None:
    connection.execute("UPDATE state SET value = ? WHERE name = ?", (value, name))
