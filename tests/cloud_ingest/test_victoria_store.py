"""VictoriaMetrics drops and changes in silence: what it would, we refuse or write in another way."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest import promql
from cloud_ingest.line_protocol import prefix
from cloud_ingest.promql import NoAnswer
from cloud_ingest.store import Portion, WrongStore, wall_us
from cloud_ingest.victoria_lines import FIRST_US, Limits, kept, lines
from cloud_ingest.victoria_lines import written as written_lines
from cloud_ingest.victoria_store import VictoriaStore
from cloud_ingest.windows import DAY_US, Span
from tests.cloud_ingest.victoria import victoria_metrics

INPUT = Series(Measurement.DEVICE, "a101", "projector", "projector", "input")
CO2 = Series(Measurement.READING, "a101", "co2", "air", "co2_ppm")
NOW = 1_790_000_000_000_000
LIMITS = Limits.at(NOW, None)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with victoria_metrics(tmp_path_factory.mktemp("victoria")) as address:
        yield address


@pytest.fixture
def store(address: str) -> Iterator[VictoriaStore]:
    store = VictoriaStore(f"http://{address}")
    store.open()
    yield store
    store.close()


def written(store: VictoriaStore, address: str, school: str, run: Run) -> list[int]:
    refused = store.write([Portion(school, [run])])
    httpx.get(f"http://{address}/internal/force_flush", trust_env=False, timeout=10.0)
    return refused


schools = (f"school-{number}" for number in range(10_000))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64), min_size=1, max_size=6))
@example(["", "\\", "a\\", "a,b=c d", '"', "{x}", "\\n", " ", "  a  ", "#", "="])
def test_every_text_comes_back_and_none_becomes_0(store: VictoriaStore, address: str, texts: list[str]) -> None:
    school = next(schools)
    times = [NOW + n * 1000 for n in range(len(texts))]
    assert written(store, address, school, Run(INPUT, False, times, [*texts])) == [0]
    found = store.points(school, INPUT, Span(NOW, NOW + DAY_US))
    assert [sample.value for sample in found] == texts
    assert [one.value for one in store.latest(school)] == [texts[-1]]


def test_times_that_it_would_drop_are_refused_and_counted(store: VictoriaStore, address: str) -> None:
    now, school = wall_us(), next(schools)
    good = [FIRST_US, now - 365 * DAY_US, now, now + DAY_US]
    bad = [0, 1, FIRST_US - 1, now + 3 * DAY_US, (2**63 - 2) // 1000]
    times = sorted(good + bad)
    assert written(store, address, school, Run(CO2, False, times, [1.0] * len(times))) == [len(bad)]
    assert store.count(school) == len(good)
    ignored = httpx.get(f"http://{address}/metrics", trust_env=False).text
    assert 'vm_rows_ignored_total{reason="big_timestamp"} 0' in ignored
    assert 'vm_rows_ignored_total{reason="small_timestamp"} 0' in ignored


def test_of_points_in_one_millisecond_it_has_the_last_and_the_others_are_refused(
    store: VictoriaStore, address: str
) -> None:
    school = next(schools)
    run = Run(CO2, False, [NOW, NOW + 1, NOW + 999, NOW + 1000, NOW + 1001], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert written(store, address, school, run) == [3]
    assert [sample.value for sample in store.points(school, CO2, Span(NOW, NOW + 10_000))] == [3.0, 5.0]


def test_a_number_that_would_spoil_its_neighbours_is_refused(store: VictoriaStore, address: str) -> None:
    school = next(schools)
    run = Run(CO2, False, [NOW, NOW + 1000, NOW + 2000], [412.5, 1e300, -1e16])
    assert written(store, address, school, run) == [2]
    assert [sample.value for sample in store.points(school, CO2, Span(NOW, NOW + 10_000))] == [412.5]


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=20, unique=True).map(sorted))
def test_what_is_kept_is_what_it_can_tell_apart(offsets: list[int]) -> None:
    values: list[Value] = [float(offset) for offset in offsets]
    run = kept(Run(CO2, False, [NOW + offset for offset in offsets], values), LIMITS)
    last = {offset // 1000: offset for offset in offsets}
    assert run.values == [float(offset) for offset in last.values()]


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([1.0, 1e300, True, "a"]), st.lists(st.integers(0, 3000), min_size=1)),
        max_size=5,
    )
)
def test_the_short_way_for_live_points_is_the_long_way(some: list[tuple[bool, Value, list[int]]]) -> None:
    runs = []
    for simulated, value, offsets in some:
        times = sorted({NOW * (offset % 2) + offset for offset in offsets})  # some of them before 1970-01-02
        runs.append(Run(CO2, simulated, times, [value] * len(times)))
    found, (refused,) = written_lines([Portion("thcs", runs)], LIMITS)
    assert found == [line for run in runs for line in lines("thcs", kept(run, LIMITS))]
    assert refused == sum(len(run.times_us) for run in runs) - len(found)


@pytest.mark.parametrize("value", [0.1 + 0.2, -123456789.123456789, 1e15, 412.0625, -1e-9])
def test_numbers_have_fifteen_digits(store: VictoriaStore, address: str, value: float) -> None:
    school = next(schools)
    assert written(store, address, school, Run(CO2, False, [NOW], [value])) == [0]
    assert store.latest(school)[0].value == pytest.approx(value, rel=1e-15)


def test_a_series_that_was_simulated_and_then_real_is_one_series(store: VictoriaStore, address: str) -> None:
    school = next(schools)
    written(store, address, school, Run(CO2, True, [NOW], [1.0]))
    written(store, address, school, Run(CO2, False, [NOW + 1000], [2.0]))
    span = Span(NOW, NOW + DAY_US)
    assert [(s.value, s.simulated) for s in store.points(school, CO2, span)] == [(1.0, True), (2.0, False)]
    assert [(one.value, one.simulated) for one in store.latest(school)] == [(2.0, False)]
    assert sum(window.count for window in store.windows(school, CO2, span, DAY_US)) == 2


def test_one_that_would_count_replays_twice_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with victoria_metrics(tmp_path, dedup="0s") as address:
        store = VictoriaStore(f"http://{address}")
        with pytest.raises(WrongStore, match=r"-dedup\.minScrapeInterval=1ms"):
            store.open()
        store.close()


def test_points_older_than_it_keeps_are_refused(tmp_path: Path) -> None:
    with victoria_metrics(tmp_path, retention="1") as address:
        store = VictoriaStore(f"http://{address}")
        try:
            store.open()
            now = wall_us()
            times = [now - 400 * DAY_US, now - 32 * DAY_US, now - 30 * DAY_US, now]
            assert written(store, address, "thcs", Run(CO2, False, times, [1.0] * 4)) == [2]
            assert store.count("thcs") == 2
            assert httpx.get(f"http://{address}/metrics", trust_env=False).text.count("} 0\n")
        finally:
            store.close()


def test_a_restart_is_told_apart(tmp_path: Path) -> None:
    eras = []
    for _ in range(2):
        with victoria_metrics(tmp_path) as address:
            store = VictoriaStore(f"http://{address}")
            eras.append(store.era())
            assert store.era() == eras[-1]
            store.close()
        while time.time() < float(eras[-1]) + 1.0:  # it tells its start to the second
            threading.Event().wait(0.02)
    assert eras[0] != eras[1]


def test_a_text_is_a_label_and_a_simulated_point_has_one() -> None:
    start = prefix("thcs", INPUT)[:-1]
    assert lines("thcs", Run(INPUT, True, [NOW], ["a b,c=\\"])) == [
        f"{start},simulated=true,text=a\\ b\\,c\\=\\\\ text=1 {NOW}"
    ]
    assert lines("thcs", Run(INPUT, False, [NOW], [True])) == [f"{start} flag=1 {NOW}"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["status", "data", "result", "resultType", "metric", "value", "values"]), inner
        )
    ),
    max_leaves=12,
)
results = st.lists(
    st.fixed_dictionaries({}, optional={"metric": anything, "value": anything, "values": anything}) | anything
)


@settings(max_examples=200)
@given(anything | results.map(lambda r: {"status": "success", "data": {"resultType": "matrix", "result": r}}))
def test_no_answer_does_worse_than_no_answer(answer: object) -> None:
    for read in (
        promql.latest_of, promql.count_of, promql.series_of, lambda a: promql.windows_of(a, DAY_US),
        lambda a: promql.by_school_of(a, a, a), lambda a: promql.exported(str(a)),
    ):  # fmt: skip
        try:
            read(answer)
        except NoAnswer:
            continue
