"""The simulated Modbus line: held to clients that nobody here wrote (minimalmodbus, mbpoll) and to makers' frames."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import minimalmodbus
import pytest
import serial
from click.testing import CliRunner

from simulators.modbus import ModbusLine, Slave, checksum, command
from tests.simulators.serial_wire import opened

T = TypeVar("T")


def line_of(*kinds: str, **options: Any) -> ModbusLine:
    """Devices at addresses 1, 2, 3 …"""
    return ModbusLine({number: Slave(kind, steady=True) for number, kind in enumerate(kinds, 1)}, **options)


@pytest.mark.parametrize(
    "frame",
    ["01 04 00 01 00 02 20 0B", "01 04 04 01 31 02 22 2A CE", "01 04 04 43 66 33 34 1B 38", "01 03 00 05 00 01 94 0B"],
)
def test_the_checksum_is_that_of_makers_sheets(frame: str) -> None:
    raw = bytes.fromhex(frame)
    assert checksum(raw[:-2]) == raw[-2:]


async def test_an_answer_is_as_in_the_makers_sheet() -> None:
    async with line_of("xy-md02") as line:
        line.slaves[1].values.update(temperature_c=30.5, humidity_percent=54.6)
        async with opened(line.port) as wire:
            wire.write(bytes.fromhex("01 04 00 01 00 02 20 0B"))
            assert await wire.until(bytes.fromhex("2A CE")) == bytes.fromhex("01 04 04 01 31 02 22 2A CE")


async def test_a_question_byte_by_byte_is_one_question() -> None:
    async with line_of("xy-md02") as line, opened(line.port) as wire:
        for byte in bytes.fromhex("01 04 00 01 00 02 20 0B"):
            wire.write(bytes([byte]))
            await asyncio.sleep(0)
        await line.changes.until(lambda: line.received == [1])


async def test_nobody_answers_for_who_is_not_there() -> None:
    async with line_of("xy-md02") as line, opened(line.port) as wire:
        absent = bytes.fromhex("05 04 00 01 00 02")
        wire.write(absent + checksum(absent))
        await line.changes.until(lambda: line.received == [5])
        assert await wire.silence(0.05) == b""


async def test_a_question_that_is_cut_short_or_spoiled_is_forgotten() -> None:
    async with line_of("xy-md02") as line, opened(line.port) as wire:
        wire.write(bytes.fromhex("01 04 00 01"))
        await line.changes.until(lambda: line.unsound == 1)
        wire.write(bytes.fromhex("01 04 00 01 00 02 20 0C"))
        await line.changes.until(lambda: line.unsound == 2)
        wire.write(bytes.fromhex("01 04 00 01 00 02 20 0B"))
        await line.changes.until(lambda: line.received == [1])


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("01 03 00 01 00 02", "01 83 01"),
        ("01 06 00 01 00 02", "01 86 01"),
        ("01 10 00 01 00 01 02 00 07", "01 90 01"),
        ("01 2B 0E 01 00", "01 AB 01"),
        ("01 04 00 03 00 01", "01 84 02"),
        ("01 04 00 01 00 7E", "01 84 03"),
        ("01 04 00 01 00 00", "01 84 03"),
    ],
)
async def test_what_it_does_not_have_is_an_exception(question: str, answer: str) -> None:
    asked, said = bytes.fromhex(question), bytes.fromhex(answer)
    async with line_of("xy-md02") as line, opened(line.port) as wire:
        wire.write(asked + checksum(asked))
        assert await wire.until(checksum(said)) == said + checksum(said)


# --- clients that nobody here wrote ---------------------------------------------------------------------------------


async def with_minimalmodbus(line: ModbusLine, address: int, ask: Callable[[minimalmodbus.Instrument], T]) -> T:
    """What it reads, in a thread of its own."""

    def talk() -> T:
        with serial.Serial(line.port, 9600, timeout=1) as port:
            return ask(minimalmodbus.Instrument(port, address))

    return await asyncio.to_thread(talk)


async def test_minimalmodbus_reads_every_make() -> None:
    async with line_of("xy-md02", "adtek-wall-co2", "eastron-sdm120", "pzem-016") as line:
        line.slaves[1].values["temperature_c"] = -4.5
        assert await with_minimalmodbus(line, 1, lambda it: it.read_register(1, 1, 4, signed=True)) == -4.5
        assert await with_minimalmodbus(line, 2, lambda it: it.read_register(5, 0, 3)) == 640
        assert await with_minimalmodbus(line, 3, lambda it: it.read_float(0, 4)) == pytest.approx(229.7)
        assert await with_minimalmodbus(line, 3, lambda it: it.read_float(0x156, 4)) == 148.25
        low_first = minimalmodbus.BYTEORDER_LITTLE_SWAP
        energy = await with_minimalmodbus(line, 4, lambda it: it.read_long(5, 4, byteorder=low_first))
        assert energy == 148_250


async def test_minimalmodbus_says_what_is_wrong() -> None:
    async with line_of("xy-md02") as line:
        with pytest.raises(minimalmodbus.NoResponseError):
            await with_minimalmodbus(line, 9, lambda it: it.read_register(1, 1, 4))
        for fault, error in {
            "busy": minimalmodbus.SlaveDeviceBusyError,
            "broken": minimalmodbus.SlaveReportedException,
            "refuse": minimalmodbus.IllegalRequestError,
            "crc": minimalmodbus.InvalidResponseError,
        }.items():
            line.slaves[1].faults.add(fault)
            with pytest.raises(error):
                await with_minimalmodbus(line, 1, lambda it: it.read_register(1, 1, 4))
            line.slaves[1].faults.discard(fault)
        assert await with_minimalmodbus(line, 1, lambda it: it.read_register(2, 1, 4)) == 63.5


async def test_mbpoll_reads_it() -> None:
    """libmodbus as the master."""
    async with line_of("xy-md02", "eastron-sdm120") as line:

        async def poll(*arguments: str) -> str:
            client = await asyncio.create_subprocess_exec(
                *("mbpoll", "-m", "rtu", "-b", "9600", "-P", "none", "-1", "-0", *arguments, line.port),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(20):
                said, _ = await client.communicate()
            return said.decode()

        assert re.findall(r"\[\d+\]:\s+(\S+)", await poll("-a", "1", "-t", "3", "-r", "1", "-c", "2")) == ["274", "635"]
        assert re.findall(r"\[0\]:\s+(\S+)", await poll("-a", "2", "-t", "3:float", "-B", "-r", "0")) == ["229.7"]
        assert "timed out" in await poll("-a", "3", "-t", "3", "-r", "1", "-o", "0.2")


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--slave", "1=fridge"], "'1=fridge' is not ADDRESS=KIND"),
        (["--slave", "300=xy-md02"], "'300=xy-md02' is not ADDRESS=KIND"),
        (["--slave", "1=xy-md02", "--slave", "1=pzem-016"], "'1=pzem-016' is not ADDRESS=KIND"),
        (["--only", "9", "--fault", "crc"], "there is no device 9 on the line; there are: 1, 2, 3, 4"),
        (["--fault", "fire"], "'fire' is not one of"),
    ],
)
def test_wrong_use_is_named(tmp_path: Path, arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(command, ["--link", str(tmp_path / "tty"), *arguments])
    assert result.exit_code == 2
    assert said in result.output
