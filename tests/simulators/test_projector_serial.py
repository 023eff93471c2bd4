"""The simulated ESC/VP21 projector behaves as the maker's guide says, and serves a client that nobody here wrote."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import serial
from epson_projector import Projector
from epson_projector.const import POWER, PWR_OFF, PWR_ON, SERIAL, SOURCE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.projector_serial import EscVp21Projector
from tests.simulators.serial_wire import SerialWire, opened


@contextlib.asynccontextmanager
async def on_a_wire(**options: Any) -> AsyncIterator[tuple[EscVp21Projector, SerialWire]]:
    async with EscVp21Projector(**options) as projector, opened(projector.port) as wire:
        await projector.changes.until(lambda: projector.is_open)
        yield projector, wire


async def ask(wire: SerialWire, command: str) -> str:
    wire.write(f"{command}\r".encode())
    return (await wire.until(b":")).decode()


async def test_a_golden_transcript_holds(tmp_path: Path) -> None:
    """The examples of the guide's section 2, in one conversation."""
    async with on_a_wire(link=tmp_path / "tty", lamp_hours=50, warm_up_s=0.05, cool_down_s=0.05) as (projector, wire):
        assert await ask(wire, "") == ":"
        assert await ask(wire, "PWR?") == "PWR=00\r:"
        assert await ask(wire, "SOURCE?") == "ERR\r:"
        assert await ask(wire, "ERR?") == "ERR=00\r:"
        assert await ask(wire, "LAMP?") == "LAMP=50\r:"
        assert await ask(wire, "SNO?") == "SNO=SIM0000021\r:"
        assert await ask(wire, "PWR ON") == ":"
        assert projector.power == "on"
        assert await ask(wire, "SOURCE A0") == ":"
        assert await ask(wire, "SOURCE?") == "SOURCE=A0\r:"
        assert await ask(wire, "SOURCE 99") == "ERR\r:"
        assert await ask(wire, "MUTE ON") == ":"
        assert await ask(wire, "MUTE?") == "MUTE=ON\r:"
        assert await ask(wire, "VOL INC") == ":"
        assert await ask(wire, "FREEZE ON") == ":"
        assert await ask(wire, "NONSENSE 1") == "ERR\r:"
        assert (projector.source, projector.muted, projector.volume, projector.frozen) == ("A0", True, 136, True)
        assert await ask(wire, "PWR OFF") == ":"
        assert await ask(wire, "PWR?") == "PWR=03\r:"
        assert await ask(wire, "PWR ON") == "ERR\r:"
        await projector.changes.until(lambda: projector.power == "off")
        assert await ask(wire, "PWR?") == "PWR=00\r:"


async def test_power_on_owes_its_colon_until_it_is_warm_and_tells_its_state_meanwhile() -> None:
    async with on_a_wire(warm_up_s=0.01, faults=["stuck-warming"]) as (projector, wire):
        wire.write(b"PWR ON\r")
        await projector.changes.until(lambda: projector.power == "warming")
        assert await ask(wire, "PWR?") == "PWR=02\r:"
        assert await ask(wire, "SOURCE 30") == "ERR\r:"
        assert projector.power == "warming"
        projector.faults.discard("stuck-warming")
        assert await wire.until(b":") == b":"
        assert await ask(wire, "PWR?") == "PWR=01\r:"


async def test_some_models_send_the_colon_at_once() -> None:
    async with on_a_wire(warm_up_s=60, prompt="at-once") as (projector, wire):
        assert await ask(wire, "PWR ON") == ":"
        assert projector.power == "warming"


async def test_power_off_waits_for_the_end_of_warming_up() -> None:
    async with on_a_wire(warm_up_s=0.1, cool_down_s=60) as (projector, wire):
        wire.write(b"PWR ON\rPWR OFF\r")
        assert await wire.until(b":") == b":"
        assert projector.power == "cooling"


@contextlib.asynccontextmanager
async def epson_client(projector: EscVp21Projector) -> AsyncIterator[Projector]:
    client = Projector(host=projector.port, type=SERIAL)
    try:
        yield client
    finally:
        client.close()
        await projector.changes.until(lambda: not projector.is_open)


async def test_the_epson_client_turns_it_on_reads_it_and_turns_it_off() -> None:
    async with EscVp21Projector(warm_up_s=0.05, cool_down_s=0.05) as projector:
        async with epson_client(projector) as client:
            assert await client.get_property(POWER) == "00"
            assert await client.get_serial_number() == "SIM0000021"
            await client.send_command(PWR_ON)
            assert projector.received[-1] == "PWR ON"
        await projector.changes.until(lambda: projector.power == "on")
        async with epson_client(projector) as client:  # the first one now waits 40 s by itself
            assert await client.get_property(POWER) == "01"
            assert await client.get_property(SOURCE) == "30"
            await client.send_command(PWR_OFF)
        await projector.changes.until(lambda: projector.power == "off")


async def test_an_abnormal_set_goes_dark_and_sends_no_colon_but_says_why() -> None:
    async with on_a_wire() as (projector, wire):
        projector.set_power(True)
        projector.faults.add("lamp")
        assert projector.power == "off"
        assert await ask(wire, "PWR?") == "PWR=05\r:"
        assert await ask(wire, "ERR?") == "ERR=03\r:"
        wire.write(b"PWR ON\r")
        assert await wire.silence(0.1) == b""
        projector.faults.remove("lamp")
        projector.faults.add("airflow")
        assert await ask(wire, "ERR?") == "ERR=0C\r:"
        assert await ask(wire, "PWR?") == "PWR=00\r:"


async def test_it_refuses_it_errs_and_it_never_gets_warm() -> None:
    async with on_a_wire(warm_up_s=0.01, faults=["refuse"]) as (projector, wire):
        assert await ask(wire, "PWR ON") == "ERR\r:"
        assert await ask(wire, "PWR?") == "PWR=00\r:"
        projector.faults.clear()
        projector.faults.add("err")
        assert await ask(wire, "PWR?") == "ERR\r:"
        projector.faults.clear()
        projector.faults.add("stuck-warming")
        wire.write(b"PWR ON\r")
        assert await wire.silence(0.1) == b""
        projector.faults.clear()
        assert await wire.until(b":") == b":"


async def test_a_bad_wire_halves_delays_garbles_and_swallows() -> None:
    async with on_a_wire(faults=["drop"], slow_s=0.1) as (projector, wire):
        wire.write(b"PWR?\r")
        assert await wire.silence(0.1) == b"PWR="
        projector.faults.clear()
        projector.faults.add("slow")
        wire.write(b"PWR?\r")
        assert await wire.silence(0.04) == b""
        projector.faults.clear()
        assert await ask(wire, "ERR?") == "PWR=00\r:"
        assert await wire.until(b":") == b"ERR=00\r:", "order is kept"
        projector.faults.add("split")
        assert await ask(wire, "LAMP?") == "LAMP=1234\r:"
        projector.faults.clear()
        projector.faults.add("garbage")
        wire.write(b"PWR?\r")
        assert b"PWR" not in await wire.silence(0.05)
        projector.faults.add("silent")
        wire.write(b"PWR?\r")
        assert await wire.silence(0.05) == b""
        assert projector.received[-1] == "PWR?"


async def test_changes_are_reported_unasked_where_a_set_does_so() -> None:
    async with on_a_wire(faults=["events"]) as (projector, wire):
        projector.set_power(True)
        assert await wire.until(b":") == b"IMEVENT=0001 03 00000000 00000000 T1 F1\r:"


async def test_pulling_the_cable_fails_the_client_and_the_set_remembers_its_state(tmp_path: Path) -> None:
    link = tmp_path / "tty-projector"
    async with EscVp21Projector(link=link) as projector:
        projector.set_power(True)
        with serial.Serial(str(link), timeout=0.5) as port:
            await projector.changes.until(lambda: projector.is_open)
            projector.unplug()
            assert not link.is_symlink()
            with pytest.raises(serial.SerialException):
                port.read(1)
        with pytest.raises(serial.SerialException):
            serial.Serial(str(link))
        projector.replug()
        async with opened(str(link)) as wire:
            assert await ask(wire, "PWR?") == "PWR=01\r:"


async def test_what_nobody_read_is_not_there_for_the_next_one(tmp_path: Path) -> None:
    async with EscVp21Projector(link=tmp_path / "tty") as projector:
        with serial.Serial(projector.port) as port:
            port.write(b"PWR?\r")
            await projector.changes.until(lambda: projector.received == ["PWR?"])
        await projector.changes.until(lambda: not projector.is_open)
        async with opened(projector.port) as wire:
            assert await wire.silence(0.05) == b""


async def test_a_stale_link_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    stale, file = tmp_path / "stale", tmp_path / "file"
    stale.symlink_to(tmp_path / "nothing")
    file.write_text("mine")
    async with EscVp21Projector(link=stale):
        assert stale.exists()
    assert not stale.is_symlink()
    with pytest.raises(FileExistsError):
        await EscVp21Projector(link=file).__aenter__()
    assert file.read_text() == "mine"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=30), max_size=5))
def test_after_any_bytes_the_next_command_is_understood(pieces: list[bytes]) -> None:
    async def run() -> None:
        async with on_a_wire() as (_, wire):
            for piece in pieces:
                wire.write(piece)
            wire.write(b"\rSNO?\r")
            assert b"SNO=SIM0000021\r:" in await wire.until(b"SNO=SIM0000021\r:")

    asyncio.run(run())
