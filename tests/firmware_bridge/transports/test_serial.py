"""The serial line: bytes through many ports at once, and a plain word for every way to lose one."""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.errors import BadReply, PortBusy, Refused, Timeout, Unplugged, Unreachable
from firmware_bridge.transports.serial import SerialLine, what_to_do
from simulators.changes import Changes
from simulators.pty_port import PtyPort

PORTS = 32


class Echo:
    """The other end of a cable: remembers what came, and sends it back if told so."""

    def __init__(self, link: Path | None = None, *, echo: bool = False) -> None:
        self.received = bytearray()
        self.changes = Changes()
        self._echo = echo
        self.port = PtyPort(link, self._take, self.changes.tell, self.changes.tell)

    def __enter__(self) -> "Echo":
        self.port.plug()
        return self

    def __exit__(self, *error: object) -> None:
        self.port.unplug()

    def _take(self, data: bytes) -> None:
        self.received += data
        self.changes.tell()
        if self._echo:
            self.port.write(data)


@contextlib.asynccontextmanager
async def joined(echo: bool = False) -> AsyncIterator[tuple[SerialLine, Echo]]:
    """A line that is open, and its other end that knows it."""
    with Echo(echo=echo) as peer:
        async with SerialLine(peer.port.path) as line:
            await peer.changes.until(lambda: peer.port.is_open)
            yield line, peer


async def eventually(act: asyncio.Task[bytes]) -> bytes:
    async with asyncio.timeout(30):
        return await act


async def test_what_is_written_arrives_and_what_arrives_is_read() -> None:
    async with joined() as (line, peer):
        await line.write(b"PWR?\r")
        await peer.changes.until(lambda: peer.received == b"PWR?\r")
        peer.port.write(b"PWR=00\r:rest")
        assert await line.read_until(b":", timeout_s=5) == b"PWR=00\r:"
        assert await line.read() == b"rest"


async def test_thirty_two_ports_talk_at_once_in_one_process() -> None:
    async with contextlib.AsyncExitStack() as stack:
        both = [await stack.enter_async_context(joined(echo=True)) for _ in range(PORTS)]

        async def talk(number: int, line: SerialLine) -> None:
            for turn in range(20):
                asked = f"{number} {turn};".encode()
                await line.write(asked)
                assert await line.read_until(b";", timeout_s=10) == asked

        threads_before = threading.active_count()
        async with asyncio.TaskGroup() as group:
            for number, (line, _) in enumerate(both):
                group.create_task(talk(number, line))
        assert threading.active_count() <= threads_before


async def test_a_megabyte_passes_whole_although_the_kernel_takes_little_at_once() -> None:
    sent = bytes(range(256)) * 4096
    async with joined() as (line, peer):
        await line.write(sent)
        await peer.changes.until(lambda: len(peer.received) == len(sent))
        assert peer.received == sent


async def test_messages_of_several_tasks_are_not_mixed_and_not_cut_when_one_gives_up() -> None:
    long = b"a" * 200_000
    async with joined() as (line, peer):
        writers = [asyncio.create_task(line.write(text)) for text in (long, b"b" * 10_000)]
        await asyncio.sleep(0)
        writers[0].cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        await peer.changes.until(lambda: len(peer.received) == 210_000)
        assert peer.received == long + b"b" * 10_000


async def test_bytes_that_come_one_by_one_are_put_together() -> None:
    async with joined() as (line, peer):
        reading = asyncio.create_task(line.read_until(b":", timeout_s=5))
        for byte in b"LAMP=1234\r:":
            peer.port.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await eventually(reading) == b"LAMP=1234\r:"


async def test_what_nobody_reads_is_held_back_at_a_bound_and_then_comes_whole() -> None:
    sent = bytes(range(256)) * 4096
    loop = asyncio.get_running_loop()
    master, slave = os.openpty()
    os.set_blocking(master, False)
    taken = 0

    def pour() -> None:
        nonlocal taken
        with contextlib.suppress(BlockingIOError):
            taken += os.write(master, sent[taken : taken + 4096])
        if taken == len(sent):
            loop.remove_writer(master)

    try:
        async with SerialLine(os.ttyname(slave)) as line:
            loop.add_writer(master, pour)
            async with asyncio.timeout(30):
                while taken <= 65_536:  # noqa: ASYNC110 - the other end is a callback of this loop
                    await asyncio.sleep(0)
            for _ in range(1000):
                await asyncio.sleep(0)
            assert taken < 150_000
            came = bytearray()
            while len(came) < len(sent):
                async with asyncio.timeout(30):
                    came += await line.read()
            assert came == sent
    finally:
        loop.remove_writer(master)
        os.close(slave)
        os.close(master)


async def test_old_input_can_be_forgotten() -> None:
    async with joined() as (line, peer):
        peer.port.write(b"old;")
        await line.read_until(b"ol", timeout_s=5)
        line.forget_input()
        peer.port.write(b"new;")
        assert await line.read_until(b";", timeout_s=5) == b"new;"


async def test_silence_ends_in_a_timeout_that_says_what_came() -> None:
    async with joined() as (line, peer):
        with pytest.raises(Timeout, match=r"no complete answer within 0.01 s, nothing"):
            await line.read_until(b":", timeout_s=0.01)
        peer.port.write(b"PW")
        await line.read_until(b"P", timeout_s=5)
        with pytest.raises(Timeout, match="only b'W'"):
            await line.read_until(b":", timeout_s=0.01)


async def test_noise_without_end_is_a_bad_reply() -> None:
    async with joined() as (line, peer):
        peer.port.write(bytes(range(200, 230)) * 3)
        with pytest.raises(BadReply, match="64 bytes without an end"):
            await line.read_until(b":", timeout_s=5, limit=64)


async def test_a_port_that_takes_nothing_is_given_up() -> None:
    master, slave = os.openpty()
    os.set_blocking(master, False)
    try:
        async with SerialLine(os.ttyname(slave), write_timeout_s=0.05) as line:
            with pytest.raises(Timeout, match="takes no data"):
                await line.write(b"x" * 1_000_000)
            with pytest.raises(Unreachable, match="takes no more data"):
                await line.write(b"x")
            os.read(master, 65536)
    finally:
        os.close(slave)
        os.close(master)


# --- lost and found --------------------------------------------------------------------------------------------------


async def test_a_reader_that_waits_learns_of_the_pulled_cable() -> None:
    async with joined() as (line, peer):
        reading = asyncio.create_task(line.read())
        asking = asyncio.create_task(line.read_until(b":", timeout_s=30))
        await asyncio.sleep(0)
        peer.port.unplug()
        for waiting in (reading, asking):
            with pytest.raises(Unplugged, match="was unplugged"):
                await eventually(waiting)


async def test_what_came_before_the_cable_was_pulled_is_still_read() -> None:
    async with joined() as (line, peer):
        peer.port.write(b"last words")
        await line.read_until(b"last ", timeout_s=5)
        peer.port.unplug()
        assert await line.read() == b"words"
        with pytest.raises(Unreachable):
            await line.read()


async def test_a_writer_learns_of_the_pulled_cable() -> None:
    async with joined() as (line, peer):
        peer.port.unplug()
        with pytest.raises(Unplugged, match="was unplugged"):
            await line.write(b"anyone?")
        with pytest.raises(Unplugged, match="was unplugged"):
            await line.write(b"anyone?")


async def test_a_writer_in_the_middle_of_much_learns_of_the_pulled_cable() -> None:
    master, slave = os.openpty()
    path = os.ttyname(slave)
    async with SerialLine(path) as line:
        os.close(slave)
        writing = asyncio.create_task(line.write(b"x" * 1_000_000))
        await asyncio.sleep(0)
        os.close(master)
        with pytest.raises(Unplugged, match="was unplugged"):
            await writing


async def test_a_cable_put_back_is_opened_anew(tmp_path: Path) -> None:
    with Echo(tmp_path / "tty-robot", echo=True) as peer:
        for _ in range(3):
            async with SerialLine(peer.port.path) as line:
                await peer.changes.until(lambda: peer.port.is_open)
                await line.write(b"hello;")
                assert await line.read_until(b";", timeout_s=5) == b"hello;"
                peer.port.unplug()
                with pytest.raises(Unreachable):
                    await line.read()
            with pytest.raises(Unreachable, match=r"tty-robot is not there; is it plugged in\? serial ports here"):
                await line.__aenter__()
            peer.port.plug()


async def test_a_port_of_another_program_is_said_to_be_busy() -> None:
    with (
        Echo() as peer,
        serial.Serial(peer.port.path, exclusive=True),
        pytest.raises(PortBusy, match="used by another program; to see which: fuser"),
    ):
        await SerialLine(peer.port.path).__aenter__()


async def test_nobody_else_who_asks_for_it_alone_gets_our_port() -> None:
    async with joined() as (line, _):
        with pytest.raises(Unreachable, match="used by another program"):
            await SerialLine(line.port).__aenter__()
        with pytest.raises(serial.SerialException):
            serial.Serial(line.port, exclusive=True)


async def test_a_port_is_free_as_soon_as_it_is_closed() -> None:
    with Echo() as peer:
        for _ in range(5):
            async with SerialLine(peer.port.path):
                pass


@pytest.mark.parametrize("number", [1, 13])
def test_a_port_without_permission_says_which_group_is_missing(number: int) -> None:
    said = what_to_do("/dev/ttyUSB0", serial.SerialException(number, "could not open port"))
    assert said == "/dev/ttyUSB0 may not be opened by this user; run: sudo usermod -aG dialout $USER, and log in again"


async def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(Unreachable, match="is no working serial port"):
        await SerialLine(str(file)).__aenter__()
    with pytest.raises(Unreachable, match="is no working serial port"):
        await SerialLine(str(tmp_path)).__aenter__()
    assert file.read_text() == "mine"


async def test_settings_that_no_port_takes_are_refused() -> None:
    with Echo() as peer, pytest.raises(Refused, match="baud"):
        await SerialLine(peer.port.path, -1).__aenter__()


async def test_closing_is_idempotent_and_ends_all_use() -> None:
    async with joined() as (line, peer):
        reading = asyncio.create_task(line.read())
        await asyncio.sleep(0)
        await line.__aexit__(None, None, None)
        await line.__aexit__(None, None, None)
        with pytest.raises(Unreachable, match="was closed"):
            await eventually(reading)
        with pytest.raises(Unreachable, match="was closed"):
            await line.write(b"x")
        await peer.changes.until(lambda: not peer.port.is_open)
    never = SerialLine("/dev/null")
    await never.__aexit__(None, None, None)
    with pytest.raises(Unreachable, match="is not open"):
        await never.read()


async def test_giving_up_while_it_opens_leaves_the_port_free() -> None:
    with Echo() as peer:
        for turns in range(4):
            line = SerialLine(peer.port.path)
            opening = asyncio.create_task(line.__aenter__())
            for _ in range(turns):
                await asyncio.sleep(0)
            opening.cancel()
            with suppress(asyncio.CancelledError, Unreachable):  # the thread before may still be closing it
                await opening
                await line.__aexit__(None, None, None)  # it was open before it could be given up
        async with asyncio.timeout(30):
            while True:
                try:
                    async with SerialLine(peer.port.path):
                        return
                except Unreachable:
                    await asyncio.sleep(0)


@settings(max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_any_bytes_in_any_pieces_arrive_as_they_were_sent(pieces: list[bytes]) -> None:
    async def run() -> None:
        master, slave = os.openpty()
        try:
            async with SerialLine(os.ttyname(slave)) as line:
                came = b""
                for piece in [*pieces, b"\0end"]:
                    os.write(master, piece)
                    await asyncio.sleep(0)
                while len(came) < len(b"".join(pieces)) + 4:
                    async with asyncio.timeout(30):
                        came += await line.read()
                assert came == b"".join(pieces) + b"\0end"
        finally:
            os.close(slave)
            os.close(master)

    asyncio.run(run())
