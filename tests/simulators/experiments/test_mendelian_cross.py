"""Mendelian crosses: the ratios by chi-square, linkage, and every pair of parents against a Punnett square."""

from itertools import product

import pytest
from scipy.stats import chisquare

from simulators import experiments
from simulators.experiments.mendelian_cross import GENOTYPES, PHENOTYPES, shares
from tests.simulators.experiments.recorded import recorded

CROSS = experiments.find("mendelian-cross").experiment


def offspring(**settings: float | str) -> list[float]:
    run = recorded("mendelian-cross", 20, {"offspring_per_s": 500, **settings}, 10)
    assert run["offspring"][-1] == 10_000
    return [float(run[name][-1]) for name in PHENOTYPES]


@pytest.mark.parametrize(
    ("parent_1", "parent_2", "ratio"),
    [
        ("AaBb", "AaBb", (9, 3, 3, 1)),
        ("AaBb", "aabb", (1, 1, 1, 1)),
        ("AaBB", "aaBb", (1, 0, 1, 0)),
        ("Aabb", "Aabb", (0, 3, 0, 1)),
    ],
)
def test_mendels_ratios_hold_by_chi_square_in_10000_offspring(
    parent_1: str, parent_2: str, ratio: tuple[int, ...]
) -> None:
    """p > 0.01 with a fixed seed; what cannot be, is not."""
    seen = offspring(parent_1=parent_1, parent_2=parent_2)
    possible = [n for n, share in enumerate(ratio) if share]
    assert sum(seen[n] for n in possible) == 10_000
    expected = [10_000 * ratio[n] / sum(ratio) for n in possible]
    assert chisquare([seen[n] for n in possible], expected).pvalue > 0.01


@pytest.mark.parametrize(("phase", "ratio"), [("coupling", (45, 5, 5, 45)), ("repulsion", (5, 45, 45, 5))])
def test_linked_genes_recombine_in_a_tenth_by_chi_square(phase: str, ratio: tuple[int, ...]) -> None:
    seen = offspring(parent_1="AaBb", parent_2="aabb", recombination_pct=10, phase=phase)
    assert chisquare(seen, [100 * share for share in ratio]).pvalue > 0.01


@pytest.mark.parametrize("parents", list(product(GENOTYPES, GENOTYPES)), ids="x".join)
def test_unlinked_shares_are_the_punnett_squares_exactly(parents: tuple[str, str]) -> None:
    """Each parent gives one of its two A's and one of its two B's, each with the same chance."""
    square = [0, 0, 0, 0]
    mother, father = parents
    for a1, b1, a2, b2 in product(mother[:2], mother[2:], father[:2], father[2:]):
        square[2 * ("A" not in a1 + a2) + ("B" not in b1 + b2)] += 1
    found = shares(CROSS.settings({"parent_1": mother, "parent_2": father}))
    assert found == pytest.approx([count / 16 for count in square], abs=1e-12)


def test_offspring_come_at_the_rate_that_was_set_also_when_it_is_no_whole_number_a_tick() -> None:
    assert recorded("mendelian-cross", 30, {"offspring_per_s": 3.3}, 10)["offspring"][-1] == 99
