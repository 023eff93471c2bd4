"""The embedded store lets go of points only when their windows have them, whatever happens in between."""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.sqlite_keeping import Keeping
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion, StoreUnavailable, WrongStore
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, HOUR_US, MINUTE_US, Span, Window, regrouped

START = 1_700_000_000_000_000 // DAY_US * DAY_US
CO2 = Series(Measurement.READING, "a101", "co2", "air", "co2_ppm")
KEEPING = Keeping(raw_days=2, five_minute_days=5, hour_days=60)
ALL = Span(START - DAY_US, START + 20 * DAY_US)


class Clock:
    def __init__(self) -> None:
        self.now_us = START

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SqliteStore]:
    store = SqliteStore(str(path), KEEPING, clock)
    store.open()
    yield store
    store.close()


def write(store: SqliteStore, points: dict[int, float]) -> None:
    times = sorted(points)
    store.write([Portion("thcs", [Run(CO2, False, times, [points[at] for at in times])])])


def tended(store: SqliteStore, now_us: int) -> None:
    while store.tend(now_us):
        pass


def every(minutes: int, days: int, start_us: int = START) -> dict[int, float]:
    return {start_us + n * minutes * MINUTE_US: float(n % 97) for n in range(days * 24 * 60 // minutes)}


def rows(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - ours
    finally:
        connection.close()


def test_old_points_become_windows_and_every_total_stays(store: SqliteStore, path: Path) -> None:
    points = every(minutes=2, days=10)
    write(store, points)
    before = store.windows("thcs", CO2, ALL, HOUR_US)
    day = store.windows("thcs", CO2, ALL, DAY_US)
    five = store.windows("thcs", CO2, ALL, FIVE_MINUTES_US)
    tended(store, START + 10 * DAY_US + 3 * MINUTE_US)
    assert rows(path, "point") == 2 * 24 * 30
    assert rows(path, "five_minutes") == 5 * 24 * 12
    assert rows(path, "hours") == 10 * 24
    assert store.windows("thcs", CO2, ALL, HOUR_US) == before
    assert store.windows("thcs", CO2, ALL, DAY_US) == day
    kept_from = START + 5 * DAY_US
    kept = [window for window in five if window.start_us >= kept_from]
    assert [w for w in store.windows("thcs", CO2, ALL, FIVE_MINUTES_US) if w.start_us >= kept_from] == kept
    assert store.count("thcs") == len(points)
    assert store.count("thcs", "a101", START + 3 * DAY_US) == 7 * 24 * 30
    (totals,) = store.by_school("co2_ppm", ALL)
    assert (totals.count, totals.last_seen_us) == (len(points), max(points))
    assert totals.mean == pytest.approx(sum(points.values()) / len(points))


def test_where_points_are_gone_short_windows_show_what_is_left(store: SqliteStore) -> None:
    write(store, every(minutes=1, days=4))
    tended(store, START + 4 * DAY_US)
    old = Span(START, START + HOUR_US)
    found = store.windows("thcs", CO2, old, MINUTE_US)
    assert [window.count for window in found] == [5] * 12
    assert regrouped(found, HOUR_US) == store.windows("thcs", CO2, old, HOUR_US)
    assert store.points("thcs", CO2, old) == []


def test_what_comes_after_its_hour_was_let_go_is_added_once(store: SqliteStore, path: Path, clock: Clock) -> None:
    write(store, every(minutes=2, days=4))
    clock.now_us = START + 4 * DAY_US
    tended(store, clock.now_us)
    late = {START + MINUTE_US: 1000.0, START + 3 * MINUTE_US: -5.0}
    for _ in range(3):  # its ack was lost, so it comes again
        write(store, late)
    for days in (0, 0.5, 1.5, 1.5):
        clock.now_us = START + 4 * DAY_US + round(days * DAY_US)
        tended(store, clock.now_us)
        hour = store.windows("thcs", CO2, Span(START, START + HOUR_US), HOUR_US)
        assert hour == [Window(START, 32, sum(map(float, range(30))) + 995.0, -5.0, 1000.0, 29.0)]
        five = store.windows("thcs", CO2, Span(START, START + FIVE_MINUTES_US), FIVE_MINUTES_US)
        assert [(window.count, window.last) for window in five] == [(5, 2.0)]
        assert store.count("thcs") == 4 * 24 * 30 + 2
        assert store.by_school("co2_ppm", ALL)[0].count == 4 * 24 * 30 + 2
    assert rows(path, "late") == 0


def test_nothing_is_let_go_before_it_is_rolled_up(store: SqliteStore, path: Path) -> None:
    points = every(minutes=5, days=4)
    write(store, points)
    while rows(path, "due"):
        assert rows(path, "point") == len(points)
        assert store.tend(START + 30 * DAY_US)
    assert store.count("thcs") == len(points)


@pytest.mark.parametrize("wrong", [START + 10_000 * DAY_US, 0])
def test_a_centre_with_a_wrong_clock_deletes_nothing_that_is_new(store: SqliteStore, path: Path, wrong: int) -> None:
    points = every(minutes=30, days=2)
    write(store, points)
    tended(store, wrong)
    assert rows(path, "point") == len(points)


def test_the_hour_that_is_still_running_is_not_rolled_up(store: SqliteStore, path: Path) -> None:
    write(store, {START: 1.0})
    tended(store, START + HOUR_US + MINUTE_US)
    assert rows(path, "hours") == 0
    tended(store, START + HOUR_US + 3 * MINUTE_US)
    assert rows(path, "hours") == 1


def test_a_point_that_comes_after_its_hour_was_rolled_up_makes_it_due_again(store: SqliteStore, path: Path) -> None:
    write(store, {START: 1.0, START + HOUR_US: 2.0})
    tended(store, START + HOUR_US + 3 * MINUTE_US)
    assert rows(path, "due") == 1  # the second hour, which is still running
    write(store, {START + MINUTE_US: 3.0, START + HOUR_US + MINUTE_US: 4.0})
    assert rows(path, "due") == 2
    tended(store, START + 5 * HOUR_US)
    assert rows(path, "due") == 0
    assert [w.total for w in store.windows("thcs", CO2, ALL, HOUR_US)] == [4.0, 6.0]


def test_an_hour_of_texts_and_numbers_is_what_its_points_are(store: SqliteStore, path: Path) -> None:
    values: list[float | str | bool] = [2.5, "fault", True, -4.0, "online", False, 1e300]
    for number in range(3):
        times = [START + (number * 9 + place * 8) * MINUTE_US for place in range(len(values))]
        shuffled = random.Random(number).sample(values, len(values))
        store.write([Portion("thcs", [Run(CO2, False, times, [*shuffled])])])
    write(store, {START + 5 * DAY_US: 1.0})  # so that the others are old
    before = store.windows("thcs", CO2, ALL, HOUR_US)
    tended(store, START + 5 * DAY_US)
    assert rows(path, "point") == 1
    for found, expected in zip(store.windows("thcs", CO2, ALL, HOUR_US), before, strict=True):
        assert (found.count, found.minimum, found.maximum, found.last) == (
            expected.count, expected.minimum, expected.maximum, expected.last,
        )  # fmt: skip
        assert found.total == pytest.approx(expected.total)


def test_another_process_that_rolled_up_meanwhile_is_noticed(store: SqliteStore, path: Path, clock: Clock) -> None:
    other = SqliteStore(str(path), KEEPING, clock)
    other.open()
    write(store, {START: 1.0})
    tended(other, START + 2 * HOUR_US)
    write(store, {START + MINUTE_US: 3.0})
    assert [window.count for window in store.windows("thcs", CO2, ALL, HOUR_US)] == [2]
    tended(other, START + 2 * HOUR_US)
    assert [window.count for window in other.windows("thcs", CO2, ALL, HOUR_US)] == [2]
    other.close()


_WORKER = """
import sys
from cloud_ingest.sqlite_store import SqliteStore
from tests.cloud_ingest.test_sqlite_rollups import KEEPING, START, every, write
from cloud_ingest.windows import DAY_US
store = SqliteStore(sys.argv[1], KEEPING, lambda: START)
store.open()
days = {start: every(7, 1, START + start * DAY_US) for start in range(12)}
print("ready", flush=True)
while True:
    for start, points in days.items():
        write(store, points)
        print(start, flush=True)
        for step in range(4):
            store.tend(START + (start + 1) * DAY_US)
"""


def test_killed_at_any_moment_nothing_is_lost_and_nothing_counted_twice(tmp_path: Path) -> None:
    chance = random.Random(5)
    for number in range(5):
        path = tmp_path / f"{number}.sqlite"
        worker = subprocess.Popen([sys.executable, "-c", _WORKER, str(path)], stdout=subprocess.PIPE)
        assert worker.stdout is not None
        try:
            assert worker.stdout.readline() == b"ready\n"
            stored = 0
            for _ in range(chance.randint(2, 11)):
                stored = int(worker.stdout.readline()) + 1
        finally:
            worker.kill()
            stored = max(stored, *(int(line) + 1 for line in worker.stdout.read().splitlines()), 0)
            worker.wait()
            worker.stdout.close()
        store = SqliteStore(str(path), KEEPING, lambda: START)
        store.open()
        expected = every(7, 1)
        for now_us in (START, START + 12 * DAY_US):
            tended(store, now_us)
            days = [w.count for w in store.windows("thcs", CO2, ALL, DAY_US)]
            assert len(days) >= stored
            assert days[:stored] == [len(expected)] * stored
            assert store.count("thcs") == sum(days)
        store.close()


def test_a_file_of_version_1_is_brought_to_date_and_a_reader_says_who_does_that(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE series (id INTEGER PRIMARY KEY, school TEXT NOT NULL, room TEXT NOT NULL,
            measurement TEXT NOT NULL, device TEXT NOT NULL, role TEXT NOT NULL, metric TEXT NOT NULL,
            UNIQUE (school, room, measurement, device, role, metric));
        CREATE TABLE point (hour INTEGER NOT NULL, series INTEGER NOT NULL, time INTEGER NOT NULL, value NOT NULL,
            simulated INTEGER NOT NULL, PRIMARY KEY (hour, series, time)) WITHOUT ROWID;
        CREATE TABLE latest (series INTEGER PRIMARY KEY, time INTEGER NOT NULL, value NOT NULL,
            simulated INTEGER NOT NULL);
        INSERT INTO series VALUES (1, 'thcs', 'a101', 'reading', 'co2', 'air', 'co2_ppm');
        PRAGMA user_version = 1;
        """
    )
    connection.execute("INSERT INTO point VALUES (?, 1, ?, 400.0, 0)", (START // HOUR_US, START))
    connection.commit()
    connection.close()
    store = SqliteStore(str(path), KEEPING)
    with pytest.raises(StoreUnavailable, match="lophoc ingest"):
        store.open(create=False)
    store.open()
    for _ in range(2):
        assert store.windows("thcs", CO2, ALL, HOUR_US) == [Window(START, 1, 400.0, 400.0, 400.0, 400.0)]
        tended(store, START + DAY_US)
    store.close()


def test_the_file_is_its_owners(store: SqliteStore, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("days", [(1, 2, 3), (90, 30, 3650), (90, 730, 100), (90, 730, 10**6)])
def test_what_cannot_be_kept_is_refused(days: tuple[int, int, int]) -> None:
    with pytest.raises(WrongStore, match="raw_days"):
        Keeping(*days)


def test_what_is_kept_is_declared_in_the_url() -> None:
    assert Keeping.of("") == Keeping(90, 730, 3650)
    assert Keeping.of("raw_days=30&hour_days=7300") == Keeping(30, 730, 7300)
