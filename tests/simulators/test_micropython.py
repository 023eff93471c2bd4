"""The simulated MicroPython board says what pyexec.c says, and serves a client that nobody here wrote."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simulators.micropython import MicroPythonBoard
from tests.simulators.serial_wire import SerialWire, opened

READY = b"raw REPL; CTRL-B to exit\r\n>"


@contextlib.asynccontextmanager
async def talking(**options: Any) -> AsyncIterator[tuple[MicroPythonBoard, SerialWire]]:
    """In the raw REPL."""
    async with MicroPythonBoard(**options) as board, opened(board.port, 115200) as wire:
        wire.write(b"\r\x03\x03\x01")
        await wire.until(READY)
        yield board, wire


async def mpremote(port: str, *arguments: str) -> str:
    """What it printed. It is another's program under another's licence: a process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mpremote", "connect", port, *arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_mpremote_runs_code_and_moves_files(tmp_path: Path) -> None:
    script = tmp_path / "gears.py"
    script.write_bytes(b"SPEED = 40\n" * 300)
    async with MicroPythonBoard() as board:
        assert (await mpremote(board.port, "exec", "print(6 * 7)")).strip() == "42"
        await mpremote(board.port, "fs", "cp", str(script), ":gears.py")
        assert board.files["gears.py"] == script.read_bytes()
        assert (await mpremote(board.port, "exec", "import gears; print(gears.SPEED)")).strip() == "40"
        await mpremote(board.port, "fs", "rm", ":gears.py")
        assert board.files == {}


async def test_plain_code_is_answered_with_ok_what_it_printed_and_a_traceback() -> None:
    async with talking() as (_, wire):
        wire.write(b"print(1)\x04")
        assert await wire.until(b"\x04>") == b"OK1\r\n\x04\x04>"
        wire.write(b"1/0\x04")
        assert (await wire.until(b"\x04>")).startswith(b"OK\x04Traceback (most recent call last):\r\n")
        wire.write(b"half a line\x03print(2)\x04")
        assert await wire.until(b"\x04>") == b"OK2\r\n\x04\x04>"


async def test_raw_paste_gives_windows_as_a_real_board_did() -> None:
    """Recorded from MicroPython's unix port."""
    async with talking() as (_, wire):
        wire.write(b"\x05A\x01")
        assert await wire.until(b"R\x01\x80\x00\x01") == b"R\x01\x80\x00\x01"
        wire.write(b"#" * 127 + b"\n")
        assert await wire.until(b"\x01") == b"\x01"
        wire.write(b"print(3)\x04")
        assert await wire.until(b"\x04>") == b"\x043\r\n\x04\x04>"
        wire.write(b"\x05A\x01x = 1\x03")
        assert b"KeyboardInterrupt" in await wire.until(b"\x04>")


async def test_a_microbit_takes_the_question_for_raw_paste_as_an_old_board_does() -> None:
    async with talking(model="microbit") as (_, wire):
        wire.write(b"\x05A\x01")
        assert await wire.until(b">") == READY
        wire.write(b"import os\nprint(hasattr(os,'rename'),os.uname()[4])\x04")
        assert b"False micro:bit with nRF51822" in await wire.until(b"\x04>")


async def test_a_soft_reset_forgets_and_runs_boot_but_not_main_from_the_raw_repl() -> None:
    files = {"boot.py": b"print('boot')", "main.py": b"print('main')"}
    async with talking(files=files) as (board, wire):
        wire.write(b"x = 1\x04")
        await wire.until(b"\x04>")
        wire.write(b"\x04")
        said = await wire.until(READY)
        assert b"soft reboot" in said
        assert b"boot" in said
        assert b"main" not in said
        wire.write(b"x\x04")
        assert b"NameError" in await wire.until(b"\x04>")
        wire.write(b"\x02")
        await wire.until(b">>> ")
        wire.write(b"\x04")
        assert b"main" in await wire.until(b">>> ")
        assert board.boots == 3


async def test_the_code_sees_a_board_and_nothing_of_this_computer() -> None:
    async with talking() as (board, wire):
        for code in ("import subprocess", "import socket", "open('/etc/passwd')", "import os\nos.system('true')"):
            wire.write(code.encode() + b"\x04")
            assert b"Error" in await wire.until(b"\x04>"), code
        wire.write(b"from machine import Pin\nPin(2, Pin.OUT).on()\x04")
        await wire.until(b"\x04>")
        assert board.pins == {2: 1}


async def test_a_full_flash_is_errno_28() -> None:
    async with talking(capacity_bytes=10) as (_, wire):
        wire.write(b"f=open('a','wb')\nf.write(b'x'*11)\x04")
        assert b"OSError: [Errno 28] ENOSPC" in await wire.until(b"\x04>")


@pytest.mark.parametrize("code", [b"while True:pass\x04", b"import time\ntime.sleep(100)\x04"])
async def test_ctrl_c_ends_what_runs_and_so_does_pulling_the_cable(code: bytes, tmp_path: Path) -> None:
    async with talking(link=tmp_path / "tty") as (board, wire):
        wire.write(code)
        await board.changes.until(lambda: board.running)
        wire.write(b"\x03")
        assert b"KeyboardInterrupt" in await wire.until(b"\x04>")
        wire.write(code)
        await board.changes.until(lambda: board.running)
        board.unplug()
        assert not board.running
        assert not (tmp_path / "tty").is_symlink()
