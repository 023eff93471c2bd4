"""Last values: the newest counts, whoever writes and whatever becomes of the file, and what changed is told once."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from classroom_profiles.layout import Layout
from classroom_profiles.telemetry import Measurement, Run, Series
from classroom_profiles.topics import Address
from cloud_ingest import last_rows, last_values
from cloud_ingest.last_seed import Seeding, seed
from cloud_ingest.last_values import Last, LastValues, LastValuesUnavailable
from cloud_ingest.store import Portion, SchoolTotals, store_of
from tests.waiting import until

NOW = 1_790_000_000_000_000
S = 1_000_000
GATEWAY = Address("thcs", "gw-1")


class Clock:
    def __init__(self) -> None:
        self.now_us = NOW

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "last.sqlite"


@pytest.fixture
def lasts(path: Path, clock: Clock) -> Iterator[LastValues]:
    with LastValues(path, clock_us=clock, flush_s=3600.0) as lasts:
        yield lasts


def run(metric: str, *points: tuple[int, float | bool | str], room: str = "a101", simulated: bool = False) -> Run:
    series = Series(Measurement.READING, room, "air-1", "air", metric)
    return Run(series, simulated, [at for at, _ in points], [value for _, value in points])


def say(lasts: LastValues, *runs: Run, school: str = "thcs") -> None:
    lasts.on_received(GATEWAY, Portion(school, list(runs)))


def say_whole(lasts: LastValues, layout: Layout, *runs: Run) -> None:
    lasts.on_received(GATEWAY, Portion("thcs", list(runs), layout))


def brief(rows: list[Last]) -> list[tuple[str, str, object, int]]:
    return [(row.room, row.metric, row.value, row.time_us - NOW) for row in rows]


def test_each_series_has_its_newest_point_with_its_unit(lasts: LastValues) -> None:
    say(lasts, run("co2_ppm", (NOW, 400.0), (NOW + S, 412.0)), run("presence", (NOW, True), simulated=True))
    lasts.flush()
    assert lasts.latest() == [
        Last("thcs", "a101", Measurement.READING, "air-1", "air", "co2_ppm", 412.0, NOW + S, False),
        Last("thcs", "a101", Measurement.READING, "air-1", "air", "presence", True, NOW, True),
    ]
    assert [row.unit for row in lasts.latest()] == ["ppm", ""]


def test_totals_by_school_are_of_the_newest_values_that_are_not_older(lasts: LastValues) -> None:
    say(lasts, run("co2_ppm", (NOW - S, 100.0), (NOW, 400.0)), run("co2_ppm", (NOW + S, 600.0), room="b"))
    say(lasts, run("co2_ppm", (NOW - 60 * S, 900.0)), run("switch", (NOW, True)), school="thpt")
    say(lasts, run("switch", (NOW, False), room="b"), run("input", (NOW, "hdmi1")), school="thpt")
    lasts.flush()
    assert lasts.by_school("co2_ppm", NOW) == [SchoolTotals("thcs", 2, 500.0, NOW + S)]
    assert lasts.by_school("co2_ppm", NOW + 2 * S) == []
    assert lasts.by_school("co2_ppm", 0) == [
        SchoolTotals("thcs", 2, 500.0, NOW + S),
        SchoolTotals("thpt", 1, 900.0, NOW - 60 * S),
    ]
    assert lasts.by_school("switch", 0) == [SchoolTotals("thpt", 2, 0.5, NOW)]
    assert lasts.by_school("input", 0) == [SchoolTotals("thpt", 1, None, NOW)], "texts have no mean"
    assert lasts.by_school("nothing", 0) == []


def test_totals_of_a_file_that_is_gone_are_unavailable_and_not_nothing(lasts: LastValues, path: Path) -> None:
    say(lasts, run("co2_ppm", (NOW, 400.0)))
    lasts.flush()
    with LastValues(path, create=False) as reader:
        assert [one.school for one in reader.by_school("co2_ppm", 0)] == ["thcs"]
        path.unlink()
        with pytest.raises(LastValuesUnavailable):
            reader.by_school("co2_ppm", 0)


def test_the_newest_counts_in_whatever_order_batches_come(lasts: LastValues) -> None:
    say(lasts, run("co2_ppm", (NOW + 5 * S, 2.0)))
    say(lasts, run("co2_ppm", (NOW, 1.0)))
    lasts.flush()
    say(lasts, run("co2_ppm", (NOW + 4 * S, 3.0)), run("noise_db", (NOW, 40.0)))
    lasts.flush()
    assert brief(lasts.latest()) == [("a101", "co2_ppm", 2.0, 5 * S), ("a101", "noise_db", 40.0, 0)]


def test_batches_of_a_whole_layout_count_as_well_as_others(lasts: LastValues) -> None:
    runs = [run("co2_ppm", (NOW, 1.0)), run("co2_ppm", (NOW, 7.0), room="a102"), run("action", (NOW, "up"))]
    layout = Layout.of("boot", [(each.series, False) for each in runs])
    newer = [Run(each.series, False, [NOW + S], each.values) for each in runs]
    say_whole(lasts, layout, *newer)
    say_whole(lasts, layout, *runs)  # older, come later
    say(lasts, run("co2_ppm", (NOW + 2 * S, 9.0)))
    lasts.flush()
    assert brief(lasts.latest()) == [
        ("a101", "action", "up", S), ("a101", "co2_ppm", 9.0, 2 * S), ("a102", "co2_ppm", 7.0, S)
    ]  # fmt: skip


def test_a_series_that_was_simulated_and_is_no_longer_is_one(lasts: LastValues) -> None:
    real, made = run("co2_ppm", (NOW + S, 2.0)), run("co2_ppm", (NOW, 1.0), simulated=True)
    say_whole(lasts, Layout.of("boot", [(real.series, False), (made.series, True)]), real, made)
    lasts.flush()
    assert [(row.value, row.simulated) for row in lasts.latest()] == [(2.0, False)]


def test_what_is_asked_for_is_what_comes(lasts: LastValues) -> None:
    say(lasts, run("co2_ppm", (NOW, 1.0)), run("noise_db", (NOW - 60 * S, 2.0)), run("co2_ppm", (NOW, 3.0), room="b"))
    say(lasts, run("co2_ppm", (NOW, 4.0)), school="thpt")
    lasts.flush()
    assert [row.value for row in lasts.latest()] == [1.0, 2.0, 3.0, 4.0]
    assert [row.value for row in lasts.latest("thcs")] == [1.0, 2.0, 3.0]
    assert [row.value for row in lasts.latest("thcs", "a101")] == [1.0, 2.0]
    assert [row.value for row in lasts.latest(metric="co2_ppm")] == [1.0, 3.0, 4.0]
    assert [row.value for row in lasts.latest(since_us=NOW)] == [1.0, 3.0, 4.0]
    assert lasts.latest("nobody") == []


def test_only_what_is_wanted_is_read(lasts: LastValues) -> None:
    def wanted(name: last_rows.Name) -> bool:
        return name[3] == "co2_ppm"

    say(lasts, run("co2_ppm", (NOW, 1.0)), run("noise_db", (NOW, 2.0)), run("noise_db", (NOW, 3.0), room="b"))
    lasts.flush()
    revision, rows = lasts.changed_since(0, wanted=wanted)
    assert brief(rows) == [("a101", "co2_ppm", 1.0, 0)]
    say(lasts, run("co2_ppm", (NOW + S, 4.0)), run("noise_db", (NOW + S, 5.0)))
    lasts.flush()
    assert brief(lasts.changed_since(revision, wanted=wanted)[1]) == [("a101", "co2_ppm", 4.0, S)]
    assert brief(lasts.changed_since(revision, wanted=lambda name: name[3] == "noise_db")[1]) == [
        ("a101", "noise_db", 5.0, S)
    ]
    assert brief(lasts.changed_since(revision)[1]) == [("a101", "co2_ppm", 4.0, S), ("a101", "noise_db", 5.0, S)]


def test_many_rooms_in_one_flush_are_each_as_new_as_they_are(lasts: LastValues, path: Path, clock: Clock) -> None:
    rooms = [f"r{number:03}" for number in range(600)]
    layouts = {}
    for room in rooms:
        first = run("co2_ppm", (NOW, 1.0), room=room)
        layouts[room] = Layout.of("boot", [(first.series, False)])
        say_whole(lasts, layouts[room], first)
    lasts.flush()
    with LastValues(path, clock_us=clock, flush_s=3600.0) as other:  # another worker was faster with one of them
        say(other, run("co2_ppm", (NOW + 9 * S, 9.0), room="r300"))
        other.flush()
    revision, _ = lasts.changed_since(0)
    for room in rooms:
        say_whole(lasts, layouts[room], run("co2_ppm", (NOW + 5 * S, 2.0), room=room))
    say(lasts, run("noise_db", (NOW, 3.0), room="r400"))
    lasts.flush()
    expected = [(room, "co2_ppm", 2.0, 5 * S) for room in rooms if room != "r300"]
    expected.insert(400, ("r400", "noise_db", 3.0, 0))
    assert brief(lasts.changed_since(revision)[1]) == expected
    assert brief(lasts.latest("thcs", "r300")) == [("r300", "co2_ppm", 9.0, 9 * S)]


def test_what_changed_is_told_once(lasts: LastValues, clock: Clock) -> None:
    say(lasts, run("co2_ppm", (NOW, 1.0)), run("noise_db", (NOW, 2.0)))
    lasts.flush()
    first, rows = lasts.changed_since(0)
    assert [row.value for row in rows] == [1.0, 2.0]
    assert lasts.changed_since(first) == (first, [])
    say(lasts, run("co2_ppm", (NOW + S, 3.0)), run("noise_db", (NOW, 2.0)))  # one is only said again
    lasts.flush()
    second, rows = lasts.changed_since(first)
    assert second > first
    assert [row.value for row in rows] == [3.0]
    assert [row.value for row in lasts.changed_since(first, "thcs", "a101", "co2_ppm")[1]] == [3.0]
    assert lasts.changed_since(first, "thpt")[1] == []


def test_a_reader_in_another_place_sees_it(lasts: LastValues, path: Path) -> None:
    with LastValues(path, create=False) as reader:
        assert reader.latest() == []
        say(lasts, run("co2_ppm", (NOW, 1.0)))
        lasts.flush()
        assert [row.value for row in reader.latest()] == [1.0]


def test_workers_share_the_file_and_the_newest_counts(lasts: LastValues, path: Path, clock: Clock) -> None:
    with LastValues(path, clock_us=clock, flush_s=3600.0) as other:
        say(lasts, run("co2_ppm", (NOW + S, 1.0)))
        say(other, run("co2_ppm", (NOW, 2.0)), run("noise_db", (NOW, 3.0)))
        lasts.flush()
        other.flush()
        say(lasts, run("voc_ppb", (NOW, 4.0)))
        lasts.flush()
        assert [row.value for row in other.latest()] == [1.0, 3.0, 4.0] == [row.value for row in lasts.latest()]


def test_without_a_file_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(LastValuesUnavailable, match="there is no file"), LastValues(tmp_path / "x", create=False):
        pass
    with pytest.raises(LastValuesUnavailable, match="not open"):
        LastValues(tmp_path / "x").latest()


def test_a_file_of_a_later_version_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 9")
    later.close()
    with pytest.raises(LastValuesUnavailable, match="version 9"), LastValues(path):
        pass
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (9,)


@pytest.mark.parametrize("damage", [bytes(8192), None])
def test_a_damaged_file_is_begun_anew(path: Path, clock: Clock, damage: bytes | None) -> None:
    with LastValues(path, clock_us=clock, flush_s=3600.0) as lasts:
        for number in range(500):
            say(lasts, run("co2_ppm", (NOW, 1.0), room=f"room-{number}"))
    content = path.read_bytes()
    path.write_bytes(damage or content[:8192] + b"\xa5" * 8192 + content[16384:])
    with LastValues(path, clock_us=clock, flush_s=3600.0) as lasts:
        say(lasts, run("co2_ppm", (NOW, 2.0)))
        lasts.flush()
        assert [row.value for row in lasts.latest()] == [2.0]
        assert not lasts.is_seeded()


def test_a_file_of_another_kind_is_left_alone(path: Path) -> None:
    path.write_text("school,ward\n" * 1000, encoding="utf-8")
    with pytest.raises(LastValuesUnavailable), LastValues(path):
        pass
    assert path.read_text(encoding="utf-8").startswith("school,ward")


@pytest.mark.parametrize("damage", ["pages", "a room", "names"])
def test_a_file_that_is_damaged_while_it_is_in_use_is_begun_anew_with_what_comes_in(
    lasts: LastValues, path: Path, damage: str
) -> None:
    for number in range(500):
        say(lasts, run("co2_ppm", (NOW, 1.0), room=f"room-{number}"))
    lasts.flush()
    with contextlib.closing(sqlite3.connect(path)) as other:
        if damage == "pages":
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            path.write_bytes(path.read_bytes()[:4096] + b"\xa5" * (path.stat().st_size - 4096))
        else:
            a_room, names = "UPDATE room SET lasts = x'ff00' WHERE room = 'room-3'", "UPDATE room SET names = 999"
            other.execute(a_room if damage == "a room" else names)
            other.commit()
    say(lasts, run("noise_db", (NOW + S, 2.0), room="room-3"), run("noise_db", (NOW + S, 3.0), room="room-4"))
    with pytest.raises(LastValuesUnavailable):
        lasts.flush()
    lasts.flush()
    assert [row.value for row in lasts.latest()] == [2.0, 3.0]
    assert not lasts.is_seeded()


def test_one_room_that_is_damaged_hides_no_other(
    lasts: LastValues, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    say(lasts, *[run("co2_ppm", (NOW, float(number)), room=f"r{number}") for number in range(3)])
    lasts.flush()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE room SET lasts = x'ff00' WHERE room = 'r1'")
        other.commit()
    with LastValues(path, create=False) as reader:
        assert [row.value for row in reader.latest()] == [0.0, 2.0]
    assert "thcs/r1" in caplog.text


def test_a_file_begun_anew_is_filled_from_the_store_again(lasts: LastValues, path: Path, tmp_path: Path) -> None:
    store = store_of(f"sqlite:///{tmp_path}/store.sqlite")
    store.open()
    store.write([Portion("thcs", [run("co2_ppm", (NOW, 1.0))])])
    with Seeding(lasts, store, lambda: ["thcs"], again_s=0.01):
        until(lambda: [row.value for row in lasts.latest()] == [1.0])
        for behind in ("", "-wal", "-shm"):
            Path(f"{path}{behind}").unlink()
        until(lambda: path.exists() and [row.value for row in lasts.latest()] == [1.0])
    store.close()


def test_a_file_that_was_taken_away_is_begun_anew_and_its_readers_follow(
    lasts: LastValues, path: Path, clock: Clock
) -> None:
    with LastValues(path, create=False) as reader:
        say(lasts, run("co2_ppm", (NOW, 1.0)))
        lasts.flush()
        revision, _ = reader.changed_since(0)
        for behind in ("", "-wal", "-shm"):
            Path(f"{path}{behind}").unlink()
        clock.now_us += S
        say(lasts, run("noise_db", (NOW, 2.0)))
        lasts.flush()
        assert [row.value for row in reader.changed_since(revision)[1]] == [2.0]


def test_a_reader_is_told_all_of_a_file_begun_anew_though_the_clock_went_back(
    lasts: LastValues, path: Path, clock: Clock
) -> None:
    say(lasts, run("co2_ppm", (NOW, 1.0)))
    lasts.flush()
    revision, _ = lasts.changed_since(0)
    for behind in ("", "-wal", "-shm"):
        Path(f"{path}{behind}").unlink()
    clock.now_us -= 3600 * S
    say(lasts, run("noise_db", (NOW, 2.0)))
    lasts.flush()
    again, rows = lasts.changed_since(revision)
    assert again < revision
    assert [row.value for row in rows] == [2.0]


def test_what_cannot_be_written_now_is_written_later(lasts: LastValues, path: Path) -> None:
    say(lasts, run("co2_ppm", (NOW, 1.0)))
    lasts.flush()
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("ALTER TABLE room RENAME TO away")
    say(lasts, run("co2_ppm", (NOW + S, 2.0)), run("noise_db", (NOW, 5.0)))
    for _ in range(2):
        with pytest.raises(LastValuesUnavailable):
            lasts.flush()
        say(lasts, run("co2_ppm", (NOW + 2 * S, 3.0)))
    blocker.execute("ALTER TABLE away RENAME TO room")
    blocker.close()
    lasts.flush()
    assert [row.value for row in lasts.latest()] == [3.0, 5.0]


def test_a_room_keeps_a_bounded_number_of_series(lasts: LastValues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_rows, "SERIES_OF_ROOM", 3)
    for number in range(6):
        say(lasts, run(f"m{number}_c", (NOW + number * S, float(number))))
        lasts.flush()
    assert [row.value for row in lasts.latest()] == [3.0, 4.0, 5.0]


def test_names_that_no_room_has_any_more_are_let_go(lasts: LastValues, path: Path) -> None:
    for number in range(20):
        say(lasts, run(f"m{number}_c", (NOW, 1.0)))
        lasts.flush()
    with sqlite3.connect(path) as looked_at:
        assert looked_at.execute("SELECT count(*) FROM names").fetchone() == (1,)
    looked_at.close()


def test_a_file_keeps_a_bounded_number_of_rooms(lasts: LastValues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_values, "ROOMS", 2)
    for number in range(4):
        say(lasts, run("co2_ppm", (NOW + number, 1.0), room=f"r{number}"))
    lasts.flush()
    assert [row.room for row in lasts.latest()] == ["r2", "r3"]


def test_a_new_file_is_filled_from_the_store(lasts: LastValues, tmp_path: Path) -> None:
    store = store_of(f"sqlite:///{tmp_path}/store.sqlite")
    store.open()
    store.write([Portion("thcs", [run("co2_ppm", (NOW, 1.0)), run("noise_db", (NOW, 2.0))])])
    say(lasts, run("co2_ppm", (NOW + S, 3.0)))
    assert seed(lasts, store, ["thcs", "nobody"], threading.Event())
    assert [row.value for row in lasts.latest()] == [3.0, 2.0]
    assert lasts.is_seeded()
    assert seed(lasts, store, [], threading.Event())
    store.close()


def test_one_worker_fills_it_and_another_takes_over_from_a_dead_one(lasts: LastValues, clock: Clock) -> None:
    assert lasts.claim_seeding(1, 60 * S)
    assert lasts.claim_seeding(1, 60 * S)
    assert not lasts.claim_seeding(2, 60 * S)
    clock.now_us += 61 * S
    assert lasts.claim_seeding(2, 60 * S)


def test_it_is_nobody_elses_to_read(lasts: LastValues, path: Path) -> None:
    assert [one.name for one in path.parent.glob("last.sqlite*") if one.stat().st_mode & 0o077] == []
