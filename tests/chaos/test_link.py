"""The line that the chaos run cuts does to bytes what it says, and no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.chaos.link import Link, State

SECONDS = 8.0


class Far:
    """What is at the other end: it keeps what came, and sends it back."""

    def __init__(self) -> None:
        self.came = bytearray()
        self.ended = asyncio.Event()
        self._more = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while taken := await reader.read(65_536):
                self.came += taken
                self._more.set()
                writer.write(taken)
        except ConnectionError:
            pass
        finally:
            self.ended.set()
            writer.close()

    async def until(self, count: int) -> None:
        while len(self.came) < count:
            self._more.clear()
            await self._more.wait()


@asynccontextmanager
async def line() -> AsyncIterator[tuple[Link, Far, asyncio.StreamReader, asyncio.StreamWriter]]:
    far = Far()
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    async with server, Link(server.sockets[0].getsockname()[1]) as link, asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        yield link, far, reader, writer
        writer.close()
        await asyncio.wait_for(far.ended.wait(), SECONDS)


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True


async def test_a_whole_line_carries_everything_both_ways() -> None:
    async with line() as (_, _, reader, writer):
        writer.write(b"x" * 500_000)
        assert await reader.readexactly(500_000) == b"x" * 500_000


async def test_a_cut_tears_a_packet_and_lets_nobody_through_until_it_is_over() -> None:
    async with line() as (link, far, reader, writer):
        cutting = asyncio.create_task(link.cut(0.3))
        await asyncio.sleep(0)
        writer.write(b"0123456789")
        await far.until(10)
        assert await ended(reader)
        assert far.came == b"hello01234"
        await link.until(State.CUT)
        other, out = await asyncio.open_connection("127.0.0.1", link.port)
        assert await ended(other)
        out.close()
        await cutting
        again, out = await asyncio.open_connection("127.0.0.1", link.port)
        out.write(b"again")
        assert await again.readexactly(5) == b"again"
        out.close()


async def test_a_silent_line_takes_everything_gives_nothing_and_ends_its_connections() -> None:
    async with line() as (link, far, reader, writer):
        silence = asyncio.create_task(link.silent(0.1))
        await link.until(State.SILENT)
        writer.write(b"swallowed")
        await silence
        assert await ended(reader)
        assert far.came == b"hello"


async def test_a_late_line_delivers_everything_in_the_end() -> None:
    async with line() as (link, far, reader, writer):
        lateness = asyncio.create_task(link.late(0.1))
        await link.until(State.LATE)
        writer.write(b"later")
        await lateness
        assert await reader.readexactly(5) == b"later"
        assert far.came == b"hellolater"


async def test_a_broker_that_is_away_is_seen_through_the_line() -> None:
    async with Link(1) as link, asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await ended(reader)
        writer.close()
