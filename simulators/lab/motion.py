"""How an experiment's state goes on: by differential equations, in random ticks, or not at all.

A motion knows nothing of clocks, rates or speeds: `at(t)` is asked for later and later times. What it answers does not
depend on which times it was asked for, so that a run is the same however it is sampled.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.integrate import DOP853, Radau
from scipy.optimize import brentq

from simulators.lab.settings import Settings

State = NDArray[np.float64]

_STEPS_AT_ONCE = 200_000
"""More integration steps between two samples than any parameter in range needs."""
_NOTHING = 1e-100
"""A rate of change that comes to nothing in the age of the universe."""


class Diverged(RuntimeError):
    """The equations could not be integrated any further."""


class Trajectory(Protocol):
    def at(self, t: float) -> tuple[float, State]:
        """The state at `t`, and the time that the experiment itself shows: it stands still once the motion ended."""

    def change(self, t: float, settings: Settings) -> None:
        """From `t` on, these settings count."""


class Motion(Protocol):
    def begin(self, settings: Settings, random: Generator) -> Trajectory: ...


@dataclass(frozen=True, slots=True)
class Still:
    """Nothing moves: outputs depend on the controls alone."""

    def begin(self, settings: Settings, random: Generator) -> Trajectory:
        return _Standing()


@dataclass(frozen=True, slots=True)
class Flow:
    """An ordinary differential equation, integrated by scipy's DOP853, or by Radau where it is stiff."""

    start: Callable[[Settings], State]
    rates: Callable[[float, State, Settings], State]
    """The derivative of the state by the experiment's own time."""
    ends: Callable[[float, State, Settings], float] | None = None
    """The motion ends, and all readings stand, when this falls to zero: a ball at the ground, an empty burette."""
    method: Literal["DOP853", "Radau"] = "DOP853"
    rtol: float = 1e-10
    atol: float = 1e-12
    first_step: float | None = None
    max_step: float = np.inf

    def begin(self, settings: Settings, random: Generator) -> Trajectory:
        return _Flowing(self, settings)


@dataclass(frozen=True, slots=True)
class Ticks:
    """A chance process in equal steps; `step` gets the state, the settings, the tick's length and the random stream."""

    start: Callable[[Settings], State]
    step: Callable[[State, Settings, float, Generator], State]
    tick: float

    def begin(self, settings: Settings, random: Generator) -> Trajectory:
        return _Ticking(self, settings, random)


class _Standing:
    def at(self, t: float) -> tuple[float, State]:
        return t, np.zeros(0)

    def change(self, t: float, settings: Settings) -> None:
        return


class _Flowing:
    def __init__(self, flow: Flow, settings: Settings) -> None:
        self._flow = flow
        self._end: tuple[float, State] | None = None
        self._begin(0.0, flow.start(settings), settings)

    def at(self, t: float) -> tuple[float, State]:
        steps = 0
        while self._end is None and self._solver.t < t:
            self._step()
            steps += 1
            if steps > _STEPS_AT_ONCE:
                raise Diverged(f"more than {_STEPS_AT_ONCE} steps before t = {t:g}")
        if self._end is not None and t >= self._end[0]:
            return self._end
        if self._between is None:
            return t, np.array(self._solver.y)
        return t, np.asarray(self._between(t))

    def change(self, t: float, settings: Settings) -> None:
        _, state = self.at(t)
        if self._end is None or t < self._end[0]:
            self._end = None  # the end that was ahead belonged to the old settings
            self._begin(t, state, settings)

    def _begin(self, t: float, state: State, settings: Settings) -> None:
        flow = self._flow
        self._settings = settings
        self._between: Any = None
        """The last step's own interpolation, as exact as the step."""
        solver = DOP853 if flow.method == "DOP853" else Radau
        self._solver = solver(
            lambda now, y: _usable(flow.rates(now, y, settings), now), t, state, np.inf,
            rtol=flow.rtol, atol=flow.atol, first_step=flow.first_step, max_step=flow.max_step,
        )  # fmt: skip

    def _step(self) -> None:
        before, was = self._solver.t, self._ahead()
        failed = self._solver.step()
        if self._solver.status == "failed":
            raise Diverged(f"at t = {before:g}: {failed}")
        self._between = self._solver.dense_output()
        if was > 0 >= self._ahead():
            ends, between, settings = self._flow.ends, self._between, self._settings
            assert ends is not None
            t = float(brentq(lambda now: ends(now, between(now), settings), before, self._solver.t, xtol=1e-14))
            self._end = t, np.asarray(between(t))

    def _ahead(self) -> float:
        ends = self._flow.ends
        return 1.0 if ends is None else ends(self._solver.t, self._solver.y, self._settings)


def _usable(rates: State, t: float) -> State:
    """What scipy's step control can take: a rate that is no number never lets it come to an end, and one of 1e-158 or
    less makes its error estimate 0 / 0.
    """
    listed = rates.tolist()
    if not math.isfinite(sum(listed)):
        raise Diverged(f"at t = {t:g} a rate of change is no finite number")
    if any(0 < abs(rate) < _NOTHING for rate in listed):
        return np.where(np.abs(rates) < _NOTHING, 0.0, rates)
    return rates


class _Ticking:
    def __init__(self, ticks: Ticks, settings: Settings, random: Generator) -> None:
        self._ticks, self._settings, self._random = ticks, settings, random
        self._state = ticks.start(settings)
        self._done = 0

    def at(self, t: float) -> tuple[float, State]:
        due = int(t / self._ticks.tick + 1e-9)
        while self._done < due:
            self._state = self._ticks.step(self._state, self._settings, self._ticks.tick, self._random)
            self._done += 1
        return t, self._state

    def change(self, t: float, settings: Settings) -> None:
        self.at(t)
        self._settings = settings
