"""The real `lophoc agent` in a process of its own, with a room of simulated devices, to be killed and started again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from classroom_profiles.room import Room

PIN = "2468"
READY_S = 30.0
ENDED = ("ready", "blocked", "failed", "undone")

SHOW = """\
id: show
version: {version}
name: {{vi: Chiếu phim, en: Film}}
description: {{vi: Chiếu phim, en: Film}}
steps:
  - {{id: light, role: lights, set: {{level: 20}}}}
  - {{role: screen, set: {{switch: true}}}}
  - {{id: power, role: projector, set: {{power: true}}, need: required, timeout_s: 60}}
  - {{role: projector, set: {{input: hdmi1}}, after: [power]}}
"""


def room_of(projector_port: int) -> dict[str, Any]:
    """A projector on the network, and a lamp and a screen on the broker."""
    return {
        "school": "thcs-thu",
        "room": "b1",
        "name": {"vi": "Phòng thử", "en": "Trial room"},
        "devices": [
            {
                "id": "projector",
                "role": "projector",
                "driver": "pjlink",
                "options": {"host": "127.0.0.1", "port": projector_port, "poll_s": 0.2},
            },
            {
                "id": "lights",
                "role": "lights",
                "driver": "mqtt-devices",
                "options": {"dialect": "tasmota", "topic": "lights", "kind": "dimmer"},
            },
            {
                "id": "screen",
                "role": "screen",
                "driver": "mqtt-devices",
                "options": {"dialect": "zigbee2mqtt", "topic": "screen", "kind": "switch"},
            },
        ],
    }


@dataclass
class Agent:
    """One room's agent: files, and at most one process."""

    folder: Path
    broker: str
    room: dict[str, Any]
    url: str = ""
    process: asyncio.subprocess.Process | None = None
    environment: dict[str, str] = field(default_factory=lambda: {"LOPHOC_TEACHER_PIN": PIN})

    def __post_init__(self) -> None:
        self.write()

    @property
    def config(self) -> Path:
        return self.folder / "room.yaml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "agent.log").read_text(encoding="utf-8")

    def write(self, version: int = 1) -> None:
        """The room and the profile `show`, as files."""
        self.config.write_text(yaml.safe_dump(self.room, allow_unicode=True), encoding="utf-8")
        (self.folder / "profiles").mkdir(exist_ok=True)
        (self.folder / "profiles" / "show.yaml").write_text(SHOW.format(version=version), encoding="utf-8")

    def as_room(self) -> Room:
        return Room.model_validate(self.room)

    def command(self, *more: str) -> list[str]:
        return [
            sys.executable, "-m", "lophoc", "agent", "--config", str(self.config), "--data", str(self.data),
            "--broker", self.broker, "--profiles", str(self.folder / "profiles"), "--port", "0", *more,
        ]  # fmt: skip

    async def start(self) -> Self:
        assert self.process is None
        with (self.folder / "agent.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command(), env=clean(self.environment), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_S):
            said = (await self.process.stdout.readline()).decode()
        assert said.startswith("ready http://"), f"{said}{self.log}"
        self.url = said.split()[1]
        return self

    async def stop(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(READY_S):
            code = await self.process.wait()
        self.process = None
        return code

    @asynccontextmanager
    async def client(self, pin: str | None = PIN) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=self.url, timeout=READY_S, trust_env=False) as client:
            if pin is not None:
                assert (await client.post("/api/session", json={"pin": pin})).status_code == 200
            yield client

    async def room_when(self, holds: Any) -> dict[str, Any]:
        """The room as the API tells it, once `holds` of it."""
        async with (
            asyncio.timeout(READY_S),
            self.client(None) as client,
            client.stream("GET", "/api/events") as events,
        ):
            async for line in events.aiter_lines():
                if not line.startswith("data: "):
                    continue
                room: dict[str, Any] = (await client.get("/api/room")).json()
                if holds(room):
                    return room
        raise AssertionError(f"the stream ended: {self.log}")

    async def health_when(self, device: str, *states: str) -> None:
        await self.room_when(lambda room: health(room, device) in states)

    async def lesson_when(self, *states: str) -> dict[str, Any]:
        room = await self.room_when(lambda room: room["lesson"] is not None and room["lesson"]["state"] in states)
        lesson: dict[str, Any] = room["lesson"]
        return lesson


def health(room: dict[str, Any], device: str) -> str:
    (found,) = [one["health"]["state"] for one in room["devices"] if one["id"] == device]
    return str(found)


def clean(environment: dict[str, str]) -> dict[str, str]:
    """Of the surroundings only what is not ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LOPHOC_")} | environment


@asynccontextmanager
async def running(agent: Agent) -> AsyncIterator[Agent]:
    """Started, and killed at the end whatever happened."""
    try:
        yield await agent.start()
    finally:
        if agent.process is not None:
            await agent.stop()
