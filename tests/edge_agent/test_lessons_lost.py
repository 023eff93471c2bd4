"""A device that is broken or gone is not called done: not when its steps are looked at, and not afterwards."""

import asyncio
from pathlib import Path

import pytest

from classroom_profiles.reading import Health, HealthState
from classroom_profiles.state import NOT_OPENED
from edge_agent.changes import Topic
from edge_agent.lesson import LessonState, StepState
from firmware_bridge.errors import Unreachable
from tests.edge_agent.fake_driver import FakeRoom
from tests.edge_agent.lesson_room import PROFILES, ROOM, Class, held, profile

LAMP = Health(HealthState.FAULT, "lamp")
WELL = Health(HealthState.ONLINE)


async def break_when_told(room: FakeRoom, name: str, target: str, health: Health) -> None:
    """The device confirms its command, and says at the same moment that it is broken."""
    thing = room[name]
    confirm = thing.holds[target] = asyncio.Event()
    await thing.until_told()
    thing.say(health)
    await room.until(lambda: room.live.health(name) == health)
    confirm.set()


def wrong(one: Class) -> dict[str, tuple[str, str]]:
    return {step.id: (str(step.state), step.error.code) for step in one.lesson.steps if step.error}


async def test_a_required_device_in_fault_fails_the_lesson_whatever_it_confirmed(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await break_when_told(room, "projector", "power", LAMP)
        lesson = await one.until(LessonState.FAILED)
        error = lesson.step("projector.power").error
        assert error is not None
        assert (error.code, error.detail) == ("fault", "it reports a fault: lamp")
        assert room["projector"].told == ["power -> True", "power -> False"], "once: a lamp does not mend itself"
        assert one.told("state")[-1] == "failed"


async def test_an_optional_device_in_fault_is_excepted_and_counted(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await break_when_told(room, "speakers", "switch", Health(HealthState.FAULT, "fan"))
        assert (await one.until(LessonState.READY)).state is LessonState.READY
        assert wrong(one) == {"speakers.switch": ("failed", "fault")}
        assert one.told("failed_steps") == [1]


async def test_a_fault_is_said_also_of_what_is_told_without_a_preflight(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["lights"].health = Health(HealthState.FAULT, "overheated")
    async with held(tmp_path, room) as one:
        assert (await one.run("off")).state is LessonState.READY
        assert wrong(one) == {"lights.switch": ("failed", "fault")}
        assert room["lights"].values["switch"] is False, "it was told all the same"


async def test_what_is_put_back_may_be_broken(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.run()
        room["projector"].say(LAMP)
        await one.room.until(lambda: "projector" in one.lessons.lost)
        await one.lessons.end()
        lesson = await one.until(LessonState.UNDONE)
        assert lesson.step("projector.power").state == "undone"


@pytest.mark.parametrize("health", [LAMP, Health(HealthState.UNREACHABLE, "offline")])
async def test_what_was_lost_while_others_were_prepared_is_not_called_done(tmp_path: Path, health: Health) -> None:
    room = FakeRoom(ROOM)
    warm = room["projector"].holds["power"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await room.until(lambda: one.states().get("screen.switch") == "done")
        room["screen"].say(health)
        await room.until(lambda: room.live.health("screen") == health)
        warm.set()
        await one.until(LessonState.READY)
        assert wrong(one) == {"screen.switch": ("failed", str(health.state))}


async def test_a_device_that_recovers_while_others_are_prepared_is_done(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    warm = room["projector"].holds["power"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await room.until(lambda: one.states().get("screen.switch") == "done")
        room["screen"].say(LAMP)
        room["screen"].say(WELL)
        warm.set()
        await one.until(LessonState.READY)
        assert wrong(one) == {}


async def test_a_projector_still_said_to_warm_up_may_yet_say_that_its_lamp_failed(tmp_path: Path) -> None:
    """The reading of its power is there first."""
    room = FakeRoom(ROOM)
    room["projector"].health = Health(HealthState.WARMING)
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await room.until(lambda: room.live.value("projector", "power") is True)
        room["projector"].say(LAMP)
        await one.until(LessonState.FAILED)
        assert one.told("state")[-1] == "failed"


async def test_a_ready_lesson_says_live_what_has_left_it_and_what_is_back(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.run()
        assert one.lessons.lost == {}
        with room.changes.watch() as watcher:
            room["speakers"].unplug()
            await room.until(lambda: bool(one.lessons.lost))
            assert (Topic.LESSON, "") in await watcher.next()
            assert one.lessons.lost == {"speakers": Health(HealthState.UNREACHABLE, "unreachable")}
            assert one.states()["speakers.switch"] == "done", "that is what became of it then"
            room["speakers"].replug()
            await room.until(lambda: not one.lessons.lost)
            assert (Topic.LESSON, "") in await watcher.next()
        assert one.lesson.state is LessonState.READY
        assert one.told("lost_devices") == [0, 1, 0]
        assert one.told("state") == ["preflight", "running", "ready"], "nothing of the lesson itself has changed"


async def test_a_device_that_no_step_is_for_is_not_lost_to_the_lesson(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.run("quiet")
        room["projector"].say(LAMP)
        room["speakers"].say(Health(HealthState.FAULT, "fan"))
        await room.until(lambda: room.live.health("projector") == LAMP and bool(one.lessons.lost))
        assert list(one.lessons.lost) == ["speakers"]


async def test_a_lesson_that_is_over_has_lost_nothing(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    async with held(tmp_path, room) as one:
        await one.run()
        room["speakers"].unplug(Unreachable("gone"))
        await room.until(lambda: bool(one.lessons.lost))
        await one.lessons.end()
        await one.until(LessonState.UNDONE)
        assert one.lessons.lost == {}
        assert one.told("lost_devices") == [0, 1, 0]


async def test_after_a_restart_a_device_is_lost_once_it_was_tried_and_not_before(tmp_path: Path) -> None:
    async with held(tmp_path) as one:
        await one.run()
    room = FakeRoom(ROOM)
    room.settles = False
    room["screen"].holds_open.clear()
    room["speakers"].unplug()
    async with held(tmp_path, room, PROFILES) as one:
        await room.until(lambda: one.lessons.current is not None and "speakers" in one.lessons.lost)
        assert room.live.health("screen") == NOT_OPENED
        assert list(one.lessons.lost) == ["speakers"]


_AWAY = Health(HealthState.UNREACHABLE, "broker")
_STOP = profile(
    "stop",
    [
        {"role": "lights", "set": {"switch": False}, "retries": 5},
        {"role": "lights", "set": {"level": 10}, "retries": 5},
        {"role": "speakers", "set": {"switch": True}, "retries": 5},
    ],
    preempts="yes",
)


async def test_in_an_emergency_what_cannot_be_reached_is_said_at_once_and_tried_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    """The room's broker is away: whoever looks at the panel has to go to the switch himself, now, not in 18 s."""
    room = FakeRoom(ROOM)
    room["lights"].health = _AWAY
    room["lights"].fails["switch"] = [Unreachable("the broker is away"), None]
    async with held(tmp_path, room, (_STOP,), pause_s=600.0) as one:
        await room.until(lambda: room.live.health("lights") == _AWAY)
        await one.lessons.start("stop", ())
        await one.until_step("lights.switch", StepState.FAILED)
        assert wrong(one) == {"lights.switch": ("failed", "unreachable")}
        await one.until_step("speakers.switch", StepState.DONE)
        assert one.lesson.state is LessonState.RUNNING
        room["lights"].say(WELL)
        lesson = await one.until(LessonState.READY)
        assert wrong(one) == {}
        assert (lesson.step("lights.switch").attempt, room["lights"].values["switch"]) == (2, False)


async def test_a_device_that_stayed_away_is_not_waited_for_again_by_its_next_step(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["lights"].health = _AWAY
    for target in ("switch", "level"):
        room["lights"].fails[target] = [Unreachable("the broker is away")] * 6
    async with held(tmp_path, room, (_STOP,)) as one:
        await room.until(lambda: room.live.health("lights") == _AWAY)
        lesson = await one.run("stop")
        assert wrong(one) == {"lights.switch": ("failed", "unreachable"), "lights.level": ("failed", "unreachable")}
        assert [lesson.step(name).attempt for name in ("lights.switch", "lights.level")] == [6, 1]
