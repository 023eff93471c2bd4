"""Which kits a room has, and which of the boards that are plugged in each of them is."""

from typing import Any

import pytest

from classroom_profiles.room import Room
from firmware_bridge.fleet.kits import NoSuchKit, identify, kits_of
from firmware_bridge.transports.ports import SeenPort


def room(*kits: dict[str, Any]) -> Room:
    devices = [{"role": "robot-kit", "driver": "micropython", **kit} for kit in kits]
    devices.append({"id": "light", "role": "lights", "driver": "mqtt-devices"})
    return Room.model_validate({"school": "s", "room": "r", "name": {"vi": "P", "en": "R"}, "devices": devices})


def kit(name: str, port: str, group: str | None = None) -> dict[str, Any]:
    return {"id": name, "options": {"port": port}, "group": group}


ROOM = room(kit("k1", "usb:AAA", "red"), kit("k2", "usb:BBB", "blue"), kit("k3", "/dev/ttyACM7", "red"))
PORTS = [SeenPort("/dev/ttyACM0", "AAA", 0x2E8A, 5, "Pico"), SeenPort("/dev/ttyACM3", "CCC", 0x2341, 0x43, "Uno")]


@pytest.mark.parametrize(
    ("groups", "ids", "chosen"),
    [
        ((), (), ["k1", "k2", "k3"]),
        (("red",), (), ["k1", "k3"]),
        ((), ("k2",), ["k2"]),
        (("blue",), ("k3",), ["k2", "k3"]),
    ],
)
def test_kits_are_chosen_by_group_and_by_name(groups: tuple[str, ...], ids: tuple[str, ...], chosen: list[str]) -> None:
    assert [one.id for one in kits_of(ROOM, groups, ids)] == chosen


def test_a_kit_or_group_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(NoSuchKit, match="no group 'rad' of robot kits; did you mean 'red'"):
        kits_of(ROOM, ["rad"])
    with pytest.raises(NoSuchKit, match=r"no robot kit 'k9'.*one of: k1, k2, k3"):
        kits_of(ROOM, (), ["k9"])


def test_boards_are_told_by_their_numbers_and_strangers_are_shown() -> None:
    found = identify(kits_of(ROOM), PORTS, lambda device: False)
    assert found.found == {"k1": PORTS[0]}
    assert found.missing == {
        "k2": "no board BBB is plugged in; boards here: AAA, CCC",
        "k3": "/dev/ttyACM7 is not there; is it plugged in, and switched on?",
    }
    assert found.strangers == (PORTS[1],)


def test_a_port_without_a_number_stands_for_itself() -> None:
    found = identify(kits_of(ROOM), PORTS, lambda device: device == "/dev/ttyACM7")
    assert found.found == {"k1": PORTS[0], "k3": None}


def test_two_kits_at_one_board_are_a_mistake_in_the_file() -> None:
    twice = room(kit("k1", "usb:AAA"), kit("k2", "/dev/ttyACM0"))
    found = identify(kits_of(twice), PORTS, lambda device: True)
    assert found.found == {"k1": PORTS[0]}
    assert found.missing == {"k2": "/dev/ttyACM0 is k1 already; correct the room's file"}
