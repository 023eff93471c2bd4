"""What can still be read of a damaged journal: nearly all of it, since damage is mostly a page or two."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from classroom_profiles.telemetry import Measurement, Unreadable, decode, digest
from edge_agent.journal_file import Tally, corrupt
from edge_agent.stamping import Row

_FROM_FRONT = "SELECT id FROM entry WHERE measurement = ? ORDER BY id"
_FROM_BACK = "SELECT id FROM entry WHERE measurement = ? ORDER BY id DESC"
_READ = """
SELECT points, offset_us, last_us, last_seq, digest, payload FROM entry WHERE measurement = ? AND id = ?
"""


class Rescue:
    """Reads a file that nobody else uses; never raises for what it finds in it."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)

    def __enter__(self) -> "Rescue":
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def tally(self) -> Tally:
        try:
            row = self._connection.execute("SELECT counts FROM tally").fetchone()
            return Tally() if row is None else msgspec.json.decode(row[0], type=Tally)
        except (sqlite3.Error, msgspec.DecodeError, TypeError, UnicodeDecodeError):
            return Tally()

    def rows(self) -> Iterator[Row]:
        """Oldest first; each as it was written, by its digest."""
        ids = [(row_id, measurement) for measurement in Measurement for row_id in self._ids(measurement)]
        for row_id, measurement in sorted(ids):
            try:
                found = self._connection.execute(_READ, (measurement.value, row_id)).fetchone()
                row = Row(measurement, *found)
                if digest(row.payload) == row.digest and decode(row.payload).boot:
                    yield row
            except (sqlite3.Error, TypeError, Unreadable):
                continue

    def _ids(self, measurement: Measurement) -> set[int]:
        """From both ends up to the first page that cannot be read."""
        found: set[int] = set()
        for question in (_FROM_FRONT, _FROM_BACK):
            try:
                for (row_id,) in self._connection.execute(question, (measurement.value,)):
                    found.add(row_id)
            except (sqlite3.Error, OverflowError):
                continue
            break
        return {row_id for row_id in found if isinstance(row_id, int)}


def not_rescued(path: Path, known: int, newest: int) -> list[Path]:
    """The damaged files of the journal at `path`, oldest first, whose content is in no later file."""
    found: list[Path] = []
    for number in range(newest, 0, -1):
        damaged = corrupt(path, number)
        if number <= known or not damaged.exists():
            break
        found.append(damaged)
        with Rescue(damaged) as rescue:
            known = max(known, rescue.tally().rescued)
    return found[::-1]
