"""What the uplink sends next: what comes in now before what has waited long, each oldest first.

    journal's rows by age:   [ an outage | another | … ][ now ─────► newest
                               ranges, oldest first       live

What is newer than the last look is live; if that is `LIVE` rows or more, it is a backlog, and becomes a range. Live
rows and the backlog have lanes of their own, so live points wait for nothing, however long the backlog is.
"""

from collections import deque
from dataclasses import dataclass

from edge_agent.journal import Journal
from edge_agent.journal_places import Parcel

LIVE = 16
_AHEAD = 8


@dataclass(slots=True)
class _Range:
    """Rows that wait: those already read, then those later than `after` up to `until`."""

    after: int
    until: int
    ahead: deque[Parcel]


class Feed:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._again: deque[Parcel] = deque()
        self._live: deque[Parcel] = deque()
        self._live_after = 0
        self._ranges: deque[_Range] = deque()

    async def live(self) -> Parcel | None:
        """The oldest that is new, if there is one."""
        if not self._live and self._journal.newest > self._live_after:
            await self._look()
        return self._live.popleft() if self._live else None

    async def waiting(self) -> Parcel | None:
        """The oldest of the backlog, if there is one."""
        if self._again:
            return self._again.popleft()
        while self._ranges:
            if self._ranges[0].ahead:
                return self._ranges[0].ahead.popleft()
            await self._read_on(self._ranges[0])
        return None

    async def more(self) -> None:
        """Waits until there is something new."""
        if not self._live:
            self._live.extend(await self._journal.parcels(self._live_after, 1))
            self._live_after = self._live[-1].id

    def take_back(self, unanswered: list[Parcel]) -> None:
        """They go first on the next connection, the oldest of them first."""
        self._again = deque(sorted([*unanswered, *self._again, *self._live], key=lambda parcel: parcel.id))
        self._live.clear()

    async def _look(self) -> None:
        """At what is new."""
        newest = self._journal.newest
        found = await self._journal.parcels(self._live_after, LIVE, newest)
        self._live_after = newest
        if len(found) < LIVE:
            self._live.extend(found)
        else:
            self._ranges.append(_Range(found[-1].id, newest, deque(found)))

    async def _read_on(self, some: _Range) -> None:
        some.ahead.extend(await self._journal.parcels(some.after, _AHEAD, some.until))
        if some.ahead:
            some.after = some.ahead[-1].id
        else:
            self._ranges.popleft()
