"""A store and a registry that gateways write to, and the operations centre over them."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Run, Series
from classroom_profiles.topics import Address
from cloud_ingest.accounts.who import Role, Who
from cloud_ingest.operations.city import City
from cloud_ingest.operations.directory import School
from cloud_ingest.operations.feed import StoreFeed
from cloud_ingest.registry import Registry
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion, wall_us

ONLINE = b'{"state": "online", "version": "0.1.0", "clock": "trusted"}'
LAN = Who("lan", Role.OPERATOR)
HOA = Who("hoa", Role.SCHOOL, "thcs-a")
"""Looks after one school."""
DIRECTORY = {
    "thcs-a": School("thcs-a", "THCS Nguyễn Đình A", "Phường Bến Thành", 10.77, 106.69, "thcs"),
    "thpt-z": School("thpt-z", "=THPT Z", "Phường Thủ Đức", 10.85, 106.75, "thpt"),
}


class Clock:
    """Goes on only when told to."""

    def __init__(self) -> None:
        self.now_us = wall_us()

    def __call__(self) -> int:
        return self.now_us


class Place:
    """What `lophoc ingest` would have written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.store = SqliteStore(str(folder / "store.sqlite"), clock_us=self.clock)
        self.path = folder / "registry.sqlite"
        self.registry = Registry(self.path, clock_us=self.clock, flush_s=3600.0)

    def say(self, school: str, gateway: str, status: bytes = ONLINE) -> None:
        self.registry.on_status(Address(school, gateway), status)
        self.registry.flush()

    def measure(
        self,
        school: str,
        room: str,
        values: Mapping[tuple[str, str, str], Value],
        measurement: Measurement = Measurement.DEVICE,
        gateway: str = "",
    ) -> None:
        """Values by device, role and metric; at the present."""
        runs = [
            Run(Series(measurement, room, device, role, metric), False, [self.clock.now_us], [value])
            for (device, role, metric), value in values.items()
        ]
        portion = Portion(school, runs)
        self.store.write([portion])
        self.registry.on_batch(Address(school, gateway or f"gw-{room}"), portion)
        self.registry.flush()

    def tell_lesson(self, school: str, room: str, *states: tuple[str, str, float | None]) -> None:
        """Each: state, profile, seconds until ready; a second after the other."""
        for state, profile, ready_s in states:
            self.clock.now_us += 1_000_000
            values: dict[tuple[str, str, str], Value] = {
                ("lesson", "lesson", "state"): state,
                ("lesson", "lesson", "profile"): profile,
            }
            if ready_s is not None:
                values["lesson", "lesson", "ready_s"] = ready_s
            self.measure(school, room, values, Measurement.LESSON)

    def schools(self) -> Sequence[str]:
        return sorted({gateway.school for gateway in self.registry.gateways()})

    def feed(self) -> StoreFeed:
        return StoreFeed(self.store, self.schools)

    @asynccontextmanager
    async def city(self, directory: Mapping[str, School] | None = None) -> AsyncIterator[City]:
        """It looks when it is told to `refresh`."""
        city = City(self.path, self.store, self.feed(), directory or {}, clock_us=self.clock, period_s=3600.0)
        async with city:
            yield city


@contextmanager
def a_place(folder: Path) -> Iterator[Place]:
    place = Place(folder)
    place.store.open()
    try:
        with place.registry:
            yield place
    finally:
        place.store.close()


def two_schools(place: Place) -> None:
    """thcs-a with two rooms, one with a broken projector; thpt-z with one; thcs-b, which no directory knows."""
    for school, room in (("thcs-a", "a101"), ("thcs-a", "a102"), ("thpt-z", "z1"), ("thcs-b", "b1")):
        place.measure(
            school,
            room,
            {
                ("may-chieu", "projector", "health"): "online",
                ("may-chieu", "projector", "health_reason"): "",
                ("khong-khi", "air-sensor", "health"): "online",
            },
        )
        place.measure(school, room, {("khong-khi", "air-sensor", "co2_ppm"): 600.0}, Measurement.READING)
        place.measure(school, room, {("may-chieu", "projector", "lamp_h"): 1200.0}, Measurement.READING)
        place.say(school, f"gw-{room}")
    place.clock.now_us += 1_000_000
    place.measure(
        "thcs-a", "a102",
        {("may-chieu", "projector", "health"): "fault", ("may-chieu", "projector", "health_reason"): "lamp"},
    )  # fmt: skip
