"""influxdb-client's asynchronous WriteApi for writers that are threads: one event loop beside them carries all writes.

It costs as much processor time a write as the synchronous one, within what can be measured, and
bounds the whole of a write by one time, where the other bounds each step of it.
"""

import asyncio
import threading
from concurrent.futures import Future
from typing import cast

from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.domain.write_precision import WritePrecision

_MICROSECONDS = cast("WritePrecision", WritePrecision.US)  # the library declares its constants as str
_TIMEOUT_MS = 10_000


class Influx2Writes:
    """The loop's thread begins with the first write and ends with `close`; then it can begin again."""

    def __init__(self, origin: str, org: str, token: str) -> None:
        self._origin, self._org, self._token = origin, org, token
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: InfluxDBClientAsync | None = None

    def write(self, content: bytes, bucket: str) -> None:
        """Lines, ready-made, with times in microseconds. Waits for the server's word.

        Raises ApiException for what it says against them, aiohttp.ClientError and TimeoutError if it says nothing.
        """
        with self._lock:
            loop = self._loop or self._begin()
        asyncio.run_coroutine_threadsafe(self._write(content, bucket), loop).result()

    def close(self) -> None:
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
            if loop is None or thread is None:
                return
            ended: Future[None] = asyncio.run_coroutine_threadsafe(self._end(), loop)
            ended.result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _begin(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="store: writes", daemon=True)
        self._thread.start()
        return self._loop

    async def _write(self, content: bytes, bucket: str) -> None:
        if self._client is None:  # it wants to be made where it runs
            self._client = InfluxDBClientAsync(url=self._origin, token=self._token, org=self._org, timeout=_TIMEOUT_MS)
        await self._client.write_api().write(bucket=bucket, record=content, write_precision=_MICROSECONDS)

    async def _end(self) -> None:
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]  # the library's own gap
            self._client = None
