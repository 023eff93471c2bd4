"""A driver as its supervisor sees it: open, its changes read by a task, the last of each remembered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from classroom_profiles.capability import Command, Value
from classroom_profiles.experiment import RunState, Sample
from classroom_profiles.reading import Health, Reading
from firmware_bridge.driver import Driver
from firmware_bridge.errors import DeviceError
from simulators.changes import Changes


class Watched:
    """What a driver has said so far."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.said: list[Reading | Health] = []
        self.values: dict[str, Value] = {}
        self.health: list[Health] = []
        """All that it had, in order."""
        self.ended: DeviceError | None = None
        """Why it said no more."""
        self.samples: list[Sample] = []
        self.runs: list[RunState] = []
        self._changes = Changes()

    async def listen(self) -> None:
        try:
            async for change in self.driver.changes():
                if isinstance(change, RunState | Sample):
                    self._told_of_a_run(change)
                else:
                    self._told(change)
                self._changes.tell()
        except DeviceError as error:
            self.ended = error
            self._changes.tell()

    def _told(self, change: Reading | Health) -> None:
        self.said.append(change)
        if isinstance(change, Reading):
            self.values[change.metric] = change.value
        else:
            self.health.append(change)

    def _told_of_a_run(self, change: RunState | Sample) -> None:
        if isinstance(change, Sample):
            self.samples.append(change)
            self.values |= {reading.metric: reading.value for reading in change.readings}
        else:
            self.runs.append(change)

    @property
    def states(self) -> list[str]:
        return [str(health.state) for health in self.health]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return as soon as `holds()`. Raises TimeoutError."""
        await self._changes.until(holds)

    async def command(self, target: str, value: object) -> None:
        """Raises TimeoutError beside what the driver raises: nothing may hang."""
        async with asyncio.timeout(30):
            await self.driver.command(Command.parse(target, value))

    async def check(self, target: str, value: object) -> None:
        await self.driver.check(Command.parse(target, value))


@contextlib.asynccontextmanager
async def watched(driver: Driver) -> AsyncIterator[Watched]:
    """The driver, open, and closed at the end."""
    async with driver:
        watch = Watched(driver)
        listening = asyncio.create_task(watch.listen(), name="listening to a driver")
        try:
            await watch.until(lambda: bool(watch.health) or watch.ended is not None)
            yield watch
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
