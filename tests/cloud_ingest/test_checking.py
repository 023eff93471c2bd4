"""What only the centre can judge of a point: whether its time is possible."""

import pytest

from classroom_profiles.telemetry import (
    Clock,
    Layout,
    Measurement,
    NeedLayout,
    Point,
    Run,
    Series,
    decode,
    digest,
    encode,
    pack,
)
from classroom_profiles.topics import Address
from cloud_ingest.checking import EARLIEST_US, Checked, check
from cloud_ingest.inbox import Message
from cloud_ingest.series_bound import SeriesBound

NOW_US = 1_790_000_000_000_000
SERIES = [Series(Measurement.READING, "a101", name, "air", "co2_ppm") for name in ("co2-1", "co2-2")]


def checked(times_us: list[int], latest_us: int = NOW_US) -> Checked:
    payload = encode("boot-1", True, 0, 0, [Point(SERIES[0], time_us, 400.0) for time_us in times_us])
    return check(Message(Address("thcs", "gw"), digest(payload), payload), {}, latest_us)


@pytest.mark.parametrize(
    ("times_us", "kept"),
    [
        ([NOW_US - 1, NOW_US], [NOW_US - 1, NOW_US]),
        ([NOW_US, NOW_US + 1, NOW_US + 10**12], [NOW_US]),
        ([EARLIEST_US - 1, EARLIEST_US, NOW_US], [EARLIEST_US, NOW_US]),
        ([5, 6], []),
        ([5, NOW_US, NOW_US + 1], [NOW_US]),
    ],
)
def test_times_that_cannot_be_are_refused_and_their_neighbours_stay(times_us: list[int], kept: list[int]) -> None:
    found = checked(times_us)
    assert [time for run in found.portion.runs for time in run.times_us] == kept
    assert (found.points, found.refused) == (
        len(kept),
        {"time-range": len(times_us) - len(kept)} if len(kept) < len(times_us) else {},
    )


def test_what_only_the_house_writes_has_the_schemas_metrics_and_devices_have_any() -> None:
    names = [
        (Measurement.EVENT, "preempted"),
        (Measurement.EVENT, "invented"),
        (Measurement.GATEWAY, "dropped_reading_points"),
        (Measurement.GATEWAY, "child"),
        (Measurement.READING, "of_a_third_party_ppm"),
    ]
    points = [
        Point(Series(of, "a101", "one", "one", metric), NOW_US, "a-profile" if metric == "preempted" else 1.0)
        for of, metric in names
    ]
    payload = encode("boot-1", True, 0, 4, points)
    found = check(Message(Address("thcs", "gw"), digest(payload), payload), {}, NOW_US)
    assert [run.series.metric for run in found.portion.runs] == [
        "preempted",
        "dropped_reading_points",
        "of_a_third_party_ppm",
    ]
    assert (found.points, found.refused, found.portion.layout) == (3, {"metric": 2}, None)


@pytest.mark.parametrize(
    ("measurement", "metric", "value", "good"),
    [
        (Measurement.READING, "co2_ppm", "hot", False),
        (Measurement.READING, "co2_ppm", True, False),
        (Measurement.READING, "co2_ppm", 400.0, True),
        (Measurement.READING, "presence", 1.0, False),
        (Measurement.READING, "lamp_2_h", "old", False),
        (Measurement.READING, "of_a_third_party", "anything", True),
        (Measurement.DEVICE, "experiment_mode", "damped", True),
        (Measurement.DEVICE, "experiment_length_m", 0.5, True),
        (Measurement.DEVICE, "experiment_length_m", True, False),
        (Measurement.GATEWAY, "uplink", 1.0, False),
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_a_metric_of_the_schema_has_the_kind_that_the_schema_says(
    measurement: Measurement, metric: str, value: float | bool | str, good: bool, again: bool
) -> None:
    neighbour, series = SERIES[0], Series(measurement, "a101", "one", "one", metric)
    layout = Layout.of("boot-1", [(neighbour, False), (series, False)])
    made = [Run(neighbour, False, [NOW_US], [1.0]), Run(series, False, [NOW_US - 1, NOW_US], [value] * 2)]
    payload = pack(layout, Clock.TRUSTED, 0, 2, made)
    for _ in range(1 + again):
        found = check(Message(Address("thcs", "gw"), digest(payload), payload), {layout.key: layout}, NOW_US)
    assert (found.points, found.refused) == ((3, {}) if good else (1, {"kind": 2}))
    assert found.portion.layout is (layout if good else None)


def test_a_series_that_changes_its_kind_is_noticed() -> None:
    layout = Layout.of("boot-1", [(series, False) for series in SERIES])

    def of(*values: float | str) -> Checked:
        made = [Run(series, False, [NOW_US], [value]) for series, value in zip(SERIES, values, strict=True)]
        payload = pack(layout, Clock.TRUSTED, 0, 1, made)
        return check(Message(Address("thcs", "gw"), digest(payload), payload), {layout.key: layout}, NOW_US)

    assert [of(1.0, 2.0).refused, of(1.0, "two").refused, of(1.0, 2.0).refused] == [{}, {"kind": 1}, {}]


def test_series_beyond_the_bound_are_refused_and_the_others_stay() -> None:
    bound = SeriesBound(3)

    def of(boot: str, *devices: str, gateway: str = "gw") -> Checked:
        some = [Series(Measurement.READING, "a101", device, "air", "co2_ppm") for device in devices]
        payload = encode(boot, True, 0, len(some) - 1, [Point(series, NOW_US, 1.0) for series in some])
        return check(Message(Address("thcs", gateway), digest(payload), payload), {}, NOW_US, bound)

    assert of("boot-1", "a", "b").refused == {}
    assert of("boot-1", "a", "b").refused == {}  # another layout object of the same bytes
    found = of("boot-2", "b", "c", "d", "e")
    assert (found.points, found.refused) == (2, {"series": 2})
    assert of("boot-3", "a", "b", "c").refused == {}
    assert of("boot-1", "d", "e", "f", gateway="another").refused == {}
    assert of("boot-1", "1", "2", "3", "4", gateway="a-third").refused == {"series": 1}


def test_the_batch_itself_stays_as_it_came() -> None:
    payload = encode("boot-1", True, 0, 0, [Point(SERIES[0], time, 1.0) for time in (NOW_US, NOW_US + 9)])
    batch = decode(payload)
    check(Message(Address("thcs", "gw"), digest(payload), payload), {batch.layout.key: batch.layout}, NOW_US)
    assert [len(run.times_us) for run in batch.columns] == [2]


def test_only_a_whole_batch_says_that_it_is_all_of_its_layout() -> None:
    layout = Layout.of("boot-1", [(series, False) for series in SERIES])
    known = {layout.key: layout}

    def of(times_us: list[int]) -> Checked:
        made = [Run(series, False, [time], [400.0]) for series, time in zip(SERIES, times_us, strict=False)]
        payload = pack(layout, Clock.TRUSTED, 0, len(made) - 1, made)
        return check(Message(Address("thcs", "gw"), digest(payload), payload), known, NOW_US)

    assert of([NOW_US, NOW_US]).portion.layout is layout
    assert of([NOW_US]).portion.layout is None
    assert of([NOW_US, NOW_US + 1]).portion.layout is None


def test_a_layout_that_is_not_known_is_asked_for() -> None:
    layout = Layout.of("boot-1", [(SERIES[0], False)])
    payload = pack(layout, Clock.TRUSTED, 0, 0, [Run(SERIES[0], False, [NOW_US], [1.0])])
    with pytest.raises(NeedLayout):
        check(Message(Address("thcs", "gw"), digest(payload), payload), {}, NOW_US)
