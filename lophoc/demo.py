"""`lophoc demo`: the whole main job in one terminal: broker, simulated room, agent with panel, ingest, store."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from classroom_profiles.documents import builtin_profiles, load_room, sample_rooms
from classroom_profiles.room import Device, Room
from lophoc.broker import IOTCORE, start_broker
from lophoc.check import Outcome, run_lesson
from lophoc.children import ChildFailed, Children, children
from lophoc.ops_part import OpsCentre, ops_missing, start_ops, trust_centre

SAMPLE = "stem-a101"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the demo was asked for."""

    check: bool
    profile: str
    broker: str | None
    store: str | None
    port: int
    warm_up_s: float
    data: Path
    faults: dict[str, list[str]]
    as_json: bool
    with_ops: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """A running demo."""

    panel: str
    store: str
    room: Room
    teacher_pin: str
    technician_pin: str
    ops: OpsCentre | None = None


@click.command()
@click.option("--check", is_flag=True, help="Run one lesson without a person, report, exit 0 only if all held.")
@click.option(
    "--profile", default="stem-robotics", show_default=True, metavar="NAME", help="The lesson that --check runs.",
    type=click.Choice([profile.id for profile in builtin_profiles()]),
)  # fmt: skip
@click.option(
    "--broker", help="Your MQTT broker's URL instead of one of the demo's own; or iotcore: the one from the wheel."
)
@click.option("--store", help="Your store instead of SQLite: influx1://host:port/db and so on.")
@click.option("--port", default=8080, show_default=True, help="The panel's port; another is taken if it is in use.")
@click.option("--warm-up", "warm_up_s", default=4.0, show_default=True, help="Seconds the projector takes to warm up.")
@click.option("--data", type=click.Path(path_type=Path), help="Keep all files here; otherwise they go at the end.")
@click.option("--fault", "faults", multiple=True, metavar="DEVICE=FAULT", help="Injure a device: projector=refuse.")
@click.option("--ops", "with_ops", is_flag=True, help="The city's operations centre beside it, with this one school.")
@click.option("--json", "as_json", is_flag=True, help="With --check: one JSON object as the last line.")
def demo(
    check: bool,
    profile: str,
    broker: str | None,
    store: str | None,
    port: int,
    warm_up_s: float,
    data: Path | None,
    faults: tuple[str, ...],
    as_json: bool,
    with_ops: bool,
) -> None:
    """A whole classroom on this machine: real wires, simulated devices. Ctrl-C leaves nothing running."""
    room = load_room(sample_rooms()[SAMPLE])
    injured = _faults(faults, room)
    if with_ops and (missing := ops_missing()):
        raise click.ClickException(missing)
    with _directory(data) as directory:
        settings = Settings(check, profile, broker, store, port, warm_up_s, directory, injured, as_json, with_ops)
        try:
            held = asyncio.run(_run(settings, room))
        except ChildFailed as failed:
            kind = click.UsageError if failed.wrong_use else click.ClickException
            raise kind(str(failed)) from failed
    raise SystemExit(0 if held else 1)


def _faults(written: tuple[str, ...], room: Room) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in written:
        device, equals, fault = text.partition("=")
        if not (equals and fault):
            raise click.BadParameter(f"'{text}' is not DEVICE=FAULT, such as projector=refuse", param_hint="--fault")
        if room.device(device) is None:
            known = ", ".join(d.id for d in room.devices)
            raise click.BadParameter(f"no device '{device}'; the demo's room has: {known}", param_hint="--fault")
        found.setdefault(device, []).append(fault)
    return found


@contextlib.contextmanager
def _directory(data: Path | None) -> Iterator[Path]:
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="lophoc-demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


async def _run(settings: Settings, room: Room) -> bool:
    """True if it ended as it should."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    async with children(settings.data) as parts:
        work = asyncio.create_task(_work(settings, room, parts), name="demo")
        asked = asyncio.create_task(stopped.wait(), name="stop")
        try:
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            _say("\nĐang dừng… / Stopping…")
            return not settings.check
        finally:
            for task in (work, asked):
                task.cancel()
            await asyncio.gather(work, asked, return_exceptions=True)


async def _work(settings: Settings, room: Room, parts: Children) -> bool:
    stage = await _set_stage(settings, room, parts)
    if settings.check:
        outcome = await run_lesson(stage.panel, stage.teacher_pin, settings.profile, stage.store, stage.room, _say)
        _report(outcome, settings.as_json)
        return outcome.held
    _welcome(stage, settings)
    ended = await parts.first_to_stop()
    raise ChildFailed(f"{ended.name} stopped by itself (exit code {ended.process.returncode})\n{ended.last_words()}")


async def _set_stage(settings: Settings, room: Room, parts: Children) -> Stage:
    """Start every part, in the order in which they need one another."""
    started = time.monotonic()

    def step(vi: str, en: str) -> None:
        _say(f"  {time.monotonic() - started:4.1f} s  {vi} / {en}")

    broker, kind = settings.broker, "yours"
    if broker in (None, IOTCORE):
        broker, kind = await start_broker(parts, settings.data, from_wheel=broker == IOTCORE)
    step(f"Broker MQTT: {broker}", kind)
    secret = {"LOPHOC_PROJECTOR_PASSWORD": secrets.token_hex(8)}
    room = await _simulate(settings, room, broker, parts, secret)
    step(f"{len(room.devices)} thiết bị mô phỏng", f"{len(room.devices)} simulated devices")
    store = settings.store or f"sqlite:///{settings.data / 'store.sqlite'}"
    room_file = settings.data / "room.yaml"
    room_file.write_text(
        yaml.safe_dump(room.model_dump(mode="json", exclude_none=True), allow_unicode=True, sort_keys=False),
        encoding="utf-8",
    )
    stage_secrets = {
        "LOPHOC_TEACHER_PIN": os.environ.get("LOPHOC_TEACHER_PIN", "2468"),
        "LOPHOC_TECHNICIAN_PIN": os.environ.get("LOPHOC_TECHNICIAN_PIN", "135791"),
    }
    port = settings.port if await _free(settings.port) else 0
    if settings.with_ops:
        trust_centre(settings.data, settings.data / "agent")
    async with _together() as group:
        group.create_task(
            parts.lophoc(
                "ingest", "ingest",
                *("--broker", broker, "--store", store),
                # nothing among this user's state, where the end of the demo would leave it
                *("--data", str(settings.data / "ingest"), "--registry", str(settings.data / "registry.sqlite")),
            )
        )  # fmt: skip
        agent = group.create_task(
            parts.lophoc(
                "agent", "agent",
                *("--config", str(room_file), "--data", str(settings.data / "agent")),
                *("--broker", broker, "--port", str(port)),
                environment={**stage_secrets, **secret},
            )
        )  # fmt: skip
    step("Trung tâm nhận dữ liệu và máy điều khiển của phòng đã chạy", "ingest and agent are running")
    panel = agent.result().ready.split()[0]
    ops = None
    if settings.with_ops:
        ops = await start_ops(parts, settings.data, room, broker, store, settings.data / "registry.sqlite")
        step("Trung tâm điều hành đã chạy", "the operations centre is running")
    teacher, technician = stage_secrets["LOPHOC_TEACHER_PIN"], stage_secrets["LOPHOC_TECHNICIAN_PIN"]
    return Stage(panel, store, room, teacher, technician, ops)


async def _simulate(settings: Settings, room: Room, broker: str, parts: Children, secret: dict[str, str]) -> Room:
    """Start the other end of every wire; the room with the addresses where they are."""
    on_broker = [device for device in room.devices if device.driver == "mqtt-devices"]
    room_of_broker = settings.data / "mqtt-devices.yaml"
    room_of_broker.write_text(
        yaml.safe_dump(room.model_dump(mode="json", exclude_none=True), allow_unicode=True), encoding="utf-8"
    )
    moved: dict[str, dict[str, Any]] = {}

    async def simulate(device: Device) -> None:
        arguments, options = _simulator(device, settings)
        for fault in settings.faults.get(device.id, []):
            arguments += ["--fault", fault]
        child = await parts.lophoc(f"sim-{device.id}", "sim", *arguments, environment=secret)
        if "port" in options and options["port"] == 0:
            options["port"] = int(child.ready.rsplit(":", 1)[1])
        moved[device.id] = {**device.options, **options}

    async with _together() as group:
        for device in room.devices:
            if device not in on_broker:
                group.create_task(simulate(device))
        faults = [f"{d.id}={fault}" for d in on_broker for fault in settings.faults.get(d.id, [])]
        group.create_task(
            parts.lophoc(
                "sim-mqtt-devices", "sim", "mqtt-devices",
                *("--broker", broker, "--room", str(room_of_broker), "--period", "2"),
                *(word for fault in faults for word in ("--fault", fault)),
            )
        )  # fmt: skip
    devices = tuple(
        device.model_copy(update={"options": moved.get(device.id, device.options)}) for device in room.devices
    )
    return room.model_copy(update={"devices": devices, "simulated": True})


@contextlib.asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """Parts that start at the same time; those that do not are told in one ChildFailed."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except* ChildFailed as failed:
        every = [error for error in failed.exceptions if isinstance(error, ChildFailed)]
        raise ChildFailed(
            "\n".join(str(error) for error in every), wrong_use=all(error.wrong_use for error in every)
        ) from None


def _simulator(device: Device, settings: Settings) -> tuple[list[str], dict[str, Any]]:
    """The arguments of `lophoc sim` that play this device, and the options under which it is then reached."""
    link = str(settings.data / f"tty-{device.id}")
    match device.driver:
        case "pjlink":
            arguments = ["pjlink", "--port", "0", "--password-env", "LOPHOC_PROJECTOR_PASSWORD"]
            return [*arguments, "--warm-up", str(settings.warm_up_s), "--cool-down", "3"], {"port": 0}
        case "projector-serial":
            return ["projector-serial", "--link", link, "--warm-up", str(settings.warm_up_s)], {"port": link}
        case "firmata":
            return ["firmata", "--link", link], {"port": link}
        case other:
            raise click.ClickException(f"the demo has no simulator for driver '{other}' of {device.id}")


async def _free(port: int) -> bool:
    try:
        server = await asyncio.start_server(lambda _, __: None, "127.0.0.1", port)
    except OSError:
        return False
    server.close()
    await server.wait_closed()
    return True


def _welcome(stage: Stage, settings: Settings) -> None:
    _say("")
    _say(click.style(f"  Bảng điều khiển / Panel:  {stage.panel}", bold=True))
    _say(f"  PIN giáo viên / teacher:  {stage.teacher_pin}     kỹ thuật / technician:  {stage.technician_pin}")
    if stage.ops is not None:
        _say(click.style(f"  Trung tâm điều hành / Operations centre:  {stage.ops.url}", bold=True))
        _say(f"  Tên / name:  {stage.ops.name}     mật khẩu / password:  {stage.ops.password}")
    query = f"{_program()} query --store {stage.store} --room {stage.room.school}/{stage.room.room}"
    _say(f"  Dữ liệu / Data:           {query}")
    _say(f"  API:                      {stage.panel}/openapi.json     nhật ký / logs: {settings.data}")
    _say("  Ctrl-C để dừng / to stop\n")


def _program() -> str:
    """`lophoc`, as it can be typed: `scripts/demo` puts none on the PATH."""
    return "lophoc" if shutil.which("lophoc") else str(Path(sys.executable).with_name("lophoc"))


def _report(outcome: Outcome, as_json: bool) -> None:
    for line in outcome.lines:
        _say(line)
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))


def _say(text: str) -> None:
    click.echo(text)
