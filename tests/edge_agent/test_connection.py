"""Nobody in the network holds the agent by connections that ask for nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edge_agent.app import bind
from edge_agent.connection import Connection
from tests.edge_agent.served_room import Served, served

HEALTH = b"GET /api/health HTTP/1.1\r\nHost: lophoc\r\n\r\n"


class Hasty(Connection):
    request_s = 0.05


class Brisk(Connection):
    """Time enough for one who asks at once, on a machine that has other things to do."""

    request_s = 1.5


class Few(Connection):
    most_of_one_address = 3


class FewInAll(Connection):
    most = 2


@asynccontextmanager
async def connected(there: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    where = urlsplit(there.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def is_hung_up_on(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(30):
        try:
            return not await reader.read(1)
        except ConnectionResetError:
            return True


async def is_served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(HEALTH)
    try:
        async with asyncio.timeout(30):
            await reader.readuntil(b'"ready":true}')
    except (ConnectionError, asyncio.IncompleteReadError):
        return False
    return True


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /api/room HTTP/1.1\r\nHost: lophoc\r\nX-Slow: ",
        b"POST /api/session HTTP/1.1\r\nHost: lophoc\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        HEALTH + HEALTH[:-2],
    ],
)
async def test_a_request_that_does_not_come_to_its_end_is_hung_up_on(tmp_path: Path, begun: bytes) -> None:
    connection = Brisk if begun.startswith(HEALTH) else Hasty
    async with served(tmp_path, connection=connection) as there, connected(there) as (reader, writer):
        writer.write(begun)
        if begun.startswith(HEALTH):
            async with asyncio.timeout(30):
                await reader.readuntil(b'"ready":true}')
        assert await is_hung_up_on(reader)


async def test_an_answer_may_take_longer_than_its_question(tmp_path: Path) -> None:
    async with served(tmp_path, heartbeat_s=0.6, connection=Brisk) as there, connected(there) as (reader, writer):
        writer.write(b"GET /api/events HTTP/1.1\r\nHost: lophoc\r\n\r\n")
        async with asyncio.timeout(30):
            for _ in range(3):
                await reader.readuntil(b"event: heartbeat")


@pytest.mark.parametrize(("connection", "most"), [(Few, 3), (FewInAll, 2)])
async def test_more_connections_than_bearable_are_hung_up_on_and_the_others_served(
    tmp_path: Path, connection: type[Connection], most: int
) -> None:
    async with served(tmp_path, connection=connection) as there, AsyncExitStack() as open_ones:
        early = [await open_ones.enter_async_context(connected(there)) for _ in range(most)]
        for reader, writer in early:
            assert await is_served(reader, writer)
        late = await open_ones.enter_async_context(connected(there))
        assert not await is_served(*late)
        assert await is_served(*early[0])


async def test_who_has_left_makes_room(tmp_path: Path) -> None:
    async with served(tmp_path, connection=FewInAll) as there:
        for _ in range(5):
            async with connected(there) as (reader, writer):
                assert await is_served(reader, writer)
                writer.write_eof()
                assert await is_hung_up_on(reader)


def test_no_answer_waits_until_the_one_before_was_acknowledged() -> None:
    with bind("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        taken, _ = listening.accept()
        with taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
