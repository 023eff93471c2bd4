"""Where the journal's callers and its writer thread meet: everything that both touch, under one lock."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from classroom_profiles.telemetry import Ack, Point, Refusal
from edge_agent.clock import Moment
from edge_agent.intake import LOT_POINTS, Intake, Lot
from edge_agent.journal_places import Parcel, Place
from edge_agent.journal_tally import Tally

_COMMIT_S = 0.05
_SETTLE_S = 0.5
_SETTLE_PARCELS = 64


class JournalUnwritable(Exception):
    """The disk does not take the points now; they are in memory, and it is tried again."""


@dataclass(eq=False, slots=True)
class Request:
    """The uplink wants parcels."""

    after: int
    until: int | None
    most: int
    answer: "asyncio.Future[list[Parcel]]"
    looked: bool = False
    """There was nothing for it yet."""


@dataclass(frozen=True, slots=True)
class _Flush:
    lot: int
    answer: "asyncio.Future[None]"


Settled = tuple[Parcel, Ack]


class Desk:
    """The upper methods are the callers', from any thread; the lower ones the writer's."""

    def __init__(self, memory_points: int) -> None:
        self._wake = threading.Condition()
        self._intake = Intake(memory_points)
        self._waiting = 0
        self._tally = Tally()
        self._out: set[int] = set()
        self._settled: list[Settled] = []
        self._settled_since = 0.0
        self._flushes: list[_Flush] = []
        self._request: Request | None = None
        self._attended = False
        self._closing = False
        self._failure: BaseException | None = None

    # --- callers ---

    def put(self, points: Iterable[Point], moment: Moment) -> None:
        came = list(points)
        with self._wake:
            if self._closing:
                raise RuntimeError("the journal is closed")
            before = self._intake.count
            _add(self._tally.dropped, self._intake.put(came, moment))
            after = self._intake.count
            self._waiting += after - before
            if before == 0 or before < LOT_POINTS <= after:
                self._wake.notify()

    def flush(self) -> "asyncio.Future[None]":
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._wake:
            self._raise_if_over()
            self._flushes.append(_Flush(self._intake.opened, answer))
            self._wake.notify()
        return answer

    def ask(self, after: int, until: int | None, most: int) -> Request:
        request = Request(after, until, most, asyncio.get_running_loop().create_future())
        with self._wake:
            self._raise_if_over()
            self._request = request
            self._wake.notify()
        return request

    def withdraw(self, request: Request) -> None:
        """It is answered, or nobody wants the answer any more."""
        with self._wake:
            if self._request is request:
                self._request = None

    def settle(self, parcel: Parcel, ack: Ack) -> None:
        with self._wake:
            if not self._settled:
                self._settled_since = time.monotonic()
            self._settled.append((parcel, ack))
            was_out = parcel.id in self._out
            if was_out:
                self._waiting -= parcel.points
            self._tally.stored += ack.stored
            self._tally.refuse(ack.refused)
            if ack.unreadable:
                self._tally.set_aside += 1
                self._tally.set_aside_points += parcel.points if was_out else 0
            if len(self._settled) in (1, _SETTLE_PARCELS):
                self._wake.notify()

    def close(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify()

    def attend(self, attended: bool) -> None:
        with self._wake:
            self._attended = attended
            self._wake.notify()

    @property
    def waiting(self) -> int:
        """Points that were written and neither acknowledged nor given up."""
        return self._waiting

    def counts(self) -> Tally:
        """What has been counted so far, as a copy."""
        with self._wake:
            return self._tally.copy()

    def _raise_if_over(self) -> None:
        if self._failure is not None:
            raise JournalUnwritable("the journal's writer has failed") from self._failure
        if self._closing:
            raise RuntimeError("the journal is closed")

    # --- the writer ---

    def wait(self, due: Callable[[], float | None]) -> bool:
        """Until something is due here, or at `due()` (monotonic seconds); False once the journal is closed."""
        with self._wake:
            while not self._closing:
                at = min((each for each in (self._due(), due()) if each is not None), default=None)
                left = None if at is None else at - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._wake.wait(left)
            return not self._closing

    def wait_until(self, at: float) -> bool:
        """Until then (monotonic seconds), unless someone wants to know now whether points are durable."""
        with self._wake:
            while not self._closing and not self._flushes and (left := at - time.monotonic()) > 0:
                self._wake.wait(left)
            return not self._closing

    def _due(self) -> float | None:
        if self._flushes or (self._request is not None and not self._request.looked):
            return 0.0
        times = []
        if (oldest_s := self._intake.oldest_s()) is not None:
            times.append(0.0 if self._intake.count >= LOT_POINTS else oldest_s + _COMMIT_S)
        if self._settled:
            times.append(0.0 if len(self._settled) >= _SETTLE_PARCELS else self._settled_since + _SETTLE_S)
        return min(times, default=None)

    @property
    def wanted(self) -> bool:
        """What is new is to be sent at once."""
        return self._request is not None or self._attended

    @property
    def empty(self) -> bool:
        return not self._intake.count

    def take(self, most: int) -> list[Lot]:
        with self._wake:
            return self._intake.take(most)

    def refused(self, refused: Mapping[Refusal, int]) -> None:
        with self._wake:
            self._waiting -= sum(refused.values())
            self._tally.refuse({why.value: number for why, number in refused.items()})

    def take_settled(self) -> tuple[list[Settled], frozenset[int], Tally]:
        """With the rows that are out, and the counts, of the same moment."""
        with self._wake:
            settled, self._settled = self._settled, []
            return settled, frozenset(self._out), self._tally.copy()

    def put_back(self, settled: list[Settled]) -> None:
        """They are not settled on the disk yet."""
        with self._wake:
            self._settled = settled + self._settled

    def committed(self, settled: Sequence[Settled], dropped: Sequence[Place]) -> None:
        """The disk has let go of these, and of all lots that were taken."""
        with self._wake:
            self._out -= {parcel.id for parcel, _ in settled}
            self._waiting -= sum(place.points for place in dropped)
            for place in dropped:
                _add(self._tally.dropped, {place.measurement: place.points})
            done = [flush for flush in self._flushes if flush.lot <= self._intake.gone]
            self._flushes = [flush for flush in self._flushes if flush.lot > self._intake.gone]
        for flush in done:
            _tell(flush.answer, None)

    def damaged(self, rows: int, points: int) -> None:
        """So many rows were set aside and points lost, and the uplink is to look again."""
        with self._wake:
            self._tally.set_aside += rows
            self._tally.damaged += points
            self._waiting -= points
            if self._request is not None:
                self._request.looked = False

    def opened(self, there: Mapping[int, int], unsaved: int, before: Tally | None, set_aside: int, lost: int) -> None:
        """A file was opened that has these rows: id to points. `before` is what earlier processes counted."""
        with self._wake:
            self._waiting = sum(there.values()) + unsaved + self._intake.count
            self._waiting -= sum(there.get(parcel.id, 0) for parcel, _ in self._settled)
            if before is not None:
                self._tally.add(before)
            self._tally.set_aside += set_aside
            self._tally.damaged += lost
            if self._request is not None:
                self._request.looked = False

    def retimed(self, points: int) -> None:
        with self._wake:
            self._tally.retimed += points

    def begin_anew(self) -> set[str]:
        """The file is gone, with its ids. The digests of what was settled, and is not to be sent again."""
        with self._wake:
            done = {parcel.digest for parcel, _ in self._settled}
            self._settled = []
            self._out = set()
            return done

    def look(self) -> Request | None:
        """What the uplink asks for; it is not due again until there is something new."""
        with self._wake:
            if self._request is not None:
                self._request.looked = True
            return self._request

    def hand_out(self, request: Request, parcels: list[Parcel]) -> None:
        with self._wake:
            if self._request is request:
                self._request = None
                self._out.update(parcel.id for parcel in parcels)
                _tell(request.answer, parcels)

    def unwritable(self, why: str) -> None:
        with self._wake:
            flushes, self._flushes = self._flushes, []
        for flush in flushes:
            _tell(flush.answer, JournalUnwritable(why))

    def end(self, failure: BaseException | None) -> int:
        """Nobody is left waiting for a thread that has ended. How many points never reached the disk."""
        with self._wake:
            self._closing = True
            self._failure = failure
            request, self._request = self._request, None
        self.unwritable("the journal is closed")
        if request is not None:
            _tell(request.answer, JournalUnwritable("the journal is closed"))
        return self._intake.count


def _tell(answer: "asyncio.Future[Any]", what: object) -> None:
    """Resolve a future of another thread's loop, which may have gone."""

    def resolve() -> None:
        if answer.done():
            return
        if isinstance(what, Exception):
            answer.set_exception(what)
        else:
            answer.set_result(what)

    with contextlib.suppress(RuntimeError):
        answer.get_loop().call_soon_threadsafe(resolve)


def _add(counts: dict[Any, int], more: Mapping[Any, int]) -> None:
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + number
