"""The journal: every point is on the disk before it is sent, and stays until the centre has said that it is stored.

    write() ──► intake ──50 ms──► rows ──► SQLite ──1 s or 1,000 points──► parcels ──► uplink
    (any thread)        (the writer thread: all that follows)                 ▲           │
                                                            settle(ack) ◄─────┴───────────┘

Nobody waits for it who does not ask to: `write` hands over and returns, and one thread does everything else. A full
or absent disk leaves points in memory, bounded by the drop order; a damaged file is put aside and a new one begun.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from classroom_profiles.telemetry import Ack, Measurement, Point
from edge_agent.backoff import delays
from edge_agent.clock import Moment, SystemClock
from edge_agent.drop_order import DROP_ORDER
from edge_agent.intake import LOT_POINTS, Intake
from edge_agent.journal_file import JournalFile, NotAJournal, Parcel, Place, Tally, put_aside, times_corrupt
from edge_agent.stamping import Row, Stamper, joined

MAX_BYTES = 1024**3
MIN_BYTES = 128 * 1024
_IN_MEMORY = 30_000  # points: some 6 MB
_COMMIT_S = 0.05
_SEAL_S = 1.0
_SEAL_ROWS = 512
_SETTLE_S = 0.5
_SETTLE_PARCELS = 64
_DISK_WAITS_S = (0.2, 5.0)

_log = logging.getLogger("lophoc.journal")


class JournalUnwritable(Exception):
    """The disk does not take the points now; they are in memory, and it is tried again."""


@dataclass(slots=True)
class _Request:
    """The uplink wants parcels."""

    after: int
    most: int
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[list[Parcel]]"
    new: bool = True


@dataclass(frozen=True, slots=True)
class _Flush:
    lot: int
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[None]"


class Journal:
    """One for each gateway and one process at a time, since its file is locked."""

    def __init__(self, path: Path, boot: str, max_bytes: int, clock: Callable[[], Moment]) -> None:
        if max_bytes < MIN_BYTES:
            raise ValueError(f"a journal has at least {MIN_BYTES} bytes")
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._wake = threading.Condition()
        # Shared, under `_wake`:
        self._intake = Intake(_IN_MEMORY)
        self._tally = Tally()
        self._waiting = 0
        self._out: set[int] = set()
        self._settled: list[tuple[Parcel, Ack]] = []
        self._settled_since = 0.0
        self._flushes: list[_Flush] = []
        self._request: _Request | None = None
        self._closing = False
        self._failure: BaseException | None = None
        # The writer thread's own:
        self._stamper = Stamper(boot)
        self._file: JournalFile | None = None
        self._counted = False
        self._saved = Tally()
        self._unsaved: list[Row] = []
        self._fresh: list[Place] = []
        self._fresh_since = 0.0
        self._next_id = 1
        self._sealed_to = 0
        self._retry_at: float | None = None
        self._waits = delays(*_DISK_WAITS_S)
        self._thread = threading.Thread(target=self._run, name="journal")

    @classmethod
    def open(cls, path: Path, boot: str, max_bytes: int = MAX_BYTES, clock: Callable[[], Moment] | None = None) -> Self:
        """Start at once; the file itself is opened, or made, by the writer thread. Raises ValueError only.

        `boot` names the boot of this machine: 1 to 36 letters, digits and hyphens.
        """
        journal = cls(path, boot, max_bytes, SystemClock() if clock is None else clock)
        journal._thread.start()
        return journal

    def write(self, points: Iterable[Point]) -> None:
        """Hand over and return; from any thread. Within a series, points keep the order in which they are written."""
        moment = self._clock()
        with self._wake:
            if self._closing:
                raise RuntimeError("the journal is closed")
            before = self._intake.count
            dropped = self._intake.put(points, moment)
            after = self._intake.count
            self._waiting += after - before
            _add(self._tally.dropped, dropped)
            if before == 0 or before < LOT_POINTS <= after:
                self._wake.notify()

    async def flush(self) -> None:
        """Return when all that was written before is durable. Raises JournalUnwritable if it cannot be now."""
        loop = asyncio.get_running_loop()
        with self._wake:
            self._raise_if_over()
            flush = _Flush(self._intake.opened, loop, loop.create_future())
            self._flushes.append(flush)
            self._wake.notify()
        await flush.answer

    async def parcels(self, after: int, most: int) -> list[Parcel]:
        """The oldest that wait, with an id greater than `after`; waits until there is at least one. One caller only."""
        loop = asyncio.get_running_loop()
        request = _Request(after, most, loop, loop.create_future())
        with self._wake:
            self._raise_if_over()
            self._request = request
            self._wake.notify()
        try:
            return await request.answer
        finally:
            with self._wake:
                if self._request is request:
                    self._request = None

    def settle(self, parcel: Parcel, ack: Ack) -> None:
        """The centre has answered: forget the parcel, or set it aside if it could not be read there."""
        with self._wake:
            if not self._settled:
                self._settled_since = time.monotonic()
            self._settled.append((parcel, ack))
            if parcel.id in self._out:
                self._waiting -= parcel.points
            self._tally.stored += ack.stored
            _add(self._tally.refused, ack.refused)
            if ack.unreadable:
                self._tally.set_aside += 1
            if len(self._settled) in (1, _SETTLE_PARCELS):
                self._wake.notify()

    @property
    def backlog(self) -> int:
        """Points that wait for the centre."""
        return self._waiting

    @property
    def stored(self) -> int:
        """Points that the centre's store has confirmed since this journal was begun."""
        return self._tally.stored

    @property
    def dropped(self) -> Mapping[Measurement, int]:
        """Points given up for want of room, in the drop order."""
        with self._wake:
            return {measurement: self._tally.dropped.get(measurement, 0) for measurement in DROP_ORDER}

    @property
    def refused(self) -> Mapping[str, int]:
        """Points that were not what a point may be, by reason."""
        with self._wake:
            return dict(self._tally.refused)

    @property
    def set_aside(self) -> int:
        """Batches that could not be read, kept in the file for a technician while there is room."""
        return self._tally.set_aside

    @property
    def corrupt(self) -> int:
        """Journals put aside as `*.corrupt-N`."""
        return times_corrupt(self._path)

    @property
    def writable(self) -> bool:
        """False while the disk takes nothing and points are in memory only."""
        return self._retry_at is None

    def close(self) -> None:
        """Make durable what can be, and end. Idempotent."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def _raise_if_over(self) -> None:
        if self._failure is not None:
            raise JournalUnwritable("the journal's writer has failed") from self._failure
        if self._closing:
            raise RuntimeError("the journal is closed")

    # The writer thread

    def _run(self) -> None:
        try:
            while not self._wait():
                self._work()
            while self._work() and (self._unsaved or self._intake.count):
                pass
        except BaseException as failure:
            self._over(failure)
            raise
        else:
            self._over(None)
        finally:
            if self._file is not None:
                self._file.close()

    def _wait(self) -> bool:
        """Until there is something to do; True if it is to end."""
        with self._wake:
            while not self._closing:
                due = self._due()
                left = None if due is None else due - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._wake.wait(left)
            return self._closing

    def _due(self) -> float | None:
        """When to work next (monotonic seconds); None if there is nothing to do."""
        if self._flushes:
            return 0.0
        if self._retry_at is not None:
            return self._retry_at
        if self._unsaved or self._file is None:
            return 0.0
        times = []
        if (oldest := self._intake.oldest_s()) is not None:
            times.append(0.0 if self._intake.count >= LOT_POINTS else oldest + _COMMIT_S)
        if self._settled:
            times.append(0.0 if len(self._settled) >= _SETTLE_PARCELS else self._settled_since + _SETTLE_S)
        if self._request is not None and self._request.new:
            times.append(0.0)
        elif self._request is not None and self._fresh:
            times.append(self._fresh_since + _SEAL_S)
        return min(times, default=None)

    def _work(self) -> bool:
        """True if the disk holds what it was given."""
        try:
            try:
                self._commit()
            except NotAJournal as wrong:
                self._begin_anew(wrong)
                self._commit()
            self._hand_out()
        except (NotAJournal, sqlite3.Error, OSError) as wrong:
            self._unwritable(wrong)
            return False
        return True

    def _commit(self) -> None:
        """Everything that waits, in one transaction."""
        file = self._file or self._opened()
        with self._wake:
            lots = [] if self._unsaved else self._intake.take(10 * LOT_POINTS)
            settled, self._settled = self._settled, []
        self._unsaved += [row for lot in lots for row in self._stamper.rows(lot)]
        with self._wake:
            refused = self._stamper.take_refused()
            self._waiting -= sum(refused.values())
            _add(self._tally.refused, refused)
            tally = self._tally.copy()
            spared = frozenset(self._out)
        try:
            self._change(file, settled, spared, tally)
        except BaseException:
            with self._wake:
                self._settled = settled + self._settled
            raise
        if self._retry_at is not None:
            self._retry_at = None
            self._waits = delays(*_DISK_WAITS_S)
            _log.info("the journal can be written again; %d points wait for the centre", self.backlog)
        self._answer_flushes()
        file.give_back()

    def _change(self, file: JournalFile, settled: list[tuple[Parcel, Ack]], spared: Set[int], tally: Tally) -> None:
        rows = list(enumerate(self._unsaved, self._next_id))
        fresh = self._fresh + [Place(row.measurement, row_id, row.points) for row_id, row in rows]
        if fresh and not self._fresh:
            self._fresh_since = time.monotonic()
        seal = self._seal_is_due(fresh)
        with file.transaction():
            for parcel, ack in settled:
                place = Place(parcel.measurement, parcel.id, parcel.points)
                if ack.unreadable:
                    file.set_aside(place, ack.unreadable)
                else:
                    file.remove([place])
            for row_id, row in rows:
                file.append(row_id, row)
            if seal:
                _join(file, fresh)
            dropped = file.make_room(spared)
            for place in dropped:
                _add(tally.dropped, {place.measurement: place.points})
            if settled or dropped or tally != self._saved:
                tally.last_us, tally.next_seq = self._stamper.last_us, self._stamper.next_seq
                file.save(tally)
        self._saved = tally
        self._unsaved = []
        self._next_id += len(rows)
        gone = {place.id for place in dropped}
        self._fresh = [] if seal else [place for place in fresh if place.id not in gone]
        if seal:
            self._sealed_to = self._next_id - 1
        with self._wake:
            self._out -= {parcel.id for parcel, _ in settled}
            for place in dropped:
                self._waiting -= place.points
                _add(self._tally.dropped, {place.measurement: place.points})

    def _opened(self) -> JournalFile:
        file = JournalFile.open(self._path, self._max_bytes)
        try:
            tally, places, next_seq = file.tally(), sorted(file.places(), key=lambda place: place.id), file.next_seq()
            self._stamper.go_on_after(max(tally.last_us, file.last_us()), tally.next_seq)
            self._stamper.go_on_after(-1, next_seq)
            fresh = self._trailing(places)
            with file.transaction():
                _join(file, fresh)
        except BaseException:
            file.close()
            raise
        # If the last commit failed and yet came through, its rows are there.
        self._unsaved = [row for row in self._unsaved if row.last_seq >= next_seq.get(row.measurement, 0)]
        self._fresh = []
        if places:
            self._sealed_to = max(self._sealed_to, places[-1].id)
            self._next_id = max(self._next_id, places[-1].id + 1)
        self._file = file
        with self._wake:
            there = {place.id: place.points for place in places}
            self._waiting = sum(there.values()) + sum(row.points for row in self._unsaved) + self._intake.count
            self._waiting -= sum(there.get(parcel.id, 0) for parcel, _ in self._settled)
            if not self._counted:
                self._counted = True
                self._tally.add(tally)
        return file

    def _trailing(self, places: list[Place]) -> list[Place]:
        """The newest rows that are small and were never handed out."""
        first = len(places)
        while first and len(places) - first < _SEAL_ROWS:
            place = places[first - 1]
            if place.id <= self._sealed_to or place.points > LOT_POINTS // 2:
                break
            first -= 1
        return places[first:]

    def _seal_is_due(self, fresh: list[Place]) -> bool:
        if sum(place.points for place in fresh) >= LOT_POINTS or len(fresh) >= _SEAL_ROWS:
            return True
        return bool(fresh) and self._request is not None and time.monotonic() >= self._fresh_since + _SEAL_S

    def _hand_out(self) -> None:
        """Answer the uplink, if there is something for it."""
        with self._wake:
            request = self._request
            if request is None or self._file is None:
                return
            request.new = False
            if self._sealed_to <= request.after:
                return
        parcels, damaged = self._file.between(request.after, self._sealed_to, request.most)
        if damaged:
            self._set_damaged_aside(self._file, damaged)
        with self._wake:
            if parcels and self._request is request:
                self._request = None
                self._out.update(parcel.id for parcel in parcels)
                _tell(request.loop, request.answer, parcels)
            elif damaged:
                request.new = True  # look again behind them

    def _set_damaged_aside(self, file: JournalFile, damaged: list[Place]) -> None:
        with self._wake:
            tally = self._tally.copy()
        tally.set_aside += len(damaged)
        tally.last_us, tally.next_seq = self._stamper.last_us, self._stamper.next_seq
        with file.transaction():
            for place in damaged:
                file.set_aside(place, "its bytes have changed on the disk")
            file.save(tally)
        _log.error("%d batches of the journal have changed on the disk and are set aside", len(damaged))
        with self._wake:
            self._tally.set_aside += len(damaged)
            self._waiting -= sum(place.points for place in damaged)

    def _answer_flushes(self) -> None:
        with self._wake:
            done = [flush for flush in self._flushes if flush.lot <= self._intake.gone]
            self._flushes = [flush for flush in self._flushes if flush.lot > self._intake.gone]
        for flush in done:
            _tell(flush.loop, flush.answer, None)

    def _begin_anew(self, wrong: NotAJournal) -> None:
        """What is in memory is kept; what was in the file stays in it for a technician."""
        if self._file is not None:
            self._file.close()
            self._file = None
        aside = put_aside(self._path)
        _log.error("the journal is damaged (%s): it is put aside as %s and a new one begun", wrong, aside.name)
        self._fresh = []
        self._saved = Tally()
        with self._wake:
            self._settled = []
            self._out = set()

    def _unwritable(self, wrong: Exception) -> None:
        """Say so once, keep what there is in memory, and try again later."""
        if self._retry_at is None:
            _log.error("the journal cannot be written, points are kept in memory: %s", wrong)
        if self._file is not None:
            self._file.close()
            self._file = None
        self._retry_at = time.monotonic() + next(self._waits)
        with self._wake:
            flushes, self._flushes = self._flushes, []
        for flush in flushes:
            _tell(flush.loop, flush.answer, JournalUnwritable(str(wrong)))

    def _over(self, failure: BaseException | None) -> None:
        """Nobody is left waiting for a thread that has ended."""
        with self._wake:
            self._closing = True
            self._failure = failure
            left: list[_Flush | _Request] = [*self._flushes]
            if self._request is not None:
                left.append(self._request)
            self._flushes, self._request = [], None
        for each in left:
            _tell(each.loop, each.answer, JournalUnwritable("the journal is closed"))
        lost = self._intake.count + sum(row.points for row in self._unsaved)
        if lost:
            _log.error("%d points could not be written before the journal was closed", lost)


def _join(file: JournalFile, fresh: list[Place]) -> None:
    """Make few large rows of many small ones, each under the id of its first."""
    for measurement in {place.measurement for place in fresh}:
        group: list[Place] = []
        for place in [each for each in fresh if each.measurement is measurement]:
            if sum(each.points for each in group) + place.points > LOT_POINTS:
                _join_group(file, group)
                group = []
            group.append(place)
        _join_group(file, group)


def _join_group(file: JournalFile, group: list[Place]) -> None:
    if len(group) < 2:
        return
    rows = file.rows(group)
    whole = joined(rows) if len(rows) == len(group) else None
    if whole is not None:
        file.remove(group)
        file.append(group[0].id, whole)


def _tell(loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[Any]", what: object) -> None:
    """Resolve a future of another thread's loop, which may have gone."""

    def resolve() -> None:
        if answer.done():
            return
        if isinstance(what, Exception):
            answer.set_exception(what)
        else:
            answer.set_result(what)

    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(resolve)


def _add(counts: dict[Any, int], more: Mapping[Any, int]) -> None:
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + number
