"""The climate's energy balance against Stefan and Boltzmann, published values, and its linear response."""

import numpy as np
import pytest
from scipy.constants import Stefan_Boltzmann

from tests.simulators.experiments.recorded import recorded

YEAR_S = 365.2425 * 86400


@pytest.mark.parametrize(
    ("albedo", "emissivity", "solar"), [(30, 0.612, 1361), (0, 1, 500), (90, 1, 1361), (30, 0.3, 3000)]
)
def test_it_ends_at_the_temperature_of_stefan_and_boltzmann_within_1e_6(
    albedo: float, emissivity: float, solar: float
) -> None:
    settings = {"albedo_pct": albedo, "emissivity": emissivity, "solar_w_m2": solar, "depth_m": 1}
    end = recorded("climate", 100, settings, 20)["temperature_c"][-1] + 273.15
    balance = (solar * (1 - albedo / 100) / 4 / (emissivity * Stefan_Boltzmann)) ** 0.25
    assert end == pytest.approx(balance, rel=1e-6)


def test_without_a_greenhouse_the_earth_has_the_published_255_kelvin_within_1() -> None:
    end = recorded("climate", 100, {"emissivity": 1, "depth_m": 1}, 20)["temperature_c"][-1] + 273.15
    assert end == pytest.approx(255, abs=1)


def test_twice_the_co2_forces_the_published_3_7_watts_within_1_percent() -> None:
    before, after = (recorded("climate", 0, {"co2_ppm": ppm})["gained_w_m2"][0] for ppm in (280, 560))
    assert after - before == pytest.approx(3.7, rel=0.01)


def test_near_its_balance_it_relaxes_with_c_over_4_epsilon_sigma_t_cubed_within_0_1_percent() -> None:
    balance = (1361 * 0.7 / 4 / (0.612 * Stefan_Boltzmann)) ** 0.25
    run = recorded("climate", 10, {"start_c": balance - 273.15 + 0.01}, 20)
    excess = run["temperature_c"] + 273.15 - balance
    years = 70 * 1025 * 3985 / (4 * 0.612 * Stefan_Boltzmann * balance**3) / YEAR_S
    assert excess[-1] / excess[0] == pytest.approx(np.exp(-10 / years), rel=1e-3)


def test_heat_that_is_gained_is_heat_that_is_kept_within_1e_4() -> None:
    """The sum is by the trapezoidal rule at 20 samples a year."""
    run = recorded("climate", 50, {"start_c": -20}, 20)
    kept = 70 * 1025 * 3985 * (run["temperature_c"][-1] - run["temperature_c"][0])
    assert np.trapezoid(run["gained_w_m2"] - run["lost_w_m2"], run["time_year"]) * YEAR_S == pytest.approx(
        kept, rel=1e-4
    )
