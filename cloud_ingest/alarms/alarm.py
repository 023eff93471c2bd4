"""What an alarm is, for those who show it and those who make it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol


class Severity(IntEnum):
    """The more, the sooner somebody must act. In files and in the API they are called by their `word`."""

    NOTE = 1
    """To know: nothing is broken yet."""
    WARNING = 2
    """Within days: a lesson may suffer."""
    MAJOR = 3
    """Today: lessons suffer."""
    CRITICAL = 4
    """Now: people may come to harm, or many schools are without it."""

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> "Severity":
        """Raises ValueError."""
        for severity in cls:
            if severity.word == word:
                return severity
        raise ValueError(f"'{word}' is no severity: {', '.join(each.word for each in cls)}")


class AlarmState(StrEnum):
    OPEN = "open"
    """It holds, and nobody has said that they know."""
    ACKNOWLEDGED = "acknowledged"
    """It holds, and somebody knows."""
    CLEARED = "cleared"
    """It holds no longer."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One row of the inbox. Times are microseconds since 1970 by the centre's clock."""

    id: int
    rule: str
    severity: Severity
    school: str | None
    """None: more than one school, or the centre itself. See `Alarms.schools`."""
    room: str | None
    device: str | None
    gateway: str | None
    metric: str | None
    since_us: int
    cleared_us: int | None
    state: AlarmState
    cause_of: int
    """How many rooms, gateways or devices have it and raise no alarm of their own, since this is why; else 1."""
    in_schools: int
    """How many schools it concerns."""
    repeats: int
    """How often it came again soon after it had cleared: those are not alarms of their own."""
    acknowledged_by: str | None
    assigned_to: str | None
    muted_until_us: int | None
    text_vi: str
    text_en: str
    revision: int
    """Of the inbox when this alarm changed last."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an alarm's history."""

    at_us: int
    by: str
    """Who did it; empty: the rules did."""
    what: str
    """raised, changed, cleared, reopened, absorbed, acknowledged, assigned, muted, unmuted, commented, told."""
    comment: str


class Asker(Protocol):
    """Who asks: `accounts.Who` is one."""

    @property
    def name(self) -> str: ...

    @property
    def school(self) -> str | None:
        """None: the whole city."""

    def sees(self, school: str) -> bool: ...


class Everything:
    """The centre itself asks: it sees all."""

    name = ""
    school = None

    def sees(self, school: str) -> bool:
        return True
