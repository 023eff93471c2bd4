"""Resistor, coil and capacitor in series, ringing freely or driven by a sinusoidal source, in slow motion.

Equations: L di/dt = E cos(2 pi f t) - R i - u, C du/dt = i (E constant if f = 0)
           free ringing: frequency sqrt(1/LC - (R/2L)^2) / 2 pi, envelope e^(-Rt/2L)
           driven, after long: current E / sqrt(R^2 + (wL - 1/wC)^2), w = 2 pi f
Source: D. Halliday, R. Resnick, J. Walker, Fundamentals of Physics, 10th edition, sections 31-2 to 31-4.
One second at the bench is one millisecond of the circuit.
"""

from math import cos, pi

from simulators.lab.experiment import AT_RESET, Clock, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(p["start_v"], 0.0)


def source_v(t_ms: float, p: Settings) -> float:
    return p["source_v"] * cos(2 * pi * p["source_hz"] * t_ms / 1000)


def rates(t: float, state: State, p: Settings) -> State:
    capacitor, current = state  # V, mA
    coil = source_v(t, p) - capacitor - p["resistance_ohm"] * current / 1000
    return numbers(current / p["capacitance_uf"], 1000 * coil / p["inductance_mh"])  # V and mA per ms


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    capacitor, current = state.tolist()
    return {"capacitor_v": capacitor, "current_ma": current, "supply_v": source_v(t, p)}


_SCOPE = Instrument("dao động kí", "oscilloscope", 0.01, 0.01, 200)

EXPERIMENT = Experiment(
    vi="Mạch dao động RLC",
    en="RLC circuit",
    subject=Subject.PHYSICS,
    parameters=(
        Number("start_v", "V", -24, 24, 9, "Điện áp đầu của tụ", "Capacitor's voltage at the start", AT_RESET),
        Number("resistance_ohm", "Ω", 0, 200, 5, "Điện trở", "Resistance"),
        Number("inductance_mh", "mH", 1, 1000, 10, "Độ tự cảm", "Inductance"),
        Number("capacitance_uf", "µF", 0.1, 100, 2.2, "Điện dung", "Capacitance"),
        Number("source_v", "V", -24, 24, 0, "Biên độ điện áp nguồn", "Amplitude of the source"),
        Number("source_hz", "Hz", 0, 5000, 0, "Tần số nguồn", "Frequency of the source"),
    ),
    outputs=(
        Output("capacitor_v", "V", "Điện áp trên tụ", "Voltage of the capacitor", _SCOPE),
        Output(
            "current_ma",
            "mA",
            "Cường độ dòng điện",
            "Current",
            Instrument("dao động kí", "oscilloscope", 0.1, 0.1, 200),
        ),
        Output("supply_v", "V", "Điện áp nguồn", "Voltage of the source", _SCOPE),
    ),
    motion=Flow(start, rates),
    measure=measure,
    clock=Clock("ms"),
)
