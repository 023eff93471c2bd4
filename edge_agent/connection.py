"""One HTTP connection: a peer may hold only so many, and only so long without having asked for something.

Else anyone in the network could open connections until the agent has no file descriptor left for its own devices.
"""

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """uvicorn's, with bounds."""

    most: ClassVar[int] = 256
    most_of_one_address: ClassVar[int] = 64
    """A browser opens six at a time; several may come through one proxy."""
    request_s: ClassVar[float] = 10.0
    """How long a request may take to arrive; what is being answered, and a stream of events, may last."""

    _too_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._too_many():
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch()

    def _too_many(self) -> bool:
        peers = [other.client and other.client[0] for other in self.connections if isinstance(other, Connection)]
        of_one = peers.count(self.client and self.client[0])
        return len(self.connections) > self.most or of_one > self.most_of_one_address

    def _watch(self) -> None:
        """The clock runs from the moment when a request could begin until all of it is here."""
        waits = self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing()
        if waits and self._too_late is None:
            self._too_late = self.loop.call_later(self.request_s, self.transport.abort)
        elif not waits and self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
