"""Flashing: what tools say is understood, nothing is left half flashed in silence, avrdude writes a real chip."""

import asyncio
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from classroom_profiles.room import Room
from firmware_bridge.fleet.flash import ToolMissing, find_tool, flash, half_flashed
from firmware_bridge.fleet.flash_record import FlashRecords
from firmware_bridge.fleet.flash_tools import TOOLS, Phase
from firmware_bridge.fleet.kits import Kit, kits_of
from firmware_bridge.fleet.library import AvrFirmware, EspFirmware, MpremoteFirmware
from firmware_bridge.fleet.outcome import Progress, State
from simulators.micropython import MicroPythonBoard
from simulators.pty_port import PtyPort
from tests.firmware_bridge.firmata_rig import flashable, rig_script


def avr(**options: Any) -> AvrFirmware:
    given = {"name": "fi", "version": "2.5.8", "file": "f.hex", "sha256": "0" * 64, "tool": "avrdude", "timeout_s": 20}
    return AvrFirmware.model_validate({**given, **options})


def esp() -> EspFirmware:
    written = {"name": "mp", "version": "1.23.0", "file": "f.bin", "sha256": "0" * 64, "tool": "esptool"}
    return EspFirmware.model_validate({**written, "timeout_s": 40, "chip": "esp32", "baudrate": 115200})


def kit(port: Path | str) -> Kit:
    device = {"id": "kit-01", "role": "robot-kit", "driver": "firmata", "options": {"port": str(port)}}
    room = {"school": "s", "room": "r", "name": {"vi": "P", "en": "R"}, "devices": [device]}
    return kits_of(Room.model_validate(room))[0]


def tool(directory: Path, name: str, script: str) -> str:
    """A folder in which the program `name` is this shell script."""
    folder = directory / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def is_running(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and " Z " not in state.read_text()


@pytest.fixture
def port(tmp_path: Path) -> Path:
    """A port at which nobody is."""
    link = tmp_path / "tty"
    link.symlink_to("/dev/null")
    return link


@pytest.fixture
def records(tmp_path: Path) -> FlashRecords:
    return FlashRecords(tmp_path / "flashing")


WRITES = 'echo "Writing | ##########################" ; echo "Reading | ####" ;'
GOOD = f'{WRITES} echo "avrdude: 14338 bytes of flash verified"'


async def test_a_flashing_is_done_when_the_tool_said_that_it_verified(
    tmp_path: Path, port: Path, records: FlashRecords
) -> None:
    said: list[Progress] = []
    path = tool(tmp_path, "avrdude", f'echo "$@" > {tmp_path}/called; {GOOD}')
    report = await flash([kit(port)], avr(), tmp_path / "f.hex", records, said.append, tool_path=path)
    assert (report.of("kit-01").state, report.of("kit-01").program) == (State.DONE, "fi 2.5.8")
    assert (tmp_path / "called").read_text().split() == [
        *("-p", "m328p", "-c", "arduino", "-P", str(port), "-b", "115200", "-D", "-U"),
        f"flash:w:{tmp_path / 'f.hex'}:i",
    ]
    assert {progress.phase for progress in said} >= {"connecting", "verifying", "done"}
    assert records.left() == {}


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (
            'echo "avrdude: stk500_recv(): programmer is not responding" >&2; exit 1',
            "not-flashed",
            "its bootloader does not answer.*; nothing was written, it has the firmware that it had",
        ),
        (f'{WRITES} echo "avrdude: verification error, first mismatch at byte 0x0000"; exit 1', "half-flashed",
         "what is in the chip is not what was sent; flash it again; its firmware may be half written"),
        (f'{WRITES} echo "device vanished" >&2; exit 3', "half-flashed", "avrdude said: device vanished"),
        (f"{WRITES} exit 0", "half-flashed", "ended well, but never said that it verified anything"),
        ("exit 0", "not-flashed", "never said that it verified anything; nothing was written"),
        ("exit 1", "not-flashed", "avrdude said nothing"),
    ],
)  # fmt: skip
async def test_a_failure_is_told_and_what_may_be_half_written_stays_on_record(
    tmp_path: Path, port: Path, records: FlashRecords, script: str, code: str, words: str
) -> None:
    path = tool(tmp_path, "avrdude", script)
    report = await flash([kit(port)], avr(), tmp_path / "f.hex", records, tool_path=path)
    outcome = report.of("kit-01")
    assert (outcome.state, outcome.code) == (State.FAILED, code)
    assert re.search(words, outcome.words), outcome.words
    assert bool(records.left()) == (code == "half-flashed")
    if records.left():
        assert "flashing fi 2.5.8 began" in half_flashed(records)["kit-01"]
        assert "was never verified; flash it again" in half_flashed(records)["kit-01"]
        tool(tmp_path, "avrdude", "exit 1")
        again = await flash([kit(port)], avr(), tmp_path / "f.hex", records, tool_path=path)
        assert again.of("kit-01").code == "half-flashed", "what was half written is so still"
        tool(tmp_path, "avrdude", GOOD)
        assert (await flash([kit(port)], avr(), tmp_path / "f.hex", records, tool_path=path)).ok
        assert records.left() == {}


async def test_the_record_is_on_disk_before_the_tool_begins_and_stays_if_we_are_stopped(
    tmp_path: Path, port: Path, records: FlashRecords
) -> None:
    path = tool(tmp_path, "avrdude", f"{WRITES} touch {tmp_path}/began; exec sleep 100")
    said = asyncio.Event()

    def told(progress: Progress) -> None:
        if progress.phase == "verifying":
            said.set()

    work = asyncio.create_task(flash([kit(port)], avr(), tmp_path / "f.hex", records, told, tool_path=path), name="w")
    await said.wait()
    (record,) = (tmp_path / "flashing").iterdir()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert list(records.left()) == ["kit-01"]


async def test_a_tool_that_does_not_end_is_stopped_with_all_that_it_started(
    tmp_path: Path, port: Path, records: FlashRecords
) -> None:
    path = tool(tmp_path, "avrdude", f"{WRITES} sleep 1000 & echo $! > {tmp_path}/child; wait")
    report = await flash([kit(port)], avr(timeout_s=0.5), tmp_path / "f.hex", records, tool_path=path)
    assert "it was not done in 0.5 s, and was stopped" in report.of("kit-01").words
    assert report.of("kit-01").code == "half-flashed"
    child = int((tmp_path / "child").read_text())
    assert not is_running(child)


async def test_nothing_is_touched_without_a_record_a_port_or_the_tool(
    tmp_path: Path, port: Path, records: FlashRecords
) -> None:
    path = tool(tmp_path, "avrdude", f"touch {tmp_path}/called")
    (tmp_path / "a-file").touch()
    report = await flash([kit(port)], avr(), tmp_path / "f.hex", FlashRecords(tmp_path / "a-file"), tool_path=path)
    assert "no record of the flashing can be written" in report.of("kit-01").words
    report = await flash([kit(tmp_path / "none")], avr(), tmp_path / "f.hex", records, tool_path=path)
    assert "is not there; is it plugged in?; nothing was written" in report.of("kit-01").words
    with pytest.raises(ToolMissing, match="avrdude is not installed; it comes with the package avrdude: sudo apt"):
        await flash([kit(port)], avr(), tmp_path / "f.hex", records, tool_path=str(tmp_path))
    assert not (tmp_path / "called").exists()
    assert records.left() == {}


def test_a_record_that_cannot_be_read_still_names_its_kit(tmp_path: Path, records: FlashRecords) -> None:
    records.begin("kit-01", "/dev/ttyACM0", "fi 2.5.8")
    (tmp_path / "flashing" / "kit-01.flashing").write_bytes(b"\xff")
    assert "an unknown firmware" in half_flashed(records)["kit-01"]


@pytest.mark.parametrize(
    ("name", "printed", "phase"),
    [
        ("avrdude", "", Phase("connecting")),
        ("avrdude", "Reading | ################################################## | 100% 0.01s", Phase("connecting")),
        ("avrdude", "Reading | ## | 100%\nWriting | #####", Phase("writing", 10)),
        ("avrdude", "Writing | ################################################## | 100% 2s\nReading | #",
         Phase("verifying", 2)),
        ("esptool", "Connecting....", Phase("connecting")),
        ("esptool", "Compressed 1500 bytes to 900...", Phase("writing", 0)),
        ("esptool", "Writing at 0x00001000... (3 %)\rWriting at 0x00005000... (42 %)", Phase("writing", 42)),
        ("esptool", "Writing at 0x00005000 [====>   ]  12.5% 4096/32768 bytes...", Phase("writing", 12)),
        ("esptool", "Hash of data verified.", Phase("verifying", 100)),
        ("mpremote", "cp f.py :main.py", Phase("writing")),
        ("mpremote", "cp f.py :main.py\nsha256sum :main.py\n", Phase("verifying")),
    ],
)  # fmt: skip
def test_the_tools_words_are_understood(name: str, printed: str, phase: Phase) -> None:
    assert TOOLS[name].phase(printed) == phase


# --- real tools ------------------------------------------------------------------------------------------------------


async def test_esptool_without_a_chip_is_told_to_hold_boot(tmp_path: Path, records: FlashRecords) -> None:
    silent = PtyPort(tmp_path / "tty", lambda _: None)
    silent.plug()
    (tmp_path / "f.bin").write_bytes(b"\xe9" + bytes(1023))
    try:
        report = await flash([kit(tmp_path / "tty")], esp(), tmp_path / "f.bin", records)
    finally:
        silent.unplug()
    assert report.of("kit-01").code == "not-flashed"
    assert "hold its BOOT button down" in report.of("kit-01").words, report
    assert records.left() == {}


async def test_mpremote_puts_a_main_program_on_a_board_and_verifies_it(tmp_path: Path, records: FlashRecords) -> None:
    content = b"print('hello')\n" * 40
    (tmp_path / "blink.py").write_bytes(content)
    written = {"name": "blink", "version": "1", "file": "blink.py", "tool": "mpremote"}
    firmware = MpremoteFirmware.model_validate({**written, "sha256": hashlib.sha256(content).hexdigest()})
    async with MicroPythonBoard(tmp_path / "tty") as board:
        report = await flash([kit(tmp_path / "tty")], firmware, tmp_path / "blink.py", records)
        assert report.ok, report
        assert board.files["main.py"] == content
        assert records.left() == {}
        board.faults.add("full")
        report = await flash([kit(tmp_path / "tty")], firmware, tmp_path / "blink.py", records)
        assert report.of("kit-01").code == "half-flashed"
    assert find_tool("mpremote")


@pytest.mark.rig
@pytest.mark.timeout(240)
async def test_avrdude_writes_and_verifies_a_real_bootloader(
    tmp_path: Path, built_rig: tuple[Path, Path], records: FlashRecords
) -> None:
    assert rig_script() == built_rig[0]
    said: list[Progress] = []
    async with flashable(*built_rig, tmp_path / "tty-avr") as board:
        firmware = avr(baudrate=57600, timeout_s=120)
        report = await flash([kit(board.port)], firmware, built_rig[1] / "StandardFirmata.hex", records, said.append)
        assert report.ok, report
        percents = [progress.percent for progress in said if progress.phase == "writing"]
        assert percents == sorted(percents, key=lambda percent: percent or 0)
        assert (percents[-1] or 0) >= 90
        assert records.left() == {}
        wrong = avr(baudrate=57600, part="m2560", timeout_s=120)
        report = await flash([kit(board.port)], wrong, built_rig[1] / "StandardFirmata.hex", records)
        assert not report.ok
        assert report.of("kit-01").code in ("not-flashed", "half-flashed")
