"""What a device says: readings with unit and time, and its health."""

from dataclasses import dataclass
from enum import StrEnum

from classroom_profiles.capability import Value
from classroom_profiles.experiment import RunState, Sample


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one metric. The metric's name ends in its unit where it has one (`temperature_c`)."""

    metric: str
    value: Value
    unit: str = ""
    """Symbol as people read it: '°C', '%', 'lx', 'ppm', 'h'; empty where there is none."""
    time_us: int = 0
    """Wall clock, microseconds since 1970-01-01 UTC."""
    monotonic_us: int = 0
    """Monotonic clock of this boot, microseconds."""
    simulated: bool = False


class HealthState(StrEnum):
    ONLINE = "online"
    WARMING = "warming"
    COOLING = "cooling"
    STANDBY = "standby"
    UNREACHABLE = "unreachable"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Health:
    """How a device is. Standby, warming, cooling and unreachable are states, not exceptions."""

    state: HealthState
    reason: str = ""
    """For `fault` and `unreachable`: a short code such as 'lamp' or 'no-answer'."""

    @property
    def reachable(self) -> bool:
        return self.state is not HealthState.UNREACHABLE

    @property
    def is_well(self) -> bool:
        """False for a device on which nobody can count now."""
        return self.state not in (HealthState.UNREACHABLE, HealthState.FAULT)


Change = Reading | Health | RunState | Sample
"""What a driver yields."""
