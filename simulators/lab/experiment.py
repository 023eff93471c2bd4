"""What an experiment is: parameters with units and ranges, a motion, and outputs read by declared instruments."""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulators.lab.motion import Motion, State
from simulators.lab.settings import Settings, Value

Measure = Callable[[float, State, Settings], Mapping[str, float]]
"""From the time (in the experiment's own unit), the state and the settings to each output's true value."""

PURE = "1"
"""The unit of a pure number, as the SI writes it: a count, a ratio, pH."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_SUFFIXES = {
    "°": "deg", "°/s": "deg_s", "m": "m", "cm": "cm", "m/s": "m_s", "m/s²": "m_s2", "N": "n", "N/m": "n_m", "s": "s",
    "kg": "kg", "kg/s": "kg_s", "kg/m³": "kg_m3", "g": "g", "Hz": "hz", "1/s": "per_s", "V": "v", "mV": "mv", "A": "a",
    "mA": "ma", "nA": "na", "Ω": "ohm", "kΩ": "kohm", "µF": "uf", "mH": "mh", "W": "w", "mW": "mw", "W/m²": "w_m2",
    "W/K": "w_k", "K": "k", "°C": "c", "J/K": "j_k", "J/(kg·K)": "j_kg_k", "kPa": "kpa", "L": "l", "mL": "ml",
    "mL/s": "ml_s", "mol": "mol", "mol/L": "mol_l", "mmol/L": "mmol_l", "kJ/mol": "kj_mol", "eV": "ev", "nm": "nm",
    "%": "pct", "ppm": "ppm", "mmol/(L·min)": "mmol_l_min", "1/d": "per_d", "1/year": "per_year", "1/K": "per_k",
}  # fmt: skip
"""A unit in this table ends the name of what is measured in it."""


class WrongParameter(ValueError):
    """There is no such parameter, or the value does not suit it; the text names it and says what would be right."""

    def __init__(self, parameter: str, code: Literal["unknown-parameter", "wrong-value"], text: str) -> None:
        super().__init__(text)
        self.parameter = parameter
        self.code = code


class Effect(StrEnum):
    """When a parameter that is set in mid-run counts."""

    AT_ONCE = "at-once"
    """A control: a tap, a voltage, the length of a string."""
    AT_RESET = "at-reset"
    """How the experiment is set up: it counts from the next reset."""


AT_RESET = Effect.AT_RESET


@dataclass(frozen=True, slots=True)
class Number:
    """A parameter that is a number."""

    name: str
    unit: str
    low: float
    high: float
    default: float
    vi: str
    en: str
    effect: Effect = Effect.AT_ONCE

    @property
    def right(self) -> str:
        """What it takes, in words."""
        unit = "" if self.unit == PURE else f" {self.unit}"
        return f"a number from {self.low:g} to {self.high:g}{unit}"

    def checked(self, value: object) -> float:
        """The value as a float. Raises WrongParameter."""
        if isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high:
            return float(value)
        raise WrongParameter(self.name, "wrong-value", f"{self.name} is {self.right}, not {value!r}")

    def parsed(self, text: str) -> float:
        """The value from a command line. Raises WrongParameter."""
        try:
            return self.checked(float(text))
        except ValueError as wrong:
            raise WrongParameter(self.name, "wrong-value", f"{self.name} is {self.right}, not '{text}'") from wrong


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter that is one of some words; `options` maps each to its name (Vietnamese, English)."""

    name: str
    options: Mapping[str, tuple[str, str]]
    default: str
    vi: str
    en: str
    effect: Effect = Effect.AT_ONCE

    @property
    def right(self) -> str:
        return f"one of {', '.join(self.options)}"

    def checked(self, value: object) -> str:
        """Raises WrongParameter."""
        if isinstance(value, str) and value in self.options:
            return value
        raise WrongParameter(self.name, "wrong-value", f"{self.name} is {self.right}, not {value!r}")

    def parsed(self, text: str) -> str:
        return self.checked(text)


Parameter = Number | Choice


@dataclass(frozen=True, slots=True)
class Instrument:
    """What reads an output: its reading is the true value with normal noise, rounded, within its range."""

    vi: str
    en: str
    resolution: float
    sd: float
    """Standard deviation of the noise, in the output's unit."""
    rate_hz: float = 50.0
    """How often it reads; in between, its last reading stands."""
    low: float = -1e12
    high: float = 1e12

    def reading(self, true_value: float, normal: float) -> float:
        """`normal` is a draw of the standard normal distribution."""
        steps = round(self.limited(true_value + self.sd * normal) / self.resolution)
        return round(steps * self.resolution, self._decimals) + 0.0  # no negative zero

    def limited(self, value: float) -> float:
        """The nearest that its scale can show."""
        return min(max(value, self.low), self.high)

    @property
    def _decimals(self) -> int:
        return max(0, 2 - math.floor(math.log10(self.resolution)))


@dataclass(frozen=True, slots=True)
class Output:
    """One measured quantity; its name ends in its unit."""

    name: str
    unit: str
    vi: str
    en: str
    instrument: Instrument


@dataclass(frozen=True, slots=True)
class Clock:
    """In what unit the experiment counts its time, and how much of it goes by in a second at the bench."""

    unit: Literal["s", "ms", "min", "h", "d", "year"] = "s"
    per_s: float = 1.0

    @property
    def output(self) -> str | None:
        """The name of the extra output that tells the experiment's own time: `time_year`."""
        return None if self.unit == "s" else f"time_{self.unit}"


class Subject(StrEnum):
    PHYSICS = "physics"
    CHEMISTRY = "chemistry"
    BIOLOGY = "biology"
    EARTH = "earth"


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment. Raises ValueError at once if its declaration does not hold together."""

    vi: str
    en: str
    subject: Subject
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    motion: Motion
    measure: Measure
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        wrong = [*_wrong_names(self.parameters, "parameter"), *_wrong_names(self.outputs, "output")]
        for one in self.parameters:
            try:
                one.checked(one.default)
            except WrongParameter as bad:
                wrong.append(f"its default: {bad}")
        if wrong:
            raise ValueError(f"experiment '{self.en}': {'; '.join(wrong)}")

    def parameter(self, name: str) -> Parameter:
        """Raises WrongParameter."""
        for one in self.parameters:
            if one.name == name:
                return one
        names = [one.name for one in self.parameters]
        near = difflib.get_close_matches(name, names, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise WrongParameter(
            name, "unknown-parameter", f"there is no parameter '{name}'{meant} (there are: {', '.join(names)})"
        )

    def settings(self, given: Mapping[str, object] | None = None) -> Settings:
        """All parameters: those given, and the others' defaults. Raises WrongParameter."""
        values: dict[str, Value] = {one.name: one.default for one in self.parameters}
        for name, value in (given or {}).items():
            values[name] = self.parameter(name).checked(value)
        return Settings(values)


def numbers(*values: float) -> NDArray[np.float64]:
    """A state of these numbers."""
    return np.array(values, dtype=np.float64)


def _wrong_names(named: Iterable[Parameter | Output], kind: str) -> list[str]:
    wrong, seen = [], set()
    for one in named:
        if not _NAME.fullmatch(one.name):
            wrong.append(f"{kind} '{one.name}' must be of a-z, 0-9 and '_'")
        if one.name in seen:
            wrong.append(f"{kind} '{one.name}' is there twice")
        seen.add(one.name)
        unit = PURE if isinstance(one, Choice) else one.unit
        suffix = _SUFFIXES.get(unit, "")
        if suffix and not f"_{one.name}".endswith(f"_{suffix}"):
            wrong.append(f"{kind} '{one.name}' is in {unit}: its name must end in '_{suffix}'")
        if not unit:
            wrong.append(f"{kind} '{one.name}' has no unit")
    return wrong
