"""Real StandardFirmata on a simulated ATmega328P, where the rig that builds and runs it lies beside the checkout."""

import asyncio
import contextlib
import fcntl
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from simulators.changes import Changes

_BESIDE = Path(__file__).parents[3] / "shared" / "rigs" / "firmata_rig.sh"
_SETUP_S = 200.0


def rig_script() -> Path:
    """Skips the test where there is none."""
    script = Path(os.environ.get("LOPHOC_FIRMATA_RIG", _BESIDE))
    if not script.is_file():
        pytest.skip(f"no rig with real firmware at {script}; LOPHOC_FIRMATA_RIG may name another")
    return script


def set_up(script: Path, directory: Path) -> None:
    """Build firmware and board in `directory`, once for all processes that test at the same time."""
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (directory / "built").exists():
            return
        done = subprocess.run(
            ["bash", str(script), "setup", str(directory)], capture_output=True, text=True, timeout=_SETUP_S
        )
        assert done.returncode == 0, f"{script} setup: {(done.stdout + done.stderr)[-3000:]}"
        (directory / "built").touch()


class RigBoard:
    """The board as it runs: what its pins show, and what a hand can do to it."""

    def __init__(self, link: Path, process: asyncio.subprocess.Process) -> None:
        self.port = str(link)
        self.pins: dict[str, int] = {}
        """`D13` to 0 or 1, as they were seen to change."""
        self.said: list[str] = []
        self._process = process
        self._changes = Changes()

    def do(self, words: str) -> None:
        """`adc 0 2500`, `in D2 1`, `reset`, `unplug`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n".encode())

    async def until(self, holds: Callable[[], bool]) -> None:
        await self._changes.until(holds, timeout_s=30)

    async def listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            words = line.decode().split()
            if words[0] == "PIN":
                self.pins[words[1]] = int(words[2])
            self.said.append(words[0])
            self._changes.tell()


def running(script: Path, directory: Path, link: Path) -> contextlib.AbstractAsyncContextManager[RigBoard]:
    """With the firmware in its flash."""
    return _board("run", script, directory, link)


def flashable(script: Path, directory: Path, link: Path) -> contextlib.AbstractAsyncContextManager[RigBoard]:
    """With only a bootloader, at 57600 bits a second."""
    return _board("flashable", script, directory, link)


@contextlib.asynccontextmanager
async def _board(how: str, script: Path, directory: Path, link: Path) -> AsyncIterator[RigBoard]:
    process = await asyncio.create_subprocess_exec(
        *("bash", str(script), how, str(directory), str(link)),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    board = RigBoard(link, process)
    listening = asyncio.create_task(board.listen(), name="listening to the rig")
    try:
        await board.until(lambda: "PTY" in board.said)
        yield board
    finally:
        process.kill()
        await process.wait()
        await listening
