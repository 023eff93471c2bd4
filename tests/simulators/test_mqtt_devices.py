"""The simulated MQTT devices speak their four dialects on a real Mosquitto, and can be lost and injured one by one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.room import Room
from simulators.faults import UnknownFault
from simulators.mqtt_devices import MqttDevices, NoBroker, broker
from simulators.mqtt_dialects import DIALECTS
from simulators.mqtt_things import Thing
from tests.servers import Mosquitto


def room(*devices: dict[str, Any]) -> Room:
    return Room.model_validate(
        {
            "school": "thcs-thu",
            "room": "a101",
            "name": {"vi": "Phòng A101", "en": "Room A101"},
            "devices": [{"driver": "mqtt-devices", **device} for device in devices],
        }
    )


def device(name: str, role: str, dialect: str, topic: str = "", **options: Any) -> dict[str, Any]:
    return {"id": name, "role": role, "options": {"dialect": dialect, "topic": topic or name, **options}}


LIGHTS = device("lights", "lights", "tasmota", kind="dimmer")
FAN = device("fan", "ventilation", "tasmota", kind="switch")
AIR = device("air", "air-sensor", "zigbee2mqtt", "a101/air", kind="sensor")
LAMP = device("lamp", "board-light", "zigbee2mqtt", "a101/lamp", kind="dimmer")
BUTTON = device("button", "button", "zigbee2mqtt", "a101/button", kind="sensor")
RELAY = device("relay", "sockets", "home-assistant", "homeassistant/switch/relay/config", kind="switch")
STRIP = device("strip", "lights", "home-assistant", "homeassistant/light/strip/config", kind="dimmer")
LUX = device("lux", "light-sensor", "home-assistant", "homeassistant/sensor/lux/config", kind="sensor")
SCREEN = device(
    "screen", "screen", "plain", command_topic="a/screen/cmd", state_topic="a/screen", availability_topic="a/screen/up"
)


class Listener:
    """What a plain MQTT client heard, last message per topic and all of them."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.last: dict[str, str] = {}
        self.all: list[tuple[str, str]] = []
        self.retained: set[str] = set()
        self._more = asyncio.Event()

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            self.last[str(message.topic)] = text = message.payload.decode()
            self.all.append((str(message.topic), text))
            if message.retain:
                self.retained.add(str(message.topic))
            self._more.set()

    async def until(self, topic: str, payload: str | None = None) -> str:
        """The payload at `topic`, once it is the one wanted."""
        async with asyncio.timeout(8):
            while topic not in self.last or payload not in (None, self.last[topic]):
                self._more.clear()
                await self._more.wait()
        return self.last[topic]

    async def json(self, topic: str, **wanted: object) -> dict[str, Any]:
        async with asyncio.timeout(8):
            while True:
                now = json.loads(self.last.get(topic, "{}"))
                if now and all(now.get(key) == value for key, value in wanted.items()):
                    return dict(now)
                self._more.clear()
                await self._more.wait()

    async def saw(self, topic: str, words: str) -> None:
        """Until a message with these words came at `topic`, whatever came after it."""
        async with asyncio.timeout(8):
            while not any(where == topic and words in text for where, text in self.all):
                self._more.clear()
                await self._more.wait()

    async def tell(self, topic: str, payload: str) -> None:
        await self.client.publish(topic, payload, qos=1)


@asynccontextmanager
async def listening(mosquitto: Mosquitto) -> AsyncIterator[Listener]:
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.subscribe("#", qos=1)
        listener = Listener(client)
        task = asyncio.create_task(listener.listen())
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def playing(
    directory: Path, *devices: dict[str, Any], **options: Any
) -> AsyncIterator[tuple[MqttDevices, Listener]]:
    with Mosquitto(directory) as mosquitto:
        async with (
            listening(mosquitto) as listener,
            MqttDevices(mosquitto.url, room(*devices), **options) as played,
        ):
            yield played, listener


# --- dialects --------------------------------------------------------------------------------------------------------


async def test_tasmota_switches_and_dims_and_says_so(tmp_path: Path) -> None:
    async with playing(tmp_path, LIGHTS, FAN) as (played, heard):
        await heard.until("tele/lights/LWT", "Online")
        assert await heard.json("stat/lights/RESULT") == {"POWER": "OFF", "Dimmer": 100}
        await heard.tell("cmnd/lights/Dimmer", "40")
        assert await heard.json("stat/lights/RESULT", Dimmer=40) == {"POWER": "ON", "Dimmer": 40}
        await heard.until("stat/lights/POWER", "ON")
        assert (played.devices["lights"].on, played.devices["lights"].level) == (True, 40)
        await heard.tell("cmnd/lights/POWER", "OFF")
        await heard.until("stat/lights/POWER", "OFF")
        assert played.devices["lights"].level == 40
        await heard.tell("cmnd/fan/POWER", "TOGGLE")
        await heard.until("stat/fan/POWER", "ON")
        assert played.devices["fan"].on
        await heard.tell("cmnd/fan/Dimmer", "1")
        assert await heard.json("stat/fan/RESULT", Command="Unknown")
        await heard.tell("cmnd/fan/STATE", "")
        assert (await heard.json("tele/fan/STATE", POWER="ON"))["Uptime"]


async def test_zigbee2mqtt_sets_gets_measures_and_presses(tmp_path: Path) -> None:
    async with playing(tmp_path, AIR, LAMP, BUTTON, period_s=0.05) as (played, heard):
        await heard.until("zigbee2mqtt/bridge/state", '{"state":"online"}')
        await heard.json("zigbee2mqtt/a101/air/availability", state="online")
        air = await heard.json("zigbee2mqtt/a101/air")
        assert 20 < air["temperature"] < 35
        assert 40 < air["humidity"] < 90
        assert 300 < air["co2"] < 1200
        await heard.tell("zigbee2mqtt/a101/lamp/set", '{"state": "ON", "brightness": 127}')
        await heard.json("zigbee2mqtt/a101/lamp", state="ON", brightness=127)
        assert played.devices["lamp"].level == pytest.approx(50)
        await heard.tell("zigbee2mqtt/a101/lamp/set/state", "OFF")
        await heard.json("zigbee2mqtt/a101/lamp", state="OFF", brightness=127)
        heard.last.clear()
        await heard.tell("zigbee2mqtt/a101/lamp/get", '{"state": ""}')
        await heard.json("zigbee2mqtt/a101/lamp", state="OFF")
        await played.press("button", "double")
        await heard.saw("zigbee2mqtt/a101/button", '"action": "double"')


async def test_home_assistant_devices_announce_themselves_and_live_by_it(tmp_path: Path) -> None:
    async with playing(tmp_path, RELAY, STRIP, LUX) as (played, heard):
        relay = await heard.json("homeassistant/switch/relay/config")
        await heard.until(relay["availability_topic"], "online")
        await heard.until(relay["state_topic"], "OFF")
        await heard.tell(relay["command_topic"], "ON")
        await heard.until(relay["state_topic"], "ON")
        assert played.devices["relay"].on
        strip = await heard.json("homeassistant/light/strip/config", brightness_scale=100)
        await heard.tell(strip["brightness_command_topic"], "35")
        await heard.until(strip["brightness_state_topic"], "35")
        assert (played.devices["strip"].on, played.devices["strip"].level) == (True, 35)
        lux = await heard.json("homeassistant/sensor/lux/config", device_class="illuminance", unit_of_measurement="lx")
        assert float(await heard.until(lux["state_topic"])) == played.devices["lux"].values["illuminance"]


async def test_plain_devices_use_the_topics_they_are_given(tmp_path: Path) -> None:
    dimmer = device("dim", "lights", "plain", kind="dimmer", command_topic="d/cmd", state_topic="d/state")
    async with playing(tmp_path, SCREEN, dimmer) as (played, heard):
        await heard.until("a/screen/up", "online")
        await heard.tell("a/screen/cmd", "ON")
        await heard.until("a/screen", "ON")
        assert played.devices["screen"].commands == [("a/screen/cmd", "ON")]
        await heard.tell("d/cmd", "60")
        await heard.until("d/state", "60")
        await heard.tell("d/cmd", "0")
        await heard.until("d/state", "0")
        assert (played.devices["dim"].on, played.devices["dim"].level) == (False, 60)


async def test_state_and_availability_are_there_for_who_comes_later(mosquitto: Mosquitto) -> None:
    async with (
        MqttDevices(mosquitto.url, room(LIGHTS, AIR, RELAY, SCREEN)),
        listening(mosquitto) as late,
    ):
        await late.until("tele/lights/LWT", "Online")
        await late.json("zigbee2mqtt/a101/air/availability", state="online")
        await late.json("homeassistant/switch/relay/config")
        await late.until("a/screen", "OFF")
        assert {"tele/lights/LWT", "a/screen", "homeassistant/switch/relay/config"} <= late.retained


# --- lost and found --------------------------------------------------------------------------------------------------


async def test_a_lost_connection_is_told_by_the_will_and_comes_back(tmp_path: Path) -> None:
    async with playing(tmp_path, LIGHTS, SCREEN) as (played, heard):
        await heard.until("tele/lights/LWT", "Online")
        await played.lose_connection("lights")
        await heard.until("tele/lights/LWT", "Offline")
        await heard.until("tele/lights/LWT", "Online")
        assert [text for topic, text in heard.all if topic == "a/screen/up"] == ["online"]


async def test_they_come_back_after_the_broker_did_and_remember(mosquitto: Mosquitto) -> None:
    async with MqttDevices(mosquitto.url, room(LIGHTS, AIR)) as played:
        played.devices["lights"].set_on(True)
        mosquitto.stop()
        await played.changes.until(lambda: not played.connected)
        mosquitto.start()
        await played.changes.until(lambda: played.connected)
        async with listening(mosquitto) as heard:
            await heard.until("tele/lights/LWT", "Online")
            await heard.tell("cmnd/lights/POWER", "")
            await heard.until("stat/lights/POWER", "ON")


async def test_stopping_says_goodbye(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as heard:
        async with MqttDevices(mosquitto.url, room(LIGHTS, AIR, RELAY, SCREEN)):
            await heard.until("tele/lights/LWT", "Online")
        await heard.until("tele/lights/LWT", "Offline")
        await heard.json("zigbee2mqtt/a101/air/availability", state="offline")
        await heard.until("a/screen/up", "offline")


async def test_no_broker_is_an_error_in_time() -> None:
    with pytest.raises(NoBroker, match=r"no MQTT broker at mqtt://127\.0\.0\.1:1 took our connections in 0\.3 s"):
        await MqttDevices("mqtt://127.0.0.1:1", room(LIGHTS), connect_s=0.3).__aenter__()


# --- faults ----------------------------------------------------------------------------------------------------------


async def test_one_device_is_injured_and_the_others_are_not(tmp_path: Path) -> None:
    async with playing(tmp_path, LIGHTS, FAN, faults=[("lights", "refuse")], slow_s=0.1) as (played, heard):
        await heard.tell("cmnd/lights/POWER", "ON")
        await heard.tell("cmnd/fan/POWER", "ON")
        await heard.until("stat/fan/POWER", "ON")
        await played.changes.until(lambda: ("cmnd/lights/POWER", "ON") in played.devices["lights"].commands)
        assert not played.devices["lights"].on
        assert await heard.json("stat/lights/RESULT", POWER="OFF")
        played.faults["lights"].clear()
        played.faults["lights"].add("silent")
        heard.last.clear()
        await heard.tell("cmnd/lights/POWER", "ON")
        await played.changes.until(lambda: played.devices["lights"].on)
        await heard.tell("cmnd/fan/POWER", "OFF")
        await heard.until("stat/fan/POWER", "OFF")
        assert "stat/lights/POWER" not in heard.last
        played.faults["lights"].clear()
        played.faults["lights"].add("slow")
        started = asyncio.get_running_loop().time()
        await heard.tell("cmnd/lights/POWER", "OFF")
        await heard.until("stat/lights/POWER", "OFF")
        assert asyncio.get_running_loop().time() - started >= 0.09
        played.faults["lights"].clear()
        played.faults["lights"].add("garbage")
        heard.last.clear()
        await heard.tell("cmnd/lights/POWER", "ON")
        with pytest.raises(json.JSONDecodeError):
            json.loads(await heard.until("stat/lights/RESULT"))


async def test_a_device_goes_off_the_network_and_comes_back(tmp_path: Path) -> None:
    async with playing(tmp_path, AIR, LAMP) as (played, heard):
        await heard.json("zigbee2mqtt/a101/lamp/availability", state="online")
        played.faults["lamp"].add("offline")
        await heard.json("zigbee2mqtt/a101/lamp/availability", state="offline")
        assert json.loads(heard.last["zigbee2mqtt/a101/air/availability"]) == {"state": "online"}
        await heard.tell("zigbee2mqtt/a101/lamp/set", '{"state": "ON"}')
        played.faults["lamp"].remove("offline")
        await heard.json("zigbee2mqtt/a101/lamp/availability", state="online")
        assert not played.devices["lamp"].on


def test_unknown_devices_and_faults_are_named() -> None:
    with pytest.raises(UnknownFault, match="no MQTT device 'door'; one of: lights"):
        MqttDevices("mqtt://127.0.0.1", room(LIGHTS), faults=[("door", "silent")])
    with pytest.raises(UnknownFault, match="no fault 'err3'; one of: silent, offline"):
        MqttDevices("mqtt://127.0.0.1", room(LIGHTS), faults=[("lights", "err3")])
    with pytest.raises(ValueError, match="write it as mqtt://host:port"):
        broker("localhost:1883")


def test_the_same_seed_measures_the_same() -> None:
    def measured(seed: int) -> list[object]:
        air = MqttDevices("mqtt://127.0.0.1", room(AIR), seed=seed).devices["air"]
        return [air.drift() or dict(air.values) for _ in range(5)]  # type: ignore[func-returns-value]

    assert measured(7) == measured(7)
    assert measured(7) != measured(8)


# --- any payload -----------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(DIALECTS)),
    st.sampled_from(["switch", "dimmer", "sensor"]),
    st.sampled_from(["cmnd/t/POWER", "cmnd/t/Dimmer", "zigbee2mqtt/t/set", "zigbee2mqtt/t/set/brightness", "t/set"]),
    st.text(max_size=30)
    | st.sampled_from(["ON", "OFF", '{"brightness": 1e999}', "nan", "-1", '{"state": null}', "[]"]),
)
def test_no_payload_stops_a_device(dialect: str, kind: Any, topic: str, payload: str) -> None:
    thing = Thing("t", kind, "t", {})
    speaker = DIALECTS[dialect](thing)
    for message in speaker.take(topic, payload):
        assert message.topic
    assert 0 <= thing.level <= 100
    assert kind != "sensor" or not thing.on
