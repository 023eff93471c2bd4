"""An ideal gas in a cylinder with a piston, that exchanges heat with a bath: isothermal, adiabatic, or in between.

Equations: p V = n R T
           n cv dT/dt = -p dV/dt + G (bath - T), cv = (3/2) R or (5/2) R; dV/dt = (piston - V) * pace
           G = 0: p V^(1 + R/cv) is constant; G large and slow: T is constant
Source: F. Reif, Fundamentals of Statistical and Thermal Physics (1965), sections 5.2 to 5.4.
"""

from scipy.constants import R, zero_Celsius

from simulators.lab.experiment import AT_RESET, Choice, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(p["start_l"], p["bath_c"] + zero_Celsius)


def pressure_kpa(volume_l: float, temperature_k: float, p: Settings) -> float:
    return float(p["amount_mol"] * R * temperature_k / volume_l)


def rates(t: float, state: State, p: Settings) -> State:
    volume, temperature = state  # L, K
    moving = (p["piston_l"] - volume) * p["pace_per_s"]
    heat_capacity = p["amount_mol"] * R * (1.5 if p.choice("gas") == "monatomic" else 2.5)
    heat = p["wall_w_k"] * (p["bath_c"] + zero_Celsius - temperature)
    return numbers(moving, (heat - pressure_kpa(volume, temperature, p) * moving) / heat_capacity)  # kPa L = J


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    volume, temperature = state.tolist()
    return {
        "pressure_kpa": pressure_kpa(volume, temperature, p),
        "volume_l": volume,
        "temperature_c": temperature - zero_Celsius,
    }


EXPERIMENT = Experiment(
    vi="Khí lí tưởng",
    en="Ideal gas",
    subject=Subject.PHYSICS,
    parameters=(
        Number("piston_l", "L", 0.5, 50, 10, "Vị trí pit-tông", "Where the piston is to go"),
        Number("pace_per_s", "1/s", 0.01, 5, 0.5, "Độ nhanh của pit-tông", "Pace of the piston"),
        Number("bath_c", "°C", -50, 300, 25, "Nhiệt độ bể điều nhiệt", "Temperature of the bath"),
        Number("wall_w_k", "W/K", 0, 50, 2, "Độ dẫn nhiệt của thành", "Heat conductance of the wall"),
        Number("amount_mol", "mol", 0.05, 5, 1, "Lượng khí", "Amount of gas", AT_RESET),
        Number("start_l", "L", 0.5, 50, 24.8, "Thể tích đầu", "Volume at the start", AT_RESET),
        Choice(
            "gas",
            {"monatomic": ("đơn nguyên tử", "monatomic"), "diatomic": ("hai nguyên tử", "diatomic")},
            "diatomic",
            "Loại khí",
            "Kind of gas",
            AT_RESET,
        ),
    ),
    outputs=(
        Output(
            "pressure_kpa",
            "kPa",
            "Áp suất",
            "Pressure",
            Instrument("cảm biến áp suất", "pressure sensor", 0.1, 0.05, 20),
        ),
        Output("volume_l", "L", "Thể tích", "Volume", Instrument("thước pit-tông", "piston's scale", 0.01, 0.005, 20)),
        Output("temperature_c", "°C", "Nhiệt độ", "Temperature", Instrument("nhiệt kế", "thermometer", 0.1, 0.05, 20)),
    ),
    motion=Flow(start, rates),
    measure=measure,
)
