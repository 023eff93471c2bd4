"""The file of runs: bits as they came, bounded, through full disks and damaged files."""

import asyncio
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.recording import Recording
from edge_agent.run import About, Column, Ending, Note, Row, Run, pack, unpack
from edge_agent.run_file import Change, NoSuchRun, RunArchive, RunFile, TooManyNotes
from edge_agent.run_store import RunStore

COLUMNS = (Column("angle_deg", "°"), Column("tension_n", "N"))


def new(name: str, started_us: int = 0) -> Recording:
    return Recording.of(Run(name, About(bench="b", device="d", experiment="pendulum", seed=1), COLUMNS, started_us))


def fill(recording: Recording, count: int) -> None:
    """With what does not compress."""
    for n in range(recording.next_n, recording.next_n + count):
        recording.take(Row(n, n, n / 20, struct.unpack("<2d", os.urandom(16))))


def changes(*recordings: Recording) -> list[Change]:
    return [change for one in recordings if (change := one.change()) is not None]


_ROWS = st.lists(
    st.tuples(st.integers(0, 2**53), st.integers(0, 2**62), st.floats(), st.floats(), st.floats()), max_size=30
)


@given(_ROWS)
def test_every_bit_comes_back(rows: list[tuple[int, int, float, float, float]]) -> None:
    written = [Row(n, us, t_s, (a, b)) for n, us, t_s, a, b in rows]
    read = list(unpack(pack(written, COLUMNS), COLUMNS))

    def bits(row: Row) -> tuple[object, ...]:
        return (row.n, row.time_us, struct.pack("<3d", row.t_s, *row.values))

    assert [bits(row) for row in read] == [bits(row) for row in written]


@given(st.binary(max_size=200))
def test_a_damaged_block_is_named_so(block: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        list(unpack(block, COLUMNS))


def test_samples_are_counted_once_and_gaps_are_counted() -> None:
    recording = new("r")
    assert recording.take(Row(0, 0, 0.0, (1.0, 2.0)))
    assert not recording.take(Row(0, 0, 0.0, (1.0, 2.0)))
    assert recording.take(Row(5, 0, 0.25, (1.0, 2.0)))
    assert recording.take(Row(6, 0, 0.3, (1.0, 2.0)), keep=False)
    assert (recording.run.samples, recording.run.lost, recording.next_n) == (2, 5, 7)


async def test_what_was_committed_is_there_for_another_reader(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    async with RunStore(path) as store:
        assert await store.unfinished() == []
        recording = new("r")
        fill(recording, 50)
        recording.turn(20, 7, "length_m", 0.5)
        store.keep(changes(recording))
        assert await store.commit()
        fill(recording, 10)
        recording.end(Ending.RESET, 99)
        store.keep(changes(recording))
        assert await store.commit()
        await store.note("r", Note(3, 5, "chạm bàn"))
        with pytest.raises(NoSuchRun):
            await store.note("none", Note(3, 5, "x"))
    archive = RunArchive(path)
    run = archive.run("r")
    assert run == recording.run
    assert [row.n for row in archive.rows(run)] == list(range(60))
    assert [row.n for row in archive.rows(run, 45, 55, step=5)] == [45, 50, 55]
    assert [(one.n, one.value) for one in archive.turned("r")] == [(20, 0.5)]
    assert archive.notes("r") == [Note(3, 5, "chạm bàn")]
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_there_is_no_file_there_are_no_runs(tmp_path: Path) -> None:
    archive = RunArchive(tmp_path / "runs.sqlite")
    assert archive.runs() == []
    with pytest.raises(NoSuchRun):
        archive.run("r")
    assert not (tmp_path / "runs.sqlite").exists()


def test_a_run_has_so_many_notes_and_no_more(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "runs.sqlite")
    try:
        file.commit(changes(new("r")))
        file.note("r", Note(0, 0, "one"), 1)
        with pytest.raises(TooManyNotes):
            file.note("r", Note(0, 0, "two"), 1)
    finally:
        file.close()


async def test_for_want_of_room_the_oldest_runs_that_are_over_go_first(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    async with RunStore(path, max_bytes=256 * 1024) as store:
        for number in range(30):
            recording = new(f"r{number:02}", number)
            fill(recording, 1000)
            recording.end(Ending.RESET, number)
            store.keep(changes(recording))
            assert await store.commit()
        kept = [run.id for run in store.archive.runs()]
        assert kept == [f"r{number:02}" for number in range(29, 29 - len(kept), -1)]
        assert 3 < len(kept) < 30
        assert [row.n for row in store.archive.rows(store.archive.run(kept[-1]))] == list(range(1000))
    assert path.stat().st_size <= 256 * 1024


async def test_while_there_is_no_room_at_all_samples_wait_and_then_are_counted_as_lost(tmp_path: Path) -> None:
    async with RunStore(tmp_path / "runs.sqlite", max_bytes=128 * 1024, most_waiting=5000) as store:
        recording = new("r")
        kept = True
        while kept:  # a run that is not over is never dropped
            fill(recording, 2000)
            store.keep(changes(recording))
            kept = await store.commit()
        assert store.has_room
        committed = store.archive.run("r").samples
        while store.has_room:
            fill(recording, 2000)
            store.keep(changes(recording))
            assert not await store.commit()
        recording.take(Row(recording.next_n, 0, 0.0, (0.0, 0.0)), store.has_room)
        assert recording.run.lost == 1
        assert store.archive.run("r").samples == committed, "nothing was written by half"


async def test_what_waited_for_a_full_disk_is_written_when_there_is_room_again(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    async with RunStore(path, max_bytes=128 * 1024) as store:
        recording, kept = new("r"), True
        while kept:
            fill(recording, 1000)
            store.keep(changes(recording))
            kept = await store.commit()
        assert store._file is not None
        store._file._db.execute("PRAGMA max_page_count = 100000")
        fill(recording, 10)
        store.keep(changes(recording))
        assert await store.commit()
        run = store.archive.run("r")
        assert run.samples == recording.run.samples
        assert [row.n for row in store.archive.rows(run)] == list(range(run.samples))


async def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    path.write_bytes(b"not a database at all, " * 500)
    async with RunStore(path) as store:
        assert await store.unfinished() == []
        store.keep(changes(new("r")))
        assert await store.commit()
        assert store.archive.run("r").samples == 0
    assert (tmp_path / "runs.sqlite.corrupt-1").exists()


async def test_a_reader_sees_whole_commits_while_another_writes(tmp_path: Path) -> None:
    async with RunStore(tmp_path / "runs.sqlite") as store:
        recording = new("r")
        for _ in range(20):
            fill(recording, 100)
            store.keep(changes(recording))
            writing = asyncio.create_task(store.commit())
            for run in store.archive.runs():
                assert len(list(store.archive.rows(run))) >= run.samples
            await writing
