"""Rooms with interlocks, as short as a test can say them."""

from collections.abc import Iterable
from typing import Any

from classroom_profiles.capability import Capability, Target
from classroom_profiles.interlock import Interlock
from classroom_profiles.interlock_check import Wrong, check
from classroom_profiles.interlock_rule import Rule
from classroom_profiles.offer import Offer
from classroom_profiles.role import Role
from classroom_profiles.room import Device

SWITCH, LEVEL = Target(Capability.SWITCH), Target(Capability.LEVEL)
POWER, ROBOT = Target(Capability.POWER), Target(Capability.ROBOT)

DEVICES = {
    "gas": ("gas-sensor", ()),
    "air": ("air-sensor", ()),
    "meter": ("power-meter", ()),
    "button": ("button", ()),
    "valve": ("gas-valve", (SWITCH,)),
    "fan": ("ventilation", (LEVEL, SWITCH)),
    "bench-1": ("bench-power", (SWITCH,)),
    "bench-2": ("bench-power", (SWITCH,)),
    "projector": ("projector", (POWER, Target(Capability.INPUT))),
    "robot": ("robot-kit", (ROBOT, Target(Capability.SWITCH, "arm"), Target(Capability.LEVEL, "motor"))),
}


def devices() -> list[Device]:
    return [
        Device(id=name, role=Role(role), driver="fake", name=None, group=None) for name, (role, _) in DEVICES.items()
    ]


def offer_of(device: Device) -> Offer:
    return Offer(frozenset(DEVICES[device.id][1]))


def rule(name: str, when: Iterable[dict[str, Any]], then: Iterable[dict[str, Any]], **more: Any) -> Interlock:
    said = {"vi": name, "en": name}
    given = {"id": name, "name": said, "advice": said, "when": list(when), "then": list(then)}
    return Interlock.model_validate(given | more)


def checked(*interlocks: Interlock) -> tuple[tuple[Rule, ...], tuple[Wrong, ...]]:
    return check(devices(), interlocks, offer_of)


def rules(*interlocks: Interlock) -> tuple[Rule, ...]:
    """Of interlocks that are right."""
    found, wrong = checked(*interlocks)
    assert wrong == ()
    return found


def messages(*interlocks: Interlock) -> list[str]:
    return [f"{interlocks[one.rule].id}.{one.loc[0]}: {one.message}" for one in checked(*interlocks)[1]]


def reads(device: str, metric: str, **test: Any) -> list[dict[str, Any]]:
    """A cause, and that its silence counts."""
    return [{"device": device, "metric": metric, **test}, {"device": device, "unreachable_s": 60}]


def sets(device: str, **target: Any) -> dict[str, Any]:
    return {"device": device, "set": {name.replace("__", "."): value for name, value in target.items()}}
