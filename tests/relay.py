"""A load balancer for TCP, as it stands in front of a cluster: each connection goes to the next node that takes it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

_PIECE = 256 * 1024
_CONNECT_S = 1.0


@asynccontextmanager
async def relay(ports: Sequence[int]) -> AsyncIterator[int]:
    """The port of a relay to these ports of this machine. A connection ends with the node that it went to."""
    turns = iter(range(1_000_000))
    open_now: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        task.add_done_callback(open_now.discard)
        try:
            first = next(turns)
            for number in range(len(ports)):
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(_CONNECT_S):
                        onward = await asyncio.open_connection("127.0.0.1", ports[(first + number) % len(ports)])
                    await _both_ways((reader, writer), onward)
                    break
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_PIECE)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)


_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both_ways(one: _Stream, other: _Stream) -> None:
    """Until either side ends."""
    pumps = {asyncio.create_task(_pump(one[0], other[1])), asyncio.create_task(_pump(other[0], one[1]))}
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        other[1].close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    opened: socket.socket = writer.get_extra_info("socket")
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
