"""Sensors that drift are found, and those that do not are left in peace."""

from datetime import date, timedelta

import pytest

from cloud_ingest.forecasts.daily import Daily
from cloud_ingest.forecasts.drift import Drift, drift, from_neighbours, from_outside
from cloud_ingest.forecasts.forecast import NoForecast
from tests.cloud_ingest.forecasts.history import night_co2_ppm

FIRST = date(2026, 3, 1)


def test_a_drift_is_found_with_its_sign_and_size() -> None:
    found = [drift(from_outside(night_co2_ppm(seed, FIRST, 120, 10))) for seed in range(10)]
    assert all(one.is_sure and one.per_month > 0 for one in found)
    assert sum(one.low_per_month <= 10 <= one.high_per_month for one in found) >= 6  # of 10, at a level of 0.8
    assert all(one.months_until(75) is not None for one in found)


def test_a_sensor_that_does_not_drift_reaches_no_tolerance_soon() -> None:
    found = [drift(from_outside(night_co2_ppm(seed, FIRST, 120, 0))) for seed in range(10)]
    assert all((one.months_until(75) or 99) > 12 for one in found)


def test_neighbours_are_compared_day_by_day_where_there_are_enough() -> None:
    days = [FIRST + timedelta(days=number) for number in range(40)]
    own = [Daily(day, 25.0 + number / 10) for number, day in enumerate(days)]
    neighbours = [dict.fromkeys(days, 24.0), dict.fromkeys(days, 25.0), dict.fromkeys(days[:30], 26.0)]
    compared = from_neighbours(own, neighbours)
    assert len(compared) == 30
    assert compared[-1].value == pytest.approx(2.9)
    assert drift(compared).per_month == pytest.approx(3.0)
    with pytest.raises(NoForecast):
        drift(compared[:20])


def test_when_a_tolerance_is_reached() -> None:
    assert Drift(1.0, 0.5, 0.4, 0.6, 60).months_until(2.0) == 2.0
    assert Drift(-1.0, 0.5, 0.4, 0.6, 60).months_until(2.0) == 6.0
    assert Drift(-1.0, -0.5, -0.6, -0.4, 60).months_until(2.0) == 2.0
    assert Drift(3.0, 0.5, 0.4, 0.6, 60).months_until(2.0) == 0.0
    assert Drift(1.0, 0.5, -0.4, 0.6, 60).months_until(2.0) is None
