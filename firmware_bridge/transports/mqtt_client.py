"""aiomqtt's client, made to be stopped, and to hold no more than it may, whatever the broker does or does not do."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import aiomqtt

from firmware_bridge.transports.mqtt_bound import Held, bound

_log = logging.getLogger("lophoc.broker")

T = TypeVar("T")


class Client(aiomqtt.Client):
    """One whose waits can be cancelled at any moment.

    aiomqtt waits by `asyncio.wait_for`, which until Python 3.12 loses a cancellation that comes in the same turn of
    the loop as the answer (python/cpython#86296): the task then goes on for ever.
    """

    def __init__(self, *where: Any, **options: Any) -> None:
        """As aiomqtt's."""
        options.setdefault("queue_type", Held)
        super().__init__(*where, **options)
        self.passed_over = 0
        """Messages that were too large."""
        bound(self._client, self._on_too_large)

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:
        timeout_s = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(None if timeout_s == math.inf else timeout_s):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None

    def _on_disconnect(self, *about: Any) -> None:
        """aiomqtt takes no notice of a connection that is closed before the broker has said yes or no, as a proxy does
        whose broker is down, and waits out its whole time.
        """
        if not self._connected.done():
            self._loop.call_soon_threadsafe(self._refuse, self._connected)
        super()._on_disconnect(*about)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """aiomqtt registers by number in the loop's next turn, when the socket may be gone and its number another's."""

        def write() -> None:
            try:
                client.loop_write()
            except OSError as lost:
                if not self._disconnected.done():
                    self._disconnected.set_exception(lost)

        def register() -> None:
            if sock.fileno() >= 0:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(register)

    def _on_too_large(self, topic: bytes, size_bytes: int) -> None:
        if not self.passed_over:  # once on each connection
            _log.warning("a message of %d bytes on %.200r is too large: passed over", size_bytes, topic)
        self.passed_over += 1

    def _refuse(self, connected: "asyncio.Future[None]") -> None:
        if not connected.done():
            connected.set_exception(aiomqtt.MqttError("the connection was closed before the broker answered"))
            connected.exception()  # where nobody waits for it any longer


@asynccontextmanager
async def entered(client: aiomqtt.Client) -> AsyncIterator[aiomqtt.Client]:
    """aiomqtt connects in a thread that cannot be cancelled: let it end, or its socket is left behind."""
    entering = asyncio.create_task(client.__aenter__(), name="mqtt connecting")
    try:
        await asyncio.shield(entering)
        yield client
    except asyncio.CancelledError:
        if not client._connected.done():  # nobody waits any longer for a broker that says nothing
            client._connected.set_exception(aiomqtt.MqttError("cancelled"))
            client._connected.exception()
        raise
    finally:
        await asyncio.wait([entering])
        if entering.exception() is None:
            with suppress(aiomqtt.MqttError):  # it is lost already
                await client.__aexit__(None, None, None)
        client._client.disconnect()  # where the broker took the connection and said nothing, aiomqtt leaves it open
        if client._misc_task is not None:
            client._misc_task.cancel()
            await asyncio.wait([client._misc_task])
