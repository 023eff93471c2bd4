"""`lophoc robots`: what a person reads and a script gets, and the exit code of each."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from classroom_profiles.room import Room
from firmware_bridge.fleet.cli import robots
from firmware_bridge.fleet.display import FleetDisplay
from firmware_bridge.fleet.flash_record import FlashRecords
from firmware_bridge.fleet.kits import kits_of
from firmware_bridge.fleet.outcome import Progress
from tests.firmware_bridge.fleet.lab import Lab, lab

ROOM = {"school": "s", "room": "lab", "name": {"vi": "Lab", "en": "Lab"}}


async def run(*arguments: str) -> Result:
    """In a thread of its own: the boards live in this one's loop."""
    async with asyncio.timeout(60):
        return await asyncio.to_thread(CliRunner().invoke, robots, list(arguments))


def words(result: Result) -> str:
    return result.output + (result.stderr if result.stderr_bytes is not None else "")


def room(there: Lab) -> tuple[str, str]:
    return ("--room", str(there.room_file))


async def test_a_lesson_from_the_bell_to_its_end(tmp_path: Path) -> None:
    records = ("--records", str(tmp_path / "flashing"))
    async with lab(tmp_path, micropython=2, firmata=1) as there:
        library = ("--library", str(there.library()))
        told = await run("check", *room(there), *records)
        assert (told.exit_code, "3/3 bộ sẵn sàng / kits ready" in words(told)) == (0, True), words(told)
        told = await run("deploy", "line-follower", *room(there), *library, "--run")
        assert told.exit_code == 0, words(told)
        assert "mp-01            ✓ xong / done, line-follower 1.0, đang chạy / runs: line-follower" in words(told)
        assert "fi-01            ✓ xong / done, ready" in words(told)
        assert there.micropython("mp-02").running
        told = await run("stop", *room(there), "--json")
        assert (told.exit_code, json.loads(told.stdout)["ok"]) == (0, True)
        assert not there.micropython("mp-02").running


async def test_a_kit_that_is_not_ready_is_exit_code_one_and_says_what_to_do(tmp_path: Path) -> None:
    FlashRecords(tmp_path / "flashing").begin("fi-01", "/dev/x", "standard-firmata 2.5.8")
    async with lab(tmp_path, micropython=2, firmata=1) as there:
        there.boards["mp-02"].unplug()
        library = ("--library", str(there.library()), "--program", "line-follower")
        told = await run("check", *room(there), "--records", str(tmp_path / "flashing"), *library, "--json")
        assert told.exit_code == 1
        kits: dict[str, Any] = {one["kit"]: one for one in json.loads(told.stdout)["kits"]}
        assert kits["mp-01"]["problems"] == ["it does not have line-follower 1.0; deploy it"]
        assert "is not there" in kits["mp-02"]["problems"][0]
        assert "its firmware may be half written: flashing standard-firmata 2.5.8" in kits["fi-01"]["problems"][0]
        told = await run("deploy", "line-follower", *room(there), *library[:2], "--wait", "0.3", "--attempts", "2")
        assert told.exit_code == 1
        assert "mp-02            ✗ lỗi / failed" in words(told)
        assert "2/3 bộ xong / kits done" in words(told)


async def test_kits_may_be_chosen(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=3) as there:
        there.groups = {"mp-01": "red", "mp-02": "blue"}
        library = ("--library", str(there.library()))
        await run("deploy", "line-follower", *room(there), *library, "--group", "blue", "--kit", "mp-03")
        assert [bool(there.micropython(f"mp-0{n}").files) for n in (1, 2, 3)] == [False, True, True]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("deploy", "line-folower"), 2, "did you mean 'line-follower'"),
        (("deploy", "line-follower", "--kit", "mp-9"), 2, "no robot kit 'mp-9'"),
        (("deploy", "line-follower", "--group", "x"), 2, "no group 'x'"),
        (("flash", "x", "--kit", "mp-01"), 2, "the library has no firmware 'x'"),
        (("flash", "x"), 2, "say which: --kit ID or --group NAME"),
    ],
)
async def test_wrong_use_says_what_would_be_right(
    tmp_path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    async with lab(tmp_path, micropython=1) as there:
        result = await run(*arguments, *room(there), "--library", str(there.library()))
        assert (result.exit_code, told in words(result)) == (code, True), words(result)


async def test_a_library_that_is_wrong_is_told_with_line_and_field(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=1) as there:
        folder = there.library()
        assert "line-follower            1.0" in words(await run("library", str(folder)))
        (folder / "line.py").write_bytes(b"changed")
        result = await run("library", str(folder))
        assert (result.exit_code, "programs[0].files.line.py: line.py is not the file" in words(result)) == (1, True)
        result = await run("deploy", "line-follower", *room(there), "--library", str(folder), "--json")
        assert json.loads(result.stdout)["problems"][0]["field"] == "programs[0].files.line.py"
        assert there.micropython("mp-01").files == {}


def test_progress_is_a_line_a_change_where_lines_cannot_be_redrawn(capsys: pytest.CaptureFixture[str]) -> None:
    device = {"id": "kit-01", "role": "robot-kit", "driver": "firmata", "options": {"port": "p"}}
    display = FleetDisplay(kits_of(Room.model_validate({**ROOM, "devices": [device]})))
    for percent in (0, 50, 100):
        display.told(Progress("kit-01", "sending", percent))
    display.told(Progress("kit-01", "done"))
    display.told(Progress("a-stranger", "done"))
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["gửi", "✓"]
