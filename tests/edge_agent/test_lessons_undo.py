"""What a lesson did can be taken back: only that, last things first, to what was read before."""

import asyncio
from pathlib import Path

import pytest

from classroom_profiles.capability import Value
from edge_agent.lesson import LessonState, StepState
from edge_agent.lessons import NoLesson
from firmware_bridge.errors import NotNow, Refused, Timeout, Unreachable
from tests.edge_agent.fake_driver import FakeRoom
from tests.edge_agent.lesson_room import ROOM, TEACH, held, profile, values_of


async def test_a_required_step_that_fails_undoes_what_was_done_and_nothing_else(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].fails["input"] = [Refused("no such input")]
    gate = room["projector"].holds["input"] = asyncio.Event()
    before = values_of(room)
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await one.until_step("screen.switch", StepState.DONE)
        await one.until_step("speakers.switch", StepState.DONE)
        gate.set()
        lesson = await one.until(LessonState.FAILED)
        assert one.states() == {
            "projector.power": "undone",
            "projector.input": "failed",
            "screen.switch": "undone",
            "lights.switch": "already",
            "lights.level": "not-tried",
            "speakers.switch": "undone",
        }
        assert one.values() == before
        assert room["lights"].told == []
        assert (lesson.cancelled, lesson.ready_s) == (False, None)
        error = lesson.step("projector.input").error
        assert error is not None
        assert (error.code, error.detail) == ("refused", "no such input")


async def test_things_are_put_back_in_the_opposite_order_and_others_do_not_wait(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.run()
        room.journal.clear()
        dim = room["lights"].holds["level"] = asyncio.Event()
        await one.lessons.end()
        await one.until_step("screen.switch", StepState.UNDONE)
        assert "projector.input -> vga" not in room.journal, "the picture was there before the light was dimmed"
        dim.set()
        await one.until(LessonState.UNDONE)
        order = ["lights.level -> 100.0", "projector.input -> vga", "projector.power -> False"]
        assert [line for line in room.journal if line in order] == order


@pytest.mark.parametrize("before", [0.0, 35.0, 100.0])
async def test_it_goes_back_to_what_was_read_before(tmp_path: Path, before: float) -> None:
    things: dict[str, tuple[str, dict[str, Value]]] = {**ROOM, "lights": ("lights", {"switch": True, "level": before})}
    room = FakeRoom(things)
    async with held(tmp_path, room) as one:
        await one.run()
        assert room["lights"].values["level"] == 40.0
        await one.lessons.end()
        lesson = await one.until(LessonState.UNDONE)
        assert room["lights"].values["level"] == before
        assert lesson.ready_s is not None
        assert not lesson.cancelled
        assert one.told("state") == ["preflight", "running", "ready", "undoing", "undone"]


async def test_cancelling_undoes_what_was_done_and_what_was_being_done(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].holds["power"] = asyncio.Event()
    before = values_of(room)
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await one.until_step("screen.switch", StepState.DONE)
        await room["projector"].until_told()
        undoing = await one.lessons.end()
        assert (undoing.state, undoing.cancelled) == (LessonState.UNDOING, True)
        room["projector"].holds["power"].set()
        lesson = await one.until(LessonState.UNDONE)
        assert room["projector"].told == ["power -> True", "power -> False"], "it may have heard the first"
        assert one.states()["projector.input"] == "not-tried"
        assert one.values() == before
        assert lesson.cancelled


async def test_cancelling_while_the_devices_are_asked_touches_nothing(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].holds_check.clear()
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        lesson = await one.lessons.end()
        assert (lesson.state, lesson.cancelled) == (LessonState.UNDONE, True)
        room["projector"].holds_check.set()
        assert (await one.run("quiet")).state is LessonState.READY
        assert room.journal == []


async def test_there_is_nothing_to_end_before_the_first_and_after_the_last(tmp_path: Path) -> None:
    async with held(tmp_path) as one:
        with pytest.raises(NoLesson):
            await one.lessons.end()
        await one.run()
        await one.lessons.end()
        await one.until(LessonState.UNDONE)
        told = list(one.room.journal)
        with pytest.raises(NoLesson):
            await one.lessons.end()
        assert one.room.journal == told


async def test_ended_twice_it_is_undone_once(tmp_path: Path) -> None:
    async with held(tmp_path) as one:
        await one.run()
        first, second = await asyncio.gather(one.lessons.end(), one.lessons.end())
        assert first.id == second.id
        await one.until(LessonState.UNDONE)
        assert one.room["screen"].told == ["switch -> True", "switch -> False"]


async def test_what_cannot_be_put_back_says_so_and_holds_up_nothing(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.run()
        room["screen"].fails["switch"] = [Refused("jammed")]
        room["speakers"].unplug()
        await room.until(lambda: room.live.value("speakers", "switch") is None)
        await one.lessons.end()
        lesson = await one.until(LessonState.UNDONE)
        said = {step.id: (step.state, step.error.code) for step in lesson.steps if step.error}
        assert said == {
            "screen.switch": ("undo-failed", "refused"),
            "speakers.switch": ("undo-failed", "unreachable"),
        }
        assert room["projector"].values == {"power": False, "input": "vga"}
        assert one.told("failed_steps")[-1] == 2


async def test_where_nothing_is_known_from_before_it_says_so(tmp_path: Path) -> None:
    room = FakeRoom({"screen": ("screen", {"input": "", "switch": False})})
    steps = [{"role": "screen", "set": {"input": "hdmi1"}}]
    async with held(tmp_path, room, (profile("teach", steps),)) as one:
        await one.run()
        await one.lessons.end()
        step = (await one.until(LessonState.UNDONE)).steps[0]
        assert step.error is not None
        assert (step.state, step.error.code) == (StepState.UNDO_FAILED, "not-known")


async def test_of_a_device_that_is_turned_off_again_nothing_else_need_be_known(tmp_path: Path) -> None:
    room = FakeRoom({"projector": ("projector", {"power": False, "input": ""})})
    async with held(tmp_path, room, (profile("teach", TEACH[:2]),)) as one:
        await one.run()
        await one.lessons.end()
        lesson = await one.until(LessonState.UNDONE)
        assert {step.state for step in lesson.steps} == {StepState.UNDONE}
        assert room["projector"].told == ["power -> True", "input -> hdmi1", "power -> False"]


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([Refused("no")], ["switch -> True"]),
        ([NotNow("later")], ["switch -> True"] * 2),
        ([Timeout("slow"), Timeout("slow"), None], ["switch -> True"] * 2 + ["switch -> False"]),
        ([Timeout("slow"), Refused("no"), None], ["switch -> True"] * 2 + ["switch -> False"]),
    ],
)
async def test_a_step_that_failed_is_put_back_if_its_device_may_have_moved(
    tmp_path: Path, errors: list[BaseException | None], told: list[str]
) -> None:
    """`refused` means that it did not, but not if the try before was left without an answer."""
    room = FakeRoom(ROOM)
    room["screen"].fails["switch"] = errors
    async with held(tmp_path, room, (profile("teach", [{**TEACH[2], "need": "required"}]),)) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.FAILED
        assert room["screen"].told == told
        assert lesson.step("screen.switch").state is StepState.FAILED


async def test_one_that_failed_and_cannot_be_put_back_says_both(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].fails["power"] = [Timeout("the lamp does not strike")]
    async with held(tmp_path, room) as one:
        error = (await one.run()).step("projector.power").error
        assert error is not None
        assert error.code == "timeout"
        assert error.detail.startswith("the lamp does not strike; and it could not be put back: ")


async def test_a_required_device_that_dies_in_mid_lesson_undoes_the_others(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].holds["power"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await one.until_step("speakers.switch", StepState.DONE)
        await room["projector"].until_told()
        room["projector"].unplug(Unreachable("no route"))
        lesson = await one.until(LessonState.FAILED)
        error = lesson.step("projector.power").error
        assert error is not None
        assert error.code == "unreachable"
        assert (room["screen"].values["switch"], room["speakers"].values["switch"]) == (False, False)


async def test_an_emergency_while_a_lesson_is_undone_goes_first(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.run()
        room["projector"].holds["power"] = asyncio.Event()
        await one.lessons.end()
        await room["projector"].until(lambda: room["projector"].told[-1] == "power -> False")
        lesson = await one.run("off")
        assert (lesson.profile, lesson.state) == ("off", LessonState.READY)
        assert room["lights"].values["switch"] is False


async def test_a_confirmation_that_comes_with_the_cancelling_leaves_nothing_on(tmp_path: Path) -> None:
    """Whatever is told in the same moment: at the end the device is off, and its step does not say otherwise."""
    for turns in range(12):
        room = FakeRoom(ROOM)
        slow = room["screen"].holds["switch"] = asyncio.Event()
        async with held(tmp_path / str(turns), room, (profile("teach", TEACH[2:3]),)) as one:
            await one.lessons.start("teach", ())
            await room["screen"].until_told()
            slow.set()
            for _ in range(turns):
                await asyncio.sleep(0)
            await one.lessons.end()
            await one.until(LessonState.UNDONE)
            assert (room["screen"].values["switch"], one.states()) == (False, {"screen.switch": "undone"})
