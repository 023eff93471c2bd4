"""A line to a bench: asks one thing at a time, and keeps in order what comes unasked.

A conversation that timed out, or in which something came that is no line of the protocol, is over.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from firmware_bridge import experiment_wire as wire
from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable
from firmware_bridge.experiment_wire import Told

MOST_UNREAD = 4000
"""Lines that wait for who reads them; then the bench has to wait, which keeps its samples."""

_REFUSALS: dict[str, type[DeviceError]] = {"not-now": NotNow, "not-json": BadReply, "bad-request": BadReply}


class BenchLink(asyncio.Protocol):
    """One connection. `heard` is called when there is something to `take`, or the line has ended."""

    def __init__(self, host: str, port: int, answer_s: float, heard: Callable[[], None]) -> None:
        self._host, self._port, self._answer_s, self._heard = host, port, answer_s, heard
        self._transport: asyncio.Transport | None = None
        self._unread: deque[Told] = deque()
        self._begun = b""
        self._asked = 0
        self._answer: asyncio.Future[Told] | None = None
        self._turn = asyncio.Lock()
        self._over: DeviceError | None = None
        self._closed = asyncio.Event()

    async def open(self) -> None:
        """Raises Unreachable."""
        try:
            async with asyncio.timeout(self._answer_s):
                await asyncio.get_running_loop().create_connection(lambda: self, self._host, self._port)
        except TimeoutError as slow:
            raise Unreachable(f"{self._place} does not answer") from slow
        except (OSError, UnicodeError) as wrong:
            raise Unreachable(f"{self._place}: {wrong}; is the bench switched on?") from wrong

    async def close(self) -> None:
        """Idempotent."""
        if self._transport is not None:
            self._transport.abort()
            await self._closed.wait()

    async def ask(self, do: str, **more: object) -> Told:
        """Its answer. Raises Refused or NotNow with its own words; Unreachable, Timeout or BadReply end the line."""
        async with self._turn:
            self.check()
            assert self._transport is not None
            self._asked += 1
            self._answer = asyncio.get_running_loop().create_future()
            try:
                self._transport.write(wire.request(self._asked, do, more))
                self._transport.resume_reading()  # the answer comes behind all that waits
                async with asyncio.timeout(self._answer_s):
                    answer = await self._answer
            except TimeoutError as slow:
                self._end(Timeout(f"{self._place} did not answer '{do}' within {self._answer_s:g} s"))
                assert self._over is not None
                raise self._over from slow
            except asyncio.CancelledError:
                self._end(Unreachable("the conversation was given up"))
                raise
            finally:
                self._answer = None
        if not answer.ok:
            raise _REFUSALS.get(answer.error, Refused)(answer.message or answer.error or "it refused")
        return answer

    def check(self) -> None:
        """Raises what has ended the line."""
        if self._over is not None:
            raise self._over

    def take(self) -> list[Told]:
        """What came unasked since."""
        took = list(self._unread)
        self._unread.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        return took

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Unreachable(f"{self._place} hung up"))
        self._closed.set()

    def data_received(self, data: bytes) -> None:
        *lines, self._begun = (self._begun + data).split(b"\n")
        try:
            for line in lines:
                if line:
                    self._take_in(wire.told(line))
            if len(self._begun) > wire.LONGEST_LINE:
                raise BadReply(f"it sent {wire.LONGEST_LINE} bytes without an end of line")
        except BadReply as wrong:
            self._end(wrong)
        if self._unread:
            self._heard()
        waits = len(self._unread) > MOST_UNREAD and self._answer is None
        if waits and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _take_in(self, said: Told) -> None:
        if said.ok is None:
            self._unread.append(said)
        elif self._answer is None or said.id != self._asked:
            raise BadReply(f"it answered {said.id!r}, which nobody asked")
        elif not self._answer.done():
            self._answer.set_result(said)

    def _end(self, why: DeviceError) -> None:
        if self._over is None:
            self._over = why
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._over)
        if self._transport is not None:
            self._transport.abort()
        self._heard()

    @property
    def _place(self) -> str:
        return f"{self._host}:{self._port}"
