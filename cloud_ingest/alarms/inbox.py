"""The inbox: a SQLite file of alarms that hold or held, what people did about them, and what was muted.

The watch of `lophoc ingest` writes what the rules find; people act through `lophoc ops`, another
process. Calls block for a moment: milliseconds. Every change gives its alarms the next `revision` of the inbox.

A school's account sees what is its school's. An alarm of many schools it sees as its own school's part of it: it says
nothing of the others, and only those who see the whole city handle it.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cloud_ingest.alarms import inbox_schema
from cloud_ingest.alarms.alarm import Alarm, AlarmState, Asker, Entry
from cloud_ingest.alarms.inbox_rows import COLUMNS, CONCERNED, Wanted, alarm_of, is_part, lower_words, seen_by, where
from cloud_ingest.alarms.inbox_schema import WrongFile
from cloud_ingest.alarms.inbox_writing import BY_RULES, next_revision, revision_of, write, write_down
from cloud_ingest.alarms.transition import Transition
from cloud_ingest.same_file import inode
from cloud_ingest.store import wall_us
from cloud_ingest.wal import make_private

__all__ = [
    "COMMENT_MOST",
    "Alarms",
    "HasCleared",
    "InboxUnavailable",
    "Listed",
    "NoSuchAlarm",
    "NotTheirs",
    "Wanted",
]

REOPENS_WITHIN_S = 900.0
"""An alarm that comes again so soon after it had cleared is the same one."""
COMMENT_MOST = 1000


class InboxUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


class NoSuchAlarm(Exception):
    """There is none, or it is not theirs to see."""


class NotTheirs(Exception):
    """It concerns many schools: only who sees the whole city handles it."""


class HasCleared(Exception):
    """It holds no longer, so there is nothing to acknowledge, assign or mute."""


@dataclass(frozen=True, slots=True)
class Listed:
    alarms: list[Alarm]
    total: int
    """How many there are on all pages."""


class Alarms:
    """Open it with `with`. Only one process `apply`s what rules find; any number read, and act for people."""

    def __init__(
        self, path: Path, *, create: bool = False, clock_us: Callable[[], int] = wall_us,
        reopens_within_s: float = REOPENS_WITHIN_S,
    ) -> None:  # fmt: skip
        self._path = path
        self._create = create
        self._clock_us = clock_us
        self._reopens_us = int(reopens_within_s * 1e6)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._is_open = False

    def __enter__(self) -> Self:
        """Raises InboxUnavailable."""
        with _translated():
            self._open()
        self._is_open = True
        return self

    def _open(self) -> None:
        if not self._create and not self._path.is_file():
            raise InboxUnavailable(f"there are no alarms in {self._path}: lophoc ingest makes them")
        if self._create:
            make_private(self._path)
        connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
        try:
            inbox_schema.prepare(connection, str(self._path), create=self._create)
            # SQLite's own lower() knows no Vietnamese.
            connection.create_function("lower_words", -1, lower_words, deterministic=True)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, inode(self._path)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_open = False
            self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ---- reading

    def list(self, who: Asker, wanted: Wanted | None = None) -> Listed:
        """One page. Raises InboxUnavailable, as all that follow."""
        wanted = wanted or Wanted()
        asked, values = where(who, wanted)
        values |= {"now": self._clock_us(), "limit": max(0, wanted.limit), "offset": max(0, wanted.offset)}
        order = "since_us DESC, id DESC" if wanted.newest_first else "severity DESC, cause_of DESC, since_us DESC, id"
        with self.reading() as connection:
            total = int(connection.execute(f"SELECT count(*) FROM alarm WHERE {asked}", values).fetchone()[0])
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM alarm WHERE {asked} ORDER BY {order} LIMIT :limit OFFSET :offset", values
            ).fetchall()
        return Listed([seen_by(who, alarm_of(row)) for row in rows], total)

    def one(self, who: Asker, number: int) -> Alarm:
        """Raises NoSuchAlarm."""
        with self.reading() as connection:
            return seen_by(who, self._row(connection, who, number))

    def history(self, who: Asker, number: int) -> Sequence[Entry]:
        """In order of time. Raises NoSuchAlarm."""
        with self.reading() as connection:
            alarm = self._row(connection, who, number)
            rows = connection.execute(
                "SELECT at_us, by, what, comment FROM history WHERE alarm = ? ORDER BY id", (number,)
            ).fetchall()
        entries = [Entry(*row) for row in rows]
        if is_part(who, alarm):
            return [Entry(entry.at_us, "", entry.what, "") for entry in entries if entry.what in BY_RULES]
        return entries

    def schools(self, who: Asker, number: int) -> Sequence[str]:
        """Those that it concerns, of those that `who` sees. Raises NoSuchAlarm."""
        with self.reading() as connection:
            alarm = self._row(connection, who, number)
            rows = connection.execute(
                "SELECT school FROM concerned WHERE alarm = ? ORDER BY school", (number,)
            ).fetchall()
        found = [row[0] for row in rows] or ([alarm.school] if alarm.school else [])
        return [school for school in found if who.sees(school)]

    def open_by_school(self) -> Mapping[str, int]:
        """How many alarms hold at each school that has any, those of many schools among them. For the map."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT school, count(*) FROM ("
                "SELECT school, id FROM alarm WHERE cleared_us IS NULL AND school IS NOT NULL UNION "
                "SELECT concerned.school, alarm.id FROM alarm JOIN concerned ON concerned.alarm = alarm.id "
                "WHERE cleared_us IS NULL) GROUP BY school"
            ).fetchall()
        return dict(rows)

    def changed_since(self, revision: int, who: Asker, limit: int = 500) -> tuple[int, Sequence[Alarm]]:
        """What changed after `revision`, in order, and the revision to ask from next time. 0 is before everything."""
        with self.reading() as connection:
            newest = revision_of(connection)
            own = "1" if who.school is None else CONCERNED
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM alarm WHERE revision > :since AND {own} ORDER BY revision, id LIMIT :limit",
                {"since": revision, "own": who.school, "now": self._clock_us(), "limit": limit + 1},
            ).fetchall()
        alarms = [alarm_of(row) for row in rows]
        if len(alarms) <= limit:
            return newest, [seen_by(who, alarm) for alarm in alarms]
        # The changes of one revision come together, since nobody could ask for the rest of them.
        last = alarms[limit - 1].revision
        if alarms[limit].revision == last:
            if alarms[0].revision == last:
                return self.changed_since(revision, who, limit * 2)
            alarms = [alarm for alarm in alarms if alarm.revision < last]
        else:
            alarms = alarms[:limit]
        return alarms[-1].revision, [seen_by(who, alarm) for alarm in alarms]

    def revision(self) -> int:
        with self.reading() as connection:
            return revision_of(connection)

    # ---- what people do

    def acknowledge(self, who: Asker, number: int, comment: str = "") -> Alarm:
        """They know. Twice is once. Raises NoSuchAlarm, NotTheirs, HasCleared, ValueError."""

        def act(connection: sqlite3.Connection, alarm: Alarm) -> str | None:
            if alarm.state is AlarmState.ACKNOWLEDGED:
                return None
            connection.execute(
                "UPDATE alarm SET acknowledged_by = ?, acknowledged_us = ? WHERE id = ?",
                (who.name, self._clock_us(), number),
            )
            return "acknowledged"

        return self._handle(who, number, comment, act)

    def assign(self, who: Asker, number: int, to: str | None, comment: str = "") -> Alarm:
        """None: to nobody. Raises NoSuchAlarm, NotTheirs, HasCleared, ValueError."""
        name = _text(to or "", 100)

        def act(connection: sqlite3.Connection, alarm: Alarm) -> str | None:
            if alarm.assigned_to == (name or None):
                return None
            connection.execute("UPDATE alarm SET assigned_to = ? WHERE id = ?", (name or None, number))
            return "assigned"

        return self._handle(who, number, f"→ {name or '–'} {comment}".strip(), act)

    def mute(self, who: Asker, number: int, until_us: int | None, comment: str = "") -> Alarm:
        """Tell nobody of it until then, also if it clears and comes again; None: from now on again.

        Raises NoSuchAlarm, NotTheirs, HasCleared, ValueError.
        """
        now_us = self._clock_us()
        if until_us is not None and not now_us < until_us <= now_us + 366 * 86_400_000_000:
            raise ValueError("an alarm is muted until a time to come, at most a year ahead")

        def act(connection: sqlite3.Connection, alarm: Alarm) -> str | None:
            key = connection.execute("SELECT key FROM alarm WHERE id = ?", (number,)).fetchone()[0]
            if until_us is None:
                gone = connection.execute("DELETE FROM mute WHERE key = ?", (key,)).rowcount
                return "unmuted" if gone else None
            connection.execute("INSERT OR REPLACE INTO mute (key, until_us) VALUES (?, ?)", (key, until_us))
            return "muted"

        return self._handle(who, number, comment, act)

    def comment(self, who: Asker, number: int, comment: str) -> Alarm:
        """Also on one that has cleared. Raises NoSuchAlarm, NotTheirs, ValueError."""
        if not comment.strip():
            raise ValueError("a comment says something")
        return self._handle(who, number, comment, lambda *_: "commented", also_cleared=True)

    def _handle(
        self,
        who: Asker,
        number: int,
        comment: str,
        act: Callable[[sqlite3.Connection, Alarm], str | None],
        *,
        also_cleared: bool = False,
    ) -> Alarm:
        text = _text(comment, COMMENT_MOST)
        with self.writing() as connection:
            alarm = self._row(connection, who, number)
            if is_part(who, alarm):
                raise NotTheirs("it concerns many schools: the operations centre handles it")
            if alarm.state is AlarmState.CLEARED and not also_cleared:
                raise HasCleared("it has cleared")
            what = act(connection, alarm)
            if what is not None:
                write_down(connection, number, self._clock_us(), who.name, what, text)
                connection.execute("UPDATE alarm SET revision = ? WHERE id = ?", (next_revision(connection), number))
            return self._row(connection, who, number)

    # ---- what the rules find

    def apply(
        self, transitions: Sequence[Transition], kept: Mapping[str, str] | None = None, gone: Sequence[str] = ()
    ) -> None:
        """Write down what the engine found, and what it must not forget, at once or not at all."""
        if not transitions and not kept and not gone:
            return
        with self.writing() as connection:
            if transitions:
                revision = next_revision(connection)
                for transition in transitions:
                    write(connection, transition, revision, self._reopens_us)
            connection.executemany("DELETE FROM kept WHERE name = ?", [(name,) for name in gone])
            connection.executemany("INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)", (kept or {}).items())

    def kept(self) -> dict[str, str]:
        """What the engine wanted to be remembered."""
        with self.reading() as connection:
            return dict(connection.execute("SELECT name, value FROM kept").fetchall())

    def holding(self) -> dict[str, int]:
        """The keys of the alarms that hold, and since when."""
        with self.reading() as connection:
            return dict(connection.execute("SELECT key, since_us FROM alarm WHERE cleared_us IS NULL").fetchall())

    def forget(self, before_us: int, most: int = 1000) -> int:
        """Delete alarms that cleared before then; how many."""
        with self.writing() as connection:
            return connection.execute(
                "DELETE FROM alarm WHERE id IN (SELECT id FROM alarm WHERE cleared_us < ? ORDER BY cleared_us LIMIT ?)",
                (before_us, most),
            ).rowcount

    # ---- the file

    def _row(self, connection: sqlite3.Connection, who: Asker, number: int) -> Alarm:
        own = "1" if who.school is None else CONCERNED
        row = connection.execute(
            f"SELECT {COLUMNS} FROM alarm WHERE id = :id AND {own}",
            {"id": number, "own": who.school, "now": self._clock_us()},
        ).fetchone()
        if row is None:
            raise NoSuchAlarm(f"there is no alarm {number}")
        return alarm_of(row)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For those who keep tables of their own in the file. Raises InboxUnavailable."""
        with self._lock, _translated(), _transaction(self._opened(), "BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All that is done in it, or nothing. Raises InboxUnavailable."""
        with self._lock, _translated(), _transaction(self._opened(), "BEGIN IMMEDIATE") as connection:
            yield connection

    def _opened(self) -> sqlite3.Connection:
        if not self._is_open:
            raise InboxUnavailable(f"{self._path} is not open")
        if self._connection is None or self._inode != inode(self._path):
            was_open = self._connection is not None
            self._let_go()
            self._open()
            if was_open:  # whoever goes on from what they know of the one before has to begin again
                raise InboxUnavailable(f"{self._path} is another file than before")
        assert self._connection is not None
        return self._connection


def _text(text: str, most: int) -> str:
    """Raises ValueError for what is too long, or cannot be printed."""
    text = text.strip()
    if len(text) > most:
        raise ValueError(f"at most {most} characters")
    if any(not (char.isprintable() or char in "\n\t") for char in text):
        raise ValueError("characters that cannot be printed")
    return text


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
    connection.execute(begin)
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, WrongFile) as wrong:
        raise InboxUnavailable(f"the alarms: {wrong}") from wrong
