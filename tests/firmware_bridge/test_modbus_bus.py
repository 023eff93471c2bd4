"""A Modbus line: one question at a time, turns that the dead cannot take from the living, and what noise may not do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable
from firmware_bridge.modbus_bus import LineSettings, ModbusBus
from firmware_bridge.modbus_map import Block, Table
from simulators.changes import Changes
from simulators.modbus import ModbusLine, Slave, checksum
from simulators.pty_port import PtyPort

FAST = LineSettings(115_200, "N", 1)
ROOM = Block(Table.INPUT, 1, 2, ("temperature_c", "humidity_percent"))


@contextlib.asynccontextmanager
async def opened(port: str, settings: LineSettings = FAST) -> AsyncIterator[ModbusBus]:
    bus = ModbusBus(port, settings)
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


@contextlib.asynccontextmanager
async def answering(
    answer: Callable[[bytes], bytes],
) -> AsyncIterator[tuple[ModbusBus, list[bytes], Callable[[bytes], None]]]:
    """A line at whose end each question is answered by `answer`, what was asked, and a way to say more."""
    asked: list[bytes] = []

    def take(data: bytes) -> None:
        asked.append(data)
        port.write(answer(data))

    changes = Changes()
    port = PtyPort(None, take, changes.tell)
    port.plug()
    try:
        async with opened(port.path) as bus:
            await changes.until(lambda: port.is_open)
            yield bus, asked, port.write
    finally:
        port.unplug()


def framed(text: str) -> bytes:
    raw = bytes.fromhex(text)
    return raw + checksum(raw)


async def test_a_question_and_its_answer_are_on_the_wire_as_in_the_makers_sheet() -> None:
    async with answering(lambda _: bytes.fromhex("01 04 04 01 31 02 22 2A CE")) as (bus, asked, _):
        assert await bus.read(1, ROOM, 20.0) == [0x131, 0x222]
        assert asked == [bytes.fromhex("01 04 00 01 00 02 20 0B")]


@pytest.mark.parametrize(
    "before",
    ["", "00 ff 5a", "01 04 00 01 00 02 20 0B", "02 04 04 00 01 00 02 09 45", "01", "01 04 04 01", "01 83 02 c0 f1"],
    ids=["nothing", "sparks", "its own echo", "another's answer", "a byte", "half an answer", "another exception"],
)
async def test_what_comes_before_the_answer_is_passed_over(before: str) -> None:
    async with answering(lambda _: bytes.fromhex(before) + framed("01 04 04 01 31 02 22")) as (bus, _, _):
        assert await bus.read(1, ROOM, 20.0) == [0x131, 0x222]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (framed("01 84 01"), Refused, "exception 1: it does not know"),
        (framed("01 84 02"), Refused, "exception 2: it has no such register"),
        (framed("01 84 04"), Refused, "exception 4: it is broken inside"),
        (framed("01 84 06"), NotNow, "exception 6: it is busy"),
        (framed("01 84 63"), Refused, "exception 99: a reason that Modbus does not have"),
        (bytes.fromhex("01 04 04 01 31 02 22 2A CF"), BadReply, "no sound answer came, but 01 04 04 01 31"),
        (framed("01 04 02 01 31"), BadReply, "no sound answer"),
        (framed("01 03 04 01 31 02 22"), BadReply, "no sound answer"),
        (framed("07 04 04 01 31 02 22"), BadReply, "no sound answer"),
        (b"\x01\x04", BadReply, "no sound answer came, but 01 04"),
        (b"", Timeout, "nobody answers at address 1 .* does it speak 115200 8N1"),
    ],
)
async def test_everything_else_is_named_for_what_to_do(answer: bytes, error: type[DeviceError], words: str) -> None:
    async with answering(lambda _: answer) as (bus, _, _):
        with pytest.raises(error, match=words):
            await bus.read(1, ROOM, 1.0 if answer else 0.05)


async def test_a_late_answer_is_not_taken_for_the_next() -> None:
    """Two questions of one kind to one device look alike; only the time between tells their answers apart."""
    late = framed("01 04 04 DE AD BE EF")
    answers = iter([b"", framed("01 04 04 00 01 00 02")])
    async with answering(lambda _: next(answers)) as (bus, asked, say):
        with pytest.raises(Timeout):
            await bus.read(1, ROOM, 0.01)
        asking = asyncio.create_task(bus.read(1, Block(Table.INPUT, 5, 2, ()), 2.0))
        await asyncio.sleep(0)
        assert len(asked) == 1, "it is not asked again before the others had their turns"
        say(late)
        assert await asking == [1, 2]


async def test_devices_take_turns_and_nobody_talks_at_the_same_time() -> None:
    slaves = {number: Slave("xy-md02", steady=True) for number in (1, 2, 3)}
    async with ModbusLine(slaves, think_s=0.002) as line, opened(line.port) as bus:

        async def ask(number: int) -> None:
            for _ in range(10):
                await bus.read(number, ROOM, 2.0)

        await asyncio.gather(*(ask(number) for number in slaves))
        assert line.received == [1, 2, 3] * 10
        assert line.unsound == 0


async def test_the_dead_do_not_starve_the_living() -> None:
    living, dead = (1, 2, 3), (11, 12, 13, 14, 15, 16)
    slaves = {number: Slave("xy-md02", steady=True) for number in living}
    async with ModbusLine(slaves) as line, opened(line.port) as bus:

        async def knock(number: int) -> None:
            while True:
                with contextlib.suppress(Timeout):
                    await bus.read(number, ROOM, 0.03)

        async def ask(number: int) -> None:
            for _ in range(40):
                await bus.read(number, ROOM, 2.0)

        knocking = [asyncio.create_task(knock(number)) for number in dead]
        try:
            await asyncio.gather(*(ask(number) for number in living))
        finally:
            for task in knocking:
                task.cancel()
            await asyncio.gather(*knocking, return_exceptions=True)
        after = line.received[len(living) + len(dead) :]
        told = sum(number in living for number in after)
        assert told > 2 * (len(after) - told), after


async def test_one_that_comes_to_life_is_as_the_others_again() -> None:
    slave = Slave("xy-md02", steady=True)
    async with ModbusLine({1: slave}) as line, opened(line.port) as bus:
        slave.faults.add("absent")
        with pytest.raises(Timeout):
            await bus.read(1, ROOM, 0.02)
        slave.faults.discard("absent")
        for _ in range(3):
            assert await bus.read(1, ROOM, 20.0) == [274, 635]


async def test_a_line_that_never_falls_silent_is_told_so() -> None:
    port = PtyPort(None, lambda _: None)
    port.plug()

    async def babble() -> None:
        while True:
            port.write(b"\x55")
            await asyncio.sleep(0)

    async with opened(port.path, LineSettings(300, "N", 1)) as bus:
        babbling = asyncio.create_task(babble())
        try:
            with pytest.raises(BadReply, match="is never quiet; are A and B the right way round"):
                await bus.read(1, ROOM, 0.01)
        finally:
            babbling.cancel()
            await asyncio.gather(babbling, return_exceptions=True)
            port.unplug()


async def test_an_unplugged_line_is_noticed_by_who_asks_and_by_who_waits() -> None:
    async with ModbusLine({1: Slave("xy-md02")}) as line, opened(line.port) as bus:
        assert not bus.is_lost
        waiting = asyncio.create_task(bus.pause(60))
        await line.changes.until(lambda: line.is_open)
        line.unplug()
        with pytest.raises(Unreachable, match="was unplugged"):
            await waiting
        assert bus.is_lost
        with pytest.raises(Unreachable):
            await bus.read(1, ROOM, 0.05)
