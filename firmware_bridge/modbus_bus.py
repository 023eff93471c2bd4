"""A Modbus RTU line with its devices: one question at a time, silence between frames, and fair turns.

Turns are taken in the order of asking. A device that did not answer last time has to queue with others of its kind, and
they may use a third of the line's time in all: however many are dead, those that live keep two thirds of it.

        ask 1 ── answer ─┬─ 3.5 characters of silence ─┬─ ask 2 ── answer ── …
                         └ what comes here is noise    └ sent only into a quiet line

Frames and requests are pymodbus'; the line is ours, so that it opens, gets lost and is named as every other.

Source: MODBUS over Serial Line 1.02, sections 2.4 and 2.5.1; Modbus Application Protocol 1.1b3, sections 6.3, 6.4 and 7.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout
from firmware_bridge.modbus_map import Block, Table
from firmware_bridge.transports.serial import SerialLine

_REQUESTS = {Table.INPUT: ReadInputRegistersRequest, Table.HOLDING: ReadHoldingRegistersRequest}
_BITS = 11
"""Of a character on the line: start, 8 data, parity or a second stop bit, stop."""
_SHORTEST_SILENCE_S = 0.00175
"""Above 19,200 bits a second (section 2.5.1.1)."""
_SILENT_CHARACTERS = 3.5
_NOISE_MAX = 50
"""So often the line may break its silence before we give up."""
_EMPTY_SHARE = 2.0
"""After a wait for a dead device, so many times its length belong to the others."""
_FRAME_MAX = 256
_ECHO = 8
_EXCEPTION = 0x80
_WORDS = {
    1: "it does not know this kind of question; is the right table in the map?",
    2: "it has no such register; is it the right map?",
    3: "it does not give so many registers at once; lower 'most' or 'gap' in the map",
    4: "it is broken inside",
    5: "it needs longer to answer",
    6: "it is busy",
}
_LATER = (5, 6)


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
        self._framer = FramerRTU(DecodePDU(False))
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
        request = _REQUESTS[block.table](dev_id=slave, address=block.first, count=block.count)
        frame = bytes(self._framer.buildFrame(request))
        async with self._turn(slave):
            await self._quiet()
            await self._line.write(frame)
            sent_s = len(frame) * self._character_s
            answered_s = (2 * block.count + 5) * self._character_s
            began = self._now
            try:
                data = await self._answer(frame, slave, block.count, answer_s + sent_s + answered_s)
            except Timeout:
                self._absent.add(slave)
                self._knock_at = self._now + _EMPTY_SHARE * (self._now - began)
                raise
            finally:
                self._quiet_at = self._now + self._silence_s
            self._absent.discard(slave)
        return self._registers(data, slave)

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

    async def _answer(self, asked: bytes, slave: int, count: int, within_s: float) -> bytes:
        """The part of the answer between address and checksum. Frames of others, and echoes, are passed over."""
        came, spoiled = b"", b""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while True:
                    came += await self._line.read()
                    while came:
                        if len(came) <= _ECHO and asked.startswith(came):
                            break  # an adapter that hears itself, or the beginning of an answer
                        came = came.removeprefix(asked)
                        used, who, _, data = self._framer.decode(came)
                        if not used:
                            break
                        if who == slave and _answers(data, asked[1], count):
                            return bytes(data)
                        spoiled, came = came, came[used:]
                    if len(came) > _FRAME_MAX:
                        spoiled, came = came, b""
        if came or spoiled:
            raise BadReply(
                f"address {slave} on {self.port}: no sound answer came, but {(spoiled or came)[:40].hex(' ')}"
            )
        raise Timeout(
            f"nobody answers at address {slave} on {self.port} within {within_s:.3g} s;"
            f" has it power, is its address right, and does it speak {self.settings}?"
        )

    def _registers(self, data: bytes, slave: int) -> list[int]:
        if data[0] >= _EXCEPTION:
            words = _WORDS.get(data[1], "a reason that Modbus does not have")
            kind: type[DeviceError] = NotNow if data[1] in _LATER else Refused
            raise kind(f"address {slave} on {self.port} answers with exception {data[1]}: {words}")
        return [int.from_bytes(data[at : at + 2], "big") for at in range(2, len(data), 2)]

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _answers(data: bytes, function: int, count: int) -> bool:
    """True if it is what was asked for, or an exception to it."""
    if len(data) == 2 and data[0] == function | _EXCEPTION:
        return True
    return len(data) == 2 + 2 * count and data[0] == function and data[1] == 2 * count
