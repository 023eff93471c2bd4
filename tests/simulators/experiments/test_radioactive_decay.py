"""Radioactive decay: its statistics by chi-square over 10,000 runs, waiting times, and the counter."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, chisquare, kstest, poisson

from simulators import experiments
from simulators.experiments.radioactive_decay import TICK_S, step
from tests.simulators.experiments.recorded import recorded

RUNS = 10_000
DECAY = experiments.find("radioactive-decay").experiment


def many(nuclei: float, ticks: int, **settings: float) -> NDArray[np.float64]:
    """The state of 10,000 runs after so many of the model's own ticks."""
    state = np.array([np.full(RUNS, nuclei), *np.zeros((3, RUNS))])
    p, random = DECAY.settings(settings), np.random.default_rng(2018)
    for _ in range(ticks):
        state = step(state, p, TICK_S, random)
    return state


def chi_square_p(seen: NDArray[np.float64], expected_share: NDArray[np.float64]) -> float:
    """How likely counts as far off as these are; values that are expected less than 10 times are taken together."""
    values = np.arange(len(expected_share))
    expected = expected_share * len(seen)
    observed = np.array([np.count_nonzero(seen == value) for value in values])
    common = expected >= 10
    f_obs = np.append(observed[common], len(seen) - observed[common].sum())
    f_exp = np.append(expected[common], len(seen) - expected[common].sum())
    return float(chisquare(f_obs, f_exp).pvalue)


@pytest.mark.parametrize(("half_lives", "nuclei"), [(1, 100), (2, 100), (0.5, 40)])
def test_what_is_left_is_binomial_by_chi_square_over_10000_runs(half_lives: float, nuclei: int) -> None:
    """p > 0.01 with a fixed seed, against Binomial(N, 2^-t/T)."""
    left = many(nuclei, round(half_lives * 2 / TICK_S), half_life_s=2)[0]
    assert chi_square_p(left, binom.pmf(np.arange(nuclei + 1), nuclei, 2.0**-half_lives)) > 0.01


def test_decays_in_a_second_of_a_large_sample_are_poisson_by_chi_square_over_10000_runs() -> None:
    """10^7 nuclei of a long half-life, 1 % of the decays counted: 6.93 a second; p > 0.01."""
    counts = many(1e7, 20, half_life_s=10_000, efficiency_pct=1, background_per_s=0)[2]
    mean = 1e7 * (1 - 2 ** (-1 / 10_000)) / 100
    assert chi_square_p(counts, poisson.pmf(np.arange(40), mean)) > 0.01


def test_the_background_is_poisson_by_chi_square_over_10000_runs() -> None:
    """No nuclei, 3 a second; p > 0.01."""
    counts = many(0, 20, background_per_s=3)[2]
    assert chi_square_p(counts, poisson.pmf(np.arange(30), 3)) > 0.01


def test_a_nucleus_lives_exponentially_by_kolmogorov_smirnov_over_10000_runs() -> None:
    """When the one nucleus of each run decays, spread within its tick; p > 0.01."""
    state = np.array([np.ones(RUNS), *np.zeros((3, RUNS))])
    p, random = DECAY.settings({"half_life_s": 5}), np.random.default_rng(7)
    lived = np.zeros(RUNS)
    while state[0].any():
        lived += TICK_S * state[0]
        state = step(state, p, TICK_S, random)
    assert kstest(lived - TICK_S * random.random(RUNS), "expon", args=(0, 5 / np.log(2))).pvalue > 0.01


def test_the_mean_is_the_exponential_law_within_4_standard_errors() -> None:
    left = many(1000, 60, half_life_s=3)[0]
    assert left.mean() == pytest.approx(500, abs=4 * np.sqrt(1000 * 0.25 / RUNS))


def test_no_nucleus_is_lost_or_made() -> None:
    sample = recorded("radioactive-decay", 120, None, 20)
    assert (sample["nuclei"] + sample["decayed"] == 10_000).all()
    assert (np.diff(sample["nuclei"]) <= 0).all()


def test_the_counter_shows_a_fifth_of_the_decays_of_the_last_second_within_5_sigma() -> None:
    sample = recorded("radioactive-decay", 20, {"start_nuclei": 1e6, "background_per_s": 0}, 1)
    decayed, counted = np.diff(sample["decayed"]), sample["counts_per_s"][1:]
    assert (np.abs(counted - 0.2 * decayed) < 5 * np.sqrt(decayed * 0.2 * 0.8)).all()
