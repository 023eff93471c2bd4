"""Kills a room's interlocks at each line that they run, from the dangerous reading to the reset, and starts them again.

    python -m tests.edge_agent.interlock_crash FOLDER [--every N] [--seed S]

Every life is a process of its own, forked from this one, killed with SIGKILL before one line of the agent's own code
(in the writer's thread too). The valve is a file: it outlives whoever commands it. What the life had announced until
then is a file, too. The next life is as the seed has it: the gas is still there, or gone, or the sensor is. Prints one
JSON object: how many instants there were, and what was not as it must be.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self

from classroom_profiles.capability import Capability, Command, Target, Value
from classroom_profiles.interlock_check import check
from classroom_profiles.interlock_state import State
from classroom_profiles.model import Model
from classroom_profiles.reading import Change, Health, HealthState
from classroom_profiles.room import Room
from classroom_profiles.state import Control
from edge_agent import interlocks, kept_value, latches, live_room, supervisor
from edge_agent.changes import Changes
from edge_agent.interlocks import Interlocked, Interlocks
from edge_agent.latches import LatchStore
from edge_agent.live_room import LiveRoom
from edge_agent.rank import Rank
from firmware_bridge.driver import DriverKind, Wires, reading
from tests.classroom_profiles.interlock_rooms import rule, sets

LINES_OF = {module.__file__ for module in (interlocks, kept_value, latches, live_room, supervisor)}
ENDS = ("gas", "aired", "blind")
"""How the sensor is in the next life."""
_OPEN = Command(Target(Capability.SWITCH), True)
_GAS = rule(
    "gas",
    [{"device": "gas", "metric": "gas_ppm", "above": 1000}, {"device": "gas", "unreachable_s": 0.05}],
    [sets("valve", switch=False)],
)
_ROOM = Room.model_validate(
    {
        "school": "s",
        "room": "r",
        "name": {"vi": "Phòng", "en": "Room"},
        "devices": [
            {"id": "gas", "role": "gas-sensor", "driver": "gas"},
            {"id": "valve", "role": "gas-valve", "driver": "valve"},
        ],
    }
)


class NoOptions(Model):
    pass


class Valve:
    """Open as long as its file says so."""

    controls: tuple[Control, ...] = (Control(Target(Capability.SWITCH)),)

    def __init__(self, file: Path) -> None:
        self._file = file
        self._said: asyncio.Queue[Change] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def changes(self) -> AsyncIterator[Change]:
        yield Health(HealthState.ONLINE)
        yield reading("switch", is_open(self._file))
        while True:
            yield await self._said.get()

    async def check(self, command: Command) -> None:
        pass

    async def command(self, command: Command) -> None:
        self._file.write_text("open" if command.value else "shut")
        await asyncio.sleep(0)
        self._said.put_nowait(reading("switch", command.value))


class Sensor(Valve):
    """Says what it is told to say; nothing at all if it is blind."""

    controls = ()

    def __init__(self, first: Value | None) -> None:
        self._first = first
        self._said = asyncio.Queue()

    async def changes(self) -> AsyncIterator[Change]:
        if self._first is None:
            await asyncio.get_running_loop().create_future()
        yield Health(HealthState.ONLINE)
        yield reading("gas_ppm", self._first or 0.0)
        while True:
            yield await self._said.get()

    def say(self, value: Value) -> None:
        self._said.put_nowait(reading("gas_ppm", value))


class Life:
    """The interlocks of one process."""

    def __init__(self, folder: Path, gas_ppm: float | None) -> None:
        self.valve, self.announced = folder / "valve", folder / "announced"
        self.sensor = Sensor(gas_ppm)
        self.store = LatchStore(folder / "latches.sqlite", patience_s=20.0)

    async def __aenter__(self) -> Self:
        rules, wrong = check(_ROOM.devices, [_GAS])
        assert wrong == ()
        changes = Changes()
        kept_latches = await self.store.load()
        self.rules = Interlocks(
            "r", _ROOM.devices, rules, self.store, changes, lambda _: None, kept_latches, retry_s=0.001
        )
        kinds = {
            "gas": DriverKind(NoOptions, lambda *_: self.sensor, {}),
            "valve": DriverKind(NoOptions, lambda *_: Valve(self.valve), {}),
        }
        self.room = LiveRoom(
            _ROOM, Wires(), changes, lambda _: None, kind_of=lambda name: kinds[name], guard=self.rules
        )
        self.rules.when_tripped(lambda _: self.say("tripped"))
        self._tasks = [asyncio.create_task(self.rules.run(self.room)), asyncio.create_task(self.room.run())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self.store.close()

    def say(self, word: str) -> None:
        with self.announced.open("a") as opened:
            opened.write(f"{word}\n")

    @property
    def state(self) -> State:
        return self.rules.now("gas").state

    async def until(self, holds: Callable[[], bool]) -> None:
        assert await self.room.until(holds, 30.0), f"never so: {self.state}"

    async def until_shut(self) -> None:
        await self.until(lambda: bool(self.rules.now("gas").orders))
        await self.until(lambda: all(order.confirmed for order in self.rules.now("gas").orders))


async def first_life(folder: Path, begin: Callable[[], None]) -> None:
    """Gas comes, is cut off, goes; it is reset, and the valve opened again."""
    async with Life(folder, 20.0) as life:
        await life.until(lambda: life.state is State.ARMED and life.room.value("valve", "switch") is True)
        begin()
        life.sensor.say(1200.0)
        await life.until_shut()
        await life.until(lambda: life.state is State.TRIPPED)
        life.sensor.say(20.0)
        await life.until(lambda: life.state is State.LATCHED)
        life.say("resetting")
        await life.rules.reset("gas", Rank.TECHNICIAN, "aired")
        life.say("reset")
        life.say("opening")
        await life.room.command("valve", _OPEN, 30.0)


async def next_life(folder: Path, sensor: str) -> None:
    """Raises AssertionError if anything is not safe."""
    said = (folder / "announced").read_text().split() if (folder / "announced").exists() else []
    must_be_latched = "tripped" in said and "resetting" not in said
    async with Life(folder, {"gas": 1200.0, "aired": 20.0, "blind": None}[sensor]) as life:
        if must_be_latched:
            assert life.state.is_active, "what was announced must be known"
            with_open = True
            with suppress(Interlocked):
                await life.room.command("valve", _OPEN, 30.0)
                with_open = False
            assert with_open, "what is latched was opened"
        if sensor != "aired" or must_be_latched:
            await life.until_shut()
            assert not is_open(life.valve), "not safe"
            return
        await life.until(lambda: life.state in (State.ARMED, State.LATCHED))
        if life.state is State.LATCHED:
            await life.until_shut()
            assert not is_open(life.valve), "not safe"
        assert not ("reset" in said and life.state is State.LATCHED), "what was reset is latched again"


def is_open(valve: Path) -> bool:
    return valve.read_text() == "open"


# --- forked lives ---


def lines_of_a_life(folder: Path) -> int:
    """How many lines one life runs that nobody kills."""
    _prepare(folder)
    count = folder / "count"

    def work() -> None:
        counter = _Counter(None)
        asyncio.run(first_life(folder, counter.begin))
        count.write_text(str(counter.lines))

    code = _forked(work)
    assert code == 0, f"a life that nobody kills ended with {code}"
    return int(count.read_text())


def killed_at(folder: Path, line: int, sensor: str) -> str | None:
    """What was wrong after a death before that line; None if nothing."""
    _prepare(folder)
    died = _forked(lambda: asyncio.run(first_life(folder, _Counter(line).begin)))
    if died not in (0, -signal.SIGKILL):
        return f"line {line}: it ended with {died}"
    failed = folder / "failed"

    def look() -> None:
        try:
            asyncio.run(next_life(folder, sensor))
        except AssertionError as why:
            failed.write_text(str(why))
            raise

    code = _forked(look)
    if code == 0:
        return None
    return f"line {line}, {sensor}: {failed.read_text() if failed.exists() else f'the next life ended with {code}'}"


class _Counter:
    """Counts the lines of our own modules that run, in all threads, and dies before one of them."""

    def __init__(self, dies_at: int | None) -> None:
        self.lines = 0
        self._dies_at = dies_at
        self._begun = False
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def begin(self) -> None:
        self._begun = True

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in LINES_OF:
            return None
        if event == "line" and self._begun:
            self.lines += 1
            if self.lines == self._dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._trace


def _prepare(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    (folder / "valve").write_text("open")


def _forked(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only each so many lines, beginning at one by chance")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    lines = lines_of_a_life(asked.folder)
    instants = range(1 + chance.randrange(asked.every), lines + 1, asked.every)
    wrong = [said for line in instants if (said := killed_at(asked.folder, line, chance.choice(ENDS))) is not None]
    print(json.dumps({"lines": lines, "instants": len(instants), "wrong": wrong}))


if __name__ == "__main__":
    main()
