"""A 3D printer that takes G-code on a USB cable: Marlin and what speaks like it (Prusa, Repetier, RepRapFirmware).

Name the port by what never changes: `usb:` and the board's USB serial number, or /dev/serial/by-id/…. Opening it
restarts most printers, so nothing else may use it, and a print from the printer's own card ends. The files to print lie
in a folder of the gateway; `program: NAME` prints NAME.gcode. A new file can be started at once, and is offered on the
panel after the next start. Lines go out numbered and checksummed, and are sent again when the printer asks.

`program: NAME` is done when the printer has taken the first line, `program: none` when the print has ended, the heaters
are off and the printer has said so. `switch.pause: true` is done when the head stands still; put `M125` into
`pause_lines` if the firmware can park the head (the heaters stay on). While it heats, a printer may listen to nobody;
one without an emergency parser ends only when it is hot.

Whenever no print of ours runs (opened, ended, cancelled), heaters and fan are told to be off. A print does not outlive
the cable, a power cut or the agent: `program` is then none, `program_error` says why and how far it came, and nothing
is begun again by itself. A printer that stops itself (thermal runaway, a broken thermistor) is in fault until somebody
has looked at it and switched it off and on.

Controls: `program` (none, and the files), `switch.pause`.

Readings: `program`; `program_error` (empty while all is well); `progress_percent` of the lines; `switch_pause`;
`nozzle_c`, `nozzle_target_c` (`nozzle_2_c` …), `bed_c`, `bed_target_c`, `chamber_c` as far as it has them; `firmware`.

Source: Marlin 2.1 documentation; RepRap wiki, G-code.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field

from classroom_profiles.capability import NO_PROGRAM, Capability, Command, Target, Value
from classroom_profiles.metrics import unit
from classroom_profiles.model import Model
from classroom_profiles.offer import Offer
from classroom_profiles.reading import Change, Health, HealthState, Reading
from classroom_profiles.state import Control
from firmware_bridge.driver import DriverKind, Wires, reading
from firmware_bridge.errors import DeviceError, NotNow, Refused
from firmware_bridge.gcode_file import GcodeFile, programs
from firmware_bridge.gcode_link import PrinterLink
from firmware_bridge.gcode_wire import Action, Halted, Heat, Said
from firmware_bridge.transports.ports import port_address

PROGRAM, PAUSE = Target(Capability.PROGRAM), Target(Capability.SWITCH, "pause")
_UNTOLD_MAX = 1000
_ERROR_MAX = 64
_GOODBYE_S = 2.0
"""So long we try to leave it cold when we end."""
_AT_WORK_S = 1.0
"""A printer that has been at one line for longer is not asked for its temperatures as well."""

Line = Annotated[str, Field(pattern=r"^[A-Z][0-9]{1,4}( [A-Z][-0-9.]*)*$", max_length=80)]


class Options(Model):
    port: str = Field(
        min_length=1, description="the serial port: usb:SERIALNUMBER, /dev/serial/by-id/… or /dev/ttyACM0"
    )
    files: Path = Field(description="the folder of the gateway in which the files to print lie, *.gcode")
    baudrate: int = Field(115_200, ge=2400, le=921_600, description="bits a second, as its firmware has it; or 250000")
    boot_s: float = Field(10.0, gt=0, le=18, description="seconds it may take to start after the port was opened")
    silence_s: float = Field(20.0, gt=0, le=300, description="seconds it may say nothing before a line is sent again")
    silences: int = Field(3, ge=1, le=10, description="so many silences in a row are a loss")
    poll_s: float = Field(2.0, gt=0, le=60, description="seconds between two temperatures")
    pause_lines: tuple[Line, ...] = Field(
        ("M400",), max_length=20, description="sent to pause; M400 waits for the head to stand still, M125 parks it"
    )
    resume_lines: tuple[Line, ...] = Field((), max_length=20, description="sent before a paused print goes on")
    off_lines: tuple[Line, ...] = Field(
        ("M104 S0", "M140 S0", "M107"), max_length=20, description="sent when no print runs: heaters and fan off"
    )


@dataclass(slots=True)
class _Print:
    """A print on its way."""

    name: str
    total: int
    taken: int = 0
    may_go: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    still: asyncio.Event = field(default_factory=asyncio.Event)
    """The head stands still, or the print is over."""
    going: asyncio.Event = field(default_factory=asyncio.Event)
    """It does not, or the print is over."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """The printer took the first line, or the print is over."""

    @property
    def percent(self) -> float:
        return float(100 * self.taken // self.total)


class GcodePrinter:
    """One printer."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._link = PrinterLink(
            options.port,
            options.baudrate,
            boot_s=options.boot_s,
            silence_s=options.silence_s,
            silences=options.silences,
            heard=self._hear,
            lost=self._wake,
        )
        self._files: dict[str, Path] = {}
        self._print: _Print | None = None
        self._printing: asyncio.Task[None] | None = None
        self._heat_at = float("-inf")
        self._values: dict[str, Value] = {}
        self._untold: deque[Reading] = deque(maxlen=_UNTOLD_MAX)
        self._telling = asyncio.Lock()
        self._news = asyncio.Event()

    @property
    def controls(self) -> tuple[Control, ...]:
        return (Control(PROGRAM, (NO_PROGRAM, *self._files)), Control(PAUSE))

    async def __aenter__(self) -> Self:
        self._files = await asyncio.to_thread(programs, self._options.files)
        try:
            await self._link.open()
            await self._rest()
            if self._link.reports_heat:
                await self._link.send(f"M155 S{max(1, round(self._options.poll_s))}")
            await self._link.send("M105")
        except BaseException:
            await self._link.close()
            raise
        self._say("firmware", self._link.firmware)
        self._say("program", NO_PROGRAM)
        self._say("switch_pause", False)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._printing is not None and not self._printing.done():
            self._printing.cancel()
            await asyncio.wait({self._printing})
            with contextlib.suppress(DeviceError, TimeoutError):  # it may hang, or be gone: then nobody can cool it
                async with asyncio.timeout(_GOODBYE_S):
                    await self._link.shout("M108")
                    await self._rest()
        await self._link.close()

    async def changes(self) -> AsyncIterator[Change]:
        self._link.check()
        health = Health(HealthState.ONLINE)
        yield health
        while True:
            self._news.clear()
            while self._untold:
                yield self._untold.popleft()
            halted = self._link.halted
            if halted is not None and health.state is not HealthState.FAULT:
                health = Health(HealthState.FAULT, halted.code)
                yield health
            try:
                self._link.check()
            except DeviceError:
                if self._printing is not None:
                    await asyncio.wait({self._printing})  # it has the reason too, and says how far it came
                while self._untold:
                    yield self._untold.popleft()
                raise
            if self._printing is not None and self._printing.done():
                self._printing.result()  # a mistake of ours does not go on in silence
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.poll_s):
                    await self._news.wait()
            if self._is_due:
                with contextlib.suppress(DeviceError):  # the link has told, above
                    await self._link.send("M105")

    async def check(self, command: Command) -> None:
        self._check_ready()
        if command.target == PROGRAM and command.value != NO_PROGRAM:
            file = await self._file(str(command.value))
            if self._print is None:
                await file.count()
        self._check_now(command)

    async def command(self, command: Command) -> None:
        async with self._telling:
            self._check_ready()
            self._check_now(command)
            if command.target == PAUSE:
                await (self._pause() if command.value else self._resume())
            elif command.value == NO_PROGRAM:
                await self._cancel()
            elif self._print is None:
                await self._begin(str(command.value))

    def _check_ready(self) -> None:
        self._link.check()
        if self._link.halted is not None:
            raise Refused(f"the printer has stopped itself: {self._link.halted.words}; switch it off and on")

    def _check_now(self, command: Command) -> None:
        running = self._print
        if command.target == PAUSE:
            if command.value and running is None:
                raise NotNow("nothing is printed that could be paused")
        elif command.target != PROGRAM:
            raise Refused(f"it has no {command.target}; it has: program, switch.pause")
        elif running is not None and command.value not in (NO_PROGRAM, running.name):
            raise NotNow(f"it prints {running.name}; wait for its end, or cancel it with program: none")

    async def _file(self, name: str) -> GcodeFile:
        self._files = await asyncio.to_thread(programs, self._options.files)
        if name not in self._files:
            there = ", ".join(self._files) or "none"
            raise Refused(f"there is no {name}.gcode in {self._options.files}; there are: {there}")
        return GcodeFile(self._files[name])

    # --- printing ---

    async def _begin(self, name: str) -> None:
        file = await self._file(name)
        job = _Print(name, await file.count())
        await self._link.begin()
        job.may_go.set()
        job.going.set()
        self._print = job
        self._say("program_error", "")
        self._say("progress_percent", 0.0, "%")
        self._say("program", name)
        self._printing = asyncio.create_task(self._run(job, file), name=f"print {name} on {self._options.port}")
        await job.begun.wait()
        self._check_ready()

    async def _run(self, job: _Print, file: GcodeFile) -> None:
        """The whole print; never raises but when it is cancelled, or by a mistake of ours."""
        error = ""
        try:
            await self._send_all(job, file)
            await self._rest()
        except DeviceError as wrong:
            error = str(wrong)
            with contextlib.suppress(DeviceError):  # if it listens, it shall not stay hot
                await self._rest()
        except asyncio.CancelledError:
            error = "the agent has ended"
            raise
        except Exception as mistake:
            error = f"{type(mistake).__name__} in the driver"
            with contextlib.suppress(DeviceError):
                await self._rest()
            raise
        finally:
            if error:
                self._say("program_error", self._short(f"at {job.percent:g} %: {error}"))
            self._print = None
            self._say("switch_pause", False)
            self._say("program", NO_PROGRAM)
            for event in (job.begun, job.still, job.going):
                event.set()

    async def _send_all(self, job: _Print, file: GcodeFile) -> None:
        async with contextlib.aclosing(file.lines()) as lines:
            async for words in lines:
                if not job.may_go.is_set():
                    await self._stand_still(job)
                if job.stopped.is_set():
                    return
                await self._link.send(words)
                job.taken += 1
                job.begun.set()
                self._say("progress_percent", job.percent, "%")
            await self._link.send("M400")

    async def _stand_still(self, job: _Print) -> None:
        for words in self._options.pause_lines:
            await self._link.send(words)
        self._say("switch_pause", True)
        job.going.clear()
        job.still.set()
        await job.may_go.wait()
        job.still.clear()
        if not job.stopped.is_set():
            for words in self._options.resume_lines:
                await self._link.send(words)
        self._say("switch_pause", False)
        job.going.set()

    async def _pause(self) -> None:
        if (job := self._print) is not None:
            job.may_go.clear()
            await job.still.wait()
            self._check_ready()
            if self._print is None:
                raise NotNow(f"{job.name} has ended before it could be paused")

    async def _resume(self) -> None:
        if (job := self._print) is not None:
            job.may_go.set()
            await job.going.wait()
            self._check_ready()

    async def _cancel(self) -> None:
        if (job := self._print) is None or self._printing is None:
            await self._rest()
            return
        job.stopped.set()
        job.may_go.set()
        if self._link.waiting_s:
            await self._link.shout("M108")
        await asyncio.wait({self._printing})
        self._check_ready()

    async def _rest(self) -> None:
        for words in self._options.off_lines:
            await self._link.send(words)

    # --- hearing and saying ---

    @property
    def _is_due(self) -> bool:
        """Its temperatures are old, and it is not at work on something long."""
        if self._link.halted is not None or self._link.waiting_s > _AT_WORK_S:
            return False
        return asyncio.get_running_loop().time() - self._heat_at >= self._options.poll_s

    def _hear(self, said: Said) -> None:
        match said:
            case Heat(now, target):
                self._heat_at = asyncio.get_running_loop().time()
                for heater, at in now.items():
                    self._say(f"{heater}_c", at)
                for heater, at in target.items():
                    self._say(f"{heater}_target_c", at)
            case Action("pause" | "paused") if self._print is not None:
                self._print.may_go.clear()
            case Action("resume" | "resumed") if self._print is not None:
                self._print.may_go.set()
            case Action("cancel") if self._print is not None:
                self._print.stopped.set()
                self._print.may_go.set()
            case Halted():
                self._wake()

    def _say(self, metric: str, value: Value, symbol: str = "") -> None:
        if self._values.get(metric) != value:
            self._values[metric] = value
            self._untold.append(reading(metric, value, symbol or unit(metric)))
            self._wake()

    def _short(self, text: str) -> str:
        """As telemetry takes it: the device is known, its port need not be named."""
        text = text.replace(f" on {self._options.port}", "").replace(self._options.port, "it")
        return "".join(char if " " <= char <= "~" else "?" for char in text)[:_ERROR_MAX]

    def _wake(self) -> None:
        self._news.set()


def make(options: Options, _wires: Wires) -> GcodePrinter:
    return GcodePrinter(options)


_SAMPLE: dict[str, Any] = {"port": "usb:CZPX4720X004XC34242", "files": "/srv/lophoc/prints", "pause_lines": ["M125"]}


def offer(_: Options) -> Offer:
    return Offer(frozenset((PROGRAM, PAUSE)))


DRIVER = DriverKind(Options, make, _SAMPLE, offer, lambda options: port_address(options.port))
