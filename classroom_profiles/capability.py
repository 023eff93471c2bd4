"""What a device can be told, as the state it shall have: capabilities, targets and commands."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

Value = bool | int | float | str
"""What a metric can hold. A metric never changes its type."""

_CHANNEL = re.compile(r"[a-z0-9_]{1,32}")
LEVEL_TOLERANCE = 1.0
"""Two levels are the same within this many percent: dimmers round to 1/255 or 1/100."""


class Capability(StrEnum):
    POWER = "power"
    INPUT = "input"
    LEVEL = "level"
    SWITCH = "switch"
    SENSOR = "sensor"
    ROBOT = "robot"
    PROGRAM = "program"
    EXPERIMENT = "experiment"
    CAMERA = "camera"


WORDS: dict[Capability, tuple[str, ...]] = {
    Capability.ROBOT: ("idle", "ready"),
    Capability.EXPERIMENT: ("idle", "paused", "running"),
}
"""The states of the capabilities that have a closed set of them."""

SEED = "seed"
"""The channel of `experiment` that is no parameter: from which chance of its instruments comes; telling it resets."""

NO_PROGRAM = "none"
"""`program` is the name of the program that runs; this word is its state when none does, and the command to stop."""


class WrongValue(ValueError):
    """The value does not suit the capability; the text says what would."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing of a device that has a state: a capability, and a channel where a device has several."""

    capability: Capability
    channel: str = ""

    @property
    def metric(self) -> str:
        """The name under which its state is read: `switch`, or `switch_fan` for channel `fan`."""
        return f"{self.capability}_{self.channel}" if self.channel else str(self.capability)

    @property
    def is_parameter(self) -> bool:
        """`experiment.length_m`: a number or a word, where `experiment` alone is what state it is in."""
        return self.capability is Capability.EXPERIMENT and bool(self.channel)

    def __str__(self) -> str:
        return f"{self.capability}.{self.channel}" if self.channel else str(self.capability)

    @classmethod
    def parse(cls, text: str) -> "Target":
        """`switch` or `switch.fan`. Raises WrongValue for an unknown or read-only capability."""
        word, dot, channel = text.partition(".")
        commandable = [c.value for c in Capability if c is not Capability.SENSOR]
        if word not in commandable:
            raise WrongValue(f"'{word}' cannot be set; one of: {', '.join(commandable)}")
        if dot and not _CHANNEL.fullmatch(channel):
            raise WrongValue(f"channel '{channel}' must be 1 to 32 of a-z, 0-9 and '_', such as 'switch.fan'")
        return cls(Capability(word), channel)


@dataclass(frozen=True, slots=True)
class Command:
    """Bring one target to one state. Commands name states, not motions, so that each can be repeated and undone."""

    target: Target
    value: Value

    def __str__(self) -> str:
        return f"{self.target} -> {self.value}"

    @classmethod
    def parse(cls, target: str, value: object) -> "Command":
        """A command as written in a profile or a request, its value of the type that the capability has.

        Raises WrongValue, saying what would be right.
        """
        parsed = Target.parse(target)
        return cls(parsed, _parameter(parsed, value) if parsed.is_parameter else _value(parsed.capability, value))

    def holds(self, value: Value | None) -> bool:
        """True if a device whose metric reads `value` is already where this command would bring it."""
        if value is None:
            return False
        if self.target.capability is Capability.LEVEL and not isinstance(value, bool | str):
            return abs(float(value) - float(self.value)) <= LEVEL_TOLERANCE
        return type(value) is type(self.value) and value == self.value


def _parameter(target: Target, value: object) -> Value:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(value, str) and 0 < len(value) <= 64:
        return value
    raise WrongValue(f"{target} is a number, or one of the parameter's words, not {value!r}")


def _value(capability: Capability, value: object) -> Value:
    match capability:
        case Capability.POWER | Capability.SWITCH | Capability.CAMERA:
            if isinstance(value, bool):
                return value
            if value in ("on", "off"):
                return value == "on"
            raise WrongValue(f"{capability} is true (on) or false (off), not {value!r}")
        case Capability.LEVEL:
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
                return float(value)
            raise WrongValue(f"level is a number from 0 to 100 (%), not {value!r}")
        case Capability.ROBOT | Capability.EXPERIMENT:
            if isinstance(value, str) and value in WORDS[capability]:
                return value
            raise WrongValue(f"{capability} is one of {', '.join(WORDS[capability])}, not {value!r}")
        case _:
            if isinstance(value, str) and 0 < len(value) <= 64:
                return value
            raise WrongValue(f"{capability} is a text of 1 to 64 characters, not {value!r}")
