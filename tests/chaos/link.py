"""The line between a gateway and the centre's broker: a TCP proxy that can be cut, silent, or late."""

import asyncio
import contextlib
from enum import Enum

_CHUNK = 16 * 1024


class State(Enum):
    WHOLE = "whole"
    CUT = "cut"
    """Nobody gets through, and whoever was through has half of his last packet."""
    SILENT = "silent"
    """Everything is taken and nothing comes out, as behind a router that has lost its table."""
    LATE = "late"
    """Everything is held, and delivered once the line is whole."""


class Link:
    """An async context manager; gateways connect to `port`."""

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self._to_port = to_port
        self._state = State.WHOLE
        self._moved = asyncio.Event()
        self._tear = False
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    async def __aenter__(self) -> "Link":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._abort()
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def cut(self, lasts_s: float) -> None:
        """The next packet, if one comes soon, is torn in two; then all connections are gone."""
        self._tear = True
        await asyncio.sleep(0.05)
        await self._be(State.CUT, lasts_s)

    async def silent(self, lasts_s: float) -> None:
        """What was swallowed is never made good, so the connections that it was taken from end with the silence."""
        await self._be(State.SILENT, lasts_s)
        self._abort()

    async def late(self, lasts_s: float) -> None:
        await self._be(State.LATE, lasts_s)

    async def until(self, state: State) -> None:
        while self._state is not state:
            await self._moved.wait()

    async def _be(self, state: State, lasts_s: float) -> None:
        self._enter(state)
        if state is State.CUT:
            self._abort()
        try:
            await asyncio.sleep(lasts_s)
        finally:
            self._tear = False
            self._enter(State.WHOLE)

    def _enter(self, state: State) -> None:
        self._state = state
        self._moved.set()
        self._moved = asyncio.Event()

    def _abort(self) -> None:
        for writers in self._open.values():
            for writer in writers:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writers = [writer]
        try:
            if self._state is State.CUT:
                return
            there, out = await asyncio.open_connection("127.0.0.1", self._to_port)
            writers.append(out)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, out), name="link: up")
                both.create_task(self._pump(there, writer), name="link: down")
        except* (OSError, _Over):
            pass
        finally:
            del self._open[task]
            for each in writers:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while taken := await reader.read(_CHUNK):
            while self._state is State.LATE:
                await self._moved.wait()
            if self._state is State.SILENT:
                continue
            if self._tear:
                self._tear = False
                writer.write(taken[: len(taken) // 2])
                with contextlib.suppress(OSError):
                    await writer.drain()
                break
            writer.write(taken)
            await writer.drain()
        raise _Over


class _Over(Exception):
    """One side has ended, so the other shall."""
