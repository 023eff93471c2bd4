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
    points = [Point(Series(of, "a101", "one", "one", metric), NOW_US, 1.0) for of, metric in names]
    payload = encode("boot-1", True, 0, 4, points)
    found = check(Message(Address("thcs", "gw"), digest(payload), payload), {}, NOW_US)
    assert [run.series.metric for run in found.portion.runs] == [
        "preempted",
        "dropped_reading_points",
        "of_a_third_party_ppm",
    ]
    assert (found.points, found.refused, found.portion.layout) == (3, {"metric": 2}, None)


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
