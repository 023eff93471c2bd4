"""`lophoc profile`: check, plan, list and describe lesson profiles."""

import json
from pathlib import Path
from typing import Any, get_args

import click

from classroom_profiles.capability import Command, Value
from classroom_profiles.documents import (
    DocumentError,
    Problem,
    builtin_profiles,
    load_profile,
    load_room,
    sample_rooms,
)
from classroom_profiles.plan import Gap, Missing, Plan, PlanStep, plan
from classroom_profiles.problem import did_you_mean
from classroom_profiles.profile import Need, Profile
from classroom_profiles.role import ROLE_NAMES
from classroom_profiles.room import Room
from classroom_profiles.schema import FileKind, schema
from classroom_profiles.state import RoomState

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_WHY = {
    Missing.NO_DEVICE: "phòng không có / the room has none",
    Missing.CANNOT: "thiết bị không làm được / the device cannot",
    Missing.LEFT_OUT: "được bỏ ra / left out",
}


@click.group()
def profile() -> None:
    """Lesson profiles: what a lesson does to a room."""


@profile.command()
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Is each profile FILE right? Says all that is wrong, with line, column and what would be right."""
    problems: list[Problem] = []
    good: list[dict[str, Any]] = []
    for file in files:
        try:
            found = load_profile(file)
        except DocumentError as wrong:
            problems += wrong.problems
        else:
            good.append({"file": str(file), **_summary(found)})
    if as_json:
        say_json({"ok": not problems, "profiles": good, "problems": [problem_json(problem) for problem in problems]})
    else:
        for one in good:
            click.echo(f"{one['file']}: ✓ {one['id']} ({_two(one['name'])}), {one['steps']} bước / steps")
        say_problems(problems)
    raise SystemExit(1 if problems else 0)


@profile.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def list_profiles(as_json: bool) -> None:
    """The built-in profiles, in the order in which a panel shows them."""
    every = [_summary(one) for one in builtin_profiles()]
    if as_json:
        say_json(every)
        return
    for one in every:
        click.echo(f"{one['id']:<16} {_two(one['name'])}")
        click.echo(f"{'':<16} {one['description']['vi']}\n{'':<16} {one['description']['en']}")


@profile.command("schema")
@click.argument("kind", type=click.Choice(get_args(FileKind)), default="profile")
def show_schema(kind: FileKind) -> None:
    """The JSON Schema of a profile's or a room's file, for editors."""
    say_json(schema(kind))


@profile.command("plan")
@click.argument("profile_name", metavar="PROFILE")
@click.argument("room_name", metavar="ROOM")
@click.option("--without", multiple=True, metavar="DEVICE", help="Plan as if this device were left out.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show_plan(profile_name: str, room_name: str, without: tuple[str, ...], as_json: bool) -> None:
    """The steps that PROFILE takes in ROOM: names of built-in ones, or files. Nothing is touched.

    Exit code 1: the lesson could not be held in this room.
    """
    try:
        chosen, room = _profile(profile_name), load_room(room_file(room_name))
    except DocumentError as wrong:
        say_problems(wrong.problems, err=as_json)
        raise SystemExit(1) from None
    for device in without:
        if room.device(device) is None:
            known = did_you_mean(device, [d.id for d in room.devices])
            raise click.BadParameter(f"the room has no device '{device}'{known}", param_hint="--without")
    made = plan(chosen, room, RoomState(), without)
    if as_json:
        say_json(_plan_json(made, room))
    else:
        _say_plan(made, chosen, room)
    raise SystemExit(1 if made.blocked else 0)


def room_file(name: str) -> Path:
    """The file of that name, else the sample room of that name. Raises click.BadParameter."""
    return _file_or(name, sample_rooms(), "ROOM", "room")


def say_json(content: object) -> None:
    click.echo(json.dumps(content, ensure_ascii=False, indent=2))


def problem_json(problem: Problem) -> dict[str, Any]:
    place = {"file": problem.file, "line": problem.line, "column": problem.column}
    return {**place, "field": problem.field, "message": problem.message}


def say_problems(problems: list[Problem] | tuple[Problem, ...], *, err: bool = False) -> None:
    for problem in problems:
        click.echo(str(problem), err=err)
    if problems:
        click.echo(f"✗ {len(problems)} lỗi / problem{'s' if len(problems) > 1 else ''}", err=err)


def _profile(name: str) -> Profile:
    known = {one.id: one for one in builtin_profiles()}
    if name in known:
        return known[name]
    return load_profile(_file_or(name, {}, "PROFILE", "profile", list(known)))


def _file_or(name: str, samples: dict[str, Path], hint: str, kind: str, names: list[str] | None = None) -> Path:
    if name in samples:
        return samples[name]
    if Path(name).is_file():
        return Path(name)
    known = did_you_mean(name, names if names is not None else list(samples))
    raise click.BadParameter(f"'{name}' is no file and no built-in {kind}{known}", param_hint=hint)


def _summary(found: Profile) -> dict[str, Any]:
    return {
        "id": found.id,
        "version": found.version,
        "name": found.name.model_dump(),
        "description": found.description.model_dump(),
        "icon": found.icon,
        "preempts": found.preempts,
        "steps": len(found.steps),
    }


def _plan_json(made: Plan, room: Room) -> dict[str, Any]:
    return {
        "profile": made.profile,
        "version": made.version,
        "school": room.school,
        "room": room.room,
        "steps": [_step_json(step) for step in made.steps],
        "skipped": [_gap_json(gap) for gap in made.skipped],
        "blocked": [_gap_json(gap) for gap in made.blocked],
    }


def _step_json(step: PlanStep) -> dict[str, Any]:
    return {
        "id": step.id,
        "device": step.device,
        "role": step.role,
        **_command_json(step.command),
        "need": step.need,
        "after": list(step.after),
        "timeout_s": step.timeout_s,
        "retries": step.retries,
    }


def _gap_json(gap: Gap) -> dict[str, Any]:
    return {"role": gap.role, "device": gap.device, **_command_json(gap.command), "why": gap.why, "need": gap.need}


def _command_json(command: Command) -> dict[str, Any]:
    return {"target": str(command.target), "value": command.value}


def _say_plan(made: Plan, chosen: Profile, room: Room) -> None:
    click.echo(f"{_two(chosen.name.model_dump())}  →  {_two(room.name.model_dump())} ({room.school}/{room.room})\n")
    number = {step.id: count for count, step in enumerate(made.steps, 1)}
    wide = max((len(step.device) for step in made.steps), default=0)
    names = {device.id: device.shown_name.vi for device in room.devices}
    wide_name = max((len(names[step.device]) for step in made.steps), default=0)
    for step in made.steps:
        what = f"{step.command.target} → {_word(step.command.value)}"
        need = "bắt buộc / required" if step.need is Need.REQUIRED else ""
        after = ", ".join(str(number[other]) for other in step.after)
        line = (
            f"{number[step.id]:>3}  {step.device:<{wide}}  {names[step.device]:<{wide_name}}  {what:<18}"
            f" ≤ {step.timeout_s:>3g} s  {f'sau / after {after}' if after else '':<18}  {need}"
        )
        click.echo(line.rstrip())
    _say_gaps("Bỏ qua / skipped", made.skipped)
    _say_gaps("✗ Chưa thể bắt đầu / cannot start", made.blocked)


def _say_gaps(title: str, gaps: tuple[Gap, ...]) -> None:
    if not gaps:
        return
    click.echo(f"\n{title}:")
    for gap in gaps:
        what = f"{gap.command.target} → {_word(gap.command.value)}"
        who = gap.device or gap.role
        click.echo(f"     {who} ({_two(ROLE_NAMES[gap.role].model_dump())}) {what}: {_WHY[gap.why]}")


def _word(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _two(name: dict[str, str]) -> str:
    return name["vi"] if name["vi"] == name["en"] else f"{name['vi']} / {name['en']}"
