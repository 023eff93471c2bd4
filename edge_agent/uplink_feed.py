"""What the uplink sends next: what comes in now before what has waited long, each oldest first.

    journal's rows by age:   [ an outage | another | … ][ now ─────► newest
                               ranges, oldest first       live

A few rows that wait are no backlog, they are sent as they came. Once there are more than `LIVE` behind the newest, all
of them become a range, and what is newer goes before it: a free lane takes a live row if there is one. So live points
wait for one answer at most, however long the backlog is, and the backlog has all lanes that live ones leave.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from edge_agent.journal import Journal
from edge_agent.journal_file import Parcel

LIVE = 16
_AHEAD = 8


@dataclass(slots=True)
class _Range:
    after: int
    until: int


class Feed:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._one_asks = asyncio.Lock()
        self._again: deque[Parcel] = deque()
        self._live: deque[Parcel] = deque()
        self._live_after = 0
        self._ranges: deque[_Range] = deque()
        self._old: deque[Parcel] = deque()

    async def next(self) -> Parcel:
        """Waits until there is something."""
        async with self._one_asks:
            while True:
                if self._again:
                    return self._again.popleft()
                if self._live:
                    return self._live.popleft()
                behind = self._journal.newest - self._live_after
                if behind > LIVE and self._live_after:
                    self._ranges.append(_Range(self._live_after, self._journal.newest))
                    self._live_after = self._journal.newest
                elif behind <= 0 and self._old:
                    return self._old.popleft()
                elif behind <= 0 and self._ranges:
                    await self._read_on(self._ranges[0])
                else:
                    self._live.extend(await self._journal.parcels(self._live_after, _AHEAD))
                    self._live_after = self._live[-1].id

    def take_back(self, unanswered: list[Parcel]) -> None:
        """They go first on the next connection, the oldest of them first."""
        self._again = deque(sorted([*unanswered, *self._again, *self._live, *self._old], key=lambda each: each.id))
        self._live.clear()
        self._old.clear()

    async def _read_on(self, some: _Range) -> None:
        self._old.extend(await self._journal.parcels(some.after, _AHEAD, some.until))
        if self._old:
            some.after = self._old[-1].id
        if not self._old or some.after >= some.until:
            self._ranges.popleft()
