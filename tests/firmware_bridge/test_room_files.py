"""A room's file held against the drivers: what is wired wrongly is said with its place, and the agent says the same."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import agent
from firmware_bridge.cli import room
from firmware_bridge.driver import find, names
from firmware_bridge.transports.ports import port_address

BAD = Path(__file__).parent / "bad"
FILES = sorted(path.stem for path in BAD.glob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_a_bad_room_is_answered_with_exactly_this(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    result = CliRunner().invoke(room, ["check", f"{name}.yaml"])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:-1] == (BAD / f"{name}.expected").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", FILES)
def test_the_agent_says_the_same_and_does_not_begin(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(BAD)
    result = CliRunner().invoke(agent, ["--config", f"{name}.yaml", "--data", str(tmp_path), "--port", "0"])
    assert result.exit_code == 2
    assert result.stderr == (BAD / f"{name}.expected").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", names())
def test_every_driver_of_the_house_says_where_its_devices_are(name: str) -> None:
    kind = find(name)
    assert kind.address is not None
    options = kind.options.model_validate(dict(kind.sample))
    address = kind.address(options)
    assert getattr(options, address.option)
    assert address == kind.address(kind.options.model_validate(dict(kind.sample)))


def test_a_port_is_the_same_however_it_is_written() -> None:
    assert port_address("/dev/serial/../ttyUSB0") == port_address("/dev//ttyUSB0")
    assert port_address("usb:E66") == port_address("usb:e66")
    assert port_address("/dev/ttyUSB0") != port_address("/dev/ttyusb0")
