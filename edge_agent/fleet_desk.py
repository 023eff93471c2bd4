"""The room's robot kits at work: each kit has its own task, so that none waits for another, and stopping for none.

    job ─► a work for each kit ─► lent driver ─► outcome ─► disk, screens, centre
    kit opened (start, plugged in again) ─► asked what it holds, verified by hash ─► what nobody saw end is settled

Works go on in the desk, not in whoever asked: a screen that is closed changes nothing.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from classroom_profiles.capability import NO_PROGRAM, WORDS, Capability, Command, Target
from classroom_profiles.reading import Change, Health
from classroom_profiles.role import Role
from classroom_profiles.room import Device
from classroom_profiles.telemetry import Point
from edge_agent.fleet_kits import BACK_S, TELL_S, lent_kits
from edge_agent.fleet_points import work_points
from edge_agent.fleet_store import FleetStore, Kept
from edge_agent.fleet_work import (
    AGAIN,
    Held,
    Job,
    Kind,
    Work,
    WorkState,
    cut_short,
    ended,
    held,
    settled,
    still_held,
    unverified,
    work_of,
)
from edge_agent.live_room import LiveRoom, now_us
from edge_agent.program_shelf import ProgramShelf
from firmware_bridge.driver import Driver
from firmware_bridge.errors import BadReply, DeviceError, Timeout, Unreachable
from firmware_bridge.fleet import deploy as fleet
from firmware_bridge.fleet import flash as flashing
from firmware_bridge.fleet.each import Patience, for_each
from firmware_bridge.fleet.flash_record import FlashRecords
from firmware_bridge.fleet.kits import Kit
from firmware_bridge.fleet.outcome import Outcome, Progress, State, Told
from firmware_bridge.programs import Installed, Programmable

_ROBOT_READY = Command(Target(Capability.ROBOT), WORDS[Capability.ROBOT][1])
_PROGRAM = Target(Capability.PROGRAM)
_PATIENCE = Patience()
_CHECK_PATIENCE = Patience(attempts=2, attempt_s=60.0, back_s=2.0)
_STOP_PATIENCE = Patience(attempts=2, attempt_s=10.0, back_s=2.0)
_LOOK_EVERY_S = 5.0
_GIVE_WAY_S = 2.0
_CLOSE_S = 10.0
_FLASH_AT_ONCE = 4
"""A tool takes a good part of a core."""

_log = logging.getLogger("lophoc.robots")

Act = Callable[[Kit, Told], Awaitable[Outcome]]
Listen = Callable[[str, Work], None]
"""Told of a kit and its work."""
MayTell = Callable[[str, Collection[str]], None]
"""Raises DeviceError if the one with these keys may not tell that device."""


class NothingToRepeat(Exception):
    """No job, or none of its kits has failed."""


class FleetDesk:
    """`open` it before the devices, `run` it while they live."""

    def __init__(
        self,
        live: LiveRoom,
        shelf: ProgramShelf,
        records: FlashRecords,
        store: FleetStore,
        record: Callable[[Iterable[Point]], None],
        may_tell: MayTell = lambda *_: None,
        *,
        patience: Patience = _PATIENCE,
        back_s: float = BACK_S,
    ) -> None:
        self.live, self.shelf = live, shelf
        self._records, self._store, self._record, self._may_tell = records, store, record, may_tell
        self._patience, self._back_s = patience, back_s
        self.devices: dict[str, Device] = {one.id: one for one in live.room.having(Role.ROBOT_KIT)}
        self.job: Job | None = None
        self.half_flashed: dict[str, str] = {}
        """Kit to what to say of it."""
        self._works: dict[str, Work] = {}
        self._holds: dict[str, tuple[Held, ...]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._broken_off: set[str] = set()
        """Kits whose deployment was cancelled: what they hold has to be asked."""
        self._looked: dict[str, Driver] = {}
        self._listening: list[Listen] = []
        self._flashing = asyncio.Semaphore(_FLASH_AT_ONCE)

    async def open(self) -> None:
        """As it was before the restart. A room without kits keeps nothing."""
        if not self.devices:
            return
        kept = await self._store.load() or Kept()
        self.job = kept.job
        self._holds = {kit: unverified(holds) for kit, holds in kept.holds.items() if kit in self.devices}
        for kit, work in kept.works.items():
            if kit in self.devices:
                words = "the gateway's program was restarted in the middle of it"
                self._works[kit] = work if work.is_over else cut_short(work, WorkState.INTERRUPTED, words, now_us())
        self._end_job()
        await self._look_at_records()
        await self.shelf.look()

    async def run(self) -> None:
        """Until cancelled; then what goes on is cut short, and the disk says so."""
        if not self.devices:
            return
        with self.live.listen(self._hear):
            async with asyncio.TaskGroup() as self._tasks:
                for kit in self.devices:
                    self._look_soon(kit)
                while True:
                    await asyncio.sleep(_LOOK_EVERY_S)
                    if await self.shelf.look():
                        self._tell_fleet()

    # --- looking ---

    def work(self, kit: str) -> Work | None:
        """What it was made to do last. Raises KeyError."""
        return self._works.get(kit)

    def holds(self, kit: str) -> tuple[Held, ...]:
        """As far as it was last seen. Raises KeyError."""
        return self._holds.get(kit, ())

    def release(self, kit: str) -> str:
        """The version of its firmware, as `1.23.0`; empty while it is not known."""
        driver = self.live.driver_of(kit)
        return driver.release if isinstance(driver, Programmable) else ""

    def is_busy(self, kit: str) -> bool:
        work = self._works.get(kit)
        return work is not None and not work.is_over

    def be_patient(self, patience: Patience, back_s: float) -> None:
        """From the next job on. `back_s`: how long a kit that is not open is waited for."""
        self._patience, self._back_s = patience, back_s

    def kits(
        self, groups: Collection[str] = (), ids: Collection[str] = (), back_s: float | None = None
    ) -> tuple[Kit, ...]:
        """`back_s`: how long one that is not open is waited for. Raises NoSuchKit."""
        return lent_kits(self.live, groups, ids, back_s=self._back_s if back_s is None else back_s)

    @contextmanager
    def listen(self, listener: Listen) -> Iterator[None]:
        """Call `listener` with every change of every work, as it happens. It must return at once."""
        self._listening.append(listener)
        try:
            yield
        finally:
            self._listening.remove(listener)

    # --- wishes ---

    def check(self, kits: Sequence[Kit], keys: Collection[str]) -> Job:
        """Before the bell. Stops what runs on them."""
        return self._begin(Kind.CHECK, kits, self._check, keys=keys)

    async def deploy(self, kits: Sequence[Kit], program: str, run: bool, keys: Collection[str]) -> Job:
        """Raises NotInLibrary, WrongLibrary."""
        bundle, found = await self.shelf.program(program)

        async def act(kit: Kit, told: Told) -> Outcome:
            report = await fleet.deploy(
                (kit,), bundle, firmware=found.firmware, run=run, told=told, patience=self._patience
            )
            return report.of(kit.id)

        return self._begin(Kind.DEPLOY, kits, act, bundle.name, bundle.version, run, keys)

    def start(self, kits: Sequence[Kit], program: str, keys: Collection[str]) -> Job:
        """Run what they have already under that name."""

        async def act(kit: Kit, told: Told) -> Outcome:
            return (await fleet.start((kit,), program, told=told, patience=self._patience)).of(kit.id)

        return self._begin(Kind.RUN, kits, act, program, run=True, keys=keys)

    def stop(self, kits: Sequence[Kit]) -> Job:
        """At once: nothing else is waited for, nor is a lease asked; to stop a robot is everybody's right."""

        async def act(kit: Kit, told: Told) -> Outcome:
            return (await fleet.stop((kit,), told=told, patience=_STOP_PATIENCE)).of(kit.id)

        for kit in kits:
            if not self._is_flashed(kit.id):
                self.live.interrupt(kit.id)
        return self._begin(Kind.STOP, kits, act)

    async def flash(self, kits: Sequence[Kit], firmware: str, keys: Collection[str]) -> Job:
        """Raises NotInLibrary, WrongLibrary, ToolMissing: then nothing is touched."""
        found, file = await self.shelf.firmware(firmware)
        flashing.find_tool(found.tool)

        async def act(kit: Kit, told: Told) -> Outcome:
            told(Progress(kit.id, "waiting"))
            with suppress(Unreachable, Timeout, BadReply):  # what cannot be spoken to may need just this
                await self.live.check(kit.id, _ROBOT_READY)
            async with self._flashing, self.live.lent(kit.id, _CLOSE_S):
                report = await flashing.flash((kit,), found, file, self._records, told)
            return report.of(kit.id)

        return self._begin(Kind.FLASH, kits, act, found.name, found.version, keys=keys)

    async def again(self, keys: Collection[str]) -> Job:
        """The last job, for those of its kits that did not do it. Raises NothingToRepeat, and as the job itself."""
        job, kits = self.job, self.failed()
        if job is None or not kits:
            raise NothingToRepeat
        match job.kind:
            case Kind.CHECK:
                return self.check(kits, keys)
            case Kind.DEPLOY:
                return await self.deploy(kits, job.what, job.run, keys)
            case Kind.RUN:
                return self.start(kits, job.what, keys)
            case Kind.STOP:
                return self.stop(kits)
            case Kind.FLASH:
                return await self.flash(kits, job.what, keys)

    def failed(self) -> tuple[Kit, ...]:
        """The kits of the last job that did not do it, and were not made to do something else since."""
        job = self.job
        works = {kit: self._works.get(kit) for kit in (job.kits if job else ())}
        ids = [kit for kit, work in works.items() if job and work and work.job == job.id and work.state in AGAIN]
        return self.kits(ids=ids) if ids else ()

    # --- works ---

    def _begin(
        self,
        kind: Kind,
        kits: Sequence[Kit],
        act: Act,
        what: str = "",
        version: str = "",
        run: bool = False,
        keys: Collection[str] = (),
    ) -> Job:
        assert self._tasks is not None, "it runs"
        same = self._same(kind, kits, what, version, run)
        if same is not None:
            return same
        job = Job(secrets.token_hex(6), kind, what, version, run, tuple(kit.id for kit in kits), now_us())
        self.job = job
        for kit in kits:
            if (no := self._refusal(kind, kit.id, keys)) is not None:
                if not self.is_busy(kit.id):
                    self._put(kit.id, ended(work_of(job, now_us()), no, now_us()))
                continue
            before = self._busy.get(kit.id)
            if before is not None:
                before.cancel()
                self._broken_off.add(kit.id)
            self._put(kit.id, work_of(job, now_us()))
            self._busy[kit.id] = self._tasks.create_task(self._carry_out(kit, act, before), name=f"{kind} {kit.id}")
        self._keep()
        self._end_job()
        self._tell_fleet()
        return job

    def _same(self, kind: Kind, kits: Sequence[Kit], what: str, version: str, run: bool) -> Job | None:
        """The last job, if it is this one and goes on: a second tap is no second wish."""
        job, ids = self.job, tuple(kit.id for kit in kits)
        if job is None or kind is Kind.STOP or job.ended_us is not None:
            return None
        return job if (job.kind, job.what, job.version, job.run, job.kits) == (kind, what, version, run, ids) else None

    def _refusal(self, kind: Kind, kit: str, keys: Collection[str]) -> Outcome | None:
        if self._is_flashed(kit):
            state = State.SKIPPED if kind is Kind.STOP else State.FAILED
            return Outcome(kit, state, "its firmware is being written; nothing runs on it", "flashing")
        if kind is not Kind.STOP:
            try:
                self._may_tell(kit, keys)
            except DeviceError as no:
                return Outcome(kit, State.FAILED, str(no), no.code)
        return None

    def _is_flashed(self, kit: str) -> bool:
        work = self._works.get(kit)
        return work is not None and work.kind is Kind.FLASH and not work.is_over

    async def _carry_out(self, kit: Kit, act: Act, before: asyncio.Task[None] | None) -> None:
        """A kit's work from its beginning to its end, whatever that is."""
        if before is not None:
            await asyncio.wait({before}, timeout=_GIVE_WAY_S)
        try:
            outcome = await act(kit, self._told)
        except DeviceError as why:
            outcome = Outcome(kit.id, State.FAILED, str(why), why.code, why.reason)
        except Exception as bug:  # noqa: BLE001 - logged, with its trace; the other kits go on
            _log.exception("%s: a mistake of the gateway", kit.id)
            outcome = Outcome(kit.id, State.FAILED, type(bug).__name__, "internal")
        if self._busy.get(kit.id) is asyncio.current_task():  # else something else was begun meanwhile
            del self._busy[kit.id]
            await self._finish(kit.id, outcome)

    async def _finish(self, kit: str, outcome: Outcome) -> None:
        work = ended(self._works[kit], outcome, now_us())
        if work.kind is Kind.FLASH:
            await self._look_at_records()
        driver = self.live.driver_of(kit)
        if isinstance(driver, Programmable):
            verified = outcome.program if work.kind in (Kind.DEPLOY, Kind.RUN) else ""
            self._holds[kit] = still_held(driver.installed, self._holds.get(kit, ()), verified)
            if kit in self._broken_off:
                self._broken_off.discard(kit)
                self._ask_soon(kit, driver)
        self._put(kit, work)
        self._keep()
        self._end_job()
        words = f": {work.code}: {work.words}" if work.code else ""
        _log.info("%s: %s %s: %s%s", kit, work.kind, work.what or "-", work.state, words)
        known = self.live.device(kit)
        self._record(work_points(self.live.room.room, self.devices[kit], work, known.readings, self._holds.get(kit)))

    def _told(self, progress: Progress) -> None:
        work = self._works.get(progress.kit)
        if work is None or work.is_over or progress.phase in {str(state) for state in State}:
            return
        now = msgspec.structs.replace(work, phase=progress.phase, percent=progress.percent, words=progress.words)
        if now != work:
            self._put(progress.kit, now)

    def _put(self, kit: str, work: Work) -> None:
        self._works[kit] = work
        for listener in self._listening:
            listener(kit, work)
        self.live.changes.kit(kit)

    def _end_job(self) -> None:
        """Once none of its kits is at it any more."""
        job = self.job
        if job is None or job.ended_us is not None:
            return
        of_it = [work for kit in job.kits if (work := self._works.get(kit)) and work.job == job.id]
        if all(work.is_over for work in of_it):
            self.job = msgspec.structs.replace(job, ended_us=now_us())
            self._keep()
            self._tell_fleet()

    def _keep(self) -> None:
        self._store.keep(Kept(self.job, dict(self._works), dict(self._holds)))

    def _tell_fleet(self) -> None:
        self.live.changes.fleet()

    # --- what a kit holds ---

    def _hear(self, device: Device, change: Change) -> None:
        if device.id not in self.devices:
            return
        self.live.changes.kit(device.id)
        if isinstance(change, Health):
            self._look_soon(device.id)

    def _look_soon(self, kit: str) -> None:
        """Ask a kit what it holds, once after each time that it was opened."""
        driver = self.live.driver_of(kit)
        if driver is None:
            if self._looked.pop(kit, None) is not None:
                self._holds[kit] = unverified(self._holds.get(kit, ()))
        elif driver is not self._looked.get(kit):
            self._looked[kit] = driver
            if isinstance(driver, Programmable):
                self._broken_off.discard(kit)
                self._ask_soon(kit, driver)

    def _ask_soon(self, kit: str, driver: Programmable) -> None:
        assert self._tasks is not None, "it runs"
        self._tasks.create_task(self._ask(kit, driver), name=f"look at {kit}")

    async def _ask(self, kit: str, driver: Programmable) -> None:
        async def ask(_: Driver) -> dict[Installed, tuple[str, ...]] | None:
            if self.live.value(kit, _PROGRAM.metric) not in (None, NO_PROGRAM):
                return None  # somebody was quicker: what runs is not stopped for this
            return dict(await driver.look())

        try:
            found = await self.live.work(kit, ask, "say what it has", TELL_S)
        except DeviceError as why:  # mostly it is lost again, and will be asked again
            _log.info("%s: what it holds is not known: %s", kit, why)
            return
        if found is not None:
            self._know(kit, held(found))

    def _know(self, kit: str, holds: tuple[Held, ...]) -> None:
        self._holds[kit] = holds
        work = self._works.get(kit)
        if work is not None and (now := settled(work, holds, now_us())) != work:
            _log.info("%s: it holds %s %s after all", kit, work.what, work.version)
            self._works[kit] = now
            self._tell_fleet()
        self._keep()
        self.live.changes.kit(kit)

    async def _look_at_records(self) -> None:
        found = await asyncio.to_thread(flashing.half_flashed, self._records)
        self.half_flashed = dict(found)

    async def _check(self, kit: Kit, told: Told) -> Outcome:
        async def one(kit: Kit, told: Told) -> Outcome:
            told(Progress(kit.id, "checking"))
            async with kit.opened() as driver:
                await driver.check(_ROBOT_READY)
                if isinstance(driver, Programmable):
                    self._know(kit.id, held(dict(await driver.look())))
            return Outcome(kit.id, State.DONE)

        return (await for_each((kit,), one, told, _CHECK_PATIENCE)).of(kit.id)
