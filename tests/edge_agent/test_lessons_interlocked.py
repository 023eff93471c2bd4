"""Lessons and triggers give way to interlocks, and say so."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from classroom_profiles.interlock_state import State
from classroom_profiles.profile import Profile
from classroom_profiles.room import Trigger
from classroom_profiles.telemetry import Point
from edge_agent.lesson import Lesson, LessonState, StepState
from edge_agent.lesson_store import LessonStore
from edge_agent.lessons import Lessons
from edge_agent.rank import Rank
from edge_agent.triggers import Triggers
from tests.edge_agent.fake_driver import task
from tests.edge_agent.interlock_lab import GAS, STOP, Lab
from tests.edge_agent.lesson_room import FINAL


def profile(name: str, *steps: dict[str, Any], preempts: str = "no") -> Profile:
    said = {"vi": name, "en": name}
    return Profile.model_validate(
        {"id": name, "name": said, "description": said, "preempts": preempts, "steps": list(steps)}
    )


LAB = profile(
    "lab",
    {"role": "gas-valve", "set": {"switch": True}, "need": "required"},
    {"role": "bench-power", "set": {"switch": True}},
    {"role": "lights", "set": {"switch": True}},
)
BRIGHT = profile(
    "bright",
    {"id": "light", "role": "lights", "set": {"switch": True}},
    {"role": "bench-power", "set": {"switch": True}, "after": ["light"]},
)
ALARM = profile("alarm", {"role": "bench-power", "set": {"switch": True}}, {"role": "lights", "set": {"switch": True}}, preempts="yes")  # fmt: skip  # noqa: E501


class Class:
    def __init__(self, lab: Lab, lessons: Lessons) -> None:
        self.lab, self.lessons = lab, lessons

    @property
    def lesson(self) -> Lesson:
        assert self.lessons.current is not None
        return self.lessons.current

    async def until(self, *states: LessonState) -> Lesson:
        await self.lab.until(lambda: self.lessons.current is not None and self.lessons.current.state in states)
        return self.lesson

    def steps(self) -> dict[str, tuple[StepState, str]]:
        return {step.device: (step.state, step.error.code if step.error else "") for step in self.lesson.steps}


@asynccontextmanager
async def held(path: Path) -> AsyncIterator[Class]:
    async with Lab(path, [GAS, STOP]).at_work() as lab, LessonStore(path / "lesson.sqlite") as store:
        profiles = {one.id: one for one in (LAB, BRIGHT, ALARM)}
        lessons = Lessons(lab.live, profiles, store, lab.changes, lab.points.extend, pause_s=0.001, verify_s=0.05)
        lab.interlocks.when_tripped(lessons.interlocked)
        async with task(lessons.run()):
            await lab.until_state(State.ARMED)
            try:
                yield Class(lab, lessons)
            finally:
                lab.let_go()


async def leak(lab: Lab) -> None:
    lab["gas"].become("gas_ppm", 1200.0)
    await lab.until_done()


async def test_a_lesson_that_needs_what_is_cut_off_is_blocked_before_anything_moves(tmp_path: Path) -> None:
    async with held(tmp_path) as room:
        await leak(room.lab)
        await room.lessons.start("lab", ())
        lesson = await room.until(*FINAL)
        assert lesson.state is LessonState.BLOCKED
        assert [(gap.device, gap.why) for gap in lesson.blocked] == [("valve", "interlocked")]
        assert "interlock 'gas'" in lesson.blocked[0].detail
        assert room.lab["lamp"].values["switch"] is False


async def test_an_optional_step_fails_at_once_and_the_rest_is_done(tmp_path: Path) -> None:
    async with held(tmp_path) as room:
        await leak(room.lab)
        told = len(room.lab["bench"].told)
        await room.lessons.start("bright", ())
        assert (await room.until(*FINAL)).state is LessonState.READY
        assert room.steps() == {"lamp": (StepState.DONE, ""), "bench": (StepState.FAILED, "interlocked")}
        assert room.lesson.steps[1].attempt == 1, "trying again is of no use"
        assert len(room.lab["bench"].told) == told


async def test_what_preempts_everything_does_not_preempt_an_interlock(tmp_path: Path) -> None:
    async with held(tmp_path) as room:
        await leak(room.lab)
        await room.lessons.start("alarm", ())
        assert (await room.until(*FINAL)).state is LessonState.READY
        assert room.steps() == {"bench": (StepState.FAILED, "interlocked"), "lamp": (StepState.DONE, "")}
        assert room.lab["bench"].values["switch"] is False


async def test_a_step_that_is_under_way_gives_way_and_a_required_one_ends_the_lesson(tmp_path: Path) -> None:
    async with held(tmp_path) as room:
        room.lab["valve"].become("switch", False)
        await room.lab.until(lambda: room.lab.live.value("valve", "switch") is False)
        room.lab["valve"].holds["switch"] = asyncio.Event()
        await room.lessons.start("lab", ())
        await room.lab["valve"].until_told()
        room.lab["gas"].become("gas_ppm", 1200.0)
        await room.lab["valve"].until(lambda: "switch -> False" in room.lab["valve"].told)
        room.lab.let_go()
        assert (await room.until(*FINAL)).state is LessonState.FAILED
        await room.lab.until_done()
        assert room.steps()["valve"][1] == "interlocked"
        assert room.lab["valve"].values["switch"] is False
        assert room.lab["bench"].values["switch"] is False


async def test_what_is_taken_away_of_a_lesson_that_is_ready_has_failed(tmp_path: Path) -> None:
    async with held(tmp_path) as room:
        await room.lessons.start("lab", ())
        assert (await room.until(*FINAL)).state is LessonState.READY
        await leak(room.lab)
        await room.lab.until(lambda: room.steps()["valve"] == (StepState.FAILED, "interlocked"))
        assert room.steps()["bench"] == (StepState.FAILED, "interlocked")
        assert room.steps()["lamp"][0] is StepState.DONE
        assert room.lesson.state is LessonState.READY


async def test_what_is_taken_away_of_a_lesson_under_way_ends_it_if_it_is_required(tmp_path: Path) -> None:
    async with held(tmp_path) as room:
        room.lab["lamp"].holds["switch"] = asyncio.Event()
        await room.lessons.start("lab", ())
        await room.lab["lamp"].until_told()
        await leak(room.lab)
        await room.lab.until(lambda: room.steps()["valve"] == (StepState.FAILED, "interlocked"))
        room.lab.let_go()
        assert (await room.until(*FINAL)).state is LessonState.FAILED


async def test_ending_a_lesson_does_not_open_what_an_interlock_closed(tmp_path: Path) -> None:
    async with held(tmp_path) as room:
        room.lab["bench"].become("switch", True)
        await room.lessons.start("bright", ())
        await room.until(*FINAL)
        await leak(room.lab)
        await room.lessons.end()
        await room.until(LessonState.UNDONE)
        assert room.lab["bench"].values["switch"] is False
        assert room.lab["lamp"].values["switch"] is False


async def test_a_trigger_gives_way_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with held(tmp_path) as room:
        lab = room.lab
        opens = Trigger.model_validate(
            {
                "when": {"device": "lamp", "metric": "switch", "equals": True},
                "then": {"device": "valve", "set": {"switch": True}},
            }
        )
        lab.live.room = lab.room.model_copy(update={"triggers": (opens,)})

        def record(points: Iterable[Point]) -> None:
            lab.points.extend(points)
            lab.changes.lesson()  # `until` looks again

        async with task(Triggers(lab.live, room.lessons, record).run()):
            await leak(lab)
            lab["lamp"].become("switch", True)
            await lab.until(lambda: ("lamp", "trigger_failed", "interlocked") in lab.events())
        assert lab["valve"].values["switch"] is False


async def test_after_the_reset_the_lesson_can_be_had(tmp_path: Path) -> None:
    async with held(tmp_path) as room:
        await leak(room.lab)
        room.lab["gas"].become("gas_ppm", 20.0)
        await room.lab.until_state(State.LATCHED)
        await room.lab.interlocks.reset("gas", Rank.TECHNICIAN, "aired")
        await room.lessons.start("lab", ())
        assert (await room.until(*FINAL)).state is LessonState.READY
