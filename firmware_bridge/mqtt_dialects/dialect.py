"""What a dialect is: messages in, what they mean out; commands in, messages out."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from classroom_profiles.capability import Capability, Command, Target, Value


class Kind(StrEnum):
    SWITCH = "switch"
    DIMMER = "dimmer"
    SENSOR = "sensor"


@dataclass(frozen=True, slots=True)
class Publish:
    topic: str
    payload: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One value that the device says of itself."""

    metric: str
    value: Value
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Available:
    """The device, or who speaks for it, says whether it is there."""

    online: bool


@dataclass(frozen=True, slots=True)
class NotDone:
    """The device answers that it does not know the command."""

    words: str


@dataclass(frozen=True, slots=True)
class Garbled:
    """What came is nothing that this dialect has."""

    words: str


Heard = Measured | Available | NotDone | Garbled


class Dialect(Protocol):
    """One device's way of speaking. Remembers what it must to understand the next message, and nothing else."""

    @property
    def topics(self) -> tuple[str, ...]:
        """What to listen to."""

    @property
    def can_be_asked(self) -> bool:
        """True if it answers questions, so that its silence means something."""

    @property
    def says_if_there(self) -> bool:
        """True if whether it is there is always said, so that an old state need not stand for it."""

    def hear(self, topic: str, payload: bytes, retain: bool) -> Iterable[Heard]:
        """What a message means; nothing if it means nothing to us."""

    def ask(self) -> tuple[Publish, ...]:
        """How to ask for its state."""

    def tell(self, command: Command) -> tuple[Publish, ...]:
        """How to bring it where `command` says. `command` is one that its kind has."""


# --- what devices measure --------------------------------------------------------------------------------------------

UNITS: Mapping[str, str] = {
    "temperature_c": "°C",
    "humidity_percent": "%",
    "pressure_hpa": "hPa",
    "co2_ppm": "ppm",
    "voc_ppb": "ppb",
    "pm25_ugm3": "µg/m³",
    "noise_db": "dB",
    "illuminance_lux": "lx",
    "power_w": "W",
    "energy_kwh": "kWh",
    "voltage_v": "V",
    "current_a": "A",
    "distance_cm": "cm",
    "battery_percent": "%",
    "linkquality": "",
}
"""Every measured metric and its unit as people read it."""


def number(metric: str, value: object, factor: float = 1.0) -> Iterable[Measured]:
    """A measured number; nothing if `value` is none, so that a metric never changes its type."""
    read = finite(value)
    return () if read is None else (Measured(metric, read * factor, UNITS.get(metric, "")),)


def finite(value: object) -> float | None:
    """A number, also one written as text; None for what is none, is true or false, or has no end."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def action(name: object) -> Iterable[Measured]:
    """A button was pressed. Each time is an event, also the same again."""
    return (Measured("action", name.lower()[:64]),) if isinstance(name, str) and name else ()


# --- lamps and relays ------------------------------------------------------------------------------------------------

SWITCH = Target(Capability.SWITCH)
LEVEL = Target(Capability.LEVEL)


class Output:
    """What a relay or a dimmer says of itself, put together from messages that may tell only half.

    The level is what leaves the lamp: 0 while it is off, whatever it keeps for the next time.
    """

    def __init__(self, kind: Kind) -> None:
        self._dims = kind is Kind.DIMMER
        self._on: bool | None = None
        self._level: float | None = None

    def says(self, on: bool | None = None, level: float | None = None) -> Iterable[Measured]:
        """`level` in percent."""
        self._on = self._on if on is None else on
        if level is not None and level > 0:
            self._level = min(100.0, level)
        if on is not None:
            yield Measured(SWITCH.metric, on)
        if self._dims and self._on is False:
            yield Measured(LEVEL.metric, 0.0, "%")
        elif self._dims and self._on and self._level is not None:
            yield Measured(LEVEL.metric, self._level, "%")


# --- payloads --------------------------------------------------------------------------------------------------------


def json_object(payload: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def text(payload: bytes) -> str:
    return payload.decode("utf-8", "replace").strip()


def shown(payload: bytes) -> str:
    """Something of it for a person: short and printable."""
    return repr(payload[:40].decode("utf-8", "replace")) + ("…" if len(payload) > 40 else "")
