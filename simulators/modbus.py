"""An RS-485 line with Modbus RTU sensors and meters on it, with real silence of who is not there, and faults.

Source: MODBUS over Serial Line 1.02, section 2.5.1: a frame is address, function, data and CRC (low byte first). It
ends with 3.5 characters of silence, a question to nobody is answered by nobody. Modbus Application Protocol 1.1b3,
sections 6.3 and 6.4 (reading registers) and 7 (exceptions).

A pseudo terminal has no speed, so that the end of a question is told by its length, and by a longer silence where the
length is not known. The functions that write are answered by exception 1: nothing here can be set.
"""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import click

from simulators.bad_wire import WIRE_FAULTS, BadWire
from simulators.changes import Changes
from simulators.faults import Faults, fault_option
from simulators.modbus_meters import KINDS, Measuring
from simulators.pty_port import PtyPort
from simulators.until_stopped import run

SLAVE_FAULTS: dict[str, str] = {
    "absent": "a device says nothing, as if it had no power",
    "crc": "a device's checksums are wrong",
    "busy": "a device answers that it is busy (exception 6)",
    "broken": "a device answers that it is broken (exception 4)",
    "refuse": "a device has no such registers (exception 2)",
    "swapped": "a device sends the bytes of each register the wrong way round",
    "impossible": "a device's registers are all FFFF",
}
LINE_FAULTS: dict[str, str] = {
    **WIRE_FAULTS,
    "echo": "the adapter hears what it sends",
    "noise": "rubbish comes before each answer",
}
FAULTS: dict[str, str] = {**LINE_FAULTS, **SLAVE_FAULTS}

_QUESTION = 8
"""Bytes of every question with one address and one number: functions 1 to 6."""
_LONGER = (15, 16)
"""Functions whose length stands in their seventh byte."""
_SILENCE_S = 0.05
"""After so long, a question whose end did not come is forgotten."""
_LINE_MAX = 512
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE, _BROKEN, _BUSY = 1, 2, 3, 4, 6


class Slave:
    """One device on the line. It remembers `asked`: first register and count of each question."""

    def __init__(self, kind: str, seed: int = 1, *, steady: bool = False) -> None:
        """`steady`: it measures what `values` says, and nothing else."""
        self.kind = KINDS[kind]
        self.faults = Faults(SLAVE_FAULTS)
        self.asked: list[tuple[int, int]] = []
        self._measuring = Measuring(self.kind, seed, steady=steady)

    @property
    def values(self) -> dict[str, float]:
        """What it measures now; a test may set them."""
        return self._measuring.values

    def answer(self, function: int, data: bytes) -> bytes:
        """Function code and data."""
        if function != self.kind.function:
            return _exception(function, _ILLEGAL_FUNCTION)
        first, count = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        self.asked.append((first, count))
        for fault, code in (("busy", _BUSY), ("broken", _BROKEN), ("refuse", _ILLEGAL_ADDRESS)):
            if fault in self.faults:
                return _exception(function, code)
        if not 0 < count <= self.kind.most:
            return _exception(function, _ILLEGAL_VALUE)
        registers = self._measuring.look()
        if any(at not in registers for at in range(first, first + count)):
            return _exception(function, _ILLEGAL_ADDRESS)
        words = [registers[at] for at in range(first, first + count)]
        if "impossible" in self.faults:
            words = [0xFFFF] * count
        order = "little" if "swapped" in self.faults else "big"
        return bytes([function, 2 * count]) + b"".join(word.to_bytes(2, order) for word in words)  # type: ignore[arg-type]


class ModbusLine:
    """The line. It remembers `received`, every sound question by address, in the order in which they came."""

    def __init__(
        self,
        slaves: Mapping[int, Slave],
        link: str | Path | None = None,
        think_s: float = 0.0,
        slow_s: float = 1.0,
        faults: Iterable[str] = (),
    ) -> None:
        """`think_s`: how long each device takes before it answers."""
        self.slaves = dict(slaves)
        self.received: list[int] = []
        self.unsound = 0
        """Questions with a wrong checksum, or cut short."""
        self.changes = Changes()
        self.faults = Faults(LINE_FAULTS, faults, self.changes.tell)
        self._think_s = think_s
        self._port = PtyPort(link, self._take, self.changes.tell, self._hung_up)
        self._wire = BadWire(self._port.write, self.faults, slow_s)
        self._came = bytearray()
        self._end: asyncio.TimerHandle | None = None
        self._thinking: asyncio.TimerHandle | None = None

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
        self._forget()

    def unplug(self) -> None:
        """Pull the adapter out; the devices go on."""
        self._port.unplug()

    def replug(self) -> None:
        self._port.plug()

    def _hung_up(self) -> None:
        self._forget()
        self.changes.tell()

    def _forget(self) -> None:
        self._came.clear()
        self._wire.close()
        for timer in (self._end, self._thinking):
            if timer is not None:
                timer.cancel()

    def _take(self, data: bytes) -> None:
        if "echo" in self.faults:
            self._wire.send(data)
        self._came += data
        while (length := self._length()) is not None and len(self._came) >= length:
            frame = bytes(self._came[:length])
            del self._came[:length]
            self._hear(frame)
        if self._end is not None:
            self._end.cancel()
        if self._came:
            self._end = asyncio.get_running_loop().call_later(_SILENCE_S, self._cut_short)

    def _length(self) -> int | None:
        """Of the question that is coming; None while that is not known."""
        if len(self._came) < 2:
            return None
        if 1 <= self._came[1] <= 6:
            return _QUESTION
        if self._came[1] in _LONGER:
            return 9 + self._came[6] if len(self._came) > 6 else None
        return _LINE_MAX

    def _cut_short(self) -> None:
        """The silence came: a question of unknown length is complete, or one was cut short."""
        frame = bytes(self._came)
        self._came.clear()
        self._hear(frame)

    def _hear(self, frame: bytes) -> None:
        if len(frame) < 4 or checksum(frame[:-2]) != frame[-2:]:
            self.unsound += 1
            self.changes.tell()
            return
        address = frame[0]
        self.received.append(address)
        slave = self.slaves.get(address)
        if slave is not None and "absent" not in slave.faults:
            answer = bytes([address]) + slave.answer(frame[1], frame[2:-2])
            check = checksum(answer)
            if "crc" in slave.faults:
                check = bytes([check[0] ^ 0xFF, check[1]])
            self._say(answer + check)
        self.changes.tell()

    def _say(self, frame: bytes) -> None:
        if "noise" in self.faults:
            frame = b"\x00\xff\x5a" + frame
        if self._think_s:
            self._thinking = asyncio.get_running_loop().call_later(self._think_s, self._wire.send, frame)
        else:
            self._wire.send(frame)


def checksum(frame: bytes) -> bytes:
    """CRC-16 with the polynomial x16 + x15 + x2 + 1, reflected, begun with ones; low byte first (section 2.5.1.2)."""
    rest = 0xFFFF
    for byte in frame:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0xA001 if rest & 1 else 0)
    return rest.to_bytes(2, "little")


def _exception(function: int, code: int) -> bytes:
    return bytes([function | 0x80, code])


_USUAL = ("1=xy-md02", "2=adtek-wall-co2", "3=eastron-sdm120", "4=pzem-016")


def _slaves(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[int, Slave]:
    found: dict[int, Slave] = {}
    for one in given:
        number, _, kind = one.partition("=")
        if not number.isdigit() or not 1 <= int(number) <= 247 or kind not in KINDS or int(number) in found:
            raise click.BadParameter(f"'{one}' is not ADDRESS=KIND; once each of 1 to 247, and {', '.join(KINDS)}")
        found[int(number)] = Slave(kind, seed=int(number))
    return found


@click.command()
@click.option("--link", required=True, metavar="PATH", help="Where the serial port shall be found (a symlink).")
@click.option(
    "--slave",
    "slaves",
    multiple=True,
    default=_USUAL,
    show_default=True,
    callback=_slaves,
    metavar="ADDRESS=KIND",
    help=f"A device on the line; may be given several times. Kinds: {', '.join(KINDS)}.",
)
@click.option("--think", "think_s", default=0.02, show_default=True, help="Seconds before a device answers.")
@click.option("--slow", "slow_s", default=1.0, show_default=True, help="Seconds that the fault 'slow' takes.")
@click.option(
    "--only", type=click.IntRange(1, 247), metavar="ADDRESS", help="The device that has the faults; else all have them."
)
@fault_option(FAULTS)
def command(
    link: str, slaves: dict[int, Slave], think_s: float, slow_s: float, only: int | None, faults: tuple[str, ...]
) -> None:
    """Modbus RTU sensors and meters on a pseudo serial port."""
    if only is not None and only not in slaves:
        raise click.UsageError(f"there is no device {only} on the line; there are: {', '.join(map(str, slaves))}")
    for number, slave in slaves.items():
        if only in (None, number):
            for fault in faults:
                if fault in SLAVE_FAULTS:
                    slave.faults.add(fault)
    line = [fault for fault in faults if fault in LINE_FAULTS]
    run(lambda: ModbusLine(slaves, link, think_s, slow_s, line), lambda made: made.port)
