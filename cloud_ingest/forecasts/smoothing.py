"""Exponential smoothing by statsmodels, and paths drawn from it: one core, one seed, no chatter."""

import warnings
from contextlib import nullcontext
from functools import cache

import numpy as np
from numpy.typing import NDArray
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from threadpoolctl import ThreadpoolController

PATHS = 400

_SLOW = 0.001
_SEED = 20_260_905


def paths(
    values: NDArray[np.float64], ahead: int, season: int | None = None, trend: bool = False
) -> NDArray[np.float64]:
    """`PATHS` rows of `ahead` steps: an additive ETS fitted to `values`, its residuals drawn again (bootstrap)."""
    rng = np.random.default_rng(_SEED)
    if ahead == 0 or np.ptp(values) < 1e-9:  # the same each day: there is nothing to estimate
        return np.full((PATHS, ahead), values[-1])
    model = ETSModel(
        values, error="add", trend="add" if trend else None, seasonal="add" if season else None,
        seasonal_periods=season,
    )  # fmt: skip
    # These matrices are tiny: BLAS with a thread for each core only spins, ten times as long on a busy machine.
    with _controller().limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the best found will do; the back-test says how well
        # A slope that follows each day's rounding is worse than a straight line: it may move, but slowly.
        with model.fix_params({"smoothing_trend": _SLOW}) if trend else nullcontext():
            fitted = model.fit(disp=False, maxiter=200)
        errors = rng.choice(np.asarray(fitted.resid), size=(ahead, PATHS))
        drawn = fitted.simulate(nsimulations=ahead, anchor="end", repetitions=PATHS, random_errors=errors)
    return np.asarray(drawn, dtype=float).reshape(ahead, PATHS).T


@cache
def _controller() -> ThreadpoolController:
    """Looks for the libraries that are loaded, once."""
    return ThreadpoolController()
