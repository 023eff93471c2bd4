"""Resistor networks against nodal analysis: conductances between nodes, solved as a linear system."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.experiments.recorded import shown

# For each arrangement, the nodes that R1 to R5 join. The source is between node 0 and the ground, the last node.
NODES: dict[str, list[tuple[int, int] | None]] = {
    "series": [(0, 1), (1, 2), (2, 3), (3, 4), None],
    "parallel": [(0, 1), (0, 1), (0, 1), (0, 1), None],
    "mixed": [(0, 1), (1, 3), (1, 2), (2, 3), None],
    "bridge": [(0, 1), (1, 3), (0, 2), (2, 3), (1, 2)],
}
OHM = st.floats(1, 10_000)


def nodal(arrangement: str, ohms: list[float], volts: float) -> tuple[float, list[float], float]:
    """Equivalent resistance, the voltages of R1 to R4, the current through R5 in mA."""
    joined = NODES[arrangement]
    last = max(max(pair) for pair in joined if pair)
    conductance = np.zeros((last + 1, last + 1))
    for pair, ohm in zip(joined, ohms, strict=True):
        if pair:
            a, b = pair
            conductance[a, a] += 1 / ohm
            conductance[b, b] += 1 / ohm
            conductance[a, b] -= 1 / ohm
            conductance[b, a] -= 1 / ohm
    inner = range(1, last)
    potentials = np.zeros(last + 1)
    potentials[0] = volts
    if last > 1:
        known = -conductance[np.ix_(inner, [0])][:, 0] * volts
        potentials[1:last] = np.linalg.solve(conductance[np.ix_(inner, inner)], known)
    voltages = [potentials[pair[0]] - potentials[pair[1]] if pair else 0.0 for pair in joined]
    return volts / float(conductance[0] @ potentials), voltages[:4], 1000 * voltages[4] / ohms[4]


@pytest.mark.parametrize("arrangement", list(NODES))
@given(ohms=st.lists(OHM, min_size=5, max_size=5), volts=st.floats(0.1, 24))
def test_every_network_is_what_nodal_analysis_says_within_1e_8(
    arrangement: str, ohms: list[float], volts: float
) -> None:
    read = shown(
        "resistor-network", arrangement=arrangement, source_v=volts, **{f"r{n + 1}_ohm": r for n, r in enumerate(ohms)}
    )
    total, voltages, meter = nodal(arrangement, ohms, volts)
    assert read["equivalent_ohm"] == pytest.approx(total, rel=1e-8)
    assert read["current_ma"] == pytest.approx(1000 * volts / total, rel=1e-8)
    assert [read[f"u{n}_v"] for n in range(1, 5)] == pytest.approx(voltages, rel=1e-8, abs=1e-8 * volts)
    assert read["meter_ma"] == pytest.approx(meter, rel=1e-6, abs=1e-6)


def test_a_balanced_bridge_has_no_current_across_within_1e_12() -> None:
    read = shown("resistor-network", arrangement="bridge", r1_ohm=100, r2_ohm=200, r3_ohm=150, r4_ohm=300, r5_ohm=10)
    assert read["meter_ma"] == pytest.approx(0, abs=1e-12)


def test_no_voltage_no_current() -> None:
    read = shown("resistor-network", arrangement="bridge", source_v=0)
    assert {read["current_ma"], read["meter_ma"], read["u1_v"]} == {0.0}
    assert read["equivalent_ohm"] > 0
