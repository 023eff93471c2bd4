"""`lophoc room` and `lophoc driver`: a room's file held against the drivers that it names, and the drivers' pages."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from classroom_profiles.cli import problem_json, room_file, say_json, say_problems
from classroom_profiles.documents import (
    DocumentError,
    Problem,
    builtin_profiles,
    check_room,
    profiles_in,
    sample_rooms,
)
from classroom_profiles.problem import did_you_mean
from classroom_profiles.room import Room
from firmware_bridge.driver import address_of, names, offer_of
from firmware_bridge.driver_page import NotInstalled, Option, Page, kind_of, page

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def room() -> None:
    """Rooms: the file that says which devices a room has."""


@room.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--profiles", type=_DIRECTORY, help="A folder with profiles of your own that triggers may start.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def check(files: tuple[str, ...], profiles: Path | None, as_json: bool) -> None:
    """Is each room FILE right? Says all that is wrong, with line, column and what would be right.

    Each device's options are held against its driver; no device is touched. A FILE may be the name of a sample room.
    """
    paths = [room_file(name) for name in files]
    problems: list[Problem] = []
    good: list[dict[str, Any]] = []
    try:
        own = profiles_in(profiles) if profiles else ()
    except DocumentError as wrong:
        own = ()
        problems += wrong.problems
    known = list(dict.fromkeys(one.id for one in (*builtin_profiles(), *own)))
    for path in paths:
        try:
            found = checked_room(path, known)
        except DocumentError as wrong:
            problems += wrong.problems
        else:
            named = {"school": found.school, "room": found.room, "name": found.name.model_dump()}
            good.append({"file": str(path), **named, "devices": len(found.devices), "triggers": len(found.triggers)})
    if as_json:
        say_json({"ok": not problems, "rooms": good, "problems": [problem_json(problem) for problem in problems]})
    else:
        for one in good:
            place = f"{one['school']}/{one['room']} ({one['name']['vi']} / {one['name']['en']})"
            click.echo(f"{one['file']}: ✓ {place}, {one['devices']} thiết bị / devices")
        say_problems(problems)
    raise SystemExit(1 if problems else 0)


@room.command()
@click.argument("name", required=False)
def sample(name: str | None) -> None:
    """Print the sample room NAME, to begin a file of your own with; without NAME, list them."""
    samples = sample_rooms()
    if name is None:
        for one in samples:
            click.echo(one)
    elif name in samples:
        click.echo(samples[name].read_text(encoding="utf-8"), nl=False)
    else:
        raise click.BadParameter(f"no sample room '{name}'{did_you_mean(name, samples)}", param_hint="NAME")


@click.group()
def driver() -> None:
    """Drivers: what speaks to a device."""


@driver.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def list_drivers(as_json: bool) -> None:
    """Every driver that is installed, third parties' included."""
    found = []
    for name in names():
        try:
            found.append({"name": name, "title": page(name).title, "installed": True})
        except NotInstalled as missing:
            found.append({"name": name, "title": str(missing), "installed": False})
    if as_json:
        say_json(found)
        return
    for one in found:
        click.echo(f"{one['name']:<20} {one['title']}")


@driver.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(name: str, as_json: bool) -> None:
    """What driver NAME is, its options, and a sample for a room's file."""
    if name not in names():
        raise click.BadParameter(f"no driver '{name}'{did_you_mean(name, names())}", param_hint="NAME")
    try:
        found = page(name)
    except NotInstalled as missing:
        raise click.ClickException(str(missing)) from missing
    if as_json:
        say_json(_page_json(found))
    else:
        _say_page(found)


def checked_room(path: Path, profiles: Collection[str]) -> Room:
    """The room in the file, held against the drivers that are installed. Raises DocumentError.

    `profiles`: the ids that a trigger may start.
    """
    return check_room(
        path, profiles=profiles, drivers=names(), options_of=options_of, offer_of=offer_of, address_of=address_of
    )


def options_of(name: str) -> type[BaseModel]:
    """The model of a driver's options. Raises LookupError, saying why there is none."""
    options: type[BaseModel] = kind_of(name).options
    return options


def _page_json(found: Page) -> dict[str, Any]:
    return {
        "name": found.name,
        "about": found.about,
        "options": [
            {
                "name": option.name,
                "type": option.type,
                "required": option.required,
                "default": option.default,
                "description": option.description,
            }
            for option in found.options
        ],
        "sample": found.sample,
    }


def _say_page(found: Page) -> None:
    click.echo(f"{found.name}\n\n{found.about}\n")
    click.echo("Tùy chọn / options:")
    for option in found.options:
        click.echo(f"  {option.name:<24} {option.type}{_default(option)}")
        click.echo(f"  {'':<24}   {option.description}")
    click.echo("\nVí dụ / sample (room.yaml, dưới id và role / below id and role):\n")
    for line in found.sample_yaml.splitlines():
        click.echo(f"    {line}")


def _default(option: Option) -> str:
    if option.required:
        return ", bắt buộc / required"
    if option.default in (None, {}, [], ""):
        return ""
    value = {True: "true", False: "false"}[option.default] if isinstance(option.default, bool) else option.default
    return f", mặc định / default {value}"
