"""Nuclei that decay by chance, and a counter that sees some of the decays, and the background.

Equations: each of the N nuclei decays within dt with probability 1 - 2^(-dt / half-life), whatever the others do;
           mean of N = N0 2^(-t / half-life), variance N0 q (1 - q), q = 2^(-t / half-life)
           a decay is counted with the counter's efficiency; background counts are a Poisson process
Source: G. F. Knoll, Radiation Detection and Measurement, 4th edition, chapter 3 (the binomial model).
The counter shows how many counts its last whole second had.
"""

import numpy as np
from numpy.random import Generator

from simulators.lab.experiment import AT_RESET, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import State, Ticks
from simulators.lab.settings import Settings

TICK_S = 0.05
_TICKS_A_SECOND = 20


def start(p: Settings) -> State:
    """Nuclei left, counts of this second so far, counts of the last whole second, ticks of this second."""
    return numbers(p["start_nuclei"], 0.0, 0.0, 0.0)


def step(state: State, p: Settings, dt: float, random: Generator) -> State:
    """One tick of one sample, or of many samples at once if the state's entries are arrays."""
    nuclei, counting, shown, ticks = state
    decayed = random.binomial(np.asarray(nuclei).astype(np.int64), 1 - 2 ** (-dt / p["half_life_s"]))
    counted = random.binomial(decayed, p["efficiency_pct"] / 100)
    counting = counting + counted + random.poisson(p["background_per_s"] * dt, np.shape(nuclei))
    ticks = ticks + 1
    full = ticks >= _TICKS_A_SECOND
    return np.array(
        [nuclei - decayed, np.where(full, 0, counting), np.where(full, counting, shown), np.where(full, 0, ticks)]
    )


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    nuclei, _, shown, _ = state.tolist()
    return {"nuclei": nuclei, "decayed": p["start_nuclei"] - nuclei, "counts_per_s": shown}


_EXACT = Instrument("mô phỏng", "known to the simulation", 1, 0, 20)

EXPERIMENT = Experiment(
    vi="Phóng xạ",
    en="Radioactive decay",
    subject=Subject.PHYSICS,
    parameters=(
        Number("start_nuclei", "1", 0, 1e9, 10000, "Số hạt nhân ban đầu", "Nuclei at the start", AT_RESET),
        Number("half_life_s", "s", 0.5, 10000, 30, "Chu kì bán rã", "Half-life", AT_RESET),
        Number("efficiency_pct", "%", 0, 100, 20, "Hiệu suất máy đếm", "Efficiency of the counter"),
        Number("background_per_s", "1/s", 0, 100, 0.5, "Phông", "Background"),
    ),
    outputs=(
        Output("nuclei", "1", "Số hạt nhân còn lại", "Nuclei left", _EXACT),
        Output("decayed", "1", "Số hạt nhân đã phân rã", "Nuclei decayed", _EXACT),
        Output(
            "counts_per_s",
            "1/s",
            "Số đếm trong một giây",
            "Counts a second",
            Instrument("máy đếm Geiger", "Geiger counter", 1, 0, 20),
        ),
    ),
    motion=Ticks(start, step, TICK_S),
    measure=measure,
)
