"""What simulated Modbus devices measure, and how it stands in their registers by their makers' sheets.

Written apart from the maps that the driver reads by: a mistake in one shows up against the other. No I/O.
"""

import random
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

INPUT, HOLDING = 4, 3
"""Function codes."""

Values = dict[str, float]
Registers = dict[int, int]


@dataclass(frozen=True, slots=True)
class MeterKind:
    """A make of device."""

    function: int
    """The only function code that it answers."""
    begin: Mapping[str, float]
    """What it measures at first."""
    swing: Mapping[str, float]
    """How far each value wanders from there."""
    registers: Callable[[Values], Registers]
    most: int = 125
    """Registers that it gives in one answer."""


def _word(value: float) -> int:
    return round(value) & 0xFFFF


def _low_word_first(at: int, value: float) -> Iterator[tuple[int, int]]:
    whole = round(value)
    yield at, whole & 0xFFFF
    yield at + 1, whole >> 16


def _xy_md02(values: Values) -> Registers:
    return {1: _word(values["temperature_c"] * 10), 2: _word(values["humidity_percent"] * 10)}


def _adtek(values: Values) -> Registers:
    """Registers 2 to 4 have a meaning that the sheet does not tell; they read 0."""
    temperature, humidity = _word(values["temperature_c"] * 10), _word(values["humidity_percent"] * 10)
    return {0: temperature, 1: humidity, 2: 0, 3: 0, 4: 0, 5: _word(values["co2_ppm"]), 6: 0}


_SDM120 = {0: "voltage_v", 6: "current_a", 12: "power_w", 30: "power_factor", 70: "frequency_hz", 342: "energy_kwh"}


def _sdm120(values: Values) -> Registers:
    """Each value is a float in two registers; numbers that it has no value for read 0."""
    found = dict.fromkeys([*range(0x00, 0x64), *range(0x102, 0x10A), *range(0x156, 0x15A)], 0)
    for at, name in _SDM120.items():
        found[at], found[at + 1] = struct.unpack(">HH", struct.pack(">f", values[name]))
    return found


def _pzem_016(values: Values) -> Registers:
    found = {0: _word(values["voltage_v"] * 10)}
    found |= dict(_low_word_first(1, values["current_a"] * 1000))
    found |= dict(_low_word_first(3, values["power_w"] * 10))
    found |= dict(_low_word_first(5, values["energy_kwh"] * 1000))
    found[7], found[8] = _word(values["frequency_hz"] * 10), _word(values["power_factor"] * 100)
    found[9] = 0  # no alarm
    return found


_ROOM = {"temperature_c": 27.4, "humidity_percent": 63.5}
_ROOM_SWING = {"temperature_c": 1.5, "humidity_percent": 4.0}
_MAINS = {
    "voltage_v": 229.7,
    "current_a": 3.214,
    "power_w": 702.5,
    "energy_kwh": 148.25,
    "frequency_hz": 50.0,
    "power_factor": 0.95,
}
_MAINS_SWING = {"voltage_v": 4.0, "current_a": 0.3, "power_w": 60.0, "frequency_hz": 0.05}

KINDS: dict[str, MeterKind] = {
    "xy-md02": MeterKind(INPUT, _ROOM, _ROOM_SWING, _xy_md02),
    "adtek-wall-co2": MeterKind(
        HOLDING, {**_ROOM, "co2_ppm": 640.0}, {**_ROOM_SWING, "co2_ppm": 200.0}, _adtek, most=16
    ),
    "eastron-sdm120": MeterKind(INPUT, _MAINS, _MAINS_SWING, _sdm120, most=60),
    "pzem-016": MeterKind(INPUT, _MAINS, _MAINS_SWING, _pzem_016, most=10),
}


class Measuring:
    """Values that wander a little with each look, seeded, or stay as a test sets them."""

    def __init__(self, kind: MeterKind, seed: int, *, steady: bool) -> None:
        self.values: Values = dict(kind.begin)
        self._kind = kind
        self._steady = steady
        self._chance = random.Random(seed)

    def look(self) -> Registers:
        if not self._steady:
            for name, swing in self._kind.swing.items():
                home = self._kind.begin[name]
                step = self._chance.uniform(-0.1, 0.1) * swing
                self.values[name] = min(home + swing, max(home - swing, self.values[name] + step))
        return self._kind.registers(self.values)
