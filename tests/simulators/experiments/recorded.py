"""A run of an experiment as arrays, so that a test compares it with what is known of it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simulators import experiments
from simulators.lab.run import Run

Recorded = dict[str, NDArray[np.float64]]


def recorded(
    name: str, seconds: float, settings: Mapping[str, object] | None = None, rate_hz: float = 100, ideal: bool = True
) -> Recorded:
    """`t_s` and each output; ideal instruments, that still read at their own rate."""
    run = Run(experiments.find(name).experiment, settings, seed=1, rate_hz=rate_hz, ideal=ideal)
    samples = [run.sample() for _ in range(round(seconds * rate_hz) + 1)]
    columns = {key: np.array([sample.values[key] for sample in samples]) for key in samples[0].values}
    return {"t_s": np.array([sample.t_s for sample in samples]), **columns}


def shown(name: str, **settings: float | str) -> dict[str, float]:
    """What ideal instruments show at the start: all there is of an experiment that does not move."""
    return {key: float(column[0]) for key, column in recorded(name, 0, settings).items()}


def crossings(t: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """When x falls through zero, by interpolation through the four nearest points."""
    found = []
    for n in np.flatnonzero((x[:-1] > 0) & (x[1:] <= 0)):
        near = slice(max(0, n - 1), n + 3)
        middle = t[n]
        line = np.polyfit(x[near], t[near] - middle, len(t[near]) - 1)
        found.append(middle + line[-1])
    return np.array(found)
