"""The file of the last values: its tables, and what becomes of one that is damaged, deleted or of a later version.

Nothing in it is worth a wait for the disk, since all of it can be had again: it is written without syncing. A process
that is killed costs nothing by that; after a power cut the file may be damaged, and is then begun anew.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from cloud_ingest.same_file import inode
from cloud_ingest.shared_file import SharedFile

VERSION = 1
_SCHEMA = """
CREATE TABLE names (id INTEGER PRIMARY KEY AUTOINCREMENT, packed BLOB NOT NULL UNIQUE);
CREATE TABLE room (
    id INTEGER PRIMARY KEY, school TEXT NOT NULL, room TEXT NOT NULL, names INTEGER NOT NULL,
    revision INTEGER NOT NULL, newest_us INTEGER NOT NULL, lasts BLOB NOT NULL, UNIQUE (school, room));
CREATE INDEX room_by_revision ON room (revision);
CREATE INDEX room_by_names ON room (names);
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO state (name, value) VALUES ('revision', 0), ('seeded', 0), ('seeding_until', 0), ('seeding_by', 0);
"""


class LastValuesUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


class LastFile(SharedFile):
    """Its methods raise LastValuesUnavailable. A damaged one is begun anew."""

    schema, version, synchronous = _SCHEMA, VERSION, "OFF"
    called, unavailable = "file", LastValuesUnavailable

    def _translated(self) -> AbstractContextManager[None]:
        return translated()

    def _is_damage(self, wrong: BaseException) -> bool:
        """Or what stands in it is not what anybody wrote."""
        return isinstance(wrong, ValueError) or super()._is_damage(wrong)

    def _make_room(self, wrong: sqlite3.DatabaseError) -> None:
        _unlink(self._path)

    def _turned_out_damaged(self) -> None:
        """It is begun anew the next time; unless another process has done so already. A reader waits for that."""
        if not self._create:
            return
        with self._alone():
            if self._inode == inode(self._path) and self._was_a_database():
                _unlink(self._path)
        self._let_go()


def _unlink(path: Path) -> None:
    for behind in ("", "-wal", "-shm"):
        Path(f"{path}{behind}").unlink(missing_ok=True)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, ValueError) as wrong:
        raise LastValuesUnavailable(f"the last values: {wrong}") from wrong
