"""The room as a stream of server-sent events: all of it at once, then what changes, and a heartbeat in between."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from pydantic import BaseModel

from edge_agent.changes import Changes, Topic, Watcher
from edge_agent.views import Views

HEARTBEAT_S = 5.0
PAUSE_S = 0.1
"""At least so long between two looks at what has changed: many changes of one device are told as one."""
MOST = 32
MOST_OF_ONE_ADDRESS = 8
MOST_OF_KNOWN = 16
"""Further ones, for those whom the room knows: a class that looks on shall not take the teacher's place."""


class TooManyStreams(Exception):
    """No further one can be had now."""


class Events:
    """All streams of a room. Each holds what has changed since it last told, never a queue of events."""

    def __init__(
        self,
        views: Views,
        changes: Changes,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        most: int = MOST,
        most_of_one_address: int = MOST_OF_ONE_ADDRESS,
        most_of_known: int = MOST_OF_KNOWN,
    ) -> None:
        self._views = views
        self._changes = changes
        self._heartbeat_s = heartbeat_s
        self._most, self._most_of_one, self._most_of_known = most, most_of_one_address, most_of_known
        self._open: Counter[str] = Counter()
        self._open_of_known = 0

    @property
    def open(self) -> int:
        return self._open.total() + self._open_of_known

    def check(self, address: str, *, known: bool = False) -> None:
        """`known`: someone has logged in there. Raises TooManyStreams."""
        if known:
            if self._open_of_known >= self._most_of_known:
                raise TooManyStreams
        elif self._open.total() >= self._most or self._open[address] >= self._most_of_one:
            raise TooManyStreams

    async def stream(self, address: str, may_look: Callable[[], bool], *, known: bool = False) -> AsyncIterator[str]:
        """Until the listener has gone, or may look no longer."""
        with self._counted(address, known) as there_is_room, self._changes.watch() as watcher:
            if not there_is_room:
                return
            yield _event("room", self._views.room()) + self._leases()
            now = asyncio.get_running_loop().time
            beat_at = now() + self._heartbeat_s
            while True:
                changed = await _changed_until(watcher, beat_at)
                if not may_look():
                    return
                if changed:
                    yield "".join(self._told(changed))
                    await asyncio.sleep(PAUSE_S)
                if now() >= beat_at:
                    beat_at = now() + self._heartbeat_s
                    yield "event: heartbeat\ndata: {}\n\n"

    def _told(self, changed: set[tuple[Topic, str]]) -> Iterator[str]:
        for topic, name in sorted(changed):
            match topic:
                case Topic.DEVICE:
                    yield _event("device", self._views.device(name))
                case Topic.LESSON:
                    yield _event("lesson", self._views.lesson())
                case Topic.UPLINK:
                    yield _event("uplink", self._views.uplink())
                case Topic.BENCH:
                    if self._views.lab is not None:
                        yield _event("bench", self._views.lab.bench(name))
                case Topic.LEASE:
                    yield self._leases()
                case Topic.CATALOGUE:
                    yield _event("catalogue", self._views.catalogue())

    def _leases(self) -> str:
        if self._views.lab is None:
            return ""
        every = ",".join(lease.model_dump_json() for lease in self._views.lab.leases())
        return f"event: leases\ndata: [{every}]\n\n"

    @contextmanager
    def _counted(self, address: str, known: bool) -> Iterator[bool]:
        """Counted when it begins, for one that was asked for and never begun would never end either."""
        try:
            self.check(address, known=known)
        except TooManyStreams:
            yield False
            return
        if known:
            self._open_of_known += 1
        else:
            self._open[address] += 1
        try:
            yield True
        finally:
            if known:
                self._open_of_known -= 1
            else:
                self._open[address] -= 1
                if not self._open[address]:
                    del self._open[address]


async def _changed_until(watcher: Watcher, at_s: float) -> set[tuple[Topic, str]]:
    """Empty if nothing had changed by then (the loop's time)."""
    try:
        async with asyncio.timeout_at(at_s):
            return await watcher.next()
    except TimeoutError:
        return set()


def _event(name: str, content: BaseModel | None) -> str:
    return f"event: {name}\ndata: {'null' if content is None else content.model_dump_json()}\n\n"
