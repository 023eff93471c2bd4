"""The journal: every point is on the disk before it is sent, and stays until the centre has said that it is stored.

    write ──► memory ──► SQLite, fsync ──► parcels ──► uplink ──► centre
                            ▲                                       │
                            └────────────── settle(ack) ◄───────────┘

Nobody waits for it who does not ask to: `write` hands over and returns, and one thread does everything else. While
the disk takes nothing, points stay in memory, bounded by the drop order; a damaged file is put aside, a new one begun.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Self

from classroom_profiles.telemetry import Ack, Measurement, Point, decode, encode
from edge_agent.clock import Moment, SystemClock
from edge_agent.drop_order import DROP_ORDER
from edge_agent.journal_desk import Desk, JournalUnwritable
from edge_agent.journal_places import Parcel
from edge_agent.journal_writer import Writer

__all__ = ["MAX_BYTES", "MIN_BYTES", "Journal", "JournalUnwritable", "Parcel"]

MAX_BYTES = 1024**3
MIN_BYTES = 128 * 1024
SEAL_S = 1.0
_SWITCH_S = 0.001
_MEMORY_POINTS = 30_000  # some 6 MB


class Journal:
    """One process at a time: the file is locked. Use `open`, and `close` or `async with`."""

    def __init__(self, boot: str, desk: Desk, writer: Writer, clock: Callable[[], Moment]) -> None:
        self.boot = boot
        self._desk = desk
        self._writer = writer
        self._clock = clock

    @classmethod
    def open(
        cls,
        path: Path,
        boot: str,
        max_bytes: int = MAX_BYTES,
        *,
        seal_s: float = SEAL_S,
        clock: Callable[[], Moment] | None = None,
    ) -> Self:
        """Start at once: the file itself is opened, or made, by the writer thread, which goes on trying.

        `boot` names this boot of the machine: 1 to 36 letters, digits and hyphens. What waits takes at most
        `max_bytes`; the file with its log may be some MiB larger. For up to `seal_s`, points are gathered to be sent
        together. Raises ValueError if one of these cannot be.
        """
        decode(encode(boot, True, 0, 0, []))
        if max_bytes < MIN_BYTES:
            raise ValueError(f"a journal has at least {MIN_BYTES} bytes")
        desk = Desk(_MEMORY_POINTS)
        now = SystemClock() if clock is None else clock
        writer = Writer(desk, path, boot, max_bytes, seal_s, now)
        writer.thread.start()
        # It packs batches in Python: at the usual 5 ms whoever writes a point might wait so long for it, each time.
        sys.setswitchinterval(min(_SWITCH_S, sys.getswitchinterval()))
        return cls(boot, desk, writer, now)

    def write(self, points: Iterable[Point]) -> None:
        """Hand over and return; from any thread. Within a series, points keep the order in which they are written,
        and get times that increase: one that does not is set to 1 µs after the one before.
        """
        self._desk.put(points, self._clock())

    async def flush(self) -> None:
        """Return when all that was written before is durable. Raises JournalUnwritable if it cannot be now."""
        await self._desk.flush()

    async def parcels(self, after: int, most: int, until: int | None = None) -> list[Parcel]:
        """The oldest that wait and have an id greater than `after`; waits until there is one. For one caller only.

        With `until`, none of a greater id, and an empty list once there are no more. They are durable, and dropped
        last. Raises JournalUnwritable once the journal has ended.
        """
        request = self._desk.ask(after, until, most)
        try:
            return await request.answer
        finally:
            self._desk.withdraw(request)

    def attend(self, attended: bool) -> None:
        """While someone sends what is new at once, it is gathered for no more than `seal_s`; else in large parcels."""
        self._desk.attend(attended)

    def settle(self, parcel: Parcel, ack: Ack) -> None:
        """The centre has answered: forget the parcel, or set it aside if it could not be read there."""
        self._desk.settle(parcel, ack)

    @property
    def backlog(self) -> int:
        """Points that wait for the centre."""
        return self._desk.waiting

    @property
    def newest(self) -> int:
        """The id of the newest parcel that can be had."""
        return self._writer.newest

    @property
    def oldest_us(self) -> int | None:
        """About when the oldest point that waits was written; None if none does. Looked at once a second."""
        return self._writer.oldest_us if self.backlog else None

    @property
    def clock(self) -> Moment:
        """How the gateway's clock is now."""
        return self._clock()

    @property
    def stored(self) -> int:
        """Points that the centre's store has confirmed since the file was begun."""
        return self._desk.counts().stored

    @property
    def dropped(self) -> Mapping[Measurement, int]:
        """Points given up for want of room, in the drop order."""
        dropped = self._desk.counts().dropped
        return {measurement: dropped.get(measurement, 0) for measurement in DROP_ORDER}

    @property
    def refused(self) -> Mapping[str, int]:
        """Points that no store would take, by reason: see `classroom_profiles.telemetry.Refusal`."""
        return self._desk.counts().refused

    @property
    def retimed(self) -> int:
        """Points that got the right time after the clock was set."""
        return self._desk.counts().retimed

    @property
    def set_aside(self) -> int:
        """Batches that could not be read, kept in the file for a technician while there is room."""
        return self._desk.counts().set_aside

    @property
    def set_aside_points(self) -> int:
        """Points in batches that the centre could not read."""
        return self._desk.counts().set_aside_points

    @property
    def lost(self) -> int:
        """Points that the centre will never have: dropped, damaged, or in a batch that it could not read."""
        return self._desk.counts().lost

    @property
    def damaged(self) -> int:
        """Points that were durable, and which the disk has changed beyond reading."""
        return self._desk.counts().damaged

    @property
    def corrupt(self) -> int:
        """Damaged files put aside as `*.corrupt-N`."""
        return self._writer.corrupt

    @property
    def writable(self) -> bool:
        """False while the disk takes nothing and new points are in memory only."""
        return self._writer.writable

    def close(self) -> None:
        """Make durable what can be, and end. Idempotent."""
        self._desk.close()
        self._writer.thread.join()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)
