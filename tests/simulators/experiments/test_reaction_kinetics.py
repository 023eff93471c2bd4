"""Reaction kinetics: each order's integrated law, equilibrium from both sides, Arrhenius, and mass."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.constants import R

from tests.simulators.experiments.recorded import recorded

K = 0.05


@pytest.mark.parametrize(
    ("order", "exact"),
    [
        ("zero", lambda t: np.maximum(2 - K * t, 0)),
        ("first", lambda t: 2 * np.exp(-K * t)),
        ("second", lambda t: 2 / (1 + 2 * K * t)),
    ],
)
def test_each_order_is_its_integrated_law_within_1e_6(
    order: str, exact: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> None:
    run = recorded("reaction-kinetics", 60, {"order": order, "start_a_mol_l": 2, "rate_constant_at_25": K}, 20)
    assert np.abs(run["a_mol_l"] - exact(run["t_s"])).max() < 1e-6


@pytest.mark.parametrize("order", ["zero", "first", "second", "reversible"])
def test_what_a_loses_b_gains_within_1e_12(order: str) -> None:
    run = recorded("reaction-kinetics", 100, {"order": order, "rate_constant_at_25": K, "start_b_mol_l": 0.3}, 20)
    assert np.abs(run["a_mol_l"] + run["b_mol_l"] - 1.3).max() < 1e-12


@pytest.mark.parametrize("equilibrium", [0.01, 1, 4, 100])
def test_the_same_equilibrium_is_reached_from_both_sides_within_1e_6(equilibrium: float) -> None:
    common = {"order": "reversible", "equilibrium": equilibrium, "rate_constant_at_25": 1}
    from_a, from_b = (
        recorded("reaction-kinetics", 2000, {**common, "start_a_mol_l": a, "start_b_mol_l": b}, 1)
        for a, b in ((2, 0), (0.001, 1.999))
    )
    for run in (from_a, from_b):
        assert run["b_mol_l"][-1] / run["a_mol_l"][-1] == pytest.approx(equilibrium, rel=1e-6)
    assert from_a["a_mol_l"][-1] == pytest.approx(from_b["a_mol_l"][-1], rel=1e-6)


def test_it_relaxes_with_the_sum_of_both_rates_within_1e_6() -> None:
    run = recorded("reaction-kinetics", 60, {"order": "reversible", "equilibrium": 4, "rate_constant_at_25": K}, 20)
    exact = 0.2 + 0.8 * np.exp(-K * 1.25 * run["t_s"])
    assert np.abs(run["a_mol_l"] - exact).max() < 1e-6


def test_the_slope_of_ln_k_over_1_t_is_the_activation_energy_within_0_01_percent() -> None:
    celsius = [0, 20, 40, 60]
    rates = []
    for c in celsius:
        run = recorded(
            "reaction-kinetics", 5, {"temperature_c": c, "activation_kj_mol": 60, "rate_constant_at_25": 0.01}, 20
        )
        rates.append(-np.log(run["a_mol_l"][-1]) / 5)
    slope, _ = np.polyfit(1 / (np.array(celsius) + 273.15), np.log(rates), 1)
    assert -slope * R / 1000 == pytest.approx(60, rel=1e-4)


def test_at_25_degrees_the_activation_energy_does_not_matter() -> None:
    run = recorded("reaction-kinetics", 10, {"activation_kj_mol": 100, "rate_constant_at_25": K}, 20)
    assert run["a_mol_l"][-1] == pytest.approx(np.exp(-K * 10), abs=1e-6)
