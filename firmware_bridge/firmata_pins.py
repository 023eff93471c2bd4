"""What hangs on a Firmata board's pins: as a room's file has it, and what the states of a pin mean. No I/O."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from classroom_profiles.capability import Capability, Target, Value
from classroom_profiles.model import Model
from firmware_bridge.firmata_wire import Mode

PinName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
PinNumber = Annotated[int, Field(ge=0, le=127)] | Annotated[str, StringConstraints(pattern=r"^A(1[0-5]|[0-9])$")]
_Degrees = Annotated[int, Field(ge=0, le=180)]
_Pulse = Annotated[int, Field(ge=400, le=3000)]
_CHANGE_PART = 1 / 200
"""How much of its range an analog input must change to be worth a reading, where nothing is said: noise is less."""


class PinKind(StrEnum):
    OUTPUT = "output"
    PWM = "pwm"
    SERVO = "servo"
    INPUT = "input"
    ANALOG = "analog"
    SONAR = "sonar"


class Active(StrEnum):
    HIGH = "high"
    LOW = "low"


class Pull(StrEnum):
    NONE = "none"
    UP = "up"


MODES = {
    PinKind.OUTPUT: Mode.OUTPUT,
    PinKind.PWM: Mode.PWM,
    PinKind.SERVO: Mode.SERVO,
    PinKind.INPUT: Mode.INPUT,
    PinKind.ANALOG: Mode.ANALOG,
}
"""The pin's mode; a ranger's is its firmware's own business."""
_TOLD = (PinKind.OUTPUT, PinKind.PWM, PinKind.SERVO)
_ONLY_FOR = {
    "active": (PinKind.OUTPUT, PinKind.INPUT),
    "pull": (PinKind.INPUT,),
    "range": (PinKind.ANALOG,),
    "unit": (PinKind.ANALOG,),
    "change": (PinKind.ANALOG,),
    "degrees": (PinKind.SERVO,),
    "pulse_us": (PinKind.SERVO,),
    "echo": (PinKind.SONAR,),
    "farthest_cm": (PinKind.SONAR,),
}


class PinOptions(Model):
    """What hangs on one pin."""

    pin: PinNumber = Field(description="its number on the board, or A0 to A15; of a ranger the trigger")
    kind: PinKind = Field(description="what hangs on it")
    active: Active = Field(Active.HIGH, description="output, input: the level that means on (many relay boards: low)")
    pull: Pull = Field(
        Pull.NONE, description="input: up for a button that connects the pin to ground (then active: low)"
    )
    range: tuple[float, float] = Field((0.0, 100.0), description="analog: the value at 0 V and at the full voltage")
    unit: str = Field("%", max_length=12, description="analog: the unit of that value, as people read it")
    change: float | None = Field(
        None, ge=0, description="analog: the smallest change worth a reading; a 200th of the range where left out"
    )
    degrees: tuple[_Degrees, _Degrees] = Field((0, 180), description="servo: the angles at 0 % and at 100 %")
    pulse_us: tuple[_Pulse, _Pulse] = Field(
        (544, 2400), description="servo: the pulses at 0 and at 180 degrees, microseconds"
    )
    echo: PinNumber | None = Field(None, description="sonar: the pin on which its echo comes back")
    farthest_cm: int = Field(200, ge=2, le=500, description="sonar: how far it looks")

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        alien = [f"'{n}'" for n, kinds in _ONLY_FOR.items() if n in self.model_fields_set and self.kind not in kinds]
        if alien:
            raise ValueError(f"{', '.join(alien)}: not for kind '{self.kind}'")
        if self.kind is PinKind.SONAR and self.echo is None:
            raise ValueError("a sonar needs 'echo', the pin on which its echo comes back")
        for name, (low, high) in {"range": self.range, "degrees": self.degrees}.items():
            if low == high:
                raise ValueError(f"the two ends of '{name}' are the same")
        if self.pulse_us[0] >= self.pulse_us[1]:
            raise ValueError("'pulse_us' does not rise")
        return self

    @property
    def numbers(self) -> tuple[int | str, ...]:
        """All pins that it takes, as written."""
        return (self.pin,) if self.echo is None else (self.pin, self.echo)

    def target(self, name: str) -> Target | None:
        """What it can be told, if it is called `name`; None for a sensor."""
        if self.kind not in _TOLD:
            return None
        return Target(Capability.SWITCH if self.kind is PinKind.OUTPUT else Capability.LEVEL, name)

    def metric(self, name: str) -> str:
        """What it is read as, if it is called `name`."""
        target = self.target(name)
        return name if target is None else target.metric


@dataclass(frozen=True, slots=True)
class Part:
    """What hangs on a pin of the board that is there."""

    metric: str
    """Empty for what has no reading."""
    options: PinOptions
    pin: int
    """As the board counts it."""
    bits: int = 1
    """Of its states."""
    channel: int | None = None
    """Of an analog input."""
    echo: int | None = None
    """Of a ranger."""

    @property
    def kind(self) -> PinKind:
        return self.options.kind

    @property
    def mode(self) -> Mode | None:
        """None for a ranger."""
        return Mode.PULLUP if self.options.pull is Pull.UP else MODES.get(self.kind)

    @property
    def rest(self) -> Value | None:
        """What it is told to be at rest; None for what has no rest: a servo stays where it is."""
        return {PinKind.OUTPUT: False, PinKind.PWM: 0.0}.get(self.kind)

    @property
    def is_told(self) -> bool:
        return self.kind in _TOLD

    @property
    def unit(self) -> str:
        match self.kind:
            case PinKind.PWM | PinKind.SERVO:
                return "%"
            case PinKind.ANALOG:
                return self.options.unit
            case PinKind.SONAR:
                return "cm"
            case _:
                return ""

    def state(self, value: Value) -> int:
        """What the pin of an output, PWM or servo is told for that value."""
        if isinstance(value, bool):
            return int(value is (self.options.active is Active.HIGH))
        low, high = self._ends
        return round(low + float(value) / 100 * (high - low))

    def value(self, state: int) -> Value:
        """What the state of an output, PWM, servo or digital input means."""
        if self.kind in (PinKind.OUTPUT, PinKind.INPUT):
            return bool(state) is (self.options.active is Active.HIGH)
        low, high = self._ends
        return round((state - low) / (high - low) * 100, 1)

    def measured(self, raw: int) -> float | None:
        """Of an analog input in its unit, with as many digits as it can tell apart; None if `raw` cannot be."""
        (low, high), full = self.options.range, (1 << self.bits) - 1
        if raw > full:
            return None
        digits = max(0, math.ceil(-math.log10(abs(high - low) / full)))
        return round(low + raw / full * (high - low), digits)

    def is_news(self, before: Value | None, now: float) -> bool:
        """True if an analog input has changed by as much as is worth a reading."""
        least = self.options.change
        if least is None:
            least = abs(self.options.range[1] - self.options.range[0]) * _CHANGE_PART
        return before is None or (now != before and abs(now - float(before)) >= least)

    @property
    def _ends(self) -> tuple[int, int]:
        """The states at 0 % and at 100 %."""
        return self.options.degrees if self.kind is PinKind.SERVO else (0, (1 << self.bits) - 1)
