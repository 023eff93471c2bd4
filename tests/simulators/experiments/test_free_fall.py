"""Free fall against g t^2 / 2 and the closed solution with quadratic drag."""

from math import acosh, exp, pi, sqrt

import numpy as np
import pytest

from tests.simulators.experiments.recorded import recorded

G = 9.80665


@pytest.mark.parametrize(("height", "gravity"), [(2, G), (100, G), (0.1, 24.8), (1000, 1.62)])
def test_without_air_time_and_speed_are_exact_within_1e_9(height: float, gravity: float) -> None:
    settings = {"drop_height_m": height, "gravity_m_s2": gravity, "air_density_kg_m3": 0.0}
    fall = recorded("free-fall", 40, settings)
    assert fall["fall_s"][-1] == pytest.approx(sqrt(2 * height / gravity), rel=1e-9)
    assert fall["speed_m_s"][-1] == pytest.approx(sqrt(2 * gravity * height), rel=1e-9)
    assert fall["height_m"][-1] == pytest.approx(0, abs=1e-9)


def test_with_air_speed_and_height_are_the_closed_solution_within_1e_7() -> None:
    mass, diameter, height = 0.0027, 4.0, 200.0  # a table tennis ball
    fall = recorded("free-fall", 15, {"drop_height_m": height, "mass_kg": mass, "diameter_cm": diameter})
    terminal = sqrt(2 * mass * G / (1.2 * 0.47 * pi * (diameter / 100) ** 2 / 4))
    t = fall["t_s"]
    assert np.abs(fall["speed_m_s"] - terminal * np.tanh(G * t / terminal)).max() < 1e-7
    assert np.abs(fall["height_m"] - (height - terminal**2 / G * np.log(np.cosh(G * t / terminal)))).max() < 1e-7
    assert fall["speed_m_s"][-1] == pytest.approx(terminal, rel=1e-5)


def test_with_air_it_takes_as_long_as_the_closed_solution_says_within_1e_9() -> None:
    fall = recorded("free-fall", 10, {"drop_height_m": 20, "mass_kg": 0.0027, "diameter_cm": 4})
    terminal = sqrt(2 * 0.0027 * G / (1.2 * 0.47 * pi * 0.04**2 / 4))
    assert fall["fall_s"][-1] == pytest.approx(terminal / G * acosh(exp(20 * G / terminal**2)), rel=1e-9)


def test_energy_lost_without_air_is_none_within_1e_9() -> None:
    fall = recorded("free-fall", 2, {"drop_height_m": 10, "air_density_kg_m3": 0.0})
    energy = fall["speed_m_s"] ** 2 / 2 + G * fall["height_m"]
    assert np.abs(energy / energy[0] - 1).max() < 1e-9
