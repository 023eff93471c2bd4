"""The client's end of a pseudo serial port, opened by pyserial, as a test reads and writes it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import serial


class SerialWire:
    """Bytes as they come; each wait is bounded."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._came = bytearray()
        self._more = asyncio.Event()

    def readable(self) -> None:
        data = self._port.read(4096)
        self._came += data
        self._more.set()

    def write(self, data: bytes) -> None:
        self._port.write(data)

    async def until(self, end: bytes, timeout_s: float = 30.0) -> bytes:
        """All that came up to and including `end`. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while end not in self._came:
                self._more.clear()
                await self._more.wait()
        taken, _, rest = bytes(self._came).partition(end)
        self._came[:] = rest
        return taken + end

    async def silence(self, for_s: float) -> bytes:
        """What came within that time."""
        await asyncio.sleep(for_s)
        came = bytes(self._came)
        self._came.clear()
        return came


@contextlib.asynccontextmanager
async def opened(path: str, baud: int = 9600) -> AsyncIterator[SerialWire]:
    loop = asyncio.get_running_loop()
    with serial.Serial(path, baud, timeout=0) as port:
        wire = SerialWire(port)
        descriptor = port.fileno()
        loop.add_reader(descriptor, wire.readable)
        try:
            yield wire
        finally:
            loop.remove_reader(descriptor)
