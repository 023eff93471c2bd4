"""Days with school, against a calendar written by hand."""

from datetime import date

import pytest

from cloud_ingest.forecasts.school_days import SchoolDays


@pytest.mark.parametrize(
    ("day", "has"),
    [
        (date(2026, 11, 23), True),  # a Monday
        (date(2026, 11, 21), False),  # a Saturday
        (date(2026, 2, 17), False),  # Tết
        (date(2026, 2, 12), False),  # just before it
        (date(2026, 2, 25), True),
        (date(2026, 4, 30), False),
        (date(2026, 7, 15), False),  # summer
        (date(2026, 9, 4), False),
        (date(2026, 9, 7), True),
        (date(2027, 1, 1), False),
    ],
)
def test_a_day(day: date, has: bool) -> None:
    assert SchoolDays().has(day) is has


def test_six_days_a_week_where_a_school_says_so() -> None:
    assert SchoolDays(weekdays=frozenset(range(6))).has(date(2026, 11, 21))


def test_between_and_after() -> None:
    friday = date(2026, 11, 20)
    # the 24th is a public holiday since 2026
    assert list(SchoolDays().after(friday, 5)) == [date(2026, 11, 23), date(2026, 11, 25)]
    assert SchoolDays().between(friday, date(2026, 11, 24)) == [friday, date(2026, 11, 23)]
