"""A lesson is prepared device by device, one at a time, and says of each what became of it."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from classroom_profiles.capability import Command
from classroom_profiles.telemetry import Measurement
from edge_agent.lesson import LessonState, StepState
from edge_agent.lessons import Busy, UnknownProfile
from firmware_bridge.errors import BadReply, NotNow, Refused, Timeout, Unreachable
from tests.edge_agent.fake_driver import FakeRoom
from tests.edge_agent.lesson_room import OFF, PROFILES, ROOM, TEACH, held, profile


async def test_a_lesson_is_ready_when_every_device_is_where_it_shall_be(tmp_path: Path) -> None:
    async with held(tmp_path) as one:
        begun = await one.lessons.start("teach", ())
        assert begun.state is LessonState.PREFLIGHT
        lesson = await one.until(LessonState.READY)
        assert one.states() == {
            "projector.power": "done",
            "projector.input": "done",
            "screen.switch": "done",
            "lights.switch": "already",
            "lights.level": "done",
            "speakers.switch": "done",
        }
        assert one.room["projector"].values == {"power": True, "input": "hdmi1"}
        assert one.room["lights"].told == ["level -> 40.0"]
        assert lesson.ready_s is not None
        assert not lesson.resumed


async def test_steps_keep_their_order_and_others_do_not_wait(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    warm = room["projector"].holds["power"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await room.until(lambda: one.states()["screen.switch"] == "done" and one.states()["speakers.switch"] == "done")
        assert one.states()["projector.power"] == "running"
        assert room["lights"].told == []
        warm.set()
        await one.until(LessonState.READY)
        assert room.journal.index("projector.input -> hdmi1") < room.journal.index("lights.level -> 40.0")


async def test_an_optional_role_that_the_room_lacks_is_skipped_aloud(tmp_path: Path) -> None:
    blinds = {"role": "blinds", "set": {"level": 0}}
    async with held(tmp_path, profiles=(profile("teach", [*TEACH, blinds]),)) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.READY
        assert [(gap.role, gap.device, gap.why) for gap in lesson.skipped] == [("blinds", None, "no-device")]


async def test_a_device_that_is_left_out_is_told_nothing_although_it_is_required(tmp_path: Path) -> None:
    async with held(tmp_path) as one:
        lesson = await one.run(without=("projector",))
        assert (lesson.state, lesson.without) == (LessonState.READY, ("projector",))
        assert one.room["projector"].told == []
        assert {gap.why for gap in lesson.skipped} == {"left-out"}


async def test_a_required_role_that_the_room_lacks_stops_before_anything_moves(tmp_path: Path) -> None:
    blinds = {"role": "blinds", "set": {"level": 0}, "need": "required"}
    async with held(tmp_path, profiles=(profile("teach", [*TEACH, blinds]),)) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.BLOCKED
        assert [(gap.role, gap.device, gap.why) for gap in lesson.blocked] == [("blinds", None, "no-device")]
        assert set(one.states().values()) == {"not-tried", "already"}
        assert one.room.journal == []


async def test_only_one_lesson_is_prepared_at_a_time(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    warm = room["projector"].holds["power"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        first = await one.lessons.start("teach", ())
        with pytest.raises(Busy, match="teach is being prepared"):
            await one.lessons.start("quiet", ())
        with pytest.raises(Busy):
            await one.lessons.start("teach", ())
        warm.set()
        assert (await one.until(LessonState.READY)).id == first.id
        assert (await one.run("quiet")).profile == "quiet", "a lesson that is ready gives way to the next"


async def test_of_two_that_start_at_the_same_moment_one_is_refused(tmp_path: Path) -> None:
    async with held(tmp_path) as one:
        said = await asyncio.gather(*(one.lessons.start("teach", ()) for _ in range(2)), return_exceptions=True)
        assert [type(answer).__name__ for answer in said] == ["Lesson", "Busy"]
        await one.until(LessonState.READY)
        assert one.room["projector"].told == ["power -> True", "input -> hdmi1"]


async def test_an_unknown_profile_changes_nothing(tmp_path: Path) -> None:
    async with held(tmp_path) as one:
        with pytest.raises(UnknownProfile):
            await one.lessons.start("no-such", ())
        with pytest.raises(UnknownProfile):
            await one.lessons.preview("no-such", ())
        assert one.lessons.current is None


async def test_what_preempts_stops_what_is_being_prepared_without_undoing_it(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].holds["power"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await one.until_step("speakers.switch", StepState.DONE)
        lesson = await one.run("off")
        assert (lesson.profile, lesson.state) == ("off", LessonState.READY)
        assert room["projector"].told == ["power -> True"]
        assert not room["speakers"].values["switch"]
        told = [(point.series.metric, point.value) for point in room.points if point.series.measurement == "event"]
        assert told == [("preempted", "teach")]


async def test_an_emergency_never_waits_for_a_device_that_cannot_be_stopped(tmp_path: Path) -> None:
    """Its own step on that device says so in time; the lesson before has nothing to say any more."""
    room = FakeRoom(ROOM)
    stuck = room["speakers"].holds["switch"] = asyncio.Event()
    room["speakers"].stubborn.add("switch")
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await room["speakers"].until_told()
        lesson = await one.run("off")
        assert one.states() == {
            "screen.switch": "done",
            "lights.switch": "done",
            "speakers.switch": "failed",
        }
        error = lesson.step("speakers.switch").error
        assert error is not None
        assert error.code == "not-now"
        stuck.set()
        await room.until(lambda: room["speakers"].values["switch"] is True)
        assert one.lesson == lesson


async def test_an_emergency_does_not_trust_the_reading_of_what_was_just_being_moved(tmp_path: Path) -> None:
    """It reads off, since the command to switch it on has not arrived yet; and it may arrive all the same."""
    room = FakeRoom(ROOM)
    room["speakers"].holds["switch"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await room["speakers"].until_told()
        await one.lessons.start("off", ())
        await room["speakers"].until(lambda: len(room["speakers"].told) == 2)
        room["speakers"].holds["switch"].set()
        await one.until(LessonState.READY)
        assert room["speakers"].told == ["switch -> True", "switch -> False"]


async def test_a_step_comes_after_what_somebody_else_is_telling_its_device(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    slow = room["speakers"].holds["switch"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        by_hand = asyncio.create_task(room.live.command("speakers", Command.parse("switch", True), 30.0))
        await room["speakers"].until_told()
        await one.lessons.start("quiet", ())
        await one.until_step("speakers.switch", StepState.RUNNING)
        slow.set()
        await by_hand
        await one.until(LessonState.READY)
        assert room["speakers"].values["switch"] is False


async def test_a_required_device_that_fails_after_an_emergency_does_not_undo_the_emergency(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    stuck = room["projector"].holds["power"] = asyncio.Event()
    room["projector"].stubborn.add("power")
    room["projector"].fails["power"] = [Refused("too late")]
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await room["projector"].until_told()
        lesson = await one.run("off")
        stuck.set()
        for _ in range(50):  # it fails now, at last
            await asyncio.sleep(0)
        assert one.lesson == lesson
        assert room["lights"].values["switch"] is False


async def test_told_twice_an_emergency_is_begun_once(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    may = room["lights"].holds["switch"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        first = await one.lessons.start("off", ())
        second = await one.lessons.start("off", ())
        assert second.id == first.id
        may.set()
        await one.until(LessonState.READY)
        assert room["lights"].told == ["switch -> False"]


async def test_an_emergency_asks_nobody_and_waits_for_no_device_to_be_tried(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room.settles = False
    room["projector"].holds_open.clear()
    for thing in room.things.values():
        thing.holds_check.clear()
    async with held(tmp_path, room) as one:
        await room.until(lambda: room.live.value("speakers", "switch") is not None)
        assert (await one.run("off")).state is LessonState.READY


@pytest.mark.parametrize("error", [Timeout("slow"), Unreachable("gone"), BadReply("what?"), NotNow("warming")])
async def test_a_failed_step_is_tried_again_and_says_how_often(tmp_path: Path, error: Exception) -> None:
    room = FakeRoom(ROOM)
    room["projector"].fails["power"] = [error, None]
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.READY
        step = lesson.step("projector.power")
        assert (step.state, step.attempt, step.error) == (StepState.DONE, 2, None)


async def test_a_device_that_refuses_is_not_asked_again(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["speakers"].fails["switch"] = [Refused("no")]
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.READY, "it was optional"
        assert room["speakers"].told == ["switch -> True"]
        step = lesson.step("speakers.switch")
        assert step.error is not None
        assert (step.state, step.attempt, step.error.code) == (StepState.FAILED, 1, "refused")


async def test_a_device_that_does_not_confirm_in_its_time_has_failed(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["speakers"].holds["switch"] = asyncio.Event()
    slow = [{"role": "speakers", "set": {"switch": True}, "timeout_s": 0.01, "retries": 2}]
    async with held(tmp_path, room, (profile("teach", slow),)) as one:
        step = (await one.run()).step("speakers.switch")
        assert step.error is not None
        assert (step.state, step.attempt, step.error.code) == (StepState.FAILED, 3, "timeout")


async def test_a_device_that_confirms_and_reads_otherwise_has_failed(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["speakers"].deaf.add("switch")
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        error = lesson.step("speakers.switch").error
        assert error is not None
        assert error.code == "bad-reply"
        assert "reads False" in error.detail


async def test_what_was_there_already_is_verified_when_its_turn_comes(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    warm = room["projector"].holds["power"] = asyncio.Event()
    steps = [TEACH[0], {"role": "lights", "set": {"switch": True}, "after": ["power"]}]
    async with held(tmp_path, room, (profile("teach", steps),)) as one:
        await one.lessons.start("teach", ())
        await one.until_step("projector.power", StepState.RUNNING)
        assert one.states()["lights.switch"] == "already"
        room["lights"].become("switch", False)  # by hand
        await room.until(lambda: room.live.value("lights", "switch") is False)
        warm.set()
        await one.until(LessonState.READY)
        assert one.states()["lights.switch"] == "done"
        assert room["lights"].values["switch"] is True


async def test_an_optional_device_that_dies_in_mid_lesson_is_named_and_the_lesson_is_ready(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["speakers"].holds["switch"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await room["speakers"].until_told()
        room["speakers"].unplug()
        lesson = await one.until(LessonState.READY)
        error = lesson.step("speakers.switch").error
        assert error is not None
        assert error.code == "unreachable"


async def test_what_comes_after_a_device_that_failed_is_not_tried_and_says_why(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["screen"].fails["switch"] = [Refused("jammed")]
    steps = [{"id": "down", **TEACH[2]}, {"role": "lights", "set": {"level": 40}, "after": ["down"]}]
    async with held(tmp_path, room, (profile("teach", steps),)) as one:
        step = (await one.run()).step("lights.level")
        assert step.error is not None
        assert (step.state, step.error.code) == (StepState.NOT_TRIED, "after")
        assert "screen.switch" in step.error.detail
        assert room["lights"].told == []


async def test_on_one_device_a_failure_stops_nothing(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["lights"].fails["switch"] = [Refused("stuck")]
    steps = [{"role": "lights", "set": {"switch": False}}, {"role": "lights", "set": {"level": 0}}]
    async with held(tmp_path, room, (profile("teach", steps),)) as one:
        await one.run()
        assert one.states() == {"lights.switch": "failed", "lights.level": "done"}


async def test_who_asked_may_go_away_and_the_lesson_goes_on(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.run("quiet")
        asking = asyncio.create_task(one.lessons.start("teach", ()))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await room.until(lambda: one.lesson.profile == "teach" and one.lesson.state is LessonState.READY)


async def test_a_mistake_of_ours_ends_the_lesson_and_not_the_agent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = FakeRoom(ROOM)
    whole = room.live.command

    async def broken(device: str, *told: object) -> None:
        if device == "lights":
            raise ZeroDivisionError
        await whole(device, *told)  # type: ignore[arg-type]

    monkeypatch.setattr(room.live, "command", broken)
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.FAILED
        assert not {"running", "waiting"} & set(one.states().values())
        assert "ZeroDivisionError" in caplog.text
        assert (await one.run("quiet")).state is LessonState.READY


@pytest.mark.parametrize(
    ("prepare", "states", "failed"),
    [
        (lambda room: None, ["preflight", "running", "ready"], [0]),
        (lambda room: room["speakers"].fails.update(switch=[Refused("")]), ["preflight", "running", "ready"], [1]),
        (
            lambda room: room["projector"].fails.update(input=[Refused("")]),
            ["preflight", "running", "undoing", "failed"],
            [2],
        ),
    ],
)
async def test_the_centre_hears_of_every_state_and_of_what_failed(
    tmp_path: Path, prepare: Callable[[FakeRoom], None], states: list[str], failed: list[int]
) -> None:
    room = FakeRoom(ROOM)
    prepare(room)
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        assert one.told("state") == states
        assert one.told("profile") == ["teach"] * len(states)
        assert one.told("failed_steps") == failed
        assert one.told("ready_s") == ([lesson.ready_s] if states[-1] == "ready" else [])
        states_told = [
            (point.series.device, point.series.metric, point.value)
            for point in room.points
            if point.series.measurement is Measurement.DEVICE
        ]
        assert ("projector", "power", True) in states_told


async def test_the_log_says_what_became_of_it_and_which_device_failed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lophoc.lesson")
    room = FakeRoom(ROOM)
    room["speakers"].fails["switch"] = [Refused("the amplifier says no")]
    async with held(tmp_path, room, (*PROFILES[:1], profile("loud", OFF))) as one:
        await one.run()
    assert "teach: running" in caplog.text
    assert "teach: ready; speakers.switch: failed: refused: the amplifier says no" in caplog.text
