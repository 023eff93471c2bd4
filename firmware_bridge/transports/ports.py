"""Which board is behind which serial port: by the serial number in its USB chip, whatever socket it is put into.

Pure over descriptions of ports; `seen` reads those of this computer.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from classroom_profiles.wiring import Address
from firmware_bridge.errors import Unplugged, Unreachable

USB = "usb:"
"""Before the serial number, where a port is named by its board."""


class SeveralBoards(Unreachable):
    """Which of them is meant cannot be told."""

    reason = "several-boards"


@dataclass(frozen=True, slots=True, order=True)
class SeenPort:
    """A serial port as the system describes it."""

    device: str
    """Such as /dev/ttyACM0."""
    serial_number: str | None = None
    vendor_id: int | None = None
    product_id: int | None = None
    product: str = ""

    @property
    def usb_id(self) -> str:
        """As `2341:0043`; empty for what is not USB."""
        return "" if self.vendor_id is None else f"{self.vendor_id:04x}:{self.product_id or 0:04x}"


def seen() -> tuple[SeenPort, ...]:
    """The ports of this computer."""
    return tuple(
        sorted(
            SeenPort(port.device, port.serial_number, port.vid, port.pid, port.product or port.description or "")
            for port in list_ports.comports()
        )
    )


def device_of(name: str, ports: Iterable[SeenPort]) -> str:
    """The device to open for a port's name: itself, or for `usb:NUMBER` the port of the board with that number.

    Raises Unplugged if no board has it, SeveralBoards if several have (clones are made with one number).
    """
    if not name.startswith(USB):
        return name
    number = name.removeprefix(USB)
    there = list(ports)
    found = [port.device for port in there if _same(port.serial_number, number)]
    if len(found) > 1:
        raise SeveralBoards(
            f"{len(found)} boards say that they are {number} ({', '.join(found)}); name the port instead"
        )
    if not found:
        known = ", ".join(sorted(port.serial_number for port in there if port.serial_number)) or "none"
        raise Unplugged(f"no board {number} is plugged in; boards here: {known}")
    return found[0]


def port_address(port: str, part: str = "") -> Address:
    """Of what is on this port; `part` where several share it."""
    return Address("port", port.casefold() if port.startswith(USB) else os.path.normpath(port), part)


def behind(name: str, ports: Iterable[SeenPort]) -> SeenPort | None:
    """What is known of the port that is called `name`: by number, by device, or by a link to it."""
    there = list(ports)
    try:
        device = device_of(name, there)
    except Unreachable:
        return None
    real = str(Path(device).resolve())
    return next((port for port in there if port.device in (device, real)), None)


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.casefold() == other.casefold()
