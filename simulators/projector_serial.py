"""An Epson projector on a serial line: ESC/VP21 commands, real warming and cooling times, faults, an unpluggable cable.

Source: Epson ESC/VP21 Command User's Guide for Business Projectors: section 2 formats, section 5 response times and
abnormal cases, and the command lists in the makers' manuals. A command ends with a carriage return; the projector
answers a query with `NAME=VALUE`, an illegal command with `ERR`, and is ready for the next when it sends `:`.

    PWR ON     the colon comes when warming up has ended (section 5.2: 40 s and more); some models send it at once
    PWR OFF    during warming up it waits for its end (note 4); then the colon comes as cooling down begins
    PWR?       00 standby, 01 on, 02 warming up, 03 cooling down, 05 standby after a fault
    ERR?       00 good, 01 fan, 03 lamp, 04 temperature, 0C low air flow
    a fault    the set goes dark and neither carries out commands nor sends a colon (section 5.3); queries still work
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

import click

from simulators.bad_wire import WIRE_FAULTS, BadWire
from simulators.changes import Changes
from simulators.faults import Faults, fault_option
from simulators.projector_lamp import Lamp, Power
from simulators.pty_port import PtyPort
from simulators.until_stopped import run

Prompt = Literal["when-done", "at-once"]

SOURCES: dict[str, str] = {"11": "VGA", "30": "HDMI 1", "A0": "HDMI 2", "41": "Video", "53": "LAN"}

FAULTS: dict[str, str] = {
    **WIRE_FAULTS,
    "refuse": "answers ERR to every power command",
    "err": "answers ERR to everything",
    "stuck-warming": "never ends warming up",
    "events": "reports changes by itself (IMEVENT), as home cinema sets do",
    "fan": "goes dark with a fan error",
    "lamp": "goes dark with a lamp error",
    "temperature": "goes dark, too hot",
    "airflow": "warns of low air flow",
}

_DARK = {"fan": "01", "lamp": "03", "temperature": "04"}
_POWER_CODE = {"off": "00", "on": "01", "warming": "02", "cooling": "03"}
_LINE_MAX = 64


class EscVp21Projector:
    """An Epson projector at the end of a serial cable. It remembers `power`, `source`, `muted`, `received`."""

    def __init__(
        self,
        link: str | Path | None = None,
        warm_up_s: float = 30.0,
        cool_down_s: float = 20.0,
        lamp_hours: float = 1234,
        prompt: Prompt = "when-done",
        sources: Mapping[str, str] = SOURCES,
        slow_s: float = 3.0,
        faults: Iterable[str] = (),
    ) -> None:
        self.source = "30"
        self.muted = False
        self.frozen = False
        self.volume = 128
        self.serial_number = "SIM0000021"
        self.received: list[str] = []
        """Every command line that arrived."""
        self.changes = Changes()
        self.faults = Faults(FAULTS, faults, self._injured)
        self._sources = dict(sources)
        self._prompt_when_done = prompt == "when-done"
        self._lamp = Lamp(warm_up_s, cool_down_s, lamp_hours, self._changed, lambda: "stuck-warming" in self.faults)
        self._port = PtyPort(link, self._take, self.changes.tell, self._hung_up)
        self._wire = BadWire(self._port.write, self.faults, slow_s)
        self._line = bytearray()
        self._owes_prompt = False
        self._off_wanted = False
        self._power_before: Power = "off"

    @property
    def power(self) -> Power:
        return self._lamp.power

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
        self._wire.close()
        self._lamp.close()

    def unplug(self) -> None:
        """Pull the cable; the set itself goes on."""
        self._port.unplug()

    def replug(self) -> None:
        self._port.plug()

    def set_power(self, on: bool) -> None:
        """As by the remote control, and at once."""
        self._lamp.set_steady(on)

    def _injured(self) -> None:
        if any(fault in self.faults for fault in _DARK):
            self._owes_prompt = self._off_wanted = False
            self._lamp.set_steady(False)
        self.changes.tell()

    def _changed(self) -> None:
        """The lamp has reached another state."""
        if self.power == "on" and self._off_wanted:
            self._off_wanted = False
            self._lamp.turn_off()
            return
        if self._owes_prompt and self.power != "warming":
            self._owes_prompt = False
            self._wire.send(b":")
        if self.power != self._power_before and "events" in self.faults:
            code = {"off": "01", "warming": "02", "on": "03", "cooling": "04"}[self.power]
            self._wire.send(f"IMEVENT=0001 {code} 00000000 00000000 T1 F1\r:".encode())
        self._power_before = self.power
        self.changes.tell()

    def _hung_up(self) -> None:
        self._line.clear()
        self._owes_prompt = False
        self._wire.close()
        self.changes.tell()

    def _take(self, data: bytes) -> None:
        for byte in data:
            if byte == 0x0D:
                line = self._line.decode("ascii", "replace")
                self._line.clear()
                self._answer(line)
            elif byte != 0x0A and len(self._line) < _LINE_MAX:
                self._line.append(byte)

    def _answer(self, line: str) -> None:
        self.received.append(line)
        body = self._result(line.strip().upper())
        if body is not None:
            self._wire.send(f"{body}\r:".encode() if body else b":")
        self.changes.tell()

    def _result(self, command: str) -> str | None:
        """What comes before the colon; None where no colon is due now."""
        if "err" in self.faults:
            return "ERR"
        if command == "":
            return ""
        if command.endswith("?"):
            return self._query(command[:-1])
        name, _, value = command.partition(" ")
        if any(fault in self.faults for fault in _DARK):
            return None
        if name == "PWR":
            return self._set_power(value)
        if self.power != "on":
            return "ERR"
        return "" if self._set(name, value) else "ERR"

    def _query(self, name: str) -> str:
        broken = next((code for fault, code in _DARK.items() if fault in self.faults), None)
        always: dict[str, Callable[[], str]] = {
            "PWR": lambda: _POWER_CODE[self.power] if broken is None else "05",
            "ERR": lambda: broken or ("0C" if "airflow" in self.faults else "00"),
            "LAMP": lambda: str(int(self._lamp.hours)),
            "SNO": lambda: self.serial_number,
        }
        while_on: dict[str, Callable[[], str]] = {
            "SOURCE": lambda: self.source,
            "MUTE": lambda: "ON" if self.muted else "OFF",
            "FREEZE": lambda: "ON" if self.frozen else "OFF",
            "VOL": lambda: str(self.volume),
        }
        found = always.get(name) or (while_on.get(name) if self.power == "on" else None)
        return "ERR" if found is None else f"{name}={found()}"

    def _set_power(self, value: str) -> str | None:
        if value not in ("ON", "OFF") or "refuse" in self.faults:
            return "ERR"
        if value == "ON":
            if self.power in ("warming", "cooling"):
                return "ERR"
            if self.power == "off":
                self._owes_prompt = self._prompt_when_done
                self._lamp.turn_on()
            return None if self._owes_prompt else ""
        if self.power == "warming":
            self._off_wanted = True
            self._owes_prompt = True
            return None
        self._lamp.turn_off()
        return ""

    def _set(self, name: str, value: str) -> bool:
        """False if the set does not know it."""
        match name, value:
            case "SOURCE", _ if value in self._sources:
                self.source = value
            case "MUTE", "ON" | "OFF":
                self.muted = value == "ON"
            case "FREEZE", "ON" | "OFF":
                self.frozen = value == "ON"
            case "VOL", "INC" | "DEC":
                self.volume = min(255, max(0, self.volume + (8 if value == "INC" else -8)))
            case "VOL", _ if value.isascii() and value.isdigit() and int(value) <= 255:
                self.volume = int(value)
            case _:
                return False
        return True


@click.command()
@click.option("--link", required=True, metavar="PATH", help="Where the serial port shall be found (a symlink).")
@click.option("--warm-up", "warm_up_s", default=30.0, show_default=True, help="Seconds to warm up.")
@click.option("--cool-down", "cool_down_s", default=20.0, show_default=True, help="Seconds to cool down.")
@click.option("--lamp-hours", default=1234.0, show_default=True, help="What the lamp has burned already.")
@click.option(
    "--prompt",
    type=click.Choice(["when-done", "at-once"]),
    default="when-done",
    show_default=True,
    help="When the colon after PWR ON comes; models differ.",
)
@click.option("--slow", "slow_s", default=3.0, show_default=True, help="Seconds that the fault 'slow' takes.")
@fault_option(FAULTS)
def command(
    link: str,
    warm_up_s: float,
    cool_down_s: float,
    lamp_hours: float,
    prompt: Prompt,
    slow_s: float,
    faults: tuple[str, ...],
) -> None:
    """An Epson projector (ESC/VP21) on a pseudo serial port, with real warming and cooling times."""
    run(
        lambda: EscVp21Projector(
            link=link,
            warm_up_s=warm_up_s,
            cool_down_s=cool_down_s,
            lamp_hours=lamp_hours,
            prompt=prompt,
            slow_s=slow_s,
            faults=faults,
        ),
        lambda projector: projector.port,
    )
