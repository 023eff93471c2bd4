"""Real MicroPython: its unix port as a board on a pty (where the rig lies beside the checkout), and in a micro:bit."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[3] / "shared" / "rigs" / "mpboard.py"
_READY_S = 20.0


def rig_script() -> Path:
    """Skips the test where there is none."""
    script = Path(os.environ.get("LOPHOC_MICROPYTHON_RIG", _BESIDE))
    if not script.is_file():
        pytest.skip(f"no rig with a real MicroPython at {script}; LOPHOC_MICROPYTHON_RIG may name another")
    return script


def microbit_firmware() -> Path:
    """Skips the test where Debian's emulator or firmware is not installed."""
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("no qemu-system-arm; on Debian: apt install qemu-system-arm firmware-microbit-micropython")
    listed = subprocess.run(["dpkg", "-L", "firmware-microbit-micropython"], capture_output=True, text=True)
    found = re.search(r"^\S+\.hex$", listed.stdout, re.MULTILINE)
    if found is None:
        pytest.skip("no firmware for the micro:bit; on Debian: apt install firmware-microbit-micropython")
    return Path(found[0])


@contextlib.asynccontextmanager
async def unix_board(directory: Path, memory_kib: int | None = None) -> AsyncIterator[tuple[str, Path]]:
    """A port, and the directory that is the board's flash. `memory_kib`: for its Python; plenty where left out."""
    link, flash = directory / "tty-unix", directory / "flash"
    interpreter = Path(sys.executable).with_name("micropython")
    if memory_kib is not None:
        small = directory / "small-micropython"
        small.write_text(f'#!/bin/sh\nexec {interpreter} -X heapsize={memory_kib}k "$@"\n', encoding="utf-8")
        small.chmod(0o700)
        interpreter = small
    arguments = (sys.executable, str(rig_script()), str(link), str(flash), str(interpreter))
    async with _process(*arguments, until=rb"PTY (\S+)"):
        yield str(link), flash


@contextlib.asynccontextmanager
async def microbit() -> AsyncIterator[str]:
    """A port."""
    loader = f"loader,file={microbit_firmware()}"
    machine = ("-M", "microbit", "-nographic", "-monitor", "none", "-serial", "pty", "-device", loader)
    async with _process("qemu-system-arm", *machine, until=rb"(/dev/pts/\d+)") as port:
        yield port


@contextlib.asynccontextmanager
async def _process(*arguments: str, until: bytes) -> AsyncIterator[str]:
    """A running process, and what stood in the first line that it wrote."""
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_READY_S):
            while (found := re.search(until, line := await process.stdout.readline())) is None:
                assert line, f"{arguments[0]} ended"
        yield found[1].decode()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
