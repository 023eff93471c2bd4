"""What the room's file calls simulated is marked on its way to the centre, and nothing else is."""

from typing import Any

import pytest

from classroom_profiles.room import Room
from classroom_profiles.telemetry import Measurement, Point, Series
from edge_agent.simulated import marking


def room(simulated: bool, **devices: bool | None) -> Room:
    written: list[dict[str, Any]] = [
        {"id": name, "role": "lights", "driver": "lamp", "simulated": one} for name, one in devices.items()
    ]
    name = {"vi": "Thử", "en": "Trial"}
    return Room.model_validate(
        {"school": "thu", "room": "b1", "name": name, "simulated": simulated, "devices": written}
    )


@pytest.mark.parametrize(
    ("simulated", "a", "b", "marked"),
    [
        (False, None, None, set()),
        (False, True, None, {"a"}),
        (True, None, None, {"a", "b", "lesson", "b1"}),
        (True, None, False, {"a", "lesson", "b1"}),
        (False, False, False, set()),
    ],
)
def test_each_point_is_marked_as_its_device_or_else_its_room_is(
    simulated: bool, a: bool | None, b: bool | None, marked: set[str]
) -> None:
    recorded: list[Point] = []
    record = marking(room(simulated, a=a, b=b), recorded.extend)
    record(
        Point(Series(Measurement.READING, "b1", device, "lights", "temperature_c"), 1, 21.0)
        for device in ("a", "b", "lesson", "b1")
    )
    assert {point.series.device for point in recorded if point.simulated} == marked
    assert len(recorded) == 4


def test_what_a_device_itself_calls_simulated_stays_so() -> None:
    recorded: list[Point] = []
    said = Point(Series(Measurement.READING, "b1", "b", "lights", "temperature_c"), 1, 21.0, simulated=True)
    marking(room(False, a=True, b=False), recorded.extend)([said])
    assert recorded == [said]
