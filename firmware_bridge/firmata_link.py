"""A conversation with a board that speaks Firmata: it says who it is, it is asked, it says what it measures.

    open the port ─► (DTR resets an Arduino: bootloader, 2 s) ─► firmware ─► capabilities, channels, version ─► talking

A board carries out and answers in the order in which it is told. So an answer that comes late, to somebody who no
longer waits for it, is known by its place and is never taken for the next one; and a board that says its firmware
although nobody asks has restarted, and has forgotten everything.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from firmware_bridge.errors import BadReply, DeviceError, Timeout, Unreachable, WrongFirmware
from firmware_bridge.firmata_wire import (
    ANALOG_MAPPING_QUERY,
    CAPABILITY_QUERY,
    FIRMWARE_QUERY,
    VERSION_QUERY,
    AnalogMapping,
    AskPin,
    Capabilities,
    Firmware,
    Message,
    Parser,
    PinState,
    Text,
    Version,
)
from firmware_bridge.transports.serial import SerialLine

_ASK_AGAIN_S = 1.0
"""Often enough for a board that does not restart when its port is opened. A bootloader takes the question for noise:
no byte of it is one of its commands."""
_MAJOR = 2

_Answer = TypeVar("_Answer", Version, Capabilities, AnalogMapping, PinState)


@dataclass(slots=True)
class _Question:
    kind: type[Message]
    pin: int | None
    answer: "asyncio.Future[Message | None]"
    """None if the line is lost. Cancelled if nobody waits any more; the board answers it all the same."""

    def is_answered_by(self, message: Message) -> bool:
        return isinstance(message, self.kind) and (not isinstance(message, PinState) or message.pin == self.pin)


class FirmataLink:
    """One board. Whoever uses it asks one question at a time; after any error but a cancelled wait it is lost."""

    def __init__(
        self,
        port: str,
        baudrate: int,
        *,
        boot_s: float,
        answer_s: float,
        heard: Callable[[Message], None],
        lost: Callable[[], None],
    ) -> None:
        """`heard` gets what nobody asked for; `lost` is told once, when `check` begins to raise."""
        self.port = port
        self.firmware = Firmware("", 0, 0)
        self.protocol = Version(0, 0)
        self.capabilities = Capabilities(())
        self.channels: tuple[int | None, ...] = ()
        """For each pin its analog channel."""
        self.last_words = ""
        """The last text that it sent: mostly what it did not understand."""
        self._boot_s = boot_s
        self._answer_s = answer_s
        self._heard = heard
        self._tell_lost = lost
        self._line = SerialLine(port, baudrate)
        self._parser = Parser()
        self._bytes = 0
        self._owed: deque[_Question] = deque()
        self._greeting: asyncio.Future[Firmware | None] | None = None
        self._greeted = False
        self._reader: asyncio.Task[None] | None = None
        self._lost: DeviceError | None = Unreachable(f"{port} is not open")

    async def open(self) -> None:
        """Wait until it has started, and learn what it is. Raises DeviceError; `close` is due in any case."""
        await self._line.__aenter__()
        self._lost = None
        self._greeting = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._listen(), name=f"firmata {self.port}")
        self.firmware = await self._greet(self._greeting)
        self.capabilities = await self._ask(CAPABILITY_QUERY, Capabilities)
        # All that it had to say about its start came before this answer.
        self._greeted = True
        self.channels = (await self._ask(ANALOG_MAPPING_QUERY, AnalogMapping)).channels
        self.protocol = await self.version()
        if self.protocol.major != _MAJOR:
            raise WrongFirmware(f"it speaks Firmata {self.protocol.major}.{self.protocol.minor}, not {_MAJOR}.x")

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

    async def tell(self, message: bytes) -> None:
        """Raises DeviceError. There is no answer; ask the pin."""
        self.check()
        try:
            await self._line.write(message)
        except DeviceError as error:
            self._lose(error)
            raise

    async def version(self) -> Version:
        """Of the protocol: the shortest question, for a sign of life."""
        return await self._ask(VERSION_QUERY, Version)

    async def pin(self, number: int) -> PinState:
        return await self._ask(AskPin(number).to_bytes(), PinState, number)

    def restarted(self, sign: str) -> Unreachable:
        """The line is lost: the board has forgotten what it was told."""
        self._lose(Unreachable(f"the board on {self.port} has restarted: {sign}"))
        return Unreachable(*self._lost.args if self._lost else ())

    async def _greet(self, greeting: "asyncio.Future[Firmware | None]") -> Firmware:
        try:
            async with asyncio.timeout(self._boot_s):
                while not greeting.done():
                    await self.tell(FIRMWARE_QUERY)
                    await asyncio.wait({greeting}, timeout=_ASK_AGAIN_S)
        except TimeoutError as slow:
            error = self._stranger()
            self._lose(error)
            raise error from slow
        self.check()
        firmware = greeting.result()
        assert firmware is not None, "else the line is lost"
        return firmware

    def _stranger(self) -> DeviceError:
        if self._bytes:
            return WrongFirmware(
                f"the board on {self.port} says something ({self._bytes} bytes), but it is not Firmata;"
                " upload StandardFirmata to it, or correct its baudrate"
            )
        return Timeout(
            f"the board on {self.port} says nothing within {self._boot_s:g} s; has it power, is StandardFirmata on it?"
        )

    async def _ask(self, question: bytes, kind: type[_Answer], pin: int | None = None) -> _Answer:
        asked = _Question(kind, pin, asyncio.get_running_loop().create_future())
        self._owed.append(asked)
        rubbish = self._parser.dropped
        await self.tell(question)
        try:
            async with asyncio.timeout(self._answer_s):
                answer = await asked.answer
        except TimeoutError as slow:
            what = kind.__name__ if pin is None else f"{kind.__name__} of pin {pin}"
            error: DeviceError = Timeout(f"the board on {self.port} did not say its {what} in {self._answer_s:g} s")
            if self._parser.dropped > rubbish:
                error = BadReply(f"the board on {self.port} was asked for its {what}; rubbish came")
            self._lose(error)
            raise error from slow
        if not isinstance(answer, kind):
            self.check()
        assert isinstance(answer, kind), "else the line is lost"
        return answer

    async def _listen(self) -> None:
        try:
            while True:
                data = await self._line.read()
                self._bytes += len(data)
                for message in self._parser.feed(data):
                    self._take(message)
        except DeviceError as gone:
            self._lose(gone)

    def _take(self, message: Message) -> None:
        for place, question in enumerate(self._owed):
            if question.is_answered_by(message):
                for _ in range(place + 1):  # those before it will not be answered any more
                    self._owed.popleft()
                if not question.answer.done():
                    question.answer.set_result(message)
                return
        if isinstance(message, Firmware):
            if self._greeted:
                self.restarted(f"it says {message.name} again")
            elif self._greeting is not None and not self._greeting.done():
                self._greeting.set_result(message)
        elif isinstance(message, Text):
            self.last_words = message.words[:80]
        else:
            self._heard(message)

    def _lose(self, why: DeviceError) -> None:
        """The first reason is kept."""
        if self._lost is not None:
            return
        self._lost = why
        for question in self._owed:
            if not question.answer.done():
                question.answer.set_result(None)
        if self._greeting is not None and not self._greeting.done():
            self._greeting.set_result(None)
        self._tell_lost()
