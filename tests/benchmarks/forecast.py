"""How far off forecasts are, beside what anybody could guess: `python -m tests.benchmarks.forecast`.

Seeded histories of lamps and batteries (tests/cloud_ingest/forecasts/history.py), each forecast at one day in its
middle; what really came is known. No field data are at hand: the figures say how the method does on such histories.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import click
import numpy as np

from cloud_ingest.forecasts import intervals, levels, wear
from cloud_ingest.forecasts.daily import used
from cloud_ingest.forecasts.forecast import BackTest
from cloud_ingest.forecasts.school_days import SchoolDays
from tests.cloud_ingest.forecasts.history import battery_percent, lamp_hours

_NOW = date(2026, 11, 20)
_LAMP_LEFT_H = 250


@dataclass
class _Judged:
    tests: list[BackTest] = field(default_factory=list)
    inside: list[bool] = field(default_factory=list)
    """Was the true day inside the interval?"""
    off_days: list[int] = field(default_factory=list)
    """Between the expected and the true day."""

    def judge(self, folds: Sequence[intervals.Fold], found: wear.Reached, truth: date) -> None:
        tested = intervals.back_test_of(folds, 28)
        if tested is not None:
            self.tests.append(tested)
        early, late = found.early or found.horizon, found.late or date.max
        self.inside.append(early <= truth <= late)
        self.off_days.append(abs(((found.expected or found.horizon) - truth).days))


def lamps(count: int) -> _Judged:
    made, calendar = _Judged(), SchoolDays()
    for seed in range(count):
        whole = lamp_hours(seed, date(2025, 10, 1), date(2027, 11, 30), 500)
        known = [one for one in whole if one.day <= _NOW]
        folds = wear.folds(known, calendar, 50)
        history = used(known, calendar, 50)
        limit = history.value + _LAMP_LEFT_H
        found = wear.reached(history, limit, calendar, _NOW, intervals.factor(folds))
        made.judge(folds, found, next(one.day for one in whole if one.value >= limit))
    return made


def batteries(count: int) -> _Judged:
    made = _Judged()
    for seed in range(count):
        whole = battery_percent(seed, date(2026, 1, 1), 400)
        known = whole[:150]
        folds = levels.folds(known)
        found = levels.reached(known, 15, rises=False, wider_by=intervals.factor(folds))
        made.judge(folds, found, next(one.day for one in whole if one.value <= 15))
    return made


@click.command()
@click.option("--count", default=30, show_default=True, type=click.IntRange(2, 1000), help="Histories of each kind.")
def main(count: int) -> None:
    """Errors of the forecasts, of the naive ones, and how often the true day was inside the 80 % interval."""
    figures: dict[str, float | int] = {"histories": count}
    for name, histories in (("lamp", lamps), ("battery", batteries)):
        began = time.perf_counter()
        made = histories(count)
        error, naive, week = (
            float(np.mean([getattr(one, what) for one in made.tests]))
            for what in ("error", "naive_error", "last_week_error")
        )
        figures |= {
            f"{name}_error": round(error, 3),
            f"{name}_naive_error": round(naive, 3),
            f"{name}_last_week_error": round(week, 3),
            f"{name}_skill": round(1 - error / min(naive, week), 3),
            f"{name}_interval_held": round(float(np.mean(made.inside)), 3),
            f"{name}_median_days_off": int(np.median(made.off_days)),
            f"{name}_s_each": round((time.perf_counter() - began) / count, 3),
        }
        click.echo(
            f"{name}: error {error:.2f}, as the last 28 days {naive:.2f}, as the last 7 {week:.2f} "
            f"(28 days ahead, mean absolute); the true day inside the 80 % interval {np.mean(made.inside):.0%}"
        )
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
