"""The agent, put together: journal, uplink, devices, lessons, triggers and so on, each a task of one group."""

import asyncio
import fcntl
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from classroom_profiles.profile import Profile
from classroom_profiles.room import Room
from classroom_profiles.topics import Address
from edge_agent import catalogue_routes, known_places, lab_routes
from edge_agent.access import Access
from edge_agent.api import Parts, make_api
from edge_agent.boot import boot_id
from edge_agent.catalogue import Catalogue
from edge_agent.changes import Changes
from edge_agent.connection import Connection
from edge_agent.events import Events
from edge_agent.gateway_points import report
from edge_agent.guard import Guard
from edge_agent.journal import Journal
from edge_agent.known_places import KnownPlaces
from edge_agent.lab import opened
from edge_agent.lesson_store import LessonStore
from edge_agent.lessons import Lessons
from edge_agent.live_room import LiveRoom, now_us
from edge_agent.pins import VARIABLES, Pins
from edge_agent.simulated import marking
from edge_agent.triggers import Triggers
from edge_agent.uplink import Uplink
from edge_agent.views import Views
from firmware_bridge.driver import Wires
from firmware_bridge.transports.mqtt import MqttLink

_SETTLED_S = 30.0
_LAST_ANSWERS_S = 1
_BLOCKED_MS = 20_000
"""A listener that takes nothing for so long is dropped, by the kernel."""

_log = logging.getLogger("lophoc.agent")


class CannotRun(Exception):
    """A person has to do something first; the text says what is in the way."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the agent was asked for, already checked."""

    room: Room
    profiles: tuple[Profile, ...]
    """In the order to show them."""
    data: Path
    broker: str
    uplink: str
    names: tuple[str, ...] = ()
    """What the gateway is called in a browser's address line, besides its addresses and its host name."""


async def run_agent(
    settings: Settings, pins: Pins, listening: socket.socket, ready: Callable[[], None], stopped: asyncio.Event
) -> None:
    """Until `stopped` is set. Calls `ready` once the API can be asked. Raises WrongBroker, or the group of failures."""
    room, changes = settings.room, Changes()
    link = MqttLink(settings.broker, name=room.gateway_id)
    async with (
        Journal.open(settings.data / "journal.sqlite", boot_id()) as journal,
        LessonStore(settings.data / "lesson.sqlite") as store,
        link,
        AsyncExitStack() as stack,
    ):
        record = marking(room, journal.write)
        live = LiveRoom(room, Wires(mqtt=link), changes, record)
        lab = await stack.enter_async_context(opened(settings.data, live, record))
        catalogue = Catalogue(
            settings.data, room.school, settings.profiles,
            is_safe=lambda: lessons.may_profiles_change(now_us()), record=record, changed=changes.catalogue,
            place=(room.room, room.gateway_id), clock_us=now_us,
        )  # fmt: skip
        catalogue.load()
        lessons = Lessons(live, catalogue.profiles, store, changes, record, may_tell=lab.leases.check)
        address = Address(room.school, room.gateway_id)
        uplink = Uplink(settings.uplink, address, journal, changes.uplink, published=catalogue.take)
        access = Access(pins, room.open_view, known=KnownPlaces(settings.data / known_places.FILE))
        if not access.pins_set:
            say_no_pins(settings.data)
        views = Views(live, lessons, journal, uplink, lab.views, catalogue)
        settled = asyncio.Event()
        parts = Parts(
            room=live,
            lessons=lessons,
            profiles=catalogue.profiles,
            catalogue=catalogue,
            views=views,
            events=Events(views, changes),
            access=access,
            settled=settled.is_set,
            lab=lab,
        )
        guard = Guard(make_api(parts, lab_routes.router, catalogue_routes.router), settings.names)
        server = Server(guard, ready)

        async def settle() -> None:
            await live.settled(_SETTLED_S)
            settled.set()

        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(lab.run(), name="lab"),
                tasks.create_task(live.run(), name="devices"),
                tasks.create_task(lessons.run(), name="lessons"),
                tasks.create_task(Triggers(live, lessons, record, lab.leases.check).run(), name="triggers"),
                tasks.create_task(uplink.run(), name="uplink"),
                tasks.create_task(catalogue.run(), name="catalogue"),
                tasks.create_task(
                    report(journal, uplink, record, room.room, room.gateway_id, settings.data), name="gateway points"
                ),
                tasks.create_task(settle(), name="settle"),
            ]
            serving = tasks.create_task(server.serve([listening]), name="http")
            await stopped.wait()
            guard.end()
            server.stop()
            await serving
            for task in running:
                task.cancel()


class Server(uvicorn.Server):
    """uvicorn without a clock of its own to look at ten times a second, and without its hold on signals."""

    def __init__(self, app: Guard, ready: Callable[[], None], connection: type[Connection] = Connection) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=connection,
                backlog=64,  # so many are taken at once, before any can be turned away
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,  # or anyone on this machine could choose an address that has no wrong PINs yet
                timeout_graceful_shutdown=_LAST_ANSWERS_S,
            )
        )
        self._ready = ready
        self._asked_to_stop = asyncio.Event()

    def stop(self) -> None:
        self._asked_to_stop.set()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def main_loop(self) -> None:
        await self._asked_to_stop.wait()


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """One agent in a data directory at a time. Raises CannotRun."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as why:
        raise CannotRun(f"{data} cannot be used: {why.strerror}") from why
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
            raise CannotRun(f"another agent runs with {data}, as process {holder or '?'}") from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def bind(host: str, port: int) -> socket.socket:
    """A socket to serve on. Raises CannotRun."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _BLOCKED_MS)  # those accepted inherit it
        made.bind((host, port))
        made.listen()
    except OSError as why:
        made.close()
        raise CannotRun(f"{host}:{port} cannot be served on: {why.strerror}") from why
    return made


def say_no_pins(data: Path) -> None:
    _log.warning(
        "nobody can log in: the room has no PIN. Run `lophoc pin set --data %s teacher`, or give %s", data,
        " and ".join(VARIABLES.values()),
    )  # fmt: skip
