"""Rows that the centre takes whole: numbered without a gap, in time that only goes forward."""

import math
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import MAX_BATCH_BYTES, Measurement, Point, Refusal, Series, decode, digest, points
from edge_agent.clock import Moment
from edge_agent.intake import Lot
from edge_agent.stamping import Row, Stamper, joined
from tests.edge_agent.journal_peer import BASE_US, BOOT, STEADY, series, some


def lot(*came: Point, moment: Moment = STEADY) -> Lot:
    found = Lot(1, moment, 0.0)
    for point in came:
        found.points.setdefault(point.series.measurement, []).append(point)
        found.count += 1
    return found


def content(*rows: Row) -> list[Point]:
    found = []
    for row in rows:
        good, refused = points(decode(row.payload))
        assert not refused
        assert (row.points, row.digest) == (len(good), digest(row.payload))
        found += good
    return found


def test_a_row_says_what_was_written() -> None:
    came = [Point(series(), BASE_US, 412.5), Point(series("power", "projector"), BASE_US + 1, True, simulated=True)]
    (row,) = Stamper(BOOT).rows(lot(*came))
    batch = decode(row.payload)
    assert content(row) == came
    assert (batch.boot, batch.trusted, row.offset_us) == (BOOT, STEADY.trusted, STEADY.offset_us)


def test_each_measurement_has_a_row_of_its_own_and_is_numbered_without_a_gap() -> None:
    event = series("started", "gw-1", Measurement.EVENT)
    stamper = Stamper(BOOT)
    rows = stamper.rows(lot(*some(3), Point(event, BASE_US, True), *some(2, first=3)))
    rows += stamper.rows(lot(*some(4, first=5), Point(event, BASE_US + 9, True)))
    ranges = defaultdict(list)
    for row in rows:
        batch = decode(row.payload)
        assert {column.series.measurement for column in batch.columns} == {row.measurement}
        ranges[row.measurement].append((batch.first_seq, batch.last_seq))
    assert ranges == {Measurement.READING: [(0, 4), (5, 8)], Measurement.EVENT: [(0, 0), (1, 1)]}


def test_a_clock_that_jumps_back_neither_reorders_nor_overwrites() -> None:
    stamper = Stamper(BOOT)
    rows = stamper.rows(lot(*some(2)))
    rows += stamper.rows(lot(*some(2, first=2, start_us=BASE_US - 3_600_000_000)))
    rows += stamper.rows(lot(Point(series(), BASE_US + 60_000_000, 4.0)))
    assert [(point.time_us - BASE_US, point.value) for point in content(*rows)] == [
        (0, 0.0), (1000, 1.0), (1001, 2.0), (1002, 3.0), (60_000_000, 4.0),
    ]  # fmt: skip


def test_one_series_does_not_hold_another_back() -> None:
    stamper = Stamper(BOOT)
    stamper.rows(lot(Point(series("ahead"), BASE_US + 10**9, 1.0)))
    assert content(*stamper.rows(lot(Point(series("other"), BASE_US, 1.0))))[0].time_us == BASE_US


def test_a_new_process_goes_on_where_the_last_one_stopped() -> None:
    stamper = Stamper(BOOT)
    stamper.go_on_after(BASE_US, {Measurement.READING: 17})
    (row,) = stamper.rows(lot(*some(2, start_us=BASE_US - 5_000_000)))
    assert [point.time_us for point in content(row)] == [BASE_US + 1, BASE_US + 2]
    assert decode(row.payload).first_seq == 17


def test_more_series_than_are_remembered_still_never_go_back() -> None:
    stamper = Stamper(BOOT)
    many = [Point(series(f"m{number}"), BASE_US + number, 1.0) for number in range(10_001)]
    stamper.rows(lot(*many))
    again = content(*stamper.rows(lot(*[replace(point, time_us=BASE_US) for point in many])))
    assert all(new.time_us > old.time_us for new, old in zip(again, many, strict=True))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (Point(series(), BASE_US, math.nan), Refusal.NOT_FINITE),
        (Point(series(), BASE_US, math.inf), Refusal.NOT_FINITE),
        (Point(series(), BASE_US, 10**400), Refusal.TYPE),
        (Point(series(), BASE_US, None), Refusal.TYPE),  # type: ignore[arg-type]
        (Point(series(), 1.5, 1.0), Refusal.TYPE),  # type: ignore[arg-type]
        (Point(series(), BASE_US, "x" * 65), Refusal.TEXT),
        (Point(series(), BASE_US, "x" * MAX_BATCH_BYTES), Refusal.TEXT),
        (Point(series(), BASE_US, "phòng"), Refusal.TEXT),
        (Point(series(), BASE_US, "\ud800"), Refusal.TEXT),
        (Point(series(), -1, 1.0), Refusal.TIME_RANGE),
        (Point(series(), 2**80, 1.0), Refusal.TIME_RANGE),
        (Point(series("CO2 ppm"), BASE_US, 1.0), Refusal.TAG),
        (Point(series(device="../.."), BASE_US, 1.0), Refusal.TAG),
    ],
)
def test_a_bad_point_is_refused_at_once_and_costs_no_neighbour(bad: Point, why: Refusal) -> None:
    stamper = Stamper(BOOT)
    good = some(2, of=series("good"))
    rows = stamper.rows(lot(good[0], bad, good[1]))
    assert content(*rows) == good
    assert stamper.take_refused() == {why: 1}
    assert stamper.take_refused() == {}


def test_a_series_that_changes_its_type_is_kept_in_batches_of_one_type() -> None:
    mixed: list[Value] = [1.0, 2.0, "off", "on", True]
    came = [Point(series(), BASE_US + number, value) for number, value in enumerate(mixed)]
    rows = Stamper(BOOT).rows(lot(*came))
    assert content(*rows) == came


def test_what_is_too_much_for_one_batch_is_split() -> None:
    came = [
        Point(series(f"m{number}_{'x' * 40}", f"d{number}-{'y' * 40}"), BASE_US, "z" * 64) for number in range(2_000)
    ]
    rows = Stamper(BOOT).rows(lot(*came))
    assert len(rows) > 1
    assert all(len(row.payload) <= MAX_BATCH_BYTES for row in rows)
    assert content(*rows) == came
    seqs = [(batch.first_seq, batch.last_seq) for batch in (decode(row.payload) for row in rows)]
    assert [first for first, _ in seqs] == [0, *(last + 1 for _, last in seqs[:-1])]


def test_joined_rows_hold_the_same_points_in_fewer_bytes() -> None:
    stamper = Stamper(BOOT)
    rows = [row for number in range(50) for row in stamper.rows(lot(*some(1, number), *some(1, number, series("lux"))))]
    whole = joined(rows)
    assert whole is not None
    assert sorted(content(whole), key=str) == sorted(content(*rows), key=str)
    assert (decode(whole.payload).first_seq, decode(whole.payload).last_seq) == (0, 99)
    assert len(whole.payload) < sum(len(row.payload) for row in rows) / 4


@pytest.mark.parametrize(
    "other",
    [
        Moment(STEADY.offset_us, trusted=False),
        Moment(STEADY.offset_us + 60_000_000, trusted=True),
    ],
)
def test_rows_under_different_clocks_are_not_joined(other: Moment) -> None:
    stamper = Stamper(BOOT)
    rows = [*stamper.rows(lot(*some(1))), *stamper.rows(lot(*some(1, 1), moment=other))]
    assert joined(rows) is None


def test_rows_of_different_boots_and_damaged_rows_are_not_joined() -> None:
    (one,), (other,) = Stamper(BOOT).rows(lot(*some(1))), Stamper("another").rows(lot(*some(1, 1)))
    assert joined([one, other]) is None
    assert joined([one, replace(one, payload=b"\x00")]) is None


_TIMES = st.integers(-5, 2**64) | st.integers(BASE_US - 10, BASE_US + 10)
_VALUES = st.booleans() | st.floats() | st.integers() | st.text(max_size=70)
_SERIES = st.builds(
    Series,
    st.sampled_from(Measurement),
    st.just("a101"),
    st.sampled_from(["air", "door", "Wrong Name"]),
    st.just("sensor"),
    st.sampled_from(["co2_ppm", "state"]),
)


@given(st.lists(st.lists(st.builds(Point, _SERIES, _TIMES, _VALUES, st.booleans()), max_size=12), max_size=6))
def test_whatever_is_written_the_centre_takes_or_it_is_counted(lots: list[list[Point]]) -> None:
    stamper = Stamper(BOOT)
    rows = [row for came in lots for row in stamper.rows(lot(*came))]
    kept = content(*rows)
    refused = sum(stamper.take_refused().values())
    assert len(kept) + refused == sum(map(len, lots))
    last: dict[Series, int] = {}
    for row in rows:
        for point in content(row):
            assert point.time_us >= 0
        for found in {point.series for point in content(row)}:
            times = sorted(point.time_us for point in content(row) if point.series == found)
            assert len(set(times)) == len(times)
            assert times[0] > last.get(found, -1)
            last[found] = times[-1]
