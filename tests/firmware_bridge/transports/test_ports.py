"""A board is found by the number in its USB chip, whatever socket it is in."""

from pathlib import Path

import pytest

from firmware_bridge.errors import Unreachable
from firmware_bridge.transports.ports import SeenPort, behind, device_of, seen
from firmware_bridge.transports.serial import SerialLine

PICO = SeenPort("/dev/ttyACM0", "E6614103E7452D2F", 0x2E8A, 0x0005, "Board in FS mode")
UNO = SeenPort("/dev/ttyACM1", "85334323039351D0A1C1", 0x2341, 0x0043, "Arduino Uno")
CLONES = [SeenPort(f"/dev/ttyUSB{n}", "0001", 0x1A86, 0x7523, "USB Serial") for n in range(2)]
BARE = SeenPort("/dev/ttyS0")
PORTS = [PICO, UNO, *CLONES, BARE]


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("usb:E6614103E7452D2F", "/dev/ttyACM0"),
        ("usb:e6614103e7452d2f", "/dev/ttyACM0"),
        ("usb:85334323039351D0A1C1", "/dev/ttyACM1"),
        ("/dev/ttyUSB0", "/dev/ttyUSB0"),
        ("/dev/serial/by-id/usb-x", "/dev/serial/by-id/usb-x"),
    ],
)
def test_a_name_is_the_port_of_its_board(name: str, device: str) -> None:
    assert device_of(name, PORTS) == device


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("usb:123", "no board 123 is plugged in; boards here: 0001, 0001, 85334323039351D0A1C1, E6614103E7452D2F"),
        ("usb:0001", "2 boards say that they are 0001 (/dev/ttyUSB0, /dev/ttyUSB1); name the port instead"),
        ("usb:", "no board  is plugged in"),
    ],
)
def test_a_board_that_cannot_be_told_is_named(name: str, words: str) -> None:
    with pytest.raises(Unreachable) as wrong:
        device_of(name, PORTS)
    assert words in str(wrong.value)


def test_what_is_behind_a_name_is_known_by_number_device_or_link(tmp_path: Path) -> None:
    link = tmp_path / "kit"
    link.symlink_to("/dev/ttyACM1")
    assert behind("usb:E6614103E7452D2F", PORTS) == PICO
    assert behind("/dev/ttyACM0", PORTS) == PICO
    assert behind(str(link), PORTS) == UNO
    assert behind(str(tmp_path / "none"), PORTS) is None
    assert (UNO.usb_id, BARE.usb_id) == ("2341:0043", "")


async def test_a_line_to_a_board_that_is_not_there_says_which_are() -> None:
    assert isinstance(seen(), tuple)
    with pytest.raises(Unreachable, match="no board NO-SUCH-BOARD is plugged in; boards here"):
        async with SerialLine("usb:NO-SUCH-BOARD"):
            pass
