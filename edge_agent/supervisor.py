"""Keeps one device's driver open: the only place that tries again.

make ─► open ─► changes ... ─► lost ─► close ─► wait (longer each time, jitter) ─► make
                   │
                   └ commands, one at a time, in the order in which they came; an interlock's before all of them
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from classroom_profiles.capability import Command
from classroom_profiles.experiment import RunState, Sample
from classroom_profiles.reading import Change, Health, HealthState, Reading
from classroom_profiles.state import NOT_OPENED, Control
from edge_agent.backoff import delays
from firmware_bridge.driver import Driver
from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable

_BROKEN_DRIVER = Health(HealthState.FAULT, "driver")
LENT = Health(HealthState.UNREACHABLE, "lent")
"""Its line is somebody else's for a while: firmware is written."""
_Result = TypeVar("_Result")

_log = logging.getLogger("lophoc.device")


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a supervisor is, seconds."""

    open_s: float = 20.0
    """How long a driver may take to open."""
    close_s: float = 5.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    steady_s: float = 30.0
    """A line that held this long was good: the next wait is a short one again."""


class Supervisor:
    """One device. `run` it in a task; `heard` is told of every change, and of the health that a loss means."""

    def __init__(
        self,
        device_id: str,
        make: Callable[[], Driver],
        heard: Callable[[Change], None],
        pace: Pace = Pace(),
        heard_garbled: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`heard_garbled` is told of a metric that reads no number, which is else left out."""
        self.device_id = device_id
        self.controls: tuple[Control, ...] | None = None
        """What the device said last that it can be told; None before it was first open."""
        self.opened_at: float | None = None
        """When the line was opened (the loop's time); None while it is not."""
        self._make = make
        self._heard = heard
        self._heard_garbled = heard_garbled
        self._pace = pace
        self._driver: Driver | None = None
        self._turn = asyncio.Lock()
        """Of the line that is open now: what hangs on one that was lost is in nobody's way on the next."""
        self._telling: set[asyncio.Timeout] = set()
        self._cutting: set[asyncio.Timeout] = set()
        """Of those, what comes before all others."""
        self._displaced: set[asyncio.Timeout] = set()
        """Of those, what had to give way."""
        self._line: asyncio.Timeout | None = None
        """Of the session that goes on; None between two."""
        self._lent = 0
        self._hurry, self._closed = asyncio.Event(), asyncio.Event()
        self._health = NOT_OPENED
        self._lost = False
        self._complained: set[str] = set()

    async def run(self) -> None:
        """Forever."""
        loop = asyncio.get_running_loop()
        waits = delays(self._pace.first_wait_s, self._pace.longest_wait_s)
        while True:
            began = loop.time()
            health, why = await self._bounded_session()
            self._hear(health, str(why))
            if loop.time() - began > self._pace.steady_s:
                waits = delays(self._pace.first_wait_s, self._pace.longest_wait_s)
            if await self._hurried(next(waits)):
                waits = delays(self._pace.first_wait_s, self._pace.longest_wait_s)

    @property
    def driver(self) -> Driver | None:
        """The one that is open now; None between two. To be told only by `command` and `work`."""
        return self._driver

    def hurry(self) -> None:
        """Do not wait for the next try: somebody has put it back."""
        self._hurry.set()

    def interrupt(self) -> None:
        """Whatever it is being told now ends with NotNow: what comes next cannot wait for it."""
        for limit in self._telling - self._cutting:
            if not limit.expired():
                self._displaced.add(limit)
                limit.reschedule(0.0)

    @asynccontextmanager
    async def lent(self, timeout_s: float) -> AsyncIterator[None]:
        """Its line is free meanwhile: closed, and not opened again. Raises Timeout if it cannot be closed so soon."""
        self._lent += 1
        try:
            try:
                async with asyncio.timeout(timeout_s):
                    while self._line is not None:
                        if not self._line.expired():
                            self._line.reschedule(0.0)
                        await self._closed.wait()
            except TimeoutError:
                raise Timeout(f"its line was not closed in {timeout_s:g} s") from None
            yield
        finally:
            self._lent -= 1
            self._hurry.set()

    @property
    def is_told(self) -> bool:
        """True while a command is on its way, so that what the device reads may change at any moment."""
        return bool(self._telling)

    async def check(self, command: Command) -> None:
        """Could it be done now? Touches nothing. Raises DeviceError; the caller bounds it."""
        driver = self._open_driver()
        with self._mistakes("check"):
            await driver.check(command)

    async def command(self, command: Command, timeout_s: float) -> None:
        """Returns when the device confirmed it, after those that came before. Raises DeviceError.

        At once Unreachable while it is not open, and as soon as the line is lost.
        """
        await self.work(lambda driver: driver.command(command), f"confirm {command}", timeout_s)

    async def cut_off(self, command: Command, timeout_s: float) -> None:
        """As `command`, but before all others: whatever else it is being told now ends with NotNow."""
        self.interrupt()
        await self._work(lambda driver: driver.command(command), f"confirm {command}", timeout_s, None)

    async def work(self, work: Callable[[Driver], Awaitable[_Result]], words: str, timeout_s: float) -> _Result:
        """As `command`, for what is more than one; `words`: what it did not do, if the time was not enough."""
        return await self._work(work, words, timeout_s, self._turn)

    async def _work(
        self, work: Callable[[Driver], Awaitable[_Result]], words: str, timeout_s: float, turn: asyncio.Lock | None
    ) -> _Result:
        """In its turn, or at once: the driver itself has one conversation at a time."""
        driver = self._open_driver()
        began = False
        with self._mistakes("command"):
            try:
                async with asyncio.timeout(timeout_s) as limit:
                    self._telling.add(limit)
                    if turn is None:
                        self._cutting.add(limit)
                    async with turn or nullcontext():
                        if self._driver is driver:
                            began = True
                            return await work(driver)
                raise Unreachable("the line was lost before it could be told")
            except TimeoutError:
                if not limit.expired():
                    raise
                if self._driver is not driver:
                    lost = "while it was told" if began else "before it could be told"
                    raise Unreachable(f"the line was lost {lost}") from None
                if limit in self._displaced:
                    raise NotNow("it had to give way to what cannot wait") from None
                if not began:
                    raise NotNow(f"it was busy with another command for {timeout_s:g} s") from None
                raise Timeout(f"it did not {words} in {timeout_s:g} s") from None
            finally:
                for those in (self._telling, self._cutting, self._displaced):
                    those.discard(limit)
                if self._driver is driver:
                    self.controls = driver.controls  # it may have got a program meanwhile

    def _open_driver(self) -> Driver:
        if self._driver is None:
            raise Unreachable(f"it is not connected ({self._health.reason})")
        return self._driver

    async def _bounded_session(self) -> tuple[Health, BaseException]:
        """A session, unless the line is lent meanwhile: then that is its end, or it does not begin."""
        if self._lent:
            return LENT, NotNow("its line is lent")
        self._closed.clear()
        self._hurry.clear()
        try:
            async with asyncio.timeout(None) as line:
                self._line = line
                return await self._session()
        except TimeoutError:
            if not line.expired():
                raise
            return LENT, NotNow("its line is lent")
        finally:
            self._line = None
            self._closed.set()

    async def _hurried(self, wait_s: float) -> bool:
        """Wait so long, or until somebody is in a hurry, but as long as the line is lent."""
        hurried = False
        while not hurried or self._lent:
            try:
                async with asyncio.timeout(None if self._lent else wait_s):
                    await self._hurry.wait()
            except TimeoutError:
                break
            self._hurry.clear()
            hurried = True
        return hurried

    async def _session(self) -> tuple[Health, BaseException]:
        """From opening to loss: what that means, and why."""
        try:
            driver = self._make()
            async with self._opened(driver):
                self.controls = driver.controls
                self._driver, self._turn = driver, asyncio.Lock()
                self.opened_at = asyncio.get_running_loop().time()
                try:
                    async for change in driver.changes():
                        for one in self._taken(change):
                            self._hear(one)
                finally:
                    self._let_go()
            raise BadReply("it said no more")
        except DeviceError as lost:
            return _health_of(lost), lost
        except asyncio.CancelledError as bug:
            if _asked_to_end():
                raise
            return _BROKEN_DRIVER, self._contained("session", bug)
        except Exception as bug:  # noqa: BLE001 - logged there
            return _BROKEN_DRIVER, self._contained("session", bug)

    @asynccontextmanager
    async def _opened(self, driver: Driver) -> AsyncIterator[None]:
        """`async with driver`, with a bound on both ends; a mistake in closing hides nothing else."""
        pace = self._pace
        try:
            async with asyncio.timeout(pace.open_s) as limit:
                await driver.__aenter__()
        except TimeoutError:
            if limit.expired():
                raise Timeout(f"it did not open in {pace.open_s:g} s") from None
            raise
        try:
            yield
        finally:
            try:
                async with asyncio.timeout(pace.close_s):
                    await driver.__aexit__(None, None, None)
            except Exception as bug:  # noqa: BLE001 - logged there
                self._contained("close", bug)
            except asyncio.CancelledError as bug:
                if _asked_to_end():
                    raise
                self._contained("close", bug)

    def _let_go(self) -> None:
        """From here on nothing is sent; whoever waits for a confirmation will not get it."""
        self._driver = self.opened_at = None
        for limit in self._telling:
            if not limit.expired():
                limit.reschedule(0.0)

    def _hear(self, change: Change, why: str = "") -> None:
        if isinstance(change, Health):
            self._say_if_lost(change, why)
            self._health = change
        self._heard(change)

    def _say_if_lost(self, health: Health, why: str) -> None:
        """Once when it is lost, once when it is back."""
        lost = not health.is_well
        if lost and not self._lost:
            _log.warning("%s: %s (%s)%s", self.device_id, health.state, health.reason, f": {why}" if why else "")
        elif self._lost and not lost:
            _log.info("%s: back, %s", self.device_id, health.state)
        self._lost = lost

    def _taken(self, change: Change) -> Iterable[Change]:
        """What of it can be taken: of a sample that is broken, the readings that are not."""
        if isinstance(change, Sample):
            good = [reading for reading in change.readings if self._can_be_taken(reading)]
            return [change] if len(good) == len(change.readings) else good
        return [change] if self._can_be_taken(change) else []

    def _can_be_taken(self, change: object) -> bool:
        """False for what no driver may say: one broken sensor must not spoil the view of the room."""
        if isinstance(change, Health | RunState):
            return True
        if not isinstance(change, Reading):
            raise TypeError(f"a {type(change).__name__} is no change")
        value: object = change.value
        if isinstance(value, float) and not math.isfinite(value):
            self._complain(f"{change.metric} reads {value}, which is no number; left out")
            self._heard_garbled(change.metric)
            return False
        if not isinstance(value, bool | int | float | str):
            raise TypeError(f"{change.metric} reads a {type(value).__name__}")
        return True

    @contextmanager
    def _mistakes(self, where: str) -> Iterator[None]:
        """What a driver may not raise becomes a DeviceError."""
        try:
            yield
        except DeviceError:
            raise
        except Exception as bug:
            raise self._contained(where, bug) from bug
        except asyncio.CancelledError as bug:
            if _asked_to_end():
                raise
            raise self._contained(where, bug) from bug

    def _complain(self, words: str, bug: BaseException | None = None) -> None:
        """Once."""
        if words not in self._complained:
            self._complained.add(words)
            _log.error("%s: %s", self.device_id, words, exc_info=bug)

    def _contained(self, where: str, bug: BaseException) -> DeviceError:
        """A driver raised what no driver may: its mistake stays its own."""
        words = f"{type(bug).__name__} in its driver"
        self._complain(f"{words} ({where})", bug)
        return Refused(words)


def _asked_to_end() -> bool:
    """True if this task is being cancelled; else a CancelledError comes from something inside that was."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _health_of(lost: DeviceError) -> Health:
    away = isinstance(lost, Unreachable | Timeout | NotNow)
    return Health(HealthState.UNREACHABLE if away else HealthState.FAULT, lost.reason)
