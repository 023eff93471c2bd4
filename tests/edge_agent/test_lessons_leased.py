"""Lessons and buttons meet leases: what somebody holds is left alone, and in an emergency nobody is asked."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from classroom_profiles.telemetry import Point
from edge_agent.leases import Leased
from edge_agent.lesson import LessonState, StepState
from edge_agent.triggers import Triggers
from tests.edge_agent.fake_driver import FakeRoom, task
from tests.edge_agent.lesson_room import FINAL, ROOM, held, profile

BENCH = [
    {"role": "lights", "set": {"switch": False}},
    {"role": "screen", "set": {"switch": True}, "need": "optional"},
]
NEEDED = [{"role": "screen", "set": {"switch": True}, "need": "required"}]
PROFILES = (profile("lab", BENCH), profile("needed", NEEDED), profile("emergency", BENCH, preempts="yes"))


def screen_is_held(device: str) -> None:
    if device == "screen":
        raise Leased("screen is held by tablet-1")


async def test_a_lesson_leaves_alone_what_somebody_holds_and_says_so(tmp_path: Path) -> None:
    async with held(tmp_path, profiles=PROFILES, may_tell=screen_is_held) as one:
        lesson = await one.run("lab")
        assert lesson.state is LessonState.READY
        screen = lesson.step("screen.switch")
        assert (screen.state, screen.attempt) == (StepState.FAILED, 1)
        assert screen.error is not None
        assert screen.error.code == "leased"
        assert one.room["screen"].told == []
        assert one.room["lights"].values["switch"] is False


async def test_a_lesson_that_needs_what_somebody_holds_does_not_begin(tmp_path: Path) -> None:
    async with held(tmp_path, profiles=PROFILES, may_tell=screen_is_held) as one:
        lesson = await one.run("needed")
        assert (lesson.state, [gap.why for gap in lesson.blocked]) == (LessonState.BLOCKED, ["leased"])


async def test_in_an_emergency_nobody_is_asked(tmp_path: Path) -> None:
    async with held(tmp_path, profiles=PROFILES, may_tell=screen_is_held) as one:
        await one.lessons.start("emergency", ())
        await one.until(*FINAL)
        assert one.room["screen"].values["switch"] is True


async def test_a_button_does_not_tell_what_somebody_holds(tmp_path: Path) -> None:
    press = {
        "when": {"device": "button", "metric": "action", "equals": "single"},
        "then": {"device": "screen", "set": {"switch": True}},
    }
    room = FakeRoom({**ROOM, "button": ("button", {})}, [press])
    async with held(tmp_path, room, PROFILES) as one:
        recorded: asyncio.Queue[Iterable[Point]] = asyncio.Queue()
        triggers = Triggers(room.live, one.lessons, recorded.put_nowait, screen_is_held)
        async with task(triggers.run()), asyncio.timeout(30):
            await asyncio.sleep(0)
            room["button"].become("action", "single")
            said = [(point.series.metric, point.value) for point in await recorded.get()]
    assert room["screen"].told == []
    assert said == [("trigger_failed", "leased")]
