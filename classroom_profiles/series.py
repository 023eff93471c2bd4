"""What telemetry is about: series, the points on them, and which tags and values are allowed. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from classroom_profiles.capability import Value

MAX_TEXT = 64
EARLIEST_US = 0
LATEST_US = (2**63 - 2) // 1000  # 2262-04-11: InfluxDB counts nanoseconds in 64 bits and answers 400 after that

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
_METRIC = re.compile(r"[a-z][a-z0-9_]{0,47}")


class Measurement(StrEnum):
    READING = "reading"
    DEVICE = "device"
    LESSON = "lesson"
    ATTENDANCE = "attendance"
    EXPERIMENT = "experiment"
    ROBOT = "robot"
    GATEWAY = "gateway"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Series:
    """What a point belongs to. With the school, which the topic names, these are the tags in the store."""

    measurement: Measurement
    room: str
    device: str
    role: str
    metric: str

    @property
    def named_well(self) -> bool:
        """True if every tag is what a tag may be, so that nobody has to escape it."""
        tags = (self.room, self.device, self.role)
        return all(map(_SLUG.fullmatch, tags)) and _METRIC.fullmatch(self.metric) is not None


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one series at one time (microseconds since 1970-01-01 UTC)."""

    series: Series
    time_us: int
    value: Value
    simulated: bool = False


class Run(msgspec.Struct, frozen=True, gc=False):
    """Points of one series in order of strictly increasing time, all numbers, all flags or all texts, as columns.

    A struct and not a dataclass, since at a centre half a million of them are made a second.
    """

    series: Series
    simulated: bool
    times_us: list[int]
    values: list[Value]

    def points(self) -> Iterable[Point]:
        for time_us, value in zip(self.times_us, self.values, strict=True):
            yield Point(self.series, time_us, value, self.simulated)


def is_text(text: str) -> bool:
    """True if it is short and printable ASCII."""
    return len(text) <= MAX_TEXT and text.isascii() and text.isprintable()
