"""A layout is the same on both sides, small, bounded, and known where it was learned."""

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles.layout import MAX_SERIES, Layout, Layouts
from classroom_profiles.telemetry import Measurement, Series


def series(metric: str, room: str = "a101") -> Series:
    return Series(Measurement.READING, room, "air", "sensor", metric)


_ENTRIES = st.lists(
    st.tuples(st.builds(Series, st.sampled_from(Measurement), *[st.text(max_size=5)] * 4), st.booleans()), unique=True
)


@given(entries=_ENTRIES)
def test_a_layout_that_is_read_is_the_one_that_was_written(entries: list[tuple[Series, bool]]) -> None:
    try:
        layout = Layout.of("boot", entries)
    except UnicodeEncodeError:
        return
    read = Layout.read(layout.packed)
    assert (read.boot, read.entries, read.key) == ("boot", tuple(entries), layout.key)
    assert read.bad == layout.bad == {one for one, _ in entries if not one.named_well}


def test_more_series_come_behind_and_known_ones_change_nothing() -> None:
    layout = Layout.of("boot", [(series("a"), False), (series("b"), False)])
    assert layout.with_more([(series("b"), False)]) is layout
    more = layout.with_more([(series("c"), False), (series("a"), True), (series("c"), False)])
    assert more.entries == (*layout.entries, (series("c"), False), (series("a"), True))
    assert more.key != layout.key


def test_a_rooms_layout_is_small() -> None:
    layout = Layout.of("3f1c0a52-6f0e-4c61-9f2b-5f6f8f0b7d11", [(series(f"metric_{n}"), False) for n in range(20)])
    assert len(layout.packed) < 250


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (b"", "cut off"),
        (b"garbage", "damaged"),
        (zlib.compress(b"\xc1"), "none"),
        (zlib.compress(msgspec.msgpack.encode(["boot", [["diary", "a", "b", "c", "d", False]]])), "none"),
        (zlib.compress(b"")[:-1], "cut off"),
        (zlib.compress(msgspec.msgpack.encode(["boot", []])) + b"x", "cut off"),
        (zlib.compress(b"\x00" * 2_000_000), "too large"),
        (zlib.compress(msgspec.msgpack.encode(["boot", [["event", "a", "b", "c", "d", False]] * 2])), "twice"),
        (
            zlib.compress(
                msgspec.msgpack.encode(
                    ["boot", [["event", "a", "b", "c", f"m{n}", False] for n in range(MAX_SERIES + 1)]]
                )
            ),
            "at most",
        ),
    ],
)
def test_what_is_no_layout_says_why(packed: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Layout.read(packed)


def test_each_gateway_has_its_own_layouts_and_the_oldest_make_room() -> None:
    layouts = Layouts(gateways=2)
    many = [Layout.of("boot", [(series(f"m{n}"), False)]) for n in range(40)]
    for layout in many:
        layouts.learn("gw-1", layout)
        layouts.learn("gw-1", layout)
    assert layouts.of("gw-1")[many[-1].key] is many[-1]
    assert many[0].key not in layouts.of("gw-1")
    assert len(layouts.of("gw-1")) == 32
    assert not layouts.of("gw-2")
    layouts.learn("gw-2", many[0])
    layouts.learn("gw-3", many[0])
    assert not layouts.of("gw-1")


def test_a_gateway_with_large_layouts_has_fewer_of_them() -> None:
    layouts = Layouts()
    large = [Layout.of("boot", [(series(f"m{n}_{layout}"), False) for n in range(MAX_SERIES)]) for layout in range(3)]
    for layout in large:
        layouts.learn("gw-1", layout)
    assert list(layouts.of("gw-1").values()) == large[1:]
