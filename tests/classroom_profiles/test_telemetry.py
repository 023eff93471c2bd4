"""The telemetry wire: what goes in comes out, and nothing that was damaged is taken for something good."""

import math
import random
import re
import string
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles import columns
from classroom_profiles.capability import Value
from classroom_profiles.telemetry import (
    MAX_BATCH_BYTES,
    MAX_POINTS,
    Ack,
    Batch,
    Clock,
    Layout,
    Measurement,
    NeedLayout,
    Point,
    Refusal,
    Run,
    Series,
    Unreadable,
    decode,
    decode_ack,
    digest,
    encode,
    encode_ack,
    fits,
    pack,
    points,
    runs,
    runs_of,
    with_layout,
    without_layout,
)

NOW_US = 1_790_000_000_000_000
_HEADER = 24

_SLUGS = st.sampled_from(["a101", "kit-01", "p", "x" * 48])
_SERIES = st.builds(
    Series, st.sampled_from(Measurement), _SLUGS, _SLUGS, _SLUGS, st.sampled_from(["level", "temperature_c", "m" * 48])
)
_TEXTS = st.text(alphabet=string.printable[:95], max_size=64)
_NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(width=32, allow_nan=False, allow_infinity=False)
    | st.integers(-(2**53), 2**53)
    | st.decimals(-1000, 1000, places=2).map(float)
    | st.sampled_from([0.0, -0.0, 0.1, 21.37, -0.001, 127.0, 128.0, 32767.5, 2**31 - 1, -(2**31), 5e-324])
)
_TIMES = st.lists(st.integers(0, 2**53), unique=True, min_size=1, max_size=6).map(sorted) | st.builds(
    lambda start, step, count: [start + step * number for number in range(count)],
    st.integers(NOW_US, 2 * NOW_US),
    st.sampled_from([1, 1_000, 1_234, 10_000_000]),
    st.integers(1, 6),
)


@st.composite
def _points(draw: st.DrawFn) -> list[Point]:
    """Points as a gateway makes them: of several series, each with one type and increasing times."""
    made: list[Point] = []
    shared = draw(st.none() | _TIMES)
    for series in draw(st.lists(_SERIES, unique=True, max_size=9)):
        kind: st.SearchStrategy[Value] = draw(st.sampled_from([_TEXTS, _NUMBERS, st.booleans()]))
        simulated = draw(st.booleans())
        made += [Point(series, time_us, draw(kind), simulated) for time_us in shared or draw(_TIMES)]
    return made


def _bits(value: Value) -> Value | bytes:
    """So that -0.0 is not 0.0, and True not 1.0."""
    return value if isinstance(value, bool | str) else struct.pack("<d", value)


def _content(some: list[Point]) -> dict[tuple[Series, int], object]:
    return {
        (point.series, point.time_us): (type(_bits(point.value)), _bits(point.value), point.simulated) for point in some
    }


@settings(max_examples=300)
@given(
    made=_points(),
    clock=st.sampled_from(Clock),
    first=st.integers(0, 2**48 - 10_000),
    gap=st.sampled_from([0, 0, 1, 7000]),
    more=st.lists(_SERIES, unique=True, max_size=9),
)
def test_what_goes_in_comes_out(made: list[Point], clock: Clock, first: int, gap: int, more: list[Series]) -> None:
    """Bit by bit, with a layout of its own or one that has other series too, with the layout inside or known."""
    last = first + max(0, len(made) - 1) + gap
    some = runs_of(made)
    entries = dict.fromkeys([*((series, False) for series in more), *((run.series, run.simulated) for run in some)])
    for layout in (Layout.of("boot-1", [(run.series, run.simulated) for run in some]), Layout.of("boot-1", entries)):
        bare = pack(layout, clock, first, last, some)
        whole = with_layout(bare, layout)
        assert without_layout(whole) == (bare, layout.packed)
        for batch in (decode(bare, {layout.key: layout}), decode(whole)):
            good, refused = points(batch)
            assert (batch.boot, batch.clock, batch.first_seq, batch.last_seq) == ("boot-1", clock, first, last)
            assert not refused
            assert _content(good) == _content(made)
            assert len(good) == len(made)


@pytest.mark.parametrize(
    ("values", "most"),
    [
        ([True, False, True], 1.0),
        ([21.37, 21.38, 21.4], 2.0),
        ([412.0, 413.0, 5000.0], 2.0),
        ([1.0, 2.0, -3.0], 1.0),
        ([0.1, 0.2, 12.7], 1.0),
        ([101325.25, 101324.5, 101330.75], 4.0),
        ([math.pi, 1.0, 2.0], 8.0),
        ([struct.unpack("<f", struct.pack("<f", 21.37))[0]], 4.0),
    ],
)
def test_a_number_takes_the_bytes_that_its_resolution_needs(values: list[Value], most: float) -> None:
    series = [Series(Measurement.READING, "a101", "air", "sensor", f"m{number}") for number in range(200)]

    def size(of: Value) -> int:
        batch = encode("boot", True, 0, 199, [Point(one, NOW_US, of) for one in series])
        return len(without_layout(batch)[0])

    nothing = _HEADER + len(series) / 2  # the header, and half a byte for each column
    assert max(map(size, values)) - nothing <= most * len(series)


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


def _taken_with_care(batch: Batch) -> list[Point]:
    good, refused = points(batch)
    assert len(good) + sum(refused.values()) == sum(len(column.times_us) for column in batch.columns)
    assert all(_is_good(point) for point in good)
    for run in runs(batch)[0]:
        assert all(earlier < later for earlier, later in zip(run.times_us, run.times_us[1:], strict=False))
        assert len({type(value) for value in run.values}) == 1
    return good


def _mutated(payload: bytes, by: random.Random, other: bytes) -> bytes:
    """As broken memory, broken disks, cut connections and broken software change bytes."""
    changed = bytearray(payload)
    for _ in range(by.randint(1, 3)):
        at = by.randrange(len(changed) + 1)
        match by.randrange(6):
            case 0 if changed:
                changed[at % len(changed)] ^= 1 << by.randrange(8)
            case 1 if changed:
                changed[at % len(changed)] = by.randrange(256)
            case 2:
                changed[at : at + by.randint(1, 8)] = by.randbytes(by.randint(0, 8))
            case 3:
                del changed[at:]
            case 4:
                changed[at:at] = changed[at - by.randint(0, min(at, 16)) : at]
            case 5:
                changed[at:] = other[at:]
    return bytes(changed)


def _samples() -> tuple[list[bytes], dict[bytes, Layout]]:
    """Batches of every shape: live, joined, ragged, compressed, partial, with texts, with layout and without."""
    series = [Series(Measurement.READING, "a101", f"d{n // 4}", "sensor", f"m{n}") for n in range(20)]
    layout = Layout.of("boot-1", [(one, False) for one in series])
    kinds: list[list[Value]] = [[21.37], [True], ["ready"], [math.pi], [412.0]]
    shapes = [
        [Run(one, False, [NOW_US], kinds[n % 5]) for n, one in enumerate(series)],
        [Run(one, False, [NOW_US + n, NOW_US + 10**7], kinds[n % 5] * 2) for n, one in enumerate(series[:7])],
        [Run(one, False, [NOW_US + n * 10**7 for n in range(60)], [20.5] * 60) for one in series],
    ]
    bare = [pack(layout, Clock.TRUSTED, 0, 5_000, shape) for shape in shapes]
    return [*bare, *(with_layout(one, layout) for one in bare)], {layout.key: layout}


@pytest.mark.parametrize("quarter", range(4))
def test_100_000_mutated_batches_are_unreadable_or_what_they_were(quarter: int) -> None:
    samples, known = _samples()
    content = [_content(points(decode(sample, known))[0]) for sample in samples]
    by = random.Random(quarter)
    taken = asked = 0
    for number in range(25_000):
        which = number % len(samples)
        payload = _mutated(samples[which], by, samples[by.randrange(len(samples))])
        try:
            batch = decode(payload, known)
        except Unreadable:
            continue
        except NeedLayout:
            asked += 1
            continue
        taken += 1
        assert _content(_taken_with_care(batch)) in content
    assert taken < 4_000  # those that were not really changed, or became another sample
    assert asked < 8_000


@settings(max_examples=300)
@given(made=_points(), data=st.data())
def test_a_batch_that_lies_under_a_right_checksum_is_unreadable_or_what_is_left_is_good(
    made: list[Point], data: st.DataObject
) -> None:
    """As broken software would make it: whatever is behind the header, the checksum is right."""
    some = runs_of(made)
    layout = Layout.of("boot-1", [(run.series, run.simulated) for run in some])
    payload = bytearray(pack(layout, Clock.TRUSTED, 0, len(made), some))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(10, len(payload)))
        payload[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    payload[1] = data.draw(st.just(payload[1]) | st.integers(0, 255)) & ~8
    _taken_if_readable(_signed(payload, layout), layout)


@settings(max_examples=300)
@given(body=st.binary(max_size=80), flags=st.integers(0, 255), series=st.integers(0, 5))
def test_any_body_is_taken_with_care(body: bytes, flags: int, series: int) -> None:
    layout = Layout.of("b", [(Series(Measurement.EVENT, "a", "b", "c", f"m{n}"), False) for n in range(series)])
    payload = bytearray(pack(layout, Clock.TRUSTED, 0, 0, []))[:_HEADER] + body
    payload[1] = flags & ~8
    _taken_if_readable(_signed(payload, layout), layout)


def _signed(payload: bytearray, layout: Layout) -> bytes:
    from classroom_profiles.telemetry import _checksum

    if len(payload) < _HEADER:
        return bytes(payload)
    payload[2:6] = _checksum(layout, payload[:_HEADER], bytes(payload[_HEADER:])).to_bytes(4, "little")
    return bytes(payload)


def _taken_if_readable(payload: bytes, layout: Layout) -> None:
    try:
        batch = decode(payload, {layout.key: layout})
    except (Unreadable, NeedLayout):
        return
    _taken_with_care(batch)


@settings(max_examples=200)
@given(payload=st.binary(max_size=64) | st.binary(max_size=64).map(lambda some: b"\x02" + some))
def test_any_bytes_are_no_crash(payload: bytes) -> None:
    try:
        batch = decode(payload)
    except (Unreadable, NeedLayout):
        return
    _taken_with_care(batch)


# --- layouts ---

_S = Series(Measurement.READING, "a101", "air", "air-sensor", "m")
_T = Series(Measurement.READING, "a101", "air", "air-sensor", "other")


def _bare(*some: Run, layout: Layout | None = None) -> tuple[bytes, Layout]:
    layout = layout or Layout.of("boot", [(run.series, run.simulated) for run in some])
    return pack(layout, Clock.TRUSTED, 0, 0, some), layout


def test_without_its_layout_a_batch_asks_for_it_and_with_it_teaches_it() -> None:
    bare, layout = _bare(Run(_S, False, [NOW_US], [1.0]))
    with pytest.raises(NeedLayout):
        decode(bare)
    learned = decode(with_layout(bare, layout)).layout
    assert learned.entries == layout.entries
    assert points(decode(bare, {learned.key: learned}))[0] == [Point(_S, NOW_US, 1.0)]


def test_a_layout_that_is_known_is_not_made_again() -> None:
    bare, layout = _bare(Run(_S, False, [NOW_US], [1.0]))
    assert decode(with_layout(bare, layout), {layout.key: layout}).layout is layout


def test_another_layout_under_the_same_key_is_found_out() -> None:
    """One in four thousand millions has it by chance; then the points would go to other series."""
    bare, layout = _bare(Run(_S, False, [NOW_US], [1.0]))
    other = Layout.of("boot", [(_T, False)])
    with pytest.raises(Unreadable, match="have changed"):
        decode(bare, {layout.key: _with_key(other, layout.key)})
    with pytest.raises(Unreadable, match="another one"):
        decode(with_layout(bare, other))


def _with_key(layout: Layout, key: bytes) -> Layout:
    layout.key = key
    return layout


def test_a_bad_tag_costs_its_own_points_only() -> None:
    bad = Series(Measurement.READING, "a,school=other", "air", "sensor", "m")
    bare, layout = _bare(Run(_S, False, [NOW_US], [1.0]), Run(bad, False, [NOW_US, NOW_US + 1], [1.0, 2.0]))
    good, refused = points(decode(bare, {layout.key: layout}))
    assert (good, refused) == ([Point(_S, NOW_US, 1.0)], {Refusal.TAG: 2})


def test_a_boot_that_is_none_is_unreadable() -> None:
    for boot in ("", "a b", "x" * 37):
        layout = Layout.of(boot, [])
        with pytest.raises(Unreadable, match="boot id"):
            decode(with_layout(pack(layout, Clock.TRUSTED, 0, 0, []), layout))


# --- what is no batch ---


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not a batch"),
        (b"\xc1", "not a batch"),
        (b"\x02" * 23, "not a batch"),
        (b"x" * (MAX_BATCH_BYTES + 1), "a batch has at most"),
        (b"\x01" + encode("boot", True, 0, 0, [])[1:], "version 1; this centre reads 2"),
        (encode("boot", True, 0, 0, [Point(_S, NOW_US, 1.0)]) + b"\x00", "have changed"),
    ],
)
def test_what_is_no_batch_says_why(payload: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        decode(payload)


def test_more_points_than_a_batch_has_are_not_taken() -> None:
    too_many = [Point(_S, NOW_US + number, True) for number in range(MAX_POINTS + 1)]
    assert len(points(decode(encode("boot", True, 0, MAX_POINTS, too_many[:-1])))[0]) == MAX_POINTS
    with pytest.raises(Unreadable, match="more than 10000 points"):
        decode(encode("boot", True, 0, MAX_POINTS, too_many))


def test_columns_that_unpack_to_very_much_are_not_unpacked() -> None:
    import zstandard

    bare, layout = _bare(Run(_S, False, [NOW_US], [1.0]))
    for bomb in (b"\x00" * 100_000_000, b""):
        body = zstandard.ZstdCompressor().compress(bomb)
        payload = bytearray(bare[:_HEADER] + body)
        payload[1] |= 128
        with pytest.raises(Unreadable):
            decode(_signed(payload, layout), {layout.key: layout})


def test_a_bad_point_does_not_cost_its_neighbours() -> None:
    column = Run(_S, False, [NOW_US, NOW_US + 1, NOW_US + 2, NOW_US + 2], [1.0, math.nan, 2.0, 3.0])
    bare, layout = _bare(column)
    good, refused = points(decode(bare, {layout.key: layout}))
    assert [point.value for point in good] == [1.0, 2.0]
    assert refused == {Refusal.NOT_FINITE: 1, Refusal.TIME_ORDER: 1}


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


@pytest.mark.parametrize("value", ["tiếng Việt", "x" * 256, 10**400])
def test_what_cannot_be_written_says_so(value: Value) -> None:
    with pytest.raises((ValueError, OverflowError)):
        encode("boot", True, 0, 0, [Point(_S, 1, value)])


def test_a_batch_fits_with_its_layout_or_not_at_all() -> None:
    bare, layout = _bare(Run(_S, False, [NOW_US], [1.0]))
    assert fits(bare, layout)
    assert not fits(b"x" * (MAX_BATCH_BYTES - 10), layout)


# --- acks ---


@given(
    stored=st.integers(0, 10_000),
    refused=st.dictionaries(st.sampled_from([one.value for one in Refusal]), st.integers(1, 9)),
    why=st.text(max_size=20),
    flags=st.tuples(st.booleans(), st.booleans()),
    slow_s=st.floats(0, 60),
)
def test_an_ack_comes_out_as_it_went_in(
    stored: int, refused: dict[str, int], why: str, flags: tuple[bool, bool], slow_s: float
) -> None:
    ack = Ack(digest(b"batch"), stored, refused, why, *flags, slow_s)
    assert decode_ack(encode_ack(ack)) == ack
    assert ack.settles is not any(flags)


def test_an_ordinary_ack_is_short() -> None:
    assert encode_ack(Ack(digest(b"batch"), 20)) == b'{"batch":"%s","stored":20}' % digest(b"batch").encode()


@pytest.mark.parametrize(
    "payload",
    [
        b'{"batch":"x","stored":-1}',
        b'{"batch":"x","stored":1,"refused":{"tag":-1}}',
        b'{"batch":"x","stored":1,"slow_s":-1}',
    ],
)
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


def test_what_large_batches_are_made_of_is_not_kept() -> None:
    before = columns._kept_record.cache_info().currsize
    for value in range(3):
        large = [Point(Series(Measurement.READING, "r", "d", "s", f"m{n}_{value}"), 1, n == value) for n in range(1000)]
        assert decode(encode("boot", True, 0, 999, large)).sound
    assert columns._kept_record.cache_info().currsize == before
