"""`lophoc agent` and `lophoc pin`."""

import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path

import click

from classroom_profiles.documents import DocumentError, builtin_profiles, profiles_in
from classroom_profiles.profile import Profile
from classroom_profiles.room import Room
from edge_agent.pins import FILE, RULE, WrongPins, check, set_pin
from edge_agent.rank import HOLDERS, Rank

_NICE = -10
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--config", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="The room's file, room.yaml; `lophoc room check FILE` says what is wrong in it.",
)  # fmt: skip
@click.option(
    "--data", required=True, type=_FOLDER, metavar="DIR",
    help="Where the agent keeps its journal, the lesson and its PINs; made if it is not there. One agent at a time.",
)  # fmt: skip
@click.option("--broker", default="mqtt://127.0.0.1:1883", show_default=True, metavar="URL", help="The room's broker.")
@click.option("--uplink", metavar="URL", help="The centre's broker; the room's where left out.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to serve on; 0.0.0.0 for the whole network."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any that is free.")
@click.option(
    "--profiles", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="A folder with profiles of your own, besides the built-in ones; one of the same id goes before those.",
)  # fmt: skip
@click.option(
    "--library", type=_FOLDER, metavar="DIR",
    help="The program library of the robot kits, a folder with library.yaml; DIR/library of --data where left out.",
)  # fmt: skip
@click.option(
    "--name", "names", multiple=True, metavar="NAME",
    help="A name under which browsers reach this gateway, besides its addresses and its host name; repeatable.",
)  # fmt: skip
def agent(
    config: Path,
    data: Path,
    broker: str,
    uplink: str | None,
    host: str,
    port: int,
    profiles: Path | None,
    library: Path | None,
    names: tuple[str, ...],
) -> None:
    """Run a room: its devices, its lessons, its API and its wall panel.

    Prints one line, `ready URL`, once it serves; its log goes to standard error. SIGTERM or Ctrl-C stops it: devices
    stay as they are, and a lesson that was being prepared is taken up again at the next start.

    \b
    Secrets come from the environment only; PINs also from `lophoc pin set`:
      LOPHOC_TEACHER_PIN, LOPHOC_TECHNICIAN_PIN       4 to 12 digits
      LOPHOC_BROKER_PASSWORD, LOPHOC_UPLINK_PASSWORD  of the user in the URL
      LOPHOC_BROKER_CA, LOPHOC_UPLINK_CA              a file, for mqtts://
    Options may be given there, too: LOPHOC_AGENT_CONFIG, LOPHOC_AGENT_DATA ...

    \b
    Exit codes:
      0  it was stopped
      1  it could not run: its port or its data directory is taken, for example
      2  what was given is wrong; a file's problems are named by line and column
    """
    from edge_agent.app import CannotRun, Settings, bind, only_one, run_agent
    from edge_agent.pins import Pins
    from firmware_bridge.transports.mqtt import Broker, WrongBroker

    room, known = _documents(config, profiles)
    try:
        Broker.of(broker), Broker.of(uplink or broker)
        pins = Pins(data / FILE, os.environ)
    except (WrongBroker, WrongPins) as wrong:
        raise click.UsageError(str(wrong)) from wrong
    log = _log_to_stderr()
    _go_first(log)
    settings = Settings(room, known, data, broker, uplink or broker, library, names)

    async def run() -> None:
        stopped = asyncio.Event()

        def stop(number: signal.Signals) -> None:
            log.info("stopping: %s", number.name)
            stopped.set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop, number)
        log.info(
            "room %s/%s: %d devices, %d profiles; broker %s; data %s",
            room.school, room.room, len(room.devices), len(known), broker, data,
        )  # fmt: skip
        at = listening.getsockname()[1]
        await run_agent(settings, pins, listening, lambda: _say_ready(host, at), stopped)

    os.umask(0o077)  # whatever it writes is its own
    try:
        with only_one(data), bind(host, port) as listening:
            asyncio.run(run())
    except CannotRun as why:
        raise click.ClickException(str(why)) from why
    except Exception as mistake:
        log.critical("a mistake in the agent has ended it", exc_info=True)
        raise SystemExit(1) from mistake
    log.info("stopped")


def _go_first(log: logging.Logger) -> None:
    """Before whatever else computes on this machine, such as vision: an interlock must not wait for its turn."""
    if os.getpriority(os.PRIO_PROCESS, 0) != 0:
        return  # somebody has decided already
    try:
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    except OSError:
        log.info("runs with ordinary priority; with systemd, Nice=%d in the unit puts it before vision", _NICE)


def _log_to_stderr() -> logging.Logger:
    """The agent's own."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # it warns of whatever strangers send
    return logging.getLogger("lophoc.agent")


def _documents(config: Path, own: Path | None) -> tuple[Room, tuple[Profile, ...]]:
    """The room and all profiles; a profile of one's own goes before the built-in one of its name. Exits with 2."""
    from firmware_bridge.cli import checked_room

    problems: list[str] = []
    known = {profile.id: profile for profile in builtin_profiles()}
    try:
        if own is not None:
            known |= {profile.id: profile for profile in profiles_in(own)}
    except DocumentError as wrong:
        problems += [str(problem) for problem in wrong.problems]
    try:
        room = checked_room(config, known)
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
