"""A room as a technician writes it down: its devices, what each is for, and what a button does."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from classroom_profiles.capability import Command
from classroom_profiles.model import Model, Name, Slug
from classroom_profiles.problem import Loc, did_you_mean, field_name
from classroom_profiles.profile import Setting
from classroom_profiles.role import ROLE_NAMES, Role
from classroom_profiles.topics import EVERYBODY


class Device(Model):
    """One device of the room."""

    id: Slug = Field(description="how this device is named in the API, in telemetry and on labels")
    role: Role = Field(description="what it is for; profiles speak of roles")
    driver: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="the driver's name: `lophoc driver list`")
    name: Name | None = Field(None, description="what people call it; the role's name where left out")
    group: Slug | None = Field(
        None, description="devices used together: the robot kits of one table, the sensors of one bench"
    )
    simulated: bool | None = Field(
        None, description="true if nothing real is at the other end, so that all it says is marked; as the room has it"
    )
    options: dict[str, Any] = Field(default_factory=dict, description="the driver's options: `lophoc driver show NAME`")

    @property
    def shown_name(self) -> Name:
        return self.name or ROLE_NAMES[self.role]


_FLAGS = ("power", "switch", "camera")
"""Metrics that are the state of a capability which is on or off."""


class When(Model):
    """A reading that sets a trigger off, at the moment it becomes true."""

    device: Slug = Field(description="the device that is read")
    metric: str = Field(pattern=r"^[a-z][a-z0-9_]{0,47}$", description="such as 'switch' or 'action'")
    equals: bool | float | str = Field(description="the value it must come to have")

    @model_validator(mode="after")
    def _of_the_metrics_type(self) -> Self:
        """A text would never equal a flag, and the trigger would be silent for ever."""
        if (self.metric in _FLAGS or self.metric.startswith("switch_")) and not isinstance(self.equals, bool):
            raise ValueError(f"'{self.metric}' is read as true or false; give 'equals: true' or 'equals: false'")
        return self


class Then(Model):
    """What a trigger does: one lesson profile, or one device brought to one state."""

    profile: Slug | None = Field(None, description="the lesson profile to start")
    device: Slug | None = Field(None, description="the device to set")
    set: Setting | None = Field(None, description="one target and its value, such as {switch: true}")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.profile is None) == (self.device is None) or (self.device is None) != (self.set is None):
            raise ValueError("give either 'profile', or 'device' together with 'set'")
        return self

    @property
    def command(self) -> Command | None:
        return None if self.set is None else self.set.command


class Trigger(Model):
    """A wall button or a sensor that does something by itself, without network."""

    when: When = Field(description="the reading that sets it off")
    then: Then = Field(description="what it does")


class Room(Model):
    """A room and everything in it."""

    school: Slug = Field(description="the school's id, the same in all its rooms")
    room: Slug = Field(description="the room's id, unique in the school")
    gateway: Slug | None = Field(None, description="the gateway's id; the room's id where left out")
    name: Name = Field(description="what people call the room, {vi: ..., en: ...}")
    open_view: bool = Field(True, description="anyone in the building may see the room's state without a PIN")
    simulated: bool = Field(False, description="true if this is no real room: all that is said of it is marked")
    devices: Annotated[tuple[Device, ...], Field(min_length=1, max_length=256, description="everything in the room")]
    triggers: tuple[Trigger, ...] = Field((), description="what buttons and sensors do by themselves")

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        ids = [device.id for device in self.devices]
        wrong = misnamed(ids, [(trigger.when.device, trigger.then.device) for trigger in self.triggers])
        for number, device in enumerate(self.devices):
            if device.group in ids and self.devices[ids.index(device.group)].group != device.group:
                wrong.append(
                    (("devices", number, "group"), f"'{device.group}' is the id of a device outside the group")
                )
        if self.gateway_id == EVERYBODY:
            field = "room" if self.gateway is None else "gateway"
            wrong.append(((field,), f"'{EVERYBODY}' stands for every gateway of a school; choose another id"))
        if wrong:
            raise ValueError("; ".join(f"{field_name(loc)}: {message}" for loc, message in wrong))
        return self

    @property
    def gateway_id(self) -> str:
        return self.gateway or self.room

    def device(self, device_id: str) -> Device | None:
        return next((device for device in self.devices if device.id == device_id), None)

    def is_simulated(self, device_id: str) -> bool:
        """What its device says, else the room; for whatever else is in the room, such as its lesson, the room."""
        device = self.device(device_id)
        return self.simulated if device is None or device.simulated is None else device.simulated

    def having(self, role: Role) -> tuple[Device, ...]:
        """The devices of a role, in the order written."""
        return tuple(device for device in self.devices if device.role is role)


def misnamed(devices: Sequence[object], triggers: Sequence[tuple[object, object]]) -> list[tuple[Loc, str]]:
    """What is wrong in the ids of devices, and in those that each trigger reads and sets: where, and a message."""
    wrong: list[tuple[Loc, str]] = []
    first: dict[str, int] = {}
    for number, device in enumerate(devices):
        if not isinstance(device, str):
            continue
        if device in first:
            wrong.append((("devices", number, "id"), f"devices[{first[device]}] has the id '{device}' already"))
        first.setdefault(device, number)
    for number, (read, told) in enumerate(triggers):
        for part, device in (("when", read), ("then", told)):
            if isinstance(device, str) and first and device not in first:
                message = f"the room has no device '{device}'{did_you_mean(device, first)}"
                wrong.append((("triggers", number, part, "device"), message))
    return wrong
