"""Titration curves against the full equilibrium, solved here in another way, and published pH values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from tests.simulators.experiments.recorded import recorded, shown

KW = 10**-13.995


def equilibrium_ph(analyte: str, pka: float, flask_mol: float, burette_mol: float, litres: float) -> float:
    """The charge balance in moles, each species written out, solved for ln [H+]."""

    def imbalance(ln_h: float) -> float:
        h = math.exp(ln_h)
        plus, minus = h * litres, KW / h * litres
        match analyte:
            case "hydrochloric":
                return plus + burette_mol - minus - flask_mol
            case "acetic" | "weak":
                k = 10 ** -(4.756 if analyte == "acetic" else pka)
                return plus + burette_mol - minus - flask_mol * k / (k + h)
            case "phosphoric":
                k1, k2, k3 = 10**-2.16, 10**-7.21, 10**-12.32
                all_forms = h**3 + h**2 * k1 + h * k1 * k2 + k1 * k2 * k3
                once, twice, thrice = h**2 * k1 / all_forms, h * k1 * k2 / all_forms, k1 * k2 * k3 / all_forms
                return plus + burette_mol - minus - flask_mol * (once + 2 * twice + 3 * thrice)
            case _:
                ammonium = flask_mol * h / (10**-9.25 + h)
                return plus + ammonium - minus - burette_mol

    return -float(brentq(imbalance, math.log(1e-16), math.log(10), xtol=1e-13)) / math.log(10)


@pytest.mark.parametrize("analyte", ["hydrochloric", "acetic", "weak", "phosphoric", "ammonia"])
@pytest.mark.parametrize("flask_mol_l", [0.002, 0.1, 1.0])
def test_the_whole_curve_is_the_equilibriums_within_0_001_ph(analyte: str, flask_mol_l: float) -> None:
    settings = {"analyte": analyte, "flask_mol_l": flask_mol_l, "burette_mol_l": 0.1, "pka": 6.3}
    curve = recorded("titration", 260, settings, 10)
    for added, ph in zip(curve["added_ml"][::7], curve["ph"][::7], strict=True):
        exact = equilibrium_ph(analyte, 6.3, flask_mol_l * 0.025, 0.1 * added / 1000, 0.025 + added / 1000)
        assert ph == pytest.approx(exact, abs=1e-3)


@given(
    pka=st.floats(1, 12),
    flask_mol_l=st.floats(0.001, 1),
    flask_ml=st.floats(5, 100),
    burette_mol_l=st.floats(0.001, 1),
    tap=st.floats(0.1, 5),
)
def test_any_weak_acid_is_within_0_02_ph_all_the_way(
    pka: float, flask_mol_l: float, flask_ml: float, burette_mol_l: float, tap: float
) -> None:
    settings = {
        "analyte": "weak", "pka": pka, "flask_mol_l": flask_mol_l, "flask_ml": flask_ml,
        "burette_mol_l": burette_mol_l, "tap_ml_s": tap,
    }  # fmt: skip
    curve = recorded("titration", 20, settings, 1)
    for added, ph in zip(curve["added_ml"], curve["ph"], strict=True):
        litres = (flask_ml + added) / 1000
        exact = equilibrium_ph("weak", pka, flask_mol_l * flask_ml / 1000, burette_mol_l * added / 1000, litres)
        assert ph == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(
    ("analyte", "added_ml", "published"),
    [
        ("acetic", 0, 2.88),  # 0.1 mol/L acetic acid
        ("acetic", 12.5, 4.76),  # half-equivalence: pH = pKa
        ("acetic", 25, 8.73),  # 0.05 mol/L sodium acetate
        ("hydrochloric", 0, 1.00),
        ("hydrochloric", 25, 7.00),
        ("ammonia", 0, 11.12),  # 0.1 mol/L ammonia
        ("ammonia", 25, 5.28),  # 0.05 mol/L ammonium chloride
    ],
)
def test_published_values_of_0_1_molar_solutions_within_0_02(analyte: str, added_ml: float, published: float) -> None:
    curve = recorded("titration", 126, {"analyte": analyte}, 10)
    assert np.interp(added_ml, curve["added_ml"], curve["ph"]) == pytest.approx(published, abs=0.02)


def test_the_tap_is_a_control_and_the_burette_runs_empty_at_50_ml() -> None:
    curve = recorded("titration", 20, {"tap_ml_s": 5}, 10)
    assert curve["added_ml"][50] == pytest.approx(25, rel=1e-9)
    assert curve["added_ml"][-1] == pytest.approx(50, rel=1e-9)
    assert shown("titration", tap_ml_s=0)["added_ml"] == 0
