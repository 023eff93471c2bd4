"""Tasmota: commands to cmnd/TOPIC, answers from stat/TOPIC, reports from tele/TOPIC.

Sources: tasmota.github.io/docs: MQTT (topics, LWT), Commands (Power, Dimmer, State, Status 10), Buttons-and-Switches
(SetOption73: {"Button1": {"Action": "SINGLE"}}), JSON-Status-Responses. A sensor's Switch1 is taken for a presence
sensor, which is how such sensors are wired.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from classroom_profiles.capability import Capability, Command
from firmware_bridge.mqtt_dialects.dialect import (
    Available,
    Garbled,
    Heard,
    Kind,
    Measured,
    NotDone,
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

_MEASURES = {
    "Temperature": "temperature_c",
    "Humidity": "humidity_percent",
    "Pressure": "pressure_hpa",
    "CarbonDioxide": "co2_ppm",
    "TVOC": "voc_ppb",
    "PM2.5": "pm25_ugm3",
    "Illuminance": "illuminance_lux",
    "Distance": "distance_cm",
    "Power": "power_w",
    "Total": "energy_kwh",
    "Voltage": "voltage_v",
    "Current": "current_a",
}


class Tasmota:
    """A device with Tasmota on it."""

    can_be_asked = True
    says_if_there = True

    def __init__(self, options: Options) -> None:
        self._options = options
        self._kind = options.kind
        full = options.topic if "%prefix%" in options.topic else f"%prefix%/{options.topic}"
        self._command = full.replace("%prefix%", "cmnd")
        said, reported = full.replace("%prefix%", "stat"), full.replace("%prefix%", "tele")
        self._lwt = f"{reported}/LWT"
        self._result = f"{said}/RESULT"
        self.topics = (self._lwt, f"{reported}/STATE", f"{reported}/SENSOR", self._result, f"{said}/STATUS10")
        number_ = options.output
        self._power_keys = ("POWER", "POWER1") if number_ in ("", "1") else (f"POWER{number_}",)
        self._output = Output(options.kind)
        self._chip_of: dict[str, str] = {}

    def hear(self, topic: str, payload: bytes, retain: bool) -> Iterable[Heard]:
        if topic == self._lwt:
            word = text(payload).lower()
            return (Available(word == "online"),) if word in ("online", "offline") else ()
        found = json_object(payload)
        if found is None:
            return (Garbled(shown(payload)),)
        if topic == self._result and str(found.get("Command", "")).startswith(("Unknown", "Error")):
            return (NotDone(f"it answers: {found['Command']}"),)
        return self._read(found, retain)

    def ask(self) -> tuple[Publish, ...]:
        if self._kind is Kind.SENSOR:
            return (Publish(f"{self._command}/STATUS", "10"),)
        return (Publish(f"{self._command}/STATE", ""),)

    def tell(self, command: Command) -> tuple[Publish, ...]:
        if command.target.capability is Capability.LEVEL and (level := float(command.value)) > 0:
            return (Publish(f"{self._command}/Dimmer", str(max(1, round(level)))),)
        word = self._options.payload_on if command.value else self._options.payload_off
        return (Publish(f"{self._command}/{self._power_keys[-1] if self._options.output else 'POWER'}", word),)

    def _read(self, found: dict[str, Any], retain: bool) -> Iterator[Heard]:
        if self._kind is not Kind.SENSOR:
            on = next((self._on(found[key]) for key in self._power_keys if key in found), None)
            yield from self._output.says(on, finite(found.get("Dimmer")))
        sensors = found["StatusSNS"] if isinstance(found.get("StatusSNS"), dict) else found
        for chip, values in sensors.items():
            if chip == "Switch1" and self._kind is Kind.SENSOR and (closed := self._on(values)) is not None:
                yield Measured("presence", closed)
            elif isinstance(values, dict):
                yield from () if retain else action(values.get("Action"))
                yield from self._measured(chip, values, fahrenheit=sensors.get("TempUnit") == "F")

    def _measured(self, chip: str, values: dict[str, Any], fahrenheit: bool) -> Iterator[Heard]:
        """The first chip that measures something has the plain name; a second one has its own before it."""
        for name, value in values.items():
            if (metric := _MEASURES.get(name)) is None:
                continue
            if metric == "temperature_c" and fahrenheit:
                warm = finite(value)
                value = None if warm is None else (warm - 32) / 1.8
            if self._chip_of.setdefault(metric, chip) != chip:
                metric = f"{re.sub('[^a-z0-9]+', '_', chip.lower()).strip('_')}_{metric}"[:48]
            yield from number(metric, value)

    def _on(self, word: object) -> bool | None:
        known = {self._options.payload_on.upper(): True, self._options.payload_off.upper(): False}
        return known.get(str(word).upper())
