"""Zigbee2MQTT: JSON state at zigbee2mqtt/NAME, commands to NAME/set, questions to NAME/get, and NAME/availability.

Sources: zigbee2mqtt.io, "MQTT Topics and Messages", "Device availability" (off by default), "Exposes".
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from classroom_profiles.capability import Capability, Command
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
from firmware_bridge.mqtt_dialects.options import Options

_BASE = "zigbee2mqtt"
_BRIGHTEST = 254
_MEASURES = {
    "temperature": "temperature_c",
    "humidity": "humidity_percent",
    "pressure": "pressure_hpa",
    "co2": "co2_ppm",
    "voc": "voc_ppb",
    "pm25": "pm25_ugm3",
    "noise": "noise_db",
    "illuminance": "illuminance_lux",
    "illuminance_lux": "illuminance_lux",
    "power": "power_w",
    "energy": "energy_kwh",
    "current": "current_a",
    "battery": "battery_percent",
    "linkquality": "linkquality",
}
"""`voltage` is left out: mains devices say volts, battery devices millivolts."""
_FLAGS = {
    "occupancy": "presence",
    "presence": "presence",
    "contact": "contact",
    "water_leak": "water_leak",
    "smoke": "smoke",
    "gas": "gas",
    "vibration": "vibration",
    "tamper": "tamper",
}


class Zigbee2Mqtt:
    """A Zigbee device behind Zigbee2MQTT."""

    says_if_there = False

    def __init__(self, options: Options) -> None:
        self._options = options
        self._kind = options.kind
        self._topic = options.topic if options.topic.startswith(f"{_BASE}/") else f"{_BASE}/{options.topic}"
        self._availability = f"{self._topic}/availability"
        self._bridge = f"{self._topic.partition('/')[0]}/bridge/state"
        self.topics = (self._availability, self._bridge, self._topic)
        self.can_be_asked = options.kind is not Kind.SENSOR
        suffix = f"_{options.output}" if options.output else ""
        self._state, self._brightness = f"state{suffix}", f"brightness{suffix}"
        self._output = Output(options.kind)
        self._present: dict[str, bool] = {}

    def hear(self, topic: str, payload: bytes, retain: bool) -> Iterable[Heard]:
        if topic == self._topic:
            found = json_object(payload)
            return (Garbled(shown(payload)),) if found is None else self._read(found, retain)
        return self._there(topic, payload)

    def ask(self) -> tuple[Publish, ...]:
        """Sensors are not asked: those on batteries sleep, and the bridge logs an error for each."""
        if self._kind is Kind.SENSOR:
            return ()
        wanted = (self._state, self._brightness) if self._kind is Kind.DIMMER else (self._state,)
        return (Publish(f"{self._topic}/get", json.dumps(dict.fromkeys(wanted, ""))),)

    def tell(self, command: Command) -> tuple[Publish, ...]:
        on = bool(command.value)
        wanted: dict[str, Any] = {self._state: self._options.payload_on if on else self._options.payload_off}
        if command.target.capability is Capability.LEVEL and on:
            wanted[self._brightness] = max(1, round(float(command.value) * _BRIGHTEST / 100))
        return (Publish(f"{self._topic}/set", json.dumps(wanted)),)

    def _there(self, topic: str, payload: bytes) -> Iterable[Heard]:
        """There if both the device and its bridge are, as far as they say so. JSON now, a bare word in older ones."""
        found = json_object(payload)
        word = str(found.get("state") if found is not None else text(payload)).lower()
        if word not in ("online", "offline"):
            return ()
        self._present[topic] = word == "online"
        if self._present.get(self._bridge) is False:
            return (Available(False),)
        if self._availability in self._present:
            return (Available(self._present[self._availability]),)
        return ()

    def _read(self, found: dict[str, Any], retain: bool) -> Iterator[Heard]:
        if self._kind is not Kind.SENSOR:
            words = {self._options.payload_on: True, self._options.payload_off: False}
            bright = finite(found.get(self._brightness))
            level = None if bright is None else bright * 100 / _BRIGHTEST
            yield from self._output.says(words.get(str(found.get(self._state))), level)
        if not retain:
            yield from action(found.get("action"))
        for name, value in found.items():
            if (metric := _MEASURES.get(name)) is not None:
                yield from number(metric, value)
            elif (flag := _FLAGS.get(name)) is not None and isinstance(value, bool):
                yield Measured(flag, value)
