"""A ball that falls from rest, with air drag in proportion to the square of its speed (none if the air is pumped out).

Equations: m v' = m g - (1/2) rho Cd A v^2, A = pi d^2 / 4
           v = V tanh(g t / V), fallen = (V^2 / g) ln cosh(g t / V), terminal speed V = sqrt(2 m g / (rho Cd A))
           without air: fallen = g t^2 / 2
Source: J. R. Taylor, Classical Mechanics (2005), section 2.4. Readings stand when the ball lands.
"""

from math import pi

from simulators.lab.experiment import AT_RESET, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(p["drop_height_m"], 0.0)


def rates(t: float, state: State, p: Settings) -> State:
    _, speed = state
    area = pi * (p["diameter_cm"] / 100) ** 2 / 4
    drag = 0.5 * p["air_density_kg_m3"] * p["drag_coefficient"] * area * speed * abs(speed)
    return numbers(-speed, p["gravity_m_s2"] - drag / p["mass_kg"])


def above_ground(t: float, state: State, p: Settings) -> float:
    return float(state[0])


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    height, speed = state.tolist()
    return {"height_m": height, "speed_m_s": speed, "fall_s": t}


EXPERIMENT = Experiment(
    vi="Rơi tự do",
    en="Free fall",
    subject=Subject.PHYSICS,
    parameters=(
        Number("drop_height_m", "m", 0.1, 2000, 2, "Độ cao khi thả", "Height of the drop", AT_RESET),
        Number("mass_kg", "kg", 0.0005, 10, 0.1, "Khối lượng", "Mass", AT_RESET),
        Number("diameter_cm", "cm", 0.5, 40, 2, "Đường kính", "Diameter", AT_RESET),
        Number("drag_coefficient", "1", 0, 2, 0.47, "Hệ số cản", "Drag coefficient", AT_RESET),
        Number("air_density_kg_m3", "kg/m³", 0, 2, 1.2, "Khối lượng riêng của không khí", "Density of air"),
        Number("gravity_m_s2", "m/s²", 0.5, 25, 9.80665, "Gia tốc trọng trường", "Acceleration of gravity"),
    ),
    outputs=(
        Output(
            "height_m", "m", "Độ cao", "Height", Instrument("cảm biến khoảng cách", "motion sensor", 0.001, 0.001, 100)
        ),
        Output(
            "speed_m_s", "m/s", "Tốc độ", "Speed", Instrument("cảm biến khoảng cách", "motion sensor", 0.01, 0.01, 100)
        ),
        Output(
            "fall_s",
            "s",
            "Thời gian rơi",
            "Time of fall",
            Instrument("đồng hồ cổng quang", "photogate timer", 0.001, 0, 100),
        ),
    ),
    motion=Flow(start, rates, ends=above_ground, max_step=1.0),
    measure=measure,
)
