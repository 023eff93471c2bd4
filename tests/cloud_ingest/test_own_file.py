"""A part's own file: made once by whoever comes first, of one version, changed wholly or not at all."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloud_ingest.own_file import OwnFile


class Away(Exception):
    """The error of this test's part."""


def made(path: Path, version: int = 1, create: bool = True) -> OwnFile:
    schema = "CREATE TABLE one (a INTEGER PRIMARY KEY); CREATE TABLE two (b TEXT);"
    return OwnFile(path, schema, version, "the things", Away, create=create)


def count(file: OwnFile) -> int:
    with file.reading() as kept:
        found: int = kept.execute("SELECT count(*) FROM one").fetchone()[0]
    return found


def test_many_that_come_at_once_find_one_file_that_only_we_can_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "things.sqlite"

    def write(number: int) -> None:
        with made(path) as file, file.changing() as kept:
            kept.execute("INSERT INTO one VALUES (?)", (number,))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    with made(path, create=False) as file:
        assert count(file) == 24
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_change_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with made(tmp_path / "things") as file:
        with pytest.raises(Away, match=r"^the things: "), file.changing() as kept:
            kept.executemany("INSERT INTO one VALUES (?)", [(1,), (1,)])
        assert count(file) == 0


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    path = tmp_path / "things"
    with pytest.raises(Away, match="there are no things "), made(path, create=False):
        pass
    assert not path.exists()
    with made(path):
        pass
    with pytest.raises(Away, match="has version 1; this lophoc knows 2"), made(path, version=2):
        pass
    with pytest.raises(Away, match="is not open"):
        count(made(path))
    path.write_bytes(b"no database at all" * 99)
    with pytest.raises(Away, match=r"^the things: "), made(path):
        pass
    assert path.read_bytes().startswith(b"no database")


def test_a_reader_makes_no_tables_in_an_empty_file(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "things").close()
    (tmp_path / "things").touch()
    with pytest.raises(Away, match="has version 0"), made(tmp_path / "things", create=False):
        pass
