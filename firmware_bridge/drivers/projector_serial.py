"""A projector on a serial cable (RS-232), by a table of its maker's commands.

The cable goes from the projector's RS-232 socket to a USB adapter on the gateway; most projectors want a crossed
("null modem") cable. Set the projector's standby mode so that it answers in standby (at Epson: "communication on").
Name the port by what never changes, such as /dev/serial/by-id/usb-FTDI_…, since /dev/ttyUSB0 may be another adapter
after the next start.

Tables: `epson-esc-vp21`, `panasonic-pt`. One of your own is a file like those in `firmware_bridge/projector_tables`;
give its path.

Controls: `power`, and as far as the table has them `input`, `switch.mute` (the picture is dark, the lamp stays on) and
`switch.freeze`. Turning on is done when the lamp is warm. What comes while it warms up or cools down waits for the
moment when the projector takes it. It is told to turn off once, and only while it is on.

Readings: `power`; `input`; `switch_mute`; `switch_freeze`; `fault` and `warning` (as the table names them; empty if
none); `lamp_h` (and `lamp_2_h` …) in hours.
"""

import asyncio
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from classroom_profiles.capability import Capability, Target, Value
from classroom_profiles.model import Model
from classroom_profiles.offer import Offer
from classroom_profiles.problem import DocumentError
from classroom_profiles.state import Control
from firmware_bridge.driver import DriverKind, Wires
from firmware_bridge.errors import BadReply, NotNow, Refused, Timeout
from firmware_bridge.projector import HOURS_EVERY_S, INPUT, POWER, Phase, Projector, Sight
from firmware_bridge.projector_table import Accepted, InputName, ProjectorTable, Query, load_table
from firmware_bridge.transports.ports import port_address
from firmware_bridge.transports.serial import SerialLine

_ACCEPT_PART = 0.2
"""How much of the time for an answer a command's own is waited for: to some it comes only when the lamp is warm."""
_SILENT_LOOKS = 3
"""After so many refusals to say what it is, a thing is taken as one that cannot be asked for."""
_STRAY_MAX = 16
"""So many replies may come that nobody asked for, before an answer does."""
_REPLY_MAX = 256


class Options(Model):
    port: str = Field(min_length=1, description="the serial port, such as /dev/serial/by-id/usb-FTDI_… or /dev/ttyUSB0")
    table: str = Field(
        description="the maker's commands: epson-esc-vp21 or panasonic-pt, or the path of a file of your own"
    )
    baudrate: int | None = Field(
        None, ge=300, le=921600, description="bits a second, where the projector is not set to its usual speed"
    )
    inputs: dict[InputName, Annotated[str, StringConstraints(min_length=1, max_length=32)]] = Field(
        default_factory=dict,
        description="the inputs that it has, by name, such as {hdmi1: '30', laptop: 'A0'}; else those of the table",
    )
    poll_s: float = Field(5.0, gt=0, le=300, description="seconds between two looks at it")
    answer_s: float = Field(5.0, gt=0, le=30, description="seconds within which it must answer a question")
    patience_s: float = Field(
        20.0, gt=0, le=120, description="seconds for which it may refuse although it is on, or do nothing"
    )

    @field_validator("table")
    @classmethod
    def _table_is_there(cls, name: str) -> str:
        try:
            load_table(name)
        except KeyError as missing:
            raise ValueError(missing.args[0]) from missing
        except DocumentError as wrong:
            raise ValueError("; ".join(str(problem) for problem in wrong.problems)) from wrong
        return name

    @field_validator("inputs")
    @classmethod
    def _table_has_inputs(cls, inputs: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        name = info.data.get("table")
        if inputs and name is not None and load_table(name).input is None:
            raise ValueError(f"the table {name} has no inputs")
        return inputs


class SerialSet:
    """What a projector on a cable has, and how it is asked and told. A `ProjectorWire`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._table: ProjectorTable = load_table(options.table)
        table = self._table
        self._line = SerialLine(
            options.port,
            options.baudrate or table.baudrate,
            bytesize=table.bytesize,
            parity=table.parity,
            stopbits=table.stopbits,
        )
        self._inputs: dict[str, tuple[str, ...]] = {name: (code,) for name, code in options.inputs.items()}
        if table.input is not None and not self._inputs:
            self._inputs = dict(table.input.inputs)
        self._names = {code.upper(): name for name, codes in self._inputs.items() for code in codes}
        self._refusals: dict[str, int] = {}
        """How often each question was refused since it was last answered."""
        self._hours: dict[str, Value | None] = {}
        self._hours_at = float("-inf")

    @property
    def controls(self) -> tuple[Control, ...]:
        inputs = [Control(INPUT, tuple(self._inputs))] if self._inputs else []
        switches = [Control(_switch(word)) for word in self._table.switches]
        return (Control(POWER), *inputs, *switches)

    async def open(self) -> None:
        await self._line.__aenter__()
        if self._table.wake is None:
            return
        try:
            await self._send(self._table.wake)
            await self._line.read_until(self._reply_end, timeout_s=self._options.answer_s, limit=_REPLY_MAX)
        except Timeout as silent:
            raise Timeout(
                f"the projector on {self._options.port} does not answer; is it plugged in, is the cable a crossed one,"
                " is its standby mode one in which it listens, are table and baudrate right?"
            ) from silent

    async def close(self) -> None:
        await self._line.__aexit__(None, None, None)

    async def look(self) -> Sight:
        table = self._table
        code = await self._answer(table.power)
        phase = {one.upper(): phase for one, phase in table.power.phases.items()}.get(code)
        if phase is None:
            raise BadReply(f"{table.power.answer}{code} is not in the table {self._options.table}")
        errors, warnings = await self._troubles()
        if not errors and code in _upper(table.power.faulty):
            errors = ("abnormal",)
        values: dict[str, Value | None] = {}
        if phase is Phase.ON:
            values = await self._picture()
        if self._now - self._hours_at >= HOURS_EVERY_S:
            await self._read_hours()
        return Sight(phase, errors, warnings, {**values, **self._hours})

    def meant(self, target: Target, value: Value) -> Value:
        if not any(control.target == target for control in self.controls):
            raise Refused(f"a projector of table {self._options.table} has no {target}")
        if target != INPUT:
            return bool(value)
        name = str(value).lower()
        if name in self._inputs:
            return name
        if name.upper() in self._names:
            return self._names[name.upper()]
        raise Refused(f"it has no input '{value}'; it has: {', '.join(self._inputs)}")

    async def tell(self, target: Target, value: Value) -> None:
        """A set that says nothing to it may do it all the same: it is looked at next."""
        command = self._command(target, value)
        taken = command if self._table.accepted is Accepted.ECHO else ""
        self._line.forget_input()
        await self._send(command)
        until = self._now + self._options.answer_s * _ACCEPT_PART
        while True:
            try:
                reply = await self._reply(until)
            except Timeout:
                return
            if reply == taken.upper():
                return
            if reply in self._no:
                if target == POWER:
                    raise Refused(f"it answers {reply} to {command}")
                raise NotNow(f"it answers {reply} to {command}: it has no such thing, or not with this picture")

    def _command(self, target: Target, value: Value) -> str:
        table = self._table
        if target == POWER:
            return table.power.on if value else table.power.off
        if target == INPUT:
            assert table.input is not None
            return table.input.tell.replace("{}", self._inputs[str(value)][0])
        switch = next(switch for word, switch in table.switches.items() if _switch(word) == target)
        return switch.on if value else switch.off

    async def _troubles(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        troubles = self._table.troubles
        code = None if troubles is None else await self._ask(troubles)
        if troubles is None or code is None or code in _upper(troubles.fine):
            return (), ()
        for one, word in troubles.warnings.items():
            if one.upper() == code:
                return (), (word,)
        return (
            next((word for one, word in troubles.errors.items() if one.upper() == code), f"code-{code.lower()}"),
        ), ()

    async def _picture(self) -> dict[str, Value | None]:
        values: dict[str, Value | None] = {}
        if self._table.input is not None:
            code = await self._ask(self._table.input)
            if self._says(self._table.input):
                values["input"] = None if code is None else self._names.get(code, code.lower())
        for word, switch in self._table.switches.items():
            code = await self._ask(switch)
            if self._says(switch):
                known = {**dict.fromkeys(_upper(switch.is_on), True), **dict.fromkeys(_upper(switch.is_off), False)}
                values[_switch(word).metric] = None if code is None else known.get(code)
        return values

    async def _read_hours(self) -> None:
        self._hours = {}
        for metric, query in self._table.hours.items():
            words = (await self._ask(query) or "").split()
            for number, word in enumerate(words, 1):
                if word.isascii() and word.isdigit():
                    name = metric if number == 1 else metric.replace("_h", f"_{number}_h")
                    self._hours[name] = int(word)
        self._hours_at = self._now

    def _says(self, query: Query) -> bool:
        return self._refusals.get(query.ask, 0) < _SILENT_LOOKS

    async def _ask(self, query: Query) -> str | None:
        """The value that it answers, in upper case; None if it refuses to say. Raises Timeout or BadReply."""
        return await self._answer(query, or_no=True) or None

    async def _answer(self, query: Query, *, or_no: bool = False) -> str:
        """As `_ask`; a refusal is the empty text if `or_no`, else it was meant for what was sent before."""
        self._line.forget_input()
        await self._send(query.ask)
        until, begins, refused = self._now + self._options.answer_s, query.answer.upper(), ""
        for _ in range(_STRAY_MAX):
            try:
                reply = await self._reply(until)
            except Timeout as silent:
                if refused:
                    raise BadReply(f"{self._options.port}: {refused} is all that it answers to {query.ask}") from silent
                raise
            if reply in self._no:
                refused = reply
                if or_no:
                    self._refusals[query.ask] = self._refusals.get(query.ask, 0) + 1
                    return ""
            elif reply.startswith(begins):
                self._refusals.pop(query.ask, None)
                return reply.removeprefix(begins).strip()
            # else a colon that was owed, an event, or an answer to somebody who gave up
        raise BadReply(f"{self._options.port}: {_STRAY_MAX} replies, and none of them to {query.ask}")

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def _no(self) -> tuple[str, ...]:
        return _upper(self._table.refused)

    @property
    def _reply_end(self) -> bytes:
        return self._table.reply_end.encode("ascii")

    async def _send(self, words: str) -> None:
        await self._line.write(f"{self._table.begin}{words}{self._table.end}".encode("ascii"))

    async def _reply(self, until: float) -> str:
        """The next reply, in upper case. Raises Timeout."""
        raw = await self._line.read_until(self._reply_end, timeout_s=until - self._now, limit=_REPLY_MAX)
        text = raw.removesuffix(self._reply_end).decode("ascii", "replace").strip("\r\n\0 ")
        return text.removeprefix(self._table.begin).strip().upper()


def _switch(word: str) -> Target:
    return Target(Capability.SWITCH, word)


def _upper(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code.upper() for code in codes)


def make(options: Options, _wires: Wires) -> Projector:
    return Projector(SerialSet(options), poll_s=options.poll_s, patience_s=options.patience_s)


def offer(options: Options) -> Offer:
    switches = (_switch(word) for word in load_table(options.table).switches)
    return Offer(frozenset((POWER, INPUT, *switches)))


_SAMPLE: dict[str, Any] = {"port": "/dev/ttyUSB0", "table": "epson-esc-vp21"}
DRIVER = DriverKind(Options, make, _SAMPLE, offer, lambda options: port_address(options.port))
