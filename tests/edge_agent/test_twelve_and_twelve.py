"""Twelve Firmata and twelve MicroPython kits in one agent: three are unplugged in the middle; what is shown is true."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from firmware_bridge.fleet.each import Patience
from tests.edge_agent.robot_room import RobotRoom, assert_it_is_so, robot_room, states
from tests.firmware_bridge.fleet.lab import lab

GONE = {"mp-02": "sending", "mp-07": "checking", "fi-05": "starting"}


async def assert_all_is_so(room: RobotRoom) -> None:
    await room.verified(*(kit for kit in room.lab.boards if kit.startswith("mp-") and room.desk.holds(kit)))
    for kit in (await room.fleet())["kits"]:
        assert_it_is_so(room.lab, kit)


@pytest.mark.timeout(120)
async def test_all_end_in_the_state_that_the_screen_says(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=12, firmata=12) as there, robot_room(tmp_path / "data", there) as room:
        with ExitStack() as stack:
            waiting = {}
            for kit, phase in GONE.items():
                stack.enter_context(room.when(kit, phase, there.boards[kit].unplug))
                waiting[kit] = stack.enter_context(room.when(kit, "waiting"))
            await room.ask("deploy", program="line-follower", run=True)

            async def replug(kit: str) -> None:
                await waiting[kit].wait()
                there.boards[kit].replug()

            async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                for kit in GONE:
                    tasks.create_task(replug(kit))
        fleet = await room.over()
        assert len(fleet["kits"]) == 24
        assert set(states(fleet).values()) == {"done"}
        assert {kit["id"] for kit in fleet["kits"] if kit["work"]["attempts"] > 1} >= set(GONE)
        await assert_all_is_so(room)
        assert all(kit["program"] == "line-follower" for kit in fleet["kits"] if kit["id"].startswith("mp-"))
        await room.ask("stop")
        assert set(states(await room.over()).values()) == {"done"}
        await assert_all_is_so(room)


@pytest.mark.timeout(120)
async def test_those_that_come_back_too_late_are_named_and_then_shown_as_what_they_hold(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=12, firmata=12) as there, robot_room(tmp_path / "data", there) as room:
        await room.ask("deploy", program="line-follower")
        await room.over()
        there.library(version="2.0")
        room.desk.be_patient(Patience(attempts=2, back_s=0.3), back_s=0.3)
        with ExitStack() as stack:
            for kit, phase in GONE.items():
                stack.enter_context(room.when(kit, phase, there.boards[kit].unplug))
            await room.ask("deploy", program="line-follower", run=True)
            fleet = await room.over()
        assert {kit for kit, state in states(fleet).items() if state == "failed"} == set(GONE)
        for kit in GONE:
            there.boards[kit].replug()
            room.there.live.hurry(kit)
        await room.until(lambda: all(room.there.live.health(kit).is_well for kit in GONE))
        await assert_all_is_so(room)
        held = {kit["id"]: kit["holds"] for kit in (await room.fleet())["kits"]}
        assert [one["version"] for one in held["mp-02"]] == ["1.0"]
        assert [one["version"] for one in held["mp-01"]] == ["2.0"]
        assert (await room.ask("retry"))["kits"] == list(GONE)
        assert set(states(await room.over()).values()) <= {"done", "unchanged"}
        await assert_all_is_so(room)
