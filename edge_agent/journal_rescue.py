"""What can still be read of a damaged journal, around the pages that cannot."""

import contextlib
import sqlite3
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from classroom_profiles.telemetry import Layout, Measurement
from edge_agent.damaged_journals import corrupt
from edge_agent.journal_layouts import read_layout
from edge_agent.journal_log import mend
from edge_agent.journal_tally import Tally
from edge_agent.journal_upgrade import row_of_1
from edge_agent.stamping import Row

_ENDS = ("", " DESC")
_KEYS = "SELECT CAST(measurement AS BLOB), id FROM {table} {where} ORDER BY measurement{end}, id{end}"
_ONE = "WHERE measurement = CAST(? AS TEXT) AND id = ?"
_ONE_OUT_OF_ORDER = "WHERE CAST(measurement AS BLOB) = ? AND +id = ?"
_MOST_OUT_OF_ORDER = 64
"""Rows that are looked for in the whole table, since the way to them is damaged."""
_READ = "SELECT offset_us, payload FROM {table} {where}"
_READ_1 = "SELECT points, offset_us, last_us, last_seq, digest, payload FROM {table} {where}"

_DAMAGE = (sqlite3.Error, TypeError, ValueError, OverflowError)
"""What sqlite3 raises for a damaged page, and for a column, or a word of the schema, that is of another kind."""

_Key = tuple[bytes, int]


class Rescue:
    """Reads a file that nobody else uses; never raises for what it finds in it."""

    def __init__(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            mend(path.with_name(f"{path.name}-wal"))
        self._connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        self._made: dict[bytes, Layout] = {}
        self._out_of_order = 0
        self.points: dict[Measurement, int] = {}
        """In the rows that were read so far."""
        self.next_seq: dict[Measurement, int] = {}

    def __enter__(self) -> "Rescue":
        with contextlib.suppress(*_DAMAGE):
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA writable_schema = ON")  # one table whose words are damaged is not all
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def tally(self) -> Tally:
        for table in ("tally", "tally_again"):
            with contextlib.suppress(*_DAMAGE):
                row = self._connection.execute(f"SELECT counts FROM {table}").fetchone()  # noqa: S608
                if row is not None:
                    return Tally.read(row[0])
        return Tally()

    def rows(self) -> Iterator[Row]:
        """Oldest first, each once, as it was written: its own checksum says so."""
        seen: set[str] = set()
        for table in ("entry", "entry_2", "entry_1"):
            for row in self._found(table, with_names=self._has_names(table)):
                if row.digest not in seen:
                    seen.add(row.digest)
                    self.points[row.measurement] = self.points.get(row.measurement, 0) + row.points
                    self.next_seq[row.measurement] = max(self.next_seq.get(row.measurement, 0), row.last_seq + 1)
                    yield row

    def _found(self, table: str, *, with_names: bool) -> Iterator[Row]:
        for key in sorted(self._keys(table), key=lambda key: key[1]):
            with contextlib.suppress(*_DAMAGE):
                if with_names:
                    row = row_of_1(key[0].decode("ascii", "replace"), self._one(_READ_1, table, key), self._made)
                else:
                    row = self._row(*self._one(_READ, table, key))
                if row is not None:
                    yield row

    def _has_names(self, table: str) -> bool:
        """True for version 1, whose rows needed no layouts."""
        with contextlib.suppress(*_DAMAGE):
            self._connection.execute(f"SELECT layout FROM {table} LIMIT 0").fetchall()  # noqa: S608
            return False
        return True

    def _one(self, question: str, table: str, key: _Key) -> tuple[Any, ...]:
        """Raises one of _DAMAGE if it cannot be had."""
        with contextlib.suppress(sqlite3.Error):
            found = self._connection.execute(question.format(table=table, where=_ONE), key).fetchone()
            if found is not None:
                return tuple(found)
        self._out_of_order += 1
        if self._out_of_order > _MOST_OUT_OF_ORDER:
            raise ValueError("too many to look for")
        return tuple(self._connection.execute(question.format(table=table, where=_ONE_OUT_OF_ORDER), key).fetchone())

    def _row(self, offset_us: object, payload: object) -> Row | None:
        if not isinstance(payload, bytes):
            return None
        for layout in self._layouts:
            with contextlib.suppress(ValueError):
                return Row.read(layout, payload, offset_us if isinstance(offset_us, int) else 0)
        return None

    @cached_property
    def _layouts(self) -> list[Layout]:
        """From whichever of their two places can be read."""
        found: dict[bytes, Layout] = {}
        for table in ("layout", "layout_again"):
            for end in _ENDS:
                with contextlib.suppress(*_DAMAGE):
                    for (packed,) in self._connection.execute(f"SELECT packed FROM {table} ORDER BY id{end}"):  # noqa: S608
                        if (layout := read_layout(packed)) is not None:
                            found[layout.packed] = layout
        return list(found.values())

    def _keys(self, table: str) -> set[_Key]:
        """From both ends, of the whole and of each measurement, up to the first page that cannot be read."""
        found: set[_Key] = set()
        for measurement in (None, *Measurement):
            where = "" if measurement is None else "WHERE measurement = ?"
            for end in _ENDS:
                question = _KEYS.format(table=table, where=where, end=end)
                with contextlib.suppress(*_DAMAGE):
                    for raw, row_id in self._connection.execute(question, (measurement,) if measurement else ()):
                        if isinstance(raw, bytes) and isinstance(row_id, int):
                            found.add((raw, row_id))
        return found


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
