"""The spring oscillator against its closed solutions: damped, overdamped, driven, and energy."""

import numpy as np
import pytest

from tests.simulators.experiments.recorded import recorded


def test_it_is_the_underdamped_solution_within_1e_6_cm() -> None:
    m, k, b, x0 = 0.5, 20.0, 0.3, 10.0
    swing = recorded("spring", 20, {"mass_kg": m, "stiffness_n_m": k, "damping_kg_s": b, "release_cm": x0}, 50)
    t, w = swing["t_s"], np.sqrt(k / m - (b / 2 / m) ** 2)
    exact = x0 * np.exp(-b * t / 2 / m) * (np.cos(w * t) + b / (2 * m * w) * np.sin(w * t))
    assert np.abs(swing["position_cm"] - exact).max() < 1e-6


def test_it_is_the_overdamped_solution_within_1e_6_cm() -> None:
    m, k, b, x0 = 0.5, 20.0, 10.0, 10.0
    swing = recorded("spring", 5, {"mass_kg": m, "stiffness_n_m": k, "damping_kg_s": b, "release_cm": x0}, 50)
    slow, fast = np.roots([m, b, k])[::-1]
    exact = x0 * (fast * np.exp(slow * swing["t_s"]) - slow * np.exp(fast * swing["t_s"])) / (fast - slow)
    assert np.abs(swing["position_cm"] - exact).max() < 1e-6


def test_without_damping_energy_is_constant_within_1e_8() -> None:
    swing = recorded("spring", 120, {"damping_kg_s": 0}, 50)
    energy = 0.5 * swing["velocity_m_s"] ** 2 / 2 + 20 * (swing["position_cm"] / 100) ** 2 / 2
    assert np.abs(energy / energy[0] - 1).max() < 1e-8


@pytest.mark.parametrize("drive_hz", [0.5, 1.0065, 2.0])
def test_driven_for_long_it_swings_with_the_resonance_curves_amplitude_within_0_1_percent(drive_hz: float) -> None:
    settings = {"drive_n": 1.0, "drive_hz": drive_hz, "damping_kg_s": 0.5, "release_cm": 0}
    swing = recorded("spring", 60, settings, 50)
    late = swing["position_cm"][swing["t_s"] > 40]
    w = 2 * np.pi * drive_hz
    exact = 100 / np.hypot(20 - 0.5 * w**2, 0.5 * w)
    t = swing["t_s"][swing["t_s"] > 40]
    waves = np.column_stack([np.cos(w * t), np.sin(w * t)])
    (a, b), *_ = np.linalg.lstsq(waves, late, rcond=None)
    assert np.hypot(a, b) == pytest.approx(exact, rel=1e-3)


def test_hookes_law_holds_exactly() -> None:
    swing = recorded("spring", 5, None, 50)
    assert np.allclose(swing["force_n"], -20 * swing["position_cm"] / 100, rtol=1e-12)
