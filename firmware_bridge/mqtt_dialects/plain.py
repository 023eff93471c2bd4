"""Plain topics: a word or a number at one topic, commands to another, and perhaps `online` or `offline` at a third."""

from collections.abc import Iterable, Iterator

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

_NAMES = {
    "temperature": "temperature_c",
    "humidity": "humidity_percent",
    "pressure": "pressure_hpa",
    "co2": "co2_ppm",
    "illuminance": "illuminance_lux",
    "power": "power_w",
    "energy": "energy_kwh",
    "voltage": "voltage_v",
    "current": "current_a",
    "battery": "battery_percent",
}
_FLAGS = {"occupancy": "presence", "presence": "presence", "motion": "presence"}


class Plain:
    """A device of somebody's own making."""

    can_be_asked = False

    def __init__(self, options: Options) -> None:
        self._options = options
        self._kind = options.kind
        self._command = options.command_topic or f"{options.topic}/set"
        self._state = options.state_topic or f"{options.topic}/state"
        self._availability = options.availability_topic
        self.says_if_there = self._availability is not None
        self.topics = (*((self._availability,) if self._availability else ()), self._state)
        self._output = Output(options.kind)

    def hear(self, topic: str, payload: bytes, retain: bool) -> Iterable[Heard]:
        word = text(payload)
        if topic == self._availability:
            return (Available(word.lower() == "online"),) if word.lower() in ("online", "offline") else ()
        read = tuple(self._sensor(payload, word) if self._kind is Kind.SENSOR else self._lamp(word))
        if retain:  # a press that was kept is none
            return tuple(one for one in read if one.metric != "action")
        return read or (Garbled(shown(payload)),)

    def ask(self) -> tuple[Publish, ...]:
        return ()

    def tell(self, command: Command) -> tuple[Publish, ...]:
        if command.target.capability is Capability.LEVEL:
            return (Publish(self._command, f"{float(command.value):g}"),)
        return (Publish(self._command, self._options.payload_on if command.value else self._options.payload_off),)

    def _lamp(self, word: str) -> Iterable[Measured]:
        if word in (self._options.payload_on, self._options.payload_off):
            return self._output.says(on=word == self._options.payload_on)
        level = finite(word) if self._kind is Kind.DIMMER else None
        return () if level is None else self._output.says(on=level > 0, level=level)

    def _sensor(self, payload: bytes, word: str) -> Iterator[Measured]:
        values = json_object(payload)
        if values is None:
            values = {self._options.metric or "value": word}
        for name, value in values.items():
            if name == "action":
                yield from action(value)
            elif name in _FLAGS or name == self._options.metric:
                yield from self._one(_FLAGS.get(name, name), value)
            elif metric := _NAMES.get(name, name if name == "value" else ""):
                yield from number(metric, value)

    def _one(self, metric: str, value: object) -> Iterable[Measured]:
        if isinstance(value, bool):
            return (Measured(metric, value),)
        if value in (self._options.payload_on, self._options.payload_off):
            return (Measured(metric, value == self._options.payload_on),)
        return number(metric, value)
