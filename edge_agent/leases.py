"""The room's leases: who holds what, kept through kill -9 and reboots, ended by themselves, told to all who look."""

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from classroom_profiles import lease as rules
from classroom_profiles.bench import Bench, benches, covered
from classroom_profiles.lease import Ending, Held, Lease, Reason, Staff
from classroom_profiles.room import Room
from classroom_profiles.telemetry import Point
from edge_agent.boot import boot_id
from edge_agent.changes import Changes
from edge_agent.kept_value import KeptValue
from edge_agent.live_room import now_us
from edge_agent.telemetry_points import event_point
from firmware_bridge.errors import Refused

BENCH_ROLE = "experiment"
_SAVE_EVERY_S = 60.0
"""So much of a lease may come back after a reboot."""
_KEY_BYTES = 18

_log = logging.getLogger("lophoc.lease")


class Leased(Refused):
    """Somebody else holds the device; trying again is no use while they do."""

    code = reason = "leased"


class NotLeasable(Exception):
    """It is neither a bench nor a device that can be held by itself."""


class NoSuchLease(Exception):
    """There is none of this id, or the key is another's."""


class _Kept(msgspec.Struct, frozen=True):
    """What is on the disk."""

    boot: str
    saved_s: float
    leases: list[dict[str, Any]]


def to_json(kept: _Kept) -> bytes:
    return msgspec.json.encode(kept)


def from_json(content: bytes) -> _Kept:
    """Raises ValueError."""
    return msgspec.json.decode(content, type=_Kept)


class LeaseStore(KeptValue[_Kept]):
    """Keeps the leases through kill -9 and power cuts."""

    table = "leases"

    def encode(self, value: _Kept) -> bytes:
        return to_json(value)

    def decode(self, content: bytes) -> _Kept:
        return from_json(content)


class Leases:
    """`open` before anything is told; `run` ends what is over."""

    def __init__(
        self,
        room: Room,
        store: LeaseStore,
        changes: Changes,
        record: Callable[[Iterable[Point]], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        boot: str | None = None,
    ) -> None:
        self._room, self._store, self._changes, self._record, self._clock = room, store, changes, record, clock
        self._boot = boot_id() if boot is None else boot
        self._leases: dict[str, Lease] = {}
        self._benches: tuple[Bench, ...] = benches(room)
        self._news = asyncio.Event()

    async def open(self) -> None:
        """As they were before the restart; what the room no longer has is forgotten."""
        kept = await self._store.load()
        now_s = self._clock()
        for written in kept.leases if kept else ():
            try:
                lease = msgspec.convert(written, Lease)
            except msgspec.ValidationError as wrong:
                _log.error("a lease cannot be read and is forgotten: %s", wrong)
                continue
            assert kept is not None
            devices = covered(self._room, lease.target)
            if devices:
                lease = rules.restored(lease, kept.saved_s, kept.boot == self._boot, now_s)
                self._leases[lease.id] = Lease(**{**_fields(lease), "devices": devices})
        self._end_what_is_over()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._news.clear()
            next_s = min((lease.ends_s() for lease in self._leases.values()), default=float("inf"))
            wait_s = min(next_s - self._clock(), _SAVE_EVERY_S)
            try:
                async with asyncio.timeout(max(0.0, wait_s) if self._leases else None):
                    await self._news.wait()
            except TimeoutError:
                self._end_what_is_over()
                self._save()

    def every(self) -> tuple[Lease, ...]:
        """Those that hold now."""
        self._end_what_is_over()
        return tuple(self._leases.values())

    def of_device(self, device: str) -> Lease | None:
        return rules.holder_of(self.every(), device)

    def left_s(self, lease: Lease) -> float:
        return max(0.0, lease.until_s - self._clock())

    async def take(
        self, target: str, holder: str, rank: Staff, for_s: float, silence_s: float, keys: Collection[str] = ()
    ) -> tuple[Lease, str]:
        """A lease and its key, once it is durable. Raises NotLeasable, or Held unless `keys` has the holder's."""
        devices = self._covered(target)
        for other in rules.conflicting(self.every(), devices):
            if not _proves(keys, other):
                raise Held(other)
            self._end(other, Ending.RELEASED)
        return await self._begin(target, devices, holder, rank, for_s, silence_s, "taken")

    async def take_over(
        self, target: str, holder: str, rank: Staff, for_s: float, silence_s: float, reason: Reason
    ) -> tuple[Lease, str]:
        """End whatever holds it, and hold it. Raises NotLeasable, NotAllowed."""
        devices = self._covered(target)
        others = rules.conflicting(self.every(), devices)
        rules.check_take_over(rank, others)
        for other in others:
            self._end(other, Ending.TAKEN_OVER, reason)
        how = f"taken by {rank}: {reason}" if others else "taken"
        return await self._begin(target, devices, holder, rank, for_s, silence_s, how)

    async def renew(self, lease_id: str, keys: Collection[str], for_s: float) -> Lease:
        """Raises NoSuchLease."""
        lease = rules.renewed(self._own(lease_id, keys), for_s, self._clock())
        self._put(lease)
        await self._store.durable()
        return lease

    async def release(self, lease_id: str, keys: Collection[str]) -> Lease:
        """Raises NoSuchLease."""
        lease = self._own(lease_id, keys)
        self._end(lease, Ending.RELEASED)
        await self._store.durable()
        return lease

    def heard(self, keys: Collection[str]) -> None:
        """Whoever has these keys is alive. Not written: after a restart it is asked for again."""
        if keys:
            for lease in self.every():
                if _proves(keys, lease):
                    self._leases[lease.id] = rules.heard(lease, self._clock())

    def check(self, device: str, keys: Collection[str] = ()) -> None:
        """May the one with these keys tell the device? Raises Leased."""
        lease = self.of_device(device)
        if lease is not None and not _proves(keys, lease):
            raise Leased(f"{lease.target} is held by {lease.holder} for another {self.left_s(lease):.0f} s")

    # --- inside ---

    async def _begin(
        self, target: str, devices: frozenset[str], holder: str, rank: Staff, for_s: float, silence_s: float, how: str
    ) -> tuple[Lease, str]:
        key, now_s = secrets.token_urlsafe(_KEY_BYTES), self._clock()
        lease = Lease(
            secrets.token_hex(6), target, devices, holder, rank, _digest(key),
            now_s + rules.bounded_s(rank, for_s), silence_s, now_s,
        )  # fmt: skip
        self._say(lease, how)
        self._put(lease)
        await self._store.durable()
        return lease, key

    def _covered(self, target: str) -> frozenset[str]:
        devices = covered(self._room, target)
        if not devices:
            raise NotLeasable(target)
        return devices

    def _own(self, lease_id: str, keys: Collection[str]) -> Lease:
        self._end_what_is_over()
        lease = self._leases.get(lease_id)
        if lease is None or not _proves(keys, lease):
            raise NoSuchLease(lease_id)
        return lease

    def _put(self, lease: Lease) -> None:
        self._leases[lease.id] = lease
        self._changed(lease)

    def _end_what_is_over(self) -> None:
        for lease, ending in rules.ended(tuple(self._leases.values()), self._clock()):
            self._end(lease, ending)

    def _end(self, lease: Lease, ending: Ending, reason: Reason | None = None) -> None:
        del self._leases[lease.id]
        self._say(lease, str(ending) if reason is None else f"{ending}: {reason}")
        self._changed(lease)

    def _changed(self, lease: Lease) -> None:
        self._save()
        self._news.set()
        self._changes.lease()
        for bench in self._benches:
            if any(bench.has(device) for device in lease.devices):
                self._changes.bench(bench.id)

    def _say(self, lease: Lease, how: str) -> None:
        """To the log, and to the centre, without names."""
        _log.info("%s, held by %s: %s", lease.target, lease.holder, how)
        device = self._room.device(lease.target)
        role = BENCH_ROLE if device is None else str(device.role)
        self._record([event_point(self._room.room, lease.target, role, "lease", how, now_us())])

    def _save(self) -> None:
        leases = [msgspec.to_builtins(_fields(lease)) for lease in self._leases.values()]
        self._store.keep(_Kept(self._boot, self._clock(), leases))


def _fields(lease: Lease) -> dict[str, Any]:
    return {name: getattr(lease, name) for name in Lease.__slots__}


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _proves(keys: Collection[str], lease: Lease) -> bool:
    return any(hmac.compare_digest(_digest(key), lease.key) for key in keys)
