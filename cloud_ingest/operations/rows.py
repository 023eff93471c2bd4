"""What the operations centre shows of schools, rooms, gateways and devices: rows that never change once made.

Structs and not dataclasses, since a city has 300,000 devices: they take half the room, and no turn of the collector.
Times are microseconds since 1970 by the centre's clock, 0 is never.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from cloud_ingest.gateways import State


class Health(StrEnum):
    """How a room or a device is, the worst first."""

    DOWN = "down"
    """Nothing is heard of it: its gateway is unreachable or silent."""
    FAULTY = "faulty"
    """A device is in fault or unreachable, or what comes from its gateway is late or has a wrong time."""
    UNKNOWN = "unknown"
    """Nobody has heard enough of it to say."""
    OFF = "off"
    """Switched off, as it said."""
    WORKING = "working"


class Counts(NamedTuple):
    """How many rooms are how."""

    down: int = 0
    faulty: int = 0
    unknown: int = 0
    off: int = 0
    working: int = 0


class DeviceRow(msgspec.Struct, frozen=True, gc=False):
    school: str
    room: str
    device: str
    role: str
    health: Health
    reason: str
    """A short code such as `lamp` or `no-answer`; of a room that is down or off, that of its gateway."""
    says: str
    """What it said last: online, warming, cooling, standby, unreachable, fault; empty if it never said."""
    firmware: str
    lamp_h: float | None
    filter_h: float | None
    battery_percent: float | None
    simulated: bool
    seen_us: int
    """The time of its newest value, within a minute."""


class RoomRow(msgspec.Struct, frozen=True, gc=False):
    school: str
    room: str
    gateway: str
    """The one heard of last, if it has several; empty if none is known."""
    condition: State | None
    """Of that gateway."""
    health: Health
    lesson: str
    """The profile that runs or is ready; empty if none."""
    lesson_state: str
    """preflight, blocked, running, ready, failed, undoing, undone; empty if there never was one."""
    lesson_since_us: int
    faults: int
    """How many devices are in fault or unreachable."""
    devices: int
    simulated: bool
    seen_us: int


class GatewayRow(msgspec.Struct, frozen=True, gc=False):
    school: str
    gateway: str
    state: State
    rooms: tuple[str, ...]
    version: str
    clock_untrusted: bool
    backlog_points: int
    buffering_min: float
    """How old the oldest point is that it could not send; 0 if it has none."""
    dropped_points: int
    journal_writable: bool
    cpu_temperature_c: float | None
    memory_used_percent: float | None
    disk_used_percent: float | None
    disk_wear_percent: float | None
    catalogue: int
    """Serial of what it holds of what the centre publishes; 0: nothing."""
    catalogue_staged: int
    """Serial of what waits there for the end of a lesson; 0: nothing."""
    catalogue_problem: str
    """Why it did not take the last one, in a word; empty if it did."""
    points: int
    seen_us: int


class SchoolRow(msgspec.Struct, frozen=True):
    """`latitude` and `longitude` are None for a school that the directory does not know."""

    school: str
    name: str
    ward: str
    level: str
    latitude: float | None
    longitude: float | None
    rooms: int
    by_health: Counts
    health: Health
    faults: int
    """How many of its devices are in fault or unreachable."""
    open_alarms: int
    seen_us: int
