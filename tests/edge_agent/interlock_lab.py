"""A laboratory with interlocks and devices of which a test decides all."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from classroom_profiles.capability import Command, Value
from classroom_profiles.interlock import Interlock
from classroom_profiles.interlock_check import check
from classroom_profiles.interlock_state import State
from classroom_profiles.telemetry import Measurement
from edge_agent.interlocks import Interlocks
from edge_agent.latches import LatchStore
from edge_agent.live_room import LiveRoom
from firmware_bridge.driver import DriverKind, Wires
from tests.classroom_profiles.interlock_rooms import rule, sets
from tests.edge_agent.fake_driver import QUICK, FakeRoom, Options, task

OPEN, SHUT = Command.parse("switch", True), Command.parse("switch", False)
THINGS: Mapping[str, tuple[str, Mapping[str, Value]]] = {
    "gas": ("gas-sensor", {"gas_ppm": 20.0}),
    "valve": ("gas-valve", {"switch": True}),
    "bench": ("bench-power", {"switch": True}),
    "fan": ("ventilation", {"level": 0.0, "switch": False}),
    "lamp": ("lights", {"switch": False}),
}
GAS = rule(
    "gas",
    [{"device": "gas", "metric": "gas_ppm", "above": 1000}, {"device": "gas", "unreachable_s": 30}],
    [sets("valve", switch=False), sets("bench", switch=False), sets("fan", level=100)],
)
SLOW = rule(
    "slow",
    [{"device": "gas", "metric": "gas_ppm", "above": 1000, "for_s": 0.05}, {"device": "gas", "unreachable_s": 30}],
    [sets("valve", switch=False)],
)
STOP = rule("stop", [], [sets("lamp", switch=True)], panel="button", reset_by="teacher")


class Lab(FakeRoom):
    """A room with interlocks, whose store may be slow."""

    def __init__(self, folder: Path, rules: Iterable[Interlock] = (GAS,), store: LatchStore | None = None) -> None:
        super().__init__(THINGS)
        self.store = store or LatchStore(folder / "latches.sqlite")
        self.rules, wrong = check(self.room.devices, list(rules))
        assert wrong == ()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator["Lab"]:
        async with self.store:
            self.interlocks = Interlocks(
                "a1", self.room.devices, self.rules, self.store, self.changes, self.points.extend,
                await self.store.load(), retry_s=0.001,
            )  # fmt: skip
            kind = DriverKind(Options, self._make, {})
            self.live = LiveRoom(
                self.room, Wires(), self.changes, self.points.extend,
                kind_of=lambda _: kind, pace=QUICK, guard=self.interlocks,
            )  # fmt: skip
            async with task(self.interlocks.run(self.live)), self.running():
                yield self

    def state(self, name: str = "gas") -> State:
        return self.interlocks.now(name).state

    async def until_state(self, state: State, name: str = "gas") -> None:
        await self.until(lambda: self.state(name) is state)

    async def until_done(self, name: str = "gas") -> None:
        await self.until(lambda: bool(self.interlocks.now(name).orders))
        await self.until(lambda: all(order.confirmed for order in self.interlocks.now(name).orders))

    def events(self) -> list[tuple[str, str, Any]]:
        points = [point for point in self.points if point.series.measurement is Measurement.EVENT]
        return [(point.series.device, point.series.metric, point.value) for point in points]
