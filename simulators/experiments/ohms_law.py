"""A wire on a source with an internal resistance: current against voltage, and how the wire's heat bends the line.

Equations: I = E / (R + r), U = R I, P = U I, R = R20 (1 + a (T - 20 °C))
Source: D. Halliday, R. Resnick, J. Walker, Fundamentals of Physics, 10th edition, sections 26-3 to 26-5 and 27-1
        (temperature coefficient of copper: 0.0039 1/K).
"""

from simulators.lab.experiment import Experiment, Instrument, Number, Output, Subject
from simulators.lab.motion import State, Still
from simulators.lab.settings import Settings


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    wire = p["resistance_ohm"] * (1 + p["coefficient_per_k"] * (p["wire_c"] - 20))
    current = p["source_v"] / (wire + p["internal_ohm"])
    return {"voltage_v": wire * current, "current_ma": 1000 * current, "power_mw": 1000 * wire * current**2}


EXPERIMENT = Experiment(
    vi="Định luật Ohm",
    en="Ohm's law",
    subject=Subject.PHYSICS,
    parameters=(
        Number("source_v", "V", -24, 24, 6, "Suất điện động nguồn", "Electromotive force of the source"),
        Number("resistance_ohm", "Ω", 1, 10000, 100, "Điện trở ở 20 °C", "Resistance at 20 °C"),
        Number("internal_ohm", "Ω", 0, 10, 1, "Điện trở trong của nguồn", "Internal resistance of the source"),
        Number("wire_c", "°C", 0, 200, 20, "Nhiệt độ dây", "Temperature of the wire"),
        Number("coefficient_per_k", "1/K", 0, 0.01, 0.0039, "Hệ số nhiệt điện trở", "Temperature coefficient"),
    ),
    outputs=(
        Output("voltage_v", "V", "Hiệu điện thế", "Voltage", Instrument("vôn kế", "voltmeter", 0.01, 0.005, 10)),
        Output("current_ma", "mA", "Cường độ dòng điện", "Current", Instrument("ampe kế", "ammeter", 0.1, 0.05, 10)),
        Output("power_mw", "mW", "Công suất", "Power", Instrument("oát kế", "wattmeter", 1, 0.5, 10)),
    ),
    motion=Still(),
    measure=measure,
)
