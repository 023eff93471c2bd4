"""Switches, dimmers and sensors on the room's MQTT broker: Tasmota, Zigbee2MQTT, Home Assistant discovery, plain.

A command is done when the device itself says the new state, never when the broker took the message. Its last will or
availability says whether it is there; where it has none, what it says does. A switch has the control `switch`; a dimmer
has `level` too (percent; 0 is off); a sensor has none. Measured values are readings with the unit in their name
(`temperature_c`, `co2_ppm`, `power_w`); each press of a button is a reading `action`, also the same one again.

Home Assistant components: switch, light (default and JSON schema), fan, siren, lock (on is locked), valve and cover (on
is open), sensor, binary_sensor and event, with templates such as `{{ value_json.temperature | float }}`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from classroom_profiles.capability import Command, Value
from classroom_profiles.offer import Offer
from classroom_profiles.reading import Change, Health, HealthState
from classroom_profiles.state import Control
from classroom_profiles.wiring import Address
from firmware_bridge.driver import DriverKind, Wires, reading
from firmware_bridge.errors import BadReply, DeviceError, Refused, Timeout, Unreachable
from firmware_bridge.mqtt_dialects.dialect import LEVEL, SWITCH, Available, Dialect, Garbled, Kind, Measured, NotDone
from firmware_bridge.mqtt_dialects.home_assistant import HomeAssistant
from firmware_bridge.mqtt_dialects.options import DialectName, Options
from firmware_bridge.mqtt_dialects.plain import Plain
from firmware_bridge.mqtt_dialects.tasmota import Tasmota
from firmware_bridge.mqtt_dialects.zigbee2mqtt import Zigbee2Mqtt
from firmware_bridge.transports.mqtt import Connection, Listener, Message, MqttLink

_DIALECTS: dict[DialectName, Callable[[Options], Dialect]] = {
    DialectName.TASMOTA: Tasmota,
    DialectName.ZIGBEE2MQTT: Zigbee2Mqtt,
    DialectName.PLAIN: Plain,
}
_CONTROLS = {
    Kind.SWITCH: (Control(SWITCH),),
    Kind.DIMMER: (Control(LEVEL), Control(SWITCH)),
    Kind.SENSOR: (),
}
_FIRST_WORD_S = 1.0
"""How long we wait for a device to say anything, before we say that it does not."""
_ANNOUNCED_S = 5.0

_ONLINE = Health(HealthState.ONLINE)
_NO_BROKER = Health(HealthState.UNREACHABLE, "no-broker")
_NO_ANSWER = Health(HealthState.UNREACHABLE, "no-answer")
_OFFLINE = Health(HealthState.UNREACHABLE, "offline")
_GARBLED = Health(HealthState.FAULT, "bad-reply")
_WHY = {
    "no-broker": "the room's broker is away",
    "no-answer": "nothing was heard of it",
    "offline": "it is off the network",
}


@dataclass(slots=True)
class _Told:
    """A command on its way, and what was heard since."""

    command: Command
    end: asyncio.Future[DeviceError | None]
    contrary: Value | None = None
    garbled: str = ""

    def over(self, error: DeviceError | None) -> None:
        if not self.end.done():
            self.end.set_result(error)


class MqttDevice:
    """One device on the broker. Its messages are read by who iterates `changes`, also those that confirm a command."""

    def __init__(self, options: Options, wires: Wires) -> None:
        self._options = options
        self._link = wires.mqtt
        self.controls = _CONTROLS[options.kind]
        self._open = AsyncExitStack()
        self._announcement = b""
        self._dialect: Dialect
        self._listener: Listener
        self._health: Health | None = None
        self._there: bool | None = None
        self._deadline: float | None = None
        self._values: dict[str, Value] = {}
        self._held: list[Change] = []
        self._telling = asyncio.Lock()
        self._told: _Told | None = None

    async def __aenter__(self) -> Self:
        """Raises Unreachable if a Home Assistant device does not announce itself; else the broker may be away."""
        link = self._broker()
        announced: tuple[str, ...] = ()
        if self._options.dialect is DialectName.HOME_ASSISTANT:
            announced = (self._options.topic,)
            self._announcement = await _announcement(link, self._options.topic)
        self._dialect = self._fresh()
        self._listener = await self._open.enter_async_context(link.listen(*announced, *self._dialect.topics))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def changes(self) -> AsyncIterator[Change]:
        """Ends only when the device announced itself anew."""
        while True:
            before = self._health
            try:
                async with asyncio.timeout_at(self._deadline):
                    heard = await anext(self._listener)
            except TimeoutError:
                self._deadline = None
                found = self._is(_NO_ANSWER)
            else:
                found = self._hear(heard) if isinstance(heard, Message) else await self._link_is(heard)
            if before == _OFFLINE and self._health == _ONLINE:
                await self._ask()
            for change in found:
                yield change

    async def check(self, command: Command) -> None:
        if all(control.target != command.target for control in self.controls):
            raise Refused(f"a {self._options.kind} has no {command.target}")
        health = self._health or _NO_ANSWER
        if not health.reachable:
            raise Unreachable(_WHY[health.reason])

    async def command(self, command: Command) -> None:
        async with self._telling:
            await self.check(command)
            was_there = command.holds(self._values.get(command.target.metric))
            self._told = told = _Told(command, asyncio.get_running_loop().create_future())
            try:
                async with asyncio.timeout(self._options.timeout_s):
                    for message in self._dialect.tell(command):
                        await self._broker().publish(message.topic, message.payload)
                    error = await told.end
            except TimeoutError:
                error = self._unconfirmed(told, was_there)
            finally:
                self._told = None
            if error is not None:
                raise error

    # --- what is heard ---

    async def _link_is(self, connection: Connection) -> list[Change]:
        """Either way all is unknown until it is heard again."""
        self._dialect = self._fresh()
        self._there = None
        self._values.clear()
        if connection is Connection.LOST:
            self._deadline = None
            return self._is(_NO_BROKER)
        self._health = None
        self._deadline = asyncio.get_running_loop().time() + _FIRST_WORD_S
        await self._ask()
        return []

    def _hear(self, message: Message) -> list[Change]:
        if message.topic == self._options.topic and self._announcement:
            if message.payload != self._announcement:
                raise Unreachable("it announced itself anew")
            return []
        changes: list[Change] = []
        health = self._health
        for one in self._dialect.hear(message.topic, message.payload, message.retain):
            match one:
                case Measured():
                    changes.append(self._measured(one, message.retain))
                    health = self._after_a_word(message.retain)
                case Available():
                    self._there = one.online
                    health = _ONLINE if one.online else _OFFLINE
                case NotDone() if self._told is not None:
                    self._told.over(Refused(one.words))
                case Garbled():
                    health = _GARBLED if self._there is not False else _OFFLINE
                    if self._told is not None:
                        self._told.garbled = one.words
        return [*(self._is(health) if health is not None else ()), *self._shown(changes)]

    def _measured(self, one: Measured, retain: bool) -> Change:
        self._values[one.metric] = one.value
        told = self._told
        if told is not None and not retain and one.metric == told.command.target.metric:
            if told.command.holds(one.value):
                told.over(None)
            else:
                told.contrary = one.value
        return reading(one.metric, one.value, one.unit)

    def _after_a_word(self, retain: bool) -> Health | None:
        """It is there if it said so; else if it speaks now; a state of old counts where nothing better can be had."""
        if self._there is False:
            return _OFFLINE
        if self._there or not retain or not (self._dialect.can_be_asked or self._dialect.says_if_there):
            return _ONLINE
        return self._health

    def _is(self, health: Health) -> list[Change]:
        """The health, if it is news, and after the first what was heard before it."""
        self._deadline = None
        if health == self._health:
            return []
        self._health = health
        if not health.reachable and self._told is not None:
            self._told.over(Unreachable(_WHY[health.reason]))
        held, self._held = self._held, []
        return [health, *held]

    def _shown(self, changes: list[Change]) -> Iterable[Change]:
        """Nothing is shown before the first word on its health."""
        if self._health is not None:
            return changes
        self._held += changes
        return ()

    # --- what is said ---

    async def _ask(self) -> None:
        try:
            for message in self._dialect.ask():
                await self._broker().publish(message.topic, message.payload, qos=0)
        except (Unreachable, Timeout):
            return  # the link says so itself

    def _unconfirmed(self, told: _Told, was_there: bool) -> DeviceError | None:
        """Why nothing confirmed it in time. None for what cannot be asked and had said that it is there already."""
        within = f"in {self._options.timeout_s:g} s"
        if told.garbled:
            return BadReply(f"it answers what makes no sense: {told.garbled}")
        if told.contrary is not None:
            return Refused(f"it was told {told.command}, and says that it is {told.contrary}")
        if was_there and not self._dialect.can_be_asked:
            return None
        return Timeout(f"it did not confirm {told.command} {within}")

    def _broker(self) -> MqttLink:
        if self._link is None:
            raise Refused("this gateway has no broker: start the agent with --broker")
        return self._link

    def _fresh(self) -> Dialect:
        if self._options.dialect is DialectName.HOME_ASSISTANT:
            return HomeAssistant(self._options, self._announcement)
        return _DIALECTS[self._options.dialect](self._options)


async def _announcement(link: MqttLink, topic: str) -> bytes:
    """The discovery message at `topic`. Raises Unreachable if there is none."""
    try:
        async with asyncio.timeout(_ANNOUNCED_S), link.listen(topic) as listener:
            async for heard in listener:
                if isinstance(heard, Message) and heard.payload:
                    return heard.payload
    except TimeoutError as late:
        why = f"no discovery message at {topic}" if link.connected else _WHY["no-broker"]
        raise Unreachable(f"{why} in {_ANNOUNCED_S:g} s") from late
    raise AssertionError("a listener does not end")


def offer(options: Options) -> Offer:
    return Offer(frozenset(control.target for control in _CONTROLS[options.kind]))


def address(options: Options) -> Address:
    """On the room's one broker: what it says its state at."""
    if options.dialect is DialectName.PLAIN:
        said_at = options.state_topic or f"{options.topic}/state"
        return Address("state_topic" if options.state_topic else "topic", f"plain {said_at}", options.metric or "")
    return Address("topic", f"{options.dialect} {options.topic}", f"output {options.output or 'main'}")


_SAMPLE = {"dialect": "zigbee2mqtt", "topic": "a101-board-light", "kind": "switch"}
DRIVER = DriverKind(Options, MqttDevice, _SAMPLE, offer, address)
