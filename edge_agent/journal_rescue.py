"""What can still be read of a damaged journal, around the pages that cannot."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from classroom_profiles.telemetry import Clock, Layout, Measurement, NeedLayout, Unreadable, digest
from edge_agent.damaged_journals import corrupt
from edge_agent.journal_file import READ, read_layout
from edge_agent.journal_tally import Tally
from edge_agent.journal_upgrade import row_of_1
from edge_agent.stamping import Row

_FROM_FRONT = "SELECT id FROM {table} WHERE measurement = ? ORDER BY id"
_FROM_BACK = "SELECT id FROM {table} WHERE measurement = ? ORDER BY id DESC"
_READ_1 = """
SELECT points, offset_us, last_us, last_seq, digest, payload FROM {table} WHERE measurement = ? AND id = ?
"""

_DAMAGE = (sqlite3.Error, TypeError, ValueError, OverflowError)
"""What sqlite3 raises for a damaged page, and for a column, or a word of the schema, that is of another kind."""


class Rescue:
    """Reads a file that nobody else uses; never raises for what it finds in it."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        self._layouts: dict[int, Layout] = {}
        self._made: dict[bytes, Layout] = {}

    def __enter__(self) -> "Rescue":
        with contextlib.suppress(*_DAMAGE):
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def tally(self) -> Tally:
        try:
            row = self._connection.execute("SELECT counts FROM tally").fetchone()
            tally = Tally() if row is None else msgspec.json.decode(row[0], type=Tally)
            return tally if tally.plausible else Tally()
        except (*_DAMAGE, msgspec.DecodeError):
            return Tally()

    def rows(self) -> Iterator[Row]:
        """Oldest first; each as it was written, by its digest."""
        version = self._version()
        if version != 1:
            yield from self._found("entry", version)
        yield from self._found("entry" if version == 1 else "entry_1", 1)

    def _found(self, table: str, version: int) -> Iterator[Row]:
        ids = [(row_id, measurement) for measurement in Measurement for row_id in self._ids(table, measurement)]
        for row_id, measurement in sorted(ids):
            row = None
            with contextlib.suppress(*_DAMAGE, Unreadable, NeedLayout):
                row = self._row_1(table, measurement, row_id) if version == 1 else self._row(measurement, row_id)
            if row is not None:
                yield row

    def _version(self) -> int:
        try:
            return int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        except _DAMAGE:
            return 0

    def _row(self, measurement: Measurement, row_id: int) -> Row | None:
        found: Any = self._connection.execute(READ, (measurement.value, row_id)).fetchone()
        points, clock, offset_us, last_us, last_seq, name, layout_id, payload = found
        layout = self._layout(layout_id)
        if layout is None or digest(payload) != name:
            return None
        row = Row(measurement, points, Clock(clock), offset_us, last_us, last_seq, name, layout, payload)
        batch = row.batch()  # what the row says of it may be damaged, too
        return replace(
            row,
            points=sum(len(run.times_us) for run in batch.columns),
            last_us=max(run.times_us[-1] for run in batch.columns),
            last_seq=batch.last_seq,
        )

    def _row_1(self, table: str, measurement: Measurement, row_id: int) -> Row | None:
        question = _READ_1.format(table=table)
        found: Any = self._connection.execute(question, (measurement.value, row_id)).fetchone()
        return row_of_1(measurement.value, found, self._made)

    def _layout(self, layout_id: int) -> Layout | None:
        """From whichever of its two places can be read."""
        if layout_id not in self._layouts:
            for table in ("layout", "layout_again"):
                question = f"SELECT packed FROM {table} WHERE id = ?"  # noqa: S608 - one of two names
                with contextlib.suppress(*_DAMAGE):
                    found = read_layout(self._connection.execute(question, (layout_id,)).fetchone()[0])
                    if found is not None:
                        self._layouts[layout_id] = found
                        break
        return self._layouts.get(layout_id)

    def _ids(self, table: str, measurement: Measurement) -> set[int]:
        """From both ends up to the first page that cannot be read."""
        found: set[int] = set()
        for question in (_FROM_FRONT, _FROM_BACK):
            try:
                for (row_id,) in self._connection.execute(question.format(table=table), (measurement.value,)):
                    found.add(row_id)
            except _DAMAGE:
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
