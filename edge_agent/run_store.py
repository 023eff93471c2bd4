"""Keeps recorded runs on the disk from one thread: what is handed over is committed about once a second.

While the disk takes nothing, samples wait in memory, so many and no more; who hands over is told when there is no room.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from edge_agent.run import Note, Run, Turned
from edge_agent.run_file import MAX_BYTES, Change, RunArchive, RunFile

MOST_WAITING = 200_000
"""Samples in memory: some 60 MB, and a quarter of an hour of 12 benches at 20 Hz."""
MOST_NOTES = 500

_log = logging.getLogger("lophoc.runs")


class Unwritable(Exception):
    """The disk does not take it now."""


class RunStore:
    """For one process at a time. Use `async with`, or `close`."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, most_waiting: int = MOST_WAITING) -> None:
        self.archive = RunArchive(path)
        self._path, self._max_bytes, self._most_waiting = path, max_bytes, most_waiting
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="run store")
        self._file: RunFile | None = None
        self._pending: dict[str, Change] = {}
        self._waiting = 0
        self._committing = asyncio.Lock()
        self._complained = False

    @property
    def has_room(self) -> bool:
        """False while so much waits for the disk that no more may."""
        return self._waiting < self._most_waiting

    async def unfinished(self) -> list[tuple[Run, list[Turned]]]:
        """Runs that were not over when the agent was stopped. A damaged file is put aside, and said in the log."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._unfinished)

    def keep(self, changes: Iterable[Change]) -> None:
        """Hand over and return; `commit` brings it to the disk."""
        for change in changes:
            self._waiting += len(change.rows)
            before = self._pending.get(change.run.id)
            if before is not None:
                change = Change(change.run, before.rows + change.rows, before.turned + change.turned)
            self._pending[change.run.id] = change

    async def commit(self) -> bool:
        """True once all that was handed over is on the disk."""
        async with self._committing:  # or an older state of a run could come after a newer one
            if not self._pending:
                return True
            pending, self._pending = self._pending, {}
            kept = await asyncio.shield(
                asyncio.get_running_loop().run_in_executor(self._thread, self._commit, list(pending.values()))
            )
            if kept:
                self._waiting -= sum(len(change.rows) for change in pending.values())
                return True
            since, self._pending = self._pending, pending
            self._waiting -= sum(len(change.rows) for change in since.values())
            self.keep(since.values())
            return False

    async def note(self, run: str, note: Note) -> None:
        """Raises NoSuchRun, TooManyNotes, or Unwritable."""
        await self.commit()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._note, run, note)

    async def close(self) -> None:
        """Idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._file is not None:
            self._file.close()
            self._file = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- in the thread ---

    def _unfinished(self) -> list[tuple[Run, list[Turned]]]:
        try:
            return [(run, self.archive.turned(run.id)) for run in self._opened().open_runs()]
        except (sqlite3.OperationalError, OSError) as why:
            self._complain(why)
        except (sqlite3.DatabaseError, ValueError) as why:
            _log.error("%s cannot be read and is put aside: %s", self._path, why)
            self._put_aside()
        return []

    def _commit(self, changes: list[Change]) -> bool:
        try:
            for run in self._opened().commit(changes):
                _log.warning("%s: the run %s is forgotten, for want of room", self._path, run)
        except (sqlite3.Error, OSError) as why:
            self._complain(why)
            return False
        if self._complained:
            _log.info("%s is written again", self._path)
        self._complained = False
        return True

    def _note(self, run: str, note: Note) -> None:
        try:
            self._opened().note(run, note, MOST_NOTES)
        except (sqlite3.Error, OSError) as why:
            self._complain(why)
            raise Unwritable(str(why)) from why

    def _opened(self) -> RunFile:
        if self._file is None:
            self._file = RunFile(self._path, self._max_bytes)
        return self._file

    def _complain(self, why: Exception) -> None:
        if not self._complained:
            _log.error("%s cannot be written, runs wait in memory: %s", self._path, why)
        self._complained = True

    def _put_aside(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        number = 1
        while (free := self._path.with_name(f"{self._path.name}.corrupt-{number}")).exists():
            number += 1
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._path.replace(free)
