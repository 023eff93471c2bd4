"""A room of obedient, disobedient and absent devices, served over HTTP on a socket of its own."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from classroom_profiles.capability import Capability, Command, Target
from classroom_profiles.interlock_check import rules_of
from classroom_profiles.model import Model
from classroom_profiles.profile import Profile
from classroom_profiles.reading import Change, Health, HealthState
from classroom_profiles.room import Room
from classroom_profiles.state import Control
from classroom_profiles.topics import Address
from edge_agent import catalogue_routes, fleet, fleet_routes
from edge_agent.access import Access
from edge_agent.api import PANEL, Parts, make_api
from edge_agent.app import Server, bind
from edge_agent.boot import boot_id
from edge_agent.catalogue import Catalogue
from edge_agent.changes import Changes
from edge_agent.connection import Connection
from edge_agent.events import Events
from edge_agent.guard import Guard
from edge_agent.interlocks import Interlocks
from edge_agent.journal import Journal
from edge_agent.lab import opened
from edge_agent.lab_routes import router
from edge_agent.latches import LatchStore
from edge_agent.lesson_store import LessonStore
from edge_agent.lessons import Lessons
from edge_agent.live_room import LiveRoom, now_us
from edge_agent.pins import FILE, Pins
from edge_agent.uplink import Uplink
from edge_agent.views import Views
from firmware_bridge import errors
from firmware_bridge.driver import DriverKind, Wires, find, reading
from firmware_bridge.errors import DeviceError

TEACHER, TECHNICIAN = "2468", "135791"
PINS = {"LOPHOC_TEACHER_PIN": TEACHER, "LOPHOC_TECHNICIAN_PIN": TECHNICIAN}
_ERRORS: dict[str, type[DeviceError]] = {
    kind.code: kind for kind in (errors.Unreachable, errors.Refused, errors.NotNow, errors.Timeout, errors.BadReply)
}


class LampOptions(Model):
    name: str
    says: str = ""
    """The code of the error with which it answers each command; empty for a lamp that does what it is told."""


class Lamp:
    """A device with one switch. Hold `may_confirm` to make it slow."""

    def __init__(self, options: LampOptions) -> None:
        self.says = options.says
        self.is_on = False
        self.told: list[bool] = []
        self.was_told = asyncio.Event()
        self.may_confirm = asyncio.Event()
        self.may_confirm.set()
        self._changes: asyncio.Queue[Change] = asyncio.Queue()

    @property
    def controls(self) -> tuple[Control, ...]:
        return (Control(Target(Capability.SWITCH)),)

    async def __aenter__(self) -> Self:
        if self.says == "absent":
            raise errors.Unreachable("there is none")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def changes(self) -> AsyncIterator[Change]:
        yield Health(HealthState.ONLINE)
        yield reading("switch", self.is_on)
        while True:
            yield await self._changes.get()

    async def check(self, command: Command) -> None:
        pass

    async def command(self, command: Command) -> None:
        assert isinstance(command.value, bool)
        self.told.append(command.value)
        self.was_told.set()
        if self.says:
            raise _ERRORS[self.says](f"this lamp says {self.says}")
        await self.may_confirm.wait()
        self.press(command.value)

    def press(self, is_on: bool) -> None:
        """As by hand at the lamp."""
        self.is_on = is_on
        self._changes.put_nowait(reading("switch", is_on))


def _device(name: str, role: str, says: str = "") -> dict[str, Any]:
    return {"id": name, "role": role, "driver": "lamp", "options": {"name": name, "says": says}}


STOP = {
    "id": "stop", "name": {"vi": "Dừng", "en": "Stop"}, "advice": {"vi": "Chờ", "en": "Wait"}, "panel": "button",
    "then": [{"device": "lamp", "set": {"switch": False}}], "reset_by": "teacher",
}  # fmt: skip
"""An interlock that people trip by hand."""
HOT = {
    "id": "hot", "name": {"vi": "Nóng", "en": "Hot"}, "advice": {"vi": "Ra ngoài", "en": "Go out"},
    "when": [{"device": "fan", "metric": "temperature_c", "above": 50}, {"device": "fan", "unreachable_s": 60}],
    "then": [{"device": "fan", "set": {"switch": True}}],
}  # fmt: skip
"""One that only the technician resets."""


def room(open_view: bool = True, simulated: Collection[str] = (), interlocks: tuple[dict[str, Any], ...] = ()) -> Room:
    """Two good lamps, one for each error, and one that is a bench."""
    odd = [_device(f"lamp-{code}", "board-light", code) for code in _ERRORS]
    return Room.model_validate(
        {
            "school": "thcs-thu",
            "room": "b1",
            "name": {"vi": "Phòng thử", "en": "Trial room"},
            "open_view": open_view,
            "interlocks": list(interlocks),
            "devices": [
                device | {"simulated": device["id"] in simulated}
                for device in (
                    _device("lamp", "lights"),
                    _device("fan", "ventilation"),
                    _device("gone", "screen", "absent"),
                    *odd,
                    _device("bench", "experiment"),
                )
            ],
        }
    )


def profile(name: str, *steps: dict[str, Any], preempts: str = "no") -> Profile:
    said = {"vi": name, "en": name}
    return Profile.model_validate(
        {"id": name, "name": said, "description": said, "preempts": preempts, "steps": list(steps)}
    )


PROFILES = (
    profile("bright", {"role": "lights", "set": {"switch": True}, "need": "required"}),
    profile("screening", {"role": "screen", "set": {"switch": True}, "need": "required"}),
)


@dataclass(slots=True)
class Served:
    """What a test acts on and looks at."""

    url: str
    live: LiveRoom
    lessons: Lessons
    changes: Changes
    events: Events
    guard: Guard
    server: Server
    data: Path
    parts: Parts
    lamps: dict[str, Lamp] = field(default_factory=dict)

    @asynccontextmanager
    async def client(self, pin: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A browser, logged in or not."""
        async with httpx.AsyncClient(base_url=self.url, timeout=10.0, trust_env=False) as client:
            if pin is not None:
                answer = await client.post("/api/session", json={"pin": pin})
                assert answer.status_code == 200, answer.text
            yield client


@asynccontextmanager
async def served(
    data: Path,
    *,
    open_view: bool = True,
    pins: dict[str, str] | None = None,
    heartbeat_s: float = 5.0,
    most: int = 32,
    panel: Path | None = None,
    names: tuple[str, ...] = (),
    connection: type[Connection] = Connection,
    simulated: tuple[str, ...] = (),
    real: Room | None = None,
    profiles: tuple[Profile, ...] = PROFILES,
    interlocks: tuple[dict[str, Any], ...] = (),
    library: Path | None = None,
) -> AsyncIterator[Served]:
    """The room, its devices tried, its API listening. `real`: another room, with the drivers that it names."""
    changes, lamps = Changes(), dict[str, Lamp]()
    there = room(open_view, simulated, interlocks) if real is None else real

    def make(options: LampOptions, _: Wires) -> Lamp:
        return lamps.setdefault(options.name, Lamp(options))

    kind = DriverKind(LampOptions, make, {})
    async with (
        Journal.open(data / "journal.sqlite", boot_id()) as journal,
        LessonStore(data / "lesson.sqlite") as store,
        LatchStore(data / "latches.sqlite") as latches,
        AsyncExitStack() as stack,
    ):
        rules = Interlocks(
            there.room, there.devices, rules_of(there), latches, changes, journal.write, await latches.load()
        )
        live = LiveRoom(there, Wires(), changes, journal.write, kind_of=find if real else lambda _: kind, guard=rules)
        lab = await stack.enter_async_context(opened(data, live, journal.write))
        robots = await stack.enter_async_context(fleet.opened(data, live, journal.write, lab.leases.check, library))
        catalogue = Catalogue(
            data, there.school, profiles, is_safe=lambda: True, record=journal.write, changed=changes.catalogue,
            place=(there.room, there.gateway_id), clock_us=now_us,
        )  # fmt: skip
        by_id = catalogue.profiles
        lessons = Lessons(live, by_id, store, changes, journal.write, pause_s=0, may_tell=lab.leases.check)
        rules.when_tripped(lessons.interlocked)
        uplink = Uplink("mqtt://127.0.0.1:1", Address(there.school, there.gateway_id), journal, changes.uplink)
        views = Views(live, lessons, rules, journal, uplink, lab.views, catalogue)
        views.fleet = robots.views
        events = Events(views, changes, heartbeat_s=heartbeat_s, most=most)
        access = Access(Pins(data / FILE, PINS if pins is None else pins), open_view)
        parts = Parts(
            live, lessons, rules, by_id, views, events, access, lambda: True, panel or PANEL,
            lab=lab, fleet=robots, catalogue=catalogue,
        )  # fmt: skip
        ready = asyncio.Event()
        guard = Guard(make_api(parts, router, fleet_routes.router, catalogue_routes.router), names)
        server = Server(guard, ready.set, connection)
        listening = bind("127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with asyncio.TaskGroup() as tasks:
            working = (rules.run(live), live.run(), lessons.run(), lab.run(), robots.desk.run())
            running = [tasks.create_task(work) for work in working]
            serving = tasks.create_task(server.serve([listening]))
            await ready.wait()
            await live.settled(30.0)
            try:
                yield Served(url, live, lessons, changes, events, guard, server, data, parts, lamps)
            finally:
                guard.end()
                server.stop()
                await serving
                for task in running:
                    task.cancel()
