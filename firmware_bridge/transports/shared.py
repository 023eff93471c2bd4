"""Lines that several devices of a room hang on: opened for the first of them, closed after the last.

The registry belongs to the gateway, which lends it to its drivers in `Wires`; each driver borrows a line and gives it
back. A line that was lost is not mended: whoever comes next gets a new one, and those who had the old one hear of the
loss from the line itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from firmware_bridge.errors import Refused


class SharedLine(Protocol):
    """What can be borrowed."""

    @property
    def is_lost(self) -> bool:
        """True once nothing can be said on it any more."""

    async def open(self) -> None:
        """Raises DeviceError; `close` is due in any case."""

    async def close(self) -> None:
        """Idempotent."""


LineT = TypeVar("LineT", bound=SharedLine)


@dataclass(slots=True)
class _Held:
    users: int = 0
    line: SharedLine | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Of whoever opens or closes it."""


class SharedLines:
    """The lines that are open now, by the name of their port."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    @asynccontextmanager
    async def borrow(self, port: str, kind: type[LineT], make: Callable[[], LineT]) -> AsyncIterator[LineT]:
        """The line at `port`, open; made by `make` if there is none. Raises DeviceError."""
        held = self._held.setdefault(port, _Held())
        held.users += 1
        try:
            yield await _opened(held, port, kind, make)
        finally:
            held.users -= 1
            if not held.users:
                async with held.turn:
                    if not held.users and held.line is not None:  # else somebody came while we waited
                        line, held.line = held.line, None
                        await line.close()
                if not held.users and self._held.get(port) is held:
                    del self._held[port]


async def _opened(held: _Held, port: str, kind: type[LineT], make: Callable[[], LineT]) -> LineT:
    async with held.turn:
        if held.line is not None and held.line.is_lost:
            line, held.line = held.line, None
            await line.close()
        if held.line is None:
            fresh = make()
            try:
                await fresh.open()
            except BaseException:
                await fresh.close()
                raise
            held.line = fresh
        if not isinstance(held.line, kind):
            raise Refused(f"{port} is used for something else in this room")
        return held.line
