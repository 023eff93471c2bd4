"""An interlock in one room: whom it watches, whom it commands, and which commands go against it. Pure values."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from classroom_profiles.capability import LEVEL_TOLERANCE, NO_PROGRAM, Capability, Command, Target, Value
from classroom_profiles.interlock import Panel, Staff
from classroom_profiles.model import Name, Sentence


class Test(StrEnum):
    ABOVE = "above"
    BELOW = "below"
    EQUALS = "equals"
    SILENT = "silent"
    UNREACHABLE = "unreachable"


_SIGNS = {Test.ABOVE: ">", Test.BELOW: "<", Test.EQUALS: "="}


@dataclass(frozen=True, slots=True)
class Watch:
    """One cause at one device."""

    device: str
    metric: str
    """Empty for `unreachable`."""
    test: Test
    bound: Value = 0.0
    """What a reading is held against; nothing for `silent` and `unreachable`."""
    for_us: int = 0

    @property
    def reads(self) -> bool:
        """True if it looks at what a reading says."""
        return self.test in _SIGNS

    def holds(self, value: Value) -> bool | None:
        """Is this reading dangerous? None for what is no value of this metric."""
        if isinstance(value, float) and not math.isfinite(value):
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if self.test is Test.EQUALS:
            if isinstance(self.bound, bool) or isinstance(value, bool):
                return value is self.bound if isinstance(value, bool) and isinstance(self.bound, bool) else None
            return value == self.bound if is_number is not isinstance(self.bound, str) else None
        if not is_number or isinstance(self.bound, str):
            return None
        return float(value) > self.bound if self.test is Test.ABOVE else float(value) < self.bound

    def __str__(self) -> str:
        lasting = f" for {self.for_us / 1e6:g} s" if self.for_us else ""
        if self.test in (Test.SILENT, Test.UNREACHABLE):
            return f"{self.device}{self.metric and '.'}{self.metric} {self.test}{lasting}"
        return f"{self.device}.{self.metric} {_SIGNS[self.test]} {_shown(self.bound)}{lasting}"


@dataclass(frozen=True, slots=True)
class Order:
    """One device brought to its safe state."""

    device: str
    command: Command

    def __str__(self) -> str:
        return f"{self.device}.{self.command.target}={_shown(self.command.value)}"


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    name: Name
    advice: Sentence
    watches: tuple[Watch, ...]
    orders: tuple[Order, ...]
    panel: Panel
    reset_by: Staff


def opposes(one: Command, other: Command) -> bool:
    """Of one device: can it not be where both commands would bring it? The same whichever comes first."""
    return _goes_against(one, other) or _goes_against(other, one)


def brings(command: Command) -> Iterator[tuple[Target, Value | None]]:
    """The states of one device that a command changes, and to what (None: that cannot be said)."""
    target = command.target
    yield target, command.value
    if target.capability is Capability.LEVEL:
        yield Target(Capability.SWITCH, target.channel), _is_on(command)
    elif target.capability is Capability.SWITCH:
        yield Target(Capability.LEVEL, target.channel), None if command.value else 0.0


def _goes_against(one: Command, other: Command) -> bool:
    if one.target == other.target:
        if one.target.capability is Capability.LEVEL:
            return abs(float(one.value) - float(other.value)) > LEVEL_TOLERANCE or _is_on(one) is not _is_on(other)
        return one.value != other.value
    kinds = (one.target.capability, other.target.capability)
    if kinds == (Capability.SWITCH, Capability.LEVEL) and one.target.channel == other.target.channel:
        return _is_on(one) is not _is_on(other)
    if one.target.capability is Capability.POWER and not one.value:
        return _is_on(other)
    if one.target.capability is Capability.ROBOT and not _is_on(one):  # its outputs are off while it is idle
        return kinds[1] in (Capability.SWITCH, Capability.LEVEL, Capability.PROGRAM) and _is_on(other)
    return False


def _is_on(command: Command) -> bool:
    match command.target.capability:
        case Capability.LEVEL:
            return float(command.value) > 0
        case Capability.ROBOT | Capability.EXPERIMENT:
            return command.value != "idle"
        case Capability.PROGRAM:
            return command.value != NO_PROGRAM
        case _:
            return bool(command.value)


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
