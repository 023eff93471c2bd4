"""What is known of a room at one moment: the last value of each metric and the health of each device."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from classroom_profiles.capability import Target, Value
from classroom_profiles.reading import Health, HealthState


@dataclass(frozen=True, slots=True)
class Control:
    """One thing a device lets itself be told, and the words it takes where they are a closed set."""

    target: Target
    choices: tuple[str, ...] = ()
    """For `input`, `program` and the like: what the device says it has."""


NOT_OPENED = Health(HealthState.UNREACHABLE, "not-opened")


@dataclass(frozen=True, slots=True)
class DeviceState:
    health: Health = NOT_OPENED
    values: Mapping[str, Value] = field(default_factory=dict)
    """Metric to last value."""
    controls: tuple[Control, ...] | None = None
    """None while the driver has not been able to say."""


@dataclass(frozen=True, slots=True)
class RoomState:
    devices: Mapping[str, DeviceState] = field(default_factory=dict)

    def of(self, device: str) -> DeviceState:
        return self.devices.get(device, DeviceState())
