"""The smallest thing that can have an alarm: one series of a device, or one gateway."""

from typing import NamedTuple, Protocol

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement


class Point(Protocol):
    """The newest value of a series, as the last values and the store have it."""

    @property
    def school(self) -> str: ...
    @property
    def room(self) -> str: ...
    @property
    def measurement(self) -> Measurement: ...
    @property
    def device(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def value(self) -> Value: ...
    @property
    def time_us(self) -> int: ...
    @property
    def simulated(self) -> bool: ...


class Unit(NamedTuple):
    """A gateway has neither room nor device nor metric here."""

    school: str
    room: str
    device: str
    metric: str
    gateway: str = ""

    @property
    def name(self) -> str:
        """In one line, and back by `of`: no part has a '/'."""
        return "/".join(self)

    @classmethod
    def of(cls, name: str) -> "Unit":
        """Raises ValueError."""
        school, room, device, metric, gateway = name.split("/")
        return cls(school, room, device, metric, gateway)

    @property
    def where(self) -> str:
        """As people read it."""
        if self.gateway:
            return f"{self.school}/{self.gateway}"
        return "/".join(part for part in (self.school, self.room, self.device) if part)
