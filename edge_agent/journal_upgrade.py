"""Journals of version 1, whose batches had their names in them as msgpack: read, and packed anew.

[1, boot, trusted, first_seq, last_seq, base_us, [[measurement, room, device, role, metric, simulated, [time, ...],
[value, ...]], ...]], the times counted each from the one before, the first from base_us
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import msgspec

from classroom_profiles.layout import Entry
from classroom_profiles.telemetry import Clock, Layout, Measurement, Run, Series, digest, runs
from edge_agent.journal_file import JournalFile, Place
from edge_agent.stamping import Row

_ROWS = 200


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


def upgrade(file: JournalFile) -> tuple[int, int]:
    """Move every row of version 1, some at a time, so that it may be cut short and goes on at the next start.

    How many points were moved, and how many rows could not be read and are kept aside.
    """
    moved = bad = 0
    layouts: dict[bytes, Layout] = {}
    while file.has_old_rows():
        some = file.old_rows(_ROWS)
        with file.transaction():
            for old in some:
                row = row_of_1(old[0], old[2:], layouts)
                if row is None:
                    file.keep_aside("its bytes have changed on the disk", bytes(old[-1]))
                    bad += 1
                else:
                    file.append(old[1], row)
                    file.hand_out([Place(row.measurement, old[1], row.points)])  # perhaps it was
                    moved += row.points
                file.remove_old(old[0], old[1])
            if not some:
                file.no_more_old()
    return moved, bad


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
