"""A bob on a light rod that swings in a plane, at any angle, with friction in proportion to its speed.

Equations: angle'' = -(g / L) sin(angle) - c angle'
           tension = m (g cos(angle) + L angle'^2)
           without friction, released at rest at angle a: period = 4 sqrt(L / g) K(sin^2(a / 2))
Source: L. D. Landau, E. M. Lifshitz, Mechanics, 3rd edition, section 11 (problem 1: the period as elliptic integral K).
"""

from math import cos, degrees, radians, sin

from simulators.lab.experiment import AT_RESET, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(radians(p["release_angle_deg"]), 0.0)


def rates(t: float, state: State, p: Settings) -> State:
    angle, velocity = state
    return numbers(velocity, -p["gravity_m_s2"] / p["length_m"] * sin(angle) - p["friction_per_s"] * velocity)


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    angle, velocity = state.tolist()
    tension = p["mass_kg"] * (p["gravity_m_s2"] * cos(angle) + p["length_m"] * velocity**2)
    return {"angle_deg": degrees(angle), "velocity_deg_s": degrees(velocity), "tension_n": tension}


EXPERIMENT = Experiment(
    vi="Con lắc đơn",
    en="Simple pendulum",
    subject=Subject.PHYSICS,
    parameters=(
        Number("release_angle_deg", "°", -179, 179, 40, "Góc thả", "Angle of release", AT_RESET),
        Number("length_m", "m", 0.1, 10, 1, "Chiều dài", "Length"),
        Number("gravity_m_s2", "m/s²", 0.5, 25, 9.80665, "Gia tốc trọng trường", "Acceleration of gravity"),
        Number("friction_per_s", "1/s", 0, 5, 0, "Hệ số cản", "Friction"),
        Number("mass_kg", "kg", 0.01, 5, 0.1, "Khối lượng quả nặng", "Mass of the bob"),
    ),
    outputs=(
        Output("angle_deg", "°", "Góc lệch", "Angle", Instrument("cảm biến góc", "rotary encoder", 0.1, 0.05, 100)),
        Output(
            "velocity_deg_s",
            "°/s",
            "Tốc độ góc",
            "Angular velocity",
            Instrument("cảm biến góc", "rotary encoder", 1, 0.5, 100),
        ),
        Output(
            "tension_n",
            "N",
            "Lực căng",
            "Tension",
            Instrument("cảm biến lực", "force sensor", 0.01, 0.005, 100, -500, 500),
        ),
    ),
    motion=Flow(start, rates),
    measure=measure,
)
