"""A 3D printer with Marlin on a serial port: checksummed lines, resends, heating that takes time, and halts.

Source: Marlin 2.1: queue.cpp (numbers and checksums), temperature.cpp (halts), M105, M109, M110, M112, M115, M155, M400
and host keepalive in its documentation. Lines are carried out one after another; each is answered by `ok` when it was.

    N4 …*cs wrong      Error:checksum mismatch, Last Line: 3 / Resend: 4 / ok       and what waits unread is dropped
    N6 after N3        Error:Line Number is not Last Line Number+1, Last Line: 3 / Resend: 4 / ok
    M109, M190         T:… every second until it is hot; M108 ends the wait
    G28, M400          echo:busy: processing while they last
    a halt             Error:…, system stopped! Heater_ID: E0 / Error:Printer halted. kill() called!   then nothing more
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import click

from simulators.bad_wire import WIRE_FAULTS, BadWire
from simulators.changes import Changes
from simulators.faults import Faults, fault_option
from simulators.gcode_heater import Heater
from simulators.gcode_numbers import LineCounter, Unsound
from simulators.pty_port import PtyPort
from simulators.until_stopped import run

FAULTS: dict[str, str] = {
    **WIRE_FAULTS,
    "lose-lines": "every fifth line does not reach it",
    "spoil-lines": "every fourth line reaches it with one letter wrong",
    "lose-oks": "every fifth ok does not reach the host",
    "no-ok-after-resend": "says no ok after it asked for a line again",
    "mute": "says nothing while it is at work: no keepalive, no temperatures",
    "waits": "says 'wait' while it has nothing to do, as Repetier does",
    "runaway": "thermal runaway as soon as it heats",
    "maxtemp": "a thermistor has a short circuit",
    "off": "the printer has no power; the serial chip, fed by USB, has",
}

_LOST_EACH, _SPOILED_EACH, _UNHEARD_EACH = 5, 4, 5
_LINE_MAX = 96
_NUMBER = r"(-?\d+(?:\.\d+)?)"


class GcodePrinter:
    """One printer. It remembers `done` (what it carried out), `nozzle`, `bed`, `fan`, `halted`, `resends`, `boots`."""

    def __init__(
        self,
        link: str | Path | None = None,
        boot_s: float = 2.0,
        heating_c_s: float = 3.0,
        move_s: float = 0.02,
        tick_s: float = 1.0,
        auto_report: bool = True,
        restarts: bool = True,
        slow_s: float = 1.0,
        faults: Iterable[str] = (),
    ) -> None:
        """`move_s`: how long a move takes; `tick_s`: between two signs of life; `auto_report`: it knows M155.

        `restarts`: opening the port resets it, as DTR does on most boards.
        """
        self.done: list[str] = []
        """Every line that was carried out, without number and checksum."""
        self.received: list[str] = []
        """Every line that arrived, as it came."""
        self.fan = 0
        self.halted = ""
        self.resends = 0
        self.boots = 0
        self.changes = Changes()
        self.faults = Faults(FAULTS, faults, self._injured)
        self._boot_s, self._move_s, self._tick_s = boot_s, move_s, tick_s
        self._auto_report, self._restarts = auto_report, restarts
        self._heating_c_s = heating_c_s
        self.nozzle, self.bed = self._cold_heaters()
        self._port = PtyPort(link, self._take, self._opened, self._closed)
        self._wire = BadWire(self._port.write, self.faults, slow_s)
        self._came = bytearray()
        self._queue: deque[str] = deque()
        self._counter = LineCounter()
        self._arrived = self._oks = 0
        self._at_work: Callable[[], bool] | None = None
        """True when what it is at is done; None if it is at nothing."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._listens = False
        """It has started, and has not halted."""
        self._has_power = "off" not in self.faults

    @property
    def port(self) -> str:
        """The serial port to open."""
        return self._port.path

    @property
    def is_open(self) -> bool:
        """True while somebody has the port open."""
        return self._port.is_open

    async def __aenter__(self) -> Self:
        """Raises OSError if the link cannot be made."""
        self._port.plug()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._port.unplug()
        self._stop()
        self._wire.close()

    def unplug(self) -> None:
        """Pull the USB cable; the printer goes on with what it has, and stays as hot as it was told."""
        self._port.unplug()

    def replug(self) -> None:
        self._port.plug()

    def press_reset(self) -> None:
        """Everything is forgotten, the heaters are off, and it starts afresh."""
        self._stop()
        self.nozzle.set(0)
        self.bed.set(0)
        self.fan, self.halted, self._counter = 0, "", LineCounter()
        if self._has_power:
            self._later("boot", self._boot_s, self._booted)
        self.changes.tell()

    def say(self, words: str) -> None:
        """Such as `// action:pause`, when its filament has run out."""
        self._wire.send(f"{words}\n".encode())

    # --- its life ---

    def _cold_heaters(self) -> tuple[Heater, Heater]:
        return Heater(self._heating_c_s, 60.0), Heater(self._heating_c_s / 2, 300.0)

    def _injured(self) -> None:
        if self._has_power is ("off" in self.faults):
            self._has_power = not self._has_power
            self.press_reset()
        self._watch_heat()
        self.changes.tell()

    def _opened(self) -> None:
        if self._restarts or not self.boots:
            self.press_reset()
        self.changes.tell()

    def _closed(self) -> None:
        self._came.clear()
        self._wire.close()
        self.changes.tell()

    def _booted(self) -> None:
        self._timers.pop("boot", None)
        self.boots += 1
        self._listens = True
        for line in ("start", "echo:Marlin 2.1.2", "echo: Last Updated: 2022-12-17", "echo:SD init fail"):
            self.say(line)
        self._idle()
        self.changes.tell()

    def _stop(self) -> None:
        """Nothing more is done; what was said still goes out."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._queue.clear()
        self._came.clear()
        self._at_work = None
        self._listens = False

    def _halt(self, *lines: str) -> None:
        self.halted = lines[0]
        for line in lines:
            self.say(f"Error:{line}")
        self._stop()
        self.nozzle.set(0)
        self.bed.set(0)
        self.changes.tell()

    def _watch_heat(self) -> None:
        if not self._listens:
            return
        if "maxtemp" in self.faults:
            self._halt("MAXTEMP triggered, system stopped! Heater_ID: E0", "Printer halted. kill() called!")
        elif "runaway" in self.faults and self.nozzle.target_c > 0:
            self.nozzle.run_away()
            self._later("runaway", self._tick_s, self._run_away)

    def _run_away(self) -> None:
        self._halt("Thermal Runaway, system stopped! Heater_ID: E0", "Printer halted. kill() called!")

    # --- hearing ---

    def _take(self, data: bytes) -> None:
        if not self._listens:
            return
        for byte in data:
            if byte not in b"\r\n":
                if len(self._came) < _LINE_MAX:
                    self._came.append(byte)
                continue
            line = self._came.decode("latin-1").strip()
            self._came.clear()
            if line:
                self._arrive(line)

    def _arrive(self, line: str) -> None:
        if not self._listens:
            return
        self._arrived += 1
        if "lose-lines" in self.faults and self._arrived % _LOST_EACH == 0:
            return
        if "spoil-lines" in self.faults and self._arrived % _SPOILED_EACH == 0 and len(line) > 4:
            line = line[:3] + chr(ord(line[3]) ^ 1) + line[4:]
        self.received.append(line)
        if line.startswith("M108") and self._at_work is not None:
            self._at_work = lambda: True  # the emergency parser; it goes through the queue as well
        if line.startswith("M112"):
            self._halt("Printer halted. kill() called!")
            return
        try:
            self._queue.append(self._counter.take(line))
        except Unsound as wrong:
            self._ask_again(str(wrong))
        else:
            self._next()
        self.changes.tell()

    def _ask_again(self, why: str) -> None:
        self.resends += 1
        self._queue.clear()
        self.say(f"Error:{why}")
        self.say(f"Resend: {self._counter.last + 1}")
        if "no-ok-after-resend" not in self.faults:
            self.say("ok")

    # --- doing ---

    def _next(self) -> None:
        """Carry out what comes next, if it is at nothing."""
        if self._at_work is not None or not self._queue:
            return
        words = self._queue.popleft()
        self.done.append(words)
        code = words.split()[0].upper() if words.split() else ""
        if code in ("G0", "G1", "G2", "G3"):
            self._be_at(self._for(self._move_s))
        elif code == "G4":
            self._be_at(self._for(_value(words, "P", 0) / 1000 + _value(words, "S", 0)))
        elif code in ("G28", "G29"):
            self._be_at(self._for(20 * self._move_s))
        elif code in ("M109", "M190"):
            heater = self.nozzle if code == "M109" else self.bed
            heater.set(_value(words, "S", _value(words, "R", 0)))
            self._be_at(lambda: heater.is_there)
        else:
            self._at_once(code, words)
        self._watch_heat()
        self.changes.tell()

    def _at_once(self, code: str, words: str) -> None:
        match code:
            case "M104":
                self.nozzle.set(_value(words, "S", 0))
            case "M140":
                self.bed.set(_value(words, "S", 0))
            case "M106":
                self.fan = int(_value(words, "S", 255))
            case "M107":
                self.fan = 0
            case "M105":
                self._ok(f" {self._temperatures}")
                return
            case "M115":
                self.say(
                    "FIRMWARE_NAME:Marlin 2.1.2 (Dec 17 2022 12:00:00) SOURCE_CODE_URL:github.com/MarlinFirmware/Marlin"
                    " PROTOCOL_VERSION:1.0 MACHINE_TYPE:Simulated EXTRUDER_COUNT:1"
                )
                self.say(f"Cap:AUTOREPORT_TEMP:{int(self._auto_report)}")
                self.say("Cap:EMERGENCY_PARSER:1")
            case "M155" if self._auto_report:
                self._report(_value(words, "S", 0))
            case "M20" | "M82" | "M83" | "M84" | "M108" | "M110" | "M117" | "M125" | "M220" | "M221" | "M400":
                pass
            case _ if re.fullmatch(r"G(20|21|90|91|92)|T\d", code):
                pass
            case _:
                self.say(f'echo:Unknown command: "{words}"')
        self._ok()

    def _for(self, seconds: float) -> Callable[[], bool]:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        return lambda: loop.time() >= end

    def _be_at(self, is_done: Callable[[], bool]) -> None:
        self._at_work = is_done
        self._later("work", min(self._tick_s, self._move_s), self._look, asyncio.get_running_loop().time())

    def _look(self, told_at: float) -> None:
        """Is it done? Else a sign of life now and then."""
        if self._at_work is not None and self._at_work():
            self._at_work = None
            self._ok()
            self._next()
            self.changes.tell()
            return
        now = asyncio.get_running_loop().time()
        if now - told_at >= self._tick_s and "mute" not in self.faults:
            heats = not (self.nozzle.is_there and self.bed.is_there)
            self.say(f"{self._temperatures} W:?" if heats else "echo:busy: processing")
            told_at = now
        self._later("work", min(self._tick_s, self._move_s), self._look, told_at)

    def _ok(self, more: str = "") -> None:
        self._oks += 1
        if "lose-oks" not in self.faults or self._oks % _UNHEARD_EACH:
            self.say(f"ok{more}")
        self._idle()

    def _idle(self) -> None:
        if "waits" in self.faults:
            self._later("wait", self._tick_s, self._wait)

    def _wait(self) -> None:
        if self._at_work is None:
            self.say("wait")
        self._idle()

    def _report(self, every_s: float) -> None:
        if every_s <= 0:
            if timer := self._timers.pop("report", None):
                timer.cancel()
            return
        if "mute" not in self.faults:
            self.say(self._temperatures)
        self._later("report", every_s, self._report, every_s)

    @property
    def _temperatures(self) -> str:
        nozzle, bed = self.nozzle, self.bed
        return f"T:{nozzle.now_c:.2f} /{nozzle.target_c:.2f} B:{bed.now_c:.2f} /{bed.target_c:.2f} @:0 B@:0"

    def _later(self, what: str, seconds: float, then: Callable[..., None], *arguments: float) -> None:
        if (timer := self._timers.pop(what, None)) is not None:
            timer.cancel()
        self._timers[what] = asyncio.get_running_loop().call_later(seconds, then, *arguments)


def _value(words: str, letter: str, otherwise: float) -> float:
    found = re.search(rf"(?:^|\s){letter}{_NUMBER}", words)
    return float(found[1]) if found else otherwise


@click.command()
@click.option("--link", required=True, metavar="PATH", help="Where the serial port shall be found (a symlink).")
@click.option("--boot", "boot_s", default=2.0, show_default=True, help="Seconds to start after the port was opened.")
@click.option("--heating", "heating_c_s", default=3.0, show_default=True, help="Degrees a second of the nozzle.")
@click.option("--move", "move_s", default=0.02, show_default=True, help="Seconds that each move takes.")
@click.option("--auto-report/--no-auto-report", default=True, show_default=True, help="Whether it knows M155.")
@click.option("--slow", "slow_s", default=1.0, show_default=True, help="Seconds that the fault 'slow' takes.")
@fault_option(FAULTS)
def command(
    link: str,
    boot_s: float,
    heating_c_s: float,
    move_s: float,
    auto_report: bool,
    slow_s: float,
    faults: tuple[str, ...],
) -> None:
    """A 3D printer with Marlin (G-code) on a pseudo serial port, with heaters that take their time."""
    run(
        lambda: GcodePrinter(
            link=link,
            boot_s=boot_s,
            heating_c_s=heating_c_s,
            move_s=move_s,
            auto_report=auto_report,
            slow_s=slow_s,
            faults=faults,
        ),
        lambda printer: printer.port,
    )
