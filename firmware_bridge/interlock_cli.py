"""`lophoc interlock`: check a room's interlocks, and replay a recorded day against them."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from classroom_profiles.cli import problem_json, room_file, say_json, say_problems
from classroom_profiles.documents import DocumentError, builtin_profiles
from classroom_profiles.interlock import Interlock
from classroom_profiles.interlock_check import rules_of
from classroom_profiles.interlock_files import builtin_sets, load_set
from classroom_profiles.interlock_rule import Rule
from classroom_profiles.interlock_state import Evaluator, State, Step
from classroom_profiles.problem import did_you_mean
from classroom_profiles.reading import Health
from classroom_profiles.room import Room
from firmware_bridge.cli import checked_room
from firmware_bridge.driver import offer_of
from firmware_bridge.recorded_day import Row, WrongRow, rows, written

_LOG = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def interlock() -> None:
    """Interlocks: what is done at once, without any network, when it is dangerous."""


@interlock.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def list_sets(as_json: bool) -> None:
    """The sets that come with lophoc, to be named in a room's `interlock_sets`."""
    found = [load_set(path) for path in builtin_sets().values()]
    if as_json:
        say_json([one.model_dump(mode="json") for one in found])
        return
    for one in found:
        click.echo(f"{one.id:<20} {one.name.vi} / {one.name.en}")


@interlock.command()
@click.argument("name")
def sample(name: str) -> None:
    """Print the built-in set NAME, to begin a file of your own with."""
    sets = builtin_sets()
    if name not in sets:
        raise click.BadParameter(f"no set '{name}'{did_you_mean(name, sets)}", param_hint="NAME")
    click.echo(sets[name].read_text(encoding="utf-8"), nl=False)


@interlock.command()
@click.argument("room_name", metavar="ROOM")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def check(room_name: str, as_json: bool) -> None:
    """Can ROOM's interlocks be relied on? Says all that is wrong: unknown devices and metrics, what a device cannot be
    told, contradictions and loops. ROOM is a file or a sample room. Exit code 1: they cannot.
    """
    path = room_file(room_name)
    try:
        room = _checked(path)
    except DocumentError as wrong:
        if as_json:
            say_json({"ok": False, "interlocks": [], "problems": [problem_json(problem) for problem in wrong.problems]})
        else:
            say_problems(wrong.problems)
        raise SystemExit(1) from None
    rules = rules_of(room, offer_of)
    if as_json:
        say_json({"ok": True, "interlocks": [_rule_json(rule) for rule in rules], "problems": []})
        return
    for rule, as_written in zip(rules, room.interlocks, strict=True):
        _say_rule(rule, as_written)
    click.echo(f"{path}: ✓ {len(rules)} khóa liên động / interlocks")


@interlock.command()
@click.argument("room_name", metavar="ROOM")
@click.option("--log", "log", required=True, type=_LOG, help="The day: CSV with a header, or one JSON object a line.")
@click.option(
    "--keep-latched",
    is_flag=True,
    help="As in life, a rule trips once. Else it is reset as soon as its cause is gone.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def simulate(room_name: str, log: Path, keep_latched: bool, as_json: bool) -> None:
    """Replay a recorded day against ROOM's interlocks, and print every trip.

    The LOG has the columns time, device, metric and value: the time in seconds since 1970 or as 2026-11-24T08:15:00, in
    order; the metric `health` says how a device is. Nothing is commanded. Exit code 1: the file or the rules are wrong.
    """
    try:
        rules = rules_of(_checked(room_file(room_name)), offer_of)
    except DocumentError as wrong:
        say_problems(wrong.problems, err=as_json)
        raise SystemExit(1) from None
    try:
        steps, count = _replay(rules, rows(log), reset=not keep_latched)
    except (WrongRow, OSError) as why:
        raise click.ClickException(f"{log}: {why}") from None
    trips = list(_trips(steps))
    if as_json:
        say_json({"readings": count, "trips": trips})
        return
    for trip in trips:
        click.echo(f"{trip['time']}  {trip['interlock']}: {trip['cause']}")
        click.echo(f"{'':<21}→ {', '.join(trip['orders'])}")
        if trip["gone"] is not None:
            click.echo(f"{'':<21}hết / gone {trip['gone']}, sau / after {trip['lasted_s']:g} s")
    click.echo(f"{count} số đọc / readings, {len(trips)} lần ngắt / trips")


def _checked(path: Path) -> Room:
    """Raises DocumentError."""
    return checked_room(path, [one.id for one in builtin_profiles()])


def _replay(rules: Iterable[Rule], day: Iterable[Row], *, reset: bool) -> tuple[list[Step], int]:
    """Every step, the times of silence between rows included; and how many rows there were."""
    steps: list[Step] = []
    evaluator: Evaluator | None = None
    count = 0

    def took(more: list[Step]) -> None:
        steps.extend(more)
        for step in more:
            if reset and step.after is State.LATCHED and evaluator is not None:
                steps.extend(evaluator.reset(step.rule.id, step.at_us))

    for row in day:
        count += 1
        if evaluator is None:
            evaluator = Evaluator(rules, row.time_us)
        while evaluator.next_us is not None and evaluator.next_us < row.time_us:
            took(evaluator.tick(evaluator.next_us))
        if isinstance(row.value, Health):
            took(evaluator.reach(row.device, row.value, row.time_us))
        else:
            took(evaluator.read(row.device, row.metric, row.value, row.time_us))
    return steps, count


def _trips(steps: list[Step]) -> Iterator[dict[str, Any]]:
    for place, step in enumerate(steps):
        if not step.is_trip:
            continue
        gone = next((s.at_us for s in steps[place:] if s.rule is step.rule and s.after is State.LATCHED), None)
        yield {
            "time": written(step.at_us),
            "time_s": step.at_us / 1e6,
            "interlock": step.rule.id,
            "cause": step.cause.text if step.cause else "",
            "orders": [str(order) for order in step.rule.orders],
            "gone": None if gone is None else written(gone),
            "lasted_s": None if gone is None else (gone - step.at_us) / 1e6,
        }


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name.model_dump(),
        "when": [str(watch) for watch in rule.watches],
        "then": [str(order) for order in rule.orders],
        "button": str(rule.panel),
        "reset_by": str(rule.reset_by),
    }


def _say_rule(rule: Rule, as_written: Interlock) -> None:
    click.echo(f"{rule.id} ({rule.name.vi} / {rule.name.en})")
    for word, what in (("khi / when", rule.watches), ("thì / then", rule.orders)):
        for number, one in enumerate(what):
            click.echo(f"  {word if not number else '':<12} {one}")
    click.echo(f"  {'đến khi':<12} {as_written.latch_until}: {rule.reset_by}")
