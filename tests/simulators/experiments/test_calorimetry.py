"""Calorimetry: the heat balance, the exchange's exponential, the loss to the room, the heater."""

import numpy as np
import pytest

from tests.simulators.experiments.recorded import recorded

WATER_J_K = 0.2 * 4184 + 30
COPPER_J_K = 0.1 * 386


def test_without_loss_heat_is_conserved_within_1e_9() -> None:
    mixing = recorded("calorimetry", 300, {"loss_w_k": 0}, 10)
    heat = WATER_J_K * mixing["water_c"] + COPPER_J_K * mixing["body_c"]
    assert np.abs(heat / heat[0] - 1).max() < 1e-9


def test_without_loss_both_come_to_the_mixtures_temperature_within_1e_6() -> None:
    mixing = recorded("calorimetry", 600, {"loss_w_k": 0}, 10)
    exact = (WATER_J_K * 20 + COPPER_J_K * 100) / (WATER_J_K + COPPER_J_K)
    assert mixing["water_c"][-1] == pytest.approx(exact, rel=1e-6)
    assert mixing["body_c"][-1] == pytest.approx(exact, rel=1e-6)


def test_without_loss_the_difference_falls_as_an_exponential_within_1e_7_k() -> None:
    mixing = recorded("calorimetry", 60, {"loss_w_k": 0}, 10)
    rate = 2 / WATER_J_K + 2 / COPPER_J_K
    exact = 80 * np.exp(-rate * mixing["t_s"])
    assert np.abs(mixing["body_c"] - mixing["water_c"] - exact).max() < 1e-7


def test_with_loss_water_and_body_end_at_the_rooms_temperature_within_0_01_degrees() -> None:
    cooling = recorded("calorimetry", 4000, {"loss_w_k": 5, "start_water_c": 90}, 1)
    assert cooling["water_c"][-1] == pytest.approx(27, abs=0.01)


def test_the_heater_warms_by_its_energy_within_1e_6() -> None:
    """10 W for 300 s into both, less what is on its way between them."""
    settings = {"loss_w_k": 0, "start_body_c": 20, "heater_w": 10}
    heating = recorded("calorimetry", 300, settings, 10)
    gained = WATER_J_K * (heating["water_c"][-1] - 20) + COPPER_J_K * (heating["body_c"][-1] - 20)
    assert gained == pytest.approx(3000, rel=1e-6)
