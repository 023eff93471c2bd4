"""What each gateway of the chaos run produces: series whose values are numbers that only ever rise.

A number is the gateway's life (a new one with each start of its process) and how many came before it in that life.
So each value of a series is there once, and says when it was produced, whatever the time beside it says.
"""

from dataclasses import dataclass

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Series

LIFE = 10_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One series of every gateway."""

    measurement: Measurement
    device: str
    role: str
    metric: str
    text: bool = False

    def series(self, room: str) -> Series:
        return Series(self.measurement, room, self.device, self.role, self.metric)

    def value(self, number: int) -> Value:
        return f"no {number}" if self.text else float(number)


KINDS = (
    Kind(Measurement.READING, "air", "air-sensor", "co2_ppm"),
    Kind(Measurement.READING, "air", "air-sensor", "temperature_c"),
    Kind(Measurement.READING, "light", "light-sensor", "illuminance_lux"),
    Kind(Measurement.DEVICE, "projector", "projector", "input", text=True),
    Kind(Measurement.EXPERIMENT, "pendulum", "experiment", "angle_deg"),
    Kind(Measurement.ROBOT, "kit-01", "robot-kit", "distance_cm"),
    Kind(Measurement.GATEWAY, "gw", "gateway", "backlog_age_s"),
    Kind(Measurement.LESSON, "lesson", "lesson", "state", text=True),
    Kind(Measurement.EVENT, "panel", "panel", "preempted", text=True),
)


def number_of(value: object) -> int:
    """What a store gave back, as the number that was produced; -1 if it is none."""
    if isinstance(value, str) and value.startswith("no ") and value[3:].isdecimal():
        return int(value[3:])
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value == int(value):
        return int(value)
    return -1
