"""InfluxDB's rollups: used where they hold all points, and never believed where they may not."""

import itertools
import random
from collections.abc import Iterator

import httpx
import pytest

from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.influx1_store import Influx1Store
from cloud_ingest.influx2_store import Influx2Store
from cloud_ingest.influx_http import InfluxQueries
from cloud_ingest.influx_rollups import InfluxRollups
from cloud_ingest.store import Portion, SchoolTotals
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, HOUR_US, MINUTE_US, Span
from tests.cloud_ingest.conftest import Clock
from tests.cloud_ingest.influx2_shim import TOKEN, influx2_shim
from tests.servers import InfluxDB

START = 1_790_000_000_000_000 // DAY_US * DAY_US
CO2 = Series(Measurement.READING, "a101", "co2", "air", "co2_ppm")
SPAN = Span(START, START + DAY_US)
_numbers = itertools.count()


@pytest.fixture
def database() -> str:
    return f"rollups{next(_numbers)}"


@pytest.fixture
def store(influxdb: InfluxDB, database: str, clock: Clock) -> Iterator[Influx1Store]:
    yield from opened(influxdb, database, clock)


def opened(influxdb: InfluxDB, database: str, clock: Clock) -> Iterator[Influx1Store]:
    store = Influx1Store(f"http://{influxdb.address}", database, clock_us=clock)
    store.open()
    yield store
    store.close()


def write(store: Influx1Store | Influx2Store, *at: int, school: str = "thcs") -> None:
    assert store.write([Portion(school, [Run(CO2, False, [*at], [1.0] * len(at))])]) == [0]


def tended(store: Influx1Store | Influx2Store, clock: Clock) -> None:
    clock.ahead_us += 2 * MINUTE_US
    while store.tend(clock()):
        pass
    clock.ahead_us += MINUTE_US


def counts(store: Influx1Store | Influx2Store, window_us: int = HOUR_US) -> list[int]:
    return [window.count for window in store.windows("thcs", CO2, SPAN, window_us)]


def post(influxdb: InfluxDB, database: str, line: str) -> None:
    answer = httpx.post(
        f"http://{influxdb.address}/write", params={"db": database, "precision": "u"}, content=line, trust_env=False
    )
    assert answer.status_code == 204


def asked(influxdb: InfluxDB, database: str, question: str) -> None:
    answer = httpx.post(
        f"http://{influxdb.address}/query", params={"db": database, "q": question}, trust_env=False, timeout=10.0
    )
    assert "error" not in answer.text


def test_rolled_up_hours_are_read_without_their_points(
    influxdb: InfluxDB, store: Influx1Store, database: str, clock: Clock
) -> None:
    write(store, *(START + n * 10 * MINUTE_US for n in range(30)))
    tended(store, clock)
    asked(influxdb, database, "DROP MEASUREMENT reading")
    assert counts(store) == [6] * 5
    assert counts(store, FIVE_MINUTES_US) == [1] * 30
    assert counts(store, DAY_US) == [30]
    assert counts(store, MINUTE_US) == []


def test_a_late_point_is_seen_at_once(store: Influx1Store, clock: Clock) -> None:
    write(store, START)
    tended(store, clock)
    for n in range(1, 4):
        write(store, START + n)
        assert counts(store) == [1 + n]
        store.tend(clock())
        assert counts(store) == [1 + n]
    tended(store, clock)
    assert counts(store) == [4]


def test_an_hour_that_is_still_written_to_is_left_alone(
    influxdb: InfluxDB, store: Influx1Store, database: str, clock: Clock
) -> None:
    write(store, START)
    while store.tend(clock()):  # it looks first for what others left
        pass
    clock.ahead_us += 35_000_000
    write(store, START + 1)
    clock.ahead_us += 35_000_000
    assert not store.tend(clock())
    clock.ahead_us += 10_000_000
    assert store.tend(clock())
    assert not store.tend(clock())


def test_what_was_due_when_a_worker_died_is_done_by_the_next(
    influxdb: InfluxDB, database: str, store: Influx1Store, clock: Clock
) -> None:
    recent = (clock() - DAY_US) // HOUR_US * HOUR_US
    write(store, recent, recent + 2 * HOUR_US)
    for successor in opened(influxdb, database, clock):
        tended(successor, clock)
        asked(influxdb, database, "DROP MEASUREMENT reading")
        span = Span(recent, recent + DAY_US)
        assert [window.count for window in successor.windows("thcs", CO2, span, HOUR_US)] == [1, 1]


def test_two_workers_do_an_hour_once(influxdb: InfluxDB, database: str, store: Influx1Store, clock: Clock) -> None:
    for other in opened(influxdb, database, clock):
        write(store, START)
        write(other, START + 1)
        tended(store, clock)
        asked(influxdb, database, "DROP MEASUREMENT reading")
        tended(other, clock)  # would find nothing, and must not say so
        assert counts(store) == counts(other) == [2]


def test_quiet_hours_between_are_done_too(influxdb: InfluxDB, database: str, store: Influx1Store, clock: Clock) -> None:
    write(store, START, START + 12 * HOUR_US)
    tended(store, clock)
    answer = httpx.get(
        f"http://{influxdb.address}/query", trust_env=False,
        params={"db": f"{database}_rollup", "q": "SELECT count(at) FROM rollup_done"},
    ).json()  # fmt: skip
    assert answer["results"][0]["series"][0]["values"][0][1] == 13


def test_points_that_others_wrote_are_read_although_nothing_was_marked(
    influxdb: InfluxDB, database: str, store: Influx1Store
) -> None:
    post(influxdb, database, f"reading,device=co2,metric=co2_ppm,role=air,room=a101,school=thcs value=1 {START}")
    assert counts(store) == [1]


def test_schools_that_are_written_to_all_the_time_are_marked_together() -> None:
    now = [START]
    posted: list[list[str]] = []

    def post(lines: bytes) -> bool:
        posted.append([line.partition(" ")[0].partition("school=")[2] for line in lines.decode().splitlines()])
        return True

    queries = InfluxQueries(httpx.Client(), "nobody-asks")
    rollups = InfluxRollups(queries, queries, post, lambda: now[0])
    for second, school in ((0, "a"), (3, "b"), (9, "a"), (9, "b"), (10, "a"), (13, "b"), (19, "a"), (20, "b")):
        now[0] = START + second * 1_000_000
        rollups.mark([Portion(school, [Run(CO2, False, [START], [1.0])])])
    assert posted == [["a"], ["b"], ["a", "b"], ["a", "b"]]


def test_totals_of_many_schools_are_right_whatever_of_each_is_rolled_up(
    influxdb: InfluxDB, database: str, store: Influx1Store, clock: Clock
) -> None:
    chance = random.Random(7)
    points: dict[str, set[int]] = {f"school-{number:02}": set() for number in range(20)}

    def holds() -> None:
        for span in (SPAN, Span(START + 7 * FIVE_MINUTES_US, START + 9 * HOUR_US + 2 * FIVE_MINUTES_US)):
            found = store.by_school("co2_ppm", span)
            inside = {of: [at for at in some if span.since_us <= at < span.until_us] for of, some in points.items()}
            assert found == [SchoolTotals(of, len(some), 1.0, max(some)) for of, some in inside.items() if some]

    for late in (False, True):
        for school, has in points.items():
            some = {START + chance.randrange(12 * 60) * MINUTE_US for _ in range(1 if late else chance.randrange(40))}
            if some and (not late or chance.random() < 0.7):
                write(store, *sorted(some), school=school)
                has |= some
        holds()
        if not late:
            tended(store, clock)
            holds()
    post(influxdb, database, f"reading,school=by-others,room=a,device=d,role=air,metric=co2_ppm value=1 {START}")
    points["by-others"] = {START}
    points = dict(sorted(points.items()))
    holds()


def test_a_2x_without_a_bucket_for_rollups_is_right_but_slower(
    influxdb: InfluxDB, database: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LOPHOC_STORE_TOKEN", TOKEN)
    asked(influxdb, "", f'CREATE DATABASE "{database}"')
    with influx2_shim(f"http://{influxdb.address}") as address:
        store = Influx2Store(f"http://{address}", "city", database, clock)
        try:
            write(store, START, START + HOUR_US)
            tended(store, clock)
            write(store, START + 1)
            assert counts(store) == [2, 1]
        finally:
            store.close()
    assert caplog.text.count("no database or bucket for rollups") == 1
