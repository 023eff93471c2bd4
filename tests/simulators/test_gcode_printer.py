"""The simulated printer: conversations as Marlin's documentation has them, heat that takes time, and its faults."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from simulators.gcode_printer import GcodePrinter, command
from tests.simulators.serial_wire import SerialWire, opened


@contextlib.asynccontextmanager
async def at_the_wire(*faults: str, **options: Any) -> AsyncIterator[tuple[GcodePrinter, SerialWire]]:
    """A printer that has just started."""
    quick = {"boot_s": 0.02, "heating_c_s": 2000.0, "move_s": 0.002, "tick_s": 0.02}
    async with GcodePrinter(faults=faults, **{**quick, **options}) as printer, opened(printer.port, 115_200) as wire:
        assert (await wire.until(b"SD init fail\n")).startswith(b"start\necho:Marlin 2.1.2\n")
        yield printer, wire


async def says(wire: SerialWire, line: str, end: bytes = b"ok\n") -> bytes:
    wire.write(line.encode() + b"\n")
    return await wire.until(end)


def check(line: str) -> str:
    value = 0
    for char in line:
        value ^= ord(char)
    return f"{line}*{value}"


async def test_lines_with_number_and_checksum_are_taken_in_order() -> None:
    async with at_the_wire() as (printer, wire):
        assert await says(wire, "N0 M110 N0*125") == b"ok\n"
        assert await says(wire, check("N1 G28")) == b"ok\n" or printer.done == ["M110 N0", "G28"]
        assert await says(wire, check("N2 G1 X10")) == b"ok\n"
        assert printer.done == ["M110 N0", "G28", "G1 X10"]


async def test_what_is_not_sound_is_asked_for_again_as_marlin_asks() -> None:
    async with at_the_wire() as (printer, wire):
        await says(wire, "N3 M110 N3*125".replace("125", check("N3 M110 N3").partition("*")[2]))
        assert await says(wire, "N4 G92 E0*66") == b"Error:checksum mismatch, Last Line: 3\nResend: 4\nok\n"
        assert await says(wire, check("N6 G92 E0")) == (
            b"Error:Line Number is not Last Line Number+1, Last Line: 3\nResend: 4\nok\n"
        )
        assert await says(wire, "N4 G92 E0") == b"Error:No Checksum with line number, Last Line: 3\nResend: 4\nok\n"
        assert await says(wire, check("G92 E0")) == (
            b"Error:No Line Number with checksum, Last Line: 3\nResend: 4\nok\n"
        )
        assert await says(wire, "N4 G92 E0*67") == b"ok\n"
        assert printer.resends == 4
        assert printer.done[-1] == "G92 E0"


async def test_it_says_who_it_is_and_how_hot() -> None:
    async with at_the_wire() as (_, wire):
        said = await says(wire, "M115")
        assert said.startswith(b"FIRMWARE_NAME:Marlin 2.1.2 (")
        assert b"\nCap:AUTOREPORT_TEMP:1\n" in said
        assert (await says(wire, "M105", b"\n")) == b"ok T:25.00 /0.00 B:25.00 /0.00 @:0 B@:0\n"
        assert await says(wire, "M999") == b'echo:Unknown command: "M999"\nok\n'


async def test_heating_takes_its_time_and_says_so() -> None:
    async with at_the_wire(heating_c_s=300.0) as (printer, wire):
        said = await says(wire, "M109 S60")
        assert b" /60.00 " in said
        assert b"W:?" in said
        assert printer.nozzle.now_c >= 59
        assert await says(wire, "M104 S0") == b"ok\n"
        assert printer.nozzle.target_c == 0
        assert printer.nozzle.now_c > 50, "it does not cool at once"


async def test_m108_ends_the_wait_for_heat() -> None:
    async with at_the_wire(heating_c_s=0.5) as (printer, wire):
        wire.write(b"M190 S90\n")
        await printer.changes.until(lambda: printer.done == ["M190 S90"])
        wire.write(b"M108\n")
        await printer.changes.until(lambda: printer.done == ["M190 S90", "M108"])


async def test_it_reports_its_temperatures_by_itself_when_told() -> None:
    async with at_the_wire() as (_, wire):
        said = await says(wire, "M155 S0.02")
        assert said.count(b"T:25.00") <= 1
        await wire.until(b"T:25.00")
        await wire.until(b"T:25.00")


async def test_a_halted_printer_says_nothing_until_it_is_reset() -> None:
    async with at_the_wire() as (printer, wire):
        assert await says(wire, "M112", b"called!\n") == b"Error:Printer halted. kill() called!\n"
        wire.write(b"M105\n")
        assert await wire.silence(0.05) == b""
        printer.press_reset()
        await wire.until(b"start\n")
        await wire.until(b"SD init fail\n")
        assert (await says(wire, "M105", b"\n")).startswith(b"ok T:")


async def test_thermal_runaway_halts_it_with_the_heaters_off() -> None:
    async with at_the_wire("runaway") as (printer, wire):
        said = await says(wire, "M104 S200", b"called!\n")
        assert b"Error:Thermal Runaway, system stopped! Heater_ID: E0\nError:Printer halted." in said
        assert printer.nozzle.target_c == 0


async def test_without_power_it_is_silent_and_forgets() -> None:
    async with at_the_wire() as (printer, wire):
        await says(wire, "M104 S200")
        printer.faults.add("off")
        wire.write(b"M105\n")
        assert await wire.silence(0.05) == b""
        printer.faults.discard("off")
        await wire.until(b"start\n")
        assert printer.nozzle.target_c == 0
        assert printer.boots == 2


@pytest.mark.parametrize("arguments", [["--fault", "fire"], ["--boot", "soon"]])
def test_wrong_use_is_named(tmp_path: Path, arguments: list[str]) -> None:
    assert CliRunner().invoke(command, ["--link", str(tmp_path / "tty"), *arguments]).exit_code == 2
