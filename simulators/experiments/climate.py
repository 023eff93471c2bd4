"""The Earth as one pot of water in the sun: the zero-dimensional energy balance, with CO2's forcing.

Equations: C dT/dt = S (1 - albedo) / 4 - emissivity * sigma T^4 + 5.35 W/m^2 ln(CO2 / 280 ppm)
           C = depth * 1025 kg/m^3 * 3985 J/(kg K) (sea water)
           balance: T = ((S (1 - albedo) / 4 + forcing) / (emissivity * sigma))^(1/4)
Source: K. McGuffie, A. Henderson-Sellers, A Climate Modelling Primer, 3rd edition, chapter 3; the forcing: G. Myhre
        et al., Geophysical Research Letters 25 (1998) 2715; S = 1361 W/m^2: G. Kopp, J. Lean, same
        journal 38 (2011) L01706.
An emissivity below 1 stands for the greenhouse of 280 ppm. One second at the bench is one year.
"""

from math import log

from scipy.constants import Stefan_Boltzmann, zero_Celsius

from simulators.lab.experiment import AT_RESET, Clock, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings

SEA_WATER_J_M3_K = 1025 * 3985.0
_YEAR_S = 365.2425 * 86400


def start(p: Settings) -> State:
    return numbers(p["start_c"] + zero_Celsius)


def fluxes(kelvin: float, p: Settings) -> tuple[float, float]:
    """W/m² gained and lost."""
    forcing = 5.35 * log(p["co2_ppm"] / 280)
    gained = p["solar_w_m2"] * (1 - p["albedo_pct"] / 100) / 4 + forcing
    return gained, float(p["emissivity"] * Stefan_Boltzmann * kelvin**4)


def rates(t: float, state: State, p: Settings) -> State:
    gained, lost = fluxes(state[0], p)
    return numbers((gained - lost) / (p["depth_m"] * SEA_WATER_J_M3_K) * _YEAR_S)


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    kelvin = float(state[0])
    gained, lost = fluxes(kelvin, p)
    return {"temperature_c": kelvin - zero_Celsius, "gained_w_m2": gained, "lost_w_m2": lost}


_SATELLITE = Instrument("vệ tinh", "satellite radiometer", 0.1, 0.1, 20)

EXPERIMENT = Experiment(
    vi="Cân bằng năng lượng khí hậu",
    en="Climate energy balance",
    subject=Subject.EARTH,
    parameters=(
        Number("start_c", "°C", -100, 100, 15, "Nhiệt độ đầu", "Temperature at the start", AT_RESET),
        Number("solar_w_m2", "W/m²", 500, 3000, 1361, "Hằng số mặt trời", "Solar constant"),
        Number("albedo_pct", "%", 0, 90, 30, "Suất phản chiếu", "Albedo"),
        Number("emissivity", "1", 0.3, 1, 0.612, "Độ phát xạ hiệu dụng", "Effective emissivity"),
        Number("co2_ppm", "ppm", 50, 5000, 280, "Nồng độ CO2", "CO2"),
        Number("depth_m", "m", 1, 1000, 70, "Độ sâu lớp nước xáo trộn", "Depth of the mixed layer"),
    ),
    outputs=(
        Output(
            "temperature_c",
            "°C",
            "Nhiệt độ trung bình",
            "Mean temperature",
            Instrument("nhiệt kế", "thermometer network", 0.01, 0.02, 20),
        ),
        Output("gained_w_m2", "W/m²", "Năng lượng nhận", "Energy gained", _SATELLITE),
        Output("lost_w_m2", "W/m²", "Năng lượng phát ra", "Energy lost", _SATELLITE),
    ),
    motion=Flow(start, rates),
    measure=measure,
    clock=Clock("year"),
)
