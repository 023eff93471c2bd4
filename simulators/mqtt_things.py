"""What hangs on the room's MQTT broker: switches, dimmers and sensors that remember. No I/O."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from classroom_profiles.role import Role
from classroom_profiles.room import Device

Kind = Literal["switch", "dimmer", "sensor"]
Measured = float | bool


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a simulated quantity behaves: where it stays around, how far it strays, how fast."""

    middle: float
    spread: float
    step: float
    decimals: int = 1


QUANTITIES: dict[str, Quantity] = {
    "temperature": Quantity(27.5, 3.0, 0.2),
    "humidity": Quantity(65.0, 12.0, 0.8),
    "co2": Quantity(750.0, 350.0, 25.0, 0),
    "illuminance": Quantity(380.0, 150.0, 12.0, 0),
    "power": Quantity(220.0, 120.0, 15.0),
    "gas_ppm": Quantity(25.0, 15.0, 2.0, 0),
}
_RESTING = {"presence": True, "contact": True, "smoke": False, "gas": False}
"""What is true or false, and how it is while nothing happens; only people come and go by themselves."""

_MEASURED_BY: dict[Role, tuple[str, ...]] = {
    Role.AIR_SENSOR: ("temperature", "humidity", "co2"),
    Role.LIGHT_SENSOR: ("illuminance",),
    Role.PRESENCE_SENSOR: ("presence",),
    Role.POWER_METER: ("power",),
    Role.GAS_SENSOR: ("gas_ppm",),
    Role.SMOKE_SENSOR: ("smoke",),
    Role.DOOR_SENSOR: ("contact",),
    Role.BUTTON: (),
    Role.EMERGENCY_STOP: (),
}


@dataclass(slots=True)
class Thing:
    """One device. A test reads `on`, `level` and `commands`, sets `values`, `drifts` and `obeys`."""

    id: str
    kind: Kind
    topic: str
    options: Mapping[str, Any]
    is_button: bool = False
    on: bool = False
    level: float = 100.0
    """Percent that a dimmer has when it is on."""
    values: dict[str, Measured] = field(default_factory=dict)
    drifts: bool = True
    """False: its values stay as they were set, as beside an open gas tap."""
    obeys: bool = True
    """False: it takes commands and stays as it is."""
    commands: list[tuple[str, str]] = field(default_factory=list)
    """Topic and payload of all that it was told."""
    _chance: random.Random = field(default_factory=random.Random)

    def set_on(self, on: bool) -> None:
        if self.obeys and self.kind != "sensor":
            self.on = on
            if on and self.level <= 0:
                self.level = 100.0

    def set_level(self, percent: float) -> None:
        """0 turns it off and keeps the level for the next time, as dimmers do."""
        if self.obeys and self.kind == "dimmer":
            self.on = percent > 0
            if self.on:
                self.level = min(100.0, percent)

    @property
    def shown_level(self) -> float:
        return self.level if self.on else 0.0

    def drift(self) -> None:
        """Let some time pass: each quantity takes one small step and is drawn back to its middle."""
        for name in self.values if self.drifts else ():
            self.values[name] = self._next(name)

    def _next(self, name: str) -> Measured:
        now = self.values[name]
        if name not in QUANTITIES:
            return bool(now) != (name == "presence" and self._chance.random() < 0.05)
        how = QUANTITIES[name]
        step = self._chance.uniform(-how.step, how.step) + (how.middle - now) * 0.02
        bounded = min(how.middle + how.spread, max(how.middle - how.spread, now + step))
        return round(bounded, how.decimals)


def thing(device: Device, seed: int) -> Thing:
    """The thing that plays a device of the room; its values are the same for the same seed."""
    options = device.options
    measured: Sequence[str] = _MEASURED_BY.get(device.role, ("temperature", "humidity"))
    if device.role is Role.GAS_SENSOR and options.get("dialect") == "zigbee2mqtt":
        measured = ("gas",)
    kind: Kind = options.get("kind", "sensor" if device.role in _MEASURED_BY else "switch")
    chance = random.Random(f"{seed}/{device.id}")
    values: dict[str, Measured] = {}
    if kind == "sensor":
        for name in measured:
            how = QUANTITIES.get(name)
            values[name] = (
                _RESTING.get(name, True)
                if how is None
                else round(chance.uniform(-0.5, 0.5) * how.spread + how.middle, how.decimals)
            )
    return Thing(
        device.id,
        kind,
        str(options.get("topic", device.id)),
        options,
        is_button=device.role in (Role.BUTTON, Role.EMERGENCY_STOP),
        values=values,
        _chance=chance,
    )
