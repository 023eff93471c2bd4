"""Buttons and sensors act by themselves, at the moment a reading becomes true, and never hold up whoever reads."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from classroom_profiles.capability import Value
from classroom_profiles.reading import Health, HealthState
from classroom_profiles.telemetry import Measurement
from edge_agent.lesson import LessonState
from edge_agent.triggers import QUEUED, Triggers, same
from firmware_bridge.errors import Refused, Timeout
from tests.edge_agent.fake_driver import FakeRoom, task
from tests.edge_agent.lesson_room import ROOM, Class, held

BUTTONS: dict[str, tuple[str, dict[str, Value]]] = {
    **ROOM,
    "button": ("button", {}),
    "door": ("presence-sensor", {"open": False}),
    "air": ("air-sensor", {"co2_ppm": 400}),
}


def when(read: str, metric: str, equals: Value, **then: Any) -> Mapping[str, Any]:
    return {"when": {"device": read, "metric": metric, "equals": equals}, "then": then}


ON_PRESS = when("button", "action", "single", device="speakers", set={"switch": True})
OFF_PRESS = when("button", "action", "double", device="speakers", set={"switch": False})
ON_OPEN = when("door", "open", True, device="screen", set={"switch": True})


@asynccontextmanager
async def armed(path: Path, *triggers: Mapping[str, Any]) -> AsyncIterator[Class]:
    room = FakeRoom(BUTTONS, triggers)
    async with held(path, room) as one, task(Triggers(room.live, one.lessons, room.points.extend).run()):
        await asyncio.sleep(0)
        yield one


def failures(one: Class) -> list[tuple[str, Value]]:
    return [
        (point.series.device, point.value)
        for point in one.room.points
        if (point.series.measurement, point.series.metric) == (Measurement.EVENT, "trigger_failed")
    ]


async def test_each_press_of_a_button_does_it_also_the_same_press_again(tmp_path: Path) -> None:
    async with armed(tmp_path, ON_PRESS, OFF_PRESS) as one:
        for action in ("single", "single", "double", "hold", "single"):
            one.room["button"].become("action", action)
        await one.room["speakers"].until_told(4)
        assert one.room["speakers"].told == [
            "switch -> True", "switch -> True", "switch -> False", "switch -> True",
        ]  # fmt: skip


async def test_a_state_acts_when_it_becomes_true_not_while_it_is(tmp_path: Path) -> None:
    async with armed(tmp_path, ON_OPEN) as one:
        door = one.room["door"]
        for is_open in (True, True, False, True):
            door.become("open", is_open)
        await one.room["screen"].until_told(2)
        await one.room.until(lambda: one.room.live.value("screen", "switch") is True)
        assert one.room["screen"].told == ["switch -> True"] * 2


async def test_what_is_true_at_the_start_or_after_a_loss_is_no_event_of_that_moment(tmp_path: Path) -> None:
    async with armed(tmp_path, ON_OPEN, ON_PRESS) as one:
        door = one.room["door"]
        door.unplug()
        await one.room.until(lambda: one.room.live.value("door", "open") is None)
        door.values["open"] = True
        door.replug()
        await one.room.until(lambda: one.room.live.value("door", "open") is True)
        one.room["button"].become("action", "single")
        await one.room["speakers"].until_told()
        assert one.room["screen"].told == []


async def test_a_fault_forgets_nothing(tmp_path: Path) -> None:
    async with armed(tmp_path, ON_OPEN) as one:
        one.room["door"].say(Health(HealthState.FAULT, "battery"))
        one.room["door"].become("open", True)
        await one.room["screen"].until_told()


@pytest.mark.parametrize(
    ("read", "wanted", "expected"),
    [
        (True, True, True), (1, True, False), (True, 1.0, False), (1, 1.0, True), (1.0, 1, True),
        ("on", "on", True), ("on", True, False), (False, 0.0, False), ("1", 1.0, False),
    ],
)  # fmt: skip
def test_numbers_are_compared_by_value_and_a_flag_is_no_number(read: Value, wanted: Value, expected: bool) -> None:
    assert same(read, wanted) is expected


async def test_a_button_starts_a_lesson_and_an_emergency_goes_first(tmp_path: Path) -> None:
    teach, off = (
        when("button", "action", "single", profile="teach"),
        when("button", "action", "hold", profile="off"),
    )
    async with armed(tmp_path, teach, off) as one:
        one.room["projector"].holds["power"] = asyncio.Event()
        one.room["button"].become("action", "single")
        await one.until(LessonState.RUNNING)
        one.room["button"].become("action", "hold")
        await one.room.until(lambda: (one.lesson.profile, one.lesson.state) == ("off", LessonState.READY))
        assert failures(one) == []


async def test_pressed_while_a_lesson_is_prepared_it_is_counted_as_busy(tmp_path: Path) -> None:
    async with armed(tmp_path, when("button", "action", "single", profile="teach")) as one:
        one.room["projector"].holds["power"] = asyncio.Event()
        for _ in range(3):
            one.room["button"].become("action", "single")
        await one.room.until(lambda: len(failures(one)) == 2)
        assert failures(one) == [("button", "busy")] * 2
        assert one.told("profile") == ["teach"] * 2


async def test_a_profile_that_is_gone_and_a_mistake_of_ours_cost_one_press_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with armed(tmp_path, when("button", "action", "single", profile="gone"), ON_PRESS) as one:
        one.room["button"].become("action", "single")
        await one.room.until(lambda: failures(one) == [("button", "unknown-profile")])

        async def broken(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(one.lessons, "start", broken)
        one.room["button"].become("action", "single")
        await one.room.until(lambda: failures(one)[1:] == [("button", "internal")])
        await one.room["speakers"].until_told(2)


async def test_what_a_device_refuses_is_said_once_and_counted_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with armed(tmp_path, ON_PRESS) as one:
        refused, slow = Refused("the amplifier says no"), Timeout("slow")
        one.room["speakers"].fails["switch"] = [refused, refused, slow, None, refused]
        for number in range(5):
            one.room["button"].become("action", "single")
            await one.room["speakers"].until_told(number + 1)
        await one.room.until(lambda: len(failures(one)) == 4)
        assert [code for _, code in failures(one)] == ["refused", "refused", "timeout", "refused"]
        said = [record.getMessage() for record in caplog.records if record.name == "lophoc.trigger"]
        assert len(said) == 3
        assert said[0] == "trigger button.action = single: speakers switch -> True: refused: the amplifier says no"


async def test_a_slow_device_holds_up_neither_another_nor_the_reading_of_the_button(tmp_path: Path) -> None:
    on_screen = when("button", "action", "single", device="screen", set={"switch": True})
    async with armed(tmp_path, ON_PRESS, on_screen) as one:
        one.room["speakers"].holds["switch"] = asyncio.Event()
        for _ in range(3):
            one.room["button"].become("action", "single")
        await one.room["screen"].until_told(3)
        assert one.room["speakers"].told == ["switch -> True"]
        one.room["speakers"].holds["switch"].set()
        await one.room["speakers"].until_told(3)


async def test_what_a_device_cannot_take_any_more_is_dropped_and_counted(tmp_path: Path) -> None:
    async with armed(tmp_path, ON_PRESS) as one:
        held_up = one.room["speakers"].holds["switch"] = asyncio.Event()
        one.room["button"].become("action", "single")
        await one.room["speakers"].until_told()
        for _ in range(QUEUED + 4):
            one.room["button"].become("action", "single")
        await one.room.until(lambda: len(failures(one)) == 4)
        assert {code for _, code in failures(one)} == {"dropped"}
        held_up.set()
        await one.room["speakers"].until_told(QUEUED + 1)


async def test_a_thousand_presses_of_other_buttons_are_nothing(tmp_path: Path) -> None:
    async with armed(tmp_path, ON_PRESS) as one:
        for number in range(1000):
            one.room["button"].become("action", f"other-{number}")
            one.room["air"].become("co2_ppm", number)
        one.room["button"].become("action", "single")
        await one.room["speakers"].until_told()
        assert failures(one) == []
