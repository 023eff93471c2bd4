"""Waiting for a simulated device to change, so that a test awaits what happens instead of sleeping."""

import asyncio
from collections.abc import Callable


class Changes:
    """Tells everyone who waits that the device has changed."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def until(self, holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Return as soon as `holds()`. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                future = asyncio.get_running_loop().create_future()
                self._waiting.add(future)
                await future
