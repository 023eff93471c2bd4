"""Interlocks in a real agent process with a real broker and simulated devices, killed in the middle of a trip."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from simulators.mqtt_devices import MqttDevices
from tests.edge_agent.agent_process import Agent, running
from tests.servers import Mosquitto

pytestmark = pytest.mark.timeout(60)

TECHNICIAN = "135791"


def room() -> dict[str, Any]:
    """A laboratory: the built-in sets for gas and for the panel's emergency stop."""

    def device(name: str, role: str, **options: Any) -> dict[str, Any]:
        return {"id": name, "role": role, "driver": "mqtt-devices", "options": options}

    return {
        "school": "thcs-thu",
        "room": "lab",
        "name": {"vi": "Phòng thí nghiệm", "en": "Laboratory"},
        "devices": [
            device("sensor", "gas-sensor", dialect="plain", topic="lab/gas", kind="sensor", metric="gas_ppm"),
            device("valve", "gas-valve", dialect="tasmota", topic="lab-valve", kind="switch"),
            device("bench", "bench-power", dialect="zigbee2mqtt", topic="lab-bench", kind="switch"),
            device("fan", "ventilation", dialect="tasmota", topic="lab-fan", kind="dimmer"),
            device("lights", "lights", dialect="tasmota", topic="lights", kind="dimmer"),
        ],
        "interlock_sets": ["gas", "emergency-stop"],
    }


@pytest.fixture
def agent(tmp_path: Path, mosquitto: Mosquitto) -> Agent:
    pins = {"LOPHOC_TEACHER_PIN": "2468", "LOPHOC_TECHNICIAN_PIN": TECHNICIAN}
    return Agent(tmp_path, mosquitto.url, room(), environment=pins)


@pytest.fixture
async def devices(agent: Agent) -> AsyncIterator[MqttDevices]:
    async with MqttDevices(agent.broker, agent.as_room(), period_s=0.2) as those:
        for name in ("valve", "bench"):
            those.devices[name].set_on(True)
        yield those


def gas(devices: MqttDevices, ppm: float) -> None:
    sensor = devices.devices["sensor"]
    sensor.drifts, sensor.values["gas_ppm"] = False, ppm


async def when(agent: Agent, name: str, *states: str) -> dict[str, Any]:
    """The interlock, once it is so."""

    def there(room: dict[str, Any]) -> bool:
        return bool(next(one for one in room["interlocks"] if one["id"] == name)["state"] in states)

    room = await agent.room_when(there)
    return next(one for one in room["interlocks"] if one["id"] == name)


async def done(agent: Agent, name: str) -> None:
    def there(room: dict[str, Any]) -> bool:
        orders = next(one for one in room["interlocks"] if one["id"] == name)["orders"]
        return bool(orders) and all(order["confirmed"] for order in orders)

    await agent.room_when(there)


async def test_gas_closes_the_valve_and_a_kill_and_a_teacher_do_not_open_it(agent: Agent, devices: MqttDevices) -> None:
    async with running(agent):
        await when(agent, "gas", "armed")
        assert agent.process is not None
        first = psutil.Process(agent.process.pid).nice() < 0
        assert first or "ordinary priority" in agent.log, "before what else computes there"
        gas(devices, 2000.0)
        await when(agent, "gas", "tripped")
        await done(agent, "gas")
        assert not devices.devices["valve"].on
        assert not devices.devices["bench"].on
        assert devices.devices["fan"].shown_level == 100.0
        async with agent.client() as client:
            told = {"target": "switch", "value": True}
            refused = await client.post("/api/devices/valve/commands", json=told)
            assert (refused.status_code, refused.json()["error"]) == (409, "interlocked")
            assert "Rò khí / Gas leak" in refused.json()["detail"]
            reason = {"reason": "hose replaced"}
            assert (await client.post("/api/interlocks/gas/reset", json=reason)).status_code == 403
        assert await agent.stop(signal.SIGKILL) == -signal.SIGKILL
        gas(devices, 20.0)
        devices.devices["valve"].set_on(True)  # somebody at the valve, while nobody watches
        await agent.start()
        await done(agent, "gas")
        assert not devices.devices["valve"].on, "what was latched is commanded again"
        assert (await when(agent, "gas", "latched"))["stands"] == []
        assert "interlock gas: still latched" in agent.log
        async with agent.client(TECHNICIAN) as client:
            answer = await client.post("/api/interlocks/gas/reset", json=reason)
            assert (answer.status_code, answer.json()["state"]) == (200, "armed")
            assert (await client.post("/api/devices/valve/commands", json=told)).status_code == 200
        assert devices.devices["valve"].on
        assert "interlock gas: reset by technician: hose replaced" in agent.log
        assert await agent.stop(signal.SIGTERM) == 0
        await agent.start()
        await when(agent, "gas", "armed")


async def test_the_emergency_stop_needs_no_pin_and_its_reset_does(agent: Agent, devices: MqttDevices) -> None:
    async with running(agent):
        await when(agent, "emergency-stop", "armed")
        async with agent.client(None) as client:
            assert (await client.post("/api/interlocks/emergency-stop/trip")).json()["state"] == "latched"
            await done(agent, "emergency-stop")
            assert not devices.devices["bench"].on
            reason = {"reason": "a drill"}
            assert (await client.post("/api/interlocks/emergency-stop/reset", json=reason)).status_code == 401
        async with agent.client() as client:
            assert (await client.post("/api/interlocks/emergency-stop/reset", json=reason)).status_code == 200
        await when(agent, "emergency-stop", "armed")


async def test_a_trip_while_the_broker_is_away_is_done_when_it_is_back(
    agent: Agent, devices: MqttDevices, mosquitto: Mosquitto
) -> None:
    async with running(agent):
        await when(agent, "emergency-stop", "armed")
        mosquitto.kill()
        async with agent.client(None) as client:
            assert (await client.post("/api/interlocks/emergency-stop/trip")).json()["state"] == "latched"
        assert devices.devices["bench"].on
        mosquitto.start()
        await done(agent, "emergency-stop")
        assert not devices.devices["bench"].on
        assert not devices.devices["valve"].on


async def test_what_the_room_cannot_do_keeps_the_agent_from_starting(agent: Agent) -> None:
    agent.room["devices"] = [one for one in agent.room["devices"] if one["id"] != "valve"]
    agent.write()
    process = await asyncio.create_subprocess_exec(
        *agent.command(), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert "interlock_sets[0]: gas, then[0].role: the room has no device of the role 'gas-valve'" in said.decode()
