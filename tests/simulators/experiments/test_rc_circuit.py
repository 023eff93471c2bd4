"""The RC circuit against its exponentials and the energy that the resistor takes."""

import numpy as np
import pytest

from simulators import experiments
from simulators.lab.run import Run
from tests.simulators.experiments.recorded import recorded

TAU_S = 10e3 * 470e-6


def test_charging_is_the_exponential_within_1e_8_v() -> None:
    circuit = recorded("rc-circuit", 30, {"start_v": -2}, 50)
    exact = 9 - 11 * np.exp(-circuit["t_s"] / TAU_S)
    assert np.abs(circuit["capacitor_v"] - exact).max() < 1e-8
    assert np.allclose(circuit["current_ma"], (9 - exact) / 10, atol=1e-9)


@pytest.mark.parametrize(("kohm", "uf"), [(1, 10), (1000, 10000)])
def test_discharging_is_the_exponential_within_1e_8_v(kohm: float, uf: float) -> None:
    settings = {"switch": "discharge", "start_v": 9, "resistance_kohm": kohm, "capacitance_uf": uf}
    circuit = recorded("rc-circuit", 5, settings, 50)
    assert np.abs(circuit["capacitor_v"] - 9 * np.exp(-circuit["t_s"] / (kohm * uf / 1000))).max() < 1e-8


def test_the_switch_in_mid_run_keeps_the_charge_within_1e_8_v() -> None:
    run = Run(experiments.find("rc-circuit").experiment, rate_hz=50, ideal=True)
    charged = [run.sample() for _ in range(251)][-1].values["capacitor_v"]
    run.set("switch", "discharge")
    later = [run.sample() for _ in range(100)][-1].values["capacitor_v"]
    assert charged == pytest.approx(9 * (1 - np.exp(-5 / TAU_S)), abs=1e-8)
    assert later == pytest.approx(charged * np.exp(-2 / TAU_S), abs=1e-8)


def test_the_resistor_takes_as_much_energy_as_the_capacitor_keeps_within_0_01_percent() -> None:
    circuit = recorded("rc-circuit", 60, None, 50)
    heat = np.trapezoid((circuit["current_ma"] / 1000) ** 2 * 10e3, circuit["t_s"])
    assert heat == pytest.approx(470e-6 * 9**2 / 2, rel=1e-4)
