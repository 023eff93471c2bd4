"""What messages of MQTT devices mean, and how they are told: from the makers' documentation, without a broker."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from classroom_profiles.capability import Command
from firmware_bridge.errors import BadReply, Refused
from firmware_bridge.mqtt_dialects.dialect import (
    UNITS,
    Available,
    Dialect,
    Garbled,
    Heard,
    Measured,
    NotDone,
    Publish,
)
from firmware_bridge.mqtt_dialects.discovery import template
from firmware_bridge.mqtt_dialects.home_assistant import HomeAssistant
from firmware_bridge.mqtt_dialects.options import Options
from firmware_bridge.mqtt_dialects.plain import Plain
from firmware_bridge.mqtt_dialects.tasmota import Tasmota
from firmware_bridge.mqtt_dialects.zigbee2mqtt import Zigbee2Mqtt


def options(dialect: str, **more: Any) -> Options:
    return Options.model_validate({"dialect": dialect, "topic": "fan", **more})


def tasmota(**more: Any) -> Dialect:
    return Tasmota(options("tasmota", **more))


def zigbee(**more: Any) -> Dialect:
    return Zigbee2Mqtt(options("zigbee2mqtt", **more))


def plain(**more: Any) -> Dialect:
    return Plain(options("plain", **more))


def home(config: dict[str, Any], topic: str = "homeassistant/switch/fan/config", **more: Any) -> Dialect:
    return HomeAssistant(options("home-assistant", **{"topic": topic, **more}), json.dumps(config).encode())


def hear(dialect: Dialect, topic: str, payload: object, retain: bool = False) -> list[Heard]:
    said = payload if isinstance(payload, str) else json.dumps(payload)
    return list(dialect.hear(topic, said.encode(), retain))


def values(heard: list[Heard]) -> dict[str, object]:
    assert all(isinstance(one, Measured) for one in heard), heard
    return {one.metric: one.value for one in heard if isinstance(one, Measured)}


def told(dialect: Dialect, target: str, value: object) -> list[tuple[str, str]]:
    return [(one.topic, one.payload) for one in dialect.tell(Command.parse(target, value))]


# --- Tasmota ---------------------------------------------------------------------------------------------------------


def test_tasmota_listens_answers_and_is_told_at_its_topics() -> None:
    lamp = tasmota(kind="dimmer")
    assert lamp.topics == ("tele/fan/LWT", "tele/fan/STATE", "tele/fan/SENSOR", "stat/fan/RESULT", "stat/fan/STATUS10")
    assert told(lamp, "switch", True) == [("cmnd/fan/POWER", "ON")]
    assert told(lamp, "switch", False) == [("cmnd/fan/POWER", "OFF")]
    assert told(lamp, "level", 40) == [("cmnd/fan/Dimmer", "40")]
    assert told(lamp, "level", 0.2) == [("cmnd/fan/Dimmer", "1")]
    assert told(lamp, "level", 0) == [("cmnd/fan/POWER", "OFF")]
    assert lamp.ask() == (Publish("cmnd/fan/STATE", ""),)
    assert tasmota(kind="sensor").ask() == (Publish("cmnd/fan/STATUS", "10"),)
    assert tasmota(topic="a101/%prefix%/fan").topics[0] == "a101/tele/fan/LWT"


@pytest.mark.parametrize(
    ("topic", "payload", "is_"),
    [
        ("stat/fan/RESULT", {"POWER": "ON"}, {"switch": True, "level": 40.0}),
        ("stat/fan/RESULT", {"POWER1": "OFF"}, {"switch": False, "level": 0.0}),
        ("stat/fan/RESULT", {"POWER": "ON", "Dimmer": 75}, {"switch": True, "level": 75.0}),
        ("stat/fan/RESULT", {"POWER": "OFF", "Dimmer": 75}, {"switch": False, "level": 0.0}),
        ("stat/fan/RESULT", {"Dimmer": 0, "POWER": "OFF"}, {"switch": False, "level": 0.0}),
        ("stat/fan/RESULT", {"POWER2": "OFF"}, {"level": 40.0}),
        ("tele/fan/STATE", {"Time": "2026-01-01T00:00:00", "POWER": "OFF", "Wifi": {"RSSI": 78}},
         {"switch": False, "level": 0.0}),
    ],
)  # fmt: skip
def test_tasmota_says_what_a_dimmer_does(topic: str, payload: object, is_: dict[str, object]) -> None:
    lamp = tasmota(kind="dimmer")
    hear(lamp, "stat/fan/RESULT", {"POWER": "ON", "Dimmer": 40})
    assert values(hear(lamp, topic, payload)) == is_


def test_one_relay_of_several_is_told_and_heard() -> None:
    relay = tasmota(output="2")
    assert told(relay, "switch", True) == [("cmnd/fan/POWER2", "ON")]
    assert values(hear(relay, "stat/fan/RESULT", {"POWER1": "ON", "POWER2": "OFF"})) == {"switch": False}


@pytest.mark.parametrize(
    ("payload", "is_"),
    [
        ({"AM2301": {"Temperature": 21.5, "Humidity": 60, "DewPoint": 13.4}, "TempUnit": "C"},
         {"temperature_c": 21.5, "humidity_percent": 60.0}),
        ({"StatusSNS": {"Time": "x", "MHZ19B": {"Model": "B", "CarbonDioxide": 780}}}, {"co2_ppm": 780.0}),
        ({"DS18B20": {"Id": "0", "Temperature": 212.0}, "TempUnit": "F"}, {"temperature_c": pytest.approx(100.0)}),
        ({"ENERGY": {"Total": 3.185, "Power": 16, "Voltage": 223, "Current": 0.152, "Yesterday": 2}},
         {"energy_kwh": 3.185, "power_w": 16.0, "voltage_v": 223.0, "current_a": 0.152}),
        ({"DS18B20-1": {"Temperature": 20.5}, "DS18B20-2": {"Temperature": 30.5}},
         {"temperature_c": 20.5, "ds18b20_2_temperature_c": 30.5}),
        ({"BH1750": {"Illuminance": 380}, "Switch1": "ON"}, {"illuminance_lux": 380.0, "presence": True}),
        ({"Button1": {"Action": "HOLD"}}, {"action": "hold"}),
        ({"BME280": {"Temperature": None, "Humidity": "?", "Pressure": True}}, {}),
        ({"StatusSNS": 7, "Wifi": [], "TempUnit": {}}, {}),
    ],
)  # fmt: skip
def test_tasmota_measures(payload: object, is_: dict[str, object]) -> None:
    assert values(hear(tasmota(kind="sensor"), "tele/fan/SENSOR", payload)) == is_


def test_the_same_chip_keeps_its_name_when_it_speaks_alone() -> None:
    sensor = tasmota(kind="sensor")
    hear(sensor, "tele/fan/SENSOR", {"A": {"Temperature": 1}, "B": {"Temperature": 2}})
    assert values(hear(sensor, "tele/fan/SENSOR", {"B": {"Temperature": 3}})) == {"b_temperature_c": 3.0}


def test_tasmota_is_there_or_not_and_does_not_know_or_is_not_understood() -> None:
    fan = tasmota()
    assert hear(fan, "tele/fan/LWT", "Online", retain=True) == [Available(True)]
    assert hear(fan, "tele/fan/LWT", "Offline") == [Available(False)]
    assert hear(fan, "tele/fan/LWT", "") == []
    assert hear(fan, "stat/fan/RESULT", {"Command": "Unknown"}) == [NotDone("it answers: Unknown")]
    assert hear(fan, "stat/fan/RESULT", '{"POWER":') == [Garbled("'{\"POWER\":'")]
    assert hear(fan, "stat/fan/RESULT", {"POWER": "maybe"}) == []


# --- Zigbee2MQTT -----------------------------------------------------------------------------------------------------


def test_zigbee2mqtt_is_told_and_asked_in_json() -> None:
    lamp = zigbee(kind="dimmer")
    assert told(lamp, "level", 50) == [("zigbee2mqtt/fan/set", '{"state": "ON", "brightness": 127}')]
    assert told(lamp, "level", 0.1) == [("zigbee2mqtt/fan/set", '{"state": "ON", "brightness": 1}')]
    assert told(lamp, "level", 0) == [("zigbee2mqtt/fan/set", '{"state": "OFF"}')]
    assert told(lamp, "switch", True) == [("zigbee2mqtt/fan/set", '{"state": "ON"}')]
    assert lamp.ask() == (Publish("zigbee2mqtt/fan/get", '{"state": "", "brightness": ""}'),)
    assert zigbee(kind="sensor").ask() == ()
    assert told(zigbee(output="l2"), "switch", True) == [("zigbee2mqtt/fan/set", '{"state_l2": "ON"}')]
    lock = zigbee(payload_on="LOCK", payload_off="UNLOCK")
    assert told(lock, "switch", False) == [("zigbee2mqtt/fan/set", '{"state": "UNLOCK"}')]
    assert values(hear(lock, "zigbee2mqtt/fan", {"state": "LOCK"})) == {"switch": True}


@pytest.mark.parametrize(
    ("payload", "is_"),
    [
        ({"state": "ON", "brightness": 254}, {"switch": True, "level": 100.0}),
        ({"state": "OFF", "brightness": 127}, {"switch": False, "level": 0.0}),
        ({"state": "ON"}, {"switch": True}),
        ({"state": "TOGGLE"}, {}),
        ({"temperature": 21.5, "humidity": 60, "battery": 97, "linkquality": 120},
         {"temperature_c": 21.5, "humidity_percent": 60.0, "battery_percent": 97.0, "linkquality": 120.0}),
        ({"occupancy": True, "illuminance": 42, "contact": False},
         {"presence": True, "illuminance_lux": 42.0, "contact": False}),
        ({"action": "single"}, {"action": "single"}),
        ({"action": ""}, {}),
        ({"action": None, "temperature": None, "occupancy": "yes"}, {}),
        ({"update": {"state": "idle"}, "power_on_behavior": "off"}, {}),
    ],
)  # fmt: skip
def test_zigbee2mqtt_says_states_measurements_and_presses(payload: object, is_: dict[str, object]) -> None:
    assert values(hear(zigbee(kind="dimmer"), "zigbee2mqtt/fan", payload)) == is_


def test_a_press_that_the_broker_kept_is_none() -> None:
    assert hear(zigbee(kind="sensor"), "zigbee2mqtt/fan", {"action": "single"}, retain=True) == []
    assert hear(tasmota(kind="sensor"), "stat/fan/RESULT", {"Button1": {"Action": "SINGLE"}}, retain=True) == []
    assert hear(plain(kind="sensor", metric="action"), "fan/state", "single", retain=True) == []
    bell = home({"stat_t": "bell"}, "homeassistant/event/bell/config", kind="sensor")
    assert hear(bell, "bell", {"event_type": "press"}, retain=True) == []
    assert values(hear(bell, "bell", {"event_type": "press"})) == {"action": "press"}


def test_a_zigbee_device_is_there_if_it_and_its_bridge_are() -> None:
    lamp = zigbee()
    assert hear(lamp, "zigbee2mqtt/bridge/state", {"state": "online"}) == []
    assert hear(lamp, "zigbee2mqtt/fan/availability", "online") == [Available(True)]
    assert hear(lamp, "zigbee2mqtt/bridge/state", {"state": "offline"}) == [Available(False)]
    assert hear(lamp, "zigbee2mqtt/fan/availability", {"state": "online"}) == [Available(False)]
    assert hear(lamp, "zigbee2mqtt/bridge/state", "online") == [Available(True)]
    assert hear(lamp, "zigbee2mqtt/fan/availability", {"state": "offline"}) == [Available(False)]


# --- plain -----------------------------------------------------------------------------------------------------------


def test_plain_topics_are_as_the_options_say() -> None:
    switch = plain(command_topic="c", state_topic="s", availability_topic="a", payload_on="open", payload_off="shut")
    assert switch.topics == ("a", "s")
    assert told(switch, "switch", True) == [("c", "open")]
    assert values(hear(switch, "s", "shut")) == {"switch": False}
    assert hear(switch, "s", "ajar") == [Garbled("'ajar'")]
    assert hear(switch, "a", "offline") == [Available(False)]
    assert hear(switch, "a", "perhaps") == []
    blinds = plain(kind="dimmer")
    assert blinds.topics == ("fan/state",)
    assert told(blinds, "level", 60) == [("fan/set", "60")]
    assert values(hear(blinds, "fan/state", "60")) == {"switch": True, "level": 60.0}
    assert values(hear(blinds, "fan/state", "0")) == {"switch": False, "level": 0.0}
    assert values(hear(blinds, "fan/state", "ON")) == {"switch": True, "level": 60.0}


@pytest.mark.parametrize(
    ("more", "payload", "is_"),
    [
        ({"metric": "temperature_c"}, "21.5", {"temperature_c": 21.5}),
        ({}, "7", {"value": 7.0}),
        ({"metric": "presence"}, "ON", {"presence": True}),
        ({"metric": "door_open"}, "true", {}),
        ({"metric": "door_open"}, '{"door_open": true}', {"door_open": True}),
        ({"metric": "action"}, "double", {"action": "double"}),
        ({}, '{"temperature": 20, "humidity": 50, "co2": 600, "colour": "red"}',
         {"temperature_c": 20.0, "humidity_percent": 50.0, "co2_ppm": 600.0}),
        ({}, '{"motion": false}', {"presence": False}),
    ],
)  # fmt: skip
def test_a_plain_sensor_says_one_value_or_several(more: dict[str, str], payload: str, is_: dict[str, object]) -> None:
    heard = hear(plain(kind="sensor", **more), "fan/state", payload)
    assert values([one for one in heard if not isinstance(one, Garbled)]) == is_
    assert bool(is_) != any(isinstance(one, Garbled) for one in heard)


# --- Home Assistant --------------------------------------------------------------------------------------------------


def test_an_abbreviated_announcement_is_lived_by() -> None:
    fan = home(
        {
            "~": "h/fan", "name": "Fan", "uniq_id": "x", "stat_t": "~/state", "cmd_t": "~/set", "pl_on": 1, "pl_off": 0,
            "val_tpl": "{{ value_json.relay }}", "dev": {"ids": ["x"], "mf": "M"},
            "avty": [
                {"t": "~/up", "pl_avail": "yes", "pl_not_avail": "no"},
                {"topic": "bridge", "val_tpl": "{{ value_json.state }}"},
            ],
            "avty_mode": "all",
        }
    )  # fmt: skip
    assert fan.topics == ("h/fan/up", "bridge", "h/fan/state")
    assert told(fan, "switch", True) == [("h/fan/set", "1")]
    assert values(hear(fan, "h/fan/state", {"relay": 0})) == {"switch": False}
    assert hear(fan, "h/fan/up", "yes") == [Available(False)]
    assert hear(fan, "bridge", {"state": "online"}) == [Available(True)]
    assert hear(fan, "bridge", {"state": "?"}) == []
    assert hear(fan, "h/fan/state", {"else": 1}) == [Garbled("'{\"else\": 1}'")]


def test_a_light_is_dimmed_on_its_own_scale() -> None:
    config = {"stat_t": "s", "cmd_t": "c", "bri_stat_t": "bs", "bri_cmd_t": "bc", "bri_scl": 100}
    lamp = home(config, "homeassistant/light/x/config", kind="dimmer")
    assert told(lamp, "level", 35) == [("bc", "35"), ("c", "ON")]
    assert told(lamp, "level", 0) == [("c", "OFF")]
    hear(lamp, "bs", "35")
    assert values(hear(lamp, "s", "ON")) == {"switch": True, "level": 35.0}
    assert values(hear(lamp, "s", "OFF")) == {"switch": False, "level": 0.0}
    first = home({**config, "on_cmd_type": "first"}, "homeassistant/light/x/config", kind="dimmer")
    assert told(first, "level", 35) == [("c", "ON"), ("bc", "35")]
    only = home({**config, "on_cmd_type": "brightness"}, "homeassistant/light/x/config", kind="dimmer")
    assert told(only, "level", 35) == [("bc", "35")]


def test_a_light_of_the_json_schema_says_all_at_once() -> None:
    config = {"schema": "json", "stat_t": "s", "cmd_t": "c", "brightness": True}
    lamp = home(config, "homeassistant/light/x/config", kind="dimmer")
    assert told(lamp, "level", 100) == [("c", '{"state": "ON", "brightness": 255}')]
    assert told(lamp, "switch", False) == [("c", '{"state": "OFF"}')]
    assert values(hear(lamp, "s", {"state": "ON", "brightness": 51})) == {"switch": True, "level": 20.0}
    assert hear(lamp, "s", "ON") == [Garbled("'ON'")]


def test_a_lock_is_on_when_it_is_locked_and_between_two_states_it_says_nothing() -> None:
    lock = home({"stat_t": "s", "cmd_t": "c"}, "homeassistant/lock/x/config")
    assert told(lock, "switch", False) == [("c", "UNLOCK")]
    assert values(hear(lock, "s", "LOCKED")) == {"switch": True}
    assert hear(lock, "s", "UNLOCKING") == []


@pytest.mark.parametrize(
    ("component", "config", "payload", "is_"),
    [
        ("sensor", {"dev_cla": "temperature", "unit_of_meas": "°F"}, "212", {"temperature_c": pytest.approx(100.0)}),
        ("sensor", {"dev_cla": "power", "unit_of_meas": "kW"}, "1.5", {"power_w": 1500.0}),
        ("sensor", {"dev_cla": "energy", "unit_of_meas": "kWh", "val_tpl": "{{ value_json['e']['t'] | round(1) }}"},
         '{"e": {"t": 2.5}}', {"energy_kwh": 2.5}),
        ("sensor", {"unit_of_meas": "rpm"}, "90", {"value": 90.0}),
        ("binary_sensor", {"dev_cla": "motion"}, "ON", {"presence": True}),
        ("binary_sensor", {"dev_cla": "smoke", "pl_on": "alarm", "pl_off": "ok"}, "ok", {"smoke": False}),
        ("sensor", {"dev_cla": "illuminance", "unit_of_meas": "lx"}, "unavailable", {}),
    ],
)  # fmt: skip
def test_an_announced_sensor_measures(
    component: str, config: dict[str, Any], payload: str, is_: dict[str, object]
) -> None:
    sensor = home({"stat_t": "s", **config}, f"homeassistant/{component}/n/x/config", kind="sensor")
    assert values(hear(sensor, "s", payload)) == is_


def test_one_of_several_things_of_a_device_is_named() -> None:
    topic = "homeassistant/device/box/config"
    config = {
        "avty_t": "up",
        "cmps": {"r1": {"p": "switch", "stat_t": "s1", "cmd_t": "c1"}, "t": {"p": "sensor", "stat_t": "s"}},
    }
    relay = home(config, topic, output="r1")
    assert (relay.topics, told(relay, "switch", True)) == (("up", "s1"), [("c1", "ON")])
    with pytest.raises(Refused, match="announces r1, t: name one of them as 'output'"):
        home(config, topic)


@pytest.mark.parametrize(
    ("topic", "config", "kind", "why"),
    [
        ("homeassistant/switch/x/config", {"cmd_t": "c"}, "switch", "no state_topic"),
        ("homeassistant/switch/x/config", {"stat_t": "c"}, "switch", "no command_topic"),
        ("homeassistant/climate/x/config", {"stat_t": "s", "cmd_t": "c"}, "switch", "announces a climate"),
        ("homeassistant/switch/x/config", {"stat_t": "s", "cmd_t": "c"}, "sensor", "a switch, which is no sensor"),
        ("homeassistant/light/x/config", {"stat_t": "s", "cmd_t": "c"}, "dimmer", "no brightness topics"),
        ("homeassistant/light/x/config", {"stat_t": "s", "cmd_t": "c", "schema": "template"}, "dimmer", "template"),
        ("homeassistant/switch/x/config", {"stat_t": "s", "cmd_t": "c", "cmd_tpl": "{{ value }}"}, "switch", "for c"),
        ("homeassistant/sensor/x/config", {"stat_t": "s", "val_tpl": "{% if 1 %}1{% end %}"}, "sensor", "underst"),
        ("homeassistant/sensor/x/config", {"val_tpl": "{{ value }}"}, "sensor", "no state_topic"),
    ],
)  # fmt: skip
def test_an_announcement_that_we_cannot_live_by_is_refused(
    topic: str, config: dict[str, Any], kind: str, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        home(config, topic, kind=kind)


def test_what_is_no_announcement_is_a_bad_reply() -> None:
    with pytest.raises(BadReply, match="no discovery message: 'hello'"):
        HomeAssistant(options("home-assistant"), b"hello")


@pytest.mark.parametrize(
    ("written", "payload", "is_"),
    [
        (None, "x", "x"),
        ("{{ value }}", "x", "x"),
        ("{{value|float}}", "2", "2"),
        ("{{ value_json.a.b }}", '{"a": {"b": 1}}', "1"),
        ("{{ value_json['a b'][1] }}", '{"a b": [1, true]}', "True"),
        ('{{ value_json["a"].b | float(0) | round(1) }}', '{"a": {"b": 1.5}}', "1.5"),
        ("{{ value_json.a }}", '{"b": 1}', None),
        ("{{ value_json.a }}", '{"a": null}', None),
        ("{{ value_json.a.b }}", '{"a": 1}', None),
        ("{{ value_json[3] }}", "[1]", None),
        ("{{ value_json.a }}", "{", None),
        ("{{ value_json }}", "21.5", "21.5"),
    ],
)
def test_simple_templates_are_read(written: str | None, payload: str, is_: str | None) -> None:
    assert template(written)(payload.encode()) == is_


@pytest.mark.parametrize(
    "written", ["{{ value_json.a + 1 }}", "{{ now() }}", "x {{ value }}", "{{ value | eval }}", ""]
)
def test_other_templates_are_refused(written: str) -> None:
    with pytest.raises(Refused):
        template(written)


# --- options and any message -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"dialect": "morse"}, "dialect"),
        ({"topic": "a/#"}, "topic"),
        ({"topic": ""}, "topic"),
        ({"payload_on": "1", "payload_off": "1"}, "both '1'"),
        ({"state_topic": "s"}, "only for dialect 'plain'"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_options_are_said(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        options("tasmota", **wrong) if "dialect" not in wrong else Options.model_validate({"topic": "x", **wrong})


EVERY = [
    *(make(kind=kind) for make in (tasmota, zigbee, plain) for kind in ("switch", "dimmer", "sensor")),
    home({"stat_t": "s", "cmd_t": "c", "avty_t": "a", "avty_tpl": "{{ value_json.x }}"}),
    home({"stat_t": "s", "cmd_t": "c", "schema": "json"}, "homeassistant/light/x/config", kind="dimmer"),
    home({"stat_t": "s", "dev_cla": "temperature", "unit_of_meas": "°F"}, "ha/sensor/x/config", kind="sensor"),
    home({"stat_t": "s", "val_tpl": "{{ value_json.x[0] }}"}, "homeassistant/binary_sensor/x/config", kind="sensor"),
    home({"stat_t": "s"}, "homeassistant/event/x/config", kind="sensor"),
]  # fmt: skip
NAMES = st.sampled_from(
    ["POWER", "Dimmer", "state", "brightness", "action", "temperature", "AM2301", "Temperature", "StatusSNS", "Command",
     "TempUnit", "Switch1", "occupancy", "x", "event_type", "value"]
)  # fmt: skip
WORDS = st.sampled_from(["ON", "OFF", "F", "", "1e400", "-1", 10**400])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text())
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))


@given(
    st.sampled_from(EVERY),
    st.one_of(st.binary(max_size=60), ANYTHING.map(lambda made: json.dumps(made).encode())),
    st.booleans(),
)
def test_whatever_a_device_says_it_is_understood_or_said_not_to_be(
    dialect: Dialect, payload: bytes, retain: bool
) -> None:
    for topic in dialect.topics:
        for one in dialect.hear(topic, payload, retain):
            assert isinstance(one, Measured | Available | NotDone | Garbled)
            if isinstance(one, Measured):
                assert isinstance(one.value, bool) or one.metric != "switch"
                assert not isinstance(one.value, int) or isinstance(one.value, bool)
                assert one.metric not in UNITS or isinstance(one.value, float)
                assert one.metric != "level" or (isinstance(one.value, float) and 0 <= one.value <= 100)
                assert len(one.metric) <= 48


CONFIG_KEYS = st.sampled_from(
    ["~", "stat_t", "cmd_t", "state_topic", "availability", "avty_t", "val_tpl", "bri_scl", "bri_cmd_t", "bri_stat_t",
     "schema", "cmps", "pl_on", "dev_cla", "t", "p"]
)  # fmt: skip
CONFIG_VALUES = st.recursive(
    st.one_of(SCALARS, st.sampled_from(["~/a", "json", "{{ value_json.a }}", "switch", "all"])),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(CONFIG_KEYS, inner, max_size=5),
)


@given(
    st.dictionaries(CONFIG_KEYS, CONFIG_VALUES, max_size=8),
    st.sampled_from(["light", "switch", "sensor", "device", "event"]),
    st.sampled_from(["switch", "dimmer", "sensor"]),
)
def test_whatever_a_device_announces_it_is_lived_by_or_refused(
    config: dict[str, Any], component: str, kind: str
) -> None:
    try:
        thing = home(config, f"homeassistant/{component}/x/config", kind=kind)
    except (BadReply, Refused):
        return
    assert all(isinstance(topic, str) for topic in thing.topics)
    for topic in thing.topics:
        hear(thing, topic, "ON")
