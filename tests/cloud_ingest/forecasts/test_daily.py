"""Counters and levels by days."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cloud_ingest.forecasts.daily import Daily, daily, lowest, since_replaced, used
from cloud_ingest.forecasts.school_days import SchoolDays
from cloud_ingest.windows import DAY_US, Window

MONDAY = date(2026, 11, 9)
ALWAYS = SchoolDays()


def counter(*values: float, gap_days: int = 1) -> list[Daily]:
    return [Daily(MONDAY + timedelta(days=number * gap_days), value) for number, value in enumerate(values)]


def test_what_each_school_day_used() -> None:
    found = used(counter(100, 104, 109, 109, 112, 112, 113), ALWAYS, 50)
    assert found.amounts == (4, 5, 0, 3)  # Tuesday to Friday
    assert found.on_free_days == 0.5
    assert (found.value, found.spread_days, found.replaced) == (113, 0, False)


def test_a_gap_is_shared_out_and_said() -> None:
    found = used([Daily(MONDAY, 100), Daily(MONDAY + timedelta(days=4), 120)], ALWAYS, 50)
    assert found.amounts == (5, 5, 5, 5)
    assert found.spread_days == 3


def test_a_new_lamp_begins_anew_and_a_small_step_back_is_none() -> None:
    found = used(counter(4000, 4004, 4003, 2, 5), ALWAYS, 50)
    assert (found.amounts, found.value, found.replaced) == ((3.0,), 5, True)
    assert used(counter(4000, 4004, 4003), ALWAYS, 50).amounts == (4, 0)
    assert since_replaced([], 50) == []
    assert used([], ALWAYS, 50).days == ()


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=60), st.integers(1, 9))
def test_nothing_is_used_below_nothing_and_no_day_twice(values: list[float], gap_days: int) -> None:
    found = used(counter(*values, gap_days=gap_days), ALWAYS, 50)
    assert all(amount >= 0 for amount in found.amounts)
    assert list(found.days) == sorted(set(found.days))
    assert found.on_free_days >= 0


def test_days_come_from_windows_and_texts_are_no_values() -> None:
    at = 20_700 * DAY_US
    windows = [
        Window(at, 30, 60.0, 1.0, 3.0, 2.0),
        Window(at + DAY_US, 3, 6.0, 1.0, 3.0, True),
        Window(at + 2 * DAY_US, 3, None, None, None, "x"),
    ]
    assert [one.value for one in daily(windows)] == [2.0, 1.0]
    assert [one.value for one in lowest(windows)] == [1.0]  # a day with three points says nothing of its night
    assert daily(windows)[0].day == date(2026, 9, 4)
