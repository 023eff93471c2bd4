"""`lophoc sim NAME`: every simulator is found, explains itself, says where it is, and stops when asked."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiopjlink
import click
import pytest
from click.testing import CliRunner

from simulators.cli import sim
from tests.servers import Mosquitto

NAMES = ["firmata", "micropython", "mqtt-devices", "pjlink", "projector-serial"]


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A simulator as its own process, and what it printed after `ready`."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from simulators.cli import sim; sim()", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        assert running.stdout is not None
        async with asyncio.timeout(20):
            line = (await running.stdout.readline()).decode().strip()
        assert line.startswith("ready "), line
        yield running, line.removeprefix("ready ")
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def stopped(running: asyncio.subprocess.Process, by: signal.Signals) -> tuple[int, bytes]:
    running.send_signal(by)
    async with asyncio.timeout(10):
        _, errors = await running.communicate()
    assert running.returncode is not None
    return running.returncode, errors


def test_the_list_names_them_all() -> None:
    assert set(NAMES) <= set(sim.list_commands(click.Context(sim)))
    assert sim.get_command(click.Context(sim), "cli") is None
    assert sim.get_command(click.Context(sim), "no-such") is None


@pytest.mark.parametrize("name", NAMES)
def test_every_option_explains_itself(name: str) -> None:
    command = sim.get_command(click.Context(sim), name)
    assert command is not None
    assert command.help
    for option in command.params:
        assert isinstance(option, click.Option)
        assert option.help, option.name
    assert any(
        option.name == "faults" and option.multiple for option in command.params if isinstance(option, click.Option)
    )


async def test_a_projector_runs_with_its_password_from_the_environment() -> None:
    arguments = ("pjlink", "--port", "0", "--password-env", "PROJECTOR_PASSWORD", "--fault", "fan", "--fault", "refuse")
    async with process(*arguments, PROJECTOR_PASSWORD="secret") as (running, address):
        host, _, port = address.partition(":")
        async with aiopjlink.PJLink(host, int(port), password="secret") as link:
            with pytest.raises(aiopjlink.PJLinkERR4):
                await link.power.turn_on()
        assert await stopped(running, signal.SIGTERM) == (0, b"")


@pytest.mark.parametrize("name", ["projector-serial", "firmata", "micropython"])
async def test_a_serial_device_takes_its_link_away_when_it_stops(tmp_path: Path, name: str) -> None:
    link = tmp_path / "tty"
    async with process(name, "--link", str(link)) as (running, address):
        assert address == str(link)
        assert link.is_symlink()
        assert await stopped(running, signal.SIGINT) == (0, b"")
    assert not link.is_symlink()


async def test_mqtt_devices_run_from_a_room_file(tmp_path: Path) -> None:
    file = tmp_path / "room.yaml"
    file.write_text(
        "school: s\nroom: r\nname: {vi: P, en: R}\n"
        "devices: [{id: fan, role: ventilation, driver: mqtt-devices, options: {dialect: tasmota, topic: fan}}]\n"
    )
    with Mosquitto(tmp_path) as mosquitto:
        arguments = ("mqtt-devices", "--broker", mosquitto.url, "--room", str(file), "--period", "1")
        async with process(*arguments, "--fault", "fan=silent") as (running, address):
            assert address == mosquitto.url
            assert await stopped(running, signal.SIGTERM) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["pjlink", "--fault", "explode"], 2, "'explode' is not one of"),
        (["pjlink", "--password-env", "NO_SUCH_VARIABLE"], 2, "NO_SUCH_VARIABLE is not set"),
        (["firmata"], 2, "Missing option '--link'"),
        (["firmata", "--link", "{dir}"], 1, "no symlink"),
        (["mqtt-devices", "--broker", "localhost", "--room", "{room}"], 2, "mqtt://host:port"),
        (["mqtt-devices", "--broker", "mqtt://x", "--room", "{room}", "--fault", "fan"], 2, "is not DEVICE=FAULT"),
        (["mqtt-devices", "--broker", "mqtt://x", "--room", "{room}", "--fault", "door=slow"], 2, "no MQTT device"),
        (["mqtt-devices", "--broker", "mqtt://x", "--room", "{bad}"], 2, "devices"),
    ],
)
def test_wrong_use_says_what_would_be_right(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    room, bad = tmp_path / "room.yaml", tmp_path / "bad.yaml"
    room.write_text(
        "school: s\nroom: r\nname: {vi: P, en: R}\ndevices: [{id: fan, role: ventilation, driver: mqtt-devices}]\n"
    )
    bad.write_text("school: s\n")
    filled = [word.format(dir=tmp_path, room=room, bad=bad) for word in arguments]
    result = CliRunner().invoke(sim, filled)
    assert result.exit_code == code, result.output
    assert words in result.output
