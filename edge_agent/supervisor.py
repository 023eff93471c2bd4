"""Keeps one device's driver open: the only place that tries again.

make ─► open ─► changes ... ─► lost ─► close ─► wait (longer each time, jitter) ─► make
                   │
                   └ commands, one at a time, in the order in which they came
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from classroom_profiles.capability import Command
from classroom_profiles.reading import Change, Health, HealthState
from classroom_profiles.state import NOT_OPENED, Control
from edge_agent.backoff import delays
from firmware_bridge.driver import Driver
from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable

_HEALTH_OF: dict[type[DeviceError], Health] = {
    Unreachable: Health(HealthState.UNREACHABLE, "unreachable"),
    Timeout: Health(HealthState.UNREACHABLE, "no-answer"),
    NotNow: Health(HealthState.UNREACHABLE, "not-now"),
    Refused: Health(HealthState.FAULT, "refused"),
    BadReply: Health(HealthState.FAULT, "bad-reply"),
}
_BROKEN_DRIVER = Health(HealthState.FAULT, "driver")

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
    ) -> None:
        self.device_id = device_id
        self.controls: tuple[Control, ...] | None = None
        """What the device said last that it can be told; None before it was first open."""
        self.opened_at: float | None = None
        """When the line was opened (the loop's time); None while it is not."""
        self._make = make
        self._heard = heard
        self._pace = pace
        self._driver: Driver | None = None
        self._turn = asyncio.Lock()
        self._telling: set[asyncio.Timeout] = set()
        self._health = NOT_OPENED
        self._lost = False
        self._complained: set[str] = set()

    async def run(self) -> None:
        """Forever."""
        loop = asyncio.get_running_loop()
        waits = delays(self._pace.first_wait_s, self._pace.longest_wait_s)
        while True:
            began = loop.time()
            health, why = await self._session()
            self._hear(health, str(why))
            if loop.time() - began > self._pace.steady_s:
                waits = delays(self._pace.first_wait_s, self._pace.longest_wait_s)
            await asyncio.sleep(next(waits))

    async def check(self, command: Command) -> None:
        """Could it be done now? Touches nothing. Raises DeviceError; the caller bounds it."""
        driver = self._open_driver()
        try:
            await driver.check(command)
        except DeviceError:
            raise
        except Exception as bug:
            raise self._contained("check", bug) from bug

    async def command(self, command: Command, timeout_s: float) -> None:
        """Returns when the device confirmed it, after those that came before. Raises DeviceError.

        At once Unreachable while it is not open, and as soon as the line is lost.
        """
        self._open_driver()
        driver: Driver | None = None
        try:
            async with asyncio.timeout(timeout_s) as limit:
                async with self._turn:
                    driver = self._open_driver()
                    self._telling.add(limit)
                    try:
                        await driver.command(command)
                    finally:
                        self._telling.discard(limit)
        except DeviceError:
            raise
        except TimeoutError as late:
            if not limit.expired():
                raise self._contained("command", late) from late
            if driver is None:
                raise NotNow(f"it was busy with another command for {timeout_s:g} s") from None
            if self._driver is not driver:
                raise Unreachable("the line was lost while it was told") from None
            raise Timeout(f"it did not confirm {command} in {timeout_s:g} s") from None
        except Exception as bug:
            raise self._contained("command", bug) from bug

    def _open_driver(self) -> Driver:
        if self._driver is None:
            raise Unreachable(f"it is not connected ({self._health.reason})")
        return self._driver

    async def _session(self) -> tuple[Health, BaseException]:
        """From opening to loss: what that means, and why."""
        try:
            driver = self._make()
            async with self._opened(driver):
                self._driver, self.controls = driver, driver.controls
                self.opened_at = asyncio.get_running_loop().time()
                try:
                    async for change in driver.changes():
                        self._hear(change)
                finally:
                    self._let_go()
            raise BadReply("it said no more")
        except DeviceError as lost:
            return _health_of(lost), lost
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
        lost = health.state in (HealthState.UNREACHABLE, HealthState.FAULT)
        if lost and not self._lost:
            _log.warning("%s: %s (%s)%s", self.device_id, health.state, health.reason, f": {why}" if why else "")
        elif self._lost and not lost:
            _log.info("%s: back, %s", self.device_id, health.state)
        self._lost = lost

    def _contained(self, where: str, bug: Exception) -> DeviceError:
        """A driver raised what no driver may: its mistake stays its own."""
        words = f"{type(bug).__name__} in its driver"
        if f"{where}: {words}" not in self._complained:
            self._complained.add(f"{where}: {words}")
            _log.error("%s: %s (%s)", self.device_id, words, where, exc_info=bug)
        return Refused(words)


def _health_of(lost: DeviceError) -> Health:
    known = next((health for kind, health in _HEALTH_OF.items() if isinstance(lost, kind)), None)
    return known or Health(HealthState.FAULT, "unknown")
