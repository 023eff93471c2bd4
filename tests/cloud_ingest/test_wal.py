"""Coming at once to one SQLite file."""

import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest

from cloud_ingest import wal


def test_a_new_file_is_private_and_one_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "things"
    wal.make_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("kept")
    wal.make_private(path)
    assert path.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [path]


def test_making_it_takes_no_lock_away_from_who_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "things"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    wal.make_private(path)
    other = sqlite3.connect(path, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT * FROM sqlite_schema")
    other.close()
    holder.close()


def test_one_that_is_in_use_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "things"
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("CREATE TABLE one (a)")
    holder.execute("BEGIN EXCLUSIVE")
    waited = threading.Event()

    def pause(_: float) -> None:
        holder.rollback()
        waited.set()

    monkeypatch.setattr(time, "sleep", pause)
    comer = sqlite3.connect(path, timeout=0)
    wal.write_ahead(comer)
    assert waited.is_set()
    assert comer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    comer.close()
    holder.close()


def test_one_that_stays_in_use_is_given_up_and_another_error_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "_WITHIN_S", 0.05)
    path = tmp_path / "things"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE one (a)")
    holder.execute("BEGIN EXCLUSIVE")
    comer = sqlite3.connect(path, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        wal.write_ahead(comer)
    holder.close()
    comer.close()
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        wal.write_ahead(reader)
    reader.close()
