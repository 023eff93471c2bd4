"""Whole batches as lines are exactly the lines that are made one by one."""

import gc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles.telemetry import Layout, Measurement, Run, Series
from cloud_ingest.line_protocol import lines, prefix
from cloud_ingest.line_texts import LineTexts, text
from cloud_ingest.store import Portion

SERIES = [Series(Measurement.READING, "a101", f"device-{n}", "sensor", f"metric_{n}") for n in range(6)]
LAYOUT = Layout.of("boot-1", [(series, number == 3) for number, series in enumerate(SERIES)])
finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@st.composite
def runs(draw: st.DrawFn) -> list[Run]:
    size = draw(st.sampled_from([1, 1, 3]))
    times = [1_790_000_000_000_000 + n for n in range(size)]
    made = []
    for number, series in enumerate(SERIES):
        kind: st.SearchStrategy[Any] = draw(st.sampled_from([finite, st.booleans(), texts, finite]))
        own = times if draw(st.booleans()) else [time + 7 for time in times]
        made.append(Run(series, number == 3, own, draw(st.lists(kind, min_size=size, max_size=size))))
    return made


def one_by_one(portion: Portion) -> list[str]:
    return [line for run in portion.runs for line in lines(portion.school, run)]


@given(st.lists(runs(), min_size=1, max_size=4), st.booleans())
def test_they_are_the_same_lines(batches: list[list[Run]], whole: bool) -> None:
    for batch in batches:
        portion = Portion("thcs-a", batch, LAYOUT if whole else None)
        made = text(portion).replace("=True", "=true").replace("=False", "=false")
        expected = "\n".join(one_by_one(portion)).replace("=True", "=true").replace("=False", "=false")
        assert made == expected


def test_a_layout_serves_each_school_with_its_own_name() -> None:
    batch = [Run(series, number == 3, [1], [1.5]) for number, series in enumerate(SERIES)]
    for school in ("thcs-a", "thcs-b"):
        assert text(Portion(school, batch, LAYOUT)).count(f"school={school} ") == len(SERIES)


@pytest.mark.parametrize("tag", ["a,b", "a b", "%s", "a=b", ""])
def test_a_tag_that_is_none_never_gets_into_a_template(tag: str) -> None:
    series = Series(Measurement.READING, tag, "co2", "air", "co2_ppm")
    layout = Layout.of("boot-1", [(series, False)])
    with pytest.raises(ValueError, match="tag"):
        text(Portion("thcs-a", [Run(series, False, [1], [1.0])], layout))


def test_nothing_is_no_line() -> None:
    assert text(Portion("thcs-a", [])) == ""


def test_a_gateway_that_always_has_new_layouts_does_not_fill_the_memory() -> None:
    made = LineTexts(lines, lambda school, run: (prefix(school, run.series), ""), most_series=30)
    kept = []
    for number in range(20):
        layout = Layout.of(f"boot-{number}", [(series, False) for series in SERIES])
        kept.append(weakref.ref(layout))
        assert made.text(Portion("thcs-a", [Run(series, False, [1], [1.5]) for series in SERIES], layout))
    del layout
    gc.collect()
    assert sum(layout() is not None for layout in kept) <= 30 // len(SERIES)
