"""The robot kits' part of the agent: the desk where they are put to work, and how it is shown."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from classroom_profiles.telemetry import Point
from edge_agent.fleet_desk import FleetDesk, MayTell
from edge_agent.fleet_store import FleetStore
from edge_agent.fleet_views import FleetViews
from edge_agent.live_room import LiveRoom
from edge_agent.program_shelf import ProgramShelf
from firmware_bridge.fleet.flash_record import FlashRecords

FLEET, FLASHING, LIBRARY = "fleet.sqlite", "flashing", "library"


@dataclass(frozen=True, slots=True)
class Fleet:
    desk: FleetDesk
    views: FleetViews


@asynccontextmanager
async def opened(
    data: Path,
    live: LiveRoom,
    record: Callable[[Iterable[Point]], None],
    may_tell: MayTell,
    library: Path | None = None,
) -> AsyncIterator[Fleet]:
    """As it was before a restart. Open it before the devices."""
    async with FleetStore(data / FLEET) as store:
        shelf, records = ProgramShelf(library or data / LIBRARY), FlashRecords(data / FLASHING)
        desk = FleetDesk(live, shelf, records, store, record, may_tell)
        await desk.open()
        yield Fleet(desk, FleetViews(desk))
