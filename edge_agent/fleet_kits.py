"""The room's robot kits as the fleet's code uses them: the drivers that the agent has open, lent, never opened twice.

What a lent driver is told goes the way of every command of the room: whoever may refuse one, may refuse it here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from classroom_profiles.capability import NO_PROGRAM, Capability, Command, Target
from classroom_profiles.reading import Change
from classroom_profiles.state import Control
from edge_agent.live_room import LiveRoom
from firmware_bridge.driver import Driver
from firmware_bridge.errors import NotNow, Refused, Unreachable
from firmware_bridge.fleet.kits import Kit, kits_of
from firmware_bridge.programs import Bundle, Installed, Programmable

BACK_S = 30.0
"""How long a kit that was lost may take until its driver is open again."""
TELL_S = 60.0
INSTALL_S = 300.0
STOPPED = Command(Target(Capability.PROGRAM), NO_PROGRAM)
"""What installing and verifying do to a kit: nothing runs on it."""
_SPENT_S = 3.0
"""A driver that has failed and is open still after this time was not lost."""


def lent_kits(
    live: LiveRoom, groups: Collection[str] = (), ids: Collection[str] = (), *, back_s: float = BACK_S
) -> tuple[Kit, ...]:
    """The kits, in the room's order. Raises NoSuchKit."""
    lenders = {device.id: _Lender(live, device.id, back_s) for device in live.room.devices}
    return tuple(replace(kit, opened=lenders[kit.id].lend) for kit in kits_of(live.room, groups, ids))


class _Lender:
    """Of one kit, for one piece of work, however often that tries again."""

    def __init__(self, live: LiveRoom, kit: str, back_s: float) -> None:
        self._live, self._kit, self._back_s = live, kit, back_s
        self._spent: Driver | None = None

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Driver]:
        """Waits until it is open, if it is not. Raises Unreachable."""
        driver = await self._open()
        try:
            yield _lent(self._live, self._kit, driver)
        except (Refused, NotNow):
            raise
        except Exception:
            self._spent = driver
            raise

    async def _open(self) -> Driver:
        now = asyncio.get_running_loop().time
        began = now()

        def driver() -> Driver | None:
            found = self._live.driver_of(self._kit)
            return found if found is not self._spent or now() - began >= _SPENT_S else None

        if driver() is None:
            self._live.hurry(self._kit)
            if self._back_s:
                await self._live.until(lambda: driver() is not None, min(_SPENT_S, self._back_s))
                await self._live.until(lambda: driver() is not None, self._back_s)
        found = driver()
        if found is None:
            reason = self._live.health(self._kit).reason
            raise Unreachable(f"it is not connected ({reason}); is it plugged in, and switched on?")
        return found


def _lent(live: LiveRoom, kit: str, driver: Driver) -> "LentDriver":
    if isinstance(driver, Programmable):
        return LentProgrammable(live, kit, driver, driver)
    return LentDriver(live, kit, driver)


class LentDriver:
    """A driver that somebody else has open."""

    def __init__(self, live: LiveRoom, kit: str, driver: Driver) -> None:
        self._live, self._kit, self._driver = live, kit, driver

    @property
    def controls(self) -> tuple[Control, ...]:
        return self._driver.controls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It stays open."""

    async def changes(self) -> AsyncIterator[Change]:
        """How it is, and what it has said last; then it ends: what follows, the room hears."""
        known = self._live.device(self._kit)
        yield known.health
        for reading in known.readings.values():
            yield reading

    async def check(self, command: Command) -> None:
        await self._live.check(self._kit, command)

    async def command(self, command: Command) -> None:
        await self._live.command(self._kit, command, TELL_S)


class LentProgrammable(LentDriver):
    """One whose device holds programs."""

    def __init__(self, live: LiveRoom, kit: str, driver: Driver, programs: Programmable) -> None:
        super().__init__(live, kit, driver)
        self._programs = programs

    @property
    def release(self) -> str:
        return self._programs.release

    @property
    def installed(self) -> tuple[Installed, ...]:
        return self._programs.installed

    async def damaged(self, name: str) -> tuple[str, ...]:
        await self._live.check(self._kit, STOPPED)
        return await self._live.work(self._kit, lambda _: self._programs.damaged(name), "verify its files", TELL_S)

    async def look(self) -> Mapping[Installed, tuple[str, ...]]:
        await self._live.check(self._kit, STOPPED)
        return await self._live.work(self._kit, lambda _: self._programs.look(), "say what it has", TELL_S)

    async def install(self, bundle: Bundle, told: Callable[[int], None]) -> None:
        await self._live.check(self._kit, STOPPED)
        words = f"take {bundle.name}"
        await self._live.work(self._kit, lambda _: self._programs.install(bundle, told), words, INSTALL_S)
