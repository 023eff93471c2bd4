"""The pendulum against the elliptic integral, energy, and the damped small swing."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ellipk

from simulators import experiments
from simulators.lab.motion import Flow
from tests.simulators.experiments.recorded import crossings, recorded

G = 9.80665


def exact_period_s(angle_deg: float, length_m: float) -> float:
    return float(4 * np.sqrt(length_m / G) * ellipk(np.sin(np.radians(angle_deg) / 2) ** 2))


@pytest.mark.parametrize(("angle_deg", "length_m"), [(5, 1), (40, 0.25), (90, 1), (150, 2), (179, 1)])
def test_the_period_is_the_elliptic_integrals_within_a_millionth(angle_deg: float, length_m: float) -> None:
    swing = recorded("pendulum", 40, {"release_angle_deg": angle_deg, "length_m": length_m})
    falls = crossings(swing["t_s"], swing["angle_deg"])
    assert np.diff(falls).mean() == pytest.approx(exact_period_s(angle_deg, length_m), rel=1e-6)


def test_the_period_at_90_degrees_as_pupils_measure_it_is_within_0_1_percent() -> None:
    """At 20 Hz, with the encoder's noise and rounding, over 25 swings."""
    swing = recorded("pendulum", 62, {"release_angle_deg": 90}, rate_hz=20, ideal=False)
    falls = crossings(swing["t_s"], swing["angle_deg"])
    assert (falls[25] - falls[0]) / 25 == pytest.approx(exact_period_s(90, 1), rel=1e-3)


def test_without_friction_energy_is_constant_within_1e_7_for_ten_minutes() -> None:
    swing = recorded("pendulum", 600, {"release_angle_deg": 120}, rate_hz=10)
    angle, velocity = np.radians(swing["angle_deg"]), np.radians(swing["velocity_deg_s"])
    energy = velocity**2 / 2 + G * (1 - np.cos(angle))
    assert np.abs(energy / energy[0] - 1).max() < 1e-7


def test_with_its_velocity_reversed_it_goes_back_to_where_it_began_within_1e_6_degrees() -> None:
    pendulum = experiments.find("pendulum").experiment
    settings = pendulum.settings({"release_angle_deg": 120})
    there = pendulum.motion.begin(settings, np.random.default_rng(0)).at(7.3)[1]
    assert isinstance(pendulum.motion, Flow)
    reversed_motion = replace(pendulum.motion, start=lambda p: there * [1, -1])
    back = reversed_motion.begin(settings, np.random.default_rng(0)).at(7.3)[1]
    assert np.degrees(back) == pytest.approx([120, 0], abs=1e-6)


def test_a_small_damped_swing_is_the_analytic_one_within_a_thousandth() -> None:
    """1 degree, c = 0.4 / s: a0 e^(-ct/2) (cos wt + (c / 2w) sin wt), w^2 = g/L - c^2/4."""
    swing = recorded("pendulum", 10, {"release_angle_deg": 1, "friction_per_s": 0.4})
    t = swing["t_s"]
    w = np.sqrt(G - 0.04)
    exact = np.exp(-0.2 * t) * (np.cos(w * t) + 0.2 / w * np.sin(w * t))
    assert np.abs(swing["angle_deg"] - exact).max() < 1e-3


def test_the_tension_at_the_lowest_point_is_that_of_the_speed_there_within_1e_6() -> None:
    """Released at 90 degrees: v^2 = 2 g L, so that the tension there is 3 m g."""
    tension = recorded("pendulum", 20, {"release_angle_deg": 90})["tension_n"]
    assert tension.max() == pytest.approx(3 * 0.1 * G, rel=1e-3)
    assert tension.min() == pytest.approx(0, abs=1e-6)
