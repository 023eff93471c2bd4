"""When a level that only goes one way reaches its limit: a battery that empties, a disk that fills.

Model ETS(A,A,N), a local linear trend, by statsmodels: see `wear`. A level that turns back often is no such thing.
"""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from cloud_ingest.forecasts import intervals, smoothing
from cloud_ingest.forecasts.daily import Daily
from cloud_ingest.forecasts.forecast import NoForecast
from cloud_ingest.forecasts.intervals import Fold
from cloud_ingest.forecasts.wear import Reached

LEAST_DAYS = 21
HORIZON_DAYS = 365
METHOD = "ETS(A,A,N)"

_MOST_DAYS = 180


def since_turned(values: Sequence[Daily], rises: bool, step: float) -> list[Daily]:
    """What came after the level last jumped back by `step` or more: a charge, a new battery, a clean-up.

    Raises NoForecast if it did so more than twice in the last four weeks.
    """
    turns = [
        place
        for place in range(1, len(values))
        if (values[place - 1].value - values[place].value) * (1 if rises else -1) >= step
    ]
    recent = [place for place in turns if values[place].day > values[-1].day - timedelta(days=28)]
    if len(recent) > 2:
        raise NoForecast("turns", f"it turned back {len(recent)} times in four weeks: it is charged, or cleaned up")
    return list(values[turns[-1] if turns else 0 :])


def reached(values: Sequence[Daily], limit: float, rises: bool, wider_by: float = 1.0) -> Reached:
    """When it reaches `limit`. Raises NoForecast."""
    last = values[-1].day
    horizon = last + timedelta(days=HORIZON_DAYS)
    paths = intervals.widened(_paths(values, HORIZON_DAYS), wider_by)
    if (values[-1].value >= limit) if rises else (values[-1].value <= limit):
        return Reached(last, last, last, horizon)
    found = intervals.first_crossing(paths >= limit if rises else paths <= limit)
    early, expected, late = (None if place is None else last + timedelta(days=1 + place) for place in found)
    return Reached(expected, early, late, horizon)


def folds(values: Sequence[Daily], ahead_days: int = 28, most: int = 12) -> list[Fold]:
    """Rolling origin, a week apart. The naive ones: the trend of the last 28 and of the last 7 days."""
    by_day = {one.day: one.value for one in values}
    found = []
    for number in range(most):
        origin = values[-1].day - timedelta(days=ahead_days + 7 * number)
        known = [one for one in values if one.day <= origin]
        truth = by_day.get(origin + timedelta(days=ahead_days))
        if truth is None or len(known) < LEAST_DAYS:
            continue
        ahead = (origin - known[-1].day).days + ahead_days
        of_month, of_week = (_straight_on(known, back, ahead) for back in (28, 7))
        found.append(intervals.fold(_paths(known, ahead)[:, -1], truth, of_month, of_week))
    return found


def _straight_on(known: Sequence[Daily], back_days: int, ahead_days: int) -> float:
    since = known[-1].day - timedelta(days=back_days)
    first = next(one for one in known if one.day >= since)
    span = (known[-1].day - first.day).days
    slope = (known[-1].value - first.value) / span if span else 0.0
    return known[-1].value + slope * ahead_days


def _paths(values: Sequence[Daily], ahead: int) -> NDArray[np.float64]:
    """Paths by days. Raises NoForecast."""
    level = _each_day(values)[-_MOST_DAYS:]
    if len(values) < LEAST_DAYS:
        raise NoForecast("short", f"{len(values)} days are known since it last turned, a forecast needs {LEAST_DAYS}")
    return smoothing.paths(level, ahead, trend=True)


def _each_day(values: Sequence[Daily]) -> NDArray[np.float64]:
    """Evenly spaced, as the model wants it: days without a value are drawn as a line between their neighbours."""
    first = values[0].day
    at = np.array([(one.day - first).days for one in values])
    return np.interp(np.arange(at[-1] + 1), at, [one.value for one in values])
