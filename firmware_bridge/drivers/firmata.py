"""An Arduino with Firmata on a USB cable: a robot kit, or any board of switches, motors, servos and sensors.

Upload StandardFirmata once (Arduino IDE: File, Examples, Firmata); for ultrasonic rangers upload FirmataPlus instead.
Name the port by what never changes, such as /dev/serial/by-id/usb-Arduino_…, since /dev/ttyACM0 may be another board
after the next start. Opening the port restarts most boards; what was on is then off.

A board with `use: robot` has the states `robot: idle` and `robot: ready`. It is idle at first. To become ready, it must
show that each of its pins is as it was told; the lamp, if there is one, is lit as long as it is ready. When it becomes
idle, its outputs and PWM go off (servos stay where they are), and they can only be told again when it is ready. The
outputs of a board with `use: board` obey always.

Controls: `robot`; for each pin `switch.NAME` (output) or `level.NAME` (PWM, servo; in percent). A command is done when
the board, asked for the pin, says so.

Readings: `robot`; `firmware`; `switch_NAME`, `level_NAME` (a servo's only once it was told); and under their own names
inputs (true or false), analog inputs (in your unit), rangers (`…_cm`, 0: nothing in range).

Source: github.com/firmata/protocol 2.5; StandardFirmata 2.5.8.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from classroom_profiles.capability import WORDS, Capability, Command, Target, Value
from classroom_profiles.model import Model
from classroom_profiles.offer import Offer
from classroom_profiles.reading import Change, Health, HealthState, Reading
from classroom_profiles.state import Control
from firmware_bridge.driver import DriverKind, Wires, reading
from firmware_bridge.errors import NotNow, Refused
from firmware_bridge.firmata_link import FirmataLink
from firmware_bridge.firmata_pins import MODES, Part, PinKind, PinName, PinNumber, PinOptions
from firmware_bridge.firmata_wire import (
    RESET,
    AnalogValue,
    DigitalPort,
    Message,
    Mode,
    PinState,
    ReportAnalog,
    ReportDigital,
    SamplingInterval,
    ServoConfig,
    SetMode,
    SonarConfig,
    SonarData,
    WriteAnalog,
)
from firmware_bridge.transports.ports import port_address

ROBOT = Target(Capability.ROBOT)
_IDLE, _READY = WORDS[Capability.ROBOT]
_UNTOLD_MAX = 1000
"""So many readings wait to be fetched; older ones are lost."""
_SONAR_EVERY_MS = 33


class Use(StrEnum):
    ROBOT = "robot"
    BOARD = "board"


class Options(Model):
    port: str = Field(min_length=1, description="the serial port: /dev/serial/by-id/usb-Arduino_… or /dev/ttyACM0")
    use: Use = Field(Use.ROBOT, description="robot: it can be idle and ready; board: its outputs obey always")
    lamp: PinNumber | None = Field(
        None, description="robot: a pin that is high while it is ready; an Uno's own LED is 13"
    )
    pins: dict[PinName, PinOptions] = Field(
        default_factory=dict,
        description="what hangs on it, by name; the name of a sensor is its metric, with its unit: light_percent",
    )
    baudrate: int = Field(57600, ge=300, le=921_600, description="bits a second, as its firmware has it")
    boot_s: float = Field(8.0, gt=0, le=18, description="seconds it may take to start after the port was opened")
    answer_s: float = Field(2.0, gt=0, le=10, description="seconds within which it must answer a question")
    sampling_ms: int = Field(200, ge=1, le=16383, description="milliseconds between two measurements of analog inputs")
    poll_s: float = Field(2.0, gt=0, le=60, description="seconds between two looks if its pins are as they were told")

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.lamp is not None and self.use is not Use.ROBOT:
            raise ValueError("'lamp' is for use 'robot': it shows that the robot is ready")
        numbers = [str(number) for pin in self.pins.values() for number in pin.numbers]
        numbers += [] if self.lamp is None else [str(self.lamp)]
        if twice := _twice(numbers):
            raise ValueError(f"pin {', '.join(twice)} is used twice")
        if clash := _twice(["robot", "firmware", *(pin.metric(name) for name, pin in self.pins.items())]):
            raise ValueError(f"'{', '.join(clash)}' would be the name of two readings; rename the pin")
        for name, pin in self.pins.items():
            if pin.kind is PinKind.SONAR and not name.endswith("_cm"):
                raise ValueError(f"the name of a sonar ends in _cm, such as {name}_cm: that is what it measures")
        return self


class FirmataBoard:
    """One board."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._link = FirmataLink(
            options.port,
            options.baudrate,
            boot_s=options.boot_s,
            answer_s=options.answer_s,
            heard=self._heard,
            lost=self._wake,
        )
        targets = {name: pin.target(name) for name, pin in options.pins.items()}
        self._names = {target: name for name, target in targets.items() if target is not None}
        self._parts: dict[str, Part] = {}
        self._lamp: Part | None = None
        self._modes: dict[int, int] = {}
        """Pin to mode, as the board confirmed it."""
        self._states: dict[int, int | None] = {}
        """Pin to the state that it was told and confirmed; None if nobody waited for the confirmation."""
        self._high: set[int] = set()
        """The outputs that were told to be high."""
        self._values: dict[str, Value] = {}
        self._untold: deque[Reading] = deque(maxlen=_UNTOLD_MAX)
        self._conversation = asyncio.Lock()
        self._news = asyncio.Event()

    @property
    def controls(self) -> tuple[Control, ...]:
        robot = (Control(ROBOT, WORDS[Capability.ROBOT]),) if self._options.use is Use.ROBOT else ()
        return (*robot, *(Control(target) for target in self._names))

    async def __aenter__(self) -> Self:
        try:
            await self._link.open()
            await self._prepare()
        except BaseException:
            await self._link.close()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._link.close()

    async def changes(self) -> AsyncIterator[Change]:
        loop = asyncio.get_running_loop()
        self._link.check()
        yield Health(HealthState.ONLINE)
        look_at = loop.time() + self._options.poll_s
        while True:
            self._news.clear()
            while self._untold:
                yield self._untold.popleft()
            self._link.check()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(look_at):
                    await self._news.wait()
            if loop.time() >= look_at:
                async with self._conversation:
                    await self._look()
                look_at = loop.time() + self._options.poll_s

    async def check(self, command: Command) -> None:
        self._part_of(command)
        async with self._conversation:
            await self._link.version()
        self._check_awake(command)

    async def command(self, command: Command) -> None:
        part = self._part_of(command)
        async with self._conversation:
            self._link.check()
            self._check_awake(command)
            if part is not None:
                await self._bring({part: command.value})
            elif command.value == _READY:
                await self._look()
                await self._light(True)
            else:
                await self._rest()

    def _part_of(self, command: Command) -> Part | None:
        """None for the robot as a whole. Raises Refused for what is not there."""
        if command.target == ROBOT and self._options.use is Use.ROBOT:
            return None
        name = self._names.get(command.target)
        if name is None:
            known = ", ".join(str(control.target) for control in self.controls) or "nothing to be told"
            raise Refused(f"it has no {command.target}; it has: {known}")
        self._link.check()
        return self._parts[name]

    def _check_awake(self, command: Command) -> None:
        if command.target != ROBOT and self._values.get("robot") == _IDLE:
            raise NotNow(f"the robot is idle; {command.target} obeys when it is ready")

    # --- opening ---

    async def _prepare(self) -> None:
        """Every pin as the options have it, outputs off. Raises Refused if the board cannot have it so."""
        options, link = self._options, self._link
        self._parts = {name: self._found(pin.metric(name), name, pin) for name, pin in options.pins.items()}
        if options.lamp is not None:
            self._lamp = self._found("", "lamp", PinOptions(pin=options.lamp, kind=PinKind.OUTPUT))
        parts = self._all
        if twice := _twice([str(pin) for part in parts for pin in (part.pin, part.echo) if pin is not None]):
            raise Refused(f"pin {twice[0]} of this board is used twice: it is also {self._other_name(int(twice[0]))}")
        await link.tell(RESET)  # a board that does not restart when its port is opened still does what it was told
        await link.tell(SamplingInterval(options.sampling_ms).to_bytes())
        for part in parts:  # one after the other: an Uno has room for 64 bytes
            await self._make(part)
        self._say("firmware", f"{link.firmware.name} {link.firmware.major}.{link.firmware.minor}")
        if options.use is Use.ROBOT:
            await self._rest()
        else:
            await self._bring(self._resting)
        for port in sorted({part.pin // 8 for part in parts if part.kind is PinKind.INPUT}):
            await link.tell(ReportDigital(port, True).to_bytes())
        for part in parts:
            if part.channel is not None:
                await link.tell(ReportAnalog(part.channel, True).to_bytes())
        await link.version()

    @property
    def _all(self) -> tuple[Part, ...]:
        return (*self._parts.values(), *((self._lamp,) if self._lamp else ()))

    def _found(self, metric: str, name: str, options: PinOptions) -> Part:
        """Raises Refused if the board has no such pin, or the pin cannot do it."""
        pin, board = self._number(name, options.pin), self._link.capabilities
        if options.echo is not None:
            return Part(metric, options, pin, echo=self._number(name, options.echo))
        part = Part(metric, options, pin)
        assert part.mode is not None, "it is no ranger"
        bits = board.resolution(pin, part.mode)
        if bits is None:
            able = ", ".join(kind for kind, mode in MODES.items() if board.resolution(pin, mode) is not None)
            raise Refused(f"{name}: pin {options.pin} of this board can be {able or 'nothing'}, not {part.mode.name}")
        channel = self._link.channels[pin] if options.kind is PinKind.ANALOG else None
        return Part(metric, options, pin, bits, channel)

    def _number(self, name: str, written: int | str) -> int:
        """The pin as the board counts it. Raises Refused."""
        if isinstance(written, str):
            channel = int(written[1:])
            if channel not in self._link.channels:
                raise Refused(f"{name}: this board has no {written}")
            return self._link.channels.index(channel)
        if written >= len(self._link.capabilities.pins):
            raise Refused(f"{name}: this board has pins 0 to {len(self._link.capabilities.pins) - 1}, and no {written}")
        return written

    def _other_name(self, pin: int) -> str:
        return f"A{self._link.channels[pin]}"

    async def _make(self, part: Part) -> None:
        link = self._link
        if part.echo is not None:
            sonar = SonarConfig(part.pin, part.echo, _SONAR_EVERY_MS, part.options.farthest_cm)
            await link.tell(sonar.to_bytes())
        if part.kind is PinKind.SERVO:
            await link.tell(ServoConfig(part.pin, *part.options.pulse_us).to_bytes())
        if part.mode is not None:
            await link.tell(SetMode(part.pin, part.mode).to_bytes())
        mode = (await link.pin(part.pin)).mode
        if part.mode is None and (mode is None or mode in tuple(Mode)):
            raise Refused(f"{part.metric}: {link.firmware.name} knows no rangers{self._words}; upload FirmataPlus")
        if mode is None or part.mode not in (None, mode):
            raise Refused(f"pin {part.options.pin} did not become {part.kind}{self._words}")
        self._modes[part.pin] = mode

    # --- telling ---

    @property
    def _resting(self) -> dict[Part, Value]:
        return {part: part.rest for part in self._parts.values() if part.rest is not None}

    async def _rest(self) -> None:
        await self._bring(self._resting)
        await self._light(False)

    async def _light(self, ready: bool) -> None:
        """The robot is ready, or idle, once it has shown so."""
        if self._lamp is None:
            await self._link.version()
        else:
            await self._bring({self._lamp: ready})
        self._say("robot", _READY if ready else _IDLE)

    async def _bring(self, wanted: dict[Part, Value]) -> None:
        """All are told first, so that a robot stops at once; then each is asked for. Raises Refused if it is not so."""
        for part, value in wanted.items():
            self._states[part.pin] = None
            await self._link.tell(self._written(part, part.state(value)))
        for part, value in wanted.items():
            found = await self._see(part)
            if found.state != part.state(value):
                raise Refused(f"pin {part.options.pin} is {found.state}, not {part.state(value)}{self._words}")
            self._states[part.pin] = found.state
            self._say(part.metric, value, part.unit)

    def _written(self, part: Part, state: int) -> bytes:
        if part.kind is not PinKind.OUTPUT:
            return WriteAnalog(part.pin, state).to_bytes()
        (self._high.add if state else self._high.discard)(part.pin)
        port = part.pin // 8
        # By port, as every Firmata 2.x knows it: single pins came with 2.5.
        return DigitalPort(port, sum(1 << pin % 8 for pin in self._high if pin // 8 == port)).to_bytes()

    # --- looking ---

    async def _look(self) -> None:
        """Raises DeviceError if it does not answer, or has forgotten what it was told."""
        await self._link.version()
        for part in self._all:
            found = await self._see(part)
            if part.pin not in self._states:
                continue
            told = self._states[part.pin]
            if told is None and found.state is not None:
                self._states[part.pin] = found.state
                self._say(part.metric, part.value(found.state), part.unit)
            elif found.state != told:
                raise self._link.restarted(f"pin {part.options.pin} is {found.state} and was told {told}")

    async def _see(self, part: Part) -> PinState:
        found = await self._link.pin(part.pin)
        if found.mode != self._modes[part.pin]:
            raise self._link.restarted(f"pin {part.options.pin} is no longer {part.kind}")
        return found

    @property
    def _words(self) -> str:
        return f"; it says: {self._link.last_words}" if self._link.last_words else ""

    def _heard(self, message: Message) -> None:
        """What it says by itself. There are no checksums: what cannot be is not believed."""
        for part in self._parts.values():
            match message:
                case AnalogValue(channel, raw) if channel == part.channel:
                    value = part.measured(raw)
                    if value is not None and part.is_news(self._values.get(part.metric), value):
                        self._say(part.metric, value, part.unit)
                case DigitalPort(port, bits) if port == part.pin // 8 and part.kind is PinKind.INPUT and bits < 256:
                    self._say(part.metric, part.value(bits >> part.pin % 8 & 1))
                case SonarData(trigger, distance_cm) if trigger == part.pin and part.echo is not None:
                    self._say(part.metric, distance_cm, part.unit)

    def _say(self, metric: str, value: Value, unit: str = "") -> None:
        if metric and self._values.get(metric) != value:
            self._values[metric] = value
            self._untold.append(reading(metric, value, unit))
            self._wake()

    def _wake(self) -> None:
        self._news.set()


def _twice(words: list[str]) -> list[str]:
    """Those that occur more than once."""
    return sorted({word for word in words if words.count(word) > 1})


def make(options: Options, _wires: Wires) -> FirmataBoard:
    return FirmataBoard(options)


def offer(options: Options) -> Offer:
    robot = (ROBOT,) if options.use is Use.ROBOT else ()
    told = [target for name, pin in options.pins.items() if (target := pin.target(name)) is not None]
    measured = [pin.metric(name) for name, pin in options.pins.items() if pin.target(name) is None]
    return Offer(frozenset((*robot, *told)), frozenset(("firmware", *measured)))


_SAMPLE: dict[str, Any] = {
    "port": "/dev/ttyACM0",
    "lamp": 13,
    "pins": {
        "motor": {"pin": 9, "kind": "pwm"},
        "arm": {"pin": 10, "kind": "servo", "degrees": [20, 160]},
        "bumper": {"pin": 2, "kind": "input", "pull": "up", "active": "low"},
        "light_percent": {"pin": "A0", "kind": "analog"},
        "distance_cm": {"pin": 7, "kind": "sonar", "echo": 8},
    },
}
DRIVER = DriverKind(Options, make, _SAMPLE, offer, lambda options: port_address(options.port))
