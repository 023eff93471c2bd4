"""Journals of earlier versions: their rows are read, checked, and written as those of the newest.

Version 2 had no checksum over a row's columns. Version 1 had the names of series in each batch, as msgpack:
[1, boot, trusted, first_seq, last_seq, base_us, [[measurement, room, device, role, metric, simulated, [time, ...],
[value, ...]], ...]], the times counted each from the one before, the first from base_us
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any

import msgspec

from classroom_profiles.layout import Entry
from classroom_profiles.telemetry import Clock, Layout, Measurement, Run, Series, digest, runs
from edge_agent.journal_file import JournalFile
from edge_agent.journal_places import Place
from edge_agent.stamping import Row

_ROWS = 200
_log = logging.getLogger("lophoc.journal")
_COLUMNS = {
    # "1": perhaps the uplink has had it
    "entry_1": "measurement, id, 1, points, offset_us, last_us, last_seq, digest, payload",
    "entry_2": "measurement, id, handed, offset_us, layout, payload",
}


class _Column(msgspec.Struct, array_like=True, frozen=True):
    measurement: Measurement
    room: str
    device: str
    role: str
    metric: str
    simulated: bool
    times: list[int]
    values: list[bool | float | str]


class _Batch(msgspec.Struct, array_like=True, frozen=True):
    version: int
    boot: str
    trusted: bool
    first_seq: int
    last_seq: int
    base_us: int
    columns: list[_Column]


_decoder = msgspec.msgpack.Decoder(_Batch)


def moved(file: JournalFile) -> None:
    """Move the rows of an earlier version, if there are any; those that cannot be read are counted."""
    if not file.old_tables():
        return
    points, bad = upgrade(file)
    if bad:
        tally = file.tally()
        tally.set_aside += bad
        with file.transaction():
            file.save(tally)
    _log.info("the journal is of an earlier version: %d points are moved, %d batches set aside", points, bad)


def upgrade(file: JournalFile) -> tuple[int, int]:
    """Move every row of an earlier version, some at a time, so that it may be cut short and goes on at the next start.

    How many points were moved, and how many rows could not be read and are kept aside.
    """
    points = bad = 0
    for table in file.old_tables():
        layouts = dict(file.layouts.all())
        made: dict[bytes, Layout] = {}
        columns = _COLUMNS[table]
        while some := file.old_rows(table, columns, _ROWS):
            with file.transaction():
                for name, row_id, handed, *old in some:
                    row = row_of_1(name, old, made) if table == "entry_1" else row_of_2(name, old, layouts)
                    if row is None:
                        payload = old[-1]
                        kept = payload if isinstance(payload, bytes) else str(payload).encode()
                        file.aside.keep("its bytes have changed on the disk", kept)
                        bad += 1
                    else:
                        file.append(row_id, row)
                        if handed:
                            file.hand_out([Place(row.measurement, row_id, row.points)])
                        points += row.points
                    file.remove_old(table, name, row_id)
        with file.transaction():
            file.no_more_old(table)
    return points, bad


def row_of_2(name: str, found: Sequence[Any], layouts: Mapping[int, Layout]) -> Row | None:
    """None if it is not what was written.

    `found`: offset_us, layout, payload. `layouts`: all there are, by the ids under which they were found.
    """
    offset_us, layout_id, payload = found
    first = [layouts[layout_id]] if layout_id in layouts else []
    for layout in [*first, *layouts.values()]:
        with suppress(ValueError, TypeError):
            row = Row.read(layout, payload, int(offset_us))
            if row.measurement.value == name:
                return row
    return None


def row_of_1(name: str, found: Sequence[Any], layouts: dict[bytes, Layout]) -> Row | None:
    """None if it is not what was written.

    `found`: points, offset_us, last_us, last_seq, digest, payload. `layouts`: where those that were made are kept.
    """
    points, offset_us, _, _, digested, payload = found
    try:
        if digest(payload) != digested:
            return None
        batch = _decoder.decode(payload)
        made = [_run(column, batch.base_us) for column in batch.columns]
        layout = Layout.of(batch.boot, sorted(((run.series, run.simulated) for run in made), key=_by_name))
        layout = layouts.setdefault(layout.packed, layout)
        clock = Clock.TRUSTED if batch.trusted else Clock.UNTRUSTED
        row = Row.of(layout, clock, offset_us, batch.first_seq, batch.last_seq, made)
        good = row.measurement.value == name and row.points == points and not runs(row.batch())[1]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError, TypeError, IndexError):
        return None
    return row if good else None


def _run(column: _Column, base_us: int) -> Run:
    values: list[Any] = list(column.values)
    series = Series(column.measurement, column.room, column.device, column.role, column.metric)
    return Run(series, column.simulated, list(accumulate(column.times, initial=base_us))[1:], values)


def _by_name(entry: Entry) -> tuple[str, ...]:
    series, simulated = entry
    return series.room, series.device, series.metric, series.role, series.measurement, str(simulated)
