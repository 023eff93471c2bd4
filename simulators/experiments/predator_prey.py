"""Predators and prey: the Lotka-Volterra cycle.

Equations: x' = a x - b x y (prey), y' = c x y - d y (predators), integrated as logarithms, so that none turns negative
           c x - d ln x + b y - a ln y is constant; means over a cycle: x = d / c, y = a / b
Source: J. D. Murray, Mathematical Biology I, 3rd edition, section 3.1. One second at the bench is one year.
"""

from math import exp, log

from simulators.lab.experiment import AT_RESET, Clock, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(log(p["start_prey"]), log(p["start_predators"]))


def rates(t: float, state: State, p: Settings) -> State:
    prey, predators = exp(state[0]), exp(state[1])
    return numbers(
        p["growth_per_year"] - p["predation_per_year"] * predators, p["feeding_per_year"] * prey - p["death_per_year"]
    )


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    prey, predators = state.tolist()
    return {"prey": exp(prey), "predators": exp(predators)}


_COUNT = Instrument("bẫy ảnh", "camera traps", 1, 0, 20)

EXPERIMENT = Experiment(
    vi="Vật ăn thịt và con mồi",
    en="Predators and prey",
    subject=Subject.BIOLOGY,
    parameters=(
        Number("start_prey", "1", 1, 500, 40, "Số con mồi ban đầu", "Prey at the start", AT_RESET),
        Number("start_predators", "1", 1, 200, 9, "Số vật ăn thịt ban đầu", "Predators at the start", AT_RESET),
        Number("growth_per_year", "1/year", 0.1, 2, 0.6, "Tốc độ sinh của con mồi", "Growth of the prey"),
        Number(
            "predation_per_year", "1/year", 0.005, 0.1, 0.05, "Săn mồi (mỗi vật ăn thịt)", "Predation (each predator)"
        ),
        Number("feeding_per_year", "1/year", 0.001, 0.05, 0.02, "Sinh sản nhờ mỗi con mồi", "Births fed by each prey"),
        Number("death_per_year", "1/year", 0.1, 2, 0.5, "Tỉ lệ chết của vật ăn thịt", "Death of the predators"),
    ),
    outputs=(
        Output("prey", "1", "Số con mồi", "Prey", _COUNT),
        Output("predators", "1", "Số vật ăn thịt", "Predators", _COUNT),
    ),
    motion=Flow(start, rates),
    measure=measure,
    clock=Clock("year"),
)
