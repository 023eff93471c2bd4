"""One run of an experiment: from settings and a seed to samples, the same bits each time. No clock, no I/O."""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from simulators.lab.experiment import Effect, Experiment, Output
from simulators.lab.motion import Diverged, Trajectory
from simulators.lab.settings import Settings

DEFAULT_RATE_HZ = 20.0
_SLACK = 1e-9
"""A moment that is due counts as due in spite of floating point."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What all instruments show at one moment."""

    n: int
    """0, 1, 2 … since the run began; the sample's time is n / rate."""
    t_s: float
    values: Mapping[str, float]


class Run:
    """`sample()` gives the next sample, `set` turns a parameter, `reset` begins anew.

    Depends only on the experiment, the settings, the seed and when parameters were turned: not on how fast it is asked,
    and not on `rate_hz`, since each instrument reads at its own rate.
    """

    def __init__(
        self,
        experiment: Experiment,
        settings: Mapping[str, object] | None = None,
        seed: int = 0,
        rate_hz: float = DEFAULT_RATE_HZ,
        ideal: bool = False,
    ) -> None:
        """`ideal`: instruments without noise and rounding. Raises WrongParameter."""
        self.experiment, self.rate_hz, self.ideal = experiment, rate_hz, ideal
        self.wanted = experiment.settings(settings)
        """What was asked for; a parameter that counts from the next reset is here already."""
        self.reset(seed)

    @property
    def settings(self) -> Settings:
        """What counts now."""
        return self._settings

    @property
    def t_s(self) -> float:
        """The time of the last sample."""
        return max(0, self.next_n - 1) / self.rate_hz

    def reset(self, seed: int | None = None) -> None:
        """Begin anew with all that was asked for, and with the same seed unless another is given."""
        if seed is not None:
            self.seed = seed
        self.next_n = 0
        self._settings = self.wanted
        self._trajectory: Trajectory | None = None
        self._reading = [_Reading(output, self.seed, self.ideal) for output in self.experiment.outputs]

    def set(self, name: str, value: object) -> Effect:
        """Turn a parameter; says when it counts: until the first sample is taken, always at once.

        Raises WrongParameter, and then nothing has changed, or Diverged.
        """
        parameter = self.experiment.parameter(name)
        checked = parameter.checked(value)
        self.wanted = self.wanted.but(name, checked)
        if self._trajectory is not None and parameter.effect is Effect.AT_RESET:
            return Effect.AT_RESET
        self._settings = self._settings.but(name, checked)
        if self._trajectory is not None:
            with _in_words(self.t_s):
                self._trajectory.change(self.t_s * self.experiment.clock.per_s, self._settings)
        return Effect.AT_ONCE

    def sample(self) -> Sample:
        """The next one. Raises Diverged if the model cannot go on, which no value in range should bring about."""
        t_s = self.next_n / self.rate_hz
        with _in_words(t_s):
            if self._trajectory is None:
                self._trajectory = self.experiment.motion.begin(self._settings, _random(self.seed, "motion"))
            self._read_instruments(self._trajectory, t_s)
        sample = Sample(self.next_n, t_s, self._shown(t_s))
        self.next_n += 1
        return sample

    def _read_instruments(self, trajectory: Trajectory, t_s: float) -> None:
        """Let those whose turn has come read, in the order of time: a trajectory only goes forward."""
        turns: dict[float, list[_Reading]] = {}
        for reading in self._reading:
            if reading.due(t_s):
                turns.setdefault(reading.moment(t_s), []).append(reading)
        for moment in sorted(turns):
            t, state = trajectory.at(moment * self.experiment.clock.per_s)
            true_values = self.experiment.measure(t, state, self._settings)
            for reading in turns[moment]:
                reading.take(t_s, true_values[reading.output.name])

    def _shown(self, t_s: float) -> dict[str, float]:
        shown = {reading.output.name: reading.value for reading in self._reading}
        own_time = self.experiment.clock.output
        return shown if own_time is None else {own_time: t_s * self.experiment.clock.per_s, **shown}


class _Reading:
    """What one instrument shows: its n-th reading has the n-th draw of its own random stream."""

    def __init__(self, output: Output, seed: int, ideal: bool) -> None:
        self.output, self.value = output, 0.0
        self._rate_hz = output.instrument.rate_hz
        self._random = None if ideal else _random(seed, output.name)
        self._taken = 0

    def due(self, t_s: float) -> bool:
        return self._turns(t_s) > self._taken

    def moment(self, t_s: float) -> float:
        """When it read last, at `t_s`."""
        return (self._turns(t_s) - 1) / self._rate_hz

    def take(self, t_s: float, true_value: float) -> None:
        turns = self._turns(t_s)
        instrument = self.output.instrument
        if self._random is None:
            self.value = instrument.limited(true_value) + 0.0
        else:
            self.value = instrument.reading(true_value, float(self._random.standard_normal(turns - self._taken)[-1]))
        self._taken = turns

    def _turns(self, t_s: float) -> int:
        """How often it has read by then; the first time at 0."""
        return int(t_s * self._rate_hz + _SLACK) + 1


def _random(seed: int, stream: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(stream.encode())]))


@contextmanager
def _in_words(t_s: float) -> Iterator[None]:
    """A model that divides by zero, or leaves the numbers, has diverged."""
    try:
        yield
    except (ArithmeticError, ValueError) as wrong:
        raise Diverged(f"the model cannot go on at t = {t_s:g} s: {wrong}") from wrong
