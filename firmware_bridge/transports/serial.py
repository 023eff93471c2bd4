"""One serial port as an asynchronous line: pyserial opens and configures it, the event loop reads and writes it.

The loop watches the descriptor itself, with a write buffer of our own: 32 ports in one process cost a few microseconds
a message, where a thread per port costs 15 times that. Only opening and closing, which the kernel may hold up for
seconds, happen in a thread.

    async with SerialLine("/dev/ttyUSB0", 9600) as line:
        await line.write(b"PWR?\\r")
        answer = await line.read_until(b":", timeout_s=3)
"""

import asyncio
import contextlib
import errno
import os
import select
import termios
import threading
from collections.abc import Callable
from typing import Literal, Self, TypeVar

import serial
from serial.tools import list_ports

from firmware_bridge.errors import BadReply, PortBusy, Refused, Timeout, Unplugged, Unreachable
from firmware_bridge.transports.ports import USB, device_of, seen

OPEN_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
"""How long closing may wait for bytes that are still on their way; after that it ends in the background."""
WRITE_TIMEOUT_S = 3.0
_CHUNK = 4096
_UNREAD_MAX = 65536
"""What may wait to be read; above it, we leave the rest to the kernel, which drops as a UART does."""

_GONE = (errno.ENOENT, errno.ENODEV, errno.ENXIO)
_TAKEN = (errno.EAGAIN, errno.EBUSY)

_Result = TypeVar("_Result")


class SerialLine:
    """A port that is ours alone while it is open. Any of its methods raises Unreachable once the line is lost.

    One task reads; several may write, each message whole and in the order of the calls.
    """

    def __init__(
        self,
        port: str,
        baudrate: int = 9600,
        *,
        bytesize: Literal[7, 8] = 8,
        parity: Literal["N", "E", "O"] = "N",
        stopbits: Literal[1, 2] = 1,
        dtr: bool = True,
        write_timeout_s: float = WRITE_TIMEOUT_S,
    ) -> None:
        """`port` is a device, or `usb:` and the serial number of a board.

        `dtr`: whether the line Data Terminal Ready is raised at opening, which resets an Arduino.
        """
        self.port = port
        self._write_timeout_s = write_timeout_s
        self._baudrate = baudrate
        self._format = (bytesize, parity, stopbits)
        self._dtr = dtr
        self._serial: serial.Serial | None = None
        self._descriptor: int | None = None
        self._lost: Unreachable | None = Unreachable(f"{port} is not open")
        self._came = bytearray()
        self._to_send = bytearray()
        self._reading_paused = False
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def is_lost(self) -> bool:
        """True while it is not open, or no more."""
        return self._lost is not None

    async def __aenter__(self) -> Self:
        """Open it. Raises Unreachable, saying what to look at; Refused for settings that the port does not take."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                self._serial = await _in_thread(f"open {self.port}", self._open, _close)
        except TimeoutError as slow:
            raise Unreachable(f"{self.port} did not open in {OPEN_TIMEOUT_S:g} s; unplug it and plug it in") from slow
        self._descriptor = self._serial.fileno()
        self._lost = None
        asyncio.get_running_loop().add_reader(self._descriptor, self._readable)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Idempotent. What was written still goes out, for as long as CLOSE_TIMEOUT_S."""
        if self._serial is None:
            return
        self._lose("was closed")
        port, self._serial, self._descriptor = self._serial, None, None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await _in_thread(f"close {self.port}", lambda: _close(port), lambda _: None)

    async def write(self, data: bytes) -> None:
        """Returns when the system has taken all of it. Raises Timeout if it takes none for too long: the line is lost.

        A caller that is cancelled does not cut its message short.
        """
        self._check()
        idle = not self._to_send
        self._to_send += data
        if idle:
            self._writable()
        try:
            async with asyncio.timeout(self._write_timeout_s):
                while self._to_send:
                    await self._something()
        except TimeoutError as slow:
            self._lose("takes no more data")
            raise Timeout(f"{self.port} takes no data; is the cable right, without flow control?") from slow
        self._check()

    async def read(self) -> bytes:
        """What has come, at least one byte. Waits without end: the caller knows how long silence may last."""
        while not self._came:
            self._check()
            await self._something()
        return self._take(len(self._came))

    async def read_until(self, end: bytes, *, timeout_s: float, limit: int = 1024) -> bytes:
        """All up to and with `end`; what follows stays for the next call.

        Raises Timeout, and BadReply if `limit` bytes come without `end`: either way the conversation is over.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while (at := self._came.find(end, 0, limit)) < 0:
                    if len(self._came) >= limit:
                        raise BadReply(f"{self.port}: {limit} bytes without an end: {bytes(self._came[:40])!r}…")
                    self._check()
                    await self._something()
        except TimeoutError as slow:
            came = f"only {bytes(self._came[:40])!r}" if self._came else "nothing"
            raise Timeout(f"{self.port}: no complete answer within {timeout_s:.3g} s, {came}") from slow
        return self._take(at + len(end))

    async def until_lost(self) -> None:
        """Waits without end; raises Unreachable as soon as the line is lost."""
        while True:
            self._check()
            await self._something()

    def forget_input(self) -> None:
        """Drop what has come and was not read."""
        self._take(len(self._came))

    def _open(self) -> serial.Serial:
        """In a thread."""
        bytesize, parity, stopbits = self._format
        try:
            port = serial.Serial(None, self._baudrate, bytesize, parity, stopbits, timeout=0, exclusive=True)
            port.port = device_of(self.port, seen()) if self.port.startswith(USB) else self.port
            port.dtr = self._dtr  # before opening: afterwards a pseudo terminal raises
            port.open()
        except ValueError as wrong:
            raise Refused(f"{self.port}: {wrong}") from wrong
        except (OSError, termios.error) as wrong:  # SerialException is an OSError, termios.error is not
            raise _cannot_open(self.port, wrong) from wrong
        return port

    def _readable(self) -> None:
        assert self._descriptor is not None
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError as gone:
            self._lose(f"was unplugged ({gone.strerror})", Unplugged)
            return
        if not data:
            if _hung_up(self._descriptor):
                self._lose("was unplugged", Unplugged)
            return  # or another program took the bytes
        self._came += data
        if len(self._came) >= _UNREAD_MAX:
            self._reading_paused = True
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._wake()

    def _take(self, count: int) -> bytes:
        data = bytes(self._came[:count])
        del self._came[:count]
        if self._reading_paused and self._descriptor is not None and self._lost is None:
            self._reading_paused = False
            asyncio.get_running_loop().add_reader(self._descriptor, self._readable)
        return data

    def _writable(self) -> None:
        assert self._descriptor is not None
        loop = asyncio.get_running_loop()
        try:
            del self._to_send[: os.write(self._descriptor, self._to_send)]
        except BlockingIOError:
            pass
        except OSError as gone:
            self._lose(f"was unplugged ({gone.strerror})", Unplugged)
            return
        if self._to_send:
            loop.add_writer(self._descriptor, self._writable)
        else:
            loop.remove_writer(self._descriptor)
            self._wake()

    def _check(self) -> None:
        if self._lost is not None:
            raise type(self._lost)(*self._lost.args)

    def _lose(self, why: str, kind: type[Unreachable] = Unreachable) -> None:
        """The first reason is kept."""
        if self._lost is not None or self._descriptor is None:
            return
        self._lost = kind(f"{self.port} {why}")
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._descriptor)
        loop.remove_writer(self._descriptor)
        self._to_send.clear()
        self._wake()

    async def _something(self) -> None:
        """Until bytes have come or gone, or the line is lost."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


def _close(port: serial.Serial) -> None:
    """In a thread: the kernel may wait here until the last byte is out."""
    with contextlib.suppress(OSError, termios.error):
        port.close()


def _hung_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))


def what_to_do(port: str, wrong: Exception) -> str:
    """What a technician can do about a port that does not open."""
    number = wrong.errno if isinstance(wrong, OSError) else None
    if number in _GONE:
        there = ", ".join(sorted(found.device for found in list_ports.comports())) or "none"
        return f"{port} is not there; is it plugged in? serial ports here: {there}"
    if number in _TAKEN:
        return f"{port} is used by another program; to see which: fuser -v {port}"
    if number in (errno.EACCES, errno.EPERM):
        return f"{port} may not be opened by this user; run: sudo usermod -aG dialout $USER, and log in again"
    return f"{port} is no working serial port: {wrong}"


def _cannot_open(port: str, wrong: Exception) -> Unreachable:
    number = wrong.errno if isinstance(wrong, OSError) else None
    kind = Unplugged if number in _GONE else PortBusy if number in _TAKEN else Unreachable
    return kind(what_to_do(port, wrong))


async def _in_thread(name: str, work: Callable[[], _Result], discard: Callable[[_Result], None]) -> _Result:
    """The result of `work`; if nobody waits for it any more when it is done, `discard` gets it.

    A thread of its own and not one of a pool: one that the kernel holds up delays neither others nor the exit.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Result] = loop.create_future()

    def settle(result: _Result | None, error: BaseException | None) -> None:
        if error is not None:
            if not done.done():
                done.set_exception(error)
        elif done.done():
            discard(result)  # type: ignore[arg-type]
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: _Result | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 (handed to whoever waits)
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop has ended
            if error is None:
                discard(result)  # type: ignore[arg-type]

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await done
    except asyncio.CancelledError:
        if done.done() and not done.cancelled() and done.exception() is None:
            discard(done.result())
        raise
