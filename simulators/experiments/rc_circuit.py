"""A capacitor that is charged through a resistor by a source, or discharged through it.

Equations: RC dU/dt = E - U (charging), RC dU/dt = -U (discharging); current = (E - U) / R or -U / R
           U = E + (U0 - E) e^(-t/RC)
Source: D. Halliday, R. Resnick, J. Walker, Fundamentals of Physics, 10th edition, section 27-4.
"""

from simulators.lab.experiment import AT_RESET, Choice, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(p["start_v"])


def current_ma(voltage: float, p: Settings) -> float:
    source = p["source_v"] if p.choice("switch") == "charge" else 0.0
    return (source - voltage) / p["resistance_kohm"]


def rates(t: float, state: State, p: Settings) -> State:
    return numbers(1000 * current_ma(state[0], p) / p["capacitance_uf"])  # mA / µF = 1000 V/s


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    voltage = float(state[0])
    return {"capacitor_v": voltage, "current_ma": current_ma(voltage, p)}


EXPERIMENT = Experiment(
    vi="Nạp và phóng điện của tụ (mạch RC)",
    en="Charging and discharging a capacitor (RC circuit)",
    subject=Subject.PHYSICS,
    parameters=(
        Choice(
            "switch", {"charge": ("nạp", "charge"), "discharge": ("phóng", "discharge")}, "charge", "Công tắc", "Switch"
        ),
        Number("source_v", "V", -24, 24, 9, "Suất điện động nguồn", "Voltage of the source"),
        Number("resistance_kohm", "kΩ", 1, 1000, 10, "Điện trở", "Resistance"),
        Number("capacitance_uf", "µF", 10, 10000, 470, "Điện dung", "Capacitance"),
        Number("start_v", "V", -24, 24, 0, "Điện áp đầu của tụ", "Capacitor's voltage at the start", AT_RESET),
    ),
    outputs=(
        Output(
            "capacitor_v",
            "V",
            "Điện áp trên tụ",
            "Voltage of the capacitor",
            Instrument("vôn kế", "voltmeter", 0.01, 0.005),
        ),
        Output("current_ma", "mA", "Cường độ dòng điện", "Current", Instrument("ampe kế", "ammeter", 0.001, 0.0005)),
    ),
    motion=Flow(start, rates),
    measure=measure,
)
