"""A journal whose file the disk has changed is put aside, and never stops what writes to it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from classroom_profiles.telemetry import Measurement, Point
from edge_agent.journal import Journal, Parcel
from edge_agent.journal_file import JournalFile
from tests.edge_agent.journal_peer import BASE_US, everything, noise, opened, read, series, some, stored, values, write

_EVENT = series("action", measurement=Measurement.EVENT)


async def _made(path: Path) -> None:
    """Three rows of readings; one of events, which was settled, so that something has been counted."""
    async with opened(path) as journal:
        for first in (0, 700, 1400):
            journal.write(noise(700, first))
            await journal.flush()
        journal.write(some(10, of=_EVENT))
        last = (await everything(journal))[-1]
        journal.settle(last, stored(last))
        await journal.flush()


async def _goes_on(journal: Journal) -> list[Parcel]:
    """What is written now is durable, and can be sent."""
    journal.write(some(3, 50_000))
    await journal.flush()
    assert journal.writable
    found = await everything(journal)
    assert values(found)[-3:] == [50_000.0, 50_001.0, 50_002.0]
    return found


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        ("UPDATE entry SET clock = CAST(x'7472ff7374' AS TEXT) WHERE id = 1", 2100),
        ("UPDATE entry SET digest = CAST(x'31ff' AS TEXT) WHERE id = 1", 2100),
        ("UPDATE entry SET payload = 'text' WHERE id = 1", 1400),
        ("UPDATE entry SET measurement = CAST(x'ff65' AS TEXT) WHERE id = 1", 2100),
        ("UPDATE entry SET last_us = 9000000000000000000 WHERE id = 1", 2100),
        ("UPDATE entry SET last_us = 'soon' WHERE id = 1", 2100),
        ("UPDATE entry SET points = -5 WHERE id = 1", 2100),
        ("UPDATE entry SET id = 9223372036854775807 WHERE id = 1", 2100),
        ("UPDATE tally SET counts = CAST(replace(counts, '\"last_us\":1', '\"last_us\":9') AS BLOB)", 2100),
        ("UPDATE tally SET counts = 7", 2100),
        ("DROP TABLE aside", 2100),
    ],
)
async def test_a_column_of_another_kind_costs_its_row_at_most(tmp_path: Path, damage: str, kept: int) -> None:
    path = tmp_path / "journal.sqlite"
    await _made(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(damage).rowcount or damage.startswith("DROP")
        connection.commit()
    async with opened(path) as journal:
        sent = await _goes_on(journal)
        assert journal.dropped[Measurement.READING] == 0
        assert journal.refused == {}
        assert sum(parcel.points for parcel in sent) == kept + 3
        assert journal.damaged == 2100 - kept


@pytest.mark.parametrize("name", [b"entry", b"aside", b"tally"])
async def test_a_file_in_which_a_table_has_no_name_any_more_is_put_aside(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    await _made(path)
    content = read(path)
    write(path, content.replace(name, b"\xff" * len(name)))
    async with opened(path) as journal:
        await _goes_on(journal)
        assert journal.corrupt == 1


@pytest.mark.parametrize(("damage", "lost"), [("last_us = 7", 0), ("points = 9, payload = zeroblob(9)", 700)])
async def test_columns_that_change_under_a_running_agent_are_found_before_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, lost: int
) -> None:
    path = tmp_path / "journal.sqlite"
    await _made(path)
    between = JournalFile.between
    changed: list[object] = []

    def changing(file: JournalFile, after: int, last: int, most: int) -> Any:
        if not changed:
            changed.append(file._connection.execute(f"UPDATE entry SET {damage} WHERE id = 2"))  # noqa: S608
        return between(file, after, last, most)

    monkeypatch.setattr(JournalFile, "between", changing)
    async with opened(path) as journal:
        await journal.flush()
        found: list[Parcel] = []
        while sum(parcel.points for parcel in found) < 2100 - lost:
            found += await journal.parcels(found[-1].id if found else 0, 10)
        assert changed
        assert values(found) == [point.value for point in noise(2100) if not (lost and 700 <= _at(point) < 1400)]
        assert (journal.damaged, journal.set_aside, journal.corrupt) == (lost, lost // 700, 0)
        assert journal.backlog == 2100 - lost


def _at(point: Point) -> int:
    return (point.time_us - BASE_US) // 1000
