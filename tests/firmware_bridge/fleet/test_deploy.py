"""A program for all kits: each ends by itself, what fails is named, what was there is not lost."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from firmware_bridge.fleet.deploy import deploy, stop
from firmware_bridge.fleet.each import Patience
from firmware_bridge.fleet.outcome import Outcome, Progress, State
from tests.firmware_bridge.fleet.lab import bundle, lab

SHORT = Patience(attempts=2, attempt_s=20.0, back_s=0.3)


async def test_every_kit_gets_the_program_and_runs_it(tmp_path: Path) -> None:
    said: list[Progress] = []
    async with lab(tmp_path, micropython=3, firmata=1) as there:
        report = await deploy(there.kits, bundle(), firmware=">=1.20,<2", run=True, told=said.append)
        assert report.ok
        assert report.outcomes == (
            *(Outcome(f"mp-0{n}", State.DONE, program="line-follower 1.0", running="line-follower") for n in (1, 2, 3)),
            Outcome("fi-01", State.DONE, running="ready"),
        )
        for n in (1, 2, 3):
            assert there.micropython(f"mp-0{n}").running, "it goes on when the line is closed"
        assert there.firmata("fi-01").pins[13].value == 1
        sent = [progress.percent for progress in said if (progress.kit, progress.phase) == ("mp-02", "sending")]
        assert sent == sorted(sent, key=lambda percent: percent or 0)
        assert sent[-1] == 100
        assert len(sent) > 5
        assert said[-1].phase == "done"

        stopped = await stop(there.kits)
        assert [one.state for one in stopped.outcomes] == [State.DONE] * 4
        assert not any(there.micropython(f"mp-0{n}").running for n in (1, 2, 3))
        assert there.firmata("fi-01").pins[13].value == 0


async def test_a_kit_that_has_it_already_is_left_as_it_is_and_a_damaged_one_is_mended(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2, firmata=1) as there:
        await deploy(there.kits, bundle())
        there.micropython("mp-02").files["gears.py"] = b"SPEED = 0"
        report = await deploy(there.kits, bundle())
        assert [one.state for one in report.outcomes] == [State.UNCHANGED, State.DONE, State.SKIPPED]
        assert "a kit with firmata holds no programs; flash it instead" in report.of("fi-01").words
        assert there.micropython("mp-02").files["gears.py"] == bundle().files["gears.py"]


async def test_one_that_fails_does_not_hold_up_the_others(tmp_path: Path) -> None:
    faults = {"mp-01": "full", "mp-02": "wrong-firmware", "mp-03": "circuitpython", "mp-04": "damaged"}
    async with lab(tmp_path, micropython=6, faults=faults) as there:
        there.options = {kit: {"boot_s": 0.3, "answer_s": 1.0} for kit in faults}
        there.boards["mp-05"].unplug()
        report = await deploy(there.kits, bundle(), run=True, patience=SHORT)
        assert not report.ok
        assert [(one.state, one.code, one.attempts) for one in report.outcomes] == [
            (State.FAILED, "refused", 1),
            (State.FAILED, report.of("mp-02").code, 2),
            (State.FAILED, "bad-reply", 2),
            (State.FAILED, "bad-reply", 2),
            (State.FAILED, "unreachable", 1),
            (State.DONE, "", 1),
        ]
        assert report.of("mp-02").code in ("timeout", "bad-reply")
        assert "the board is full" in report.of("mp-01").words
        assert "is not there; is it plugged in" in report.of("mp-05").words
        assert "it did not come back in 0.3 s" in report.of("mp-05").words
        assert report.of("mp-06").running == "line-follower"
        assert report.as_json()["kits"][5]["program"] == "line-follower 1.0"


async def test_a_kit_with_other_firmware_than_the_program_is_for_is_not_touched(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=1) as there:
        report = await deploy(there.kits, bundle(), firmware=">=1.24")
        assert report.of("mp-01").words == "line-follower 1.0 is for firmware >=1.24, and this kit has 1.23.0; flash it"
        assert there.micropython("mp-01").files == {}


async def test_a_program_with_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=1) as there:
        there.options = {"mp-01": {"settle_s": 3}}
        wrong = dataclasses.replace(bundle(), files={"line.py": b"go = = 1\n"})
        report = await deploy(there.kits, wrong, run=True)
        assert "SyntaxError: invalid syntax (line.py, line 1)" in report.of("mp-01").words
        assert report.of("mp-01").attempts == 1


async def test_a_kit_that_comes_back_is_tried_again(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2) as there:
        board = there.micropython("mp-01")
        said: list[Progress] = []
        deploying = asyncio.create_task(deploy(there.kits, bundle(), told=said.append), name="deploying")
        await board.changes.until(lambda: "gears.py.new" in board.files)
        board.unplug()
        await there.micropython("mp-02").changes.until(lambda: "gears.py" in there.micropython("mp-02").files)
        board.replug()
        report = await deploying
        assert report.ok
        assert (report.of("mp-01").attempts, report.of("mp-02").attempts, report.retries) == (2, 1, 1)
        assert board.files["gears.py"] == bundle().files["gears.py"]
        waiting = [progress.words for progress in said if progress.phase == "waiting"]
        assert len(waiting) == 1
        assert "attempt 1 of 3" in waiting[0]


async def test_stop_names_the_kit_that_did_not_confirm(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2) as there:
        there.options = {"mp-01": {"boot_s": 0.3, "answer_s": 0.3}}
        await deploy(there.kits, bundle(), run=True)
        there.boards["mp-01"].faults.add("stuck")
        report = await stop(there.kits, patience=SHORT)
        assert [one.state for one in report.outcomes] == [State.FAILED, State.DONE]
        assert "press its reset button" in report.of("mp-01").words
        assert there.micropython("mp-01").running
        assert not there.micropython("mp-02").running


async def test_given_up_it_leaves_no_kit_in_use(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2) as there:
        deploying = asyncio.create_task(deploy(there.kits, bundle()), name="given up")
        board = there.micropython("mp-01")
        await board.changes.until(lambda: "gears.py.new" in board.files)
        deploying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deploying
        report = await deploy(there.kits, bundle())
        assert report.ok
