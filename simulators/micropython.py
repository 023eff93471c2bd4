"""A robot kit with MicroPython on a serial port: a raw REPL, a flash with files, pins, an unpluggable cable.

It behaves as MicroPython's shared/runtime/pyexec.c: Ctrl-A enters the raw REPL, Ctrl-B leaves it, Ctrl-C interrupts,
Ctrl-D runs what was typed, or resets it softly if nothing was; `Ctrl-E A Ctrl-A` begins a raw paste, with a window
of 128 bytes, twice. As a `microbit` it has neither raw paste, hashlib nor os.rename. The code that it is given really
runs (in Python, by `micropython_vm`). Opening the port does not reset it, as with a board that has USB of its own.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Self, TypeVar

import click

from simulators.bad_wire import WIRE_FAULTS, BadWire
from simulators.changes import Changes
from simulators.faults import Faults, fault_option
from simulators.micropython_vm import MODELS, Hardware, Vm
from simulators.pty_port import PtyPort
from simulators.until_stopped import run

FAULTS: dict[str, str] = {
    **WIRE_FAULTS,
    "wrong-firmware": "is a board with another firmware: it says it is Blink",
    "circuitpython": "runs a Python that is not MicroPython",
    "bootloader": "waits for a new firmware",
    "stuck": "runs a program that no Ctrl-C stops",
    "flood": "runs, when it starts, a program that prints without end",
    "full": "has no room left in its flash",
    "damaged": "stores a wrong first byte of each file",
}

_WINDOW = 128
_PRINT_EVERY_S, _PRINT_BYTES = 0.001, 256
"""A quarter of a megabyte a second, about what USB gives: more than that, and a pty would lose it."""
_WAITING_MAX = 4096
_FLOOD = 'while True:\n print("x" * 60)'
_RAW_READY = b"raw REPL; CTRL-B to exit\r\n>"

_T = TypeVar("_T")


class _Mode(Enum):
    FRIENDLY = 1
    RAW = 2
    PASTE = 3


class MicroPythonBoard:
    """A board at the end of a serial cable. A test reads `files`, `pins`, `boots`, `running` and sets `analog`."""

    def __init__(
        self,
        link: str | Path | None = None,
        model: str = "esp32",
        files: Mapping[str, bytes] | None = None,
        boot_s: float = 0.0,
        faults: Iterable[str] = (),
        capacity_bytes: int | None = None,
        slow_s: float = 3.0,
    ) -> None:
        """`boot_s`: how long after power-on and reset it is deaf and dumb."""
        self.model = MODELS[model]
        self.boot_s = boot_s
        self.boots = 0
        """How often it started: power, button, or a soft reset."""
        self.changes = Changes()
        self.faults = Faults(FAULTS, faults, self.changes.tell)
        capacity = self.model.flash_bytes if capacity_bytes is None else capacity_bytes
        self.hardware = Hardware(
            self.model,
            dict(files or {}),
            capacity,
            faults=self.faults,
            changed=self._told_by_thread,
            reset=self._reset_by_thread,
        )
        self._port = PtyPort(link, self._take, self.changes.tell, self._closed)
        self._wire = BadWire(self._port.write, self.faults, slow_s)
        self._out = bytearray()
        self._sent_at, self._sent = 0.0, 0
        """How many bytes left since when."""
        self._room = threading.Event()
        self._queued = 0
        """Bytes printed by the code that have not left."""
        self._pump: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._vm: Vm | None = None
        self._powered = False
        self._mode = _Mode.FRIENDLY
        self._typed = bytearray()
        self._window_left = 0
        self.running = False
        """Whether code runs now."""
        self._to_come = bytearray()

    @property
    def port(self) -> str:
        """The serial port to open."""
        return self._port.path

    @property
    def is_open(self) -> bool:
        return self._port.is_open

    @property
    def files(self) -> dict[str, bytes]:
        return self.hardware.files

    @property
    def pins(self) -> dict[int | str, int]:
        return self.hardware.pins

    @property
    def analog(self) -> dict[int | str, int]:
        return self.hardware.analog

    async def __aenter__(self) -> Self:
        """Raises OSError if the link cannot be made."""
        self._loop = asyncio.get_running_loop()
        self._port.plug()
        self._power_on()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.unplug()

    def unplug(self) -> None:
        """Pull the cable: the board loses its power too, in the middle of whatever it does."""
        self._power_off()
        self._port.unplug()

    def replug(self) -> None:
        self._port.plug()
        self._power_on()

    def press_reset(self) -> None:
        """Its button, or a short power failure."""
        self._power_off()
        self._power_on()

    # --- life ---

    def _power_on(self) -> None:
        if self._powered:
            return
        self._powered = True
        self._mode = _Mode.FRIENDLY
        self.pins.clear()
        self._after_boot()

    def _power_off(self) -> None:
        self._powered = False
        for timer in (self._timer, self._pump):
            if timer is not None:
                timer.cancel()
        self._pump = None
        self._end_vm()
        self._wire.close()
        self._out.clear()
        self._typed.clear()
        self._to_come.clear()
        self.changes.tell()

    def _end_vm(self) -> None:
        if self._vm is not None:
            vm, self._vm = self._vm, None
            self._room.set()
            vm.end()
        self.running = False

    def _after_boot(self) -> None:
        if self.boot_s:
            self._timer = asyncio.get_running_loop().call_later(self.boot_s, self._start)
        else:
            self._start()

    def _start(self) -> None:
        """A fresh Python: boot.py, then main.py unless the raw REPL asked for the reset, then a prompt."""
        self._end_vm()
        self._vm = Vm(self.hardware, self._print, lambda: "stuck" in self.faults)
        self.hardware.implementation = "circuitpython" if "circuitpython" in self.faults else "micropython"
        self.boots += 1
        if not self._is_python:
            self._send(b"Blink 1.0\r\n" if "wrong-firmware" in self.faults else b"rst:0x1\r\nwaiting for download\r\n")
            return
        scripts = [self.files.get("boot.py", b"").decode(errors="replace")]
        if self._mode is _Mode.FRIENDLY:
            scripts.append(
                _FLOOD if "flood" in self.faults else self.files.get("main.py", b"").decode(errors="replace")
            )
        if "stuck" in self.faults:
            scripts.append("import time\nwhile True:time.sleep(1)")
        self._run_scripts([script for script in scripts if script])

    def _run_scripts(self, scripts: list[str]) -> None:
        if not scripts:
            self._prompt()
            self.changes.tell()
            return

        def done(error: str) -> None:
            self._send(error.encode())
            self._run_scripts(scripts[1:])

        self._run(scripts[0], done)

    def _run(self, code: str, done: Callable[[str], None]) -> None:
        assert self._vm is not None
        self.running = True
        vm = self._vm
        self.changes.tell()
        self._room.set()

        def finished(error: str) -> None:
            if self._vm is not vm:
                return
            self.running = False
            done(error)
            self.changes.tell()
            waiting = bytes(self._to_come)
            self._to_come.clear()
            self._take(waiting)

        vm.run(code, "<stdin>", lambda error: self._in_loop(finished, error))

    def _soft_reset(self) -> None:
        self._send(b"MPY: soft reboot\r\n")
        self._start()

    @property
    def _is_python(self) -> bool:
        return "wrong-firmware" not in self.faults and "bootloader" not in self.faults

    # --- what the host sends ---

    def _take(self, data: bytes) -> None:
        if not self._powered or not self._is_python or self._vm is None:
            return
        rest = data
        while rest:
            if self.running:
                # Ctrl-C is taken from the stream; the rest waits until somebody reads it
                before, ctrl_c, rest = rest.partition(b"\x03")
                self._to_come += before
                if ctrl_c and "stuck" not in self.faults:
                    self._to_come.clear()
                    self._vm.interrupt()
                continue
            rest = self._paste(rest) if self._mode is _Mode.PASTE else self._type(rest)
        self.changes.tell()

    def _type(self, data: bytes) -> bytes:
        """Up to and with the first control character. Returns the rest."""
        at = next((at for at, byte in enumerate(data) if byte in b"\x01\x02\x03\x04\r"), len(data))
        self._typed += data[:at]
        friendly = self._mode is _Mode.FRIENDLY
        if friendly:
            self._send(data[:at])
        control = data[at : at + 1]
        if control == b"\x01":
            if not friendly and self._typed == b"\x05A" and self.model.raw_paste:
                self._mode, self._window_left = _Mode.PASTE, _WINDOW
                self._send(b"R\x01" + _WINDOW.to_bytes(2, "little") + b"\x01")
            else:
                self._mode = _Mode.RAW
                self._send((b"\r\n" if friendly else b"") + _RAW_READY)
            self._typed.clear()
        elif control == b"\x02":
            self._mode = _Mode.FRIENDLY
            self._typed.clear()
            self._prompt()
        elif control == b"\x03":
            self._typed.clear()
            if friendly:
                self._send(b"\r\n>>> ")
        elif control == b"\x04":
            self._end_of_text(friendly)
        elif control == b"\r" and friendly:
            self._line()
        elif control:
            self._typed += control
        return data[at + 1 :]

    def _end_of_text(self, friendly: bool) -> None:
        code = self._typed.decode(errors="replace")
        self._typed.clear()
        if not friendly:
            self._send(b"OK")
        if not code:
            if not friendly:
                self._send(b"\r\n")
            self._soft_reset()
        elif not friendly:
            self._run(code.replace("\r", "\n"), self._raw_done)

    def _line(self) -> None:
        self._send(b"\r\n")
        line = self._typed.decode(errors="replace").strip()
        self._typed.clear()
        self._run(line, lambda error: self._send(error.encode() + b">>> "))

    def _paste(self, data: bytes) -> bytes:
        at = next((at for at, byte in enumerate(data) if byte in b"\x03\x04"), len(data))
        part = data[: min(at, self._window_left)]
        self._typed += part
        self._window_left -= len(part)
        if not self._window_left:
            self._window_left = _WINDOW
            self._send(b"\x01")
        if len(part) < at or at == len(data):
            return data[len(part) :]
        self._mode = _Mode.RAW
        code, control = self._typed.decode(errors="replace"), data[at : at + 1]
        self._typed.clear()
        self._send(b"\x04")
        if control == b"\x03":
            self._raw_done("Traceback (most recent call last):\r\nKeyboardInterrupt: \r\n")
        else:
            self._run(code, self._raw_done)
        return data[at + 1 :]

    # --- what the board sends ---

    def _raw_done(self, error: str) -> None:
        self._send(b"\x04" + error.encode() + b"\x04>")

    def _prompt(self) -> None:
        version = ".".join(str(number) for number in self.model.version)
        hello = f"MicroPython v{version} on 2024-06-02; {self.model.machine}\r\n".encode()
        friendly = b"\r\n" + hello + b'Type "help()" for more information.\r\n>>> '
        self._send(friendly if self._mode is _Mode.FRIENDLY else _RAW_READY)

    def _print(self, data: bytes) -> None:
        """From the code's thread; it waits there while too much is on its way."""
        self._room.wait()
        self._queued += len(data)
        if self._queued > _WAITING_MAX:
            self._room.clear()  # before the loop hears of it: it opens the door when enough has left
        self._in_loop(self._send, data)

    def _send(self, data: bytes) -> None:
        if not self._powered:
            return
        self._out += data
        if self._pump is None:
            self._pump_out()

    def _pump_out(self) -> None:
        self._pump = None
        if not self._port.is_open:
            self._out.clear()
        now = asyncio.get_running_loop().time()
        if now - self._sent_at >= _PRINT_EVERY_S:
            self._sent_at, self._sent = now, 0
        part = bytes(self._out[: _PRINT_BYTES - self._sent])
        del self._out[: len(part)]
        self._sent += len(part)
        self._wire.send(part)
        if self._out:
            self._pump = asyncio.get_running_loop().call_later(_PRINT_EVERY_S, self._pump_out)
        if len(self._out) <= _WAITING_MAX // 2:
            self._queued = len(self._out)
            self._room.set()

    def _closed(self) -> None:
        self._out.clear()
        self._room.set()
        self.changes.tell()

    def _in_loop(self, call: Callable[[_T], None], argument: _T) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, argument)

    def _reset_by_thread(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.press_reset)

    def _told_by_thread(self) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.changes.tell)


@click.command()
@click.option("--link", required=True, metavar="PATH", help="Where the serial port shall be found (a symlink).")
@click.option("--model", type=click.Choice(list(MODELS)), default="esp32", show_default=True, help="The kind of board.")
@click.option("--boot", "boot_s", default=0.0, show_default=True, help="Seconds it boots after it was plugged in.")
@click.option("--slow", "slow_s", default=3.0, show_default=True, help="Seconds that the fault 'slow' takes.")
@fault_option(FAULTS)
def command(link: str, model: str, boot_s: float, slow_s: float, faults: tuple[str, ...]) -> None:
    """A board with MicroPython on a pseudo serial port. What it is told to run, it runs."""
    run(lambda: MicroPythonBoard(link, model, boot_s=boot_s, faults=faults, slow_s=slow_s), lambda board: board.port)
