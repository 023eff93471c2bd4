"""Checking by whole columns finds exactly what checking point by point finds."""

import math
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.telemetry import (
    Batch,
    Clock,
    Layout,
    Measurement,
    Refusal,
    Run,
    Series,
    decode,
    pack,
    points,
    runs,
)

LATEST = (2**63 - 2) // 1000
texts = st.text(alphabet=st.characters(max_codepoint=127), max_size=4) | st.sampled_from(["x" * 64, "x" * 65, "tab\t"])
deltas = st.one_of(st.integers(1, 5), st.integers(-3, 3), st.sampled_from([LATEST, -LATEST, 2**61]))
tags = st.sampled_from(["a101", "A101", "", "a,b", "x" * 49, "co2"])


@st.composite
def columns(draw: st.DrawFn) -> list[Run]:
    made = []
    shared = draw(st.none() | st.lists(deltas, min_size=1, max_size=6))
    for number in range(draw(st.integers(0, 4))):
        times = [draw(st.sampled_from([0, 1_790_000_000_000_000]))]
        for delta in shared or draw(st.lists(deltas, max_size=6)):
            times.append(times[-1] + delta)
        kind: Any = draw(st.sampled_from([texts, st.booleans(), st.floats(), st.floats(0, 1), st.just("ready")]))
        metric = draw(st.sampled_from([f"co2_{number}", f"Co2_{number}", f"{number}st"]))
        series = Series(Measurement.READING, draw(tags), "co2", "air", metric)
        values = draw(st.lists(kind, min_size=len(times), max_size=len(times)))
        made.append(Run(series, draw(st.booleans()), times, values))
    return made


def expected(batch: Batch) -> tuple[list[Any], dict[Refusal, int]]:
    """The rules, one point at a time, written again."""
    good, refused = [], []
    for column in batch.columns:
        named = all(
            re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?", tag)
            for tag in (column.series.room, column.series.device, column.series.role)
        )
        named = named and re.fullmatch(r"[a-z][a-z0-9_]{0,47}", column.series.metric) is not None
        before = -1
        for time, value in zip(column.times_us, column.values, strict=True):
            if not named:
                refused.append(Refusal.TAG)
            elif not 0 <= time <= LATEST:
                refused.append(Refusal.TIME_RANGE)
            elif time <= before:
                refused.append(Refusal.TIME_ORDER)
            elif isinstance(value, str) and (len(value) > 64 or re.search(r"[^ -~]", value)):
                refused.append(Refusal.TEXT)
            elif isinstance(value, float) and not math.isfinite(value):
                refused.append(Refusal.NOT_FINITE)
            else:
                before = time
                good.append((column.series.room, column.simulated, time, value))
    return good, {why: refused.count(why) for why in set(refused)}


@settings(max_examples=400)
@given(columns())
def test_columns_and_points_agree(some: list[Run]) -> None:
    layout = Layout.of("boot", [(run.series, run.simulated) for run in some])
    batch = decode(pack(layout, Clock.TRUSTED, 0, 100, some), {layout.key: layout})
    assert [(run.series, run.times_us) for run in batch.columns] == [(run.series, run.times_us) for run in some]
    good, refused = points(batch)
    assert ([(p.series.room, p.simulated, p.time_us, p.value) for p in good], refused) == expected(batch)
    assert [point for run in runs(batch)[0] for point in run.points()] == good
