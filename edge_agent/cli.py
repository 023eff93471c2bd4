"""`lophoc agent` and `lophoc pin`."""

import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path

import click

from classroom_profiles.documents import DocumentError, builtin_profiles, check_room, profiles_in
from classroom_profiles.profile import Profile
from classroom_profiles.room import Room
from edge_agent.pins import FILE, RULE, WrongPins, check, set_pin
from edge_agent.rank import HOLDERS, Rank

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--config", required=True, type=click.Path(path_type=Path), help="The room's file, room.yaml.")
@click.option("--data", required=True, type=_FOLDER, help="Where the agent keeps its journal and its PINs.")
@click.option("--broker", default="mqtt://127.0.0.1:1883", show_default=True, help="The room's MQTT broker.")
@click.option("--uplink", help="The centre's MQTT broker; the room's where left out.")
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 for the whole network.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any that is free.")
@click.option("--profiles", type=_FOLDER, help="A folder with profiles of your own, besides the built-in ones.")
@click.option("--name", "names", multiple=True, help="A name under which browsers reach this gateway; repeatable.")
def agent(
    config: Path,
    data: Path,
    broker: str,
    uplink: str | None,
    host: str,
    port: int,
    profiles: Path | None,
    names: tuple[str, ...],
) -> None:
    """Run a room: its devices, its lessons, its API and its wall panel. Prints `ready URL` when it serves.

    PINs come from LOPHOC_TEACHER_PIN and LOPHOC_TECHNICIAN_PIN, or from `lophoc pin set`; the brokers' passwords from
    LOPHOC_BROKER_PASSWORD and LOPHOC_UPLINK_PASSWORD. Exit code 2: what was given is wrong; 1: it could not run.
    """
    from edge_agent.app import CannotRun, Settings, bind, only_one, run_agent
    from edge_agent.pins import Pins
    from firmware_bridge.transports.mqtt import Broker, WrongBroker

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    room, known = _documents(config, profiles)
    try:
        Broker.of(broker), Broker.of(uplink or broker)
        pins = Pins(data / FILE, os.environ)
    except (WrongBroker, WrongPins) as wrong:
        raise click.UsageError(str(wrong)) from wrong
    settings = Settings(room, known, data, broker, uplink or broker, names)

    async def run() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        at = listening.getsockname()[1]
        await run_agent(settings, pins, listening, lambda: _say_ready(host, at), stopped)

    try:
        with only_one(data), bind(host, port) as listening:
            asyncio.run(run())
    except CannotRun as why:
        raise click.ClickException(str(why)) from why


def _documents(config: Path, own: Path | None) -> tuple[Room, tuple[Profile, ...]]:
    """The room and all profiles; a profile of one's own goes before the built-in one of its name. Exits with 2."""
    from firmware_bridge.cli import options_of
    from firmware_bridge.driver import names

    problems: list[str] = []
    known = {profile.id: profile for profile in builtin_profiles()}
    try:
        if own is not None:
            known |= {profile.id: profile for profile in profiles_in(own)}
    except DocumentError as wrong:
        problems += [str(problem) for problem in wrong.problems]
    try:
        room = check_room(config, profiles=known, drivers=names(), options_of=options_of)
    except DocumentError as wrong:
        problems += [str(problem) for problem in wrong.problems]
    if problems:
        for problem in problems:
            click.echo(problem, err=True)
        raise SystemExit(2)
    return room, tuple(known.values())


def _say_ready(host: str, port: int) -> None:
    gc.collect()
    gc.freeze()  # what was made until now stays: later collections need not look at it
    shown = host if host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - it is what was asked for
    click.echo(f"ready http://{f'[{shown}]' if ':' in shown else shown}:{port}")
    sys.stdout.flush()


@click.group()
def pin() -> None:
    """PINs: who may start lessons, and who may maintain the room."""


@pin.command("set")
@click.option("--data", required=True, type=_FOLDER, help="The agent's data directory.")
@click.option("--from-stdin", is_flag=True, help="Read the PIN from standard input instead of asking for it.")
@click.argument("who", type=click.Choice([rank.value for rank in HOLDERS]))
def set_one(data: Path, from_stdin: bool, who: str) -> None:
    """Set the PIN of the teacher or the technician: 4 to 12 digits. A running agent takes it at once."""
    if from_stdin:
        written = sys.stdin.readline().strip()
    else:
        written = click.prompt(f"PIN ({RULE})", hide_input=True, confirmation_prompt=True, value_proc=_checked)
    try:
        set_pin(data / FILE, Rank(who), written)
    except WrongPins as wrong:
        raise click.UsageError(str(wrong)) from wrong
    except OSError as why:
        raise click.ClickException(f"{data} cannot be written: {why.strerror}") from why
    click.echo(f"Đã đặt PIN / PIN set: {who}")


def _checked(written: str) -> str:
    try:
        check(written)
    except WrongPins as wrong:
        raise click.BadParameter(str(wrong)) from wrong
    return written
