"""The ideal gas: its law at every moment, the adiabat, the isotherm, and the first law."""

import numpy as np
import pytest

from simulators import experiments
from simulators.lab.run import Run
from tests.simulators.experiments.recorded import recorded

R = 8.314462618


def test_one_mole_at_0_degrees_and_22_4_litres_has_one_atmosphere() -> None:
    """The published molar volume 22.414 L at 101.325 kPa, within 1e-5."""
    settings = {"start_l": 22.41396954, "piston_l": 22.41396954, "bath_c": 0}
    assert recorded("ideal-gas", 0, settings)["pressure_kpa"][0] == pytest.approx(101.325, rel=1e-5)


@pytest.mark.parametrize("wall", [0, 0.5, 50])
def test_the_gas_law_holds_at_every_moment_within_1e_12(wall: float) -> None:
    gas = recorded("ideal-gas", 30, {"wall_w_k": wall, "piston_l": 3}, 20)
    assert np.allclose(gas["pressure_kpa"] * gas["volume_l"], R * (gas["temperature_c"] + 273.15), rtol=1e-9)


@pytest.mark.parametrize(("kind", "gamma"), [("monatomic", 5 / 3), ("diatomic", 7 / 5)])
@pytest.mark.parametrize("piston", [1, 50])
def test_without_heat_p_v_to_the_gamma_is_constant_within_1e_8(kind: str, gamma: float, piston: float) -> None:
    gas = recorded("ideal-gas", 20, {"gas": kind, "wall_w_k": 0, "piston_l": piston}, 20)
    constant = gas["pressure_kpa"] * gas["volume_l"] ** gamma
    assert np.abs(constant / constant[0] - 1).max() < 1e-8


def test_slowly_in_a_bath_it_follows_boyle_within_0_1_percent() -> None:
    gas = recorded("ideal-gas", 300, {"wall_w_k": 50, "pace_per_s": 0.01, "piston_l": 12}, 20)
    product = gas["pressure_kpa"] * gas["volume_l"]
    assert np.abs(product / product[0] - 1).max() < 1e-3


def test_without_a_piston_that_moves_it_takes_the_baths_temperature_as_newton_says_within_1e_6() -> None:
    """After a compression without heat loss it cools by e^(-G t / n cv)."""
    run = Run(experiments.find("ideal-gas").experiment, {"wall_w_k": 0, "pace_per_s": 5}, rate_hz=20, ideal=True)
    hot = [run.sample() for _ in range(201)][-1].values["temperature_c"]
    run.set("wall_w_k", 2)
    cool = [run.sample() for _ in range(200)][-1].values["temperature_c"]
    assert cool - 25 == pytest.approx((hot - 25) * np.exp(-2 * 10 / (2.5 * R)), rel=1e-6)


def test_work_done_on_it_without_heat_is_its_gain_of_energy_within_0_01_percent() -> None:
    gas = recorded("ideal-gas", 30, {"wall_w_k": 0, "piston_l": 5}, 20)
    work_j = -np.trapezoid(gas["pressure_kpa"], gas["volume_l"])
    assert work_j == pytest.approx(2.5 * R * (gas["temperature_c"][-1] - gas["temperature_c"][0]), rel=1e-4)
