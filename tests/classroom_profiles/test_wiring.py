"""Two at one place, and who cannot be told: of drivers that the test makes up."""

import pytest

from classroom_profiles.capability import Capability, Target
from classroom_profiles.documents import builtin_profiles
from classroom_profiles.offer import UNKNOWN, Offer
from classroom_profiles.role import TAKES
from classroom_profiles.room import Device
from classroom_profiles.wiring import Address, miswired, nowhere_known

PORT = "/dev/ttyUSB0"


def device(name: str, driver: str, place: str = "", part: str = "", role: str = "air-sensor") -> Device:
    options = {"place": place, "part": part}
    return Device.model_validate({"id": name, "role": role, "driver": driver, "options": options})


def address_of(one: Device) -> Address | None:
    return Address("port", one.options["place"], one.options["part"]) if one.options["place"] else None


def clashes(*devices: Device) -> list[int]:
    """The numbers of those that are where another is already."""
    return [int(loc[1]) for loc, _ in miswired(enumerate(devices), address_of, lambda _: UNKNOWN)]


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (("bus", PORT), ("bus", PORT), True),
        (("bus", PORT), ("bus", "/dev/ttyUSB1"), False),
        (("bus", PORT), ("board", PORT), True),
        (("bus", PORT, "slave 3"), ("bus", PORT, "slave 4"), False),
        (("bus", PORT, "slave 3"), ("bus", PORT, "slave 3"), True),
        (("bus", PORT, "slave 3"), ("bus", PORT), True),
        (("bus", PORT, "slave 3"), ("board", PORT, "slave 4"), True),
        (("bus",), ("bus",), False),
    ],
)
def test_two_are_at_one_place_unless_one_driver_tells_them_apart(
    first: tuple[str, ...], second: tuple[str, ...], clash: bool
) -> None:
    assert clashes(device("a", *first), device("b", *second)) == ([1] if clash else [])
    assert clashes(device("b", *second), device("a", *first)) == ([1] if clash else [])


def test_each_of_many_is_named_once_with_the_first_that_is_in_its_way() -> None:
    slaves = [device(f"slave-{number}", "bus", PORT, f"slave {number}") for number in (1, 2, 1, 2)]
    found = miswired(enumerate(slaves), address_of, lambda _: UNKNOWN)
    assert found == [
        (("devices", 2, "options", "port"), _already(0, "slave-1", "slave 1")),
        (("devices", 3, "options", "port"), _already(1, "slave-2", "slave 2")),
    ]


def _already(number: int, name: str, part: str) -> str:
    return f"devices[{number}] ('{name}') is at {PORT} ({part}) already; each device needs its own"


@pytest.mark.parametrize(
    ("role", "controls", "message"),
    [
        ("gas-valve", [], "a 'gas-valve' is told switch, and this 'd' takes nothing"),
        ("gas-valve", ["power"], "a 'gas-valve' is told switch, and this 'd' takes power"),
        ("lights", ["robot", "program"], "a 'lights' is told switch or level, and this 'd' takes program, robot"),
        ("gas-valve", ["switch"], None),
        ("gas-valve", ["switch.valve"], None),
        ("gas-valve", None, None),
        ("air-sensor", [], None),
        ("experiment", [], None),
    ],
)
def test_who_is_told_must_take_something_of_its_role(
    role: str, controls: list[str] | None, message: str | None
) -> None:
    offer = UNKNOWN if controls is None else Offer(frozenset(map(Target.parse, controls)))
    found = miswired(enumerate([device("one", "d", role=role)]), nowhere_known, lambda _: offer)
    whole = [] if message is None else [(("devices", 0, "role"), f"{message}; correct its options, or its role")]
    assert found == whole


def test_what_built_in_lessons_tell_a_role_is_among_what_it_takes() -> None:
    for profile in builtin_profiles():
        for step in profile.steps:
            capability = step.set.command.target.capability
            first = capability not in (Capability.INPUT, Capability.EXPERIMENT)
            assert not first or capability in TAKES[step.role], f"{profile.id}: {step.role} {capability}"
