"""An agent that is killed in mid-lesson goes on with it, or says honestly why not: at every point of its progress."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from classroom_profiles.capability import Value
from classroom_profiles.profile import Profile
from edge_agent.lesson import Lesson, LessonState, StepState
from edge_agent.lesson_store import LessonStore
from firmware_bridge.errors import BadReply, Refused, Timeout, Unreachable
from tests.edge_agent.fake_driver import FakeRoom
from tests.edge_agent.lesson_room import FINAL, PROFILES, ROOM, TEACH, Class, held, profile, values_of

Values = Mapping[str, Mapping[str, Value]]
TARGET: Values = {
    "projector": {"power": True, "input": "hdmi1"},
    "screen": {"switch": True},
    "lights": {"switch": True, "level": 40.0},
    "speakers": {"switch": True},
}
ORIGINAL: Values = {name: values for name, (_, values) in ROOM.items()}


@dataclass
class Past:
    """What was kept of a lesson, each with the room as it was in that moment."""

    room: FakeRoom
    moments: list[tuple[Lesson, Values]] = field(default_factory=list)

    def crashes(self) -> list[tuple[Lesson, Values]]:
        """Killed after each write: before the devices did anything more, and after all that they did until the next."""
        later = [*(values for _, values in self.moments[1:]), values_of(self.room)]
        return [
            (lesson, values)
            for (lesson, then), soon in zip(self.moments, later, strict=True)
            for values in (then, soon)
        ]


class Remembering(LessonStore):
    """Keeps every lesson that it was ever given."""

    def __init__(self, path: Path, past: Past) -> None:
        super().__init__(path)
        self._past = past

    def keep(self, lesson: Lesson) -> None:
        self._past.moments.append((lesson, values_of(self._past.room)))
        super().keep(lesson)


def room_with(values: Values, fails: Callable[[FakeRoom], None]) -> FakeRoom:
    room = FakeRoom({name: (ROOM[name][0], now) for name, now in values.items()})
    fails(room)
    return room


@asynccontextmanager
async def restarted(
    path: Path, lesson: Lesson, room: FakeRoom, profiles: tuple[Profile, ...] = PROFILES
) -> AsyncIterator[Class]:
    """A new agent that finds `lesson` in its store."""
    async with LessonStore(path / "lessons.sqlite") as store:
        store.keep(lesson)
        await store.durable()
    async with held(path, room, profiles) as one:
        yield one


def nothing(_: FakeRoom) -> None:
    pass


def refuses_input(room: FakeRoom) -> None:
    room["projector"].fails["input"] = [Refused("no such input")]


async def past_of(path: Path, fails: Callable[[FakeRoom], None], act: Callable[[Class], object]) -> Past:
    past = Past(room_with(ORIGINAL, fails))
    async with held(path, past.room, store=Remembering(path / "first.sqlite", past)) as one:
        await one.run()
        if asyncio.iscoroutine(acting := act(one)):
            await acting
    return past


async def end(one: Class) -> None:
    await one.lessons.end()
    await one.until(LessonState.UNDONE)


@pytest.mark.parametrize(
    ("fails", "act", "expected"),
    [
        (nothing, lambda _: None, (LessonState.READY, TARGET)),
        (refuses_input, lambda _: None, (LessonState.FAILED, ORIGINAL)),
        (nothing, end, None),
    ],
    ids=["to ready", "to failed", "ready, then ended"],
)
async def test_killed_at_any_point_it_ends_as_it_would_have_ended(
    tmp_path: Path,
    fails: Callable[[FakeRoom], None],
    act: Callable[[Class], object],
    expected: tuple[LessonState, Values] | None,
) -> None:
    past = await past_of(tmp_path, fails, act)
    assert len(past.moments) > 10
    for number, (lesson, values) in enumerate(past.crashes()):
        room = room_with(values, fails)
        async with restarted(tmp_path / str(number), lesson, room) as one:
            final = await one.until(*FINAL)
            was_undone = lesson.state in (LessonState.UNDOING, LessonState.UNDONE)
            state, there = expected or ((LessonState.UNDONE, ORIGINAL) if was_undone else (LessonState.READY, TARGET))
            assert (final.state, one.values()) == (state, there), f"{number}: killed when {lesson}"
            assert final.resumed is lesson.is_busy
            assert final.id == lesson.id
            assert not {"waiting", "running"} & set(one.states().values())


def anything_fails(seed: int) -> Callable[[FakeRoom], None]:
    def fails(room: FakeRoom) -> None:
        chance = random.Random(seed)
        for thing in room.things.values():
            for metric in thing.values:
                kind = chance.choice([None, None, None, Refused, Timeout, BadReply, Unreachable, "deaf"])
                if kind == "deaf":
                    thing.deaf.add(metric)
                elif isinstance(kind, type):
                    thing.fails[metric] = [kind("by chance")]

    return fails


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_fails_and_whenever_it_is_killed_the_report_is_true(tmp_path: Path, seed: int) -> None:
    fails, chance = anything_fails(seed), random.Random(seed)
    past = await past_of(tmp_path, fails, lambda _: None)
    for number, (lesson, values) in enumerate(chance.sample(past.crashes(), min(6, len(past.crashes())))):
        async with restarted(tmp_path / str(number), lesson, room_with(values, fails)) as one:
            final = await one.until(*FINAL)
            told = f"{number}: killed when {lesson}, then {final}"
            for step in final.steps:
                device = one.values()[step.device][step.command.target.metric]
                if step.state in (StepState.DONE, StepState.ALREADY):
                    assert step.command.holds(device), told
                elif step.state is StepState.UNDONE:
                    assert step.undo is not None, told
                    assert step.undo.holds(device), told
                else:
                    assert step.state in (StepState.FAILED, StepState.NOT_TRIED, StepState.UNDO_FAILED), told
            failed = [step for step in final.steps if step.state in (StepState.FAILED, StepState.NOT_TRIED)]
            assert (final.state is LessonState.READY) == (not any(step.need == "required" for step in failed)), told


async def killed_when(path: Path, picture: StepState) -> Lesson:
    """A lesson that was being prepared, its projector on and its input `picture`."""
    past = await past_of(path, nothing, lambda _: None)
    return next(
        lesson
        for lesson, _ in past.moments
        if lesson.state is LessonState.RUNNING
        and lesson.step("projector.power").state is StepState.DONE
        and lesson.step("projector.input").state is picture
    )


HALF_WAY: Values = {**ORIGINAL, "projector": {"power": True, "input": "vga"}, "screen": {"switch": True}}


@pytest.mark.parametrize(
    "profiles", [PROFILES[1:], (profile("teach", TEACH[:2], version=2),)], ids=["removed", "another version"]
)
async def test_a_profile_that_is_no_more_is_undone_and_said(tmp_path: Path, profiles: tuple[Profile, ...]) -> None:
    lesson = await killed_when(tmp_path, StepState.RUNNING)
    async with restarted(tmp_path, lesson, room_with(HALF_WAY, nothing), profiles) as one:
        final = await one.until(*FINAL)
        assert (final.state, final.resumed) == (LessonState.FAILED, True)
        assert {step.error.code for step in final.steps if step.error} == {"unknown-profile"}
        assert one.values()["projector"] == ORIGINAL["projector"]


async def test_an_optional_device_that_the_room_has_no_more_is_named(tmp_path: Path) -> None:
    lesson = await killed_when(tmp_path, StepState.RUNNING)
    without = {name: values for name, values in HALF_WAY.items() if name != "speakers"}
    async with restarted(tmp_path, lesson, room_with(without, nothing)) as one:
        final = await one.until(*FINAL)
        error = final.step("speakers.switch").error
        assert error is not None
        assert (final.state, error.code) == (LessonState.READY, "unknown-device")


async def test_a_required_device_that_the_room_has_no_more_fails_the_lesson_and_the_rest_is_undone(
    tmp_path: Path,
) -> None:
    lesson = await killed_when(tmp_path, StepState.RUNNING)
    without = {name: values for name, values in HALF_WAY.items() if name != "projector"}
    async with restarted(tmp_path, lesson, room_with(without, nothing)) as one:
        final = await one.until(*FINAL)
        assert final.state is LessonState.FAILED
        error = final.step("projector.power").error
        assert error is not None
        assert error.code == "unknown-device"
        assert one.values() == {name: values for name, values in ORIGINAL.items() if name != "projector"}


async def test_what_was_done_and_has_been_changed_since_is_done_again(tmp_path: Path) -> None:
    lesson = await killed_when(tmp_path, StepState.RUNNING)
    async with restarted(tmp_path, lesson, room_with(ORIGINAL, nothing)) as one:
        assert (await one.until(*FINAL)).state is LessonState.READY
        assert one.values() == TARGET


@pytest.mark.parametrize("state", [LessonState.RUNNING, LessonState.UNDOING])
async def test_it_goes_on_only_once_the_devices_have_been_tried(tmp_path: Path, state: LessonState) -> None:
    past = await past_of(tmp_path, nothing, end)
    lesson = next(lesson for lesson, _ in past.moments if lesson.state is state)
    room = room_with(TARGET if state is LessonState.UNDOING else ORIGINAL, nothing)
    room.settles = False
    for thing in room.things.values():
        thing.holds_open.clear()
    async with restarted(tmp_path, lesson, room) as one:
        await room.until(lambda: one.lessons.current is not None)
        assert not await room.live.until(lambda: not one.lesson.is_busy, 0.1), "it did not wait for them"
        room.let_go()
        final = await one.until(*FINAL)
        assert not any(step.error for step in final.steps), final


async def test_while_it_goes_on_it_can_be_cancelled_and_preempted(tmp_path: Path) -> None:
    lesson = await killed_when(tmp_path, StepState.RUNNING)
    for number, preempt in enumerate((False, True)):
        room = room_with(HALF_WAY, nothing)
        room["projector"].holds["input"] = asyncio.Event()
        async with restarted(tmp_path / str(number), lesson, room) as one:
            await room["projector"].until_told()
            if preempt:
                assert (await one.run("off")).state is LessonState.READY
                continue
            await one.lessons.end()
            room.let_go()
            final = await one.until(*FINAL)
            assert (final.state, final.cancelled, final.resumed) == (LessonState.UNDONE, True, True)
            assert one.values() == ORIGINAL


async def test_a_lesson_that_was_over_is_shown_and_nothing_is_told(tmp_path: Path) -> None:
    past = await past_of(tmp_path, nothing, lambda _: None)
    lesson = past.moments[-1][0]
    async with restarted(tmp_path, lesson, room_with(TARGET, nothing)) as one:
        await one.room.until(lambda: one.lessons.current is not None)
        assert one.lesson == lesson
        assert one.room.journal == []
        await end(one)
        assert one.values() == ORIGINAL, "what it did can still be taken back"


async def test_no_device_is_told_anything_before_the_intent_is_on_the_disk(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)

    class Slow(LessonStore):
        may = asyncio.Event()

        async def durable(self) -> None:
            await self.may.wait()

    store = Slow(tmp_path / "lessons.sqlite")
    async with held(tmp_path, room, store=store) as one:
        await one.lessons.start("teach", ())
        await one.until_step("speakers.switch", StepState.RUNNING)
        assert room.journal == []
        store.may.set()
        assert (await one.until(*FINAL)).state is LessonState.READY
