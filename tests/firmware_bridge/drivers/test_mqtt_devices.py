"""The MQTT devices driver: against simulated devices, whose own state decides, on a real Mosquitto."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiomqtt
import pytest

from classroom_profiles.reading import Health, HealthState, Reading
from classroom_profiles.room import Room
from firmware_bridge.driver import Driver, Wires
from firmware_bridge.drivers import mqtt_devices
from firmware_bridge.drivers.mqtt_devices import DRIVER, MqttDevice
from firmware_bridge.errors import BadReply, Refused, Timeout, Unreachable
from firmware_bridge.mqtt_dialects.options import Options
from firmware_bridge.transports.mqtt import MqttLink
from simulators.mqtt_devices import MqttDevices
from tests.firmware_bridge.watched import Watched, watched
from tests.servers import Mosquitto

ONLINE = Health(HealthState.ONLINE)
OFFLINE = Health(HealthState.UNREACHABLE, "offline")
NO_BROKER = Health(HealthState.UNREACHABLE, "no-broker")

LAMPS: dict[str, dict[str, Any]] = {
    "tasmota": {"dialect": "tasmota", "topic": "lamp", "kind": "dimmer"},
    "zigbee2mqtt": {"dialect": "zigbee2mqtt", "topic": "lamp", "kind": "dimmer"},
    "home-assistant": {"dialect": "home-assistant", "topic": "homeassistant/light/lamp/config", "kind": "dimmer"},
    "plain": {"dialect": "plain", "topic": "a/lamp", "kind": "dimmer", "availability_topic": "a/lamp/up"},
}


@dataclass(slots=True)
class Scene:
    """A broker, devices on it, and our link to it."""

    mosquitto: Mosquitto
    link: MqttLink
    played: MqttDevices

    def driver(self, name: str, **more: Any) -> Driver:
        options = dict(self.played.devices[name].options)
        return DRIVER.open({**options, "timeout_s": 0.5, **more}, Wires(self.link))

    async def watched(self, stack: contextlib.AsyncExitStack, name: str, **more: Any) -> Watched:
        return await stack.enter_async_context(watched(self.driver(name, **more)))


def room(*devices: tuple[str, str, dict[str, Any]]) -> Room:
    return Room.model_validate(
        {
            "school": "thcs-thu",
            "room": "a101",
            "name": {"vi": "Phòng", "en": "Room"},
            "devices": [
                {"id": name, "role": role, "driver": "mqtt-devices", "options": options}
                for name, role, options in devices
            ],
        }
    )


@contextlib.asynccontextmanager
async def scene(mosquitto: Mosquitto, *devices: tuple[str, str, dict[str, Any]], **more: Any) -> AsyncIterator[Scene]:
    async with MqttDevices(mosquitto.url, room(*devices), **more) as played, MqttLink(mosquitto.url) as link:
        async with asyncio.timeout(8):
            await link.until()
        yield Scene(mosquitto, link, played)


@contextlib.asynccontextmanager
async def one(
    mosquitto: Mosquitto, role: str, options: dict[str, Any], **more: Any
) -> AsyncIterator[tuple[Scene, Watched]]:
    async with scene(mosquitto, ("it", role, options)) as made, watched(made.driver("it", **more)) as device:
        yield made, device


@pytest.mark.parametrize("dialect", LAMPS)
async def test_a_dimmer_does_what_it_is_told_and_says_so(mosquitto: Mosquitto, dialect: str) -> None:
    async with one(mosquitto, "lights", LAMPS[dialect]) as (made, lamp):
        thing = made.played.devices["it"]
        await lamp.until(lambda: lamp.values.get("switch") is False and lamp.values.get("level") == 0)
        assert lamp.health == [ONLINE]
        await lamp.command("level", 40)
        assert (thing.on, round(thing.level)) == (True, 40)
        assert lamp.values["level"] == pytest.approx(40, abs=1)
        await lamp.command("switch", False)
        assert not thing.on
        assert (lamp.values["switch"], lamp.values["level"]) == (False, 0.0)
        await lamp.command("switch", True)
        assert thing.on
        await lamp.command("level", 0)
        assert not thing.on


@pytest.mark.parametrize(
    ("options", "device_class"),
    [
        ({"dialect": "tasmota", "topic": "air", "kind": "sensor"}, 3),
        ({"dialect": "zigbee2mqtt", "topic": "air", "kind": "sensor"}, 3),
        ({"dialect": "plain", "topic": "air", "kind": "sensor"}, 3),
        ({"dialect": "home-assistant", "topic": "homeassistant/sensor/air/config", "kind": "sensor"}, 1),
    ],
)
async def test_a_sensor_measures_and_is_told_nothing(
    mosquitto: Mosquitto, options: dict[str, Any], device_class: int
) -> None:
    async with one(mosquitto, "air-sensor", options) as (made, air):
        await made.played.report("it")
        await air.until(lambda: "temperature_c" in air.values)
        values = made.played.devices["it"].values
        expected = {"temperature_c": "temperature", "humidity_percent": "humidity", "co2_ppm": "co2"}
        for metric, name in list(expected.items())[:device_class]:
            assert air.values[metric] == values[name]
        (temperature, *_) = [each for each in air.said if isinstance(each, Reading) and each.metric == "temperature_c"]
        assert temperature.unit == "°C"
        assert temperature.time_us > 1_700_000_000_000_000
        assert air.driver.controls == ()
        with pytest.raises(Refused, match="a sensor has no switch"):
            await air.command("switch", True)


async def test_each_press_of_a_button_is_told_also_the_same_one_again(mosquitto: Mosquitto) -> None:
    button = {"dialect": "zigbee2mqtt", "topic": "button", "kind": "sensor"}
    async with one(mosquitto, "button", button) as (made, watch):
        for action in ("single", "single", "hold", "single"):
            await made.played.press("it", action)

        def presses() -> list[object]:
            return [each.value for each in watch.said if isinstance(each, Reading) and each.metric == "action"]

        await watch.until(lambda: len(presses()) == 4)
        assert presses() == ["single", "single", "hold", "single"]


async def test_health_comes_first_and_then_all_that_is_known(mosquitto: Mosquitto) -> None:
    async with one(mosquitto, "lights", LAMPS["zigbee2mqtt"]) as (_, lamp):
        await lamp.until(lambda: {"switch", "level"} <= set(lamp.values))
        assert lamp.said[0] == ONLINE


@pytest.mark.parametrize("dialect", LAMPS)
async def test_a_device_off_the_network_is_unreachable_until_it_is_back(mosquitto: Mosquitto, dialect: str) -> None:
    async with one(mosquitto, "lights", LAMPS[dialect]) as (made, lamp):
        made.played.faults["it"].add("offline")
        await lamp.until(lambda: lamp.health[-1] == OFFLINE)
        with pytest.raises(Unreachable, match="off the network"):
            await lamp.command("switch", True)
        with pytest.raises(Unreachable):
            await lamp.check("switch", True)
        made.played.devices["it"].set_on(True)
        made.played.faults["it"].clear()
        await lamp.until(lambda: lamp.health[-1] == ONLINE and lamp.values.get("switch") is True)
        await lamp.command("switch", False)
        assert not made.played.devices["it"].on


async def test_who_waits_for_a_device_that_drops_out_is_told_at_once(mosquitto: Mosquitto) -> None:
    async with one(mosquitto, "lights", LAMPS["tasmota"], timeout_s=60) as (made, lamp):
        made.played.faults["it"].add("silent")
        telling = asyncio.create_task(lamp.command("switch", True))
        await made.played.changes.until(lambda: made.played.devices["it"].on)
        made.played.faults["it"].add("offline")
        with pytest.raises(Unreachable):
            await telling


async def test_a_device_whose_connection_is_cut_is_unreachable_by_its_will(mosquitto: Mosquitto) -> None:
    async with one(mosquitto, "lights", LAMPS["tasmota"]) as (made, lamp):
        await made.played.lose_connection("it")
        await lamp.until(lambda: OFFLINE in lamp.health and lamp.health[-1] == ONLINE)


@pytest.mark.parametrize("dialect", LAMPS)
async def test_a_device_that_stays_as_it_is_has_refused(mosquitto: Mosquitto, dialect: str) -> None:
    async with one(mosquitto, "lights", LAMPS[dialect]) as (made, lamp):
        await lamp.until(lambda: "switch" in lamp.values)
        made.played.faults["it"].add("refuse")
        with pytest.raises(Refused, match="told switch -> True, and says that it is False"):
            await lamp.command("switch", True)
        assert made.played.devices["it"].commands


async def test_a_silent_device_did_not_confirm_and_a_broker_that_took_the_message_is_no_confirmation(
    mosquitto: Mosquitto,
) -> None:
    async with one(mosquitto, "lights", LAMPS["tasmota"]) as (made, lamp):
        made.played.faults["it"].add("silent")
        with pytest.raises(Timeout, match=r"did not confirm switch -> True in 0\.5 s"):
            await lamp.command("switch", True)
        assert made.played.devices["it"].on
        made.played.faults["it"].clear()
        await lamp.command("switch", True)


async def test_a_device_that_talks_rubbish_has_a_fault_until_it_talks_sense(mosquitto: Mosquitto) -> None:
    async with one(mosquitto, "lights", LAMPS["zigbee2mqtt"]) as (made, lamp):
        made.played.faults["it"].add("garbage")
        with pytest.raises(BadReply):
            await lamp.command("switch", True)
        assert lamp.health[-1] == Health(HealthState.FAULT, "bad-reply")
        made.played.faults["it"].clear()
        await lamp.command("switch", False)
        assert lamp.health[-1] == ONLINE


async def test_a_command_that_tasmota_does_not_know_is_refused_at_once(mosquitto: Mosquitto) -> None:
    switch = {"dialect": "tasmota", "topic": "lamp", "kind": "switch"}
    dimmer = {**switch, "kind": "dimmer"}
    async with scene(mosquitto, ("it", "lights", switch)) as made:
        driver = DRIVER.open({**dimmer, "timeout_s": 60}, Wires(made.link))
        async with watched(driver) as lamp:
            await lamp.until(lambda: "switch" in lamp.values)
            with pytest.raises(Refused, match="it answers: Unknown"):
                await lamp.command("level", 40)


async def test_a_slow_device_is_waited_for_and_commands_keep_their_order(mosquitto: Mosquitto) -> None:
    async with (
        scene(mosquitto, ("it", "lights", LAMPS["tasmota"]), slow_s=0.05) as made,
        watched(made.driver("it", timeout_s=8)) as lamp,
    ):
        made.played.faults["it"].add("slow")
        await asyncio.gather(*(lamp.command("switch", on) for on in (True, False, True)))
        words = [payload for topic, payload in made.played.devices["it"].commands if topic.endswith("POWER")]
        assert words == ["ON", "OFF", "ON"]
        assert made.played.devices["it"].on


async def test_a_plain_device_that_is_there_already_need_not_say_it_again(mosquitto: Mosquitto) -> None:
    async with one(mosquitto, "screen", {"dialect": "plain", "topic": "a/screen"}, timeout_s=0.1) as (made, screen):
        await screen.command("switch", True)
        made.played.faults["it"].add("silent")
        await screen.command("switch", True)
        with pytest.raises(Timeout):
            await screen.command("switch", False)


async def test_the_broker_goes_and_comes_back_and_so_does_what_is_known(mosquitto: Mosquitto) -> None:
    async with one(mosquitto, "lights", LAMPS["tasmota"]) as (made, lamp):
        await lamp.until(lambda: "switch" in lamp.values)
        made.played.faults["it"].add("silent")
        telling = asyncio.create_task(lamp.command("switch", True))
        await made.played.changes.until(lambda: made.played.devices["it"].on)
        mosquitto.kill()
        with pytest.raises(Unreachable):
            await telling
        await lamp.until(lambda: lamp.health[-1] == NO_BROKER)
        with pytest.raises(Unreachable, match="broker is away"):
            await lamp.command("switch", False)
        made.played.faults["it"].clear()
        mosquitto.start()
        await lamp.until(lambda: lamp.health[-1] == ONLINE and lamp.values.get("switch") is True)
        await lamp.command("switch", False)
        assert not made.played.devices["it"].on


async def test_a_driver_opens_before_the_broker_is_there(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    async with MqttLink(mosquitto.url) as link, watched(DRIVER.open(LAMPS["tasmota"], Wires(link))) as lamp:
        assert lamp.health == [NO_BROKER]
        mosquitto.start()
        async with MqttDevices(mosquitto.url, room(("it", "lights", LAMPS["tasmota"]))):
            await lamp.until(lambda: lamp.health[-1] == ONLINE)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_devices, "_FIRST_WORD_S", 0.05)
    monkeypatch.setattr(mqtt_devices, "_ANNOUNCED_S", 0.1)


@pytest.mark.usefixtures("short_waits")
async def test_a_device_of_which_nothing_is_heard_is_unreachable_until_it_speaks(mosquitto: Mosquitto) -> None:
    async with (
        MqttLink(mosquitto.url) as link,
        _other(mosquitto) as other,
        watched(DRIVER.open(LAMPS["zigbee2mqtt"], Wires(link))) as lamp,
    ):
        await lamp.until(lambda: lamp.health[-1] == Health(HealthState.UNREACHABLE, "no-answer"))
        with pytest.raises(Unreachable, match="nothing was heard"):
            await lamp.command("switch", True)
        await other.publish("zigbee2mqtt/lamp", '{"state": "ON", "brightness": 254}')
        await lamp.until(lambda: lamp.health[-1] == ONLINE and lamp.values.get("level") == 100)


@pytest.mark.usefixtures("short_waits")
async def test_a_kept_state_does_not_stand_for_a_device_that_could_answer(mosquitto: Mosquitto) -> None:
    async with MqttLink(mosquitto.url) as link, _other(mosquitto) as other:
        await other.publish("zigbee2mqtt/lamp", '{"state": "ON"}', retain=True)
        async with watched(DRIVER.open(LAMPS["zigbee2mqtt"], Wires(link))) as lamp:
            await lamp.until(lambda: lamp.health[-1].reason == "no-answer" and lamp.values == {"switch": True})


@pytest.mark.usefixtures("short_waits")
async def test_a_home_assistant_device_that_does_not_announce_itself_is_unreachable(mosquitto: Mosquitto) -> None:
    async with MqttLink(mosquitto.url) as link:
        with pytest.raises(Unreachable, match="no discovery message at homeassistant/light/lamp/config"):
            await DRIVER.open(LAMPS["home-assistant"], Wires(link)).__aenter__()


async def test_a_home_assistant_device_that_announces_itself_anew_is_opened_anew(mosquitto: Mosquitto) -> None:
    async with one(mosquitto, "lights", LAMPS["home-assistant"]) as (_, lamp), _other(mosquitto) as other:
        changed = {"state_topic": "new/state", "command_topic": "new/set"}
        await other.publish("homeassistant/light/lamp/config", json.dumps(changed), retain=True)
        await lamp.until(lambda: isinstance(lamp.ended, Unreachable))


async def test_without_a_broker_it_says_what_to_do() -> None:
    with pytest.raises(Refused, match="no broker: start the agent with --broker"):
        await DRIVER.open(dict(DRIVER.sample), Wires()).__aenter__()


async def test_closing_twice_and_without_having_opened_is_harmless(mosquitto: Mosquitto) -> None:
    async with MqttLink(mosquitto.url) as link:
        device = MqttDevice(Options.model_validate(DRIVER.sample), Wires(link))
        await device.__aexit__(None, None, None)
        async with device:
            pass
        await device.__aexit__(None, None, None)


async def test_many_devices_share_one_link_and_one_that_is_dead_delays_no_other(mosquitto: Mosquitto) -> None:
    devices = [
        (f"lamp-{n}", "lights", {"dialect": "tasmota", "topic": f"lamp-{n}", "kind": "switch"}) for n in range(8)
    ]
    async with scene(mosquitto, *devices, faults=[("lamp-3", "offline")]) as made, contextlib.AsyncExitStack() as stack:
        lamps = [await made.watched(stack, name, timeout_s=8) for name, _, _ in devices]
        results = await asyncio.gather(*(lamp.command("switch", True) for lamp in lamps), return_exceptions=True)
        assert [type(result) for result in results] == [Unreachable if n == 3 else type(None) for n in range(8)]
        assert [thing.on for thing in made.played.devices.values()] == [n != 3 for n in range(8)]


@contextlib.asynccontextmanager
async def _other(mosquitto: Mosquitto) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", mosquitto.port, timeout=8) as client:
        yield client
