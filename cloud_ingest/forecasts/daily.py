"""A series day by day: counters as what was used on each school day, levels as they stood in the evening. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from cloud_ingest.forecasts.school_days import SchoolDays, days
from cloud_ingest.windows import DAY_US, Window, number


@dataclass(frozen=True, slots=True)
class Daily:
    """The last value of a day."""

    day: date
    value: float


@dataclass(frozen=True, slots=True)
class Used:
    """What a counter rose by on each day with school, and on an average day without."""

    days: tuple[date, ...]
    amounts: tuple[float, ...]
    on_free_days: float
    """A day, on average."""
    value: float
    """The counter now."""
    spread_days: int
    """Days whose own value is not known: a gap's rise is shared out among its school days."""
    replaced: bool
    """The counter has begun anew; only what came after that is here."""


def daily(windows: Sequence[Window]) -> list[Daily]:
    """Windows of a day, which begin at midnight UTC: 07:00 in Vietnam, before the first lesson."""
    found = ((window.start_us, number(window.last)) for window in windows)
    return [Daily(datetime.fromtimestamp(at / 1e6, UTC).date(), value) for at, value in found if value is not None]


def lowest(windows: Sequence[Window]) -> list[Daily]:
    """The least value of each day; days with few points are left out."""
    return [
        Daily(datetime.fromtimestamp(one.start_us / 1e6, UTC).date(), one.minimum)
        for one in windows
        if one.minimum is not None and one.count >= 24
    ]


def since_replaced(values: Sequence[Daily], least_drop: float) -> list[Daily]:
    """What came after the counter fell the last time by `least_drop` or more."""
    begins = 0
    for place in range(1, len(values)):
        if values[place].value <= values[place - 1].value - least_drop:
            begins = place
    return list(values[begins:])


def used(values: Sequence[Daily], calendar: SchoolDays, least_drop: float) -> Used:
    """Of a counter. A small step back, as of a device that rounds, counts as nothing used."""
    kept = since_replaced(values, least_drop)
    amounts: dict[date, float] = {}
    free_total, free_days, spread = 0.0, 0, 0
    for before, then in pairwise(kept):
        rise = max(0.0, then.value - before.value)
        between = list(days(before.day + timedelta(days=1), then.day + timedelta(days=1)))
        with_school = [day for day in between if calendar.has(day)]
        if with_school:
            spread += len(with_school) - 1
            amounts |= dict.fromkeys(with_school, rise / len(with_school))
        else:
            free_total += rise
        free_days += len(between) - len(with_school)
    return Used(
        tuple(amounts), tuple(amounts.values()), free_total / free_days if free_days else 0.0,
        kept[-1].value if kept else 0.0, spread, len(kept) < len(values),
    )  # fmt: skip


def today(now_us: int) -> date:
    """As the windows of `daily` have it."""
    return datetime.fromtimestamp(now_us // DAY_US * DAY_US / 1e6, UTC).date()
