"""What the centre is told of the robot kits: each work with how it ended, and how the kit was then. Pure."""

from collections.abc import Mapping

from classroom_profiles.capability import Value
from classroom_profiles.reading import Reading
from classroom_profiles.room import Device
from classroom_profiles.telemetry import Point
from edge_agent.fleet_work import Held, Kind, Work
from edge_agent.telemetry_points import robot_point


def work_points(
    room: str, device: Device, work: Work, readings: Mapping[str, Reading], holds: tuple[Held, ...] | None
) -> list[Point]:
    """`holds` is None where a kit holds no programs, or nobody knows."""
    time_us = work.began_us if work.ended_us is None else work.ended_us
    values: dict[str, Value] = {
        "work": str(work.kind),
        "work_outcome": str(work.state),
        "work_error": work.code,
        "work_attempts": work.attempts,
        "work_s": max(0.0, (time_us - work.began_us) / 1e6),
    }
    if work.kind in (Kind.DEPLOY, Kind.FLASH):
        values["work_version"] = f"{work.what} {work.version}"
    if holds is not None:
        values["programs"] = len(holds)
        values["damaged_programs"] = sum(one.whole is False for one in holds)
    for metric in ("firmware", "battery_percent"):
        if metric in readings:
            values[metric] = readings[metric].value
    simulated = any(reading.simulated for reading in readings.values())
    return [robot_point(room, device, metric, value, time_us, simulated) for metric, value in values.items()]
