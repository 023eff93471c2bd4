"""Ohm's law: a straight line, the source's own resistance, and the wire's heat."""

import pytest

from tests.simulators.experiments.recorded import shown


@pytest.mark.parametrize("volts", [-24, -3, 0, 6, 24])
def test_current_is_in_proportion_to_voltage_within_1e_12(volts: float) -> None:
    read = shown("ohms-law", source_v=volts, resistance_ohm=50, internal_ohm=0)
    assert read["voltage_v"] == pytest.approx(volts, rel=1e-12)
    assert read["current_ma"] == pytest.approx(volts / 50 * 1000, rel=1e-12)
    assert read["power_mw"] == pytest.approx(1000 * volts**2 / 50, rel=1e-12)


def test_most_power_leaves_the_source_at_its_own_resistance() -> None:
    """E^2 / 4r at R = r, within 1e-12."""
    powers = {ohm: shown("ohms-law", resistance_ohm=ohm, internal_ohm=8)["power_mw"] for ohm in (2, 7.9, 8, 8.1, 40)}
    assert max(powers, key=lambda ohm: powers[ohm]) == 8
    assert powers[8] == pytest.approx(1000 * 36 / 32, rel=1e-12)


def test_a_copper_wire_has_a_third_more_resistance_at_100_degrees() -> None:
    """The published 0.39 % for each kelvin, within 1e-12."""
    cold, hot = (shown("ohms-law", wire_c=c, internal_ohm=0) for c in (20, 100))
    assert cold["current_ma"] / hot["current_ma"] == pytest.approx(1 + 0.0039 * 80, rel=1e-12)
