"""The laboratory's part of the agent: benches, their recorded runs, who holds what, and the stream of samples."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from classroom_profiles.telemetry import Point
from edge_agent.lab_stream import LabStream
from edge_agent.lab_views import LabViews
from edge_agent.leases import Leases, LeaseStore
from edge_agent.live_room import LiveRoom
from edge_agent.run_store import RunStore
from edge_agent.runs import Runs

RUNS, LEASES = "runs.sqlite", "leases.sqlite"


@dataclass(frozen=True, slots=True)
class Lab:
    runs: Runs
    store: RunStore
    leases: Leases
    views: LabViews
    stream: LabStream
    exporting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One export at a time: each is a process that has a core for itself."""

    async def run(self) -> None:
        """Until cancelled; then what was recorded is brought to the disk."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.runs.run(), name="runs")
            tasks.create_task(self.leases.run(), name="leases")
            tasks.create_task(self.stream.run(), name="lab stream")


@asynccontextmanager
async def opened(data: Path, live: LiveRoom, record: Callable[[Iterable[Point]], None]) -> AsyncIterator[Lab]:
    """As it was before a restart. Open it before the devices."""
    async with RunStore(data / RUNS) as run_store, LeaseStore(data / LEASES) as lease_store:
        runs = Runs(live, run_store)
        leases = Leases(live.room, lease_store, live.changes, record)
        await runs.open()
        await leases.open()
        views = LabViews(live, runs, leases, run_store.archive)
        yield Lab(runs, run_store, leases, views, LabStream(runs))
