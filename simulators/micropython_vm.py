"""What runs the code of a simulated MicroPython board: Python itself, in a thread, with a board's few modules.

The code sees no file, clock or network of this computer: `open` and `os` are the board's flash, `machine.Pin` and
`machine.ADC` its pins, and only modules without effects are lent. Ctrl-C arrives wherever the code is; pulling the
cable ends it.
"""

import builtins
import ctypes
import errno
import hashlib
import importlib
import threading
import time
import traceback
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any, Self

_LENT = ("binascii", "collections", "json", "math", "random", "re", "struct")
_PROMPTLY_S = 2.0


class _PowerLost(BaseException):
    """The board is no more."""


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of board."""

    machine: str
    version: tuple[int, int, int]
    raw_paste: bool = True
    small: bool = False
    """As a micro:bit: no hashlib, no rename, no statvfs; `microbit` instead of `machine`."""
    flash_bytes: int = 256 * 1024


MODELS: dict[str, Model] = {
    "esp32": Model("Generic ESP32 module with ESP32", (1, 23, 0)),
    "rp2040": Model("Raspberry Pi Pico with RP2040", (1, 23, 0)),
    "microbit": Model("micro:bit with nRF51822", (1, 9, 2), raw_paste=False, small=True, flash_bytes=24 * 1024),
}


@dataclass(slots=True)
class Hardware:
    """What outlasts a reset (the flash), and what a test may touch."""

    model: Model
    files: dict[str, bytes] = field(default_factory=dict)
    capacity_bytes: int = 0
    pins: dict[int | str, int] = field(default_factory=dict)
    """Level of each pin that was driven."""
    analog: dict[int | str, int] = field(default_factory=dict)
    """0 to 65535 at each analog pin."""
    implementation: str = "micropython"
    faults: Container[str] = ()
    """`full` and `damaged` are the flash's."""
    changed: Callable[[], None] = lambda: None
    reset: Callable[[], None] = lambda: None
    flashed: int = 0
    """How often the flash was changed."""
    fails_at: int | None = None
    """The power fails instead of this change of the flash, counted by `flashed`."""

    @property
    def free_bytes(self) -> int:
        return max(0, self.capacity_bytes - sum(len(content) for content in self.files.values()))

    def write(self, name: str, content: bytes) -> None:
        """Raises OSError(ENOSPC)."""
        self.change()
        others = sum(len(there) for other, there in self.files.items() if other != name)
        if others + len(content) > self.capacity_bytes or (content and "full" in self.faults):
            raise OSError(errno.ENOSPC)
        if content and "damaged" in self.faults:
            content = bytes([content[0] ^ 1]) + content[1:]
        self.files[name] = content
        self.changed()

    def change(self) -> None:
        """The flash is about to be changed. Raises _PowerLost."""
        if self.flashed == self.fails_at:
            self.fails_at = None
            self.reset()
            raise _PowerLost
        self.flashed += 1


class Vm:
    """One life of a board's Python, from reset to reset."""

    def __init__(self, hardware: Hardware, say: Callable[[bytes], None], deaf: Callable[[], bool]) -> None:
        """`say` gets what is printed, in the thread that prints it; while `deaf()`, Ctrl-C is not heard."""
        self._hardware = hardware
        self._say = say
        self._deaf = deaf
        self._alive = True
        self._thread: threading.Thread | None = None
        self._woken = threading.Event()
        self._inside = False
        self._lock = threading.Lock()
        self._modules: dict[str, Any] = {}
        self._builtins = self._make_builtins()
        self._globals: dict[str, Any] = {"__name__": "__main__", "__builtins__": self._builtins}

    def run(self, code: str, file: str, done: Callable[[str], None]) -> None:
        """Begin. `done` gets, in the code's thread, the traceback or nothing."""
        self._woken.clear()
        self._thread = threading.Thread(target=self._live, args=(code, file, done), daemon=True, name="micropython")
        self._thread.start()

    def interrupt(self) -> None:
        """Ctrl-C while code runs."""
        if not self._deaf():
            self._throw(KeyboardInterrupt)

    def end(self) -> None:
        """The power is gone. Returns when the code has stopped."""
        self._alive = False
        deadline = time.monotonic() + _PROMPTLY_S
        while self._thread is not None and self._thread.is_alive() and time.monotonic() < deadline:
            self._throw(_PowerLost)
            self._thread.join(0.02)

    def _throw(self, kind: type[BaseException]) -> None:
        with self._lock:
            thread = self._thread
            if self._inside and thread is not None and thread.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(kind))
        self._woken.set()

    def _live(self, code: str, file: str, done: Callable[[str], None]) -> None:
        said = ""
        try:
            try:
                with self._lock:
                    self._inside = True
                exec(compile(code, file, "exec"), self._globals)  # noqa: S102  (running what it is given is its task)
            except BaseException as error:  # noqa: BLE001  (a board tells every error to its user)
                said = _told(error)
            with self._lock:
                self._inside = False
        except BaseException:  # noqa: BLE001  (a Ctrl-C that came as the code had just ended)
            with self._lock:
                self._inside = False
        if self._alive:
            done(said)

    def _check(self) -> None:
        if not self._alive:
            raise _PowerLost

    # --- what the code finds ---

    def _make_builtins(self) -> dict[str, Any]:
        names = {name: value for name, value in vars(builtins).items() if name not in ("input", "breakpoint", "help")}
        own = {"print": self._print, "open": self._open, "__import__": self._import, "execfile": self._execfile}
        if self._hardware.model.small:
            del own["execfile"]
        return {**names, **own}

    def _print(self, *values: object, sep: str = " ", end: str = "\n") -> None:
        self._check()
        self._say((sep.join(str(value) for value in values) + end).replace("\n", "\r\n").encode())

    def _open(self, name: str, mode: str = "r") -> "_File":
        self._check()
        return _File(self._hardware, name, mode, self._check)

    def _execfile(self, name: str) -> None:
        with self._open(name) as file:
            exec(compile(file.read(), name, "exec"), self._globals)  # noqa: S102

    def _import(self, name: str, *_: object) -> Any:
        self._check()
        if name not in self._modules:
            self._modules[name] = self._module(name)
        return self._modules[name]

    def _module(self, name: str) -> Any:
        small = self._hardware.model.small
        made: dict[str, Callable[[], Any]] = {
            "os": self._os, "sys": self._sys, "time": self._time, "utime": self._time,
            **({"microbit": self._microbit} if small else {"machine": self._machine, "hashlib": _hashlib}),
        }  # fmt: skip
        if name in made:
            return made[name]()
        if f"{name}.py" in self._hardware.files:
            module = ModuleType(name)
            module.__dict__["__builtins__"] = self._builtins
            source = self._hardware.files[f"{name}.py"].decode()
            exec(compile(source, f"{name}.py", "exec"), module.__dict__)  # noqa: S102
            return module
        if name in _LENT and not (small and name in ("binascii", "json", "re")):
            return importlib.import_module(name)
        raise ImportError(f"no module named '{name}'")

    def _sys(self) -> Any:
        hardware = self._hardware
        names = (hardware.implementation, hardware.model.version)
        kind = _Implementation(names)
        kind._machine = hardware.model.machine
        return SimpleNamespace(
            implementation=kind, platform="esp32", path=[""], stdout=SimpleNamespace(write=self._write)
        )

    def _write(self, text: str) -> int:
        self._print(text, end="")
        return len(text)

    def _os(self) -> Any:
        hardware = self._hardware

        def exists(name: str) -> str:
            self._check()
            if name not in hardware.files:
                raise OSError(errno.ENOENT)
            return name

        def remove(name: str) -> None:
            exists(name)
            hardware.change()
            del hardware.files[name]
            hardware.changed()

        def rename(old: str, new: str) -> None:
            exists(old)
            hardware.change()
            hardware.files[new] = hardware.files.pop(old)
            hardware.changed()

        found: dict[str, Any] = {
            "listdir": lambda *_: sorted(hardware.files),
            "remove": remove,
            "uname": lambda: ("", "", _dotted(hardware.model.version), "", hardware.model.machine),
        }
        if hardware.model.small:
            found |= {"size": lambda name: len(hardware.files[exists(name)])}
        else:
            found |= {
                "rename": rename,
                "stat": lambda name: (0x8000, 0, 0, 0, 0, 0, len(hardware.files[exists(name)]), 0, 0, 0),
                "statvfs": lambda _: (1, 1, hardware.capacity_bytes, hardware.free_bytes, hardware.free_bytes),
            }
        return SimpleNamespace(**found)

    def _time(self) -> Any:
        def sleep(seconds: float) -> None:
            self._check()
            self._woken.wait(max(0.0, seconds))
            self._woken.clear()
            self._check()

        return SimpleNamespace(
            sleep=sleep,
            sleep_ms=lambda ms: sleep(ms / 1000),
            ticks_ms=lambda: time.monotonic_ns() // 1_000_000 & 0x3FFFFFFF,
            ticks_diff=lambda later, earlier: later - earlier,
            time=lambda: time.monotonic_ns() // 1_000_000_000,
        )

    def _machine(self) -> Any:
        hardware = self._hardware

        class Pin:
            IN, OUT = 0, 1

            def __init__(self, number: int | str, mode: int = IN, value: int | None = None) -> None:
                self.number = number
                if value is not None:
                    self.value(value)

            def value(self, level: int | None = None) -> int | None:
                if level is None:
                    return hardware.pins.get(self.number, 0)
                hardware.pins[self.number] = int(bool(level))
                hardware.changed()
                return None

            def on(self) -> None:
                self.value(1)

            def off(self) -> None:
                self.value(0)

        class Adc:
            def __init__(self, pin: Pin) -> None:
                self.pin = pin

            def read_u16(self) -> int:
                return hardware.analog.get(self.pin.number, 0)

        def reset() -> None:
            hardware.reset()
            raise _PowerLost

        return SimpleNamespace(Pin=Pin, ADC=Adc, reset=reset)

    def _microbit(self) -> Any:
        hardware = self._hardware

        class MicroBitPin:
            def __init__(self, name: str) -> None:
                self.name = name

            def write_digital(self, level: int) -> None:
                hardware.pins[self.name] = level
                hardware.changed()

            def read_digital(self) -> int:
                return hardware.pins.get(self.name, 0)

            def read_analog(self) -> int:
                return hardware.analog.get(self.name, 0) // 64

        pins = {f"pin{number}": MicroBitPin(f"pin{number}") for number in range(21)}
        return SimpleNamespace(**pins, sleep=lambda ms: self._import("time").sleep(ms / 1000))


class _Implementation(tuple[Any, ...]):
    """`sys.implementation`: a tuple with names."""

    _machine: str

    @property
    def name(self) -> Any:
        return self[0]

    @property
    def version(self) -> Any:
        return self[1]


class _File:
    """An open file in the flash; what is written is there at once."""

    def __init__(self, hardware: Hardware, name: str, mode: str, check: Callable[[], None]) -> None:
        self._hardware, self._name, self._check = hardware, name, check
        self._binary, self._at = "b" in mode, 0
        if "w" in mode:
            hardware.write(name, b"")
        elif name not in hardware.files:
            raise OSError(errno.ENOENT)

    def read(self, count: int = -1) -> Any:
        self._check()
        content = self._hardware.files.get(self._name, b"")
        end = len(content) if count < 0 else self._at + count
        part, self._at = content[self._at : end], min(end, len(content))
        return part if self._binary else part.decode()

    def readinto(self, buffer: Any) -> int:
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def write(self, data: Any) -> int:
        self._check()
        content = bytes(data) if self._binary else data.encode()
        self._hardware.write(self._name, self._hardware.files.get(self._name, b"") + content)
        return len(content)

    def close(self) -> None:
        self._check()

    def __iter__(self) -> Iterator[str]:
        return iter(self.read().splitlines(keepends=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return


def _hashlib() -> Any:
    return SimpleNamespace(sha256=hashlib.sha256)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)


def _told(error: BaseException) -> str:
    """A traceback as MicroPython writes it."""
    lines = ["Traceback (most recent call last):"]
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename != __file__:
            lines.append(f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}')
    words = str(error)
    if isinstance(error, SyntaxError):
        lines.append(f'  File "{error.filename}", line {error.lineno}')
        words = "invalid syntax"
    elif isinstance(error, OSError) and error.args and isinstance(error.args[0], int):
        words = f"[Errno {error.args[0]}] {errno.errorcode.get(error.args[0], '')}"
    lines.append(f"{type(error).__name__}: {words}")
    return "\r\n".join([*lines, ""])
