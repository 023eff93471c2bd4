"""Child processes that never outlive their parent: started, awaited until ready, stopped in reverse order."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_STOP_S = 8.0
_WRONG_USE = 2
"""The exit code of all our commands for it."""
_PR_SET_PDEATHSIG = 1  # prctl(2): a signal for the child when its parent dies


class ChildFailed(Exception):
    """A part did not start, or stopped by itself; the text has the last lines it wrote."""

    def __init__(self, text: str, *, wrong_use: bool = False) -> None:
        """`wrong_use`: the part did not take what it was given."""
        super().__init__(text)
        self.wrong_use = wrong_use


@dataclass(slots=True)
class Child:
    """One running part of the demo, its output in a file."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    ready: str = ""
    """What it printed after the word `ready`: usually its address."""

    async def stop(self) -> None:
        """Ask it to stop, then insist."""
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await self.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    def last_words(self, lines: int = 12) -> str:
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


@dataclass(slots=True)
class Children:
    """The parts of one demo."""

    logs: Path
    running: list[Child] = field(default_factory=list)

    async def lophoc(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Child:
        """Start `lophoc ...` and wait for its line `ready ...`. Raises ChildFailed."""
        return await self.start(name, [sys.executable, "-m", "lophoc", *arguments], environment, wait=True)

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None, *, wait: bool = False
    ) -> Child:
        """Start a program; with `wait`, until it has printed `ready ...`. Raises ChildFailed."""
        log = self.logs / f"{name}.log"
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if wait else out,
                stderr=out,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
                start_new_session=True,  # a Ctrl-C in the terminal reaches us alone; we stop the parts in order
                preexec_fn=_die_with_parent,
            )
        child = Child(name, process, log)
        self.running.append(child)
        if wait:
            await self._until_ready(child)
        return child

    async def first_to_stop(self) -> Child:
        """Wait until any part stops by itself."""
        waits = {asyncio.create_task(child.process.wait(), name=f"wait {child.name}"): child for child in self.running}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return waits[done.pop()]
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def stop_all(self) -> None:
        """Latest first: the agent says goodbye before its broker goes."""
        for child in reversed(self.running):
            await child.stop()
        self.running.clear()

    async def _until_ready(self, child: Child, timeout_s: float = 30.0) -> None:
        assert child.process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                while line := await child.process.stdout.readline():
                    text = line.decode(errors="replace").strip()
                    if text.startswith("ready"):
                        child.ready = text.removeprefix("ready").strip()
                        return
        except TimeoutError:
            raise ChildFailed(f"{child.name}: not ready after {timeout_s:.0f} s\n{child.last_words()}") from None
        code = await child.process.wait()
        raise ChildFailed(
            f"{child.name}: stopped with exit code {code}\n{child.last_words()}", wrong_use=code == _WRONG_USE
        )


@contextlib.asynccontextmanager
async def children(logs: Path) -> AsyncIterator[Children]:
    """A group of child processes; leaving stops every one of them."""
    group = Children(logs)
    try:
        yield group
    finally:
        stopping = asyncio.ensure_future(group.stop_all())
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:  # a second Ctrl-C: still leave nothing behind
            await stopping
            raise


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """Runs in the child: if the demo itself is killed, its parts go too (Linux)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
