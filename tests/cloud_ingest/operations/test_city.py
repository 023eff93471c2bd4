"""The city's snapshot: what the centre shows of each school, room, gateway and device, and to whom."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Run, Series
from classroom_profiles.topics import Address
from cloud_ingest.accounts.who import Role, Who
from cloud_ingest.operations.choosing import Wanted
from cloud_ingest.operations.city import City, NotFound, WrongQuestion
from cloud_ingest.operations.directory import School
from cloud_ingest.operations.feed import StoreFeed
from cloud_ingest.operations.rows import Counts, Health
from cloud_ingest.registry import Registry
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion
from cloud_ingest.windows import FIVE_MINUTES_US, HOUR_US, Span

NOW_US = 1_790_000_000_000_000
CITY = Who("lan", Role.OPERATOR)
AT_A = Who("hoa", Role.SCHOOL, "thcs-a")
ONLINE = b'{"state": "online", "version": "0.1.0", "clock": "trusted"}'
DIRECTORY = {
    "thcs-a": School("thcs-a", "THCS Nguyễn Đình A", "Phường Bến Thành", 10.77, 106.69, "thcs"),
    "thpt-z": School("thpt-z", "THPT Z"),
}


class Clock:
    now_us = NOW_US

    def __call__(self) -> int:
        return self.now_us


class Place:
    """A store and a registry that gateways write to."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = SqliteStore(str(folder / "store.sqlite"), clock_us=self.clock)
        self.store.open()
        self.path = folder / "registry.sqlite"
        self.registry = Registry(self.path, clock_us=self.clock, flush_s=3600.0)
        self.registry.__enter__()

    def close(self) -> None:
        self.registry.__exit__()
        self.store.close()

    def say(self, school: str, gateway: str, status: bytes = ONLINE) -> None:
        self.registry.on_status(Address(school, gateway), status)
        self.registry.flush()

    def measure(
        self, school: str, gateway: str, room: str, *values: tuple[str, str, str, Value], measurement: str = "device"
    ) -> None:
        """Each: device, role, metric, value; at the present."""
        runs = [
            Run(Series(Measurement(measurement), room, device, role, metric), False, [self.clock.now_us], [value])
            for device, role, metric, value in values
        ]
        portion = Portion(school, runs)
        self.store.write([portion])
        self.registry.on_batch(Address(school, gateway), portion)
        self.registry.flush()

    def schools(self) -> Sequence[str]:
        return sorted({gateway.school for gateway in self.registry.gateways()})

    def city(self, directory: dict[str, School] | None = None) -> City:
        feed = StoreFeed(self.store, self.schools)
        return City(self.path, self.store, feed, directory or {}, clock_us=self.clock, period_s=3600.0)


@pytest.fixture
def place(tmp_path: Path) -> "Sequence[Place]":
    return [Place(tmp_path)]


@pytest.fixture(autouse=True)
def _closed(place: Sequence[Place]) -> "object":
    yield
    place[0].close()
