"""A served room full of simulated robot kits on ptys, and what a person with a browser does and sees there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from edge_agent.fleet_desk import FleetDesk
from edge_agent.fleet_work import Work
from tests.edge_agent.served_room import TEACHER, Served, served
from tests.firmware_bridge.fleet.lab import Lab, bundle

PATIENCE_S = 40.0
Json = dict[str, Any]


@dataclass(slots=True)
class RobotRoom:
    lab: Lab
    there: Served
    client: httpx.AsyncClient
    """A teacher's."""

    @property
    def desk(self) -> FleetDesk:
        assert self.there.parts.fleet is not None
        return self.there.parts.fleet.desk

    async def ask(self, wish: str, status: int = 202, **content: Any) -> Json:
        answer = await self.client.post(f"/api/robots/{wish}", json=content)
        assert answer.status_code == status, answer.text
        said: Json = answer.json()
        return said

    async def fleet(self) -> Json:
        answer = await self.client.get("/api/robots")
        assert answer.status_code == 200, answer.text
        said: Json = answer.json()
        return said

    async def kit(self, kit: str) -> Json:
        (found,) = [one for one in (await self.fleet())["kits"] if one["id"] == kit]
        return dict(found)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Of the desk and the room."""
        assert await self.there.live.until(holds, PATIENCE_S), (await self.fleet())["kits"]

    @contextmanager
    def when(self, kit: str, phase: str, act: Callable[[], object] = lambda: None) -> Iterator[asyncio.Event]:
        """Do it in the very moment in which the kit's work comes to that point, the first time."""
        came = asyncio.Event()

        def listen(of: str, work: Work) -> None:
            if (of, work.phase) == (kit, phase) and not came.is_set():
                came.set()
                act()

        with self.desk.listen(listen):
            yield came

    async def over(self) -> Json:
        """The fleet once the last job is over."""
        await self.until(lambda: self.desk.job is not None and self.desk.job.ended_us is not None)
        return await self.fleet()

    async def verified(self, *kits: str) -> None:
        """Until each was asked what it holds since it was opened."""

        def holds() -> bool:
            held = [self.desk.holds(kit) for kit in kits]
            return all(held) and all(one.whole is not None for each in held for one in each)

        await self.until(holds)


def states(fleet: Json) -> dict[str, str]:
    return {kit["id"]: kit["work"]["state"] for kit in fleet["kits"] if kit["work"]}


@asynccontextmanager
async def robot_room(data: Path, lab: Lab, library: Path | None = None, pin: str = TEACHER) -> AsyncIterator[RobotRoom]:
    """Its kits tried."""
    shelf = lab.library() if library is None else library
    async with served(data, real=lab.room, library=shelf) as there, there.client(pin) as client:
        yield RobotRoom(lab, there, client)


def assert_it_is_so(lab: Lab, kit: Json) -> None:
    """What the API says of a kit is what the kit itself holds and does."""
    if kit["id"].startswith("fi-"):
        assert (kit["robot"] == "ready") == (lab.firmata(kit["id"]).pins[13].value == 1), kit
        return
    board = lab.micropython(kit["id"])
    assert board.running == (kit["program"] not in ("none", "")), kit
    said = {(one["name"], one["version"]): one["whole"] for one in kit["holds"]}
    record = board.files.get("lophoc.json", b"")
    for version in ("1.0", "2.0"):
        whole = all(board.files.get(name) == content for name, content in bundle(version).files.items())
        really = whole and f'"version":"{version}"'.encode() in record
        assert said.get(("line-follower", version)) is (True if really else None), (kit, version)
