"""Which days have school: equipment wears on those, so forecasts count them and not the days between."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import holidays

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SchoolDays:
    """Days with lessons, as the city's plan of a school year has them; Vietnam's public holidays are left out.

    Decree 145/2020/ND-CP lists the public holidays; the Tết break of schools is longer, so days are added around it.
    """

    first_month_day: tuple[int, int] = (9, 5)
    last_month_day: tuple[int, int] = (5, 31)
    """Both within the school year, which begins before the new year and ends after it."""
    weekdays: frozenset[int] = frozenset(range(5))
    """0 is Monday."""
    around_tet_days: int = 4
    """Without lessons before and after the public holidays of Tết."""

    def has(self, day: date) -> bool:
        inside = (day.month, day.day) >= self.first_month_day or (day.month, day.day) <= self.last_month_day
        return inside and day.weekday() in self.weekdays and day not in _free(day.year, self.around_tet_days)

    def between(self, first: date, until: date) -> list[date]:
        """From `first` until just before `until`."""
        return [day for day in days(first, until) if self.has(day)]

    def after(self, day: date, most: int) -> Iterator[date]:
        """The days with school after `day`, of the next `most` days."""
        return (then for then in days(day + ONE_DAY, day + (most + 1) * ONE_DAY) if self.has(then))


def days(first: date, until: date) -> Iterator[date]:
    """From `first` until just before `until`."""
    return (first + number * ONE_DAY for number in range((until - first).days))


@cache
def _free(year: int, around_tet_days: int) -> frozenset[date]:
    found = holidays.country_holidays("VN", years=year)
    tet = [day for day, name in found.items() if "Lunar New Year" in name]
    longer = {
        day + number * ONE_DAY * way for day in tet for number in range(1, around_tet_days + 1) for way in (-1, 1)
    }
    return frozenset(found) | longer
