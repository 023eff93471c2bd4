"""The city as the operations centre's pages and API see it: one snapshot for all, made again about once a second.

    registry (gateways) ─┐                     ┌─ schools, rooms, devices, gateways: from the snapshot, at once
    feed (last values) ──┼─► Builder ─► snapshot
    inbox (open alarms) ─┘    a thread         └─ live, windows, points, gaps, totals: asked in threads, a few at a time

Every question names who asks: an account of one school sees that school, and is told of no other. Nobody keeps a copy
of the city: rows and snapshots never change, and `changed` waits for the next one.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, Protocol, Self, TypeVar

from classroom_profiles.telemetry import Series
from cloud_ingest import gap_report
from cloud_ingest.accounts.who import Who
from cloud_ingest.gap_report import SeriesGaps
from cloud_ingest.operations import choosing
from cloud_ingest.operations.choosing import NotFound, Page, Wanted, WrongQuestion
from cloud_ingest.operations.directory import School
from cloud_ingest.operations.feed import Feed, LastValue
from cloud_ingest.operations.rows import DeviceRow, GatewayRow, RoomRow, SchoolRow
from cloud_ingest.operations.snapshot import NOTHING, Builder, SchoolView, Snapshot
from cloud_ingest.registry import Registry
from cloud_ingest.same_file import inode
from cloud_ingest.store import Sample, SchoolTotals, Store, wall_us
from cloud_ingest.windows import Span, Window

__all__ = ["City", "NotFound", "OpenAlarms", "Page", "Wanted", "WrongQuestion"]

PERIOD_S = 1.0
THREADS = 4
"""So many questions to the store at a time; others wait for their turn."""
GATEWAYS_US = 5_000_000
"""A gateway becomes silent while nothing happens: how often that is looked for."""

_log = logging.getLogger("lophoc.ops")
_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


class OpenAlarms(Protocol):
    """What the city wants of the inbox. Blocking."""

    def revision(self) -> int: ...

    def open_by_school(self) -> Mapping[str, int]: ...


class City:
    """Open it with `async with`. The store is opened and closed by whoever made it."""

    def __init__(
        self,
        registry_path: Path,
        store: Store,
        feed: Feed,
        directory: Mapping[str, School] | None = None,
        alarms: OpenAlarms | None = None,
        on_values: Callable[[Sequence[LastValue]], None] = lambda _: None,
        clock_us: Callable[[], int] = wall_us,
        period_s: float = PERIOD_S,
    ) -> None:
        self._registry_path = registry_path
        self._registry: Registry | None = None
        self._registry_changes: sqlite3.Connection | None = None
        self._registry_inode = 0
        self._registry_seen: tuple[int, int] = (-1, 0)
        """The version of the file's content that was read, and when."""
        self._store = store
        self._feed = feed
        self._alarms = alarms
        self._on_values = on_values
        self._alarms_revision = -1
        self._clock_us = clock_us
        self._period_s = period_s
        self._builder = Builder(directory or {})
        self._revision = 0
        self._snapshot = NOTHING
        self._next: asyncio.Event = asyncio.Event()
        self._threads = ThreadPoolExecutor(THREADS, "store")
        self._following = ThreadPoolExecutor(1, "city")
        self._task: asyncio.Task[None] | None = None
        self._troubles: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        """The first snapshot is made when it returns."""
        await self.refresh()
        self._task = asyncio.create_task(self._follow(), name="city")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._following.shutdown()
        self._threads.shutdown(cancel_futures=True)
        self._let_go_of_registry()

    def _let_go_of_registry(self) -> None:
        if self._registry is not None:
            self._registry.__exit__()
        if self._registry_changes is not None:
            self._registry_changes.close()
        self._registry, self._registry_changes, self._registry_seen = None, None, (-1, 0)

    # ---- the moment

    @property
    def snapshot(self) -> Snapshot:
        """The newest one. It shows every school: give people only what the questions below answer."""
        return self._snapshot

    def now_us(self) -> int:
        """By the centre's clock."""
        return self._clock_us()

    @property
    def troubles(self) -> Sequence[str]:
        """What cannot be read now, so that the snapshot is older than it should be."""
        return tuple(self._troubles.values())

    async def changed(self, revision: int) -> Snapshot:
        """Wait for one with another revision."""
        while self._snapshot.revision == revision:
            await self._next.wait()
        return self._snapshot

    # ---- from the snapshot: at once

    def schools(self, who: Who, wanted: Wanted = Wanted()) -> Page[SchoolRow]:  # noqa: B008 - it never changes
        """Raises NotFound, WrongQuestion, as those below."""
        return choosing.schools(self._snapshot, who, wanted)

    def school(self, who: Who, school: str) -> SchoolView:
        """A school with its rooms, devices and gateways."""
        return choosing.view(self._snapshot, who, school)

    def rooms(self, who: Who, wanted: Wanted = Wanted()) -> Page[RoomRow]:  # noqa: B008
        return choosing.rooms(self._snapshot, who, wanted)

    def room(self, who: Who, school: str, room: str) -> RoomRow:
        return choosing.room(self._snapshot, who, school, room)

    def devices(self, who: Who, wanted: Wanted = Wanted()) -> Page[DeviceRow]:  # noqa: B008
        """Of the whole city with a search or another order: a tenth of a second, so call it in a thread."""
        return choosing.devices(self._snapshot, who, wanted)

    def gateways(self, who: Who, wanted: Wanted = Wanted()) -> Page[GatewayRow]:  # noqa: B008
        return choosing.gateways(self._snapshot, who, wanted)

    # ---- asked in threads: StoreUnavailable and its like may come

    async def live(self, who: Who, school: str, room: str) -> Sequence[LastValue]:
        """The newest value of each series of a room. Raises NotFound, as those below."""
        self.room(who, school, room)
        return await self.ask(self._feed.latest, school, room)

    async def latest(self, who: Who, school: str) -> Sequence[LastValue]:
        """The newest value of each series of a school."""
        self.school(who, school)
        return await self.ask(self._feed.latest, school)

    async def windows(self, who: Who, school: str, series: Series, span: Span, window_us: int) -> Sequence[Window]:
        """One series by windows; those without a point are left out: they are gaps. Raises also ValueError."""
        self.room(who, school, series.room)
        return await self.ask(self._store.windows, school, series, span, window_us)

    async def points(self, who: Who, school: str, series: Series, span: Span, limit: int) -> Sequence[Sample]:
        """The first `limit` points of one series."""
        self.room(who, school, series.room)
        return await self.ask(self._store.points, school, series, span, limit)

    async def gaps(
        self, who: Who, school: str, room: str, span: Span, period_us: int | None = None
    ) -> Sequence[SeriesGaps]:
        """One report a series; `span` ends now."""
        self.room(who, school, room)
        return await self.ask(self._gaps, school, room, span, period_us)

    async def by_school(self, who: Who, metric: str, span: Span) -> Sequence[SchoolTotals]:
        """Each school that is seen and has points of `metric`, over whole five minutes."""
        found = await self.ask(self._store.by_school, metric, span)
        return [totals for totals in found if who.sees(totals.school)]

    async def by_school_now(self, who: Who, metric: str, since_us: int) -> Sequence[SchoolTotals]:
        """The same of the newest value of each series, of those measured then or later: the store is not asked."""
        found = await self.ask(self._feed.by_school, metric, since_us)
        return [totals for totals in found if who.sees(totals.school)]

    async def ask(self, question: Callable[_Asked, _Answer], *args: _Asked.args, **kwargs: _Asked.kwargs) -> _Answer:
        """Something that blocks, in a thread, when it is its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: question(*args, **kwargs))

    # ---- how the snapshot is made

    async def refresh(self) -> Snapshot:
        """Make the next snapshot now."""
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(self._following, self._make)
        before, self._snapshot = self._snapshot, made
        if made.revision != before.revision:
            self._next.set()
            self._next = asyncio.Event()
        return made

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            await self.refresh()

    def _make(self) -> Snapshot:
        now_us = self._clock_us()
        for what, look in (("registry", self._look_at_gateways), ("values", self._look_at_values),
                           ("alarms", self._look_at_alarms)):  # fmt: skip
            try:
                look(now_us)
            except Exception as why:  # noqa: BLE001 - each place has its own errors; the others are still followed
                if what not in self._troubles:
                    _log.warning("the city's %s cannot be read, it goes on with what it knows: %s", what, why)
                self._troubles[what] = str(why)
            else:
                if self._troubles.pop(what, None) is not None:
                    _log.info("the city's %s can be read again", what)
        return self._builder.next(self._snapshot, now_us)

    def _look_at_values(self, _: int) -> None:
        revision, values = self._feed.changed_since(self._revision)
        if revision < self._revision:
            self._builder.forget_values()
        self._builder.take_values(values)
        self._on_values(values)
        self._revision = revision

    def _look_at_gateways(self, now_us: int) -> None:
        registry, changes = self._opened_registry()
        version: int = changes.execute("PRAGMA data_version").fetchone()[0]
        before, at_us = self._registry_seen
        if version == before and 0 <= now_us - at_us < GATEWAYS_US:
            return
        self._builder.take_gateways(registry.gateways(), now_us)
        self._registry_seen = (version, now_us)

    def _look_at_alarms(self, _: int) -> None:
        if self._alarms is None:
            return
        try:
            revision = self._alarms.revision()
        except BaseException:
            self._alarms_revision = -1  # another file may come with the same one
            raise
        if revision != self._alarms_revision:
            self._builder.take_alarms(self._alarms.open_by_school(), revision)
            self._alarms_revision = revision

    def _opened_registry(self) -> tuple[Registry, sqlite3.Connection]:
        if self._registry_inode != inode(self._registry_path):
            self._let_go_of_registry()
        if self._registry is None or self._registry_changes is None:
            self._registry_inode = inode(self._registry_path)
            registry = Registry(self._registry_path, create=False).__enter__()
            self._registry_changes = sqlite3.connect(
                f"{self._registry_path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False
            )
            self._registry = registry
        return self._registry, self._registry_changes

    def _gaps(self, school: str, room: str, span: Span, period_us: int | None) -> list[SeriesGaps]:
        return list(gap_report.of_room(self._store, self._registry, school, room, span, period_us))
