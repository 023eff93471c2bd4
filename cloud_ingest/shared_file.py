"""A SQLite file that many processes share, and that may be damaged, deleted or begun anew under their hands.

SQLite goes on in a file that was deleted, or put back from a copy: before each transaction the path is looked at, and
if it is another file than the one that was opened, it is opened instead. Each kind says what becomes of a damaged one.
"""

import contextlib
import fcntl
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from cloud_ingest.same_file import inode
from cloud_ingest.wal import make_private, write_ahead

_MAGIC = b"SQLite format 3\0"


class SharedFile(ABC):
    """One process's connection. If the file was taken away or begun anew by another, so is the connection."""

    schema: ClassVar[str]
    version: ClassVar[int]
    synchronous: ClassVar[str]
    called: ClassVar[str]
    """What an error calls one that is not there."""
    unavailable: ClassVar[type[Exception]]

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self._create = create
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self.is_open = False
        self.openings = 0
        """Whoever remembers what stood in the file forgets it when this changes."""

    @abstractmethod
    def _translated(self) -> AbstractContextManager[None]:
        """Makes `unavailable` of what may happen to a file."""

    @abstractmethod
    def _make_room(self, wrong: sqlite3.DatabaseError) -> None:
        """Its place is free for a new one; called by one process at a time."""

    @abstractmethod
    def _turned_out_damaged(self) -> None:
        """In a transaction, which has been undone."""

    def _is_damage(self, wrong: BaseException) -> bool:
        """SQLite does not find its way in the file."""
        code = getattr(wrong, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

    def open(self) -> None:
        """Raises `unavailable`, as all methods."""
        with self._translated():
            self._open()
        self.is_open = True

    def close(self) -> None:
        self.is_open = False
        self._let_go()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done in it, or nothing; a reader sees one moment of the file."""
        with self._translated():
            connection = self._current()
            try:
                connection.execute("BEGIN IMMEDIATE" if self._create else "BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException as wrong:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                if self._is_damage(wrong):
                    self._turned_out_damaged()
                raise

    def _current(self) -> sqlite3.Connection:
        if not self.is_open:
            raise self.unavailable(f"{self._path} is not open")
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
                raise self.unavailable(f"there is no {self.called} {self._path}")
            self._connect()
            return
        with self._alone():
            try:
                self._connect()
            except sqlite3.DatabaseError as wrong:
                if not self._is_damage(wrong) or not self._was_a_database():
                    raise  # locked, a full disk, or somebody's file of another kind
                self._make_room(wrong)
                self._connect()

    def _connect(self) -> None:
        if self._create:
            make_private(self._path)
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
            write_ahead(connection)
            connection.execute(f"PRAGMA synchronous = {self.synchronous}")
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                damage = sqlite3.DatabaseError(problem)
                damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damage
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and self._create:
            connection.executescript(f"BEGIN; {self.schema} PRAGMA user_version = {self.version}; COMMIT;")
        elif version != self.version:
            raise self.unavailable(f"{self._path} has version {version}; this lophoc knows {self.version}")

    def _was_a_database(self) -> bool:
        """It begins as SQLite's do, or with the zeros that a power cut leaves."""
        with self._path.open("rb") as file:
            return file.read(len(_MAGIC)) in (_MAGIC, bytes(len(_MAGIC)))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Among all processes that open the file, so that two do not begin it anew at once."""
        lock = os.open(f"{self._path}-lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
