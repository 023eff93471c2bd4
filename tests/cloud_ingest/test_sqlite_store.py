"""The embedded store: one file that survives what files have to survive."""

import sqlite3
from pathlib import Path

import pytest

from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion, StoreUnavailable, WrongStore

NOW = 1_790_000_000_000_000
PORTION = Portion("thcs", [Run(Series(Measurement.READING, "a101", "co2", "air", "co2_ppm"), False, [NOW], [412.0])])


def test_points_are_there_after_it_was_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        store = SqliteStore(str(tmp_path / "store.sqlite"))
        store.open()
        store.write([PORTION])
        store.close()
    store.open(create=False)
    assert store.count("thcs") == 1
    store.close()


def test_opening_twice_is_opening_once(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path / "store.sqlite"))
    store.open()
    store.open()
    store.write([PORTION])
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable):
        store.count("thcs")


def test_a_write_that_failed_left_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = SqliteStore(str(path))
    store.open()
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("CREATE TRIGGER full BEFORE INSERT ON point BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    with pytest.raises(StoreUnavailable, match="disk is full"):
        store.write([PORTION])
    assert store.count("thcs") == 0
    blocker.execute("DROP TRIGGER full")
    blocker.close()
    store.write([PORTION])
    assert store.count("thcs", "a101") == 1
    assert [stored.value for stored in store.latest("thcs", "a101")] == [412.0]
    store.close()


def test_two_processes_may_write_one_file(tmp_path: Path) -> None:
    stores = [SqliteStore(str(tmp_path / "store.sqlite")) for _ in range(2)]
    for store in stores:
        store.open()
    for store in stores * 2:
        store.write([PORTION])
    assert [store.count("thcs") for store in stores] == [1, 1]
    for store in stores:
        store.close()


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but something that someone wrote\n" * 40, encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(WrongStore, match="not a SQLite file"):
        SqliteStore(str(path)).open()
    assert path.read_bytes() == before


def test_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(WrongStore, match="version 9"):
        SqliteStore(str(path)).open()


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE marks (mark)")
    connection.close()
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(WrongStore, match="something else"):
            SqliteStore(str(path)).open(create=create)
    assert path.read_bytes() == before


def test_reading_creates_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no file"):
        SqliteStore(str(tmp_path / "store.sqlite")).open(create=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(StoreUnavailable, match="is empty"):
        SqliteStore(str(tmp_path / "empty.sqlite")).open(create=False)
    assert (tmp_path / "empty.sqlite").stat().st_size == 0


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongStore, match="no folder"):
        SqliteStore(str(tmp_path / "none" / "store.sqlite")).open()
