"""Twelve real MicroPython interpreters at once: given a program, run, one lost in the middle and back, stopped."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from classroom_profiles.room import Room
from firmware_bridge.fleet.deploy import deploy, stop
from firmware_bridge.fleet.each import Patience
from firmware_bridge.fleet.kits import kits_of
from firmware_bridge.fleet.outcome import Progress, State
from tests.firmware_bridge.fleet.lab import bundle
from tests.firmware_bridge.micropython_rig import unix_board

NAMES = [f"mp-{number:02}" for number in range(1, 13)]


def room(directory: Path) -> Room:
    options: dict[str, Any] = {"boot_s": 20, "answer_s": 10, "settle_s": 0.2}
    devices = [
        {
            "id": name,
            "role": "robot-kit",
            "driver": "micropython",
            "options": {"port": str(directory / name / "tty-unix"), **options},
        }
        for name in NAMES
    ]
    return Room.model_validate({"school": "s", "room": "r", "name": {"vi": "P", "en": "R"}, "devices": devices})


@pytest.mark.rig
@pytest.mark.timeout(180)
async def test_a_class_of_real_interpreters_is_given_a_program(tmp_path: Path) -> None:
    kits, sending, gone = kits_of(room(tmp_path)), asyncio.Event(), asyncio.Event()

    def told(progress: Progress) -> None:
        if (progress.kit, progress.phase) == ("mp-05", "sending"):
            sending.set()
        elif (progress.kit, progress.phase) == ("mp-05", "waiting"):
            gone.set()

    async with contextlib.AsyncExitStack() as stack:
        plugged: dict[str, contextlib.AsyncExitStack] = {}

        async def plug(name: str) -> None:
            (tmp_path / name).mkdir(exist_ok=True)
            plugged[name] = await stack.enter_async_context(contextlib.AsyncExitStack())
            await plugged[name].enter_async_context(unix_board(tmp_path / name))

        for name in NAMES:
            await plug(name)
        patience = Patience(attempts=4, attempt_s=60, back_s=30)
        deploying = asyncio.create_task(
            deploy(kits, bundle(), run=True, told=told, patience=patience), name="deploying"
        )
        await sending.wait()
        await plugged["mp-05"].aclose()
        await gone.wait()
        await plug("mp-05")
        report = await deploying
        assert [one.state for one in report.outcomes] == [State.DONE] * 12, report
        assert {one.running for one in report.outcomes} == {"line-follower"}
        assert report.of("mp-05").attempts > 1
        for name in NAMES:
            flash = tmp_path / name / "flash"
            found = {file.name: file.read_bytes() for file in flash.iterdir() if file.name != "lophoc.json"}
            assert found == dict(bundle().files), name
        assert (await stop(kits)).ok
