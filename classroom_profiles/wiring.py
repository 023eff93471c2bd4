"""Where devices are on their wires, and what cannot be as it is written: two at one place, a deaf one that is told.

Pure, and of no driver in particular: each says from its options alone what address they make and what it would take.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from classroom_profiles.offer import OfferOf
from classroom_profiles.problem import Loc
from classroom_profiles.role import TAKES
from classroom_profiles.room import Device


@dataclass(frozen=True, slots=True)
class Address:
    """One place on one wire."""

    option: str
    """The option that says where, for a message to point at."""
    place: str
    """The same text for the same place, as people read it: `/dev/ttyUSB0`, `192.168.10.31:80`."""
    part: str = ""
    """Which of several behind it: `slave 3`, `relay 1`. Empty: all of it."""

    def __str__(self) -> str:
        return f"{self.place} ({self.part})" if self.part else self.place


AddressOf = Callable[[Device], Address | None]
"""Never raises; None where nobody can say."""


def nowhere_known(_: Device) -> Address | None:
    return None


def miswired(devices: Iterable[tuple[int, Device]], address_of: AddressOf, offer_of: OfferOf) -> list[tuple[Loc, str]]:
    """What is wrong, each with its place. `devices`: those that are right in themselves, with their numbers."""
    wrong: list[tuple[Loc, str]] = []
    taken: dict[str, list[tuple[int, Device, Address]]] = {}
    for number, device in devices:
        if (deaf := _deaf(device, offer_of)) is not None:
            wrong.append((("devices", number, "role"), deaf))
        if (address := address_of(device)) is None:
            continue
        here = taken.setdefault(address.place, [])
        for other_number, other, there in here:
            if other.driver != device.driver or not address.part or not there.part or address.part == there.part:
                message = f"devices[{other_number}] ('{other.id}') is at {there} already; each device needs its own"
                wrong.append((("devices", number, "options", address.option), message))
                break
        here.append((number, device, address))
    return wrong


def _deaf(device: Device, offer_of: OfferOf) -> str | None:
    needed, controls = TAKES.get(device.role, ()), offer_of(device).controls
    if not needed or controls is None or any(control.capability in needed for control in controls):
        return None
    takes = ", ".join(sorted({control.capability for control in controls})) or "nothing"
    told, driver = " or ".join(needed), device.driver
    return f"a '{device.role}' is told {told}, and this '{driver}' takes {takes}; correct its options, or its role"
