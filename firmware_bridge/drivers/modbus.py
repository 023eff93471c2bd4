"""A sensor or meter that speaks Modbus RTU, alone or with others on one RS-485 line.

Wire A to A and B to B from device to device, with a resistor of 120 ohms at both ends, to one RS-485 adapter on the
gateway. Each device on the line needs an address of its own, and all of them the same speed: set both with the maker's
program before you wire them together. In the room's file each is a device of its own that names the same port; the line
is then opened once and they take turns. A device that is dead does not hold up the others.

Maps: `adtek-wall-co2` (CO2, temperature, humidity), `xy-md02` (temperature, humidity; SHT20), `eastron-sdm120` and
`pzem-016` (electric power). One of your own is a file like those in `firmware_bridge/modbus_maps`; give its path.

Controls: none. Readings: those of the map, under its names. A value that the device cannot measure is left out, and the
device is in fault (`out-of-range`): it is broken, or its map has the wrong order of bytes.

Source: Modbus Application Protocol 1.1b3; MODBUS over Serial Line 1.02.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator

from classroom_profiles.capability import Command
from classroom_profiles.metrics import unit
from classroom_profiles.model import Model
from classroom_profiles.offer import Offer
from classroom_profiles.problem import DocumentError
from classroom_profiles.reading import Change, Health, HealthState, Reading
from classroom_profiles.state import Control
from classroom_profiles.wiring import Address
from firmware_bridge.driver import DriverKind, Wires, reading
from firmware_bridge.errors import BadReply, NotNow, Refused, Timeout
from firmware_bridge.modbus_bus import LineSettings, ModbusBus
from firmware_bridge.modbus_map import load_map
from firmware_bridge.transports.ports import USB, port_address

_ONLINE = Health(HealthState.ONLINE)
_OUT_OF_RANGE = Health(HealthState.FAULT, "out-of-range")


class Options(Model):
    port: str = Field(
        min_length=1, description="the line's serial port, the same for all devices on it: /dev/serial/by-id/usb-…"
    )
    map: str = Field(
        description="what it measures: adtek-wall-co2, xy-md02, eastron-sdm120, pzem-016, or the path of your own file"
    )
    slave: int | None = Field(None, ge=1, le=247, description="its address on the line, where it is not the map's")
    baudrate: int | None = Field(None, ge=300, le=921_600, description="bits a second, where they are not the map's")
    parity: Literal["N", "E", "O"] | None = Field(None, description="none, even or odd, where it is not the map's")
    stopbits: Literal[1, 2] | None = Field(None, description="stop bits, where they are not the map's")
    poll_s: float = Field(5.0, gt=0, le=3600, description="seconds between two looks at it")
    answer_s: float = Field(0.3, gt=0, le=5, description="seconds it may think before its answer begins")
    misses: int = Field(3, ge=1, le=100, description="so many looks must fail in a row before it counts as lost")

    @field_validator("map")
    @classmethod
    def _map_is_there(cls, name: str) -> str:
        try:
            load_map(name)
        except KeyError as missing:
            raise ValueError(missing.args[0]) from missing
        except DocumentError as wrong:
            raise ValueError("; ".join(str(problem) for problem in wrong.problems)) from wrong
        return name


class ModbusDevice:
    """One device on a line."""

    def __init__(self, options: Options, wires: Wires) -> None:
        self._options = options
        self._lines = wires.lines
        self._map = load_map(options.map)
        self._blocks = self._map.blocks
        self._slave = options.slave or self._map.slave
        self._settings = LineSettings(
            options.baudrate or self._map.baudrate,
            options.parity or self._map.parity,
            options.stopbits or self._map.stopbits,
        )
        self._open = AsyncExitStack()
        self._bus: ModbusBus | None = None
        self._first: tuple[Change, ...] = ()

    @property
    def controls(self) -> tuple[Control, ...]:
        return ()

    async def __aenter__(self) -> Self:
        port, settings = self._options.port, self._settings
        async with AsyncExitStack() as opening:
            borrowed = self._lines.borrow(_key(port), ModbusBus, lambda: ModbusBus(port, settings))
            bus = await opening.enter_async_context(borrowed)
            if bus.settings != settings:
                raise Refused(
                    f"{port} runs at {bus.settings} for another device, this one wants {settings}; set all alike"
                )
            self._first = await self._look(bus)
            self._bus = bus
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._bus = None
        await self._open.aclose()

    async def changes(self) -> AsyncIterator[Change]:
        assert self._bus is not None, "else it is not open"
        bus, health, missed, seen = self._bus, None, 0, self._first
        while True:
            for change in seen:
                if change != health:
                    yield change
                health = change if isinstance(change, Health) else health
            await bus.pause(self._options.poll_s)
            try:
                seen, missed = await self._look(bus), 0
            except (Timeout, BadReply, NotNow):  # a spark, or it was busy: the next look will tell
                seen, missed = (), missed + 1
                if missed >= self._options.misses:
                    raise

    async def check(self, command: Command) -> None:
        raise Refused(f"it only measures; it has no {command.target}")

    async def command(self, command: Command) -> None:
        await self.check(command)

    async def _look(self, bus: ModbusBus) -> tuple[Change, ...]:
        """Its health and all that it measures."""
        found: dict[str, float | None] = {}
        for block in self._blocks:
            registers = await bus.read(self._slave, block, self._options.answer_s)
            found |= self._map.values(block, registers)
        said: list[Reading] = []
        for metric in self._map.readings:
            value = found[metric]
            if value is not None:
                said.append(reading(metric, value, unit(metric)))
        return (_ONLINE if len(said) == len(found) else _OUT_OF_RANGE, *said)


def _key(port: str) -> str:
    """One name for a port that is called by several."""
    return port if port.startswith(USB) else str(Path(port).resolve())


def make(options: Options, wires: Wires) -> ModbusDevice:
    return ModbusDevice(options, wires)


_SAMPLE: dict[str, Any] = {
    "port": "/dev/serial/by-id/usb-FTDI_USB-RS485_Cable-if00-port0",
    "map": "xy-md02",
    "slave": 2,
}


def offer(options: Options) -> Offer:
    return Offer(frozenset(), frozenset(load_map(options.map).readings))


def address(options: Options) -> Address:
    return port_address(options.port, f"slave {options.slave or load_map(options.map).slave}")


DRIVER = DriverKind(Options, make, _SAMPLE, offer, address)
