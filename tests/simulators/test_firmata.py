"""The simulated Firmata board says what the protocol says, and serves a client that nobody here wrote."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pyfirmata2
import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import firmata_messages as messages
from simulators.firmata import FirmataBoard
from simulators.firmata_messages import Message, Mode, Parser
from tests.simulators.serial_wire import SerialWire, opened

HELLO = bytes([0xF9, 2, 5, 0xF0, 0x79, 2, 5]) + messages.text("StandardFirmata.ino") + b"\xf7"


@contextlib.asynccontextmanager
async def on_a_wire(**options: Any) -> AsyncIterator[tuple[FirmataBoard, SerialWire]]:
    async with FirmataBoard(**options) as board, opened(board.port, 57600) as wire:
        yield board, wire


@contextlib.asynccontextmanager
async def talking(**options: Any) -> AsyncIterator[tuple[FirmataBoard, SerialWire]]:
    async with on_a_wire(**options) as (board, wire):
        assert await wire.until(b"\xf7") == HELLO
        yield board, wire


async def told(board: FirmataBoard, wire: SerialWire, data: bytes) -> None:
    """Send, and wait until the board has carried it out."""
    wire.write(data + bytes([0xF9]))
    await wire.until(bytes([0xF9, 2, 5]))


# --- a client that nobody here wrote ---------------------------------------------------------------------------------


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyfirmata2.pyfirmata2, "BOARD_SETUP_WAIT_TIME", 0.3)  # it spins for 5 s otherwise


async def in_a_thread(work: Callable[[], None]) -> None:
    async with asyncio.timeout(20):
        await asyncio.to_thread(work)


@pytest.mark.usefixtures("short_wait")
async def test_pyfirmata2_finds_the_board_writes_its_pins_and_reads_its_sensors() -> None:
    async with FirmataBoard() as board:
        board.analog[0] = 512
        board.set_input(2, True)
        loop = asyncio.get_running_loop()
        seen: dict[str, object] = {}

        def work() -> None:
            client = pyfirmata2.Arduino(board.port)
            try:
                assert client.firmata_version == (2, 5)
                assert client.firmware == "StandardFirmata.ino"
                got = threading.Semaphore(0)

                def note(name: str) -> Callable[[object], None]:
                    def noted(value: object) -> None:
                        if name not in seen:
                            seen[name] = value
                            got.release()

                    return noted

                client.samplingOn(5)
                analog, digital = client.get_pin("a:0:i"), client.get_pin("d:2:u")
                analog.register_callback(note("analog"))
                digital.register_callback(note("digital"))
                analog.enable_reporting()
                assert got.acquire(timeout=5)
                loop.call_soon_threadsafe(board.set_input, 2, False)
                assert got.acquire(timeout=5)
                client.digital[13].write(1)
                client.get_pin("d:9:p").write(0.5)
                client.get_pin("d:10:s").write(90)
                client.send_sysex(0x71, messages.text("xong"))
            finally:
                client.exit()

        await in_a_thread(work)
        await board.changes.until(lambda: "xong" in board.strings)
        assert seen["analog"] == pytest.approx(512 / 1023, abs=1e-4)
        assert "digital" in seen
        assert board.sampling_ms == 5
        assert board.pins[9].mode is Mode.PWM
        assert board.pins[9].value == 128
        assert board.pins[10].servo_pulse_us == (544, 2400)
        assert board.pins[13].value == 1


# --- the protocol ----------------------------------------------------------------------------------------------------


async def test_opening_the_port_resets_the_board_which_then_says_who_it_is() -> None:
    async with FirmataBoard(boot_s=0.05) as board:
        async with opened(board.port) as wire:
            assert await wire.until(b"\xf7") == HELLO
            await told(board, wire, bytes([0xF4, 13, Mode.OUTPUT, 0xF5, 13, 1]))
            assert board.pins[13].value == 1
        await board.changes.until(lambda: not board.is_open)
        async with opened(board.port) as wire:
            assert await wire.until(b"\xf7") == HELLO
            assert board.pins[13].value == 0
        assert board.boots == 2


async def test_queries_are_answered_as_an_uno_answers() -> None:
    async with talking(sonar=False) as (_, wire):
        wire.write(b"\xf0\x6b\xf7")
        pins = (await wire.until(b"\xf7"))[2:-1].split(b"\x7f")[:-1]
        assert len(pins) == 20
        assert pins[0] == b""
        assert pins[2] == bytes([0, 1, 11, 1, 1, 1, 4, 14])
        assert pins[3] == bytes([0, 1, 11, 1, 1, 1, 3, 8, 4, 14])
        assert pins[14] == bytes([0, 1, 11, 1, 1, 1, 2, 10])
        assert pins[19] == bytes([0, 1, 11, 1, 1, 1, 2, 10, 6, 1])
        wire.write(b"\xf0\x69\xf7")
        assert await wire.until(b"\xf7") == b"\xf0\x6a" + b"\x7f" * 14 + bytes(range(6)) + b"\xf7"
        wire.write(b"\xf0\x79\xf7")
        assert (await wire.until(b"\xf7")) == HELLO[3:]


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        pytest.param("f06d0df7", "f06e0d0100f7", id="a digital pin begins as an output"),
        pytest.param("f06d0ef7", "f06e0e0200f7", id="an analog pin begins as an analog input"),
        pytest.param("f06d00f7", "f06e000000f7", id="the serial port's pins are no outputs"),
        pytest.param("f06d63f7", "f06e63f7", id="no such pin"),
        pytest.param("f40903e94801f06d09f7", "f06e09034801f7", id="pwm"),
        pytest.param("f4030bf06d03f7", "f06e030b01f7", id="pulled up"),
        pytest.param("f40400901000f06d04f7", "f06e040001f7", id="high written to an input pulls it up"),
        pytest.param("f40203f06d02f7", "f06e020100f7", id="no pwm on pin 2"),
        pytest.param("f0700b5807400ef7f06f0b5a00f7f06d0bf7", "f06e0b045af7", id="servo"),
        pytest.param("f41101f51101f06d11f7", "f06e110101f7", id="an analog pin as an output"),
        pytest.param("f40d00f50d01f06d0df7", "f06e0d0000f7", id="an input is not written"),
        pytest.param("f40903e97f00fff06d09f7", "f06e090100f7", id="reset"),
    ],
)
async def test_it_answers_as_real_standardfirmata_did(sent: str, answered: str) -> None:
    """Recorded from StandardFirmata 2.5.8 on a simulated ATmega328P."""
    async with talking() as (_, wire):
        wire.write(bytes.fromhex(sent))
        assert (await wire.until(b"\xf7")).hex() == answered


async def test_pin_state_says_mode_and_what_was_written() -> None:
    async with talking() as (board, wire):
        await told(board, wire, bytes([0xF4, 9, Mode.PWM, 0xE9, 0x48, 0x01]))
        wire.write(b"\xf0\x6d\x09\xf7")
        assert await wire.until(b"\xf7") == b"\xf0\x6e\x09\x03\x48\x01\xf7"
        wire.write(b"\xf0\x6d\x7e\xf7")
        assert await wire.until(b"\xf7") == b"\xf0\x6e\x7e\xf7"


async def test_outputs_are_written_by_port_by_pin_and_by_extended_analog() -> None:
    async with talking() as (board, wire):
        await told(board, wire, bytes([0x91, 0x20, 0x00]))
        assert board.pins[13].value == 1
        await told(board, wire, bytes([0xF5, 13, 0, 0xF5, 12, 1]))
        assert (board.pins[12].value, board.pins[13].value) == (1, 0)
        await told(board, wire, b"\xf0\x70\x0b\x58\x07\x40\x0e\xf7" + b"\xf0\x6f\x0b\x5a\x00\xf7")
        assert (board.pins[11].mode, board.pins[11].value, board.pins[11].servo_pulse_us) == (
            Mode.SERVO, 90, (984, 1856),
        )  # fmt: skip
        await told(board, wire, bytes([0xFF]))
        assert board.pins[11].mode is Mode.OUTPUT


async def test_pins_that_cannot_do_it_stay_as_they_are() -> None:
    async with talking() as (board, wire):
        await told(board, wire, bytes([0xF4, 0, Mode.OUTPUT, 0xF4, 2, Mode.PWM, 0xF4, 99, Mode.OUTPUT, 0xF5, 99, 1]))
        assert (board.pins[0].mode, board.pins[2].mode) == (Mode.INPUT, Mode.OUTPUT)
        wire.write(bytes([0xF4, 2, 0x55]))
        assert await wire.until(b"\xf7") == messages.sysex(0x71, messages.text("Unknown pin mode"))


async def test_digital_ports_are_reported_at_once_and_then_when_they_change() -> None:
    async with talking() as (board, wire):
        board.set_input(2, True)
        wire.write(bytes([0xF4, 2, Mode.INPUT, 0xF4, 3, Mode.PULLUP, 0xD0, 1]))
        assert await wire.until(bytes([0x90, 0x0C, 0x00])) == bytes([0x90, 0x0C, 0x00])
        board.set_input(3, True)  # no change: it was pulled up
        board.set_input(2, False)
        assert await wire.until(bytes([0x90, 0x08, 0x00])) == bytes([0x90, 0x08, 0x00])
        await told(board, wire, bytes([0xD0, 0]))
        board.set_input(2, True)
        assert await wire.silence(0.05) == b""


async def test_analog_channels_are_sampled_at_the_interval_asked_for() -> None:
    async with talking() as (board, wire):
        board.analog[1] = 1000
        wire.write(b"\xf0\x7a\x05\x00\xf7" + bytes([0xC1, 1]))
        for _ in range(3):
            assert await wire.until(bytes([0xE1, 0x68, 0x07])) == bytes([0xE1, 0x68, 0x07])
        board.analog[1] = 7
        await wire.until(bytes([0xE1, 0x07, 0x00]))
        wire.write(bytes([0xC1, 0]))
        await wire.silence(0.05)
        assert await wire.silence(0.05) == b""


async def test_rangers_take_turns_where_the_firmware_has_them() -> None:
    async with talking() as (board, wire):
        board.sonar_cm = {7: 123, 9: 300}
        wire.write(bytes([0xF0, 0x62, 7, 8, 33, 0x48, 0x01, 0xF7, 0xF0, 0x62, 9, 10, 33, 0x48, 0x01, 0xF7]))
        assert await wire.until(b"\xf7") == bytes([0xF0, 0x63, 7, 123, 0, 0xF7])
        assert await wire.until(b"\xf7") == bytes([0xF0, 0x63, 9, 300 & 0x7F, 300 >> 7, 0xF7])
        assert board.pins[7].mode is Mode.SONAR
    async with talking(sonar=False) as (_, wire):
        wire.write(bytes([0xF0, 0x62, 7, 8, 33, 0x48, 0x01, 0xF7]))
        assert await wire.silence(0.1) == b""


# --- faults ----------------------------------------------------------------------------------------------------------


async def test_another_sketch_answers_nothing() -> None:
    async with on_a_wire(faults=["wrong-firmware"]) as (board, wire):
        assert await wire.until(b"\n") == b"Blink 1.0\r\n"
        wire.write(b"\xf0\x6b\xf7" + bytes([0xF5, 13, 1]))
        assert await wire.silence(0.05) == b""
        assert board.pins[13].value == 0


async def test_a_bad_wire_splits_halves_and_swallows_what_the_board_says() -> None:
    async with on_a_wire(faults=["split"], slow_s=0.1) as (board, wire):
        assert await wire.until(b"\xf7") == HELLO
        board.faults.clear()
        for fault, heard in (("drop", b"\xf9"), ("silent", b""), ("frozen", b"")):
            board.faults.add(fault)
            wire.write(bytes([0xF9]))
            assert await wire.silence(0.05) == heard, fault
            board.faults.clear()
        board.faults.add("slow")
        wire.write(bytes([0xF9]))
        assert await wire.silence(0.05) == b""
        assert await wire.until(b"\x05") == bytes([0xF9, 2, 5])


async def test_pulling_the_cable_cuts_the_power(tmp_path: Path) -> None:
    link = tmp_path / "tty-robot"
    async with FirmataBoard(link=link) as board:
        with serial.Serial(str(link), timeout=0.05) as port:
            port.write(bytes([0xF4, 13, 1]))
            await board.changes.until(lambda: board.boots == 1)
            port.write(bytes([0xF5, 13, 1]))
            await board.changes.until(lambda: board.pins[13].value == 1)
            board.unplug()
            with pytest.raises(serial.SerialException):
                [port.read(100) for _ in range(5)]  # what it had said may still be read
        assert board.pins[13].value == 0
        assert not link.is_symlink()
        board.replug()
        async with opened(str(link)) as wire:
            assert await wire.until(b"\xf7") == HELLO


# --- any bytes -------------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(st.binary(max_size=200), st.randoms(use_true_random=False))
def test_messages_are_the_same_however_the_bytes_arrive(data: bytes, random: Any) -> None:
    whole = list(Parser().feed(data))
    parser, at = Parser(), 0
    pieces: list[Message] = []
    while at < len(data):
        step = random.randint(1, 5)
        pieces += parser.feed(data[at : at + step])
        at += step
    assert pieces == whole


@settings(max_examples=10)
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6))
def test_a_board_that_was_sent_rubbish_still_resets_when_reopened(chunks: list[bytes]) -> None:
    async def run() -> None:
        async with FirmataBoard() as board:
            async with opened(board.port) as wire:
                await wire.until(b"\xf7")
                for chunk in chunks:
                    wire.write(chunk)
                wire.write(b"\xf7" + messages.sysex(0x71, messages.text("!")))
                await board.changes.until(lambda: "!" in board.strings)
            await board.changes.until(lambda: not board.is_open)
            async with opened(board.port) as wire:
                assert await wire.until(b"\xf7") == HELLO

    asyncio.run(run())


@given(st.integers(0, 0x3FFF))
def test_numbers_and_texts_come_back(value: int) -> None:
    assert messages.number(messages.two(value)) == value
    assert messages.untext(messages.text(f"pin {value} é")) == f"pin {value} é"
    (message,) = Parser().feed(bytes([0xE3]) + messages.two(value))
    assert message == Message(messages.ANALOG, 3, messages.two(value))
