"""Keeps one value through kill -9 and power cuts: the newest that was handed over.

One row in SQLite (WAL, synchronous=FULL: a commit is one fsync of a few KB), written by one thread. Whoever must know
that it is on the disk waits for `durable`; but no longer than `patience_s`: a card that hangs must not hold up a room,
it only costs the memory of it. What comes while one is written becomes one commit.
"""

import asyncio
import logging
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

ValueT = TypeVar("ValueT")


class KeptValue(Generic[ValueT]):
    """For one process at a time; say in a subclass what is kept and how. Use `async with`, or `close`."""

    table: ClassVar[str]
    """The word for it, in the file and in the log."""

    def encode(self, value: ValueT) -> bytes:
        raise NotImplementedError

    def decode(self, content: bytes) -> ValueT:
        """Raises ValueError."""
        raise NotImplementedError

    def __init__(self, path: Path, patience_s: float = 1.0) -> None:
        """The file is opened, or made, when it is first used."""
        self._path = path
        self._patience_s = patience_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{self.table} store")
        self._connection: sqlite3.Connection | None = None
        self._newest: ValueT | None = None
        self._written: ValueT | None = None
        self._writing: Future[None] | None = None
        self._complained = False
        self.lost = False
        """True once `load` found something that it could not read: what had been kept is not known."""
        self._log = logging.getLogger(f"lophoc.{self.table}")

    async def load(self) -> ValueT | None:
        """What was saved last. A file or a value that cannot be read is put aside, and said in the log."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    def keep(self, value: ValueT) -> None:
        """Hand over and return."""
        self._newest = value
        self._writing = self._thread.submit(self._write)

    async def durable(self) -> None:
        """Returns when all that was handed over is on the disk, or when that fails or takes too long."""
        if self._writing is None:
            return
        try:
            async with asyncio.timeout(self._patience_s):
                await asyncio.shield(asyncio.wrap_future(self._writing))
        except TimeoutError:
            self._complain("it takes too long")

    async def close(self) -> None:
        """What was handed over is written first. Idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _complain(self, why: str) -> None:
        if not self._complained:
            self._log.error("%s cannot be written, a restart would not know of the %s: %s", self._path, self.table, why)
        self._complained = True

    # --- in the thread ---

    def _load(self) -> ValueT | None:
        try:
            row = self._open().execute(f"SELECT content FROM {self.table}").fetchone()  # noqa: S608 - our own word
            return None if row is None else self.decode(row[0])
        except (sqlite3.OperationalError, OSError) as why:  # no disk, no right: nothing is wrong with the file
            self.lost = True
            self._complain(str(why))
        except (sqlite3.DatabaseError, ValueError) as why:
            self.lost = True
            self._log.error("%s cannot be read and is put aside: %s", self._path, why)
            self._put_aside()
        return None

    def _write(self) -> None:
        """The newest there is; nothing if an earlier call wrote it already."""
        value = self._newest
        if value is None or value is self._written:
            return
        try:
            with self._open() as transaction:
                insert = f"INSERT OR REPLACE INTO {self.table} VALUES (1, ?)"  # noqa: S608 - our own word
                transaction.execute(insert, [self.encode(value)])
        except (sqlite3.Error, OSError) as why:
            self._complain(str(why))
        else:
            self._written = value
            self._complained = False

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(0o600)  # SQLite gives its log the rights of the file
            connection = sqlite3.connect(self._path, check_same_thread=False, timeout=1.0)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {self.table}"
                    " (slot INTEGER PRIMARY KEY CHECK (slot = 1), content BLOB NOT NULL)"
                )
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _put_aside(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._path.replace(_free_name(self._path))


def _free_name(path: Path) -> Path:
    number = 1
    while (free := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    return free
