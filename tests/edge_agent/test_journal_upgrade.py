"""A journal of an earlier version goes on as one of this: nothing is lost or doubled, however it is cut short."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from classroom_profiles.telemetry import Clock, Layout, Measurement, Point, digest, runs_of
from edge_agent import journal_upgrade
from edge_agent.journal_file import JournalFile
from edge_agent.journal_upgrade import upgrade
from edge_agent.stamping import Row
from tests.edge_agent.journal_peer import (
    BASE_US,
    BOOT,
    STEADY,
    batch_of,
    everything,
    held,
    opened,
    read,
    series,
    some,
    write,
)
from tests.edge_agent.test_journal import until

_SCHEMA_1 = """
CREATE TABLE entry (
    measurement TEXT NOT NULL, id INTEGER NOT NULL, points INTEGER NOT NULL, offset_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL, last_seq INTEGER NOT NULL, digest TEXT NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (measurement, id)) WITHOUT ROWID;
CREATE TABLE aside (id INTEGER PRIMARY KEY, why TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE tally (one INTEGER PRIMARY KEY CHECK (one = 1), counts BLOB NOT NULL);
"""


_SCHEMA_2 = """
CREATE TABLE entry (
    measurement TEXT NOT NULL, id INTEGER NOT NULL, points INTEGER NOT NULL, clock TEXT NOT NULL,
    handed INTEGER NOT NULL DEFAULT 0, offset_us INTEGER NOT NULL, last_us INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    digest TEXT NOT NULL, layout INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (measurement, id)) WITHOUT ROWID;
CREATE TABLE layout (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE layout_again (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE aside (id INTEGER PRIMARY KEY, why TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE tally (one INTEGER PRIMARY KEY CHECK (one = 1), counts BLOB NOT NULL);
"""


def payload_1(first_seq: int, points: list[Point], trusted: bool) -> bytes:
    """As version 1 wrote it: names, times from one to the next, and values."""
    columns: dict[Any, list[Point]] = {}
    for point in points:
        columns.setdefault((point.series, point.simulated), []).append(point)
    base_us = min(point.time_us for point in points)
    written: list[Any] = []
    for (of, simulated), some_points in columns.items():
        times = [point.time_us for point in some_points]
        steps = [later - earlier for earlier, later in zip([base_us, *times], times, strict=False)]
        tags = [of.measurement.value, of.room, of.device, of.role, of.metric]
        written.append([*tags, simulated, steps, [point.value for point in some_points]])
    return msgspec.msgpack.encode([1, BOOT, trusted, first_seq, first_seq + len(points) - 1, base_us, written])


def journal_1(path: Path, rows: int = 10, trusted: bool = True) -> list[Point]:
    """A journal of version 1, with so many rows of 50 readings and an event; and what is in it."""
    written: list[Point] = []
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA auto_vacuum = INCREMENTAL;{_SCHEMA_1}PRAGMA user_version = 1;")
        for number in range(rows):
            readings = [*some(25, number * 25), *some(25, number * 25, series("power", "lamp"))]
            event = [Point(series("note", "gw-1", Measurement.EVENT), BASE_US + number, f"event {number}", True)]
            for place, points in enumerate((readings, event)):
                payload = payload_1(number * len(points), points, trusted)
                last_us = max(point.time_us for point in points)
                connection.execute(
                    "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (points[0].series.measurement.value, 2 * number + place + 1, len(points), 1_700_000_000_000_000,
                     last_us, (number + 1) * len(points) - 1, digest(payload), payload),
                )  # fmt: skip
                written += points
        counts = {"stored": 7, "dropped": {"reading": 3}, "refused": {"tag": 2}, "last_us": BASE_US, "next_seq": {}}
        connection.execute("INSERT INTO tally VALUES (1, ?)", (msgspec.json.encode(counts),))
        connection.commit()
    return written


def journal_2(path: Path, rows: int = 10, clock: Clock = Clock.TRUSTED, handed: int = 0) -> list[Point]:
    """A journal of version 2, with so many rows of 50 readings; and what is in it."""
    written: list[Point] = []
    layout = Layout.of(BOOT, [(series(), False), (series("power", "lamp"), False)])
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA auto_vacuum = INCREMENTAL;{_SCHEMA_2}PRAGMA user_version = 2;")
        for table in ("layout", "layout_again"):
            connection.execute(f"INSERT INTO {table} VALUES (7, ?)", (layout.packed,))  # noqa: S608
        for number in range(rows):
            points = [*some(25, number * 25), *some(25, number * 25, series("power", "lamp"))]
            row = Row.of(layout, clock, STEADY.offset_us, number * 50, number * 50 + 49, runs_of(points))
            connection.execute(
                "INSERT INTO entry VALUES ('reading', ?, ?, ?, ?, ?, ?, ?, ?, 7, ?)",
                (
                    number + 1,
                    50,
                    clock.value,
                    handed,
                    row.offset_us,
                    row.last_us,
                    row.last_seq,
                    row.digest,
                    row.payload,
                ),
            )
            written += points
        counts = {"stored": 7, "dropped": {"reading": 3}, "refused": {"tag": 2}, "last_us": BASE_US - 1, "next_seq": {}}
        connection.execute("INSERT INTO tally VALUES (1, ?)", (msgspec.json.encode(counts),))
        connection.commit()
    return written


async def test_a_journal_of_version_2_goes_on(path: Path) -> None:
    written = journal_2(path)
    async with opened(path) as journal:
        assert sorted(held(await everything(journal)), key=str) == sorted(written, key=str)
        assert (journal.stored, journal.dropped[Measurement.READING], journal.refused) == (7, 3, {"tag": 2})
        assert (journal.set_aside, journal.damaged, journal.corrupt) == (0, 0, 0)
        journal.write(some(1, first=10_000))
        assert batch_of((await everything(journal))[-1]).first_seq == 500
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'entry_2'").fetchall()


@pytest.mark.parametrize(("handed", "clock"), [(0, Clock.RETIMED), (1, Clock.UNTRUSTED)])
async def test_what_waits_for_the_time_in_version_2_gets_it_unless_it_was_sent(
    path: Path, handed: int, clock: Clock
) -> None:
    journal_2(path, clock=Clock.UNTRUSTED, handed=handed)
    async with opened(path) as journal:
        await until(lambda: journal.newest > 0)
        assert {batch_of(parcel).clock for parcel in await everything(journal)} == {clock}


@pytest.mark.parametrize(
    ("damage", "lost", "aside"),
    [
        ("UPDATE entry SET payload = zeroblob(40) WHERE id = 3", 50, 1),
        ("UPDATE entry SET last_seq = 2000000, last_us = 5, points = 9, clock = 'x', layout = 8 WHERE id = 3", 0, 0),
        ("UPDATE layout SET id = 9", 0, 0),
    ],
)
async def test_what_the_disk_changed_in_version_2_does_not_go_into_version_3(
    path: Path, damage: str, lost: int, aside: int
) -> None:
    written = journal_2(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(damage)
        connection.commit()
    async with opened(path) as journal:
        found = held(await everything(journal))
        assert set(found) <= set(written)
        assert len(found) == len(written) - lost
        assert (journal.set_aside, journal.corrupt) == (aside, 0)


async def test_a_journal_of_version_2_cut_short_while_it_is_moved_goes_on_at_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = journal_2(path)
    monkeypatch.setattr(journal_upgrade, "_ROWS", 3)
    file = JournalFile.open(path, 2**20)
    with pytest.raises(KeyboardInterrupt):
        upgrade(_CutShort(file))  # type: ignore[arg-type]
    file.close()
    async with opened(path) as journal:
        assert sorted(held(await everything(journal)), key=str) == sorted(written, key=str)


async def test_everything_is_there_and_goes_on(path: Path) -> None:
    written = journal_1(path)
    async with opened(path) as journal:
        parcels = await everything(journal)
        assert sorted(held(parcels), key=str) == sorted(written, key=str)
        assert [parcel.id for parcel in parcels] == sorted(parcel.id for parcel in parcels)
        assert (journal.stored, journal.dropped[Measurement.READING], journal.refused) == (7, 3, {"tag": 2})
        assert (journal.set_aside, journal.corrupt) == (0, 0)
        journal.write(some(1, first=10_000))
        newest = (await everything(journal))[-1]
        assert batch_of(newest).first_seq == 500
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'entry_1'").fetchall()


async def test_cut_short_it_goes_on_at_the_next_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = journal_1(path)
    monkeypatch.setattr(journal_upgrade, "_ROWS", 3)
    file = JournalFile.open(path, 2**20)
    with pytest.raises(KeyboardInterrupt):
        upgrade(_CutShort(file))  # type: ignore[arg-type]
    file.close()
    async with opened(path) as journal:
        assert sorted(held(await everything(journal)), key=str) == sorted(written, key=str)


class _CutShort:
    """The power goes in the second transaction."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._appended = 0

    def append(self, *arguments: Any) -> None:
        self._appended += 1
        if self._appended == 5:
            raise KeyboardInterrupt
        self._file.append(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


async def test_a_batch_that_the_disk_changed_is_set_aside(path: Path) -> None:
    written = journal_1(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE entry SET payload = zeroblob(40) WHERE id = 3")
        connection.commit()
    async with opened(path) as journal:
        assert len(held(await everything(journal))) == len(written) - 50
        assert journal.set_aside == 1


async def test_times_that_may_have_been_sent_already_stay_as_they_are(path: Path) -> None:
    written = journal_1(path, trusted=False)
    async with opened(path) as journal:  # its clock is trusted, and its boot the same
        parcels = await everything(journal)
        assert sorted(held(parcels), key=str) == sorted(written, key=str)
        assert {batch_of(parcel).clock for parcel in parcels} == {Clock.UNTRUSTED}


async def test_what_can_be_read_of_a_damaged_one_is_kept(path: Path) -> None:
    written = journal_1(path, rows=200)
    content = bytearray(read(path))
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    write(path, bytes(content))
    async with opened(path) as journal:
        found: list[Point] = []
        while not journal.corrupt:
            found = held(await everything(journal))
        found = held(await everything(journal))
        assert set(found) <= set(written)
        assert len(found) == len(set(found)) >= len(written) * 0.8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"
