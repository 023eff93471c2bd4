"""The room as it is: what is read, since when, what of it goes to the centre; and no device delays another."""

import asyncio
from collections.abc import Iterable

import pytest

from classroom_profiles.capability import Command, Value
from classroom_profiles.reading import Change, Health, HealthState, Reading
from classroom_profiles.room import Device
from classroom_profiles.state import NOT_OPENED
from classroom_profiles.telemetry import Measurement, Point
from edge_agent.live_room import HEARTBEAT_US
from edge_agent.supervisor import Pace
from firmware_bridge.errors import Refused, Unreachable
from tests.edge_agent.fake_driver import FakeRoom

ROOM: dict[str, tuple[str, dict[str, Value]]] = {
    "lamp": ("lights", {"switch": False, "level": 10.0}),
    "air": ("air-sensor", {"temperature_c": 21.0}),
    "fan": ("ventilation", {"switch": False}),
}
ON = Command.parse("switch", True)


def of(points: Iterable[Point], device: str, metric: str) -> list[tuple[str, Value]]:
    return [
        (str(point.series.measurement), point.value)
        for point in points
        if (point.series.device, point.series.metric) == (device, metric)
    ]


async def test_it_knows_what_every_device_said_last() -> None:
    async with FakeRoom(ROOM).running() as room:
        room["lamp"].become("level", 55.0)
        await room.until(lambda: room.live.value("lamp", "level") == 55.0)
        known = room.live.device("lamp")
        assert known.health == Health(HealthState.ONLINE)
        assert {metric: reading.value for metric, reading in known.readings.items()} == {"switch": False, "level": 55.0}
        assert [str(control.target) for control in known.controls or ()] == ["switch", "level"]
        assert room.live.value("lamp", "no-such") is None
        assert room.live.state().of("air").values == {"temperature_c": 21.0}
        with pytest.raises(KeyError):
            room.live.device("no-such")


@pytest.mark.parametrize("sick", ["hangs in opening", "dead", "broken driver", "hangs in a command"])
async def test_a_sick_device_never_delays_the_others(sick: str) -> None:
    """Everything here would take minutes if anybody waited for it."""
    room = FakeRoom(ROOM, pace=Pace(open_s=300.0, close_s=300.0))
    room.settles = False
    match sick:
        case "hangs in opening":
            room["fan"].holds_open.clear()
        case "dead":
            room["fan"].fails_to_open = Unreachable("gone")
        case "broken driver":
            room["fan"].fails_to_open = ZeroDivisionError()
        case _:
            room["fan"].holds["switch"] = asyncio.Event()
    async with asyncio.timeout(20), room.running():
        await room.until(lambda: room.live.value("lamp", "level") is not None and room["air"].opened == 1)
        telling = asyncio.create_task(room.live.command("fan", ON, 300.0))
        for number in range(50):
            await room.live.command("lamp", Command.parse("level", number * 2), 30.0)
        assert room["lamp"].values["level"] == 98.0
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        room.let_go()


async def test_of_an_unreachable_device_the_last_readings_are_kept_and_none_counts_as_now() -> None:
    async with FakeRoom(ROOM).running() as room:
        before = room.live.device("air").since_us
        room["air"].unplug()
        await room.until(lambda: room.live.device("air").health.state is HealthState.UNREACHABLE)
        known = room.live.device("air")
        assert known.readings["temperature_c"].value == 21.0
        assert room.live.value("air", "temperature_c") is None
        assert known.since_us >= before
        since = known.since_us
        await room["air"].until(lambda: room["air"].opened >= 4)
        assert room.live.device("air").since_us == since, "it is away since it went"
        room["air"].replug()
        await room.until(lambda: room.live.value("air", "temperature_c") == 21.0)


async def test_before_it_was_tried_a_device_is_not_opened_and_its_controls_are_unknown() -> None:
    room = FakeRoom(ROOM)
    known = room.live.device("lamp")
    assert (known.health, known.controls, known.readings) == (NOT_OPENED, None, {})
    with pytest.raises(Unreachable):
        await room.live.command("lamp", ON, 30.0)


async def test_a_state_is_recorded_when_it_changes_and_a_measurement_always() -> None:
    async with FakeRoom(ROOM).running() as room:
        for _ in range(3):
            room["lamp"].say(
                Reading("switch", False, monotonic_us=room.live.device("lamp").readings["switch"].monotonic_us)
            )
            room["air"].become("temperature_c", 21.0)
        room["lamp"].become("switch", True)
        room["air"].become("temperature_c", 22.0)
        await room.until(
            lambda: room.live.value("lamp", "switch") is True and room.live.value("air", "temperature_c") == 22.0
        )
        assert of(room.points, "lamp", "switch") == [("device", False), ("device", True)]
        assert of(room.points, "air", "temperature_c") == [("reading", 21.0)] * 4 + [("reading", 22.0)]


async def test_a_state_that_nobody_changes_is_recorded_again_after_a_while() -> None:
    async with FakeRoom(ROOM).running() as room:
        first = room.live.device("lamp").readings["switch"].monotonic_us
        for late_us in (HEARTBEAT_US - 1, HEARTBEAT_US, HEARTBEAT_US + 1):
            room["lamp"].say(Reading("switch", False, monotonic_us=first + late_us))
        room["lamp"].become("level", 0.0)
        await room.until(lambda: room.live.value("lamp", "level") == 0.0)
        assert of(room.points, "lamp", "switch") == [("device", False)] * 2


async def test_health_is_recorded_when_it_changes_and_only_then() -> None:
    async with FakeRoom(ROOM).running() as room:
        for state in (HealthState.WARMING, HealthState.WARMING, HealthState.ONLINE):
            room["lamp"].say(Health(state))
        room["lamp"].say(Health(HealthState.FAULT, "lamp"))
        await room.until(lambda: room.live.device("lamp").health.reason == "lamp")
        assert of(room.points, "lamp", "health") == [
            ("device", state) for state in ("online", "warming", "online", "fault")
        ]
        assert of(room.points, "lamp", "health_reason")[-1] == ("device", "lamp")


async def test_a_simulated_reading_says_so_at_the_centre() -> None:
    async with FakeRoom(ROOM).running() as room:
        room["air"].say(Reading("co2_ppm", 400, simulated=True))
        await room.until(lambda: room.live.value("air", "co2_ppm") == 400)
        (point,) = [point for point in room.points if point.series.metric == "co2_ppm"]
        assert (point.simulated, point.series.measurement) == (True, Measurement.READING)


async def test_who_listens_hears_every_change_and_one_who_breaks_harms_neither_the_device_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[tuple[str, Change]] = []

    def broken(device: Device, change: Change) -> None:
        raise ZeroDivisionError

    async with FakeRoom(ROOM).running() as room:
        with room.live.listen(broken), room.live.listen(lambda device, change: heard.append((device.id, change))):
            room["lamp"].say(Reading("switch", True))
            room["lamp"].unplug()
            await room.until(lambda: room.live.device("lamp").health.state is HealthState.UNREACHABLE)
        room["lamp"].replug()
        await room.until(lambda: room.live.value("lamp", "switch") is False)
    assert heard[:2] == [
        ("lamp", Reading("switch", True)),
        ("lamp", Health(HealthState.UNREACHABLE, "unreachable")),
    ]
    assert "ZeroDivisionError" in caplog.text
    assert ("lamp", Reading("switch", False)) not in heard, "who has gone hears nothing"


async def test_settled_when_each_was_tried_and_the_open_ones_have_said_what_they_have() -> None:
    room = FakeRoom(ROOM)
    room["fan"].fails_to_open = Refused("password")
    async with room.running():
        assert room.live.value("lamp", "level") == 10.0
        assert room.live.device("fan").health == Health(HealthState.FAULT, "refused")


async def test_nobody_waits_longer_than_they_want_for_a_device_that_hangs() -> None:
    room = FakeRoom(ROOM, pace=Pace(open_s=300.0))
    room.settles = False
    room["fan"].holds_open.clear()
    async with asyncio.timeout(20), room.running():
        await room.live.settled(0.01)
        assert not await room.live.until(lambda: False, 0.01)
        room.let_go()


async def test_when_it_ends_every_driver_is_closed() -> None:
    async with FakeRoom(ROOM).running() as room:
        things = list(room.things.values())
    assert [(thing.opened, thing.closed) for thing in things] == [(1, 1)] * 3
