"""The photoelectric effect: thresholds, stopping voltages and Planck's constant, with CODATA's constants."""

import numpy as np
import pytest
from scipy import constants

from tests.simulators.experiments.recorded import shown

WORK_EV = {"caesium": 2.14, "potassium": 2.30, "sodium": 2.75, "calcium": 2.87, "zinc": 4.33}
HC_EV_NM = constants.physical_constants["Planck constant in eV/Hz"][0] * constants.c * 1e9


def test_h_c_is_the_published_1239_84_ev_nm() -> None:
    assert pytest.approx(1239.841984, rel=1e-9) == HC_EV_NM


@pytest.mark.parametrize("metal", list(WORK_EV))
def test_electrons_come_below_the_threshold_wavelength_and_not_above(metal: str) -> None:
    threshold_nm = HC_EV_NM / WORK_EV[metal]
    below, above = (
        shown("photoelectric", metal=metal, wavelength_nm=threshold_nm * d, anode_v=0) for d in (0.999, 1.001)
    )
    assert below["photocurrent_na"] > 0
    assert (above["photocurrent_na"], above["energy_ev"], above["stopping_v"]) == (0, 0, 0)


@pytest.mark.parametrize("metal", list(WORK_EV))
def test_the_slope_of_stopping_voltage_over_frequency_is_plancks_constant_within_1e_9(metal: str) -> None:
    frequencies = np.linspace(1.1e15, 1.9e15, 9)
    voltages = [
        shown("photoelectric", metal=metal, wavelength_nm=constants.c / f * 1e9)["stopping_v"] for f in frequencies
    ]
    slope, offset = np.polyfit(frequencies, voltages, 1)
    assert slope * constants.e == pytest.approx(constants.h, rel=1e-9)
    assert offset == pytest.approx(-WORK_EV[metal], rel=1e-9)


def test_intensity_raises_the_current_in_proportion_and_leaves_the_stopping_voltage() -> None:
    dim, bright = (shown("photoelectric", intensity_w_m2=w) for w in (5, 50))
    assert bright["photocurrent_na"] == pytest.approx(10 * dim["photocurrent_na"], rel=1e-12)
    assert bright["stopping_v"] == dim["stopping_v"]


def test_the_current_ends_at_the_stopping_voltage_and_is_full_without_a_retarding_one() -> None:
    stopping = shown("photoelectric")["stopping_v"]
    full, zero, half, almost, none = (
        shown("photoelectric", anode_v=v)["photocurrent_na"] for v in (5, 0, -stopping / 2, -stopping * 0.99, -stopping)
    )
    assert full == zero > half > almost > none == 0


def test_each_photon_frees_at_most_one_electron() -> None:
    """Saturation: efficiency times photons a second times e, within 1e-9."""
    read = shown("photoelectric", wavelength_nm=400, intensity_w_m2=10, efficiency_pct=10)
    photons = 10 * 1e-4 / (constants.h * constants.c / 400e-9)
    assert read["photocurrent_na"] == pytest.approx(0.1 * photons * constants.e * 1e9, rel=1e-9)
