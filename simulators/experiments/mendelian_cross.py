"""Two parents crossed for two genes, dominant A and B, unlinked or linked: offspring counted by what they look like.

Equations: a parent with haplotypes h1, h2 makes gametes h1, h2 with (1 - r)/2 each, both recombinants with r/2 each;
           r = 1/2: independent assortment (AaBb x AaBb: 9 : 3 : 3 : 1; AaBb x aabb: 1 : 1 : 1 : 1)
           offspring are drawn one by one from the pairs of gametes
Source: G. Mendel, Versuche über Pflanzen-Hybriden (1866); linkage: A. J. F. Griffiths et al., Introduction to Genetic
        Analysis, 11th edition, chapters 3 and 4.
"""

from itertools import product

import numpy as np
from numpy.random import Generator

from simulators.lab.experiment import AT_RESET, Choice, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import State, Ticks
from simulators.lab.settings import Settings

GENOTYPES = tuple(a + b for a, b in product(("AA", "Aa", "aa"), ("BB", "Bb", "bb")))
PHENOTYPES = ("both_dominant", "only_a_dominant", "only_b_dominant", "both_recessive")
TICK_S = 0.1


def gametes(genotype: str, recombination: float, repulsion: bool) -> dict[tuple[bool, bool], float]:
    """Probability of each gamete; True is the dominant allele."""
    a1, a2, b1, b2 = (allele.isupper() for allele in genotype)
    if repulsion:
        b1, b2 = b2, b1
    made: dict[tuple[bool, bool], float] = {}
    kept, crossed = (1 - recombination) / 2, recombination / 2
    for gamete, share in (((a1, b1), kept), ((a2, b2), kept), ((a1, b2), crossed), ((a2, b1), crossed)):
        made[gamete] = made.get(gamete, 0.0) + share
    return made


def shares(p: Settings) -> list[float]:
    """Probability of each phenotype, in the order of PHENOTYPES."""
    recombination, repulsion = p["recombination_pct"] / 100, p.choice("phase") == "repulsion"
    mother, father = (gametes(p.choice(name), recombination, repulsion) for name in ("parent_1", "parent_2"))
    found = [0.0] * 4
    for ((a1, b1), one), ((a2, b2), other) in product(mother.items(), father.items()):
        found[2 * (not (a1 or a2)) + (not (b1 or b2))] += one * other
    return found


def start(p: Settings) -> State:
    """Offspring of each phenotype so far, and what part of the next one is due."""
    return numbers(0.0, 0.0, 0.0, 0.0, 0.0)


def step(state: State, p: Settings, dt: float, random: Generator) -> State:
    due = state[4] + p["offspring_per_s"] * dt
    born = int(due + 1e-9)
    return np.append(state[:4] + random.multinomial(born, shares(p)), due - born)


def measure(t: float, state: State, p: Settings) -> dict[str, float]:
    counts = state.tolist()[:4]
    return {**dict(zip(PHENOTYPES, counts, strict=True)), "offspring": sum(counts)}


_COUNT = Instrument("đếm", "count", 1, 0, 10)
_PARENTS = {genotype: (genotype, genotype) for genotype in GENOTYPES}

EXPERIMENT = Experiment(
    vi="Lai hai tính trạng (Mendel)",
    en="Mendelian crosses of two genes",
    subject=Subject.BIOLOGY,
    parameters=(
        Choice("parent_1", _PARENTS, "AaBb", "Kiểu gen bố", "Genotype of one parent", AT_RESET),
        Choice("parent_2", _PARENTS, "AaBb", "Kiểu gen mẹ", "Genotype of the other parent", AT_RESET),
        Number("recombination_pct", "%", 0, 50, 50, "Tần số hoán vị gen", "Recombination", AT_RESET),
        Choice(
            "phase",
            {"coupling": ("đồng (AB/ab)", "coupling (AB/ab)"), "repulsion": ("đối (Ab/aB)", "repulsion (Ab/aB)")},
            "coupling",
            "Cách liên kết",
            "Phase of linkage",
            AT_RESET,
        ),
        Number("offspring_per_s", "1/s", 0, 1000, 16, "Số con mỗi giây", "Offspring a second"),
    ),
    outputs=(
        Output("both_dominant", "1", "Trội cả hai (A-B-)", "Both dominant (A-B-)", _COUNT),
        Output("only_a_dominant", "1", "Chỉ trội A (A-bb)", "Only A dominant (A-bb)", _COUNT),
        Output("only_b_dominant", "1", "Chỉ trội B (aaB-)", "Only B dominant (aaB-)", _COUNT),
        Output("both_recessive", "1", "Lặn cả hai (aabb)", "Both recessive (aabb)", _COUNT),
        Output("offspring", "1", "Tổng số con", "Offspring", _COUNT),
    ),
    motion=Ticks(start, step, TICK_S),
    measure=measure,
)
