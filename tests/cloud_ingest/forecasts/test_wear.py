"""Lamps and batteries: the day comes within the interval as often as it says, and simpler ways are worse."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from cloud_ingest.forecasts import intervals, levels, wear
from cloud_ingest.forecasts.daily import Daily, used
from cloud_ingest.forecasts.forecast import NoForecast
from cloud_ingest.forecasts.intervals import Fold
from cloud_ingest.forecasts.school_days import SchoolDays
from tests.cloud_ingest.forecasts.history import battery_percent, lamp_hours

CALENDAR = SchoolDays()
NOW = date(2026, 11, 20)


def lamp_until(now: date, seed: int) -> tuple[list[Daily], list[Daily]]:
    """What is known, and what comes."""
    whole = lamp_hours(seed, date(2025, 10, 1), date(2027, 11, 30), 500)
    return [one for one in whole if one.day <= now], whole


def test_a_lamps_end_is_where_it_is_said_and_naive_ways_are_further_off() -> None:
    inside, errors, naive, weeks = [], [], [], []
    for seed in range(8):
        known, whole = lamp_until(NOW, seed)
        folds = wear.folds(known, CALENDAR, 50, most=8)
        tested = intervals.back_test_of(folds, 28)
        history = used(known, CALENDAR, 50)
        limit = history.value + 250
        found = wear.reached(history, limit, CALENDAR, NOW, intervals.factor(folds))
        truth = next(one.day for one in whole if one.value >= limit)
        assert tested is not None
        assert found.expected is not None
        assert found.early is not None
        assert found.early <= found.expected
        inside.append(found.early <= truth and (found.late is None or truth <= found.late))
        errors.append(tested.error)
        naive.append(tested.naive_error)
        weeks.append(tested.last_week_error)
    assert sum(inside) >= 5  # of 8, at a level of 0.8: fewer has a chance of 1 in 20
    assert np.mean(errors) < 0.75 * min(np.mean(naive), np.mean(weeks))


def test_the_same_history_gives_the_same_forecast() -> None:
    known, _ = lamp_until(NOW, 3)
    first, again = (wear.reached(used(known, CALENDAR, 50), 2500, CALENDAR, NOW) for _ in range(2))
    assert first == again


def test_a_lamp_that_is_over_its_limit_is_over_it_today() -> None:
    known, _ = lamp_until(NOW, 0)
    assert wear.reached(used(known, CALENDAR, 50), 10, CALENDAR, NOW).expected == NOW


def test_a_lamp_that_is_hardly_used_has_no_day_within_the_horizon() -> None:
    known = [Daily(NOW - timedelta(days=300 - number), 100.0) for number in range(301)]
    found = wear.reached(used(known, CALENDAR, 50), 5000, CALENDAR, NOW)
    assert (found.expected, found.early, found.late) == (None, None, None)


def test_too_short_a_history_says_so() -> None:
    known = lamp_hours(0, NOW - timedelta(days=14), NOW)
    with pytest.raises(NoForecast, match="a forecast needs 20") as why:
        wear.reached(used(known, CALENDAR, 50), 5000, CALENDAR, NOW)
    assert why.value.code == "short"
    assert wear.folds(known, CALENDAR, 50) == []
    assert wear.folds([], CALENDAR, 50) == []


def test_a_new_lamp_in_between_is_not_held_against_the_forecast() -> None:
    known, _ = lamp_until(NOW, 1)
    changed = [Daily(one.day, one.value if one.day < NOW - timedelta(days=20) else one.value - 1500) for one in known]
    assert len(wear.folds(changed, CALENDAR, 50, most=3)) < 3


def test_a_battery_empties_when_it_is_said() -> None:
    inside, errors, naive, weeks = [], [], [], []
    for seed in range(6):
        whole = battery_percent(seed, date(2026, 1, 1), 320)
        known = whole[:150]
        folds = levels.folds(known, most=8)
        tested = intervals.back_test_of(folds, 28)
        found = levels.reached(known, 15, rises=False, wider_by=intervals.factor(folds))
        truth = next(one.day for one in whole if one.value <= 15)
        assert tested is not None
        assert found.early is not None
        assert found.late is not None
        inside.append(found.early <= truth <= found.late)
        errors.append(tested.error)
        naive.append(tested.naive_error)
        weeks.append(tested.last_week_error)
    assert sum(inside) >= 3  # of 6, at a level of 0.8
    assert np.mean(errors) < min(np.mean(naive), np.mean(weeks))


def test_what_is_charged_again_and_again_has_no_end() -> None:
    values = [Daily(NOW - timedelta(days=60 - number), 100.0 - 20 * (number % 5)) for number in range(61)]
    with pytest.raises(NoForecast) as why:
        levels.since_turned(values, rises=False, step=10)
    assert why.value.code == "turns"


def test_a_new_battery_begins_anew() -> None:
    values = battery_percent(0, date(2026, 1, 1), 60) + battery_percent(1, date(2026, 3, 2), 40)
    assert levels.since_turned(values, rises=False, step=10) == values[60:]
    with pytest.raises(NoForecast):
        levels.reached(values[:10], 15, rises=False)
    assert levels.reached(values[60:], 99, rises=False).expected == values[-1].day
    steady = [Daily(date(2026, 1, 1) + timedelta(days=number), 50.0) for number in range(40)]
    assert levels.reached(steady, 90, rises=True).expected is None


def test_intervals_are_widened_by_what_the_past_needed_and_never_narrowed() -> None:
    folds = [Fold(8, 10, 12, 10 + off, 0, 0) for off in (0, 1, -2, 4, 6, 8, -3, 2, 1)]
    assert intervals.factor(folds) == 3.0  # the eighth of nine
    assert intervals.factor(folds[:4]) == 1.0
    assert intervals.factor([Fold(0, 10, 20, 10, 0, 0)] * 9) == 1.0
    paths = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 9.0]])
    assert intervals.widened(paths, 2.0).tolist() == [[0.0, 0.0], [2.0, 4.0], [4.0, 14.0]]
    assert intervals.back_test_of(folds[:1], 28) is None


def test_early_middle_late_come_in_order() -> None:
    crossed = np.array([[False] * number + [True] * (6 - number) for number in (0, 2, 3, 4, 6)])
    found = intervals.first_crossing(crossed)
    assert found == (2, 3, 6) or all(a is not None and (b is None or a <= b) for a, b in pairwise(found))
    assert intervals.first_crossing(np.zeros((5, 4), dtype=bool)) == (None, None, None)
