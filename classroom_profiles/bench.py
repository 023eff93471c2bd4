"""A bench: the devices of a room that make one experiment, real or simulated.

The devices of one `group` are a bench, unless all of them are robot kits, whose groups are tables. A device of role
`experiment` without a group is a bench by itself, under its own id.
"""

from dataclasses import dataclass

from classroom_profiles.model import Name
from classroom_profiles.role import Role
from classroom_profiles.room import Device, Room

LEASABLE = frozenset({Role.EXPERIMENT, Role.ROBOT_KIT, Role.PRINTER_3D})
"""Single devices that can be held; of all others, only as part of a bench."""


@dataclass(frozen=True, slots=True)
class Bench:
    id: str
    name: Name
    devices: tuple[Device, ...]

    def has(self, device_id: str) -> bool:
        return any(device.id == device_id for device in self.devices)


def benches(room: Room) -> tuple[Bench, ...]:
    """In the order in which the room's file names them first."""
    groups: dict[str, list[Device]] = {}
    for device in room.devices:
        if device.group is not None:
            groups.setdefault(device.group, []).append(device)
        elif device.role is Role.EXPERIMENT:
            groups[device.id] = [device]
    return tuple(
        Bench(name, _name(name, devices), tuple(devices))
        for name, devices in groups.items()
        if any(device.role is not Role.ROBOT_KIT for device in devices)
    )


def covered(room: Room, target: str) -> frozenset[str]:
    """The devices that a hold on `target`, a bench or a single device, keeps from others. Empty: it cannot be held."""
    for bench in benches(room):
        if bench.id == target:
            return frozenset(device.id for device in bench.devices)
    device = room.device(target)
    return frozenset({target}) if device is not None and device.role in LEASABLE else frozenset()


def _name(bench: str, devices: list[Device]) -> Name:
    named = [device.name for device in devices if device.role is Role.EXPERIMENT and device.name is not None]
    return named[0] if len(named) == 1 else Name(vi=f"Bàn {bench}", en=f"Bench {bench}")
