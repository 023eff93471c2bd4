"""Whatever bits the disk changes in the journal's file, a point is sent as it was written, once, or it is counted."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.telemetry import Measurement, Point
from edge_agent.damaged_journals import put_log_aside
from edge_agent.journal import Journal
from tests.edge_agent.journal_peer import everything, held, noise, opened, read, series, some, stored, values, write

_EVENT = series("note", "gw-1", Measurement.EVENT)
_DEVICE = series("health", "projector", Measurement.DEVICE)
_PAGE = 4096


@dataclass(frozen=True)
class Made:
    content: bytes
    waits: frozenset[Point]
    log: bytes = b""
    last: frozenset[Point] = frozenset()
    """Of the last transaction in the log."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return asyncio.run(_make(tmp_path_factory.mktemp("flips") / "journal.sqlite"))


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """As a power cut leaves it."""
    return asyncio.run(_cut(tmp_path_factory.mktemp("flips") / "journal.sqlite"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


async def _make(path: Path) -> Made:
    """Rows of every size, and a few that were settled before."""
    async with opened(path) as journal:
        journal.attend(True)
        for number in range(14):
            journal.write(noise(600 if number % 3 else 60, number * 600))
            journal.write([Point(_EVENT, 1_790_000_000_000_000 + number, f"event {number}")])
            journal.write(some(20, number * 20, _DEVICE))
            await journal.flush()
        for parcel in (await everything(journal))[3:6]:
            journal.settle(parcel, stored(parcel))
        await journal.flush()
        waits = frozenset(held(await everything(journal)))
    assert len(waits) == journal.backlog
    return Made(read(path), waits)


async def _cut(path: Path) -> Made:
    async with opened(path) as journal:
        for number in range(12):
            journal.write([*noise(200, number * 200), *some(5, number * 5, _DEVICE)])
            await journal.flush()
            if number == 6:
                for parcel in (await everything(journal))[:3]:
                    journal.settle(parcel, stored(parcel))
        waits = held(await everything(journal))
        last = some(3, of=series("last"))
        journal.write(last)
        await journal.flush()
        return Made(read(path), frozenset([*waits, *last]), read(path.with_name(f"{path.name}-wal")), frozenset(last))


async def _hold_to_the_promise(path: Path, made: Made) -> None:
    async with opened(path) as journal:
        await _drained(journal, made)
    async with opened(path) as journal:  # and it is whole again
        await journal.flush()
        assert (journal.backlog, journal.writable) == (0, True)
        damaged = journal.damaged
        journal.write(some(3, of=series("after")))
        assert values(await everything(journal)) == [0.0, 1.0, 2.0]
        assert journal.damaged == damaged


async def _drained(journal: Journal, made: Made) -> None:
    await journal.flush()
    assert journal.writable
    came: list[Point] = []
    while journal.backlog:
        for parcel in await journal.parcels(0, 4, journal.newest):
            came += held([parcel])
            journal.settle(parcel, stored(parcel))
        await journal.flush()
    assert len(came) == len(set(came))
    assert set(came) <= made.waits
    missing = len(made.waits - made.last) - len(set(came) - made.last)
    if journal.corrupt == 0:
        assert journal.damaged == missing + (len(made.last - set(came)) if journal.damaged > missing else 0)
    else:  # put aside: what it held that can be had no more is in that file, and counted if its counts can be read
        assert journal.damaged in (missing, missing + len(made.last - set(came)), 0)


_number = count()


@settings(max_examples=25)
@given(data=st.data())
def test_a_few_bits_anywhere(made: Made, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    flips = data.draw(st.lists(st.integers(0, len(made.content) * 8 - 1), min_size=1, max_size=4, unique=True))
    content = bytearray(made.content)
    for flip in flips:
        content[flip // 8] ^= 1 << flip % 8
    path = tmp_path_factory.getbasetemp() / f"flip-{next(_number)}" / "journal.sqlite"
    path.parent.mkdir()
    write(path, bytes(content))
    asyncio.run(_hold_to_the_promise(path, made))


@settings(max_examples=10)
@given(at=st.integers(0, 200), byte=st.integers(1, 255))
def test_a_byte_of_the_first_page(made: Made, tmp_path_factory: pytest.TempPathFactory, at: int, byte: int) -> None:
    content = bytearray(made.content)
    content[at] ^= byte
    path = tmp_path_factory.getbasetemp() / f"flip-{next(_number)}" / "journal.sqlite"
    path.parent.mkdir()
    write(path, bytes(content))
    asyncio.run(_hold_to_the_promise(path, made))


@settings(max_examples=20)
@given(data=st.data())
def test_a_bit_of_the_log_that_a_power_cut_left(
    cut: Made, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Also of its header: SQLite would drop all of it."""
    at = data.draw(st.one_of(st.integers(0, 60), st.integers(0, len(cut.log) - 1)))
    log = bytearray(cut.log)
    log[at] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / f"flip-{next(_number)}" / "journal.sqlite"
    path.parent.mkdir()
    write(path, cut.content)
    write(path.with_name(f"{path.name}-wal"), bytes(log))
    asyncio.run(_hold_to_the_promise(path, cut))


async def test_a_log_that_was_put_aside_finds_its_file_after_another_power_cut(cut: Made, path: Path) -> None:
    """The power goes again when the damaged log has its second name, and SQLite has removed the first."""
    log = bytearray(cut.log)
    log[32 + 5 * 4120 + 100] ^= 1
    write(path, cut.content)
    write(path.with_name(f"{path.name}-wal"), bytes(log))
    put_log_aside(path)
    with closing(sqlite3.connect(path)) as connection:  # as far as it is good, it is taken, and the log removed
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    assert not path.with_name(f"{path.name}-wal").exists()
    await _hold_to_the_promise(path, cut)


async def test_a_torn_last_transaction_is_no_damage(cut: Made, path: Path) -> None:
    """Nobody was told that it is durable."""
    write(path, cut.content)
    write(path.with_name(f"{path.name}-wal"), cut.log[:-100])
    async with opened(path) as journal:
        await journal.flush()
        assert set(held(await everything(journal))) == cut.waits - cut.last
        assert (journal.corrupt, journal.damaged) == (0, 0)


@pytest.mark.parametrize(
    ("at", "byte"),
    [
        (0, b"sQL"), (16, b"\x20"), (18, b"\x03"), (19, b"\x04"), (18, b"\x01\x01"), (20, b"\x08"),
        (21, b"\x00\x00\x00"), (29, b"\x01"), (31, b"\x02"), (47, b"\x05"), (56, b"\x00\x00\x00\x02"),
        (63, b"\x01"), (63, b"\x02"), (67, b"\x00"),
    ],
)  # fmt: skip
async def test_a_header_that_says_what_cannot_be_is_mended_where_it_is(
    made: Made, path: Path, at: int, byte: bytes
) -> None:
    """Byte 18 made a file that may only be read: the points of a whole life were kept in memory, and lost."""
    content = bytearray(made.content)
    assert content[at : at + len(byte)] != byte
    content[at : at + len(byte)] = byte
    write(path, bytes(content))
    async with opened(path) as journal:
        await journal.flush()
        assert set(held(await everything(journal))) == made.waits
        assert (journal.corrupt, journal.damaged, journal.set_aside) == (0, 0, 0)
    assert read(path)[:24] == made.content[:24]


@pytest.mark.parametrize("word", [b"TABLE entry", b"checked INTEGER", b"payload BLOB", b"tabletally", b"WITHOUT ROWID"])
async def test_the_words_of_its_tables_are_mended_where_they_are(made: Made, path: Path, word: bytes) -> None:
    assert word in made.content
    write(path, made.content.replace(word, word[:-1] + bytes([word[-1] ^ 0x80])))
    async with opened(path) as journal:
        await journal.flush()
        assert set(held(await everything(journal))) == made.waits
        assert (journal.corrupt, journal.damaged, journal.set_aside) == (0, 0, 0)


async def test_of_two_bad_copies_of_the_counts_none_is_believed(made: Made, path: Path) -> None:
    write(path, made.content.replace(b'"next_seq"', b'"next_sEq"'))
    async with opened(path) as journal:
        await journal.flush()
        assert set(held(await everything(journal))) == made.waits
        assert (journal.corrupt, journal.stored) == (1, 0)


async def test_only_its_user_can_read_it_whoever_makes_it(path: Path) -> None:
    before = os.umask(0)
    try:
        async with opened(path) as journal:
            journal.write(some(1))
            await journal.flush()
            assert _modes(path) == {0o600}
        os.chmod(path, 0o644)  # noqa: PTH101 - ASYNC240
        async with opened(path) as journal:
            await journal.flush()
            assert _modes(path) == {0o600}
    finally:
        os.umask(before)


def _modes(path: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("journal.sqlite*")}
