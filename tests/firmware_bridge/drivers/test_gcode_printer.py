"""The driver of G-code printers: whole prints, bad cables, halts, and what is said when a print ends early."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from classroom_profiles.reading import Health, HealthState, Reading
from firmware_bridge.driver import Driver, Wires
from firmware_bridge.drivers.gcode_printer import DRIVER, GcodePrinter, Options
from firmware_bridge.errors import BadReply, NotNow, Refused, Timeout, Unreachable
from firmware_bridge.gcode_file import GcodeFile
from simulators import gcode_printer as simulated
from simulators.changes import Changes
from simulators.pty_port import PtyPort
from tests.firmware_bridge.octoprint_rig import virtual_printer
from tests.firmware_bridge.watched import Watched, watched

ONLINE = Health(HealthState.ONLINE)
HOT = ["M140 S60", "M104 S210", "M190 S60", "M109 S210"]
MOVES = [f"G1 X{number} E{number}" for number in range(40)]
OFF = ["M104 S0", "M140 S0", "M107"]


def made(port: str, files: Path, **options: Any) -> Driver:
    quick = {"boot_s": 5.0, "silence_s": 0.5, "poll_s": 0.2}
    return DRIVER.open({"port": port, "files": str(files), **quick, **options}, Wires())


def write(files: Path, name: str, *lines: str) -> None:
    (files / f"{name}.gcode").write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextlib.asynccontextmanager
async def in_use(
    files: Path, *faults: str, options: dict[str, Any] | None = None, **machine: Any
) -> AsyncIterator[tuple[simulated.GcodePrinter, Watched]]:
    """A quick printer with two files: `cube` heats and moves, `dots` only moves."""
    write(files, "cube", "; a cube", *HOT, "G28", *MOVES)
    write(files, "dots", *MOVES)
    quick = {"boot_s": 0.05, "heating_c_s": 2000.0, "move_s": 0.002, "tick_s": 0.02, "slow_s": 0.05}
    async with (
        simulated.GcodePrinter(faults=faults, **{**quick, **machine}) as printer,
        watched(made(printer.port, files, **options or {})) as watch,
    ):
        yield printer, watch


def moves(printer: simulated.GcodePrinter) -> list[str]:
    return [line for line in printer.done if line.startswith("G1")]


async def until_ended(watch: Watched) -> None:
    await watch.until(lambda: watch.values.get("program") == "none" and watch.values.get("switch_pause") is False)


# --- a print --------------------------------------------------------------------------------------------------------


async def test_health_comes_first_then_what_it_is(tmp_path: Path) -> None:
    async with in_use(tmp_path) as (printer, watch):
        await watch.until(lambda: len(watch.values) == 7)
        assert watch.said[0] == ONLINE
        assert watch.values["firmware"] == "Marlin 2.1.2"
        assert watch.values["program"] == "none"
        assert watch.values["switch_pause"] is False
        assert watch.values["nozzle_target_c"] == 0
        units = {said.metric: said.unit for said in watch.said if isinstance(said, Reading)}
        assert units["nozzle_c"] == units["bed_c"] == "°C"
        program, pause = watch.driver.controls
        assert (str(program.target), program.choices) == ("program", ("none", "cube", "dots"))
        assert str(pause.target) == "switch.pause"
        assert printer.done[-5:-1] == [*OFF, "M155 S1"]


async def test_a_file_is_printed_from_cold_to_cold(tmp_path: Path) -> None:
    async with in_use(tmp_path) as (printer, watch):
        await watch.command("program", "cube")
        await watch.until(lambda: watch.values["program"] == "cube")
        await watch.until(lambda: watch.values["nozzle_target_c"] == 210)
        await until_ended(watch)
        assert moves(printer) == MOVES
        done = [line for line in printer.done if line != "M105"]
        assert done[-4:] == ["M400", *OFF]
        assert watch.values["progress_percent"] == 100
        assert watch.values["program_error"] == ""
        progress = [
            said.value for said in watch.said if isinstance(said, Reading) and said.metric == "progress_percent"
        ]
        assert progress == sorted(progress)
        assert printer.resends == 0
        await watch.until(lambda: watch.values["nozzle_target_c"] == 0)


async def test_it_is_told_to_pause_and_to_go_on(tmp_path: Path) -> None:
    options = {"pause_lines": ["M400", "M125"], "resume_lines": ["G28"]}
    async with in_use(tmp_path, options=options, move_s=0.01) as (printer, watch):
        await watch.command("program", "dots")
        await watch.command("switch.pause", True)
        await watch.until(lambda: watch.values["switch_pause"] is True)
        assert printer.done[-1] in ("M125", "M105")
        stood = len(moves(printer))
        assert 0 < stood < len(MOVES)
        await watch.command("switch.pause", True)
        await watch.command("switch.pause", False)
        assert watch.values["program"] == "dots"
        await until_ended(watch)
        assert moves(printer) == MOVES
        assert "G28" in printer.done
        assert "M125" in printer.done


async def test_a_print_is_cancelled_and_the_printer_is_cold(tmp_path: Path) -> None:
    async with in_use(tmp_path, move_s=0.01) as (printer, watch):
        await watch.command("program", "cube")
        await printer.changes.until(lambda: len(moves(printer)) > 3)
        await watch.command("program", "none")
        assert printer.nozzle.target_c == printer.bed.target_c == 0
        assert len(moves(printer)) < len(MOVES)
        await until_ended(watch)
        assert watch.values["program_error"] == ""
        await watch.command("program", "none")
        await watch.command("program", "dots")
        await until_ended(watch)
        assert moves(printer)[-len(MOVES) :] == MOVES


async def test_a_paused_print_can_be_cancelled(tmp_path: Path) -> None:
    async with in_use(tmp_path, move_s=0.01) as (printer, watch):
        await watch.command("program", "dots")
        await watch.command("switch.pause", True)
        stood = len(moves(printer))
        await watch.command("program", "none")
        await until_ended(watch)
        assert len(moves(printer)) == stood


async def test_heating_is_broken_off_when_the_print_is_cancelled(tmp_path: Path) -> None:
    """At this rate it would take 100 s."""
    async with in_use(tmp_path, heating_c_s=2.0) as (printer, watch):
        await watch.command("program", "cube")
        await printer.changes.until(lambda: printer.done[-1] == "M190 S60")
        await watch.until(lambda: watch.values["bed_target_c"] == 60)
        await watch.command("program", "none")
        assert printer.bed.target_c == 0
        assert "M109 S210" not in printer.done


async def test_the_printers_own_wishes_are_followed(tmp_path: Path) -> None:
    async with in_use(tmp_path, move_s=0.01) as (printer, watch):
        await watch.command("program", "dots")
        printer.say("// action:pause")
        await watch.until(lambda: watch.values["switch_pause"] is True)
        printer.say("// action:resume")
        await watch.until(lambda: watch.values["switch_pause"] is False)
        assert watch.values["program"] == "dots"
        printer.say("// action:cancel")
        await until_ended(watch)
        assert len(moves(printer)) < len(MOVES)


async def test_what_cannot_be_done_now_is_named(tmp_path: Path) -> None:
    async with in_use(tmp_path, move_s=0.01) as (_, watch):
        with pytest.raises(NotNow, match="nothing is printed that could be paused"):
            await watch.check("switch.pause", True)
        await watch.command("switch.pause", False)
        with pytest.raises(Refused, match=r"there is no vase\.gcode in .*; there are: cube, dots"):
            await watch.command("program", "vase")
        with pytest.raises(Refused, match="it has no switch; it has: program"):
            await watch.check("switch", True)
        write(tmp_path, "bad", "G28", "%PDF")
        with pytest.raises(Refused, match="line 2 is no G-code"):
            await watch.check("program", "bad")
        with pytest.raises(Refused, match="line 2 is no G-code"):
            await watch.command("program", "bad")
        await watch.command("program", "dots")
        await watch.command("program", "dots")
        with pytest.raises(NotNow, match="it prints dots; wait for its end"):
            await watch.command("program", "cube")


# --- bad cables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "faults",
    [
        ["spoil-lines"],
        ["spoil-lines", "no-ok-after-resend"],
        ["lose-lines"],
        ["lose-lines", "waits"],
        ["lose-oks"],
        ["lose-oks", "spoil-lines"],
        ["split"],
    ],
    ids=" ".join,
)
async def test_every_line_is_printed_once_and_in_order_whatever_the_cable_does(
    tmp_path: Path, faults: list[str]
) -> None:
    options = {"silence_s": 0.1, "silences": 10}
    async with in_use(tmp_path, *faults, options=options, move_s=0.0005) as (printer, watch):
        write(tmp_path, "few", *MOVES[:20])
        await watch.command("program", "few")
        await until_ended(watch)
        assert watch.values["program_error"] == ""
        assert moves(printer) == MOVES[:20]


async def test_a_printer_that_is_silent_at_work_is_waited_for(tmp_path: Path) -> None:
    """Longer than one silence, shorter than three."""
    options = {"silence_s": 0.1, "silences": 8}
    async with in_use(tmp_path, "mute", options=options) as (printer, watch):
        write(tmp_path, "slow", "G4 P250", "G1 X1", "G4 P250", "G1 X2")
        await watch.command("program", "slow")
        await until_ended(watch)
        assert moves(printer) == ["G1 X1", "G1 X2"]
        assert watch.values["program_error"] == ""


async def test_a_printer_that_tells_its_temperatures_by_itself_is_asked_again_after_a_lost_ok(tmp_path: Path) -> None:
    """It tells them every second, whether it has anything to do or not: that is no sign of work."""
    async with in_use(tmp_path, options={"silence_s": 1.2}, tick_s=0.02) as (printer, watch):
        write(tmp_path, "short", *MOVES[:6])
        await watch.until(lambda: "nozzle_c" in watch.values)
        printer.faults.add("lose-oks")
        async with asyncio.timeout(15):
            await watch.command("program", "short")
            await until_ended(watch)
        assert moves(printer) == MOVES[:6]
        assert watch.values["program_error"] == ""


async def test_a_mistake_of_ours_in_a_print_is_no_print_that_went_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: GcodeFile) -> AsyncIterator[str]:
        yield "G1 X1"
        raise RuntimeError("ours")

    monkeypatch.setattr(GcodeFile, "lines", broken)
    async with in_use(tmp_path) as (printer, watch):
        await watch.command("program", "dots")
        await until_ended(watch)
        assert watch.values["program_error"] == "at 2 %: RuntimeError in the driver"
        assert printer.done[-3:] == OFF


async def test_pulling_the_cable_ends_the_print_and_says_how_far_it_came(tmp_path: Path) -> None:
    async with in_use(tmp_path, link=tmp_path / "tty", move_s=0.01) as (printer, watch):
        await watch.command("program", "dots")
        await printer.changes.until(lambda: len(moves(printer)) >= 20)
        printer.unplug()
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, Unreachable)
        assert watch.values["program"] == "none"
        assert str(watch.values["program_error"]).startswith(("at 4", "at 5"))
        assert "was unplugged" in str(watch.values["program_error"])
        with pytest.raises(Unreachable):
            await watch.check("program", "dots")
        await watch.driver.__aexit__(None, None, None)
        printer.replug()
        async with watched(made(printer.port, tmp_path)) as again:
            await again.until(lambda: again.values.get("program") == "none")
            assert "program_error" not in again.values, "what was said of the last print stands"
            await again.command("program", "dots")
            await until_ended(again)
            assert again.values["program_error"] == ""


async def test_a_power_cut_at_the_printer_ends_the_print(tmp_path: Path) -> None:
    """Its serial chip lives by USB: the port stays, and after a while the printer starts afresh."""
    async with in_use(tmp_path, move_s=0.01, options={"silence_s": 5}) as (printer, watch):
        await watch.command("program", "cube")
        await printer.changes.until(lambda: len(moves(printer)) >= 10)
        printer.faults.add("off")
        printer.faults.discard("off")
        await watch.until(lambda: watch.ended is not None)
        assert "has restarted" in str(watch.ended)
        assert watch.values["program"] == "none"
        assert "has restarted" in str(watch.values["program_error"])
        assert printer.nozzle.target_c == 0


async def test_a_printer_without_power_is_a_loss(tmp_path: Path) -> None:
    async with in_use(tmp_path, move_s=0.01, options={"silence_s": 0.1, "silences": 2}) as (printer, watch):
        await watch.command("program", "dots")
        printer.faults.add("off")
        await watch.until(lambda: watch.ended is not None)
        assert type(watch.ended) is Timeout
        assert "does not answer any more" in str(watch.values["program_error"])


async def test_an_idle_printer_without_power_is_noticed(tmp_path: Path) -> None:
    options = {"silence_s": 0.1, "silences": 2, "poll_s": 0.05}
    async with in_use(tmp_path, options=options, auto_report=False) as (printer, watch):
        await watch.until(lambda: "nozzle_c" in watch.values)
        printer.faults.add("off")
        await watch.until(lambda: watch.ended is not None)
        assert type(watch.ended) is Timeout


# --- halts ----------------------------------------------------------------------------------------------------------


async def test_a_thermal_runaway_is_a_fault_until_somebody_has_been_there(tmp_path: Path) -> None:
    async with in_use(tmp_path, heating_c_s=20.0) as (printer, watch):
        await watch.command("program", "cube")
        printer.faults.add("runaway")
        await watch.until(lambda: watch.health[-1] == Health(HealthState.FAULT, "thermal-runaway"))
        await until_ended(watch)
        assert "Thermal Runaway" in str(watch.values["program_error"])
        for target, value in (("program", "dots"), ("program", "none"), ("switch.pause", True)):
            with pytest.raises(Refused, match="has stopped itself: Thermal Runaway"):
                await watch.command(target, value)
        assert watch.ended is None
        printer.faults.discard("runaway")
        printer.press_reset()
        await watch.until(lambda: watch.ended is not None)
        assert "has restarted" in str(watch.ended)
        await watch.driver.__aexit__(None, None, None)
        async with watched(made(printer.port, tmp_path)) as again:
            assert again.health == [ONLINE]


async def test_an_idle_printer_that_halts_is_a_fault(tmp_path: Path) -> None:
    async with in_use(tmp_path) as (printer, watch):
        printer.faults.add("maxtemp")
        await watch.until(lambda: watch.health[-1] == Health(HealthState.FAULT, "temperature"))


# --- opening and closing --------------------------------------------------------------------------------------------


async def test_closing_in_the_middle_of_a_print_leaves_it_cold(tmp_path: Path) -> None:
    async with in_use(tmp_path, move_s=0.01) as (printer, watch):
        await watch.command("program", "cube")
        await printer.changes.until(lambda: len(moves(printer)) > 3)
        await watch.driver.__aexit__(None, None, None)
        await printer.changes.until(lambda: not printer.is_open)
        assert printer.nozzle.target_c == printer.bed.target_c == 0
        await watch.driver.__aexit__(None, None, None)


async def test_what_an_earlier_program_left_hot_is_switched_off_at_opening(tmp_path: Path) -> None:
    """On a board that does not restart when its port is opened."""
    async with in_use(tmp_path, restarts=False) as (printer, watch):
        await watch.driver.__aexit__(None, None, None)
        await printer.changes.until(lambda: not printer.is_open)
        printer.nozzle.set(200)
        async with watched(made(printer.port, tmp_path)) as again:
            assert again.health == [ONLINE]
            assert printer.nozzle.target_c == 0
        assert printer.boots == 1


@pytest.mark.parametrize(
    ("says", "error", "words"),
    [
        (b"", Timeout, "says nothing within 0.2 s; is it switched on"),
        (b"\xff\x00rubbish\n", BadReply, "is no printer that knows M115; correct the baudrate"),
        (b"echo:busy: processing\n", NotNow, "is busy with what it was told before"),
        (b" T:150.1 /200.0 B:60 /60 W:?\n", NotNow, "is busy"),
    ],
)
async def test_what_is_no_printer_or_is_busy_is_named(
    tmp_path: Path, says: bytes, error: type[Exception], words: str
) -> None:
    changes = Changes()
    port = PtyPort(None, lambda _: port.write(says), changes.tell)
    port.plug()
    try:
        with pytest.raises(error, match=words):
            await made(port.path, tmp_path, boot_s=0.2).__aenter__()
    finally:
        port.unplug()


async def test_a_folder_or_a_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="is not there; is it plugged in"):
        await made(str(tmp_path / "tty"), tmp_path).__aenter__()
    with pytest.raises(Refused, match="nowhere cannot be read"):
        await made(str(tmp_path / "tty"), tmp_path / "nowhere").__aenter__()


@pytest.mark.parametrize("options", [{"pause_lines": ["rm -rf"]}, {"silences": 0}, {"files": None}])
def test_wrong_options_are_refused_at_load(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DRIVER.open({"port": "/dev/null", "files": str(tmp_path), **options}, Wires())


def test_it_is_a_driver() -> None:
    driver: Driver = GcodePrinter(Options.model_validate(DRIVER.sample))
    assert [str(control.target) for control in driver.controls] == ["program", "switch.pause"]


# --- made by others -------------------------------------------------------------------------------------------------


@pytest.mark.rig
async def test_against_the_virtual_printer_of_octoprint(tmp_path: Path) -> None:
    """It spoils, loses and forgets lines of its own accord: 100, 105, 110 and 115."""
    async with virtual_printer(tmp_path) as port:
        write(tmp_path, "long", "G28", "M109 S60", *(f"G1 X{number % 100} F9000" for number in range(200)))
        async with watched(made(port, tmp_path, silence_s=5.0, boot_s=10.0)) as watch:
            await watch.until(lambda: watch.values.get("firmware") == "Virtual Marlin 1.0")
            await watch.command("program", "long")
            await watch.until(lambda: watch.values.get("nozzle_target_c") == 60)
            async with asyncio.timeout(60):
                while watch.values["program"] != "none":
                    with contextlib.suppress(TimeoutError):
                        await until_ended(watch)
            assert watch.values["program_error"] == ""
            assert watch.values["progress_percent"] == 100
            await watch.command("program", "long")
            await watch.command("switch.pause", True)
            await watch.command("switch.pause", False)
            await watch.command("program", "none")
            await until_ended(watch)
            assert watch.values["program_error"] == ""
