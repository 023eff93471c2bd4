"""What an experiment says beside readings: what it is, how its run stands, and samples, which are numbered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from classroom_profiles.model import Name

if TYPE_CHECKING:
    from classroom_profiles.reading import Reading

Setting = float | str
"""A parameter's value: a number, or a word of its options."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What can be set. Either `low` and `high`, or `options`."""

    name: str
    shown: Name
    default: Setting
    unit: str = ""
    low: float | None = None
    high: float | None = None
    options: Mapping[str, Name] = field(default_factory=dict)
    at_reset: bool = False
    """It counts from the next reset, not at once."""


@dataclass(frozen=True, slots=True)
class Output:
    """What is measured."""

    name: str
    shown: Name
    unit: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """An experiment as it describes itself, once, when its line is opened."""

    experiment: str
    shown: Name
    simulated: bool
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    rate_hz: float
    """Samples in a second of the experiment."""
    speed: float = 1.0
    """Seconds of the experiment in a second of ours."""
    ideal: bool = False
    """Its instruments have no noise."""
    session: str = ""
    """Another after each start of whatever makes the samples: runs are numbered anew then."""
    software: Mapping[str, str] = field(default_factory=dict)
    """Versions that decide the bits of a run."""

    def parameter(self, name: str) -> Parameter | None:
        return next((one for one in self.parameters if one.name == name), None)


@dataclass(frozen=True, slots=True)
class RunState:
    """How the present run of an experiment stands."""

    about: About
    state: str
    """idle, running or paused."""
    run: int
    """Counts the resets of a session."""
    next_n: int
    seed: int
    parameters: Mapping[str, Setting]
    """What counts now."""
    at_reset: Mapping[str, Setting] = field(default_factory=dict)
    """What was set and counts from the next reset."""
    fault: str = ""
    """Why it cannot go on."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What all instruments showed at one moment of a run; `n` counts by one, so that a gap is seen."""

    run: int
    n: int
    t_s: float
    """Since the run began, by the experiment's own clock."""
    readings: "tuple[Reading, ...]"
    """Finite numbers, all of one moment."""
