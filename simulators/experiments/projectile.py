"""A ball thrown at an angle, with air drag in proportion to the square of its speed through the air, and wind.

Equations: m v' = -m g e_y - (1/2) rho Cd A |v - w| (v - w), A = pi d^2 / 4, w = (wind, 0)
           without drag: range = (u cos a / g) (u sin a + sqrt(u^2 sin^2 a + 2 g h)), top = h + (u sin a)^2 / 2g
Source: J. R. Taylor, Classical Mechanics (2005), sections 2.1 and 2.4. Readings stand when the ball lands.
"""

from math import cos, hypot, pi, radians, sin

from simulators.lab.experiment import AT_RESET, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    angle, speed = radians(p["launch_angle_deg"]), p["launch_speed_m_s"]
    return numbers(0.0, p["launch_height_m"], speed * cos(angle), speed * sin(angle))


def rates(t: float, state: State, p: Settings) -> State:
    _, _, vx, vy = state
    area = pi * (p["diameter_cm"] / 100) ** 2 / 4
    per_m = 0.5 * p["air_density_kg_m3"] * p["drag_coefficient"] * area / p["mass_kg"]
    through_air = vx - p["wind_m_s"]
    drag = per_m * hypot(through_air, vy)
    return numbers(vx, vy, -drag * through_air, -drag * vy - p["gravity_m_s2"])


def height(t: float, state: State, p: Settings) -> float:
    return float(state[1])


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    x, y, vx, vy = state.tolist()
    return {"distance_m": x, "height_m": y, "speed_m_s": hypot(vx, vy), "flight_s": t}


_CAMERA = Instrument("máy quay tốc độ cao", "high-speed camera", 0.01, 0.01, 100)

EXPERIMENT = Experiment(
    vi="Ném xiên có sức cản không khí",
    en="Projectile with drag",
    subject=Subject.PHYSICS,
    parameters=(
        Number("launch_speed_m_s", "m/s", 1, 100, 20, "Tốc độ ném", "Launch speed", AT_RESET),
        Number("launch_angle_deg", "°", 1, 90, 45, "Góc ném", "Launch angle", AT_RESET),
        Number("launch_height_m", "m", 0, 200, 1.5, "Độ cao khi ném", "Launch height", AT_RESET),
        Number("mass_kg", "kg", 0.002, 10, 0.145, "Khối lượng", "Mass", AT_RESET),
        Number("diameter_cm", "cm", 1, 40, 7.4, "Đường kính", "Diameter", AT_RESET),
        Number("drag_coefficient", "1", 0, 2, 0.47, "Hệ số cản", "Drag coefficient", AT_RESET),
        Number("air_density_kg_m3", "kg/m³", 0, 2, 1.2, "Khối lượng riêng của không khí", "Density of air"),
        Number("gravity_m_s2", "m/s²", 0.5, 25, 9.80665, "Gia tốc trọng trường", "Acceleration of gravity"),
        Number("wind_m_s", "m/s", -20, 20, 0, "Gió xuôi", "Tail wind"),
    ),
    outputs=(
        Output("distance_m", "m", "Tầm xa", "Distance", _CAMERA),
        Output("height_m", "m", "Độ cao", "Height", _CAMERA),
        Output(
            "speed_m_s", "m/s", "Tốc độ", "Speed", Instrument("máy quay tốc độ cao", "high-speed camera", 0.1, 0.1, 100)
        ),
        Output("flight_s", "s", "Thời gian bay", "Time of flight", Instrument("đồng hồ", "timer", 0.001, 0, 100)),
    ),
    motion=Flow(start, rates, ends=height, first_step=1e-3, max_step=0.05),
    measure=measure,
)
