"""What the engine tells the inbox: an alarm is raised, has changed, or has cleared."""

from dataclasses import dataclass

from cloud_ingest.alarms.alarm import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """What holds now, under a `key` that is the same for as long as it is the same alarm."""

    key: str
    rule: str
    severity: Severity
    text_vi: str
    text_en: str
    school: str | None = None
    room: str | None = None
    device: str | None = None
    gateway: str | None = None
    metric: str | None = None
    cause_of: int = 1
    schools: frozenset[str] = frozenset()
    """Which it concerns, if it is more than `school`."""


@dataclass(frozen=True, slots=True)
class Raised:
    finding: Finding
    since_us: int


@dataclass(frozen=True, slots=True)
class Changed:
    """The same alarm, but worse, better, or of more schools."""

    finding: Finding
    at_us: int


@dataclass(frozen=True, slots=True)
class Cleared:
    key: str
    at_us: int
    cause: str = ""
    """The key of the alarm that it is a part of, if that is why."""


Transition = Raised | Changed | Cleared
