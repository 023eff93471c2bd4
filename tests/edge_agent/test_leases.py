"""Leases: exclusive, never for ever, kept through restarts, and told to the centre without names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from classroom_profiles.lease import Held, NotAllowed, Reason, Staff
from classroom_profiles.room import Room
from classroom_profiles.telemetry import Point
from edge_agent.changes import Changes
from edge_agent.leases import Leased, Leases, LeaseStore, NoSuchLease, NotLeasable
from tests.classroom_profiles.test_bench import LAB
from tests.edge_agent.fake_driver import task

TEACHER, TECHNICIAN = Staff.TEACHER, Staff.TECHNICIAN


@dataclass
class There:
    leases: Leases
    now_s: list[float]
    points: list[Point] = field(default_factory=list)

    @property
    def told(self) -> list[object]:
        return [point.value for point in self.points]

    async def take(self, target: str = "kettle", holder: str = "tablet-1", rank: Staff = TEACHER) -> str:
        _, key = await self.leases.take(target, holder, rank, 600, 60)
        return key


@asynccontextmanager
async def leasing(data: Path, now_s: float = 1000.0, boot: str = "boot-1", room: Room = LAB) -> AsyncIterator[There]:
    clock, points = [now_s], list[Point]()
    async with LeaseStore(data / "leases.sqlite") as store:
        leases = Leases(room, store, Changes(), points.extend, clock=lambda: clock[0], boot=boot)
        await leases.open()
        yield There(leases, clock, points)


async def test_others_may_not_tell_what_somebody_holds(tmp_path: Path) -> None:
    async with leasing(tmp_path) as there:
        key = await there.take()
        with pytest.raises(Leased, match="kettle is held by tablet-1 for another 600 s") as refused:
            there.leases.check("heater")
        assert refused.value.code == "leased"
        there.leases.check("heater", [key])
        there.leases.check("heater", ["another", key])
        there.leases.check("pendulum")
        with pytest.raises(Held):
            await there.leases.take("kettle", "tablet-2", TECHNICIAN, 600, 60)


@pytest.mark.parametrize("target", ["lights", "probe", "none"])
async def test_what_cannot_be_held_alone_is_not(tmp_path: Path, target: str) -> None:
    async with leasing(tmp_path) as there:
        with pytest.raises(NotLeasable):
            await there.take(target)
        with pytest.raises(NotLeasable):
            await there.leases.take_over(target, "desk", TECHNICIAN, 600, 60, Reason.SAFETY)


async def test_its_holder_may_take_it_anew_renew_it_and_let_go(tmp_path: Path) -> None:
    async with leasing(tmp_path) as there:
        key = await there.take()
        lease, newer = await there.leases.take("kettle", "tablet-1", TEACHER, 600, 60, [key])
        with pytest.raises(NoSuchLease):
            await there.leases.renew(lease.id, [key], 600)
        there.now_s[0] += 30
        assert there.leases.left_s(await there.leases.renew(lease.id, [newer], 900)) == 900
        with pytest.raises(NoSuchLease):
            await there.leases.release(lease.id, ["another"])
        await there.leases.release(lease.id, [newer])
        there.leases.check("heater")
        assert there.leases.every() == ()
        assert there.told == ["taken", "released", "taken", "released"]


async def test_it_ends_when_the_device_of_its_holder_dies(tmp_path: Path) -> None:
    async with leasing(tmp_path) as there:
        key = await there.take()
        for _ in range(5):
            there.now_s[0] += 50
            there.leases.heard([key])
        there.now_s[0] += 61
        there.leases.check("heater")
        assert there.told == ["taken", "silent"]
        there.leases.heard([key])
        assert there.leases.every() == ()


async def test_it_ends_by_itself_and_all_who_look_are_told(tmp_path: Path) -> None:
    async with leasing(tmp_path) as there:
        changes = there.leases._changes
        await there.leases.take("kettle", "tablet-1", TEACHER, 30, 3600)
        with changes.watch() as watcher:
            there.now_s[0] += 29.99
            async with task(there.leases.run()), asyncio.timeout(10):
                there.now_s[0] += 0.02
                changed = set()
                while ("lease", "") not in changed:
                    changed |= {(str(topic), name) for topic, name in await watcher.next()}
        assert ("bench", "kettle") in changed
        assert there.told == ["taken", "expired"]


async def test_staff_takes_over_with_a_reason_that_is_logged_without_names(tmp_path: Path) -> None:
    async with leasing(tmp_path) as there:
        key = await there.take()
        _, newer = await there.leases.take_over("kettle", "desk", TEACHER, 600, 60, Reason.SAFETY)
        with pytest.raises(Leased):
            there.leases.check("heater", [key])
        there.leases.check("heater", [newer])
        await there.leases.take_over("kettle", "bench-phone", TECHNICIAN, 600, 60, Reason.REPAIR)
        with pytest.raises(NotAllowed):
            await there.leases.take_over("kettle", "desk", TEACHER, 600, 60, Reason.NEXT_CLASS)
        assert there.told == [
            "taken", "taken-over: safety", "taken by teacher: safety",
            "taken-over: repair", "taken by technician: repair",
        ]  # fmt: skip
        assert {
            (point.series.device, point.series.metric, str(point.series.measurement)) for point in there.points
        } == {("kettle", "lease", "event")}


async def test_a_robot_and_its_neighbour_are_held_by_two(tmp_path: Path) -> None:
    async with leasing(tmp_path) as there:
        one, two = await there.take("kit-1"), await there.take("kit-2", "tablet-2")
        there.leases.check("kit-1", [one])
        with pytest.raises(Leased):
            there.leases.check("kit-1", [two])


async def test_it_survives_the_agent_in_the_same_boot_whatever_the_wall_clock_did(tmp_path: Path) -> None:
    async with leasing(tmp_path, 1000) as there:
        key = await there.take()
    async with leasing(tmp_path, 1200) as there:
        (lease,) = there.leases.every()
        assert there.leases.left_s(lease) == 400
        there.leases.check("heater", [key])
        with pytest.raises(Leased):
            there.leases.check("heater")
    async with leasing(tmp_path, 1601) as there:
        assert there.leases.every() == ()
        assert there.told == ["expired"]


async def test_it_survives_a_reboot_with_what_was_left_and_ends_if_nobody_is_heard(tmp_path: Path) -> None:
    async with leasing(tmp_path, 9000) as there:
        await there.take()
    async with leasing(tmp_path, 20, "boot-2") as there:
        (lease,) = there.leases.every()
        assert there.leases.left_s(lease) == 600
        there.now_s[0] += 61
        assert there.leases.every() == ()
        assert there.told == ["silent"]


async def test_what_the_room_no_longer_has_is_held_by_nobody(tmp_path: Path) -> None:
    async with leasing(tmp_path) as there:
        await there.take("kit-1")
    other = Room.model_validate(LAB.model_dump() | {"devices": [LAB.devices[0].model_dump()]})
    async with leasing(tmp_path, room=other) as there:
        assert there.leases.every() == ()


@pytest.mark.parametrize("content", [b"{}", b"[1, 2", b'{"boot": "x", "saved_s": 1, "leases": [{"id": 3}]}'])
async def test_what_cannot_be_read_is_held_by_nobody_and_costs_nothing_else(tmp_path: Path, content: bytes) -> None:
    async with leasing(tmp_path) as there:
        await there.take()
        store = there.leases._store
        connection = store._open()
        await store.durable()
        with connection:
            connection.execute("UPDATE leases SET content = ?", [content])
    async with leasing(tmp_path) as there:
        assert there.leases.every() == ()
        await there.take()


def test_keys_are_not_in_the_file(tmp_path: Path) -> None:
    async def held() -> str:
        async with leasing(tmp_path) as there:
            return await there.take()

    key = asyncio.run(held())
    every = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"tablet-1" in every
    assert key.encode() not in every
    assert (tmp_path / "leases.sqlite").stat().st_mode & 0o777 == 0o600
