"""Who watches what: each watcher has the set of things that changed since it last looked, never a queue that grows."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class Topic(StrEnum):
    DEVICE = "device"
    LESSON = "lesson"
    UPLINK = "uplink"
    BENCH = "bench"
    LEASE = "lease"
    CATALOGUE = "catalogue"


class Watcher:
    """What has changed and was not looked at yet. A device that changed a hundred times is in it once."""

    def __init__(self) -> None:
        self._changed: set[tuple[Topic, str]] = set()
        self._more = asyncio.Event()

    async def next(self) -> set[tuple[Topic, str]]:
        """At least one topic, with the device's id or an empty text. Waits for it without end."""
        await self._more.wait()
        self._more.clear()
        changed, self._changed = self._changed, set()
        return changed

    def put(self, topic: Topic, name: str) -> None:
        """Called by `Changes`."""
        self._changed.add((topic, name))
        self._more.set()


class Changes:
    """Tells every watcher. Whoever tells does not wait."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()

    def device(self, device_id: str) -> None:
        self._tell(Topic.DEVICE, device_id)

    def lesson(self) -> None:
        self._tell(Topic.LESSON, "")

    def uplink(self) -> None:
        self._tell(Topic.UPLINK, "")

    def bench(self, bench_id: str) -> None:
        """How it is, who holds it, or its run; not each of its samples."""
        self._tell(Topic.BENCH, bench_id)

    def lease(self) -> None:
        self._tell(Topic.LEASE, "")

    def catalogue(self) -> None:
        """Other profiles or another timetable hold."""
        self._tell(Topic.CATALOGUE, "")

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """What changes from now on."""
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def _tell(self, topic: Topic, name: str) -> None:
        for watcher in self._watchers:
            watcher.put(topic, name)
