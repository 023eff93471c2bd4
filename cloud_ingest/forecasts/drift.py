"""If a sensor drifts: the trend of its daily difference from what it should say, with its uncertainty.

Ordinary least squares with the covariance of Newey and West (Econometrica 55, 1987), since one day resembles the next,
by statsmodels. What it should say: of carbon dioxide the air outside, which a room falls back to at night; of other
sensors the median of its neighbours in the same school on the same day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist, median

import numpy as np
from statsmodels.regression.linear_model import OLS
from statsmodels.tools.tools import add_constant

from cloud_ingest.forecasts.daily import Daily
from cloud_ingest.forecasts.forecast import NoForecast
from cloud_ingest.forecasts.intervals import LEVEL

OUTSIDE_PPM = 425.0
"""Yearly mean at Mauna Loa, NOAA Global Monitoring Laboratory, 2025."""
LEAST_DAYS = 28
METHOD = "OLS, Newey-West"

_LAGS_DAYS = 7
_LEAST_NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class Drift:
    """Units are the sensor's; a month is 30 days."""

    offset: float
    """Now, as the line has it."""
    per_month: float
    low_per_month: float
    high_per_month: float
    days: int

    @property
    def is_sure(self) -> bool:
        """It goes one way, whichever end of the interval is true."""
        return self.low_per_month * self.high_per_month > 0

    def months_until(self, tolerance: float) -> float | None:
        """Until the offset is as large as `tolerance`; None if it does not go there."""
        if abs(self.offset) >= tolerance:
            return 0.0
        if not self.is_sure:
            return None
        return (tolerance - self.offset * (1 if self.per_month > 0 else -1)) / abs(self.per_month)


def from_outside(lows: Sequence[Daily]) -> list[Daily]:
    """Of carbon dioxide: each day's least value less what the air outside has."""
    return [Daily(one.day, one.value - OUTSIDE_PPM) for one in lows]


def from_neighbours(own: Sequence[Daily], neighbours: Sequence[Mapping[date, float]]) -> list[Daily]:
    """Less the median of those that have a value on the same day; days with fewer than three are left out."""
    found = []
    for one in own:
        others = [values[one.day] for values in neighbours if one.day in values]
        if len(others) >= _LEAST_NEIGHBOURS:
            found.append(Daily(one.day, one.value - median(others)))
    return found


def drift(differences: Sequence[Daily]) -> Drift:
    """Raises NoForecast if there are fewer than `LEAST_DAYS`."""
    if len(differences) < LEAST_DAYS:
        raise NoForecast("short", f"{len(differences)} days can be compared, {LEAST_DAYS} are needed")
    last = differences[-1].day
    months = np.array([(one.day - last).days / 30 for one in differences])
    values = np.array([one.value for one in differences])
    fitted = OLS(values, add_constant(months)).fit(cov_type="HAC", cov_kwds={"maxlags": _LAGS_DAYS})
    offset, slope = (float(each) for each in fitted.params)
    wide = NormalDist().inv_cdf((1 + LEVEL) / 2) * float(fitted.bse[1])
    return Drift(offset, slope, slope - wide, slope + wide, len(differences))
