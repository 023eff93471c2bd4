"""docs/telemetry.md says what the code does: every metric, field, reason and order is on it, and nothing else."""

import re
from pathlib import Path

import msgspec
import pytest

from classroom_profiles.capability import Capability
from classroom_profiles.metrics import METRICS, UNITS, Kind, Metric, find, unit
from classroom_profiles.reading import Health, HealthState
from classroom_profiles.role import Role
from classroom_profiles.room import Device
from classroom_profiles.telemetry import VERSION, Ack, Clock, Measurement, Refusal
from edge_agent.drop_order import DROP_ORDER
from edge_agent.gateway_points import gateway_metrics
from edge_agent.journal import Journal
from edge_agent.lesson import LessonState
from edge_agent.telemetry_points import health_points
from edge_agent.uplink_client import status as uplink_status
from firmware_bridge.mqtt_dialects.dialect import UNITS as DIALECT_UNITS
from tests.edge_agent.journal_peer import opened

PAGE = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """From a heading that begins so to the next one."""
    _, found, rest = PAGE.partition(f"\n{heading}")
    assert found, f"no '{heading}'"
    return rest.partition("\n#")[0]


def first_cells(text: str) -> list[str]:
    """The code words that begin a table's rows."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("measurement", Measurement)
def test_every_measurement_has_its_table_of_metrics(measurement: Measurement) -> None:
    rows = [line for line in section(f"### `{measurement}`: ").splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{each.name}` | {' or '.join(kind.name.lower() for kind in each.kinds)} | {each.unit} | {each.says} |"
        for each in METRICS
        if each.measurement is measurement
    ]


def test_the_fields_of_an_ack_are_on_the_page() -> None:
    text = section("### An ack")
    assert first_cells(text) == [field.name for field in msgspec.structs.fields(Ack)]
    assert all(f"`{why}`" in text for why in Refusal)


def test_the_fields_of_a_status_are_on_the_page(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal.sqlite")
    try:
        status = msgspec.json.decode(uplink_status("online", journal))
    finally:
        journal.close()
    assert first_cells(section("### The status")) == list(status)


def test_the_drop_order_clocks_and_version_are_on_the_page() -> None:
    assert " → ".join(f"`{measurement}`" for measurement in DROP_ORDER) in section("## The journal")
    assert ", ".join(f"{number} `{clock}`" for number, clock in enumerate(Clock)) in section("### A batch")
    assert f"Version {VERSION}," in section("### A batch")


def test_what_the_gateway_says_of_itself_is_in_the_schema(tmp_path: Path) -> None:
    journal: Journal = opened(tmp_path / "journal.sqlite")
    try:
        metrics = gateway_metrics(journal, connected=True)
    finally:
        journal.close()
    for name, value in metrics.items():
        metric = find(Measurement.GATEWAY, name)
        assert metric is not None, name
        assert metric.kinds == (Kind.FLAG if isinstance(value, bool) else Kind.NUMBER,), name


def test_what_devices_measure_and_are_is_in_the_schema() -> None:
    for name, symbol in DIALECT_UNITS.items():
        assert find(Measurement.READING, name) is not None, name
        assert unit(name) == symbol
    for capability in set(Capability) - {Capability.SENSOR}:
        assert find(Measurement.DEVICE, capability) is not None, capability
    device = Device(id="air", role=Role.AIR_SENSOR, driver="mqtt-devices", name=None)
    for point in health_points("a101", device, Health(HealthState.FAULT, "lamp"), 0):
        assert find(Measurement.DEVICE, point.series.metric) is not None


def test_the_states_of_a_lesson_and_of_a_device_are_said() -> None:
    state, health = find(Measurement.LESSON, "state"), find(Measurement.DEVICE, "health")
    assert state is not None
    assert health is not None
    assert set(re.findall(r"\w+", state.says)) == set(LessonState)
    assert set(re.findall(r"\w+", health.says)) - {"or"} == set(HealthState)


def test_a_metric_is_one_thing() -> None:
    names = [(each.measurement, each.name) for each in METRICS]
    assert len(set(names)) == len(names)
    assert find(Measurement.READING, "no_such") is None
    assert find(Measurement.DEVICE, "switch_fan") == Metric(
        Measurement.DEVICE, "switch_*", (Kind.FLAG,), "of one channel"
    )
    assert (unit("temperature_c"), unit("c"), unit("value")) == ("°C", "", "")
    assert all(word == word.lower() for word in UNITS)
