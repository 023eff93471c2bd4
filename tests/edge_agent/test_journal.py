"""What is written is durable, is handed out oldest first, and goes when the centre has answered; whatever happens."""

import asyncio
import contextlib
import logging
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from classroom_profiles.telemetry import Ack, Measurement, Point
from edge_agent.journal import MIN_BYTES, Journal, JournalUnwritable, Parcel
from tests.edge_agent.journal_peer import (
    BASE_US,
    BOOT,
    everything,
    held,
    noise,
    on_disk,
    opened,
    read,
    series,
    some,
    stored,
    values,
    write,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


async def until(condition: Callable[[], bool]) -> None:
    """The writer thread has no event that a test could wait for."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


# --- the ordinary life of a point ---


async def test_what_is_written_is_handed_out_oldest_first(path: Path) -> None:
    event = Point(series("started", "gw-1", Measurement.EVENT), BASE_US, True)
    async with opened(path) as journal:
        journal.write(some(3))
        await journal.flush()
        journal.write([event])
        await journal.flush()
        journal.write(some(3, first=3))
        first = await journal.parcels(0, 10)
        assert journal.backlog == 7
        assert [p.id for p in first] == sorted(p.id for p in first)
        later = await journal.parcels(first[-1].id, 10) if sum(p.points for p in first) < 7 else []
        assert sorted(held([*first, *later]), key=str) == sorted([*some(6), event], key=str)


async def test_flush_means_durable(path: Path, tmp_path: Path) -> None:
    async with opened(path) as journal:
        journal.write(some(100))
        await journal.flush()
        copy = tmp_path / "as-if-the-power-was-cut.sqlite"
        _copy(path, copy)
        assert on_disk(copy) == some(100)


async def test_what_comes_together_is_committed_together(path: Path) -> None:
    async with opened(path) as journal:
        await journal.flush()
        for number in range(100):
            journal.write(some(1, first=number))
        await journal.flush()
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("SELECT count(*) FROM entry").fetchone()[0] < 10
    finally:
        connection.close()


async def test_small_commits_are_joined_before_they_are_sent(path: Path) -> None:
    async with opened(path, seal_s=3600.0) as journal:
        for number in range(40):
            journal.write(some(25, first=number * 25))
            await journal.flush()
        (parcel,) = await journal.parcels(0, 10)
        assert held([parcel]) == some(1000)


async def test_points_are_gathered_for_a_while_so_that_they_travel_together(path: Path) -> None:
    async with opened(path, seal_s=0.2) as journal:
        asking = asyncio.create_task(journal.parcels(0, 10))
        for number in range(3):
            journal.write(some(1, first=number))
            await journal.flush()
        assert values(await asking) == [0.0, 1.0, 2.0]


async def test_the_uplink_waits_until_there_is_something(path: Path) -> None:
    async with opened(path) as journal:
        asking = asyncio.create_task(journal.parcels(0, 10))
        await journal.flush()
        assert not asking.done()
        journal.write(some(1))
        assert held(await asking) == some(1)


async def test_who_stopped_asking_can_ask_again(path: Path) -> None:
    async with opened(path) as journal:
        asking = asyncio.create_task(journal.parcels(0, 10))
        await journal.flush()
        asking.cancel()
        await asyncio.wait([asking])
        journal.write(some(1))
        assert held(await journal.parcels(0, 10)) == some(1)


async def test_an_ack_removes_what_it_names_and_nothing_else(path: Path) -> None:
    async with opened(path) as journal:
        parcels: list[Parcel] = []
        for number in range(3):
            journal.write(some(10, first=number * 10))
            parcels += await journal.parcels(parcels[-1].id if parcels else 0, 1)
        journal.settle(parcels[1], stored(parcels[1]))
        assert (journal.backlog, journal.stored) == (20, 10)
    async with opened(path) as journal:
        await journal.flush()
        assert (journal.backlog, journal.stored) == (20, 10)
        assert values(await everything(journal)) == [*map(float, range(10)), *map(float, range(20, 30))]


async def test_the_same_bytes_are_handed_out_after_a_restart(path: Path) -> None:
    async with opened(path) as journal:
        journal.write(some(1500))
        before = await everything(journal)
    async with opened(path) as journal:
        assert await everything(journal) == before


async def test_a_second_answer_to_the_same_parcel_does_no_harm(path: Path) -> None:
    async with opened(path) as journal:
        journal.write(some(10))
        (parcel,) = await everything(journal)
        journal.settle(parcel, stored(parcel))
        await until(lambda: journal.backlog == 0)
    async with opened(path) as journal:
        await journal.flush()
        journal.settle(parcel, stored(parcel))  # late, to another process
        journal.write(some(5, first=10))
        assert values(await everything(journal)) == [10.0, 11.0, 12.0, 13.0, 14.0]
        assert journal.backlog == 5


async def test_what_the_centre_cannot_read_is_set_aside_and_kept(path: Path) -> None:
    async with opened(path) as journal:
        journal.write(some(10))
        (bad,) = await everything(journal)
        journal.write(some(10, first=10))
        journal.settle(bad, Ack(bad.digest, 0, unreadable="version 1; this centre reads 2"))
        assert values(await everything(journal)) == [float(number) for number in range(10, 20)]
        assert (journal.backlog, journal.set_aside) == (10, 1)
        assert (journal.set_aside_points, journal.damaged, journal.lost) == (10, 0, 10)
        journal.settle(bad, Ack(bad.digest, 0, unreadable="said twice"))
        await journal.flush()
        assert (journal.set_aside_points, journal.lost) == (10, 10)
    async with opened(path) as journal:
        await journal.flush()
        assert (journal.set_aside_points, journal.lost) == (10, 10), "the next process goes on counting"
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("SELECT why, payload FROM aside").fetchall() == [
            ("version 1; this centre reads 2", bad.payload)
        ]
    finally:
        connection.close()


async def test_what_is_set_aside_does_not_fill_the_disk(path: Path) -> None:
    async with opened(path, max_bytes=MIN_BYTES) as journal:
        after = 0
        for number in range(100):
            journal.write(some(20, first=number * 20))
            (bad,) = await journal.parcels(after, 1)
            journal.settle(bad, Ack(bad.digest, 0, unreadable="no"))
            after = bad.id
        assert journal.set_aside == 100
    connection = sqlite3.connect(path)
    try:
        count, size = connection.execute("SELECT count(*), sum(length(payload)) FROM aside").fetchone()
        assert 1 <= count <= 64
        assert size <= MIN_BYTES // 8
    finally:
        connection.close()


async def test_refusals_are_counted_by_reason_here_and_at_the_centre(path: Path) -> None:
    async with opened(path) as journal:
        journal.write([Point(series(), BASE_US, float("nan")), *some(3)])
        (parcel,) = await everything(journal)
        assert journal.backlog == 3
        journal.settle(parcel, Ack(parcel.digest, 2, {"store": 1}))
        assert (journal.backlog, journal.stored) == (0, 2)
    async with opened(path) as journal:
        await journal.flush()
        assert journal.refused == {"not-finite": 1, "store": 1}


async def test_reasons_that_a_forged_centre_makes_up_take_no_room(path: Path) -> None:
    async with opened(path) as journal:
        after = 0
        for number in range(50):
            journal.write(some(10, first=number * 10))
            (parcel,) = await journal.parcels(after, 1)
            after = parcel.id
            forged = {f"made-up-{number}-{place}": 1 for place in range(8)} | {"x" * 10_000: 2, "none": 0}
            journal.settle(parcel, Ack(parcel.digest, 0, forged))
        assert sum(journal.refused.values()) == 500
        assert len(journal.refused) <= 25
        assert max(map(len, journal.refused)) <= 32
    async with opened(path) as journal:
        await journal.flush()
        assert sum(journal.refused.values()) == 500


async def test_many_threads_may_write(path: Path) -> None:
    async with opened(path) as journal:

        def write(number: int) -> None:
            for value in range(200):
                journal.write(some(1, first=value, of=series(f"m{number}")))

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        found = held(await everything(journal))
        for number in range(4):
            assert [p for p in found if p.series.metric == f"m{number}"] == some(200, of=series(f"m{number}"))


# --- kill -9, half-written and damaged files ---


async def test_a_copy_of_the_files_at_any_moment_is_a_journal(path: Path, tmp_path: Path) -> None:
    async with opened(path) as journal:
        sure = 0
        for cut in range(5):
            journal.write(some(50, first=cut * 50))
            await journal.flush()
            sure += 50
            journal.write(some(50, first=10_000 + cut * 50, of=series("not_flushed")))
            copy = tmp_path / f"cut-{cut}.sqlite"
            _copy(path, copy)  # while the writer may be writing
            async with opened(copy) as after:
                found = held(await everything(after))
                assert [p for p in found if p.series == series()] == some(sure)
                assert after.corrupt == 0


@pytest.mark.parametrize("lost", [1, 100, 4096, 20_000])
async def test_a_log_cut_off_by_a_power_cut_costs_only_what_was_not_flushed(
    path: Path, tmp_path: Path, lost: int
) -> None:
    async with opened(path) as journal:
        journal.write(some(50))
        await journal.flush()
        log = path.with_name(path.name + "-wal")
        durable = log.stat().st_size
        journal.write(some(2000, first=50, of=series("later")))
        await journal.flush()
        copy = tmp_path / "cut.sqlite"
        _copy(path, copy)
    copied = copy.with_name(copy.name + "-wal")
    size = copied.stat().st_size
    with copied.open("r+b") as file:
        file.truncate(max(durable, size - lost))
    async with opened(copy) as after:
        found = held(await everything(after))
        assert found[:50] == some(50)
        assert after.corrupt == 0
        after.write(some(1, first=50))
        await after.flush()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"not a database" * 1000,
        lambda content: b"\x00" * len(content),
        lambda content: content[: len(content) // 2],
        lambda content: content[:4096] + b"\xff" * (len(content) - 4096),
        lambda content: content[:100],
    ],
    ids=["garbage", "zeros", "half", "first-page-only", "stump"],
)
async def test_a_damaged_file_is_put_aside_and_a_new_one_begun(path: Path, damage: Callable[[bytes], bytes]) -> None:
    await _write_rows(path, 20)
    content = damage(read(path))
    write(path, content)
    last = some(5, of=series("after"))
    async with opened(path) as journal:
        journal.write(last)
        found = held(await everything(journal))
        # Perhaps later than they were: if its counts can be read, time goes on from there.
        assert [(point.series, point.value) for point in found[-5:]] == [(point.series, point.value) for point in last]
        assert journal.backlog == len(found) == len(set(found))
        assert set(found[:-5]) <= set(some(10_000))
        assert journal.corrupt == 1
    # As it was found, but for SQLite's header, which may have been put right before the rest was given up.
    assert read(path.with_name("journal.sqlite.corrupt-1"))[100:] == content[100:]
    async with opened(path) as journal:
        assert held(await everything(journal)) == found  # nothing is rescued twice
        assert journal.corrupt == 1


async def test_one_bad_page_costs_no_more_than_it_held(path: Path) -> None:
    written = noise(50_000)
    await _write_rows(path, 100, noise)
    content = bytearray(read(path))
    leaves = [at for at in range(0, len(content), 4096) if content[at] == 0x0A]  # of a table WITHOUT ROWID
    middle = leaves[len(leaves) // 2]
    content[middle : middle + 4096] = b"\xff" * 4096
    write(path, bytes(content))
    async with opened(path) as journal:
        found: list[Point] = []
        while not journal.corrupt:
            found = held(await everything(journal))
        found = held(await everything(journal))
        assert set(found) <= set(written)
        assert len(found) == len(set(found)) >= 42_000  # a page holds the beginnings of at most 8 rows
        assert journal.backlog == len(found)


async def test_the_names_of_all_series_survive_one_bad_page(path: Path) -> None:
    await _write_rows(path, 20, noise)
    for table in ("layout", "layout_again"):
        copy = path.with_name(f"{table}.sqlite")
        shutil.copyfile(path, copy)
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        _damage(copy, pages=range(page - 1, page))
        async with opened(copy) as journal:
            assert set(held(await everything(journal))) == set(noise(10_000))


async def test_what_was_counted_survives_damage(path: Path) -> None:
    async with opened(path) as journal:
        journal.attend(True)
        for number in range(30):
            journal.write(noise(1000, first=number * 1000))
        (first, *_) = await everything(journal)
        journal.settle(first, Ack(first.digest, 990, {"store": 10}))
    _damage(path, pages=range(40, 44))
    async with opened(path) as journal:
        await everything(journal)
        assert (journal.corrupt, journal.stored, journal.refused) == (1, 990, {"store": 10})
        journal.write(some(1))
        newest = held(await everything(journal))[-1]
        assert newest.time_us > some(30_000)[-1].time_us  # time went on, too


async def test_damage_under_a_running_agent_costs_nothing_that_is_in_memory(path: Path) -> None:
    async with opened(path) as journal:
        journal.attend(True)
        for number in range(200):
            journal.write(noise(1000, first=number * 1000))
            await journal.flush()
        out = await journal.parcels(0, 2)
        for end in ("-wal", ""):
            _damage(path.with_name(path.name + end), pages=range(2, 600))
        journal.settle(out[0], stored(out[0]))
        last = some(10, of=series("later"))
        journal.write(last)
        assert held(await everything(journal))[-10:] == last
        assert journal.corrupt == 1
        journal.settle(out[1], stored(out[1]))  # what was on its way is answered all the same
        assert journal.stored == 2000
        assert not set(held([out[0]])) & set(held(await everything(journal)))


async def test_only_the_newest_damaged_files_are_kept(path: Path) -> None:
    for number in range(1, 5):
        write(path, b"garbage" * (1000 + number))
        async with opened(path) as journal:
            await journal.flush()
            assert journal.corrupt == number
    assert sorted(file.name for file in path.parent.glob("*.corrupt-*")) == [
        "journal.sqlite.corrupt-3",
        "journal.sqlite.corrupt-4",
    ]


async def test_the_database_of_something_else_is_not_written_to(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE diary (day TEXT)")
    connection.close()
    before = read(path)
    async with opened(path) as journal:
        await journal.flush()
    assert read(path.with_name("journal.sqlite.corrupt-1")) == before


async def test_the_journal_of_a_later_version_is_put_aside_and_what_can_be_read_of_it_is_sent(path: Path) -> None:
    async with opened(path) as journal:
        journal.write(some(5))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    async with opened(path) as journal:
        assert held(await everything(journal)) == some(5)
        assert journal.corrupt == 1


async def test_a_batch_that_the_disk_changed_is_set_aside_and_the_others_go_on(path: Path) -> None:
    async with opened(path) as journal:
        for number in range(3):
            journal.write(some(1000, first=number * 1000))
            await journal.flush()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entry SET payload = zeroblob(length(payload)) WHERE id = 2")
    connection.commit()
    connection.close()
    async with opened(path) as journal:
        await journal.flush()
        first = await journal.parcels(0, 1)
        then = await journal.parcels(first[-1].id, 1)
        assert values([*first, *then]) == [*map(float, range(1000)), *map(float, range(2000, 3000))]
        assert (journal.set_aside, journal.backlog, journal.corrupt) == (1, 2000, 0)
        assert (journal.damaged, journal.set_aside_points, journal.lost) == (1000, 0, 1000), "counted once"


# --- a disk that fails ---


async def test_while_the_disk_is_away_points_wait_in_memory(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    folder = path.parent / "data"
    folder.write_text("in the way")
    async with opened(folder / "journal.sqlite") as journal:
        journal.write(some(100))
        with pytest.raises(JournalUnwritable):
            await journal.flush()
        with pytest.raises(JournalUnwritable):
            await journal.flush()
        assert not journal.writable
        assert journal.backlog == 100
        folder.unlink()
        await until(lambda: journal.writable)
        assert held(await everything(journal)) == some(100)
    said = [record.getMessage() for record in caplog.records if record.name == "lophoc.journal"]
    assert len(said) == 2  # once when it is lost, once when it is back
    assert "cannot be written" in said[0]
    assert "can be written again; 100 points wait" in said[1]


async def test_memory_is_bounded_while_the_disk_is_away(path: Path) -> None:
    folder = path.parent / "data"
    folder.write_text("in the way")
    event = [Point(series("started", "gw-1", Measurement.EVENT), BASE_US, True)]
    async with opened(folder / "journal.sqlite") as journal:
        journal.write(event)
        for number in range(50):
            journal.write(some(1000, first=number * 1000))
        assert journal.backlog == 30_000
        assert journal.dropped[Measurement.READING] == 20_001
        folder.unlink()
        await until(lambda: journal.writable)
        found = held(await everything(journal))
        assert event[0] in found
        assert [p.value for p in found if p.series == series()] == [float(number) for number in range(20_001, 50_000)]
    async with opened(folder / "journal.sqlite") as journal:
        await journal.flush()
        assert journal.dropped[Measurement.READING] == 20_001


async def test_closing_does_not_wait_for_a_disk_that_is_away(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = path.parent / "data"
    folder.write_text("in the way")
    async with opened(folder / "journal.sqlite") as journal:
        journal.write(some(100))
    assert "100 points could not be written" in caplog.text


async def test_a_journal_has_one_process_at_a_time(path: Path) -> None:
    async with opened(path) as first:
        first.write(some(3))
        await first.flush()
        async with opened(path) as second:
            second.write(some(1, first=3))
            with pytest.raises(JournalUnwritable, match="locked"):
                await second.flush()
            await asyncio.to_thread(first.close)
            await until(lambda: second.writable)
            assert values(await everything(second)) == [0.0, 1.0, 2.0, 3.0]


# --- the cap ---


async def test_at_its_cap_the_journal_drops_in_the_declared_order_and_counts(path: Path) -> None:
    device = series("health", "projector", Measurement.DEVICE)
    event = series("note", "gw-1", Measurement.EVENT)
    produced = 0
    async with opened(path, max_bytes=MIN_BYTES) as journal:
        for number in range(60):
            journal.write([Point(event, BASE_US + number, f"event {number}")])
            journal.write(noise(500, first=number * 500))
            journal.write(some(100, first=number * 100, of=device))
            produced += 601
            await journal.flush()
        dropped = journal.dropped
        assert dropped[Measurement.READING] > 0
        assert dropped[Measurement.EVENT] == 0
        assert journal.backlog == produced - sum(dropped.values())
        found = held(await everything(journal))
        assert [p.value for p in found if p.series == event] == [f"event {number}" for number in range(60)]
        readings = [p for p in found if p.series == series()]
        assert readings == noise(len(readings), first=30_000 - len(readings))
        if dropped[Measurement.DEVICE]:
            assert not readings
    assert len(read(path)) <= MIN_BYTES + 32 * 1024  # and what was written last
    async with opened(path, max_bytes=MIN_BYTES) as journal:
        await journal.flush()
        assert journal.dropped == dropped


async def test_events_outlive_a_flood_of_readings(path: Path) -> None:
    event = series("note", "gw-1", Measurement.EVENT)
    async with opened(path, max_bytes=MIN_BYTES) as journal:
        for number in range(100):
            texts = [random.Random(number * 100 + place).randbytes(32).hex() for place in range(100)]
            journal.write([Point(event, BASE_US + number * 1000 + place, text) for place, text in enumerate(texts)])
            await journal.flush()
        assert journal.dropped[Measurement.EVENT] > 0  # oldest events first, when there is nothing else
        events = journal.dropped[Measurement.EVENT]
        for number in range(10):
            journal.write(noise(1000, first=number * 1000))
            await journal.flush()
        assert journal.dropped[Measurement.READING] >= 5000
        assert journal.dropped[Measurement.EVENT] == events


async def test_what_is_on_its_way_is_not_dropped(path: Path) -> None:
    async with opened(path, max_bytes=MIN_BYTES) as journal:
        journal.write(some(1000))
        (out,) = await everything(journal)
        for number in range(1, 40):
            journal.write(noise(1000, first=number * 1000))
            await journal.flush()
        dropped = journal.dropped[Measurement.READING]
        assert dropped > 0
        journal.settle(out, stored(out))
        assert journal.backlog + journal.stored + journal.dropped[Measurement.READING] == 40_000
    async with opened(path, max_bytes=MIN_BYTES) as journal:
        await journal.flush()
        assert journal.backlog + journal.stored + dropped == 40_000


async def test_a_file_that_was_drained_gives_its_space_back(path: Path) -> None:
    async with opened(path) as journal:
        for number in range(20):
            journal.write(Point(series(f"m{place}"), BASE_US + number, "x" * 64) for place in range(5000))
            await journal.flush()
        after = 0
        while journal.backlog:
            for parcel in await journal.parcels(after, 64):
                journal.settle(parcel, stored(parcel))
                after = parcel.id
        for number in range(20):
            journal.write(some(1, first=number, of=series("idle")))
            await journal.flush()
    assert len(read(path)) < 3_000_000  # of some 10 million


# --- wrong use ---


@pytest.mark.parametrize("boot", ["", "x" * 37, "năm", "a b"])
def test_a_boot_that_no_batch_could_name_is_wrong_use(path: Path, boot: str) -> None:
    with pytest.raises(ValueError):
        Journal.open(path, boot)


def test_a_cap_that_leaves_no_room_is_wrong_use(path: Path) -> None:
    with pytest.raises(ValueError, match="at least"):
        Journal.open(path, BOOT, MIN_BYTES - 1)


async def test_a_closed_journal_says_so(path: Path) -> None:
    journal = opened(path)
    asking = asyncio.create_task(journal.parcels(0, 1))
    await journal.flush()
    journal.close()
    journal.close()
    with pytest.raises(JournalUnwritable):
        await asking
    with pytest.raises(RuntimeError):
        journal.write(some(1))
    with pytest.raises(RuntimeError):
        await journal.flush()


async def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "var" / "lophoc" / "journal.sqlite"
    async with opened(path) as journal:
        journal.write(some(1))
        await journal.flush()
    assert on_disk(path) == some(1)


def test_closing_writes_what_is_left(path: Path) -> None:
    journal = opened(path)
    journal.write(some(25_000))
    journal.close()
    assert on_disk(path) == some(25_000)


def _copy(path: Path, to: Path) -> None:
    """Its log first: if a checkpoint moves pages into the file between the two, they are in both."""
    for end in ("-wal", ""):
        if path.with_name(path.name + end).exists():
            shutil.copyfile(path.with_name(path.name + end), to.with_name(to.name + end))


def _damage(path: Path, pages: range) -> None:
    """As a failing card would."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        for page in pages:
            if (page + 1) * 4096 <= size:
                file.seek(page * 4096)
                file.write(b"\xff" * 4096)


async def _write_rows(path: Path, rows: int, make: Callable[[int, int], list[Point]] = some) -> None:
    """Of 500 points each, which are not joined."""
    async with opened(path) as journal:
        journal.attend(True)
        for number in range(rows):
            journal.write(make(500, number * 500))
            await journal.flush()
