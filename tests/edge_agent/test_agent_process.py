"""The agent as a technician runs it: a process with a real broker and devices, that is killed, stopped and misused."""

import asyncio
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from simulators.mqtt_devices import MqttDevices
from simulators.pjlink import PjlinkProjector
from tests.edge_agent.agent_process import ENDED, Agent, health, room_of, running
from tests.servers import Mosquitto

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
async def projector() -> AsyncIterator[PjlinkProjector]:
    async with PjlinkProjector(warm_up_s=0.05, cool_down_s=0.05) as one:
        yield one


@pytest.fixture
def agent(tmp_path: Path, mosquitto: Mosquitto, projector: PjlinkProjector) -> Agent:
    return Agent(tmp_path, mosquitto.url, room_of(projector.port))


@pytest.fixture
async def devices(agent: Agent) -> AsyncIterator[MqttDevices]:
    async with MqttDevices(agent.broker, agent.as_room()) as those:
        those.devices["lights"].set_level(100)
        yield those


async def half_way(agent: Agent, projector: PjlinkProjector) -> None:
    """A lesson has begun; all is done but the projector, which never ends warming up; the agent is killed."""
    projector.faults.add("stuck-warming")
    async with agent.client() as client:
        assert (await client.post("/api/lesson", json={"profile": "show"})).status_code == 202
    await agent.room_when(
        lambda room: (
            {step["state"] for step in (room["lesson"] or {"steps": []})["steps"]} == {"done", "running", "waiting"}
            and projector.power == "warming"
        )
    )
    assert await agent.stop(signal.SIGKILL) == -signal.SIGKILL


async def test_killed_in_mid_lesson_it_goes_on_with_it(
    agent: Agent, projector: PjlinkProjector, devices: MqttDevices
) -> None:
    async with running(agent):
        for device in ("projector", "lights", "screen"):
            await agent.health_when(device, "online", "standby")
        await half_way(agent, projector)
        projector.faults.remove("stuck-warming")
        await agent.start()
        lesson = await agent.lesson_when(*ENDED)
        assert (lesson["state"], lesson["resumed"]) == ("ready", True), agent.log
        assert {step["state"] for step in lesson["steps"]} == {"done"}
        assert projector.power == "on"
        assert [line for line in projector.received if line.startswith("%1POWR 1")] == ["%1POWR 1"]
        assert round(devices.devices["lights"].level) == 20
        assert "going on with the lesson show, which was running" in agent.log
        async with agent.client() as client:
            assert (await client.delete("/api/lesson")).status_code == 202
        assert (await agent.lesson_when(*ENDED))["state"] == "undone"
        assert round(devices.devices["lights"].level) == 100
        assert not devices.devices["screen"].on


async def test_killed_and_its_profile_changed_meanwhile_it_puts_back_and_says_why(
    agent: Agent, projector: PjlinkProjector, devices: MqttDevices
) -> None:
    async with running(agent):
        for device in ("projector", "lights", "screen"):
            await agent.health_when(device, "online", "standby")
        await half_way(agent, projector)
        projector.faults.remove("stuck-warming")
        agent.write(version=2)
        await agent.start()
        lesson = await agent.lesson_when(*ENDED)
        assert (lesson["state"], lesson["resumed"]) == ("failed", True), agent.log
        states = {step["id"]: step["state"] for step in lesson["steps"]}
        assert states == {
            "lights.level": "undone",
            "screen.switch": "undone",
            "projector.power": "undone",
            "projector.input": "not-tried",
        }
        assert projector.power in ("off", "cooling")
        assert round(devices.devices["lights"].level) == 100


async def test_killed_and_its_device_taken_away_meanwhile_it_says_so(
    agent: Agent, projector: PjlinkProjector, devices: MqttDevices
) -> None:
    async with running(agent):
        for device in ("projector", "lights", "screen"):
            await agent.health_when(device, "online", "standby")
        await half_way(agent, projector)
        del agent.room["devices"][0]
        agent.write()
        await agent.start()
        lesson = await agent.lesson_when(*ENDED)
        assert lesson["state"] == "failed", agent.log
        errors = {step["id"]: step["error"]["error"] for step in lesson["steps"] if step["error"]}
        assert errors["projector.power"] == "unknown-device"
        assert round(devices.devices["lights"].level) == 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_asked_to_stop_it_ends_well_in_mid_lesson_with_listeners_and_leaves_nothing(
    agent: Agent, projector: PjlinkProjector, devices: MqttDevices, number: signal.Signals
) -> None:
    async with running(agent):
        assert agent.process is not None
        itself = psutil.Process(agent.process.pid)
        await agent.health_when("projector", "standby")
        projector.faults.add("stuck-warming")
        async with agent.client() as client:
            await client.post("/api/lesson", json={"profile": "show"})
            told = {"target": "power", "value": True}
            sent = asyncio.Event()

            async def trace(name: str, _: object) -> None:
                if name == "http11.send_request_body.complete":
                    sent.set()

            asked = client.post("/api/devices/projector/commands", json=told, extensions={"trace": trace})
            waiting = asyncio.create_task(asked)
            await sent.wait()
            async with client.stream("GET", "/api/events") as events:
                assert await anext(events.aiter_lines()) == "event: room"
                children = itself.children(recursive=True)
                assert await agent.stop(number) == 0, agent.log
                assert (await waiting).json()["error"] == "stopping"
        assert not [child for child in children if child.is_running()]
        assert "Traceback" not in agent.log
        databases = ["journal.sqlite", "latches.sqlite", "leases.sqlite", "lesson.sqlite", "runs.sqlite"]
        kept = ["agent.lock", *databases[:1], "known.json", *databases[1:]]
        assert sorted(path.name for path in agent.data.iterdir()) == kept
        assert stat.S_IMODE(agent.data.stat().st_mode) == 0o700
        await agent.start()
        assert (await agent.lesson_when("running", "preflight"))["resumed"]


async def test_without_a_broker_it_serves_and_speaks_to_all_that_need_none(
    tmp_path: Path, projector: PjlinkProjector
) -> None:
    broker = Mosquitto(tmp_path)
    agent = Agent(tmp_path, broker.url, room_of(projector.port))
    async with running(agent):
        await agent.health_when("projector", "standby")
        async with agent.client() as client:
            room = (await client.get("/api/room")).json()
            assert (health(room, "lights"), health(room, "screen")) == ("unreachable", "unreachable")
            told = await client.post("/api/devices/projector/commands", json={"target": "power", "value": True})
            assert told.status_code == 200, told.text
            assert projector.power == "on"
            away = await client.post("/api/devices/lights/commands", json={"target": "level", "value": 20})
            assert (away.status_code, away.json()["error"]) == (504, "unreachable")
            lesson = (await client.post("/api/lesson", json={"profile": "show"})).json()
            assert lesson["state"] == "preflight"
        lesson = await agent.lesson_when(*ENDED)
        assert lesson["state"] == "ready", "what it could not reach was optional"
        assert {step["device"] for step in lesson["steps"] if step["error"]} == {"lights", "screen"}
        try:
            broker.start()
            async with MqttDevices(agent.broker, agent.as_room()):
                await agent.health_when("lights", "online")
                await agent.health_when("screen", "online")
        finally:
            broker.kill()
        await agent.health_when("lights", "unreachable")
        assert await agent.stop(signal.SIGTERM) == 0
        assert "Traceback" not in agent.log


async def test_a_second_agent_with_the_same_data_is_refused_and_the_first_goes_on(agent: Agent) -> None:
    async with running(agent):
        assert agent.process is not None
        second = await asyncio.create_subprocess_exec(
            *agent.command(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await second.communicate()
        assert second.returncode == 1
        assert out == b""
        said = err.decode().strip().splitlines()[-1]
        assert said == f"Error: another agent runs with {agent.data}, as process {agent.process.pid}"
        async with agent.client() as client:
            assert (await client.get("/api/health")).status_code == 200


async def test_it_opens_no_port_but_the_one_that_it_says(agent: Agent) -> None:
    async with running(agent):
        assert agent.process is not None
        listening = [
            (one.laddr.ip, one.laddr.port)
            for one in psutil.Process(agent.process.pid).net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        ]
        assert listening == [("127.0.0.1", int(agent.url.rpartition(":")[2]))]


async def test_no_pin_and_no_password_is_in_the_log_or_in_the_list_of_processes(agent: Agent) -> None:
    agent.environment |= {"LOPHOC_TEACHER_PIN": "86420864", "LOPHOC_BROKER_PASSWORD": "geheim"}
    async with running(agent):
        assert agent.process is not None
        async with agent.client(None) as client:
            await client.post("/api/session", json={"pin": "97539753"})
            await client.post("/api/session", json={"pin": "86420864"})
        shown = " ".join(psutil.Process(agent.process.pid).cmdline()) + agent.log
        for secret in ("86420864", "97539753", "geheim"):
            assert secret not in shown


async def test_what_strangers_send_does_not_fill_the_log(agent: Agent) -> None:
    async with running(agent):
        log = agent.log
        for garbage in (
            b"\x16\x03\x01\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n",
        ):
            host, _, port = agent.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(garbage)
            assert (await reader.readline()).startswith(b"HTTP/1.1 ")
            writer.close()
            await writer.wait_closed()
        assert agent.log == log
