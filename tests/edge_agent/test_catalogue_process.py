"""A real agent and what the centre publishes: heard over a real broker, seen by its API, kept through a kill."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from simulators.pjlink import PjlinkProjector
from tests.edge_agent.agent_process import Agent, room_of, running
from tests.edge_agent.published import KEY, PHYSICS, profile, sealed, written
from tests.servers import Mosquitto

pytestmark = pytest.mark.timeout(90)


def publish(broker: Mosquitto, school: str, content: bytes) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish(f"lophoc/1/{school}/all/cmd", content, qos=1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


async def asked_until(client: httpx.AsyncClient, path: str, wanted: dict[str, Any]) -> None:
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(30):
            while not found.items() >= wanted.items():
                await asyncio.sleep(0.02)  # a technician's file is looked for every two seconds
                found = (await client.get(path)).json()
    except TimeoutError:
        raise AssertionError(f"{path} says {found}") from None


async def test_from_the_broker_to_the_panel_and_through_a_kill(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async with PjlinkProjector() as projector:
        agent = Agent(tmp_path, mosquitto.url, room_of(projector.port))
        school = agent.as_room().school
        there = Technician(agent)
        there.trust()
        publish(mosquitto, school, sealed(7, profile(), school=school, timetable=(PHYSICS,)))
        async with running(agent), agent.client() as client:
            await asked_until(client, "/api/catalogue", {"serial": 7, "staged": 0, "problem": ""})
            assert "quiet-reading" in [one["id"] for one in (await client.get("/api/profiles")).json()]
            day = (await client.get("/api/timetable", params={"day": "2026-09-07"})).json()
            assert [lesson["title"] for lesson in day["lessons"]] == (["Vật lí 10"] if there.room == "a101" else [])
            assert (await client.get("/api/timetable", params={"day": "soon"})).status_code == 422
            preview = await client.post("/api/lesson", json={"profile": "quiet-reading", "dry_run": True})
            assert preview.status_code == 200
            publish(mosquitto, school, sealed(8, school=school)[:-1])
            await asked_until(client, "/api/catalogue", {"serial": 7, "problem": "signature"})
            await agent.stop(signal.SIGKILL)
        publish(mosquitto, school, b"")
        async with running(agent), agent.client() as client:
            await asked_until(client, "/api/catalogue", {"serial": 7})
            there.take(sealed(9, profile(version=2), school=school))
            await asked_until(client, "/api/catalogue", {"serial": 9})


class Technician:
    """A technician at the gateway, with the command line only."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.room = agent.as_room().room

    def trust(self) -> None:
        self._run("trust", written(KEY))

    def take(self, content: bytes) -> None:
        file = self._agent.data.parent / "carried.catalogue"
        file.write_bytes(content)
        self._run("take", str(file))

    def _run(self, *words: str) -> None:
        command = [sys.executable, "-m", "lophoc", "published", words[0], "--data", str(self._agent.data), *words[1:]]
        subprocess.run(command, check=True, timeout=30, capture_output=True)


def test_a_technician_is_told_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "x.catalogue"
    file.write_bytes(sealed(7))
    command = [sys.executable, "-m", "lophoc", "published", "take", "--data", str(tmp_path), str(file)]
    refused = subprocess.run(command, timeout=30, capture_output=True, text=True, check=False)
    assert (refused.returncode, "a key that this gateway does not trust" in refused.stderr) == (2, True)
    wrong = subprocess.run(
        [sys.executable, "-m", "lophoc", "published", "trust", "--data", str(tmp_path), "x"],
        timeout=30, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (wrong.returncode, "44 characters of base64" in wrong.stderr) == (2, True)
