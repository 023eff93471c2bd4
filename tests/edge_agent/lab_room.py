"""A laboratory: served benches at their ports, a live room with the real driver, its runs and leases; no HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classroom_profiles.capability import Command
from classroom_profiles.room import Room
from classroom_profiles.telemetry import Point
from edge_agent import lab as lab_module
from edge_agent.changes import Changes
from edge_agent.lab import Lab
from edge_agent.live_room import LiveRoom
from edge_agent.run import Row, Run
from edge_agent.supervisor import Pace
from firmware_bridge.driver import Wires
from simulators.lab.served_bench import ServedBench
from tests.edge_agent.fake_driver import task

QUICK = Pace(open_s=30.0, close_s=30.0, first_wait_s=0.001, longest_wait_s=0.02)
PATIENCE_S = 20.0


def room_of(served: Mapping[str, ServedBench], more: Iterable[Mapping[str, Any]] = ()) -> Room:
    """A bench for each."""
    return Room.model_validate(
        {
            "school": "thu",
            "room": "b2",
            "name": {"vi": "Phòng thí nghiệm", "en": "Laboratory"},
            "devices": [
                *(
                    {
                        "id": name,
                        "role": "experiment",
                        "driver": "experiment",
                        "options": {"host": one.host, "port": one.port, "poll_s": 0.05},
                    }
                    for name, one in served.items()
                ),
                *more,
            ],
        }
    )


@dataclass(slots=True)
class LabRoom:
    room: Room
    live: LiveRoom
    lab: Lab
    points: list[Point] = field(default_factory=list)

    async def until(self, holds: Callable[[], bool]) -> None:
        assert await self.live.until(holds, PATIENCE_S), "it never came so"

    async def tell(self, bench: str, target: str, value: object) -> None:
        await self.lab.runs.command(bench, Command.parse(target, value), PATIENCE_S)

    def run(self, bench: str) -> Run:
        found = self.lab.runs.current(bench)
        assert found is not None
        return found

    async def kept(self, run: Run) -> list[Row]:
        """From the disk."""
        assert await self.lab.runs.commit()
        archive = self.lab.store.archive
        return list(archive.rows(archive.run(run.id)))


@asynccontextmanager
async def lab_room(data: Path, room: Room, settle: bool = True) -> AsyncIterator[LabRoom]:
    """Live; `settle`: its devices were tried."""
    points: list[Point] = []
    live = LiveRoom(room, Wires(), Changes(), points.extend, pace=QUICK)
    async with (
        lab_module.opened(data, live, points.extend) as lab,
        task(lab.run()),
        task(live.run()),
    ):
        if settle:
            await live.settled(PATIENCE_S)
        yield LabRoom(room, live, lab, points)


@asynccontextmanager
async def served_benches(**benches: ServedBench) -> AsyncIterator[dict[str, ServedBench]]:
    async with AsyncExitStack() as stack:
        yield {name.replace("_", "-"): await stack.enter_async_context(one) for name, one in benches.items()}


def numbers(rows: Sequence[Row]) -> list[int]:
    return [row.n for row in rows]


async def recorded(there: LabRoom, bench: str, samples: int) -> None:
    """Until a run of the bench has at least so many."""
    more = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S):
        with there.lab.runs.listen(lambda *_: more.set()):
            while (run := there.lab.runs.current(bench)) is None or run.samples < samples:
                more.clear()
                await more.wait()
