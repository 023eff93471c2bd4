"""A mass on a spring, damped in proportion to its speed and, if wanted, driven by a periodic force.

Equations: m x'' = -k x - b x' + F cos(2 pi f t)
           undriven and b < 2 sqrt(k m): x = e^(-bt/2m) (x0 cos(wt) + b x0 / (2mw) sin(wt)), w = sqrt(k/m - (b/2m)^2)
           driven, after long: amplitude F / sqrt((k - m W^2)^2 + (b W)^2), W = 2 pi f
Source: L. D. Landau, E. M. Lifshitz, Mechanics, 3rd edition, sections 21 to 26.
"""

from math import cos, pi

from simulators.lab.experiment import AT_RESET, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(p["release_cm"] / 100, 0.0)


def rates(t: float, state: State, p: Settings) -> State:
    x, velocity = state
    drive = p["drive_n"] * cos(2 * pi * p["drive_hz"] * t)
    return numbers(velocity, (drive - p["stiffness_n_m"] * x - p["damping_kg_s"] * velocity) / p["mass_kg"])


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    x, velocity = state.tolist()
    return {"position_cm": 100 * x, "velocity_m_s": velocity, "force_n": -p["stiffness_n_m"] * x}


_RULER = Instrument("cảm biến khoảng cách", "motion sensor", 0.05, 0.03, 50)

EXPERIMENT = Experiment(
    vi="Con lắc lò xo tắt dần và cưỡng bức",
    en="Damped and driven spring oscillator",
    subject=Subject.PHYSICS,
    parameters=(
        Number("release_cm", "cm", -50, 50, 10, "Li độ khi thả", "Displacement at release", AT_RESET),
        Number("mass_kg", "kg", 0.05, 10, 0.5, "Khối lượng", "Mass"),
        Number("stiffness_n_m", "N/m", 1, 1000, 20, "Độ cứng lò xo", "Stiffness of the spring"),
        Number("damping_kg_s", "kg/s", 0, 20, 0.1, "Hệ số cản", "Damping"),
        Number("drive_n", "N", 0, 5, 0, "Biên độ lực cưỡng bức", "Amplitude of the driving force"),
        Number("drive_hz", "Hz", 0, 10, 1, "Tần số lực cưỡng bức", "Frequency of the driving force"),
    ),
    outputs=(
        Output("position_cm", "cm", "Li độ", "Position", _RULER),
        Output(
            "velocity_m_s",
            "m/s",
            "Vận tốc",
            "Velocity",
            Instrument("cảm biến khoảng cách", "motion sensor", 0.005, 0.005, 50),
        ),
        Output(
            "force_n",
            "N",
            "Lực đàn hồi",
            "Force of the spring",
            Instrument("cảm biến lực", "force sensor", 0.01, 0.01, 50),
        ),
    ),
    motion=Flow(start, rates),
    measure=measure,
)
