"""Every MQTT device of a room on a broker: each with its own last will, its own memory and its own faults."""

import asyncio
import contextlib
import random
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import SplitResult, urlsplit

import click

from simulators.changes import Changes
from simulators.faults import Faults, UnknownFault
from simulators.until_stopped import run

if TYPE_CHECKING:
    import aiomqtt

    from classroom_profiles.room import Room
    from simulators.mqtt_dialects import Dialect, Publish
    from simulators.mqtt_things import Thing

FAULTS: dict[str, str] = {
    "silent": "carries out commands and says nothing any more",
    "offline": "is off the network: its availability says so and it hears nothing",
    "refuse": "takes commands and stays as it is",
    "slow": "answers some seconds late",
    "garbage": "says what no program understands",
}

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 5.0
_CONNECT_S = 5.0
_GOODBYE_S = 1.0
_NO_DELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


class NoBroker(OSError):
    """No broker took our connections in time."""


@dataclass(slots=True)
class _Unit:
    """What has one connection: one device, or all that hang on one Zigbee bridge."""

    name: str
    devices: list[str] = field(default_factory=list)
    client: "aiomqtt.Client | None" = None
    """None while it is not connected."""
    speaking: asyncio.Lock = field(default_factory=asyncio.Lock)


class MqttDevices:
    """The devices of a room whose driver is `mqtt-devices`. Tests read and set `devices`, and injure by `faults`."""

    def __init__(
        self,
        broker_url: str,
        room: "Room",
        period_s: float = 10.0,
        faults: Iterable[tuple[str, str]] = (),
        seed: int = 1,
        slow_s: float = 3.0,
        connect_s: float = 20.0,
    ) -> None:
        """`faults`: pairs of device and fault. Raises UnknownFault for either that is not known."""
        from simulators.mqtt_dialects import DIALECTS
        from simulators.mqtt_things import thing

        self._broker = broker(broker_url)
        self.period_s = period_s
        self.slow_s = slow_s
        self.connect_s = connect_s
        self.changes = Changes()
        self.devices: dict[str, Thing] = {}
        self.faults: dict[str, Faults] = {}
        self._dialects: dict[str, Dialect] = {}
        self._units: dict[str, _Unit] = {}
        self._noise = random.Random(seed)
        self._was_offline: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        for device in room.devices:
            if device.driver == "mqtt-devices":
                dialect = str(device.options.get("dialect", "plain"))
                made = self.devices[device.id] = thing(device, seed)
                self._dialects[device.id] = DIALECTS[dialect](made)
                unit = "zigbee2mqtt" if dialect == "zigbee2mqtt" else device.id
                self._units.setdefault(unit, _Unit(unit)).devices.append(device.id)
                self.faults[device.id] = Faults(FAULTS, (), lambda one=device.id: self._injured(one))  # type: ignore[misc]
        for name, fault in faults:
            if name not in self.faults:
                raise UnknownFault(f"no MQTT device '{name}'; one of: {', '.join(self.faults)}")
            self.faults[name].add(fault)

    @property
    def connected(self) -> bool:
        """True while every device is connected."""
        return all(unit.client is not None for unit in self._units.values())

    @property
    def address(self) -> str:
        return f"mqtt://{self._broker.hostname}:{self._broker.port or 1883}"

    async def __aenter__(self) -> Self:
        """Raises NoBroker."""
        for unit in self._units.values():
            self._start(self._live(unit), f"mqtt {unit.name}")
        self._start(self._report(), "mqtt report")
        try:
            await self.changes.until(lambda: self.connected, self.connect_s)
        except BaseException as wrong:
            await self._stop()
            if isinstance(wrong, TimeoutError):
                raise NoBroker(
                    f"no MQTT broker at {self.address} took our connections in {self.connect_s:g} s"
                ) from wrong
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                for unit in self._units.values():
                    await self._say(unit, [self._availability(one, online=False) for one in unit.devices])
        await self._stop()

    async def press(self, device: str, action: str = "single") -> None:
        """Somebody presses a button once."""
        await self._say(self._unit(device), self._as_injured(device, self._dialects[device].pressed(action)))

    async def report(self, device: str) -> None:
        """Say its state now, as after a change at the device itself."""
        await self._say(self._unit(device), self._as_injured(device, self._dialects[device].state()))

    async def lose_connection(self, device: str) -> None:
        """Cut its connection without a word, so that the broker publishes its will; it comes back by itself."""
        unit = self._unit(device)
        async with unit.speaking:  # cut between two messages: aiomqtt stumbles over a write to a socket just gone
            wire = None if unit.client is None else unit.client._client.socket()
            if isinstance(wire, socket.socket):
                wire.shutdown(socket.SHUT_RDWR)

    # --- one connection ---

    async def _live(self, unit: _Unit) -> None:
        """Stay connected; wait longer each time in vain."""
        import aiomqtt

        wait_s = _FIRST_WAIT_S
        while True:
            try:
                async with self._client(unit) as client:
                    wait_s = _FIRST_WAIT_S
                    await self._greet(unit, client)
                    async for message in client.messages:
                        payload = message.payload
                        text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload or "")
                        self._hear(unit, str(message.topic), text)
            except aiomqtt.MqttError:
                pass  # the broker is away: that is what the loop is for
            finally:
                unit.client = None
                self.changes.tell()
            await asyncio.sleep(wait_s)
            wait_s = min(_LONGEST_WAIT_S, wait_s * 2)

    def _client(self, unit: _Unit) -> "aiomqtt.Client":
        import aiomqtt

        if unit.name == "zigbee2mqtt":
            will: Publish | None = _bridge(online=False)
        else:
            will = self._dialects[unit.devices[0]].availability(online=False)
        return aiomqtt.Client(
            self._broker.hostname or "127.0.0.1",
            self._broker.port or 1883,
            username=self._broker.username,
            password=self._broker.password,
            identifier=f"sim-{unit.name}-{secrets.token_hex(4)}",
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, 1, will.retain),
            timeout=_CONNECT_S,
            socket_options=_NO_DELAY,
        )

    async def _greet(self, unit: _Unit, client: "aiomqtt.Client") -> None:
        topics = [(topic, 1) for one in unit.devices for topic in self._dialects[one].heard]
        if topics:
            await client.subscribe(topics)
        unit.client = client
        said: list[Publish | None] = [_bridge(online=True)] if unit.name == "zigbee2mqtt" else []
        for one in unit.devices:
            online = "offline" not in self.faults[one]
            said.append(self._availability(one, online))
            said += self._as_injured(one, self._dialects[one].hello())
        await self._say(unit, said)
        self.changes.tell()

    def _hear(self, unit: _Unit, topic: str, payload: str) -> None:
        for one in unit.devices:
            if "offline" not in self.faults[one] and any(_matches(topic, heard) for heard in self._dialects[one].heard):
                self._start(self._obey(unit, one, topic, payload), f"mqtt command {one}")

    async def _obey(self, unit: _Unit, one: str, topic: str, payload: str) -> None:
        if "slow" in self.faults[one]:
            await asyncio.sleep(self.slow_s)
        made = self.devices[one]
        made.commands.append((topic, payload))
        made.obeys = "refuse" not in self.faults[one]
        answer = self._dialects[one].take(topic, payload)
        self.changes.tell()
        await self._say(unit, self._as_injured(one, answer))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(self.period_s)
            for one, made in self.devices.items():
                made.drift()
                await self.report(one)
            self.changes.tell()

    # --- what is said ---

    async def _say(self, unit: _Unit, said: "Iterable[Publish | None]") -> None:
        """Lost if the connection is: the state is said again at the next one."""
        import aiomqtt

        async with unit.speaking:
            with contextlib.suppress(aiomqtt.MqttError):
                await self._publish(unit, said)

    async def _publish(self, unit: _Unit, said: "Iterable[Publish | None]") -> None:
        for message in said:
            if message is not None and unit.client is not None:
                await unit.client.publish(message.topic, message.payload, qos=0, retain=message.retain)

    def _as_injured(self, one: str, said: "list[Publish]") -> "list[Publish | None]":
        from simulators.mqtt_dialects import Publish

        faults = self.faults[one]
        if "silent" in faults or "offline" in faults:
            return []
        if "garbage" in faults:
            return [Publish(message.topic, f'{{"{self._noise.random()}', message.retain) for message in said]
        return list(said)

    def _availability(self, one: str, online: bool) -> "Publish | None":
        return self._dialects[one].availability(online)

    def _unit(self, device: str) -> _Unit:
        return next(unit for unit in self._units.values() if device in unit.devices)

    def _injured(self, device: str) -> None:
        """The faults of a device were changed: going off the network and coming back is noticed at once."""
        offline = "offline" in self.faults[device]
        if offline == (device in self._was_offline):
            return
        (self._was_offline.add if offline else self._was_offline.discard)(device)
        unit = self._unit(device)
        if unit.client is not None:
            back = [] if offline else self._dialects[device].hello()
            said = [self._availability(device, online=not offline), *self._as_injured(device, back)]
            self._start(self._say(unit, said), f"mqtt availability {device}")
        self.changes.tell()

    # --- tasks ---

    def _start(self, work: "asyncio._CoroutineLike[None]", name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (wrong := task.exception()) is not None:
            task.get_loop().call_exception_handler({"message": "a simulated device died", "exception": wrong})

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def broker(url: str) -> SplitResult:
    """`mqtt://[user[:password]@]host[:port]` in parts. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme != "mqtt" or not parts.hostname:
        raise ValueError(f"'{url}' is no broker: write it as mqtt://host:port")
    return parts


def _bridge(online: bool) -> "Publish":
    from simulators.mqtt_dialects import Publish

    word = "online" if online else "offline"
    return Publish("zigbee2mqtt/bridge/state", f'{{"state":"{word}"}}', retain=True)


def _matches(topic: str, heard: str) -> bool:
    """MQTT 3.1.1, section 4.7: + is one level, # the rest."""
    levels, wanted = topic.split("/"), heard.split("/")
    for at, word in enumerate(wanted):
        if word == "#":
            return True
        if at >= len(levels) or word not in ("+", levels[at]):
            return False
    return len(levels) == len(wanted)


def _load(path: Path) -> "Room":
    import yaml
    from pydantic import ValidationError

    from classroom_profiles.room import Room

    try:
        return Room.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as wrong:
        raise click.BadParameter(str(wrong), param_hint="--room") from wrong


def _pairs(written: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = []
    for text in written:
        device, equals, fault = text.partition("=")
        if not equals:
            raise click.BadParameter(f"'{text}' is not DEVICE=FAULT, such as lights=silent", param_hint="--fault")
        pairs.append((device, fault))
    return pairs


@click.command()
@click.option("--broker", "url", required=True, metavar="URL", help="The broker: mqtt://host:port.")
@click.option(
    "--room",
    "room_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The room file; its devices of the driver mqtt-devices are played.",
)
@click.option("--period", "period_s", default=10.0, show_default=True, help="Seconds between two reports.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same measured values.")
@click.option("--slow", "slow_s", default=3.0, show_default=True, help="Seconds that the fault 'slow' takes.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="DEVICE=FAULT",
    help=f"Injure one device; may be given several times. {'; '.join(f'{f}: {what}' for f, what in FAULTS.items())}.",
)
def command(url: str, room_file: Path, period_s: float, seed: int, slow_s: float, faults: tuple[str, ...]) -> None:
    """The MQTT switches, dimmers and sensors of a room (Tasmota, Zigbee2MQTT, Home Assistant, plain)."""
    room = _load(room_file)
    try:
        broker(url)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--broker") from wrong
    pairs = _pairs(faults)
    try:
        MqttDevices(url, room, faults=pairs)
    except UnknownFault as wrong:
        raise click.BadParameter(str(wrong), param_hint="--fault") from wrong
    run(
        lambda: MqttDevices(url, room, period_s=period_s, faults=pairs, seed=seed, slow_s=slow_s),
        lambda devices: devices.address,
    )
