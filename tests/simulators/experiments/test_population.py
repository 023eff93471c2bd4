"""A population against the logistic curve, its invariant, and what harvest leaves."""

import numpy as np
import pytest

from tests.simulators.experiments.recorded import recorded


@pytest.mark.parametrize(
    ("start", "growth", "harvest"), [(50, 0.3, 0), (2000, 0.3, 0), (50, 1.0, 0.4), (500, 0.2, 0.6)]
)
def test_it_is_the_logistic_curve_within_1e_7(start: float, growth: float, harvest: float) -> None:
    run = recorded("population", 40, {"start_count": start, "growth_per_d": growth, "harvest_per_d": harvest}, 20)
    net, room = growth - harvest, 1000 * (1 - harvest / growth)
    exact = room / (1 + (room / start - 1) * np.exp(-net * run["time_d"]))
    assert np.abs(run["count"] / exact - 1).max() < 1e-7


def test_the_log_of_n_over_k_minus_n_grows_evenly_within_1e_6() -> None:
    run = recorded("population", 30, None, 20)
    invariant = np.log(run["count"] / (1000 - run["count"])) - 0.3 * run["time_d"]
    assert np.abs(invariant - invariant[0]).max() < 1e-6


def test_it_grows_fastest_at_half_of_the_capacity() -> None:
    run = recorded("population", 30, None, 20)
    fastest = run["net_growth_per_d"].argmax()
    assert run["count"][fastest] == pytest.approx(500, rel=0.01)
    assert run["net_growth_per_d"][fastest] == pytest.approx(0.3 * 1000 / 4, rel=1e-3)


def test_more_harvest_than_growth_ends_it() -> None:
    assert recorded("population", 200, {"harvest_per_d": 0.5}, 20)["count"][-1] < 1e-9
