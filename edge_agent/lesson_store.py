"""Keeps the room's one lesson through kill -9 and power cuts, so that it can be taken up again.

One row in SQLite (WAL, synchronous=FULL: a commit is one fsync of a few KB), written by one thread. Before a device
is told anything, whoever tells it waits until the intent is durable; but no longer than `patience_s`: a card that
hangs must not hold up a lesson, it only costs the memory of it. What comes while one is written becomes one commit.
"""

import asyncio
import logging
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from edge_agent.lesson import Lesson, from_json, to_json

_log = logging.getLogger("lophoc.lesson")


class LessonStore:
    """For one process at a time. Use `async with`, or `close`."""

    def __init__(self, path: Path, patience_s: float = 1.0) -> None:
        """The file is opened, or made, when it is first used."""
        self._path = path
        self._patience_s = patience_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lesson store")
        self._connection: sqlite3.Connection | None = None
        self._newest: Lesson | None = None
        self._written: Lesson | None = None
        self._writing: Future[None] | None = None
        self._complained = False

    async def load(self) -> Lesson | None:
        """The lesson saved last. A file or a lesson that cannot be read is put aside, and said in the log."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    def keep(self, lesson: Lesson) -> None:
        """Hand over and return."""
        self._newest = lesson
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
            _log.error("%s cannot be written, a restart would not know of the lesson: %s", self._path, why)
        self._complained = True

    # --- in the thread ---

    def _load(self) -> Lesson | None:
        try:
            row = self._open().execute("SELECT content FROM lesson").fetchone()
            return None if row is None else from_json(row[0])
        except (sqlite3.OperationalError, OSError) as why:  # no disk, no right: nothing is wrong with the file
            self._complain(str(why))
        except (sqlite3.DatabaseError, ValueError) as why:
            _log.error("%s cannot be read and is put aside: %s", self._path, why)
            self._put_aside()
        return None

    def _write(self) -> None:
        """The newest there is; nothing if an earlier call wrote it already."""
        lesson = self._newest
        if lesson is None or lesson is self._written:
            return
        try:
            with self._open() as transaction:
                transaction.execute("INSERT OR REPLACE INTO lesson VALUES (1, ?)", [to_json(lesson)])
        except (sqlite3.Error, OSError) as why:
            self._complain(str(why))
        else:
            self._written = lesson
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
                    "CREATE TABLE IF NOT EXISTS lesson"
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
