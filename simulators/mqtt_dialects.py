"""How things speak on MQTT: Tasmota, Zigbee2MQTT, Home Assistant discovery and plain topics. No I/O.

Sources: tasmota.github.io/docs/MQTT and /Commands; zigbee2mqtt.io "MQTT Topics and Messages" and
"Device-Availability"; home-assistant.io "MQTT discovery", "MQTT light" (default schema), "MQTT switch", "MQTT sensor".
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from simulators.mqtt_things import Measured, Thing


@dataclass(frozen=True, slots=True)
class Publish:
    topic: str
    payload: str
    retain: bool = False


class Dialect(Protocol):
    """What one thing says and hears."""

    @property
    def heard(self) -> tuple[str, ...]:
        """The topics it subscribes to."""

    def availability(self, online: bool) -> Publish | None: ...

    def hello(self) -> list[Publish]:
        """What it says once connected, besides its availability."""

    def state(self) -> list[Publish]:
        """What it says from time to time."""

    def take(self, topic: str, payload: str) -> list[Publish]:
        """Carry out a command: what it answers."""

    def pressed(self, action: str) -> list[Publish]:
        """A button: what it says."""


class Tasmota:
    """cmnd/T/POWER -> stat/T/RESULT and stat/T/POWER; tele/T/LWT, STATE and SENSOR."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing

    @property
    def heard(self) -> tuple[str, ...]:
        return (f"cmnd/{self._thing.topic}/#",)

    def availability(self, online: bool) -> Publish | None:
        return Publish(f"tele/{self._thing.topic}/LWT", "Online" if online else "Offline", retain=True)

    def hello(self) -> list[Publish]:
        return [*([] if self._thing.kind == "sensor" else self._result()), *self.state()]

    def state(self) -> list[Publish]:
        now: dict[str, Any] = {"Time": _local_time(), "Uptime": "0T00:10:11"}
        said = []
        if self._thing.kind != "sensor":
            now |= self._power()
        if self._thing.values:
            said.append(
                Publish(f"tele/{self._thing.topic}/SENSOR", json.dumps({"Time": now["Time"], **self._sensors()}))
            )
        now["Wifi"] = {"RSSI": 78, "Signal": -61}
        return [Publish(f"tele/{self._thing.topic}/STATE", json.dumps(now)), *said]

    def take(self, topic: str, payload: str) -> list[Publish]:
        command = topic.rpartition("/")[2].upper()
        if self._thing.kind != "sensor" and command in ("POWER", "POWER1"):
            before = self._thing.on
            word = payload.strip().upper()
            if word in _ON_WORDS or word in _OFF_WORDS:
                self._thing.set_on(word in _ON_WORDS)
            elif word in ("2", "TOGGLE"):
                self._thing.set_on(not before)
            return self._result(("POWER",))
        if self._thing.kind == "dimmer" and command == "DIMMER":
            before = self._thing.on
            if payload.strip():
                self._thing.set_level(_number(payload, self._thing.shown_level))
            return self._result() if self._thing.on != before else self._result()[:1]
        if command == "STATE":
            return self.state()[:1]
        return [Publish(f"stat/{self._thing.topic}/RESULT", json.dumps({"Command": "Unknown"}))]

    def pressed(self, action: str) -> list[Publish]:
        return [Publish(f"stat/{self._thing.topic}/RESULT", json.dumps({"Button1": {"Action": action.upper()}}))]

    def _result(self, only: tuple[str, ...] = ()) -> list[Publish]:
        power = self._power()
        shown = {key: value for key, value in power.items() if not only or key in only}
        return [
            Publish(f"stat/{self._thing.topic}/RESULT", json.dumps(shown)),
            Publish(f"stat/{self._thing.topic}/POWER", power["POWER"]),
        ]

    def _power(self) -> dict[str, Any]:
        power: dict[str, Any] = {"POWER": _on_off(self._thing.on)}
        if self._thing.kind == "dimmer":
            power["Dimmer"] = round(self._thing.level)
        return power

    def _sensors(self) -> dict[str, Any]:
        """Grouped by chip, as Tasmota reports them."""
        chips: dict[str, Any] = {}
        for name, value in self._thing.values.items():
            if name == "presence":
                chips["Switch1"] = _on_off(bool(value))
                continue
            chip, key = _TASMOTA_CHIP[name]
            chips.setdefault(chip, {})[key] = value
        return chips | ({"TempUnit": "C"} if "temperature" in self._thing.values else {})


class Zigbee2Mqtt:
    """zigbee2mqtt/NAME with JSON; NAME/set, NAME/get, retained NAME/availability."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing
        self._topic = thing.topic if thing.topic.startswith("zigbee2mqtt/") else f"zigbee2mqtt/{thing.topic}"

    @property
    def heard(self) -> tuple[str, ...]:
        return (f"{self._topic}/set", f"{self._topic}/set/+", f"{self._topic}/get")

    def availability(self, online: bool) -> Publish | None:
        word = "online" if online else "offline"
        return Publish(f"{self._topic}/availability", json.dumps({"state": word}), retain=True)

    def hello(self) -> list[Publish]:
        return self.state()

    def state(self) -> list[Publish]:
        now: dict[str, Any] = {"linkquality": 120}
        if self._thing.kind == "sensor":
            now |= {_Z2M_NAME.get(name, name): value for name, value in self._thing.values.items()}
            now["battery"] = 97
        else:
            now["state"] = _on_off(self._thing.on)
        if self._thing.kind == "dimmer":
            now["brightness"] = round(self._thing.level * 254 / 100)
        return [Publish(self._topic, json.dumps(now))]

    def take(self, topic: str, payload: str) -> list[Publish]:
        if topic == f"{self._topic}/get" or self._thing.kind == "sensor":
            return self.state()
        wanted = _object(payload)
        attribute = topic.removeprefix(f"{self._topic}/set").strip("/")
        if attribute:
            wanted = {attribute: payload}
        elif not wanted:
            wanted = {"state": payload}
        if "state" in wanted:
            word = str(wanted["state"]).upper()
            if word in ("ON", "OFF", "TOGGLE"):
                self._thing.set_on(not self._thing.on if word == "TOGGLE" else word == "ON")
        if "brightness" in wanted:
            self._thing.set_level(_number(wanted["brightness"], 0.0) * 100 / 254)
        return self.state()

    def pressed(self, action: str) -> list[Publish]:
        return [Publish(self._topic, json.dumps({"action": action, "battery": 97, "linkquality": 120}))]


class HomeAssistant:
    """Publishes its own discovery config, retained, at the configured topic, and lives by it."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing
        _, self._component, *rest = [*thing.topic.split("/"), "", ""]
        self._object = next((part for part in reversed(rest) if part not in ("", "config")), thing.id)
        self._own = f"{self._object}/sim"

    @property
    def heard(self) -> tuple[str, ...]:
        if self._thing.kind == "sensor":
            return ()
        return (f"{self._own}/set", *((f"{self._own}/brightness/set",) if self._thing.kind == "dimmer" else ()))

    def availability(self, online: bool) -> Publish | None:
        return Publish(f"{self._own}/availability", "online" if online else "offline", retain=True)

    def hello(self) -> list[Publish]:
        return [Publish(self._thing.topic, json.dumps(self.config(), ensure_ascii=False), retain=True), *self.state()]

    def config(self) -> dict[str, Any]:
        """The discovery message."""
        said: dict[str, Any] = {
            "name": self._object,
            "unique_id": f"sim-{self._object}",
            "state_topic": f"{self._own}/state",
            "availability_topic": f"{self._own}/availability",
            "device": {"identifiers": [f"sim-{self._object}"], "name": self._object, "manufacturer": "LOPHOC"},
        }
        if self._thing.kind != "sensor":
            said["command_topic"] = f"{self._own}/set"
        if self._thing.kind == "dimmer":
            said |= {
                "brightness_state_topic": f"{self._own}/brightness",
                "brightness_command_topic": f"{self._own}/brightness/set",
                "brightness_scale": 100,
            }
        if self._thing.is_button:
            said["event_types"] = ["single", "double", "hold"]
        if self._thing.values:
            first = str(self._thing.options.get("metric", next(iter(self._thing.values))))
            said |= _HA_CLASS.get(first, {})
            if len(self._thing.values) > 1:
                said["value_template"] = f"{{{{ value_json.{first} }}}}"
        return said

    def state(self) -> list[Publish]:
        if self._thing.kind == "sensor":
            return _measured(f"{self._own}/state", self._thing.values)
        said = [Publish(f"{self._own}/state", _on_off(self._thing.on), retain=True)]
        if self._thing.kind == "dimmer":
            said.append(Publish(f"{self._own}/brightness", str(round(self._thing.level)), retain=True))
        return said

    def take(self, topic: str, payload: str) -> list[Publish]:
        if topic.endswith("/brightness/set"):
            self._thing.set_level(_number(payload, self._thing.shown_level))
        elif payload in ("ON", "OFF"):
            self._thing.set_on(payload == "ON")
        return self.state()

    def pressed(self, action: str) -> list[Publish]:
        return [Publish(f"{self._own}/state", json.dumps({"event_type": action}))]


class Plain:
    """The topics that the options name; ON and OFF, or a number from 0 to 100."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing
        base = thing.topic
        self._command = str(thing.options.get("command_topic") or f"{base}/set")
        self._state = str(thing.options.get("state_topic") or f"{base}/state")
        self._availability = thing.options.get("availability_topic")
        self._on = str(thing.options.get("payload_on", "ON"))
        self._off = str(thing.options.get("payload_off", "OFF"))

    @property
    def heard(self) -> tuple[str, ...]:
        return () if self._thing.kind == "sensor" else (self._command,)

    def availability(self, online: bool) -> Publish | None:
        if not self._availability:
            return None
        return Publish(str(self._availability), "online" if online else "offline", retain=True)

    def hello(self) -> list[Publish]:
        return self.state()

    def state(self) -> list[Publish]:
        if self._thing.kind == "sensor":
            return _measured(self._state, self._thing.values)
        word = self._on if self._thing.on else self._off
        shown = f"{self._thing.shown_level:g}" if self._thing.kind == "dimmer" else word
        return [Publish(self._state, shown, retain=True)]

    def take(self, topic: str, payload: str) -> list[Publish]:
        if payload in (self._on, self._off):
            self._thing.set_on(payload == self._on)
        elif self._thing.kind == "dimmer":
            self._thing.set_level(_number(payload, self._thing.shown_level))
        return self.state()

    def pressed(self, action: str) -> list[Publish]:
        return [Publish(self._state, action)]


DIALECTS: dict[str, type[Tasmota] | type[Zigbee2Mqtt] | type[HomeAssistant] | type[Plain]] = {
    "tasmota": Tasmota,
    "zigbee2mqtt": Zigbee2Mqtt,
    "home-assistant": HomeAssistant,
    "plain": Plain,
}

_ON_WORDS, _OFF_WORDS = ("1", "ON", "TRUE"), ("0", "OFF", "FALSE")
_TASMOTA_CHIP = {
    "temperature": ("AM2301", "Temperature"),
    "humidity": ("AM2301", "Humidity"),
    "co2": ("MHZ19B", "CarbonDioxide"),
    "illuminance": ("BH1750", "Illuminance"),
    "power": ("ENERGY", "Power"),
}
_Z2M_NAME = {"presence": "occupancy"}
_HA_CLASS = {
    "temperature": {"device_class": "temperature", "unit_of_measurement": "°C"},
    "humidity": {"device_class": "humidity", "unit_of_measurement": "%"},
    "co2": {"device_class": "carbon_dioxide", "unit_of_measurement": "ppm"},
    "illuminance": {"device_class": "illuminance", "unit_of_measurement": "lx"},
    "power": {"device_class": "power", "unit_of_measurement": "W"},
    "presence": {"device_class": "occupancy"},
}


def _on_off(on: bool) -> str:
    return "ON" if on else "OFF"


def _number(text: object, otherwise: float) -> float:
    """A number in a payload; what is none changes nothing."""
    try:
        value = float(str(text))
    except ValueError:
        return otherwise
    return value if 0 <= value <= 255 else otherwise


def _object(payload: str) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _measured(topic: str, values: dict[str, Measured]) -> list[Publish]:
    """One value as it is, several as JSON."""
    if not values:
        return []
    if len(values) > 1:
        return [Publish(topic, json.dumps(values), retain=True)]
    (value,) = values.values()
    return [Publish(topic, _on_off(value) if isinstance(value, bool) else f"{value:g}", retain=True)]


def _local_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
