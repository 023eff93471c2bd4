"""`lophoc robots`: the robot kits of a room before and during a lesson."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from classroom_profiles.cli import problem_json, room_file, say_json, say_problems
from classroom_profiles.documents import DocumentError, check_room
from firmware_bridge.cli import options_of
from firmware_bridge.driver import names
from firmware_bridge.fleet import deploy as fleet
from firmware_bridge.fleet import flash as flashing
from firmware_bridge.fleet import readiness
from firmware_bridge.fleet.display import FleetDisplay, say_report
from firmware_bridge.fleet.each import Patience
from firmware_bridge.fleet.flash_record import FlashRecords
from firmware_bridge.fleet.kits import Kit, NoSuchKit, identify, kits_of
from firmware_bridge.fleet.library import MANIFEST, Library, NotInLibrary, load_library
from firmware_bridge.fleet.outcome import Report
from firmware_bridge.transports.ports import seen

_T = TypeVar("_T")
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def _options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorated(command: Any) -> Any:
        for one in reversed(decorators):
            command = one(command)
        return command

    return decorated


_KITS = _options(
    click.option(
        "--room", "room_name", required=True, metavar="FILE", help="The room's file, or a sample room's name."
    ),
    click.option("--group", "groups", multiple=True, metavar="NAME", help="Only the kits of this group. Repeatable."),
    click.option("--kit", "ids", multiple=True, metavar="ID", help="Only this kit. Repeatable."),
    click.option("--json", "as_json", is_flag=True, help="One JSON object."),
)
_LIBRARY = click.option("--library", "folder", required=True, type=_FOLDER, help=f"The folder with {MANIFEST}.")
_RECORDS = click.option(
    "--records",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path(click.get_app_dir("lophoc", force_posix=True)) / "flashing",
    show_default="~/.lophoc/flashing",
    help="Where it is kept which kits are being flashed.",
)


@click.group()
def robots() -> None:
    """Robot kits: check them before the bell, give all a program, stop all, flash them.

    The kits are those devices of the room whose role is robot-kit. Stop the room's agent first: a serial port has one
    user at a time.
    """


@robots.command()
@_KITS
@click.option("--library", "folder", type=_FOLDER, help=f"The folder with {MANIFEST}.")
@click.option("--program", metavar="NAME", help="The kits must have this program of the library, for their firmware.")
@click.option(
    "--low-battery", default=readiness.LOW_BATTERY_PERCENT, show_default=True, help="Percent that are too few."
)
@_RECORDS
def check(
    room_name: str,
    groups: tuple[str, ...],
    ids: tuple[str, ...],
    as_json: bool,
    folder: Path | None,
    program: str | None,
    low_battery: float,
    records: Path,
) -> None:
    """Is every kit there, does it answer, with which firmware and battery? Stops what runs. Exit code 1: one is not."""
    if program and folder is None:
        raise click.UsageError("--program needs --library")
    kits = _kits(room_name, groups, ids, as_json)
    wanted = _found(lambda: _library(folder, as_json).program(program)) if folder and program else None
    display = FleetDisplay(kits, quiet=as_json)
    report = asyncio.run(
        readiness.check(
            kits,
            identify(kits, seen(), lambda device: Path(device).exists()),
            program=wanted,
            half_flashed=flashing.half_flashed(FlashRecords(records)),
            low_battery_percent=low_battery,
            told=display.told,
        )
    )
    if as_json:
        say_json(report.as_json())
    else:
        _say_readiness(report)
    raise SystemExit(0 if report.ok else 1)


@robots.command()
@click.argument("program")
@_KITS
@_LIBRARY
@click.option("--run", is_flag=True, help="Run it, too.")
@click.option("--attempts", default=3, show_default=True, type=click.IntRange(1, 10), help="How often a kit is tried.")
@click.option(
    "--wait", "back_s", default=20.0, show_default=True, help="Seconds an unplugged kit may take to come back."
)
def deploy(
    program: str,
    room_name: str,
    groups: tuple[str, ...],
    ids: tuple[str, ...],
    as_json: bool,
    folder: Path,
    run: bool,
    attempts: int,
    back_s: float,
) -> None:
    """Give PROGRAM of the library to all kits at once. A kit that fails does not hold up the others; exit code 1."""
    kits, library = _kits(room_name, groups, ids, as_json), _library(folder, as_json)
    bundle = _found(lambda: library.bundle(program))
    display = FleetDisplay(kits, quiet=as_json)
    patience = Patience(attempts=attempts, back_s=back_s)
    firmware = library.program(program).firmware
    _end(fleet.deploy(kits, bundle, firmware=firmware, run=run, told=display.told, patience=patience), as_json)


@robots.command()
@_KITS
def stop(room_name: str, groups: tuple[str, ...], ids: tuple[str, ...], as_json: bool) -> None:
    """Stop the programs of all kits; every robot is idle. Exit code 1: one has not confirmed it."""
    kits = _kits(room_name, groups, ids, as_json)
    _end(fleet.stop(kits, told=FleetDisplay(kits, quiet=as_json).told), as_json)


@robots.command("flash")
@click.argument("firmware")
@_KITS
@_LIBRARY
@_RECORDS
def flash_kits(
    firmware: str,
    room_name: str,
    groups: tuple[str, ...],
    ids: tuple[str, ...],
    as_json: bool,
    folder: Path,
    records: Path,
) -> None:
    """Write FIRMWARE of the library to the kits chosen by --kit or --group, and verify it."""
    if not groups and not ids:
        raise click.UsageError("say which: --kit ID or --group NAME; the kits of a room may be of several kinds")
    kits, library = _kits(room_name, groups, ids, as_json), _library(folder, as_json)
    wanted = _found(lambda: library.firmware(firmware))
    record = FlashRecords(records)
    for kit in kits:
        if (left := record.left().get(kit.id)) and not as_json:
            click.echo(f"{kit.id}: {left.words}", err=True)
    told = FleetDisplay(kits, quiet=as_json).told
    try:
        _end(flashing.flash(kits, wanted, folder / wanted.file, record, told), as_json)
    except flashing.ToolMissing as missing:
        raise click.ClickException(str(missing)) from missing


@robots.command("library")
@click.argument("folder", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def library_check(folder: Path, as_json: bool) -> None:
    """Is the program library in FOLDER right? Says all that is wrong, with line, field and what would be right."""
    found = _library(folder, as_json)
    if as_json:
        say_json({"ok": True, **found.manifest.model_dump(mode="json")})
        return
    for program in found.manifest.programs:
        size = sum(len(content) for content in found.bundle(program.name).files.values())
        click.echo(
            f"{program.name:<24} {program.version:<10} {size} byte, {program.firmware or 'mọi bản / any firmware'}"
        )
    for firmware in found.manifest.firmwares:
        click.echo(f"{firmware.name:<24} {firmware.version:<10} {firmware.tool}: {firmware.file}")


def _kits(room_name: str, groups: tuple[str, ...], ids: tuple[str, ...], as_json: bool) -> tuple[Kit, ...]:
    try:
        room = check_room(room_file(room_name), drivers=names(), options_of=options_of)
    except DocumentError as wrong:
        raise _wrong(wrong, as_json) from None
    return _found(lambda: kits_of(room, groups, ids))


def _library(folder: Path, as_json: bool) -> Library:
    try:
        return load_library(folder)
    except DocumentError as wrong:
        raise _wrong(wrong, as_json) from None


def _wrong(wrong: DocumentError, as_json: bool) -> SystemExit:
    if as_json:
        say_json({"ok": False, "problems": [problem_json(problem) for problem in wrong.problems]})
    else:
        say_problems(wrong.problems)
    return SystemExit(1)


def _found(look: Callable[[], _T]) -> _T:
    try:
        return look()
    except (NoSuchKit, NotInLibrary) as unknown:
        raise click.UsageError(str(unknown)) from unknown


def _end(work: Coroutine[Any, Any, Report], as_json: bool) -> None:
    report = asyncio.run(work)
    if as_json:
        say_json(report.as_json())
    else:
        say_report(report)
    raise SystemExit(0 if report.ok else 1)


def _say_readiness(report: readiness.ReadinessReport) -> None:
    for kit in report.kits:
        battery = "" if kit.battery_percent is None else f", pin / battery {kit.battery_percent:.0f} %"
        programs = f", {', '.join(kit.programs)}" if kit.programs else ""
        board = f", usb:{kit.board}" if kit.board else ""
        click.echo(f"{'✓' if kit.ok else '✗'} {kit.kit:<16} {kit.firmware or '?'}{battery}{programs}{board}")
        for problem in kit.problems:
            click.echo(f"{'':<19}{problem}")
    for stranger in report.strangers:
        click.echo(f"? {stranger}: không có trong phòng này / no kit of this room")
    ready = sum(1 for kit in report.kits if kit.ok)
    click.echo(f"{ready}/{len(report.kits)} bộ sẵn sàng / kits ready")
