"""The file of the last values: its tables, and what becomes of one that is damaged, deleted or of a later version.

Nothing in it is worth a wait for the disk, since all of it can be had again: it is written without syncing. A process
that is killed costs nothing by that; after a power cut the file may be damaged, and is then begun anew.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from cloud_ingest.same_file import inode

VERSION = 1
_MAGIC = b"SQLite format 3\0"
_SCHEMA = """
CREATE TABLE names (id INTEGER PRIMARY KEY AUTOINCREMENT, packed BLOB NOT NULL UNIQUE);
CREATE TABLE room (
    id INTEGER PRIMARY KEY, school TEXT NOT NULL, room TEXT NOT NULL, names INTEGER NOT NULL,
    revision INTEGER NOT NULL, newest_us INTEGER NOT NULL, lasts BLOB NOT NULL, UNIQUE (school, room));
CREATE INDEX room_by_revision ON room (revision);
CREATE INDEX room_by_names ON room (names);
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO state (name, value) VALUES ('revision', 0), ('seeded', 0), ('seeding_until', 0), ('seeding_by', 0);
"""


class LastValuesUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


class LastFile:
    """One process's connection. If the file was taken away or begun anew by another, so is the connection."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self._create = create
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self.is_open = False
        self.openings = 0
        """Whoever remembers what stood in the file forgets it when this changes."""

    def open(self) -> None:
        """Raises LastValuesUnavailable."""
        with translated():
            self._open()
        self.is_open = True

    def close(self) -> None:
        self.is_open = False
        self._let_go()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done in it, or nothing; a reader sees one moment of the file. Raises LastValuesUnavailable."""
        with translated():
            connection = self._current()
            try:
                connection.execute("BEGIN IMMEDIATE" if self._create else "BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException as wrong:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                if self._create and _is_damage(wrong):
                    self._remove()
                raise

    def _current(self) -> sqlite3.Connection:
        if not self.is_open:
            raise LastValuesUnavailable(f"{self._path} is not open")
        if self._connection is None or self._inode != inode(self._path):
            self._let_go()
            self._open()
        assert self._connection is not None
        return self._connection

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _remove(self) -> None:
        """It is begun anew the next time; unless another process has done so already."""
        with _alone(self._path):
            if self._inode == inode(self._path) and _is_ours(self._path):
                _unlink(self._path)
        self._let_go()

    def _open(self) -> None:
        if not self._create:
            if not self._path.is_file():
                raise LastValuesUnavailable(f"there is no file {self._path}")
            self._connect()
            return
        with _alone(self._path):
            try:
                self._connect()
            except sqlite3.DatabaseError as wrong:
                if isinstance(wrong, sqlite3.OperationalError) or not _is_ours(self._path):
                    raise  # locked, a full disk, or somebody's file of another kind
                _unlink(self._path)
                self._connect()

    def _connect(self) -> None:
        if self._create:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, inode(self._path)
        self.openings += 1

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if self._create:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("the file is damaged")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and self._create:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            raise LastValuesUnavailable(f"{self._path} has version {version}; this lophoc knows {VERSION}")


def _is_damage(wrong: BaseException) -> bool:
    """SQLite does not find its way in the file, or what stands in it is not what anybody wrote."""
    code = getattr(wrong, "sqlite_errorcode", 0) & 0xFF
    return isinstance(wrong, ValueError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _is_ours(path: Path) -> bool:
    """It begins as SQLite's do, or with the zeros that a power cut leaves."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) in (_MAGIC, bytes(len(_MAGIC)))


def _unlink(path: Path) -> None:
    for behind in ("", "-wal", "-shm"):
        Path(f"{path}{behind}").unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Among all processes that open the file, so that two do not begin it anew at once."""
    lock = os.open(f"{path}-lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, ValueError) as wrong:
        raise LastValuesUnavailable(f"the last values: {wrong}") from wrong
