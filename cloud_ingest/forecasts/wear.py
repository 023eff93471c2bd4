"""When a counter reaches its limit: exponential smoothing of what each school day uses, simulated forward.

Model ETS(A,N,A) of Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential Smoothing" (2008), a season being a
school week, by `statsmodels.tsa.exponential_smoothing.ets`. Paths are drawn by bootstrap of its residuals from a fixed
seed; the day on which a path crosses the limit is counted in days with school, and set back into the calendar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from cloud_ingest.forecasts import intervals, smoothing
from cloud_ingest.forecasts.daily import Daily, Used, used
from cloud_ingest.forecasts.forecast import NoForecast
from cloud_ingest.forecasts.intervals import Fold
from cloud_ingest.forecasts.school_days import SchoolDays, days

LEAST_DAYS = 20
"""Days with school, four weeks of them, before anything is said."""
MOST_DAYS = 260
"""More than a school year back says nothing of this one."""
HORIZON_DAYS = 730
METHOD = "ETS(A,N,A), school days"

_DAY_H = 24.0


@dataclass(frozen=True, slots=True)
class Reached:
    """None: not within the horizon."""

    expected: date | None
    early: date | None
    late: date | None
    horizon: date


def amounts_ahead(
    history: Used, calendar: SchoolDays, last: date, ahead_days: int
) -> tuple[list[date], NDArray[np.float64]]:
    """The next days, and what will have been used by the end of each: an array of paths by days.

    Raises NoForecast.
    """
    if len(history.days) < LEAST_DAYS:
        raise NoForecast("short", f"{len(history.days)} school days are known, a forecast needs {LEAST_DAYS}")
    ahead = list(days(last + timedelta(days=1), last + timedelta(days=1 + ahead_days)))
    with_school = np.array([calendar.has(day) for day in ahead], dtype=bool)
    drawn = _paths(np.asarray(history.amounts[-MOST_DAYS:], dtype=float), int(with_school.sum()), calendar)
    each = np.full((smoothing.PATHS, len(ahead)), min(history.on_free_days, _DAY_H))
    each[:, with_school] = drawn
    return ahead, np.cumsum(each, axis=1)


def reached(history: Used, limit: float, calendar: SchoolDays, last: date, wider_by: float = 1.0) -> Reached:
    """When the counter reaches `limit`; `last` is the day of its last value. Raises NoForecast."""
    ahead, paths = amounts_ahead(history, calendar, last, HORIZON_DAYS)
    missing = limit - history.value
    if missing <= 0:
        return Reached(last, last, last, ahead[-1])
    found = intervals.first_crossing(intervals.widened(paths, wider_by) >= missing)
    early, expected, late = (None if place is None else ahead[place] for place in found)
    return Reached(expected, early, late, ahead[-1])


def folds(
    values: Sequence[Daily], calendar: SchoolDays, least_drop: float, ahead_days: int = 28, most: int = 12
) -> list[Fold]:
    """Rolling origin: a forecast of `ahead_days` at one day a fortnight, with what was known then.

    Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", section 5.10.
    """
    if not values:
        return []
    last = values[-1].day
    by_day = {one.day: one.value for one in values}
    found = []
    for number in range(most):
        origin = last - timedelta(days=ahead_days + 14 * number)
        truth_day = origin + timedelta(days=ahead_days)
        known = [one for one in values if one.day <= origin]
        if not known or known[-1].day != origin or truth_day not in by_day:
            continue
        history = used(known, calendar, least_drop)
        truth = by_day[truth_day] - history.value
        if truth < 0:
            continue  # it was replaced in between
        try:
            _, paths = amounts_ahead(history, calendar, origin, ahead_days)
        except NoForecast:
            break
        of_month, of_week = (_as_before(known, origin, back) * ahead_days for back in (28, 7))
        found.append(intervals.fold(paths[:, -1], truth, of_month, of_week))
    return found


def _as_before(known: Sequence[Daily], origin: date, back_days: int) -> float:
    """A day's rise, on average, of the last `back_days`."""
    since = origin - timedelta(days=back_days)
    before = [one for one in known if one.day <= since]
    first = before[-1] if before else known[0]
    span = (origin - first.day).days
    return max(0.0, known[-1].value - first.value) / span if span else 0.0


def _paths(amounts: NDArray[np.float64], ahead: int, calendar: SchoolDays) -> NDArray[np.float64]:
    """Paths by days with school; never below nothing, nor above a whole day."""
    week = len(calendar.weekdays)
    drawn = smoothing.paths(amounts, ahead, season=week if len(amounts) >= 4 * week else None)
    inside: NDArray[np.float64] = np.clip(drawn, 0.0, _DAY_H)
    return inside
