"""Home Assistant discovery: the device announces its topics, words and templates itself, and we live by that.

Sources: home-assistant.io/integrations: mqtt, switch.mqtt, light.mqtt (default and JSON schema), lock.mqtt, valve.mqtt,
cover.mqtt, sensor.mqtt, binary_sensor.mqtt, event.mqtt.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from classroom_profiles.capability import Capability, Command
from firmware_bridge.errors import Refused
from firmware_bridge.mqtt_dialects.dialect import (
    Available,
    Garbled,
    Heard,
    Kind,
    Measured,
    Output,
    Publish,
    action,
    finite,
    json_object,
    number,
    shown,
    text,
)
from firmware_bridge.mqtt_dialects.discovery import Template, announced, template
from firmware_bridge.mqtt_dialects.options import Options


@dataclass(frozen=True, slots=True)
class _Words:
    """What a component calls on and off: the keys of the commands and of the states, and what they are by default."""

    on: tuple[str, str]
    off: tuple[str, str]
    is_on: tuple[str, str]
    is_off: tuple[str, str]


_ON_OFF = _Words(("payload_on", "ON"), ("payload_off", "OFF"), ("state_on", ""), ("state_off", ""))
_OPEN = _Words(("payload_open", "OPEN"), ("payload_close", "CLOSE"), ("state_open", "open"), ("state_closed", "closed"))
_LOCKED = _Words(
    ("payload_lock", "LOCK"), ("payload_unlock", "UNLOCK"), ("state_locked", "LOCKED"), ("state_unlocked", "UNLOCKED")
)
_SWITCHED = {
    "switch": _ON_OFF,
    "light": _ON_OFF,
    "fan": _ON_OFF,
    "siren": _ON_OFF,
    "valve": _OPEN,
    "cover": _OPEN,
    "lock": _LOCKED,
}
_MEASURES: dict[str, dict[str, tuple[str, float]]] = {
    "temperature": {"°C": ("temperature_c", 1.0)},
    "humidity": {"%": ("humidity_percent", 1.0)},
    "carbon_dioxide": {"ppm": ("co2_ppm", 1.0)},
    "illuminance": {"lx": ("illuminance_lux", 1.0)},
    "pressure": {"hPa": ("pressure_hpa", 1.0), "mbar": ("pressure_hpa", 1.0), "kPa": ("pressure_hpa", 10.0)},
    "atmospheric_pressure": {"hPa": ("pressure_hpa", 1.0), "kPa": ("pressure_hpa", 10.0)},
    "pm25": {"µg/m³": ("pm25_ugm3", 1.0)},
    "volatile_organic_compounds_parts": {"ppb": ("voc_ppb", 1.0)},
    "sound_pressure": {"dB": ("noise_db", 1.0), "dBA": ("noise_db", 1.0)},
    "power": {"W": ("power_w", 1.0), "kW": ("power_w", 1000.0)},
    "energy": {"kWh": ("energy_kwh", 1.0), "Wh": ("energy_kwh", 0.001)},
    "voltage": {"V": ("voltage_v", 1.0), "mV": ("voltage_v", 0.001)},
    "current": {"A": ("current_a", 1.0), "mA": ("current_a", 0.001)},
    "distance": {"cm": ("distance_cm", 1.0), "mm": ("distance_cm", 0.1), "m": ("distance_cm", 100.0)},
    "battery": {"%": ("battery_percent", 1.0)},
}
"""Device class and unit of measurement to metric and factor."""
_PRESENCE = ("occupancy", "presence", "motion")


class HomeAssistant:
    """One announced thing."""

    can_be_asked = False

    def __init__(self, options: Options, announcement: bytes) -> None:
        """Raises BadReply if `announcement` is no discovery message, Refused if it is one that we cannot live by."""
        self._component, self._config = announced(options.topic, announcement, options.output)
        self._kind = options.kind
        self._availability = _Availability(self._config)
        self.says_if_there = bool(self._availability.topics)
        self._thing = _Sensor(self._component, self._config) if self._kind is Kind.SENSOR else self._lamp()
        self.topics = (*self._availability.topics, *self._thing.topics)

    def hear(self, topic: str, payload: bytes, retain: bool) -> Iterable[Heard]:
        if topic in self._availability.topics:
            return self._availability.hear(topic, payload)
        return self._thing.hear(topic, payload, retain)

    def ask(self) -> tuple[Publish, ...]:
        return ()

    def tell(self, command: Command) -> tuple[Publish, ...]:
        return self._thing.tell(command)

    def _lamp(self) -> "_Lamp | _JsonLamp":
        schema = self._config.get("schema", "default") if self._component == "light" else "default"
        if self._component not in _SWITCHED or schema not in ("default", "json", "basic"):
            raise Refused(f"it announces a {self._component or 'thing'} ({schema}), which is no {self._kind} here")
        if not isinstance(self._config.get("state_topic"), str):
            raise Refused("its discovery message has no state_topic, so that nothing would confirm a command")
        if not isinstance(self._config.get("command_topic"), str):
            raise Refused("its discovery message has no command_topic")
        return (_JsonLamp if schema == "json" else _Lamp)(self._component, self._config, self._kind)


class _Availability:
    """One topic or several, of which all, any or the last to speak decides."""

    def __init__(self, config: dict[str, Any]) -> None:
        listed = config.get("availability")
        single = {**config, "topic": config.get("availability_topic"), "value_template": None}
        single["value_template"] = config.get("availability_template")
        entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else [single]
        self._mode = str(config.get("availability_mode", "latest"))
        self._words: dict[str, dict[str, bool]] = {}
        self._read: dict[str, Template] = {}
        self._said: dict[str, bool] = {}
        for entry in entries:
            if isinstance(topic := entry.get("topic"), str):
                yes, no = entry.get("payload_available", "online"), entry.get("payload_not_available", "offline")
                self._words[topic] = {str(yes): True, str(no): False}
                self._read[topic] = template(entry.get("value_template"))
        self.topics = tuple(self._words)

    def hear(self, topic: str, payload: bytes) -> Iterable[Heard]:
        word = self._read[topic](payload)
        if word not in self._words[topic]:
            return ()
        self._said[topic] = online = self._words[topic][word]
        if self._mode == "all":
            online = all(self._said.get(one, False) for one in self.topics)
        elif self._mode == "any":
            online = any(self._said.values())
        return (Available(online),)


class _Lamp:
    """Anything that is on or off, by words; a light also by a number at a topic of its own."""

    def __init__(self, component: str, config: dict[str, Any], kind: Kind) -> None:
        words = _SWITCHED[component]
        self._on, self._off = (str(config.get(*key)) for key in (words.on, words.off))
        self._is_on = str(config.get(words.is_on[0], words.is_on[1] or self._on))
        self._is_off = str(config.get(words.is_off[0], words.is_off[1] or self._off))
        self._command, self._state = str(config["command_topic"]), str(config["state_topic"])
        self._bright_command, self._bright_state = (
            config.get("brightness_command_topic"),
            config.get("brightness_state_topic"),
        )
        self._scale = _scale(config)
        self._on_type = config.get("on_command_type", "last")
        self._read = template(config.get("state_value_template", config.get("value_template")))
        self._read_bright = template(config.get("brightness_value_template"))
        if any(config.get(f"{part}command_template") is not None for part in ("", "brightness_")):
            raise Refused("its discovery message has a template for commands, which is not understood here")
        if kind is Kind.DIMMER and not (isinstance(self._bright_command, str) and isinstance(self._bright_state, str)):
            raise Refused("its discovery message has no brightness topics: it is a 'switch'")
        self._output = Output(kind)
        bright = (self._bright_state,) if kind is Kind.DIMMER and isinstance(self._bright_state, str) else ()
        self.topics = tuple(dict.fromkeys((self._state, *bright)))

    def hear(self, topic: str, payload: bytes, retain: bool) -> Iterable[Heard]:
        on = level = None
        if topic == self._state and (word := self._read(payload)) is not None:
            on = {self._is_on: True, self._is_off: False}.get(word.strip())
        if topic == self._bright_state and (word := self._read_bright(payload)) is not None:
            level = _level(word, self._scale)
        if on is None and level is None:
            return () if _says_nothing(payload) else (Garbled(shown(payload)),)
        return self._output.says(on, level)

    def tell(self, command: Command) -> tuple[Publish, ...]:
        if not command.value:
            return (Publish(self._command, self._off),)
        switched = Publish(self._command, self._on)
        if command.target.capability is not Capability.LEVEL:
            return (switched,)
        bright = Publish(str(self._bright_command), str(max(1, round(float(command.value) * self._scale / 100))))
        return {"brightness": (bright,), "first": (switched, bright)}.get(self._on_type, (bright, switched))


class _JsonLamp:
    """A light of the JSON schema: state and brightness in one message."""

    def __init__(self, component: str, config: dict[str, Any], kind: Kind) -> None:
        self._command, self._state = str(config["command_topic"]), str(config["state_topic"])
        self._scale = _scale(config)
        self._dims = kind is Kind.DIMMER
        self._output = Output(kind)
        self.topics = (self._state,)

    def hear(self, topic: str, payload: bytes, retain: bool) -> Iterable[Heard]:
        found = json_object(payload)
        if found is None:
            return (Garbled(shown(payload)),)
        on = {"ON": True, "OFF": False}.get(str(found.get("state")))
        return self._output.says(on, _level(found.get("brightness"), self._scale))

    def tell(self, command: Command) -> tuple[Publish, ...]:
        wanted: dict[str, Any] = {"state": "ON" if command.value else "OFF"}
        if command.target.capability is Capability.LEVEL and command.value:
            wanted["brightness"] = max(1, round(float(command.value) * self._scale / 100))
        return (Publish(self._command, json.dumps(wanted)),)


class _Sensor:
    """Something that measures one thing, says yes or no, or tells of events."""

    def __init__(self, component: str, config: dict[str, Any]) -> None:
        if component not in ("sensor", "binary_sensor", "event"):
            raise Refused(f"it announces a {component or 'thing'}, which is no sensor here")
        if not isinstance(config.get("state_topic"), str):
            raise Refused("its discovery message has no state_topic")
        self._component = component
        self._class, self._unit = str(config.get("device_class", "")), str(config.get("unit_of_measurement", ""))
        self._on, self._off = str(config.get("payload_on", "ON")), str(config.get("payload_off", "OFF"))
        self._read = template(config.get("value_template"))
        self.topics = (str(config["state_topic"]),)

    def hear(self, topic: str, payload: bytes, retain: bool) -> Iterable[Heard]:
        word = self._read(payload)
        if self._component == "event":
            found = json_object(word.encode()) if word else None
            return () if retain else action((found or {}).get("event_type"))
        if word is None or _says_nothing(payload):
            return ()
        return tuple(self._said(word.strip())) or (Garbled(shown(payload)),)

    def tell(self, command: Command) -> tuple[Publish, ...]:
        raise AssertionError("a sensor is told nothing")

    def _said(self, word: str) -> Iterator[Heard]:
        if self._component == "binary_sensor":
            if word in (self._on, self._off):
                name = "presence" if self._class in _PRESENCE else self._class
                yield Measured(name or "value", word == self._on)
        elif self._class == "temperature" and self._unit == "°F":
            warm = finite(word)
            yield from number("temperature_c", None if warm is None else (warm - 32) / 1.8)
        elif (known := _MEASURES.get(self._class, {}).get(self._unit)) is not None:
            yield from number(known[0], word, known[1])
        else:
            yield from (Measured("value", one.value, self._unit[:16]) for one in number("value", word))


def _scale(config: dict[str, Any]) -> float:
    written = finite(config.get("brightness_scale"))
    return written if written is not None and written > 0 else 255.0


def _level(word: object, scale: float) -> float | None:
    bright = finite(word)
    return None if bright is None else bright * 100 / scale


def _says_nothing(payload: bytes) -> bool:
    """Words by which devices say that they do not know, or are between two states."""
    return text(payload).lower() in ("", "none", "unknown", "unavailable", *_BETWEEN)


_BETWEEN = ("opening", "closing", "stopped", "locking", "unlocking", "jammed")
