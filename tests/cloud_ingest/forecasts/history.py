"""Seeded histories of equipment that wears: what the forecasts are tried with, made apart from how they think.

A projector is used for some lessons a day; which, changes with the weekday, the month, the teacher who has the room
this term, and chance. It is off on weekends, holidays and in summer.
"""

from datetime import date, timedelta

import numpy as np

from cloud_ingest.forecasts.daily import Daily

HOLIDAYS = (
    (date(2025, 1, 1), 1), (date(2025, 1, 23), 14), (date(2025, 4, 7), 1), (date(2025, 4, 30), 2),
    (date(2025, 6, 1), 96), (date(2026, 1, 1), 1), (date(2026, 2, 12), 14), (date(2026, 4, 27), 1),
    (date(2026, 4, 30), 2), (date(2026, 6, 1), 96), (date(2026, 11, 24), 1), (date(2027, 1, 1), 1),
    (date(2027, 1, 31), 15), (date(2027, 4, 16), 1), (date(2027, 4, 30), 1), (date(2027, 6, 1), 96),
)  # fmt: skip
"""When schools are closed: the first day and how many, written by hand and not taken from the code under test."""


def closed(day: date) -> bool:
    return day.weekday() >= 5 or any(first <= day < first + timedelta(days=count) for first, count in HOLIDAYS)


def lamp_hours(seed: int, first: date, last: date, begins_at_h: float = 0.0) -> list[Daily]:
    """A lamp's counter each evening, in whole hours as projectors report it."""
    rng = np.random.default_rng(seed)
    weekday_h = rng.uniform(2.0, 6.5, 5)
    hours, found, day, term = begins_at_h, [], first, 1.0
    while day <= last:
        if day.day == 1 and day.month in (1, 9):
            term = float(rng.uniform(0.7, 1.3))
        if not closed(day):
            lessons = weekday_h[day.weekday()] * term * (0.6 if rng.random() < 0.08 else 1.0)
            hours += float(np.clip(rng.normal(lessons, 0.8), 0, 11))
        found.append(Daily(day, float(int(hours))))
        day += timedelta(days=1)
    return found


def battery_percent(seed: int, first: date, count: int, a_day: float = 0.35) -> list[Daily]:
    """Of a sensor's cell: it falls, faster in the cold, read in whole percent."""
    rng = np.random.default_rng(seed)
    level, found = 97.0, []
    for number in range(count):
        level -= max(0.0, float(rng.normal(a_day, a_day / 2)))
        found.append(Daily(first + timedelta(days=number), float(round(max(0.0, level)))))
    return found


def night_co2_ppm(seed: int, first: date, count: int, a_month: float) -> list[Daily]:
    """The least value of each day: the air outside, the weather, rooms not aired, a sensor that drifts."""
    rng = np.random.default_rng(seed)
    weather, found = 0.0, []
    for number in range(count):
        weather = 0.7 * weather + float(rng.normal(0, 6))
        value = 425 + a_month * number / 30 + weather + abs(float(rng.normal(0, 10)))
        found.append(Daily(first + timedelta(days=number), value))
    return found
