"""A population that grows towards what its place can feed, and is harvested.

Equations: dN/dt = r N (1 - N / K) - h N
           N = K' / (1 + (K' / N0 - 1) e^(-r' t)), r' = r - h, K' = K (1 - h / r)
Source: J. D. Murray, Mathematical Biology I, 3rd edition, section 1.1. One second at the bench is one day.
"""

from simulators.lab.experiment import AT_RESET, Clock, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Flow, State
from simulators.lab.settings import Settings


def start(p: Settings) -> State:
    return numbers(p["start_count"])


def rates(t: float, state: State, p: Settings) -> State:
    count = state[0]
    return numbers((p["growth_per_d"] * (1 - count / p["capacity"]) - p["harvest_per_d"]) * count)


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    count = float(state[0])
    return {"count": count, "net_growth_per_d": float(rates(t, state, p)[0])}


EXPERIMENT = Experiment(
    vi="Tăng trưởng quần thể",
    en="Growth of a population",
    subject=Subject.BIOLOGY,
    parameters=(
        Number("start_count", "1", 1, 1e6, 50, "Số cá thể ban đầu", "Individuals at the start", AT_RESET),
        Number("growth_per_d", "1/d", 0, 5, 0.3, "Tốc độ tăng trưởng", "Growth rate"),
        Number("capacity", "1", 10, 1e6, 1000, "Sức chứa của môi trường", "Carrying capacity"),
        Number("harvest_per_d", "1/d", 0, 5, 0, "Tỉ lệ khai thác", "Share that is harvested"),
    ),
    outputs=(
        Output("count", "1", "Số cá thể", "Individuals", Instrument("đếm", "count", 1, 0, 20)),
        Output(
            "net_growth_per_d", "1/d", "Tăng thêm mỗi ngày", "Net growth a day", Instrument("đếm", "count", 0.1, 0, 20)
        ),
    ),
    motion=Flow(start, rates),
    measure=measure,
    clock=Clock("d"),
)
