"""A conversation with a board that runs MicroPython: its raw REPL, in which it is given code and says what came of it.

    open ─► Ctrl-C until it listens ─► Ctrl-A: raw REPL ─► a word is echoed: in step
                                                            │
        code ─► raw paste, window by window (MicroPython 1.14 and newer), or plain, slowly (micro:bit)
             ─► what it printed, Ctrl-D, its traceback, Ctrl-D, '>'

Source: MicroPython's docs, "The MicroPython interactive interpreter mode (aka REPL)"; shared/runtime/pyexec.c.
Whoever uses it asks one thing at a time. If a wait is cancelled, the next question first gets in step again.
"""

import asyncio
import re
from collections.abc import Callable

from firmware_bridge.errors import BadReply, DeviceError, Refused, Timeout, Unreachable, WrongFirmware
from firmware_bridge.transports.serial import SerialLine

_RAW, _INTERRUPT, _END, _PASTE = b"\x01", b"\x03", b"\x04", b"\x05A\x01"
_RAW_READY = b"raw REPL; CTRL-B to exit\r\n>"
_GREETING = b'Type "help()"'
_REBOOT = b"soft reboot"

_LISTEN_S = 1.0
"""How long a board may take for one Ctrl-C before it gets another."""
TYPED_BYTES, TYPING_PAUSE_S = 32, 0.01
"""Without raw paste nothing holds us back: a micro:bit has room for 64 bytes and takes them at 11,500 a second."""
_UNREAD_MAX = 128 * 1024
_UNREAD_KEPT = 4096
"""A program that floods its output is not collected: of what is too much, the end is kept."""
WORDS_MAX = 160


class Raised(Refused):
    """The code that it was given ended in an exception. The text is the last line of the traceback, and where."""

    reason = "program-error"

    def __init__(self, traceback: str) -> None:
        lines = [line.strip() for line in traceback.splitlines() if line.strip()] or ["an error without words"]
        places = re.findall(r'File "([^"]*)", line (\d+)', traceback)
        where = ""
        if places:
            file, line = places[-1]
            where = f" (line {line})" if file.startswith("<") else f" ({file}, line {line})"
        super().__init__(f"{lines[-1][:WORDS_MAX]}{where}")
        self.last_line = lines[-1]

    @property
    def no_space(self) -> bool:
        """Its flash is full: ENOSPC, or what a micro:bit says."""
        return bool(re.search(r"^OSError: (28\b|\[Errno 28\]|.*no.*(space|storage))", self.last_line, re.IGNORECASE))


class ReplLink:
    """One board. After any error but a Raised or a cancelled wait it is lost."""

    def __init__(
        self,
        port: str,
        baudrate: int,
        *,
        boot_s: float,
        answer_s: float,
        typing_pause_s: float = TYPING_PAUSE_S,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`lost` is told once, when `check` begins to raise."""
        self.port = port
        self.raw_paste: bool | None = None
        """Whether it has it; None until it was asked."""
        self._boot_s = boot_s
        self._answer_s = answer_s
        self._typing_pause_s = typing_pause_s
        self._tell_lost = lost
        self._line = SerialLine(port, baudrate)
        self._came = bytearray()
        self._flooded = 0
        """Bytes that came and were too many to keep."""
        self._heard = 0
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._lost: DeviceError | None = Unreachable(f"{port} is not open")
        self._in_step = False
        self._words = 0

    async def open(self) -> None:
        """Stop whatever runs, and get it to listen. Raises DeviceError; `close` is due in any case."""
        await self._line.__aenter__()
        self._lost = None
        self._reader = asyncio.create_task(self._listen(), name=f"micropython {self.port}")
        await self.interrupt()

    async def close(self) -> None:
        """Idempotent."""
        self._lose(Unreachable(f"{self.port} was closed"))
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})
        await self._line.__aexit__(None, None, None)
        if self._reader is not None and not self._reader.cancelled():
            self._reader.result()  # a mistake of ours does not go on in silence

    def check(self) -> None:
        """Raises DeviceError once the line is lost."""
        if self._lost is not None:
            raise type(self._lost)(*self._lost.args)

    async def interrupt(self) -> None:
        """Stop what runs. Raises Timeout or BadReply if it cannot be stopped, or is no MicroPython."""
        self._in_step = False
        self._heard = self._flooded = 0
        seen = b""
        try:
            async with asyncio.timeout(self._boot_s):
                while not self._in_step:
                    self._came.clear()
                    # twice: the first may be caught by the program, the second meets what it does about it
                    await self._send(b"\r" + _INTERRUPT + _INTERRUPT)
                    await self._send(b"\r" + _RAW)
                    try:
                        async with asyncio.timeout(_LISTEN_S):
                            await self._until(_RAW_READY)
                            await self._fall_in()
                    except TimeoutError:
                        seen = bytes(self._came[-_UNREAD_KEPT:]) or seen
        except TimeoutError as slow:
            raise self._lost_by(self._stranger(bytes(self._came[-_UNREAD_KEPT:]) or seen)) from slow

    async def soft_reset(self) -> None:
        """Forget all that was imported and set, run boot.py, listen again."""
        await self._ready()
        self._in_step = False
        await self._send(_END)
        try:
            async with asyncio.timeout(self._boot_s):
                await self._until(_REBOOT)
                await self._until(_RAW_READY)
                await self._fall_in()
        except TimeoutError as slow:
            error = Timeout(f"the board on {self.port} did not start again in {self._boot_s:g} s after a soft reset")
            raise self._lost_by(error) from slow

    async def run(self, code: str, timeout_s: float | None = None) -> str:
        """What the code printed. Raises Raised for an exception, Timeout if it is not done in time."""
        await self.start(code)
        limit_s = self._answer_s if timeout_s is None else timeout_s
        flooded = self._flooded
        try:
            async with asyncio.timeout(limit_s):
                printed = await self.ending()
        except TimeoutError as slow:
            raise self._lost_by(Timeout(f"the board on {self.port} was not done in {limit_s:g} s")) from slow
        if self._flooded > flooded:
            raise self._lost_by(BadReply(f"the board on {self.port} said far more than it was asked for"))
        return printed

    async def start(self, code: str) -> None:
        """Give it the code; it runs, and `ending` waits for its end. Raises DeviceError."""
        await self._ready()
        self._in_step = False
        content = code.encode()
        try:
            async with asyncio.timeout(self._answer_s + len(content) / 1000):
                if self.raw_paste is not False:
                    await self._ask_for_raw_paste()
                if self.raw_paste:
                    await self._paste(content)
                else:
                    await self._type(content)
        except TimeoutError as slow:
            raise self._lost_by(self._no_answer("take the code that it was given")) from slow

    async def ending(self) -> str:
        """Waits without end for what was started to end: what it printed, or its end. Raises Raised."""
        printed = await self._until(_END)
        error = await self._until(_END)
        await self._until(b">")
        self._in_step = True
        if error.strip():
            raise Raised(error.decode(errors="replace"))
        return printed.decode(errors="replace").replace("\r\n", "\n")

    async def printed(self, marker: bytes) -> None:
        """Waits without end until what was started prints the marker. Raises Raised if it ends before."""
        while (at := self._came.find(marker)) < 0:
            if _END in self._came:
                await self.ending()
                raise self._lost_by(BadReply(f"the board on {self.port} ended what it was to begin"))
            await self._more()
        del self._came[: at + len(marker)]

    @property
    def last_words(self) -> str:
        """The last line that the running program printed."""
        lines = bytes(self._came[-_UNREAD_KEPT:]).decode(errors="replace").split("\n")
        return next((line.strip()[:WORDS_MAX] for line in reversed(lines) if line.strip()), "")

    # --- giving code ---

    async def _ask_for_raw_paste(self) -> None:
        await self._send(_PASTE)
        answer = await self._exactly(2)
        if answer == b"R\x01":
            self.raw_paste = True
        elif answer == b"R\x00":
            self.raw_paste = False
        elif _RAW_READY.startswith(answer):  # older than 1.14: it took the last byte for Ctrl-A
            await self._until(_RAW_READY[2:])
            self.raw_paste = False
        else:
            raise self._lost_by(self._strange(answer))

    async def _paste(self, content: bytes) -> None:
        window = int.from_bytes(await self._exactly(2), "little")
        if not 0 < window <= 65535:
            raise self._lost_by(BadReply(f"the board on {self.port} offers a window of {window} bytes"))
        room, at = window, 0
        while at < len(content):
            while room == 0 or self._came:
                sign = await self._exactly(1)
                if sign == _END:  # it has seen enough, mostly a mistake in the syntax; `ending` says which
                    await self._send(_END)
                    return
                if sign != b"\x01":
                    raise self._lost_by(self._strange(sign))
                room += window
            part = content[at : at + room]
            await self._send(part)
            at += len(part)
            room -= len(part)
        await self._send(_END)
        while (sign := await self._exactly(1)) != _END:
            if sign != b"\x01":
                raise self._lost_by(self._strange(sign))

    async def _type(self, content: bytes) -> None:
        for at in range(0, len(content), TYPED_BYTES):
            await self._send(content[at : at + TYPED_BYTES])
            await asyncio.sleep(self._typing_pause_s)
        await self._send(_END)
        answer = await self._exactly(2)
        if answer != b"OK":
            raise self._lost_by(self._strange(answer))

    async def _ready(self) -> None:
        self.check()
        if self._in_step and self._came:
            raise self._lost_by(self._strange(b""))
        if not self._in_step:
            await self.interrupt()

    async def _fall_in(self) -> None:
        """Echo a word that it never said before: whatever came late is behind us."""
        self._words += 1
        word = f"lophoc-{self._words}"
        await self._send(f"print('{word}')".encode() + _END)
        await self._until(b"OK" + word.encode())
        await self._until(_END + _END + b">")
        self._came.clear()
        self._in_step = True

    # --- bytes ---

    async def _send(self, data: bytes) -> None:
        self.check()
        try:
            await self._line.write(data)
        except DeviceError as error:
            raise self._lost_by(error) from error

    async def _exactly(self, count: int) -> bytes:
        while len(self._came) < count:
            await self._more()
        data = bytes(self._came[:count])
        del self._came[:count]
        return data

    async def _until(self, end: bytes) -> bytes:
        """What came before `end`; both are taken."""
        seen = 0
        while (at := self._came.find(end, max(0, seen - len(end)))) < 0:
            if end == _END and _GREETING in self._came[max(0, seen - len(_GREETING)) :]:
                raise self._lost_by(Unreachable(f"the board on {self.port} has restarted"))
            flooded, seen = self._flooded, len(self._came)
            await self._more()
            seen = seen if flooded == self._flooded else 0
        data = bytes(self._came[:at])
        del self._came[: at + len(end)]
        return data

    async def _more(self) -> None:
        self.check()
        self._news.clear()
        await self._news.wait()
        self.check()

    async def _listen(self) -> None:
        try:
            while True:
                data = await self._line.read()
                self._heard += len(data)
                self._came += data
                if len(self._came) > _UNREAD_MAX:
                    self._flooded += len(self._came) - _UNREAD_KEPT
                    del self._came[:-_UNREAD_KEPT]
                self._news.set()
        except DeviceError as gone:
            self._lose(gone)

    # --- losing ---

    def _lost_by(self, error: DeviceError) -> DeviceError:
        """`error`, or what it was lost by before; to be raised."""
        self._lose(error)
        assert self._lost is not None
        return type(self._lost)(*self._lost.args)

    def _lose(self, why: DeviceError) -> None:
        """The first reason is kept."""
        if self._lost is not None:
            return
        self._lost = why
        self._news.set()
        self._tell_lost()

    def _no_answer(self, what: str) -> DeviceError:
        return self._strange(b"") if self._came else Timeout(f"the board on {self.port} did not {what}")

    def _strange(self, taken: bytes) -> DeviceError:
        """It said something while it should have been waiting for us, or something else than it should."""
        said = taken + bytes(self._came)
        if _GREETING in said or _REBOOT in said or b"MicroPython v" in said or b"rst:0x" in said:
            return Unreachable(f"the board on {self.port} has restarted")
        return BadReply(f"the board on {self.port} said {said[:40]!r}, which is no answer")

    def _stranger(self, said: bytes) -> DeviceError:
        if not self._heard:
            return Timeout(
                f"the board on {self.port} says nothing within {self._boot_s:g} s; has it power, is MicroPython on it,"
                " or does its program let no Ctrl-C through? press its reset button"
            )
        if b"waiting for download" in said or b"DOWNLOAD_BOOT" in said or b"DOWNLOAD(" in said:
            return WrongFirmware(f"the board on {self.port} is in its bootloader; press its reset button, or flash it")
        if b"\xf0\x79" in said or b"\xf9\x02" in said:
            return WrongFirmware(
                f"the board on {self.port} speaks Firmata; use the driver firmata, or flash MicroPython"
            )
        if self._heard > _UNREAD_KEPT:
            return BadReply(
                f"the board on {self.port} runs a program that no Ctrl-C stops (it says {self._heard} bytes in"
                f" {self._boot_s:g} s); press its reset button"
            )
        return WrongFirmware(
            f"the board on {self.port} says something ({self._heard} bytes), but its MicroPython does not listen;"
            " press its reset button, flash MicroPython to it, or correct its baudrate"
        )
