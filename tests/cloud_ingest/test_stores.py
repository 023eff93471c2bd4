"""Every store gives the same answers."""

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.store import Portion, Store, Stored, StoreUnavailable, WrongStore, store_of
from cloud_ingest.victoria_store import VictoriaStore

NOW = 1_790_000_000_000_000
MS = 1000
_numbers = itertools.count()


def run(device: str, metric: str, values: Mapping[int, Value], *, room: str = "a101", simulated: bool = False) -> Run:
    return Run(Series(Measurement.READING, room, device, "sensor", metric), simulated, [*values], [*values.values()])


def last(device: str, metric: str, value: Value, time_us: int, *, simulated: bool = False) -> Stored:
    return Stored(Measurement.READING, device, "sensor", metric, value, time_us, simulated, "a101")


def test_what_was_written_is_what_is_read(store: Store) -> None:
    written = Portion(
        "thcs",
        [
            run("co2", "co2_ppm", {NOW: 400.0, NOW + MS: 412.5}),
            run("fan", "switch", {NOW: True, NOW + 2 * MS: False}, simulated=True),
            run("projector", "input", {NOW: "hdmi1", NOW + 3 * MS: 'a "b" \\'}),
        ],
    )
    assert store.write([written]) == [0]
    assert store.latest("thcs", "a101") == [
        last("co2", "co2_ppm", 412.5, NOW + MS),
        last("fan", "switch", False, NOW + 2 * MS, simulated=True),
        last("projector", "input", 'a "b" \\', NOW + 3 * MS),
    ]
    assert store.count("thcs", "a101") == 6


def test_writing_again_adds_nothing(store: Store) -> None:
    portion = Portion("thcs", [run("co2", "co2_ppm", {NOW + n * MS: float(n) for n in range(50)})])
    for _ in range(3):
        assert store.write([portion, portion]) == [0, 0]
    assert store.count("thcs", "a101") == 50
    assert store.latest("thcs", "a101") == [last("co2", "co2_ppm", 49.0, NOW + 49 * MS)]


def test_an_older_point_is_kept_but_is_not_the_latest(store: Store) -> None:
    store.write([Portion("thcs", [run("co2", "co2_ppm", {NOW: 500.0})])])
    store.write([Portion("thcs", [run("co2", "co2_ppm", {NOW - 7_200_000_000: 400.0})])])
    assert store.latest("thcs", "a101") == [last("co2", "co2_ppm", 500.0, NOW)]
    assert store.count("thcs", "a101") == 2


def test_since_bounds_what_is_read_and_counted(store: Store) -> None:
    hours = {NOW + hour * 3_600_000_000: float(hour) for hour in range(5)}
    store.write([Portion("thcs", [run("co2", "co2_ppm", hours), run("old", "co2_ppm", {NOW: 1.0})])])
    since = NOW + 3 * 3_600_000_000
    assert store.latest("thcs", "a101", since) == [last("co2", "co2_ppm", 4.0, NOW + 4 * 3_600_000_000)]
    assert store.count("thcs", "a101", since) == 2
    assert store.count("thcs", "a101", NOW + MS) == 4


def test_one_school_or_room_is_never_anothers(store: Store) -> None:
    for school, room in (("thcs", "a101"), ("thcs", "a102"), ("thpt", "a101")):
        store.write([Portion(school, [run(f"of-{school}-{room}", "co2_ppm", {NOW: 1.0}, room=room)])])
    assert [stored.device for stored in store.latest("thcs", "a101")] == ["of-thcs-a101"]
    assert [store.count("thcs", "a101"), store.count("thcs"), store.count("thpt")] == [1, 2, 1]


def test_an_unknown_room_is_empty(store: Store) -> None:
    assert (store.latest("thcs", "nowhere"), store.count("thcs", "nowhere"), store.count("none")) == ([], 0, 0)


@pytest.mark.parametrize("value", [0.0, -0.0, 5e-324, 1.7976931348623157e308, 1e22, 0.1 + 0.2, -123456789.123456789])
def test_numbers_come_back_to_the_last_bit(exact_store: Store, value: float) -> None:
    store = exact_store
    assert store.write([Portion("thcs", [run("co2", "co2_ppm", {NOW: value})])]) == [0]
    assert store.latest("thcs", "a101")[0].value == value


def test_the_first_and_last_times_are_stored(exact_store: Store) -> None:
    store = exact_store
    times: dict[int, Value] = {0: 1.0, (2**63 - 2) // 1000: 2.0}
    assert store.write([Portion("thcs", [run("co2", "co2_ppm", times)])]) == [0]
    assert store.count("thcs", "a101") == 2


slugs = st.sampled_from(["a101", "a102", "b-1", "0"])
by_kind: dict[str, st.SearchStrategy[Value]] = {
    "number": st.integers(-(10**9), 10**9).map(lambda n: n / 64),  # every store keeps 15 digits
    "flag": st.booleans(),
    "text": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64),
}


@st.composite
def written(draw: st.DrawFn) -> Run:
    kind = draw(st.sampled_from([*by_kind]))
    times = draw(st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True).map(sorted))
    values: list[Value] = draw(st.lists(by_kind[kind], min_size=len(times), max_size=len(times)))
    series = Series(draw(st.sampled_from(Measurement)), draw(slugs), draw(slugs), "sensor", f"a_{kind}")
    spread = [NOW + time * 1_800_000_000 for time in times]  # over several of SQLite's hours
    return Run(series, False, spread, values)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(written(), max_size=6), max_size=3), st.integers(0, 20))
def test_a_store_remembers_what_a_dictionary_would(store: Store, writes: list[list[Run]], since: int) -> None:
    school = f"school-{next(_numbers)}"
    since_us = NOW + since * 1_800_000_000
    known: dict[tuple[Series, int], Value] = {}
    for runs in writes:
        for one in runs:
            if isinstance(store, VictoriaStore):  # what it does with another value for the same time is its own affair
                one.values[:] = [
                    known.get((one.series, at), value) for at, value in zip(one.times_us, one.values, strict=True)
                ]
            known |= {(one.series, time): value for time, value in zip(one.times_us, one.values, strict=True)}
        assert store.write([Portion(school, runs)]) == [0]
    for room in ("a101", "b-1"):
        there = {key: value for key, value in known.items() if key[0].room == room and key[1] >= since_us}
        assert store.count(school, room, since_us) == len(there)
        newest: dict[Series, int] = {}
        for series, time in there:
            newest[series] = max(time, newest.get(series, 0))
        found = store.latest(school, room, since_us)
        assert {(f.measurement, f.device, f.role, f.metric, f.value, f.time_us) for f in found} == {
            (s.measurement, s.device, s.role, s.metric, known[s, time], time) for s, time in newest.items()
        }
        assert len(found) == len(newest)
    assert store.count(school) == len(known)


@pytest.mark.parametrize(
    "url", ["influx1://127.0.0.1:1/lophoc", "influx2+http://127.0.0.1:1/city/lophoc", "victoria://127.0.0.1:1"]
)
def test_a_store_that_is_away_says_so(url: str) -> None:
    store = store_of(url)
    try:
        with pytest.raises(StoreUnavailable):
            store.write([Portion("thcs", [run("co2", "co2_ppm", {NOW: 1.0})])])
        with pytest.raises(StoreUnavailable):
            store.latest("thcs", "a101")
    finally:
        store.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite://store.sqlite", "sqlite:///PATH"),
        ("sqlite:///", "sqlite:///PATH"),
        ("influx1://host:8086", "DATABASE"),
        ("influx1://host:port/db", "port"),
        ("influx1://user:secret@host/db", "LOPHOC_STORE_PASSWORD"),
        ("influx2+http://host/bucket", "ORG/BUCKET"),
        ("influx2://host/org/bucket", r"influx2\+http"),
        ('influx1://host/db"x', "names have"),
        ("victoria://host:8428/db", "victoria://host:8428"),
        ("sqlite:///store.sqlite?raw_days=1", "raw_days"),
        ("sqlite:///store.sqlite?raw_days=many", "number of days"),
        ("sqlite:///store.sqlite?days=9", "five_minute_days"),
        ("mysql://host/db", "no store known"),
        ("", "no store known"),
    ],
)
def test_a_wrong_url_says_what_would_be_right(url: str, says: str) -> None:
    with pytest.raises(WrongStore, match=says) as wrong:
        store_of(url)
    assert "secret" not in str(wrong.value)
