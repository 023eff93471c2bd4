"""Intervals that hold what they promise: drawn by a model, then widened by how far off it was before. Pure.

A model's own interval knows of chance, and not of a new timetable. Split conformal prediction (Vovk, Gammerman and
Shafer, "Algorithmic Learning in a Random World", 2005) asks the back-test instead: by what factor would the interval
have had to be wider to hold the truth as often as it says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud_ingest.forecasts.forecast import BackTest

LEVEL = 0.8
STEP = 1.0
"""Hours and percents are read as whole numbers: no interval is told from one that is half a step wide."""
LEAST_FOLDS = 5
"""With fewer there is no quantile of `LEVEL` to be had, and the model's own interval stays."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One day of a back-test: what was said then, what came, and what the naive ones would have said."""

    low: float
    middle: float
    high: float
    truth: float
    of_month: float
    of_week: float

    @property
    def off(self) -> float:
        """How far the truth was from the middle, in half widths of the interval on its side."""
        width = self.high - self.middle if self.truth > self.middle else self.middle - self.low
        return abs(self.truth - self.middle) / max(width, STEP)


def fold(paths_end: NDArray[np.float64], truth: float, of_month: float, of_week: float) -> Fold:
    """`paths_end`: where each path is on the day of the truth."""
    low, middle, high = np.quantile(paths_end, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    return Fold(float(low), float(middle), float(high), truth, of_month, of_week)


def factor(folds: Sequence[Fold]) -> float:
    """How much wider the interval has to be; never narrower."""
    if len(folds) < LEAST_FOLDS:
        return 1.0
    rank = min(len(folds), math.ceil((len(folds) + 1) * LEVEL))
    return max(1.0, sorted(one.off for one in folds)[rank - 1])


def back_test_of(folds: Sequence[Fold], ahead_days: int) -> BackTest | None:
    """None of fewer than two. Whether a fold was covered is asked of the factor that the others give."""
    if len(folds) < 2:
        return None
    covered = [one.off <= factor([*folds[:place], *folds[place + 1 :]]) for place, one in enumerate(folds)]
    return BackTest(
        ahead_days,
        len(folds),
        float(np.mean([abs(one.middle - one.truth) for one in folds])),
        float(np.mean([abs(one.of_month - one.truth) for one in folds])),
        float(np.mean([abs(one.of_week - one.truth) for one in folds])),
        float(np.mean(covered)),
    )


def widened(paths: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """Paths (one a row) pulled away from their median."""
    middle = np.median(paths, axis=0)
    wider: NDArray[np.float64] = middle + by * (paths - middle)
    return wider


def first_crossing(crossed: NDArray[np.bool_]) -> tuple[int | None, int | None, int | None]:
    """The column in which a path crosses for the first time: early, median and late; None if beyond the last one."""
    beyond = crossed.shape[1]
    first = np.where(crossed.any(axis=1), crossed.argmax(axis=1), beyond)
    found = np.quantile(first, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], method="higher")
    early, middle, late = (int(place) if place < beyond else None for place in found)
    return early, middle, late
