"""The RLC circuit against its ring frequency, its damping, its resonance curve, and energy."""

import numpy as np
import pytest

from tests.simulators.experiments.recorded import Recorded, crossings, recorded

L, C = 10e-3, 2.2e-6


def ring(resistance: float, **more: float) -> Recorded:
    return recorded("rlc-circuit", 20, {"resistance_ohm": resistance, **more}, 200)


@pytest.mark.parametrize("resistance", [0, 5, 20])
def test_it_rings_with_the_frequency_and_the_damping_of_theory_within_1e_4(resistance: float) -> None:
    circuit = ring(resistance)
    falls = crossings(circuit["time_ms"], circuit["capacitor_v"])[:6]
    omega = np.sqrt(1 / (L * C) - (resistance / (2 * L)) ** 2)
    assert np.diff(falls).mean() == pytest.approx(1000 * 2 * np.pi / omega, rel=1e-4)


@pytest.mark.parametrize("resistance", [0, 5, 100, 134.84, 200])
def test_the_voltage_is_the_closed_solution_within_1e_6_v(resistance: float) -> None:
    """Ringing, nearly critical (134.84 ohm) and overdamped, by the roots of L C s^2 + R C s + 1."""
    circuit = ring(resistance)
    one, other = np.roots([L * C, resistance * C, 1]).astype(complex)
    t = circuit["time_ms"] / 1000
    exact = 9 * (other * np.exp(one * t) - one * np.exp(other * t)) / (other - one)
    assert np.abs(circuit["capacitor_v"] - exact.real).max() < 1e-6


def test_without_resistance_energy_is_constant_within_1e_8() -> None:
    circuit = ring(0)
    energy = C * circuit["capacitor_v"] ** 2 / 2 + L * (circuit["current_ma"] / 1000) ** 2 / 2
    assert np.abs(energy / energy[0] - 1).max() < 1e-8


@pytest.mark.parametrize("hz", [500, 1073.0, 2000])
def test_driven_for_long_its_current_is_the_impedances_within_0_1_percent(hz: float) -> None:
    settings = {"resistance_ohm": 50.0, "source_v": 5, "source_hz": hz, "start_v": 0}
    circuit = recorded("rlc-circuit", 20, settings, 200)
    late = circuit["time_ms"] > 10
    t, w = circuit["time_ms"][late] / 1000, 2 * np.pi * hz
    waves = np.column_stack([np.cos(w * t), np.sin(w * t)])
    (a, b), *_ = np.linalg.lstsq(waves, circuit["current_ma"][late], rcond=None)
    assert np.hypot(a, b) == pytest.approx(5000 / np.hypot(50, w * L - 1 / (w * C)), rel=1e-3)


def test_a_constant_source_charges_the_capacitor_to_its_voltage_within_1e_6() -> None:
    assert recorded("rlc-circuit", 40, {"source_v": 12, "resistance_ohm": 100}, 20)["capacitor_v"][-1] == pytest.approx(
        12, rel=1e-6
    )
