"""A robot kit that runs MicroPython: ESP32, RP2040, micro:bit and others, on a USB cable.

Name the port by what never changes: `usb:` and the board's USB serial number (`lophoc robots check` shows it), or
/dev/serial/by-id/…; /dev/ttyACM0 may be another board after the next start. Opening stops the program that runs.

It is idle at first. To become ready, it starts its Python afresh and answers. When it becomes idle, its program is
stopped and the pins in `off_pins` are low. `program: NAME` starts a program that `lophoc robots deploy` has put on it,
once the robot is ready; `program: none` stops it. A program runs when the board said that it has begun and no error
came within `settle_s`; one whose error comes later is told in the reading `program_error`. While a program runs, the
board listens to nobody, so that only an unplugged cable and a restart are noticed, and the battery is not measured.

Controls: `robot` (idle, ready), `program` (none, and what is on the board).

Readings: `robot`; `program`; `program_error` (the last line of the traceback; empty while all is well); `firmware`;
`battery_percent`, where the battery hangs on a pin.

Source: MicroPython's documentation of the raw REPL; MicroPython 1.9.2 to 1.29.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from classroom_profiles.capability import NO_PROGRAM, WORDS, Capability, Command, Target, Value
from classroom_profiles.model import Model
from classroom_profiles.offer import Offer
from classroom_profiles.reading import Change, Health, HealthState, Reading
from classroom_profiles.state import Control
from firmware_bridge.driver import DriverKind, Wires, reading
from firmware_bridge.errors import DeviceError, NotNow, Refused
from firmware_bridge.micropython_files import Board, BoardFiles, ask_who
from firmware_bridge.micropython_link import Raised, ReplLink
from firmware_bridge.micropython_programs import BoardPrograms
from firmware_bridge.programs import Bundle, Installed
from firmware_bridge.transports.ports import port_address

ROBOT, PROGRAM = Target(Capability.ROBOT), Target(Capability.PROGRAM)
_IDLE, _READY = WORDS[Capability.ROBOT]
_UNTOLD_MAX = 1000
_BEGUN = "lophoc: begun"

_PinNumber = Annotated[int, Field(ge=0, le=255)]
_PinName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,15}$")]
Pin = Annotated[
    _PinNumber | _PinName, Field(description="the pin's number; a name such as 'LED', or 'pin0' on a micro:bit")
]


class Battery(Model):
    """A battery behind a voltage divider."""

    pin: Pin
    empty_v: float = Field(gt=0, le=60, description="volts at the battery when it counts as empty")
    full_v: float = Field(gt=0, le=60, description="volts at the battery when it is full")
    divider: float = Field(2.0, ge=1, le=20, description="volts at the battery for each volt at the pin")
    reference_v: float = Field(3.3, gt=0, le=5, description="volts at the pin that read as full scale")

    @model_validator(mode="after")
    def _full_is_more(self) -> Self:
        if self.full_v <= self.empty_v:
            raise ValueError("'full_v' must be more than 'empty_v'")
        return self

    def percent(self, raw: int) -> float:
        """From a reading of 0 to 65535."""
        volts = raw / 65535 * self.reference_v * self.divider
        return round(min(100.0, max(0.0, 100 * (volts - self.empty_v) / (self.full_v - self.empty_v))), 0)


class Options(Model):
    port: str = Field(
        min_length=1, description="the serial port: usb:SERIALNUMBER, /dev/serial/by-id/… or /dev/ttyACM0"
    )
    battery: Battery | None = Field(None, description="the pin at which the battery can be measured, if there is one")
    off_pins: tuple[Pin, ...] = Field((), max_length=32, description="pins that are low while it is idle: its motors")
    baudrate: int = Field(115200, ge=300, le=921_600, description="bits a second, as its firmware has it")
    boot_s: float = Field(8.0, gt=0, le=30, description="seconds within which it must listen, whatever it was doing")
    answer_s: float = Field(3.0, gt=0, le=10, description="seconds within which it must answer a question")
    settle_s: float = Field(0.5, gt=0, le=10, description="seconds a program must run without an error to have begun")
    typing_pause_ms: float = Field(
        10.0, ge=0, le=100, description="without raw paste (micro:bit): milliseconds after each 32 bytes of code"
    )
    poll_s: float = Field(5.0, gt=0, le=60, description="seconds between two signs of life while no program runs")


class MicroPythonBoard:
    """One board."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._link = ReplLink(
            options.port,
            options.baudrate,
            boot_s=options.boot_s,
            answer_s=options.answer_s,
            typing_pause_s=options.typing_pause_ms / 1000,
            lost=self._wake,
        )
        self._board: Board | None = None
        self._programs: BoardPrograms | None = None
        self._asked = True
        """Whether `_programs` knows what the board has; not after a transfer that was broken off."""
        self._used = True
        """Whether a program may have left something in its memory, or at work in its pins and timers."""
        self._running: asyncio.Task[None] | None = None
        self._values: dict[str, Value] = {}
        self._untold: deque[Reading] = deque(maxlen=_UNTOLD_MAX)
        self._conversation = asyncio.Lock()
        self._news = asyncio.Event()

    @property
    def controls(self) -> tuple[Control, ...]:
        names = (NO_PROGRAM, *(one.name for one in self.installed))
        return (Control(ROBOT, WORDS[Capability.ROBOT]), Control(PROGRAM, names))

    @property
    def release(self) -> str:
        return self._board.release if self._board else ""

    @property
    def installed(self) -> tuple[Installed, ...]:
        return self._programs.installed if self._programs else ()

    async def __aenter__(self) -> Self:
        try:
            await self._link.open()
            try:
                await self._learn()
            except Raised:  # what ran may have left it no memory to answer with
                await self._start_afresh()
                await self._learn()
            await self._rest()
            await self._measure()
        except BaseException:
            await self._link.close()
            raise
        return self

    async def _learn(self) -> None:
        self._board = await ask_who(self._link)
        self._programs = BoardPrograms(BoardFiles(self._link, self._board))
        await self._programs.read()
        self._say("firmware", self._board.firmware)

    async def __aexit__(self, *error: object) -> None:
        await self._let_go()
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
                    if self._running is None:
                        await self._look()
                look_at = loop.time() + self._options.poll_s

    async def check(self, command: Command) -> None:
        self._check_known(command)
        async with self._conversation:
            if self._running is None:
                await self._link.run("pass")
        self._check_awake(command)

    async def command(self, command: Command) -> None:
        self._check_known(command)
        async with self._conversation:
            self._link.check()
            self._check_awake(command)
            if command.target == PROGRAM:
                if command.value == NO_PROGRAM:
                    await self._halt()
                elif self._values.get("program") != command.value:
                    await self._begin(str(command.value))
            elif command.value == _IDLE:
                await self._rest()
            elif self._values.get("robot") != _READY:
                await self._link.soft_reset()
                self._used = False
                self._say("robot", _READY)
            elif self._running is None:
                await self._look()

    async def damaged(self, name: str) -> tuple[str, ...]:
        async with self._conversation:
            if self._programs is None:
                return ()
            await self._ask_again()
            if name not in self._programs.record:
                return ()
            await self._halt_wholly()
            return await self._programs.damaged(name)

    async def look(self) -> Mapping[Installed, tuple[str, ...]]:
        async with self._conversation:
            self._link.check()
            assert self._programs is not None, "else it is not open"
            await self._halt_wholly()
            await self._measure()
            self._asked = False
            await self._ask_again()
            return {one: await self._programs.damaged(one.name) for one in self.installed}

    async def install(self, bundle: Bundle, told: Callable[[int], None]) -> None:
        async with self._conversation:
            self._link.check()
            assert self._programs is not None, "else it is not open"
            await self._ask_again()
            await self._halt_wholly()
            self._asked = False
            await self._programs.install(bundle, told)
            self._asked = True

    async def _ask_again(self) -> None:
        if not self._asked:
            assert self._programs is not None, "else it is not open"
            await self._halt_wholly()
            await self._programs.read()
            self._asked = True

    def _check_known(self, command: Command) -> None:
        self._link.check()
        for control in self.controls:
            if control.target == command.target:
                if command.value in control.choices:
                    return
                known = ", ".join(control.choices)
                raise Refused(f"it has no {command.target} {command.value}; it has: {known}; deploy it first")
        raise Refused(f"it has no {command.target}; it has: robot, program")

    def _check_awake(self, command: Command) -> None:
        if command.target == PROGRAM and command.value != NO_PROGRAM and self._values.get("robot") == _IDLE:
            raise NotNow("the robot is idle; a program runs when it is ready")

    # --- resting and looking ---

    async def _rest(self) -> None:
        await self._halt()
        if self._used and self._values.get("robot") is not None:
            with contextlib.suppress(Raised):  # at once; it is done again, and read back, below
                await self._link.run("\n".join(_off(pin, self._pins) for pin in self._options.off_pins) or "pass")
        await self._halt_wholly()
        for pin in self._options.off_pins:
            level = await self._answer(_off(pin, self._pins), f"pin {pin}")
            if level != "0":
                raise Refused(f"pin {pin} is {level}, not 0")
        if not self._options.off_pins:
            await self._link.run("pass")
        self._say("robot", _IDLE)

    async def _look(self) -> None:
        try:
            await self._link.run("pass")
            await self._measure()
        except Raised:
            if not self._used:
                raise
            await self._start_afresh()
            await self._measure()

    async def _measure(self) -> None:
        if (battery := self._options.battery) is None:
            return
        raw = await self._answer(_analog(battery.pin, self._pins), "battery")
        if not raw.isdigit():
            raise Refused(f"battery: pin {battery.pin} reads {raw[:20]!r}")
        self._say("battery_percent", battery.percent(int(raw)), "%")

    async def _answer(self, code: str, what: str) -> str:
        try:
            return (await self._link.run(code)).strip()
        except Raised as wrong:
            raise Refused(f"{what}: {wrong}") from wrong

    @property
    def _pins(self) -> str:
        return self._board.pins if self._board else ""

    # --- running ---

    async def _begin(self, name: str) -> None:
        """Raises Refused for a program that is damaged, or ends at once in an error."""
        assert self._programs is not None, "else it is not open"
        await self._halt()
        await self._ask_again()
        if name not in self._programs.record:
            raise Refused(f"it does not have {name} any more; deploy it")
        if damaged := await self._programs.damaged(name):
            raise Refused(f"{name} is damaged ({', '.join(damaged)}); deploy it again")
        await self._link.soft_reset()
        self._used = True
        self._say("program_error", "")
        await self._link.start(_program_code(self._programs.record[name].main))
        try:
            async with asyncio.timeout(self._options.answer_s):
                await self._link.printed(_BEGUN.encode())
        except TimeoutError:
            await self._link.interrupt()
            raise Refused(f"{name} did not begin within {self._options.answer_s:g} s") from None
        self._running = asyncio.create_task(self._attend(), name=f"program {name} on {self._options.port}")
        try:
            ended, _ = await asyncio.wait({self._running}, timeout=self._options.settle_s)
        except asyncio.CancelledError:
            self._say("program", name)  # nobody waits for it any more; it runs all the same
            raise
        error = str(self._values["program_error"])
        if ended and error:
            raise Refused(f"{name}: {error}")
        self._link.check()
        self._say("program", name)
        if ended:
            self._say("program", NO_PROGRAM)  # a short one: it has run to its end

    async def _attend(self) -> None:
        """Until the program ends."""
        try:
            await self._link.ending()
        except Raised as error:
            self._say("program_error", str(error))
        except DeviceError:
            return  # the link has told
        self._running = None
        if "program" in self._values:
            self._say("program", NO_PROGRAM)

    async def _halt(self) -> None:
        """Stop the program, if one runs."""
        if self._running is not None:
            await self._let_go()
            await self._link.interrupt()
        self._say("program", NO_PROGRAM)

    async def _halt_wholly(self) -> None:
        """And nothing is left of it: neither in memory, which it may have filled, nor in timers and pins."""
        await self._halt()
        if self._used:
            await self._start_afresh()

    async def _start_afresh(self) -> None:
        await self._link.soft_reset()
        self._used = False

    async def _let_go(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
            self._running = None

    # --- saying ---

    def _say(self, metric: str, value: Value, unit: str = "") -> None:
        if self._values.get(metric) != value:
            self._values[metric] = value
            self._untold.append(reading(metric, value, unit))
            self._wake()

    def _wake(self) -> None:
        self._news.set()


def _off(pin: int | str, pins: str) -> str:
    if pins == "microbit":
        return f"import microbit as m\nm.{pin}.write_digital(0)\nprint(m.{pin}.read_digital())"
    return f"from machine import Pin\np=Pin({pin!r},Pin.OUT)\np.value(0)\nprint(p.value())"


def _analog(pin: int | str, pins: str) -> str:
    if pins == "microbit":
        return f"import microbit as m\nprint(m.{pin}.read_analog()*64)"
    return f"from machine import ADC,Pin\nprint(ADC(Pin({pin!r})).read_u16())"


def _program_code(main: str) -> str:
    """Run the file as a script. Where there is no execfile, its text must fit into the memory."""
    return (
        f"try:\n execfile\nexcept NameError:\n"
        f" def execfile(f):exec(open(f).read(),{{'__name__':'__main__'}})\nprint({_BEGUN!r})\nexecfile({main!r})"
    )


def make(options: Options, _wires: Wires) -> MicroPythonBoard:
    return MicroPythonBoard(options)


def offer(_: Options) -> Offer:
    return Offer(frozenset((ROBOT, PROGRAM)))


_SAMPLE: dict[str, Any] = {
    "port": "usb:E6614103E7452D2F",
    "off_pins": [12, 13],
    "battery": {"pin": 26, "empty_v": 3.3, "full_v": 4.2},
}
DRIVER = DriverKind(Options, make, _SAMPLE, offer, lambda options: port_address(options.port))
