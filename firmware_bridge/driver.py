"""The contract of a driver: made from validated options, opened, read as a stream of changes, told commands.

The life of a driver, always in the hands of one supervisor (and nobody else retries):

    driver = kind.make(options, wires)
    async with driver:                    opens the line; raises DeviceError if it cannot
        async for change in driver.changes():     ends only by raising DeviceError: the line is lost
            ...
        await driver.command(command)     at the same time, from any task; one conversation at a time inside
    # then closed; after a loss, a new driver is made and opened
"""

import importlib
import pkgutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from pydantic import ValidationError

from classroom_profiles.capability import Command, Value
from classroom_profiles.model import Model
from classroom_profiles.offer import UNKNOWN, Offer
from classroom_profiles.reading import Change, Reading
from classroom_profiles.room import Device
from classroom_profiles.state import Control
from classroom_profiles.wiring import Address
from firmware_bridge.transports.shared import SharedLines

if TYPE_CHECKING:
    from firmware_bridge.transports.mqtt import MqttLink

GROUP = "lophoc.drivers"


@dataclass(slots=True)
class Mark:
    """The last sample heard of a device that numbers them. The gateway keeps it while its drivers come and go."""

    session: str = ""
    run: int = 0
    n: int = -1


@dataclass(frozen=True, slots=True)
class Wires:
    """What the gateway lends to its drivers."""

    mqtt: "MqttLink | None" = None
    """The one connection to the room's broker, shared by all devices on it; None where there is no broker."""
    lines: SharedLines = field(default_factory=SharedLines)
    """Serial lines on which several devices hang: each is open once."""
    mark: Mark | None = None
    """Of this device; None where nobody keeps one."""


class Driver(Protocol):
    """One device."""

    @property
    def controls(self) -> tuple[Control, ...]:
        """What it can be told. Complete once it is open; empty for a sensor."""

    async def __aenter__(self) -> Self:
        """Open the line and learn what the device is. Raises DeviceError; never hangs."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the line. Idempotent; leaves no task running."""

    def changes(self) -> AsyncIterator[Change]:
        """Health first, then every metric that it has, then each change of either. Raises DeviceError at the end.

        A reading that confirms a command is yielded here too.
        """

    async def check(self, command: Command) -> None:
        """Could this be done now? Touches nothing. Raises the DeviceError that `command` would raise now."""

    async def command(self, command: Command) -> None:
        """Returns only when the device itself confirmed the new state.

        While the device is warming or cooling it waits for the moment when the command can be done; the caller
        bounds it with a timeout and may cancel it. Raises Unreachable, Refused, NotNow, Timeout or BadReply.
        """


OptionsT = TypeVar("OptionsT", bound=Model)


@dataclass(frozen=True, slots=True)
class DriverKind(Generic[OptionsT]):
    """A driver as its module offers it, in a variable named DRIVER. The module's docstring is its documentation."""

    options: type[OptionsT]
    make: Callable[[OptionsT, Wires], Driver]
    sample: Mapping[str, Any]
    """Options that are valid, printed by `lophoc driver show`."""
    offer: Callable[[OptionsT], Offer] | None = None
    """What an interlock can rely on before the device was ever open, from its options alone."""
    address: Callable[[OptionsT], Address] | None = None
    """Where on its wire the options say that it is, so that no two devices are written to one place."""

    def open(self, options: Mapping[str, Any], wires: Wires) -> Driver:
        """Raises pydantic.ValidationError."""
        return self.make(self.options.model_validate(dict(options)), wires)


def reading(metric: str, value: Value, unit: str = "", *, simulated: bool = False) -> Reading:
    """A reading of now."""
    return Reading(metric, value, unit, time.time_ns() // 1000, time.monotonic_ns() // 1000, simulated)


def names() -> list[str]:
    """Every driver installed: the modules of `firmware_bridge.drivers` (with - for _), then third parties'."""
    drivers = importlib.import_module("firmware_bridge.drivers")
    own = {module.name.replace("_", "-") for module in pkgutil.iter_modules(drivers.__path__)}
    return sorted(own | {entry.name for entry in entry_points(group=GROUP)})


def module_of(name: str) -> str:
    """The module that has the driver `name`. Raises KeyError."""
    if name not in names():
        raise KeyError(name)
    third_party = next((entry for entry in entry_points(group=GROUP) if entry.name == name), None)
    return third_party.module if third_party else f"firmware_bridge.drivers.{name.replace('-', '_')}"


def find(name: str) -> DriverKind[Any]:
    """The driver of that name, its module imported now and not before. Raises KeyError for an unknown name."""
    kind = importlib.import_module(module_of(name)).DRIVER
    if not isinstance(kind, DriverKind):
        raise TypeError(f"{module_of(name)}.DRIVER is not a DriverKind")
    return kind


def offer_of(device: Device) -> Offer:
    """What the device will have, as far as its driver knows before it is open."""
    try:
        kind = find(device.driver)
        return UNKNOWN if kind.offer is None else kind.offer(kind.options.model_validate(device.options))
    except (KeyError, ImportError, ValidationError):  # each is said, with its place, where rooms are checked
        return UNKNOWN


def address_of(device: Device) -> Address | None:
    """Where it is, as far as its driver can tell that from its options."""
    try:
        kind = find(device.driver)
        return None if kind.address is None else kind.address(kind.options.model_validate(device.options))
    except (KeyError, ImportError, ValidationError):  # as above
        return None
