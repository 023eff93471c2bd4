"""Checking by whole columns finds exactly what checking point by point finds."""

import math
import re
from itertools import accumulate
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.telemetry import Batch, Column, Measurement, Refusal, Unreadable, decode, points, runs

LATEST = (2**63 - 2) // 1000
values = st.one_of(
    st.booleans(), st.floats(), st.text(max_size=4), st.sampled_from(["x" * 64, "x" * 65, "tab\t", "ấm", "ok"])
)
deltas = st.one_of(st.integers(1, 5), st.integers(-3, 3), st.sampled_from([LATEST, -LATEST, 2**62]))
tags = st.sampled_from(["a101", "A101", "", "a,b", "x" * 49, "co2"])


@st.composite
def columns(draw: st.DrawFn) -> Column:
    size = draw(st.integers(0, 6))
    one_kind = draw(st.sampled_from([values, st.booleans(), st.floats(0, 1), st.just("ready")]))
    return Column(
        Measurement.READING, draw(tags), "co2", "air", draw(st.sampled_from(["co2_ppm", "Co2", "1st"])),
        draw(st.booleans()), draw(st.lists(deltas, min_size=size, max_size=size)),
        draw(st.lists(one_kind, min_size=size, max_size=size)),
    )  # fmt: skip


def expected(batch: Batch) -> tuple[list[Any], dict[Refusal, int]]:
    """The rules, one point at a time, written again."""
    good, refused = [], []
    for column in batch.columns:
        named = all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?", t) for t in (column.room, column.device))
        named = named and re.fullmatch(r"[a-z][a-z0-9_]{0,47}", column.metric) is not None
        before = -1
        times = list(accumulate(column.times, initial=batch.base_us))[1:]
        for time, value in zip(times, column.values, strict=True):
            if not named:
                refused.append(Refusal.TAG)
            elif type(value) is not type(column.values[0]):
                refused.append(Refusal.TYPE)
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
                good.append((column.room, column.simulated, time, value))
    return good, {why: refused.count(why) for why in set(refused)}


@settings(max_examples=300)
@given(st.lists(columns(), max_size=3), st.sampled_from([0, 1_790_000_000_000_000]))
def test_columns_and_points_agree(some: list[Column], base_us: int) -> None:
    batch = Batch(1, "boot", True, 0, 0, base_us, some)
    good, refused = points(batch)
    assert ([(p.series.room, p.simulated, p.time_us, p.value) for p in good], refused) == expected(batch)
    assert [point for run in runs(batch)[0] for point in run.points()] == good


numbers = st.integers(-(2**63), 2**64 - 1) | st.floats()
packed = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
).map(msgspec.msgpack.encode)


@settings(max_examples=300)
@given(st.binary(max_size=200) | packed)
def test_no_bytes_do_worse_than_unreadable(payload: bytes) -> None:
    try:
        batch = decode(payload)
    except Unreadable:
        return
    good, refused = runs(batch)
    assert sum(len(run.times_us) for run in good) + sum(refused.values()) == sum(len(c.times) for c in batch.columns)


@settings(max_examples=200)
@given(st.data())
def test_a_batch_with_any_bytes_changed_does_no_worse_than_unreadable(data: st.DataObject) -> None:
    whole = bytearray(
        msgspec.msgpack.encode(
            [1, "boot", True, 0, 1, 1_790_000_000_000_000,
             [["reading", "a101", "co2", "air", "co2_ppm", False, [0, 5], [412.0, 413.5]],
              ["device", "a101", "projector", "projector", "input", True, [1], ["hdmi1"]]]]
        )
    )  # fmt: skip
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    payload = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        good, _ = runs(decode(payload))
    except Unreadable:
        return
    assert sum(len(run.times_us) for run in good) <= 3
