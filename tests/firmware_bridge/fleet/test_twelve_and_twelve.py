"""Twelve Firmata and twelve MicroPython kits at once: three are unplugged in the middle; the report is the truth."""

import asyncio
from pathlib import Path

import pytest

from firmware_bridge.fleet.deploy import deploy, stop
from firmware_bridge.fleet.each import Patience
from firmware_bridge.fleet.outcome import Outcome, Progress, State
from tests.firmware_bridge.fleet.lab import Lab, bundle, lab

GONE = ("mp-02", "mp-07", "fi-05")
"""One in each piece of the transfer, and one that only gets ready."""
PATIENCE = Patience(attempts=4, attempt_s=40.0, back_s=20.0)


def assert_it_is_so(there: Lab, outcome: Outcome, version: str) -> None:
    """What the report says of a kit is what the kit itself shows."""
    if outcome.kit.startswith("fi-"):
        lit = there.firmata(outcome.kit).pins[13].value == 1
        assert lit == (outcome.running == "ready"), outcome
        return
    board = there.micropython(outcome.kit)
    assert board.running == (outcome.running == "line-follower"), outcome
    if outcome.program:
        assert outcome.program == f"line-follower {version}"
        kept = {name: content for name, content in board.files.items() if name != "lophoc.json"}
        assert kept == dict(bundle(version).files), outcome
        assert f'"version":"{version}"'.encode() in board.files["lophoc.json"]


async def pull(there: Lab, kit: str, phase: str, said: dict[str, asyncio.Event]) -> None:
    """Unplug a kit as soon as it is in that phase."""
    await said[f"{kit} {phase}"].wait()
    there.boards[kit].unplug()


@pytest.mark.timeout(120)
async def test_all_end_in_the_state_that_the_report_says(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=12, firmata=12) as there:
        phases = {"mp-02": "sending", "mp-07": "checking", "fi-05": "starting"}
        events = {f"{kit} {phase}": asyncio.Event() for kit, phase in phases.items()}
        events |= {f"{kit} waiting": asyncio.Event() for kit in GONE}

        def told(progress: Progress) -> None:
            if (event := events.get(f"{progress.kit} {progress.phase}")) is not None:
                event.set()

        async def back(kit: str) -> None:
            await pull(there, kit, phases[kit], events)
            await events[f"{kit} waiting"].wait()
            there.boards[kit].replug()

        async with asyncio.TaskGroup() as group:
            deploying = group.create_task(deploy(there.kits, bundle(), run=True, told=told, patience=PATIENCE))
            for kit in GONE:
                group.create_task(back(kit), name=f"pulling {kit}")
        report = deploying.result()
        assert report.ok, report
        assert len(report.outcomes) == 24
        assert {one.kit for one in report.outcomes if one.attempts > 1} >= set(GONE)
        for outcome in report.outcomes:
            assert outcome.state is State.DONE
            assert_it_is_so(there, outcome, "1.0")

        stopped = await stop(there.kits, patience=PATIENCE)
        assert stopped.ok, stopped
        for outcome in stopped.outcomes:
            assert_it_is_so(there, outcome, "1.0")


@pytest.mark.timeout(120)
async def test_those_that_do_not_come_back_are_named_and_hold_what_they_held(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=12, firmata=12) as there:
        assert (await deploy(there.kits, bundle("1.0"))).ok
        before = dict(there.micropython("mp-02").files)
        events = {f"{kit} {phase}": asyncio.Event() for kit, phase in (("mp-02", "sending"), ("fi-05", "starting"))}

        def told(progress: Progress) -> None:
            if (event := events.get(f"{progress.kit} {progress.phase}")) is not None:
                event.set()

        short = Patience(attempts=2, attempt_s=40.0, back_s=0.5)
        async with asyncio.TaskGroup() as group:
            deploying = group.create_task(deploy(there.kits, bundle("2.0"), run=True, told=told, patience=short))
            group.create_task(pull(there, "mp-02", "sending", events))
            group.create_task(pull(there, "fi-05", "starting", events))
        report = deploying.result()
        assert [one.kit for one in report.outcomes if one.state is State.FAILED] == ["mp-02", "fi-05"]
        for kit in ("mp-02", "fi-05"):
            assert (report.of(kit).code, report.of(kit).running) == ("unreachable", "")
        for outcome in report.outcomes:
            assert_it_is_so(there, outcome, "2.0")
        kept = there.micropython("mp-02").files
        assert {name: kept[name] for name in before} == before
