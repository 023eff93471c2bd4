"""Drivers of which a test decides all: when they open, what they answer, when they break. Faults of order and time
cannot be made with real ones."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from classroom_profiles.capability import Command, Target, Value
from classroom_profiles.model import Model
from classroom_profiles.reading import Change, Health, HealthState
from classroom_profiles.room import Room
from classroom_profiles.state import Control
from classroom_profiles.telemetry import Point
from edge_agent.changes import Changes
from edge_agent.live_room import LiveRoom
from edge_agent.supervisor import Pace
from firmware_bridge.driver import Driver, DriverKind, Wires, reading
from firmware_bridge.errors import Unreachable
from simulators import changes as simulated

QUICK = Pace(open_s=30.0, close_s=30.0, first_wait_s=0.001, longest_wait_s=0.01)


class Options(Model):
    name: str


class Thing:
    """A device that remembers, whatever becomes of its drivers. A test sets its attributes and looks at them."""

    def __init__(self, name: str, values: Mapping[str, Value], journal: list[str]) -> None:
        self.name = name
        self.values: dict[str, Value] = dict(values)
        self.told: list[str] = []
        """Every command that arrived, in order."""
        self.health = Health(HealthState.ONLINE)
        self.opened = 0
        self.closed = 0
        self.fails_to_open: BaseException | None = None
        self.fails: dict[str, list[BaseException | None]] = {}
        """Target to what its next commands raise (None: nothing), one each; the last one stays."""
        self.fails_check: BaseException | None = None
        self.holds_check = asyncio.Event()
        self.holds_check.set()
        self.deaf: set[str] = set()
        """Targets whose commands are confirmed, and change nothing."""
        self.holds_open = asyncio.Event()
        self.holds_open.set()
        self.holds: dict[str, asyncio.Event] = {}
        """Target to what its commands wait for before they are done."""
        self.stubborn: set[str] = set()
        """Targets whose commands cannot be stopped while they are held, as a library that swallows cancellation."""
        self.seen = simulated.Changes()
        self.journal = journal
        """Shared by a room's things: what arrived at any of them."""
        self._drivers: set[FakeDriver] = set()

    def say(self, change: Change | BaseException) -> None:
        """To whoever reads it now."""
        for driver in self._drivers:
            driver.queue.put_nowait(change)

    def become(self, metric: str, value: Value) -> None:
        self.values[metric] = value
        self.say(reading(metric, value))

    def unplug(self, why: BaseException | None = None) -> None:
        """Every line breaks, and none can be opened."""
        self.fails_to_open = why or Unreachable("unplugged")
        self.say(self.fails_to_open)

    def replug(self) -> None:
        self.fails_to_open = None

    async def until(self, holds: Callable[[], bool]) -> None:
        await self.seen.until(holds)

    async def until_told(self, times: int = 1) -> None:
        await self.until(lambda: len(self.told) >= times)

    def attach(self, driver: "FakeDriver") -> None:
        self._drivers.add(driver)

    def detach(self, driver: "FakeDriver") -> None:
        self._drivers.discard(driver)


class FakeDriver:
    def __init__(self, thing: Thing) -> None:
        self.thing = thing
        self.queue: asyncio.Queue[Change | BaseException] = asyncio.Queue()

    @property
    def controls(self) -> tuple[Control, ...]:
        metrics = [
            metric for metric in self.thing.values if metric.split("_")[0] in ("power", "input", "level", "switch")
        ]
        return tuple(Control(Target.parse(metric.replace("_", ".", 1))) for metric in metrics)

    async def __aenter__(self) -> Self:
        self.thing.opened += 1
        self.thing.seen.tell()
        await self.thing.holds_open.wait()
        if self.thing.fails_to_open is not None:
            raise self.thing.fails_to_open
        self.thing.attach(self)
        self.thing.seen.tell()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.thing.closed += 1
        self.thing.detach(self)
        self.thing.seen.tell()

    async def changes(self) -> AsyncIterator[Change]:
        yield self.thing.health
        for metric, value in tuple(self.thing.values.items()):
            yield reading(metric, value)
        while True:
            change = await self.queue.get()
            if isinstance(change, BaseException):
                raise change
            yield change

    async def check(self, command: Command) -> None:
        await self.thing.holds_check.wait()
        if self.thing.fails_check is not None:
            raise self.thing.fails_check

    async def command(self, command: Command) -> None:
        thing, target = self.thing, str(command.target)
        thing.told.append(str(command))
        thing.journal.append(f"{thing.name}.{command}")
        thing.seen.tell()
        if target in thing.holds:
            while not thing.holds[target].is_set():
                try:
                    await thing.holds[target].wait()
                except asyncio.CancelledError:
                    if target not in thing.stubborn:
                        raise
        planned = thing.fails.get(target)
        if planned:
            error = planned.pop(0) if len(planned) > 1 else planned[0]
            if error is not None:
                raise error
        if target not in thing.deaf:
            thing.become(command.target.metric, command.value)
        thing.seen.tell()


class FakeRoom:
    """A room of things, each `{id: (role, {metric: value})}`, live while `running`."""

    def __init__(
        self,
        things: Mapping[str, tuple[str, Mapping[str, Value]]],
        triggers: Iterable[Mapping[str, Any]] = (),
        pace: Pace = QUICK,
    ) -> None:
        self.journal: list[str] = []
        self.things = {name: Thing(name, values, self.journal) for name, (_, values) in things.items()}
        self.room = Room.model_validate(
            {
                "school": "thu",
                "room": "a1",
                "name": {"vi": "Thử", "en": "Trial"},
                "devices": [
                    {"id": name, "role": role, "driver": "fake", "options": {"name": name}}
                    for name, (role, _) in things.items()
                ],
                "triggers": list(triggers),
            }
        )
        self.points: list[Point] = []
        self.settles = True
        """False: `running` does not wait until every thing was tried."""
        self.changes = Changes()
        self.kind = DriverKind(Options, self._make, {})
        self.live = LiveRoom(
            self.room, Wires(), self.changes, self.points.extend, kind_of=lambda _: self.kind, pace=pace
        )

    def __getitem__(self, name: str) -> Thing:
        return self.things[name]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeRoom"]:
        """Live."""
        async with task(self.live.run()):
            if self.settles:
                await self.live.settled(30.0)
            yield self

    def let_go(self) -> None:
        """Nothing is held any more, or a test that fails would never end."""
        for thing in self.things.values():
            for held in (thing.holds_open, thing.holds_check, *thing.holds.values()):
                held.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        assert await self.live.until(holds, 30.0), "it never came so"

    def _make(self, options: Options, _: Wires) -> Driver:
        return FakeDriver(self.things[options.name])


@asynccontextmanager
async def task(work: Any) -> AsyncIterator["asyncio.Task[None]"]:
    """`work`, going on for as long as the block."""
    running = asyncio.create_task(work)
    try:
        yield running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
