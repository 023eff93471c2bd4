"""The robot kits of a room: chosen by group or by name, and which of the boards that are plugged in each of them is."""

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from classroom_profiles.model import Name
from classroom_profiles.problem import did_you_mean
from classroom_profiles.role import Role
from classroom_profiles.room import Device, Room
from firmware_bridge.driver import Driver, Wires, find
from firmware_bridge.errors import Unreachable
from firmware_bridge.transports.ports import SeenPort, behind, device_of


class NoSuchKit(LookupError):
    """The text says which kits and groups there are."""


@dataclass(frozen=True, slots=True)
class Kit:
    """One robot kit."""

    id: str
    name: Name
    driver: str
    port: str
    """As the room names it: `usb:NUMBER`, a device, or a link; empty for a kit that is on no cable."""
    opened: Callable[[], AbstractAsyncContextManager[Driver]]
    """A new conversation with it. Whoever has one already may lend it here. Raises DeviceError when entered."""
    group: str = ""
    battery: bool = False
    """Whether it can measure its battery."""


@dataclass(frozen=True, slots=True)
class Identified:
    """Kits and boards brought together."""

    found: dict[str, SeenPort | None]
    """Kit to what the system says of its board; None for a port that is there without USB."""
    missing: dict[str, str]
    """Kit to why its board cannot be told."""
    strangers: tuple[SeenPort, ...]
    """USB boards that no kit of the room names."""


def kits_of(room: Room, groups: Collection[str] = (), ids: Collection[str] = ()) -> tuple[Kit, ...]:
    """All kits, or those of the groups and ids given, in the room's order. Raises NoSuchKit."""
    devices = room.having(Role.ROBOT_KIT)
    known_groups = dict.fromkeys(device.group for device in devices if device.group)
    for group in groups:
        if group not in known_groups:
            raise NoSuchKit(f"no group '{group}' of robot kits{did_you_mean(group, known_groups)}")
    known = [device.id for device in devices]
    for one in ids:
        if one not in known:
            raise NoSuchKit(f"no robot kit '{one}'{did_you_mean(one, known)}")
    chosen = [device for device in devices if (not groups and not ids) or device.group in groups or device.id in ids]
    return tuple(_kit(device) for device in chosen)


def identify(kits: Iterable[Kit], ports: Iterable[SeenPort], there: Callable[[str], bool]) -> Identified:
    """Which board is which kit. `there` says whether a device exists; a pty has no number, its link stands for it."""
    seen = tuple(ports)
    found: dict[str, SeenPort | None] = {}
    missing: dict[str, str] = {}
    taken: dict[str, str] = {}
    for kit in kits:
        if not kit.port:
            continue
        try:
            device = device_of(kit.port, seen)
        except Unreachable as wrong:
            missing[kit.id] = str(wrong)
            continue
        board = behind(kit.port, seen)
        real = board.device if board else device
        if real in taken:
            missing[kit.id] = f"{kit.port} is {taken[real]} already; correct the room's file"
        elif board is None and not there(device):
            missing[kit.id] = f"{kit.port} is not there; is it plugged in, and switched on?"
        else:
            found[kit.id] = board
            taken[real] = kit.id
    strangers = tuple(port for port in seen if port.vendor_id is not None and port.device not in taken)
    return Identified(found, missing, strangers)


def _kit(device: Device) -> Kit:
    options: dict[str, Any] = device.options
    pins = options.get("pins", {})
    battery = "battery" in options or (isinstance(pins, dict) and "battery_percent" in pins)

    def opened() -> AbstractAsyncContextManager[Driver]:
        driver: Driver = find(device.driver).open(options, Wires())
        return driver

    port = str(options.get("port", ""))
    return Kit(device.id, device.shown_name, device.driver, port, opened, device.group or "", battery)
