"""Which devices of a room are a bench, and what a hold on one covers."""

from typing import Any

import pytest
from pydantic import ValidationError

from classroom_profiles.bench import benches, covered
from classroom_profiles.room import Room


def room(*devices: tuple[str, str, str | None], **more: Any) -> Room:
    return Room.model_validate(
        {
            "school": "s", "room": "r", "name": {"vi": "x", "en": "x"},
            "devices": [{"id": one, "role": role, "driver": "fake", "group": group} for one, role, group in devices],
        } | more
    )  # fmt: skip


LAB = room(
    ("pendulum", "experiment", None), ("probe", "air-sensor", "kettle"), ("heater", "bench-power", "kettle"),
    ("kit-1", "robot-kit", "table-1"), ("kit-2", "robot-kit", "table-1"), ("lights", "lights", None),
)  # fmt: skip


def test_a_group_is_a_bench_unless_it_is_a_table_of_robots_and_a_single_experiment_is_one_too() -> None:
    assert [(bench.id, [device.id for device in bench.devices]) for bench in benches(LAB)] == [
        ("pendulum", ["pendulum"]), ("kettle", ["probe", "heater"]),
    ]  # fmt: skip
    assert benches(LAB)[1].name.vi == "Bàn kettle"
    assert benches(LAB)[1].has("probe")


@pytest.mark.parametrize(
    ("target", "devices"),
    [
        ("kettle", {"probe", "heater"}), ("pendulum", {"pendulum"}), ("kit-1", {"kit-1"}), ("lights", set()),
        ("probe", set()), ("table-1", set()), ("none", set()),
    ],
)  # fmt: skip
def test_benches_robots_and_experiments_can_be_held_and_nothing_else(target: str, devices: set[str]) -> None:
    assert covered(LAB, target) == devices


def test_a_group_that_is_called_as_a_device_outside_it_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="'probe' is the id of a device outside the group"):
        room(("probe", "air-sensor", None), ("heater", "bench-power", "probe"))
    assert benches(room(("probe", "experiment", "probe"), ("heater", "bench-power", "probe")))[0].id == "probe"
