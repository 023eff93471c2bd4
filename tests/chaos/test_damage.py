"""The faults are real: SQLite sees a frame that was begun, and a full disk takes nothing."""

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.chaos.torn_log import tear


def test_a_torn_frame_is_behind_what_was_committed_and_costs_none_of_it(tmp_path: Path) -> None:
    """Also where an older, longer log is being written over: only frames with the header's salt count."""
    path, log = tmp_path / "journal.sqlite", tmp_path / "journal.sqlite-wal"
    open_ = sqlite3.connect(path, isolation_level=None)
    open_.execute("PRAGMA journal_mode = WAL")
    open_.execute("CREATE TABLE entry (number INTEGER)")
    for number in range(20):
        open_.execute("INSERT INTO entry VALUES (?)", (number,))
    open_.execute("PRAGMA wal_checkpoint(RESTART)")
    open_.execute("INSERT INTO entry VALUES (20)")
    copy = tmp_path / "after.sqlite"
    for end in ("", "-wal"):
        copy.with_name(copy.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
    size = log.stat().st_size
    at = tear(copy.with_name("after.sqlite-wal"), random.Random(1), 0.5)
    assert at == 32 + 24 + 4096 < size
    assert log.read_bytes()[at : at + 64] != copy.with_name("after.sqlite-wal").read_bytes()[at : at + 64]
    torn = sqlite3.connect(copy)
    assert [number for (number,) in torn.execute("SELECT number FROM entry")] == list(range(21))
    torn.close()
    open_.close()


def test_where_there_is_no_log_nothing_is_torn(tmp_path: Path) -> None:
    assert tear(tmp_path / "journal.sqlite-wal", random.Random(1), 0.5) == -1
    (tmp_path / "empty-wal").touch()
    assert tear(tmp_path / "empty-wal", random.Random(1), 0.5) == -1


_FULL = """
import os, sys
from pathlib import Path
from tests.chaos.disk import Disk, private_mounts

disk = Disk(Path(sys.argv[1]), mount=sys.argv[2] == "mount" and private_mounts())
file = disk.directory / "file"
file.write_bytes(bytes(8192))

def takes():
    with file.open("ab", buffering=0) as out:
        try:
            return out.write(bytes(8192)) == 8192
        except OSError:
            return False

assert takes()
for _ in range(2):
    disk.fill(os.getpid())
    assert not takes()
    disk.free(os.getpid())
    assert takes()
    disk.refuse(os.getpid())
    assert not takes()
    disk.free(os.getpid())
    assert takes()
disk.close()
print(disk.way)
"""


def test_a_full_disk_takes_nothing_until_it_is_freed(tmp_path: Path) -> None:
    for number, way in enumerate(["mount", "limit"]):
        command = [sys.executable, "-c", _FULL, str(tmp_path / f"disk-{number}"), way]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() in (
            ("tmpfs of 16m, RLIMIT_FSIZE", "RLIMIT_FSIZE") if way == "mount" else ("RLIMIT_FSIZE",)
        )
