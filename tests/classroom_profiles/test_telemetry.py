"""The telemetry wire: what goes in comes out, and nothing that was damaged is taken for something good."""

import math
import re
import string

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import (
    MAX_BATCH_BYTES,
    MAX_POINTS,
    Ack,
    Batch,
    Column,
    Measurement,
    Point,
    Refusal,
    Series,
    Unreadable,
    decode,
    decode_ack,
    digest,
    encode,
    encode_ack,
    points,
    runs,
)

NOW_US = 1_790_000_000_000_000

_SLUGS = st.sampled_from(["a101", "kit-01", "p", "x" * 48])
_SERIES = st.builds(
    Series, st.sampled_from(Measurement), _SLUGS, _SLUGS, _SLUGS, st.sampled_from(["level", "temperature_c", "m" * 48])
)
_TEXTS = st.text(alphabet=string.printable[:95], max_size=64)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
_TIMES = st.lists(st.integers(0, 2**53), unique=True, min_size=1, max_size=6).map(sorted)


@st.composite
def _points(draw: st.DrawFn) -> list[Point]:
    """Points as a gateway makes them: of several series, each with one type and increasing times."""
    made: list[Point] = []
    for series in draw(st.lists(_SERIES, unique=True, max_size=4)):
        kind: st.SearchStrategy[Value] = draw(st.sampled_from([_TEXTS, _NUMBERS, st.booleans()]))
        simulated = draw(st.booleans())
        made += [Point(series, time_us, draw(kind), simulated) for time_us in draw(_TIMES)]
    return made


def _same(value: Value) -> Value:
    return value if isinstance(value, bool | str) else float(value)


@settings(max_examples=200, deadline=None)
@given(made=_points(), trusted=st.booleans(), first=st.integers(0, 2**53))
def test_what_goes_in_comes_out(made: list[Point], trusted: bool, first: int) -> None:
    batch = decode(encode("boot-1", trusted, first, first + len(made), made))
    good, refused = points(batch)
    assert (batch.boot, batch.trusted, batch.first_seq, batch.last_seq) == ("boot-1", trusted, first, first + len(made))
    assert not refused
    assert {(p.series, p.time_us): (_same(p.value), p.simulated) for p in made} == {
        (p.series, p.time_us): (p.value, p.simulated) for p in good
    }
    assert len(good) == len(made)


_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?")


def _is_good(point: Point) -> bool:
    """What a point may be, written down a second time."""
    tags = (point.series.room, point.series.device, point.series.role)
    return (
        isinstance(point.series.measurement, Measurement)
        and all(_SLUG.fullmatch(tag) for tag in tags)
        and re.fullmatch(r"[a-z][a-z0-9_]{0,47}", point.series.metric) is not None
        and 0 <= point.time_us < 2**63 // 1000
        and (
            (isinstance(point.value, bool))
            or (isinstance(point.value, float) and math.isfinite(point.value))
            or (
                isinstance(point.value, str)
                and len(point.value) <= 64
                and re.fullmatch(r"[ -~]*", point.value) is not None
            )
        )
    )


def _taken_with_care(payload: bytes) -> None:
    try:
        batch = decode(payload)
    except Unreadable:
        return
    good, refused = points(batch)
    assert len(good) + sum(refused.values()) == sum(len(column.times) for column in batch.columns)
    assert all(_is_good(point) for point in good)
    for run in runs(batch)[0]:
        assert all(earlier < later for earlier, later in zip(run.times_us, run.times_us[1:], strict=False))
        assert len({type(value) for value in run.values}) == 1


@settings(max_examples=200, deadline=None)
@given(made=_points(), data=st.data())
def test_a_damaged_batch_is_unreadable_or_what_is_left_is_good(made: list[Point], data: st.DataObject) -> None:
    payload = bytearray(encode("boot-1", True, 1, len(made), made))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(payload) - 1)) if payload else 0
        payload[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    _taken_with_care(bytes(payload))


@settings(max_examples=200)
@given(payload=st.binary(max_size=64))
def test_any_bytes_are_no_crash(payload: bytes) -> None:
    _taken_with_care(payload)


_WILD = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=70) | st.binary()


@settings(max_examples=300, deadline=None)
@given(
    tags=st.tuples(*[st.sampled_from(["a", "a101", "A", "", "a b", "a,b", "a=b", "a\n", "é", "-a", "x" * 49])] * 4),
    times=st.lists(st.integers(-(2**63), 2**64 - 1) | st.integers(-2, 2), max_size=4),
    values=st.lists(_WILD, max_size=4),
    base=st.integers(-(2**63), 2**64 - 1) | st.just(NOW_US),
)
def test_any_column_is_taken_with_care(
    tags: tuple[str, ...], times: list[int], values: list[object], base: int
) -> None:
    column = ["reading", *tags, False, times, values]
    _taken_with_care(msgspec.msgpack.encode([1, "boot", True, 1, 4, base, [column]]))


def _batch(**changed: object) -> bytes:
    column = Column(Measurement.READING, "a101", "air", "air-sensor", "temperature_c", False, [0], [21.5])
    batch = Batch(1, "boot", True, 1, 1, NOW_US, [column])
    return msgspec.msgpack.encode(msgspec.structs.replace(batch, **changed))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not a batch"),
        (b"\xc1", "not a batch"),
        (b"\x91" * 100_000, "not a batch"),
        (b"x" * (MAX_BATCH_BYTES + 1), "a batch has at most"),
        (_batch(version=2), "version 2; this centre reads 1"),
        (_batch(boot=""), "boot id"),
        (_batch(boot="a b"), "boot id"),
        (_batch(boot="x" * 37), "boot id"),
        (_batch() + b"\x00", "not a batch"),
        (_batch(first_seq=2), "sequence numbers"),
        (_batch(first_seq=-1), "sequence numbers"),
    ],
)
def test_what_is_no_batch_says_why(payload: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        decode(payload)


def test_more_points_than_a_batch_has_are_not_taken() -> None:
    series = Series(Measurement.READING, "a101", "air", "air-sensor", "on")
    too_many = [Point(series, time_us, True) for time_us in range(MAX_POINTS + 1)]
    assert len(points(decode(encode("boot", True, 1, 2, too_many[:-1])))[0]) == MAX_POINTS
    with pytest.raises(Unreadable, match="more than 10000 points"):
        decode(encode("boot", True, 1, 2, too_many))


def test_a_bad_point_does_not_cost_its_neighbours() -> None:
    column = Column(
        Measurement.READING, "a101", "air", "air-sensor", "t", False, [0, 1, 1, 0], [1.0, math.nan, 2.0, 3.0]
    )
    good, refused = points(decode(_batch(columns=[column])))
    assert [point.value for point in good] == [1.0, 2.0]
    assert refused == {Refusal.NOT_FINITE: 1, Refusal.TIME_ORDER: 1}


_S = Series(Measurement.READING, "a101", "air", "air-sensor", "m")


@pytest.mark.parametrize(
    "made",
    [
        [Point(_S, 5, 1.0), Point(_S, 5, 1.0)],
        [Point(_S, 5, 1.0), Point(_S, 4, 1.0)],
        [Point(_S, 1, 1.0), Point(_S, 2, True)],
        [Point(_S, 1, "a"), Point(_S, 2, 1)],
    ],
)
def test_a_gateway_cannot_write_what_a_centre_would_not_take(made: list[Point]) -> None:
    with pytest.raises(ValueError, match=r"does not increase|mixes types"):
        encode("boot", True, 1, 2, made)


@given(
    stored=st.integers(0, 10_000),
    refused=st.dictionaries(st.sampled_from([one.value for one in Refusal]), st.integers(1, 9)),
    why=st.text(max_size=20),
)
def test_an_ack_comes_out_as_it_went_in(stored: int, refused: dict[str, int], why: str) -> None:
    ack = Ack(digest(b"batch"), stored, refused, why)
    assert decode_ack(encode_ack(ack)) == ack


@pytest.mark.parametrize("payload", [b'{"batch":"x","stored":-1}', b'{"batch":"x","stored":1,"refused":{"tag":-1}}'])
def test_an_ack_that_counts_less_than_nothing_is_none(payload: bytes) -> None:
    with pytest.raises(Unreadable):
        decode_ack(payload)


@settings(max_examples=200)
@given(payload=st.binary(max_size=64) | st.text(alphabet='{}[]":,batchstored0-e9. ', max_size=64).map(str.encode))
def test_what_is_no_ack_is_no_crash(payload: bytes) -> None:
    try:
        ack = decode_ack(payload)
    except Unreadable:
        return
    assert ack.stored >= 0
