"""A Modbus RTU line with its devices: one question at a time, silence between frames, and fair turns.

Turns are taken in the order of asking. A device that did not answer last time has to queue with others of its kind, and
they may use a third of the line's time in all: however many are dead, those that live keep two thirds of it.

        ask 1 ── answer ─┬─ 3.5 characters of silence ─┬─ ask 2 ── answer ── …
                         └ what comes here is noise    └ sent only into a quiet line

Source: MODBUS over Serial Line 1.02, sections 2.4 and 2.5.1.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from firmware_bridge.errors import BadReply, Timeout
from firmware_bridge.modbus_map import Block
from firmware_bridge.modbus_wire import Question
from firmware_bridge.transports.serial import SerialLine

_BITS = 11
"""Of a character on the line: start, 8 data, parity or a second stop bit, stop."""
_SHORTEST_SILENCE_S = 0.00175
"""Above 19,200 bits a second (section 2.5.1.1)."""
_SILENT_CHARACTERS = 3.5
_NOISE_MAX = 50
"""So often the line may break its silence before we give up."""
_EMPTY_SHARE = 2.0
"""After a wait for a dead device, so many times its length belong to the others."""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """All devices on a line have the same."""

    baudrate: int
    parity: Literal["N", "E", "O"]
    stopbits: Literal[1, 2]

    def __str__(self) -> str:
        return f"{self.baudrate} 8{self.parity}{self.stopbits}"


class ModbusBus:
    """One line. A `SharedLine`."""

    def __init__(self, port: str, settings: LineSettings) -> None:
        self.port = port
        self.settings = settings
        self._line = SerialLine(port, settings.baudrate, parity=settings.parity, stopbits=settings.stopbits)
        self._character_s = _BITS / settings.baudrate
        self._silence_s = max(_SILENT_CHARACTERS * self._character_s, _SHORTEST_SILENCE_S)
        self._talking = asyncio.Lock()
        self._absent: set[int] = set()
        """Those that did not answer last time."""
        self._knocking = asyncio.Lock()
        """Only one of them may wait for its turn among the living."""
        self._knock_at = 0.0
        self._quiet_at = 0.0
        """When the silence after the last frame is long enough."""

    @property
    def is_lost(self) -> bool:
        return self._line.is_lost

    async def open(self) -> None:
        await self._line.__aenter__()
        self._quiet_at = self._now + self._silence_s

    async def close(self) -> None:
        await self._line.__aexit__(None, None, None)

    async def pause(self, for_s: float) -> None:
        """Raises Unreachable as soon as the line is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                await self._line.until_lost()

    async def read(self, slave: int, block: Block, answer_s: float) -> list[int]:
        """The registers of a block. `answer_s`: how long the device may think.

        Raises Timeout (silence), BadReply (no sound frame came), NotNow (busy), Refused (it has no such register), or
        Unreachable: then the line is lost.
        """
        question = Question.about(slave, block)
        async with self._turn(slave):
            await self._quiet()
            await self._line.write(question.frame)
            under_way_s = (len(question.frame) + question.answer_length) * self._character_s
            began = self._now
            try:
                answer = await self._answer(question, answer_s + under_way_s)
            except Timeout:
                self._absent.add(slave)
                self._knock_at = self._now + _EMPTY_SHARE * (self._now - began)
                raise
            finally:
                self._quiet_at = self._now + self._silence_s
            self._absent.discard(slave)
        return question.registers(answer)

    @asynccontextmanager
    async def _turn(self, slave: int) -> AsyncIterator[None]:
        if slave not in self._absent:
            async with self._talking:
                yield
            return
        async with self._knocking:
            await self.pause(max(0.0, self._knock_at - self._now))
            async with self._talking:
                yield

    async def _quiet(self) -> None:
        """Until the line has been silent for long enough; what comes meanwhile belongs to nobody."""
        for _ in range(_NOISE_MAX):
            try:
                async with asyncio.timeout_at(max(self._quiet_at, self._now)):
                    await self._line.read()
            except TimeoutError:
                return
            self._quiet_at = self._now + self._silence_s
        raise BadReply(f"{self.port} is never quiet; are A and B the right way round, is only one master on it?")

    async def _answer(self, question: Question, within_s: float) -> bytes:
        came = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while True:
                    came += await self._line.read()
                    if (answer := question.answer_in(came)) is not None:
                        return answer
        where = f"address {question.slave} on {self.port}"
        if came.removeprefix(question.frame):
            raise BadReply(f"{where}: no sound answer came, but {came[:40].hex(' ')}")
        raise Timeout(
            f"nobody answers at {where} within {within_s:.3g} s;"
            f" has it power, is its address right, and does it speak {self.settings}?"
        )

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()
