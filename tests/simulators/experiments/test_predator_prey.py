"""Predators and prey: the invariant of Lotka and Volterra, the means over a cycle, and the balance."""

import numpy as np
import pytest

from tests.simulators.experiments.recorded import crossings, recorded

A, B, C, D = 0.6, 0.05, 0.02, 0.5


@pytest.mark.parametrize(("prey", "predators"), [(40, 9), (100, 30), (5, 2)])
def test_the_invariant_holds_within_1e_8_for_200_years(prey: float, predators: float) -> None:
    run = recorded("predator-prey", 200, {"start_prey": prey, "start_predators": predators}, 20)
    x, y = run["prey"], run["predators"]
    invariant = C * x - D * np.log(x) + B * y - A * np.log(y)
    assert np.abs(invariant / invariant[0] - 1).max() < 1e-8


def test_means_over_whole_cycles_are_the_balance_within_0_2_percent() -> None:
    run = recorded("predator-prey", 120, {"start_prey": 60}, 20)
    t = run["time_year"]
    begin, *_, end = crossings(t, run["prey"] - D / C)
    cycles = (t >= begin) & (t <= end)
    assert run["prey"][cycles].mean() == pytest.approx(D / C, rel=2e-3)
    assert run["predators"][cycles].mean() == pytest.approx(A / B, rel=2e-3)


def test_in_balance_nothing_changes_within_1e_8() -> None:
    run = recorded("predator-prey", 50, {"start_prey": 25, "start_predators": 12}, 20)
    assert np.abs(run["prey"] / 25 - 1).max() < 1e-8
    assert np.abs(run["predators"] / 12 - 1).max() < 1e-8


def test_small_swings_have_the_period_of_2_pi_over_the_root_of_a_d_within_0_1_percent() -> None:
    run = recorded("predator-prey", 120, {"start_prey": 25.2, "start_predators": 12}, 20)
    falls = crossings(run["time_year"], run["prey"] - 25)
    assert np.diff(falls).mean() == pytest.approx(2 * np.pi / np.sqrt(A * D), rel=1e-3)
