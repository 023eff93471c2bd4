"""A hot body dropped into water in a calorimeter, with a heater, and with some heat lost to the room.

Equations: (mw cw + C) dTw/dt = G (Tb - Tw) - k (Tw - Troom) + P, mb cb dTb/dt = -G (Tb - Tw)
           without loss and heater, after long: T = ((mw cw + C) Tw + mb cb Tb) / (mw cw + C + mb cb)
Source: D. Halliday, R. Resnick, J. Walker, Fundamentals of Physics, 10th edition, sections 18-4 and 18-6
        (water: 4184 J/(kg K); copper: 386 J/(kg K)).
"""

from simulators.lab.experiment import AT_RESET, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings

WATER_J_KG_K = 4184.0


def start(p: Settings) -> State:
    return numbers(p["start_water_c"], p["start_body_c"])


def rates(t: float, state: State, p: Settings) -> State:
    water, body = state
    exchanged = p["contact_w_k"] * (body - water)
    lost = p["loss_w_k"] * (water - p["room_c"])
    water_j_k = p["water_kg"] * WATER_J_KG_K + p["vessel_j_k"]
    return numbers((exchanged - lost + p["heater_w"]) / water_j_k, -exchanged / (p["body_kg"] * p["body_j_kg_k"]))


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    water, body = state.tolist()
    return {"water_c": water, "body_c": body}


EXPERIMENT = Experiment(
    vi="Nhiệt lượng kế",
    en="Calorimetry",
    subject=Subject.PHYSICS,
    parameters=(
        Number("water_kg", "kg", 0.05, 2, 0.2, "Khối lượng nước", "Mass of the water", AT_RESET),
        Number("start_water_c", "°C", 0, 95, 20, "Nhiệt độ đầu của nước", "Water's temperature at the start", AT_RESET),
        Number("body_kg", "kg", 0.02, 2, 0.1, "Khối lượng vật", "Mass of the body", AT_RESET),
        Number(
            "body_j_kg_k", "J/(kg·K)", 100, 5000, 386, "Nhiệt dung riêng của vật", "Specific heat of the body", AT_RESET
        ),
        Number(
            "start_body_c", "°C", -20, 300, 100, "Nhiệt độ đầu của vật", "Body's temperature at the start", AT_RESET
        ),
        Number("vessel_j_k", "J/K", 0, 200, 30, "Nhiệt dung của bình", "Heat capacity of the vessel", AT_RESET),
        Number("contact_w_k", "W/K", 0.1, 20, 2, "Trao đổi nhiệt vật với nước", "Heat exchange of body and water"),
        Number("loss_w_k", "W/K", 0, 5, 0.05, "Mất nhiệt ra phòng", "Heat lost to the room"),
        Number("room_c", "°C", 0, 45, 27, "Nhiệt độ phòng", "Temperature of the room"),
        Number("heater_w", "W", 0, 50, 0, "Công suất đun", "Power of the heater"),
    ),
    outputs=(
        Output(
            "water_c",
            "°C",
            "Nhiệt độ nước",
            "Temperature of the water",
            Instrument("nhiệt kế", "thermometer", 0.05, 0.03, 10),
        ),
        Output(
            "body_c",
            "°C",
            "Nhiệt độ vật",
            "Temperature of the body",
            Instrument("cặp nhiệt điện", "thermocouple", 0.1, 0.1, 10),
        ),
    ),
    motion=Flow(start, rates),
    measure=measure,
)
