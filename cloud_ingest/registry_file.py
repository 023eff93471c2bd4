"""The registry's file: its tables, and what becomes of one that is damaged, taken away or of a later version.

It has history that nothing else has, so a damaged one is put aside as `*.corrupt-N` before another is begun.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from cloud_ingest.shared_file import SharedFile

VERSION = 1
_ASIDE = 100
_SCHEMA = """
CREATE TABLE gateway (
    school TEXT NOT NULL, name TEXT NOT NULL, said TEXT, said_us INTEGER NOT NULL DEFAULT 0,
    heard_us INTEGER NOT NULL DEFAULT 0, newest_us INTEGER NOT NULL DEFAULT 0, points INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (school, name)) WITHOUT ROWID;
CREATE TABLE spell (
    school TEXT NOT NULL, name TEXT NOT NULL, since_us INTEGER NOT NULL, what TEXT NOT NULL,
    PRIMARY KEY (school, name, since_us)) WITHOUT ROWID;
CREATE TABLE device (
    school TEXT NOT NULL, room TEXT NOT NULL, device TEXT NOT NULL, role TEXT NOT NULL, gateway TEXT NOT NULL,
    seen_us INTEGER NOT NULL, PRIMARY KEY (school, room, device, role)) WITHOUT ROWID;
CREATE INDEX device_by_gateway ON device (school, gateway, room);
"""

_log = logging.getLogger("lophoc.ingest.registry")


class RegistryUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


class RegistryFile(SharedFile):
    """Its methods raise RegistryUnavailable. A damaged one is put aside."""

    schema, version, synchronous = _SCHEMA, VERSION, "NORMAL"
    called, unavailable = "registry", RegistryUnavailable

    def _translated(self) -> AbstractContextManager[None]:
        return translated()

    def _make_room(self, wrong: sqlite3.DatabaseError) -> None:
        aside = _put_aside(self._path)
        _log.error("the registry is damaged (%s): it is put aside as %s, another is begun", wrong, aside.name)

    def _turned_out_damaged(self) -> None:
        self._let_go()  # and looked at again the next time


def _put_aside(path: Path) -> Path:
    """Of very many the last place is used again."""
    places = [Path(f"{path}.corrupt-{number}") for number in range(1, _ASIDE + 1)]
    aside = next((place for place in places if not place.exists()), places[-1])
    for behind in ("-wal", "-shm"):
        Path(f"{path}{behind}").unlink(missing_ok=True)
    path.replace(aside)
    return aside


@contextlib.contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as wrong:
        raise RegistryUnavailable(f"the registry: {wrong}") from wrong
