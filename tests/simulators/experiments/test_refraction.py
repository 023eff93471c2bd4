"""Snell's law, the critical angle, Brewster's and Fresnel's, and the reversible path of light."""

from math import asin, degrees, radians, sin

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.simulators.experiments.recorded import shown

ANGLE, INDEX = st.floats(0, 89.9), st.floats(1, 3)


@given(incidence=ANGLE, n1=INDEX, n2=INDEX)
def test_snells_law_holds_within_1e_9_or_all_light_comes_back(incidence: float, n1: float, n2: float) -> None:
    read = shown("refraction", incidence_deg=incidence, index_1=n1, index_2=n2)
    if n1 * sin(radians(incidence)) < n2:
        assert n2 * sin(radians(read["refraction_deg"])) == pytest.approx(n1 * sin(radians(incidence)), abs=1e-9)
        assert 0 <= read["reflected_pct"] <= 100
    else:
        assert (read["refraction_deg"], read["reflected_pct"]) == (90, 100)


@given(incidence=ANGLE, n1=INDEX, n2=INDEX)
def test_the_ray_goes_back_the_way_it_came_within_1e_6_degrees(incidence: float, n1: float, n2: float) -> None:
    there = shown("refraction", incidence_deg=incidence, index_1=n1, index_2=n2)
    assume(there["refraction_deg"] < 89.8)
    back = shown("refraction", incidence_deg=there["refraction_deg"], index_1=n2, index_2=n1)
    assert back["refraction_deg"] == pytest.approx(incidence, abs=1e-5)
    assert back["reflected_pct"] == pytest.approx(there["reflected_pct"], abs=1e-5)


def test_published_values_of_glass_and_water() -> None:
    """Glass of 1.5: 19.47 degrees at 30, 4 % at normal incidence, critical 41.81; water of 1.333: critical 48.6."""
    read = shown("refraction", incidence_deg=30, index_1=1, index_2=1.5)
    assert read["refraction_deg"] == pytest.approx(19.4712, abs=1e-4)
    assert shown("refraction", incidence_deg=0)["reflected_pct"] == pytest.approx(4, rel=1e-12)
    assert shown("refraction", index_1=1.5, index_2=1)["critical_deg"] == pytest.approx(41.8103, abs=1e-4)
    assert shown("refraction", index_1=1.333, index_2=1)["critical_deg"] == pytest.approx(48.607, abs=1e-3)


def test_total_reflection_begins_at_the_critical_angle() -> None:
    critical = degrees(asin(1 / 1.5))
    below, above = (shown("refraction", incidence_deg=critical + d, index_1=1.5, index_2=1) for d in (-0.01, 0.01))
    assert below["reflected_pct"] < 100
    assert above["reflected_pct"] == 100


def test_at_brewsters_angle_half_of_what_is_polarised_across_comes_back() -> None:
    """tan a = n2 / n1: only s is reflected, rs = (n2^2 - n1^2) / (n2^2 + n1^2); within 1e-9."""
    read = shown("refraction", incidence_deg=degrees(asin(1.5 / (1 + 1.5**2) ** 0.5)), index_1=1, index_2=1.5)
    assert read["reflected_pct"] == pytest.approx(50 * ((1.5**2 - 1) / (1.5**2 + 1)) ** 2, rel=1e-9)
