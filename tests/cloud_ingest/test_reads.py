"""Charts and totals: every store gives the answers that a plain list of points gives, rolled up or not."""

import random
from collections import defaultdict

import pytest

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.store import Portion, Sample, SchoolTotals, Store
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, HOUR_US, MINUTE_US, Span, Window, number, regrouped
from tests.cloud_ingest.conftest import Clock

START = 1_790_000_000_000_000 // HOUR_US * HOUR_US
MS = 1000
CO2 = Series(Measurement.READING, "a101", "co2", "air", "co2_ppm")
FAN = Series(Measurement.DEVICE, "a101", "fan", "fan", "switch")
INPUT = Series(Measurement.DEVICE, "a102", "projector", "projector", "input")
KINDS: dict[Series, tuple[Value, ...]] = {
    CO2: (400.0, 412.5, 1000.25),
    FAN: (True, False),
    INPUT: ("hdmi1", "vga", ""),
}
WINDOWS = (MINUTE_US, 7 * MINUTE_US, FIVE_MINUTES_US, 15 * MINUTE_US, HOUR_US, DAY_US)

Points = dict[int, Value]


def write(store: Store, points: dict[Series, Points], school: str = "thcs") -> None:
    runs = [Run(series, False, sorted(some), [some[at] for at in sorted(some)]) for series, some in points.items()]
    assert store.write([Portion(school, runs)]) == [0]


def rolled_up(store: Store, clock: Clock) -> None:
    """Some time later, when all that can be rolled up is."""
    clock.ahead_us += 2 * MINUTE_US
    while store.tend(clock()):
        pass
    clock.ahead_us += MINUTE_US


def expected(points: Points, span: Span, window_us: int) -> list[Window]:
    """The definition."""
    found: dict[int, list[Value]] = defaultdict(list)
    for at in sorted(points):
        if span.since_us <= at < span.until_us:
            found[at // window_us * window_us].append(points[at])
    windows = []
    for start, values in found.items():
        numbers = [n for n in map(number, values) if n is not None]
        total, least, most = (sum(numbers), min(numbers), max(numbers)) if numbers else (None, None, None)
        windows.append(Window(start, len(values), total, least, most, values[-1]))
    return windows


def holds(store: Store, points: dict[Series, Points], span: Span) -> None:
    """Each way of reading gives what the definition gives."""
    for series, some in points.items():
        for window_us in WINDOWS:
            whole = span.widened(window_us)
            assert store.windows("thcs", series, span, window_us) == expected(some, whole, window_us), window_us
        inside = {at: value for at, value in some.items() if span.since_us <= at < span.until_us}
        assert store.points("thcs", series, span) == [Sample(at, inside[at], False) for at in sorted(inside)]
        whole = span.widened(FIVE_MINUTES_US)
        inside = {at: value for at, value in some.items() if whole.since_us <= at < whole.until_us}
        totals = []
        if inside:
            numbers = [n for n in map(number, inside.values()) if n is not None]
            mean = pytest.approx(sum(numbers) / len(inside)) if numbers else None
            totals = [SchoolTotals("thcs", len(inside), mean, max(inside))]  # type: ignore[arg-type]  # approx
        assert store.by_school(series.metric, span) == totals
    assert store.count("thcs") == sum(map(len, points.values()))


def some_points(chance: random.Random, hours: int, gaps: float) -> dict[Series, Points]:
    """Of three kinds, in a few of the minutes of some hours."""
    points: dict[Series, Points] = {series: {} for series in KINDS}
    for hour in range(hours):
        if chance.random() < gaps:
            continue
        for series, values in KINDS.items():
            for _ in range(chance.randint(0, 12)):
                at = START + hour * HOUR_US + chance.randrange(HOUR_US // MS) * MS
                points[series][at] = chance.choice(values)
    return points


@pytest.mark.parametrize("seed", range(3))
def test_windows_are_the_same_before_and_after_rolling_up_and_with_what_came_late(
    store: Store, clock: Clock, seed: int
) -> None:
    chance = random.Random(seed)
    points = some_points(chance, hours=30, gaps=0.4)
    span = Span(START + chance.randrange(5 * HOUR_US // MS) * MS, START + chance.randrange(20, 30) * HOUR_US + 77 * MS)
    write(store, points)
    holds(store, points, span)
    rolled_up(store, clock)
    holds(store, points, span)
    late = some_points(chance, hours=30, gaps=0.9)
    write(store, late)
    points = {series: points[series] | late[series] for series in points}
    holds(store, points, span)
    rolled_up(store, clock)
    holds(store, points, span)


def test_a_gap_stays_a_gap(store: Store, clock: Clock) -> None:
    write(store, {CO2: {START: 400.0, START + 5 * HOUR_US: 500.0}})
    span = Span(START, START + 10 * HOUR_US)
    for _ in range(2):
        found = store.windows("thcs", CO2, span, HOUR_US)
        assert [(window.start_us, window.mean) for window in found] == [(START, 400.0), (START + 5 * HOUR_US, 500.0)]
        rolled_up(store, clock)


def test_live_hours_are_read_while_they_grow(store: Store, clock: Clock) -> None:
    hour = clock() // HOUR_US * HOUR_US
    points: Points = {}
    for minute in range(5):
        points[hour + minute * MINUTE_US] = 400.0 + minute
        write(store, {CO2: {hour + minute * MINUTE_US: 400.0 + minute}})
        store.tend(clock())
        assert store.windows("thcs", CO2, Span(hour, hour + HOUR_US), FIVE_MINUTES_US) == expected(
            points, Span(hour, hour + HOUR_US), FIVE_MINUTES_US
        )


def test_totals_name_each_school_and_only_the_metric_asked_for(store: Store, clock: Clock) -> None:
    for school, value in (("thpt", 500.0), ("thcs", 400.0)):
        write(store, {CO2: {START: value, START + HOUR_US: value + 100.0}, FAN: {START: True}}, school)
    span = Span(START, START + 2 * HOUR_US)
    for _ in range(2):
        assert store.by_school("co2_ppm", span) == [
            SchoolTotals("thcs", 2, 450.0, START + HOUR_US),
            SchoolTotals("thpt", 2, 550.0, START + HOUR_US),
        ]
        assert store.by_school("switch", span) == [
            SchoolTotals("thcs", 1, 1.0, START), SchoolTotals("thpt", 1, 1.0, START)
        ]  # fmt: skip
        assert store.by_school("nothing", span) == []
        rolled_up(store, clock)


def test_the_latest_of_a_school_names_the_rooms(store: Store) -> None:
    write(store, {CO2: {START: 400.0}, INPUT: {START: "hdmi1"}})
    assert [(one.room, one.device, one.value) for one in store.latest("thcs")] == [
        ("a101", "co2", 400.0), ("a102", "projector", "hdmi1")
    ]  # fmt: skip


def test_a_sum_that_no_float_can_hold_costs_means_only(exact_store: Store, clock: Clock) -> None:
    """InfluxDB gives none in that answer."""
    store = exact_store
    most = 1.5e308
    write(store, {CO2: {START: most, START + MS: most, START + HOUR_US: 2.0}, FAN: {START: True}})
    span = Span(START, START + 2 * HOUR_US)
    for _ in range(2):
        found = store.windows("thcs", CO2, span, HOUR_US)
        assert [(window.count, window.maximum) for window in found] == [(2, most), (1, 2.0)]
        assert found[0].mean is None
        assert found[1].mean in (None, 2.0)
        (day,) = store.windows("thcs", CO2, span, DAY_US)
        assert (day.count, day.mean, day.minimum) == (3, None, 2.0)
        assert store.by_school("co2_ppm", span) == [SchoolTotals("thcs", 3, None, START + HOUR_US)]
        assert [window.mean for window in store.windows("thcs", FAN, span, HOUR_US)] == [1.0]
        rolled_up(store, clock)


def test_points_are_limited_and_in_order(store: Store) -> None:
    write(store, {CO2: {START + n * HOUR_US: float(n) for n in range(50)}})
    span = Span(START + HOUR_US, START + 50 * HOUR_US)
    assert [sample.value for sample in store.points("thcs", CO2, span, limit=3)] == [1.0, 2.0, 3.0]
    assert len(store.points("thcs", CO2, span)) == 49


def test_a_series_that_nobody_knows_is_empty(store: Store) -> None:
    span = Span(START, START + DAY_US)
    assert (store.windows("thcs", CO2, span, HOUR_US), store.points("thcs", CO2, span)) == ([], [])


@pytest.mark.parametrize(
    ("span", "window_us"),
    [
        (Span(START, START), HOUR_US),
        (Span(START, START - 1), HOUR_US),
        (Span(-1, START), HOUR_US),
        (Span(START, START + HOUR_US), 0),
        (Span(START, START + 400 * DAY_US), MINUTE_US),
    ],
)
def test_a_question_that_is_none_is_said_to_be_none(store: Store, span: Span, window_us: int) -> None:
    with pytest.raises(ValueError, match=r"window|span"):
        store.windows("thcs", CO2, span, window_us)


def test_windows_of_windows_are_windows_of_points() -> None:
    chance = random.Random(7)
    for points in some_points(chance, hours=50, gaps=0.3).values():
        span = Span(START, START + 50 * HOUR_US)
        short = expected(points, span, FIVE_MINUTES_US)
        assert regrouped(short, HOUR_US) == expected(points, span, HOUR_US)
