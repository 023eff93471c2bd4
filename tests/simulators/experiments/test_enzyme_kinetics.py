"""Enzyme kinetics: Lambert's progress curve, the limits of Michaelis and Menten, and each inhibition."""

import numpy as np
import pytest
from scipy.special import lambertw

from tests.simulators.experiments.recorded import recorded, shown


@pytest.mark.parametrize(("start", "vmax", "km"), [(5, 0.5, 1), (50, 5, 0.05), (0.01, 0.5, 20), (2, 5, 20)])
def test_the_progress_curve_is_lambert_ws_within_1e_7(start: float, vmax: float, km: float) -> None:
    curve = recorded("enzyme-kinetics", 8, {"start_mmol_l": start, "vmax_mmol_l_min": vmax, "km_mmol_l": km}, 20)
    log_argument = np.log(start / km) + (start - vmax * curve["time_min"]) / km
    usable = log_argument < 700
    exact = km * lambertw(np.exp(log_argument[usable])).real
    assert np.abs(curve["substrate_mmol_l"][usable] - exact).max() < 1e-7 * max(1, start)
    assert usable.any()


def test_with_much_substrate_the_rate_is_vmax_and_with_little_in_proportion_within_1_percent() -> None:
    much = shown("enzyme-kinetics", start_mmol_l=50, km_mmol_l=0.05, vmax_mmol_l_min=2)
    little = shown("enzyme-kinetics", start_mmol_l=0.01, km_mmol_l=10, vmax_mmol_l_min=2)
    assert much["rate_mmol_l_min"] == pytest.approx(2, rel=0.01)
    assert little["rate_mmol_l_min"] == pytest.approx(2 * 0.01 / 10, rel=0.01)


def test_at_km_the_rate_is_half_of_vmax_exactly() -> None:
    assert shown("enzyme-kinetics", start_mmol_l=3, km_mmol_l=3, vmax_mmol_l_min=2)["rate_mmol_l_min"] == 1


@pytest.mark.parametrize(
    ("inhibition", "vmax", "km"),
    [("none", 1, 2), ("competitive", 1, 6), ("uncompetitive", 1 / 3, 2 / 3), ("non-competitive", 1 / 3, 2)],
)
def test_lineweaver_and_burks_line_of_each_inhibition_within_1e_9(inhibition: str, vmax: float, km: float) -> None:
    """I = 2 Ki: intercept 1 / Vmax', slope Km' / Vmax'."""
    substrate = np.array([0.5, 1, 2, 5, 20])
    common: dict[str, float | str] = {
        "inhibition": inhibition,
        "inhibitor_mmol_l": 2,
        "ki_mmol_l": 1,
        "vmax_mmol_l_min": 1,
        "km_mmol_l": 2,
    }
    rate = np.array([shown("enzyme-kinetics", start_mmol_l=float(s), **common)["rate_mmol_l_min"] for s in substrate])
    slope, intercept = np.polyfit(1 / substrate, 1 / rate, 1)
    assert (intercept, slope) == (pytest.approx(1 / vmax, rel=1e-9), pytest.approx(km / vmax, rel=1e-9))


def test_substrate_and_product_are_what_was_there_within_1e_12() -> None:
    curve = recorded("enzyme-kinetics", 60, None, 20)
    assert np.abs(curve["substrate_mmol_l"] + curve["product_mmol_l"] - 5).max() < 1e-12
