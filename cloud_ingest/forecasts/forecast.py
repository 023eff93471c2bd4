"""What a forecast says, and how well the same method would have done before: pure."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from classroom_profiles.telemetry import Series


class Wear(StrEnum):
    """What comes to its end, or goes astray."""

    LAMP = "lamp"
    FILTER = "filter"
    BATTERY = "battery"
    DISK = "disk"
    DRIFT = "drift"
    """A sensor that no longer says what it measures."""


class NoForecast(Exception):
    """There is none; `code` says why, the text says it in numbers."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class BackTest:
    """The method at earlier days, each time with what was known then, beside two that anybody could use.

    Errors are means of absolute errors, in the unit of the series, `ahead_days` after each of `folds` days.
    """

    ahead_days: int
    folds: int
    error: float
    naive_error: float
    """Of "it goes on as in the last 28 days"."""
    last_week_error: float
    """Of "it goes on as in the last 7 days"."""
    covered: float
    """Share of the folds whose truth was inside the interval that should hold `Forecast.level` of them."""

    @property
    def skill(self) -> float:
        """1 is perfect, 0 no better than the better naive one, below 0 worse."""
        best = min(self.naive_error, self.last_week_error)
        return 1 - self.error / best if best > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a series reaches its limit. Days are None where that is beyond the horizon."""

    school: str
    series: Series
    wear: Wear
    made: date
    value: float
    limit: float
    unit: str
    expected: date | None
    """The median."""
    early: date | None
    late: date | None
    """Between both it happens with a probability of `level`."""
    horizon: date
    level: float
    observed_days: int
    method: str
    back_test: BackTest | None = None
    """None if there is too little history for one."""
    notes: tuple[str, ...] = field(default=())
    """Codes of what to bear in mind, such as `gaps` or `replaced`."""
