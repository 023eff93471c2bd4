"""Where the newest values come from, for whoever follows all of them: the city's snapshot, and the alarms.

`lophoc ingest` keeps them in a file beside the store; where there is none, the store itself is asked, school by school,
which is slower to notice a change.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement
from cloud_ingest import last_totals
from cloud_ingest.store import SchoolTotals, Store

_BURST_S = 0.2


class LastValue(Protocol):
    """The newest point of one series."""

    @property
    def school(self) -> str: ...
    @property
    def room(self) -> str: ...
    @property
    def measurement(self) -> Measurement: ...
    @property
    def device(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def value(self) -> Value: ...
    @property
    def time_us(self) -> int: ...
    @property
    def simulated(self) -> bool: ...


class Feed(Protocol):
    """Blocking: call it in a thread. Raises what the place raises that it reads: StoreUnavailable and its like."""

    def latest(self, school: str, room: str | None = None) -> Sequence[LastValue]:
        """The newest value of each series of a room, or of a school."""

    def by_school(self, metric: str, since_us: int) -> Sequence[SchoolTotals]:
        """Each school that has newest values of `metric` measured then or later, in order of name."""

    def changed_since(self, revision: int, /) -> tuple[int, Sequence[LastValue]]:
        """What changed after `revision`, and the revision to ask from next time. 0 is before everything.

        A part of it at a time is allowed: whoever follows asks again. If the revision that comes back is smaller than
        the one asked from, the place was begun anew, and this is all of it.
        """


class Last(msgspec.Struct, frozen=True, gc=False):
    """A last value as the store has it."""

    school: str
    room: str
    measurement: Measurement
    device: str
    role: str
    metric: str
    value: Value
    time_us: int
    simulated: bool


class StoreFeed:
    """A feed from a store alone: some schools each time, round and round, for a fifth of a second at a time."""

    def __init__(
        self,
        store: Store,
        schools: Callable[[], Sequence[str]],
        clock_s: Callable[[], float] = time.monotonic,
        burst_s: float = _BURST_S,
    ) -> None:
        """`schools`: those that there are now, such as the registry knows."""
        self._store = store
        self._schools = schools
        self._clock_s = clock_s
        self._burst_s = burst_s
        self._since_us: dict[str, int] = {}
        self._due: list[str] = []
        self._revision = 0

    def latest(self, school: str, room: str | None = None) -> Sequence[LastValue]:
        return _named(school, self._store, room, 0)

    def by_school(self, metric: str, since_us: int) -> Sequence[SchoolTotals]:
        """All schools are asked for all that they have: of a large city it takes seconds."""
        rows = (last for school in self._schools() for last in _named(school, self._store, None, since_us))
        return last_totals.by_school(last for last in rows if last.metric == metric)

    def changed_since(self, revision: int, /) -> tuple[int, Sequence[LastValue]]:
        """One follower only: it remembers how far it has come with each school."""
        if revision < self._revision:
            self._since_us.clear()
        self._due = self._due or sorted(self._schools(), reverse=True)
        found: list[LastValue] = []
        until_s = self._clock_s() + self._burst_s
        while self._due and self._clock_s() < until_s:
            school = self._due.pop()
            news = _named(school, self._store, None, self._since_us.get(school, 0))
            if news:
                # The newest again: others of the same moment may have come since.
                self._since_us[school] = max(last.time_us for last in news)
                found += news
        self._revision = max(revision, self._revision) + 1
        return self._revision, found


def _named(school: str, store: Store, room: str | None, since_us: int) -> list[Last]:
    return [
        Last(school, s.room, s.measurement, s.device, s.role, s.metric, s.value, s.time_us, s.simulated)
        for s in store.latest(school, room, since_us)
    ]
