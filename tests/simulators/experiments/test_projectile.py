"""The projectile against the parabola, the terminal speed, and the quadratic drag's closed forms."""

from math import atan, cos, log, pi, radians, sin, sqrt, tan

import numpy as np
import pytest

from tests.simulators.experiments.recorded import recorded

G = 9.80665
VACUUM = {"air_density_kg_m3": 0.0}


def terminal_m_s(mass_kg: float, diameter_cm: float, cd: float = 0.47, density: float = 1.2) -> float:
    return sqrt(2 * mass_kg * G / (density * cd * pi * (diameter_cm / 100) ** 2 / 4))


@pytest.mark.parametrize(("speed", "angle", "height"), [(20, 45, 0), (10, 60, 5), (30, 1, 2), (1, 5, 0), (50, 90, 0)])
def test_without_air_range_time_and_speed_are_the_parabolas_within_1e_9(
    speed: float, angle: float, height: float
) -> None:
    settings = {"launch_speed_m_s": speed, "launch_angle_deg": angle, "launch_height_m": height, **VACUUM}
    flight = recorded("projectile", 12, settings)
    up, along = speed * sin(radians(angle)), speed * cos(radians(angle))
    time_s = (up + sqrt(up**2 + 2 * G * height)) / G
    assert flight["flight_s"][-1] == pytest.approx(time_s, rel=1e-9)
    assert flight["distance_m"][-1] == pytest.approx(along * time_s, rel=1e-9, abs=1e-9)
    assert flight["height_m"][-1] == pytest.approx(0, abs=1e-9)
    assert flight["speed_m_s"][-1] == pytest.approx(sqrt(speed**2 + 2 * G * height), rel=1e-9)


def test_without_air_the_path_is_the_parabola_within_1e_9_m() -> None:
    flight = recorded("projectile", 2, {"launch_height_m": 1.5, **VACUUM})
    x = flight["distance_m"]
    exact = 1.5 + x * tan(radians(45)) - G * x**2 / (2 * (20 * cos(radians(45))) ** 2)
    assert np.abs(flight["height_m"] - exact).max() < 1e-9


def test_thrown_straight_up_it_rises_as_quadratic_drag_lets_it_within_1e_5() -> None:
    """Top at (V^2 / 2g) ln(1 + (u/V)^2) after (V/g) atan(u/V)."""
    flight = recorded("projectile", 5, {"launch_angle_deg": 90, "launch_height_m": 0, "launch_speed_m_s": 40})
    terminal = terminal_m_s(0.145, 7.4)
    top = terminal**2 / (2 * G) * log(1 + (40 / terminal) ** 2)
    assert flight["height_m"].max() == pytest.approx(top, rel=1e-5)
    assert flight["t_s"][flight["height_m"].argmax()] == pytest.approx(terminal / G * atan(40 / terminal), abs=0.011)


def test_it_lands_with_less_than_the_speed_it_had_and_short_of_the_parabola() -> None:
    with_air, without = (recorded("projectile", 5, settings)["distance_m"][-1] for settings in ({}, VACUUM))
    assert 0.6 * without < with_air < 0.9 * without


def test_falling_far_it_comes_to_its_terminal_speed_within_0_1_percent() -> None:
    settings = {
        "launch_angle_deg": 1,
        "launch_speed_m_s": 1,
        "launch_height_m": 200,
        "mass_kg": 0.002,
        "diameter_cm": 4,
    }
    assert recorded("projectile", 60, settings)["speed_m_s"][-1] == pytest.approx(terminal_m_s(0.002, 4), rel=1e-3)


def test_it_drifts_with_the_wind_to_the_winds_own_speed() -> None:
    """A light ball that falls far moves as fast as the air: within 1 %."""
    settings = {
        "launch_angle_deg": 90, "launch_speed_m_s": 1, "launch_height_m": 200, "mass_kg": 0.002, "diameter_cm": 10,
        "wind_m_s": 5,
    }  # fmt: skip
    flight = recorded("projectile", 40, settings)
    assert np.diff(flight["distance_m"][2000:2101]).sum() == pytest.approx(5, rel=0.01)
