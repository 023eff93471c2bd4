"""The registry's file: its tables, and what becomes of one that is damaged, taken away or of a later version.

It has history that nothing else has, so a damaged one is put aside as `*.corrupt-N` before another is begun.
"""

import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from cloud_ingest.same_file import inode

VERSION = 1
_ASIDE = 100
_MAGIC = b"SQLite format 3\0"
_SCHEMA = """
CREATE TABLE gateway (
    school TEXT NOT NULL, name TEXT NOT NULL, said TEXT, said_us INTEGER NOT NULL DEFAULT 0,
    heard_us INTEGER NOT NULL DEFAULT 0, newest_us INTEGER NOT NULL DEFAULT 0, points INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (school, name)) WITHOUT ROWID;
CREATE TABLE spell (
    school TEXT NOT NULL, name TEXT NOT NULL, since_us INTEGER NOT NULL, what TEXT NOT NULL,
    PRIMARY KEY (school, name, since_us)) WITHOUT ROWID;
CREATE TABLE device (
    school TEXT NOT NULL, room TEXT NOT NULL, device TEXT NOT NULL, role TEXT NOT NULL, gateway TEXT NOT NULL,
    seen_us INTEGER NOT NULL, PRIMARY KEY (school, room, device, role)) WITHOUT ROWID;
CREATE INDEX device_by_gateway ON device (school, gateway, room);
"""

_log = logging.getLogger("lophoc.ingest.registry")


class RegistryUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


class RegistryFile:
    """One process's connection. If the file was taken away or begun anew by another, so is the connection."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self._create = create
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._is_open = False

    def open(self) -> None:
        """Raises RegistryUnavailable."""
        with translated():
            self._open()
        self._is_open = True

    def close(self) -> None:
        self._is_open = False
        self._let_go()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done in it, or nothing. Raises RegistryUnavailable."""
        with translated():
            connection = self._current()
            try:
                connection.execute("BEGIN IMMEDIATE" if self._create else "BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException as wrong:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                if _is_damage(wrong):
                    self._let_go()  # and looked at again the next time
                raise

    def _current(self) -> sqlite3.Connection:
        if not self._is_open:
            raise RegistryUnavailable(f"{self._path} is not open")
        if self._connection is None or self._inode != inode(self._path):
            self._let_go()
            self._open()
        assert self._connection is not None
        return self._connection

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> None:
        if not self._create:
            if not self._path.is_file():
                raise RegistryUnavailable(f"there is no registry {self._path}")
            self._connect()
            return
        with _alone(self._path):
            try:
                self._connect()
            except sqlite3.DatabaseError as wrong:
                if not _is_damage(wrong) or not _was_a_database(self._path):
                    raise  # locked, a full disk, or somebody's file of another kind
                aside = _put_aside(self._path)
                _log.error("the registry is damaged (%s): it is put aside as %s, another is begun", wrong, aside.name)
                self._connect()

    def _connect(self) -> None:
        if self._create and not self._path.exists():
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, inode(self._path)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if self._create:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                damage = sqlite3.DatabaseError(problem)
                damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damage
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and self._create:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            raise RegistryUnavailable(f"{self._path} has version {version}; this lophoc knows {VERSION}")


def _put_aside(path: Path) -> Path:
    """Of very many the last place is used again."""
    places = [Path(f"{path}.corrupt-{number}") for number in range(1, _ASIDE + 1)]
    aside = next((place for place in places if not place.exists()), places[-1])
    for behind in ("-wal", "-shm"):
        Path(f"{path}{behind}").unlink(missing_ok=True)
    path.replace(aside)
    return aside


def _was_a_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) in (_MAGIC, bytes(len(_MAGIC)))  # or the zeros that a power cut leaves


def _is_damage(wrong: BaseException) -> bool:
    code = getattr(wrong, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


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
    except (sqlite3.Error, OSError) as wrong:
        raise RegistryUnavailable(f"the registry: {wrong}") from wrong
