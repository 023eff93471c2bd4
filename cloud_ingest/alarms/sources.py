"""What the watch of `lophoc ingest` asks: the newest points, the registry, the process itself, the wards."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import inf
from pathlib import Path

from cloud_ingest.alarms.centre_alarms import Centre
from cloud_ingest.alarms.hours import CITY
from cloud_ingest.alarms.unit import Point
from cloud_ingest.alarms.watch import Sources
from cloud_ingest.forecasts.forecast_file import ForecastFile, ForecastsUnavailable
from cloud_ingest.gateways import Gateway
from cloud_ingest.last_rows import Wanted
from cloud_ingest.operations.directory import WrongDirectory, read
from cloud_ingest.operations.feed import Feed, LastValue, StoreFeed
from cloud_ingest.operations.lasts_feed import LastsFeed
from cloud_ingest.registry import Registry, RegistryUnavailable
from cloud_ingest.store import SchoolTotals, Store, store_of

_BURST_S = 0.05
"""Of each second: it is asked beside what receives."""

_ROOMS_S = 60.0
"""Rooms seldom move to another gateway, and finding them takes longer than all the rest."""

_FORECASTS = 1_000_000

_log = logging.getLogger("lophoc.ingest.alarms")


class FromFiles:
    """The newest points from the last values, and gateways from the registry: all opened for reading only.

    Where there are no last values, such as where they cannot be written, the store is asked.
    """

    def __init__(self, store_url: str, registry: Path, lasts: Path) -> None:
        self._url = store_url
        self._registry = registry
        self._gateways: Sequence[Gateway] = ()
        self._rooms: Mapping[tuple[str, str], tuple[str, ...]] = {}
        self._rooms_until = 0.0
        self._store: Store | None = None
        self._feed = LastsFeed(lasts, _Lazily(self._from_store), _log)
        self._store_feed: StoreFeed | None = None

    def close(self) -> None:
        self._feed.__exit__()
        self._store_feed = None
        if self._store is not None:
            self._store.close()
            self._store = None

    def changed_since(self, revision: int, /, *, wanted: Wanted | None = None) -> tuple[int, Sequence[Point]]:
        """Raises LastValuesUnavailable, StoreUnavailable."""
        return self._feed.changed_since(revision, wanted=wanted)

    def gateways(self) -> Sequence[Gateway]:
        """Their rooms as they were up to a minute ago. Raises RegistryUnavailable."""
        now = time.monotonic()
        with Registry(self._registry, create=False) as registry:
            if now >= self._rooms_until:
                self._rooms, self._rooms_until = registry.rooms(), now + _ROOMS_S
            self._gateways = registry.gateways(rooms=self._rooms)
        return self._gateways

    def _from_store(self) -> StoreFeed:
        """Raises StoreUnavailable."""
        if self._store_feed is None:
            store = store_of(self._url)
            try:
                store.open(create=False)
            except BaseException:
                store.close()
                raise
            self._store = store
            self._store_feed = StoreFeed(store, self._schools, burst_s=_BURST_S)
        return self._store_feed

    def _schools(self) -> Sequence[str]:
        if not self._gateways:
            with contextlib.suppress(RegistryUnavailable):
                self.gateways()
        return sorted({one.school for one in self._gateways})


class _Lazily:
    """A feed that is opened when it is needed: usually never."""

    def __init__(self, opened: Callable[[], Feed]) -> None:
        self._opened = opened

    def latest(self, school: str, room: str | None = None) -> Sequence[LastValue]:
        return self._opened().latest(school, room)

    def by_school(self, metric: str, since_us: int) -> Sequence[SchoolTotals]:
        return self._opened().by_school(metric, since_us)

    def changed_since(self, revision: int, /) -> tuple[int, Sequence[LastValue]]:
        return self._opened().changed_since(revision)


def wards_of(schools: Path | None) -> Mapping[str, str]:
    """Where schools are; of those that nobody has placed nothing is said."""
    if schools is None:
        return {}
    try:
        return {slug: school.ward for slug, school in read(schools).items() if school.ward}
    except WrongDirectory as wrong:
        _log.warning("alarms do not say in which wards: %s", wrong)
        return {}


@dataclass(frozen=True, slots=True)
class Soon:
    """A forecast as rules ask for it."""

    school: str
    room: str
    device: str
    role: str
    metric: str
    earliest_days: float


def forecasts_in(path: Path, today: date) -> list[Soon] | None:
    """What `lophoc forecast` has written there; None if it cannot be read now."""
    try:
        with ForecastFile(path, create=False) as file:
            made = file.read(limit=_FORECASTS)
    except ForecastsUnavailable as why:
        _log.debug("rules on forecasts wait: %s", why)
        return None
    return [
        Soon(one.school, one.series.room, one.series.device, one.series.role, one.series.metric, days)
        for one in made
        for days in (inf if one.early is None else float((one.early - today).days),)
    ]


def sources(asked: FromFiles, schools: Path | None, forecasts: Path | None, centre: Callable[[], Centre]) -> Sources:
    soon = None if forecasts is None else lambda: forecasts_in(forecasts, datetime.now(CITY).date())
    return Sources(asked, asked.gateways, centre, soon, lambda: wards_of(schools))
