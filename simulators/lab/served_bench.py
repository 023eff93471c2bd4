"""A bench at a TCP port: the other end of the wire that the experiment's driver opens."""

import asyncio
import secrets
import socket
from collections.abc import Iterable, Mapping
from typing import Self

from simulators.experiments import Found
from simulators.faults import Faults
from simulators.lab import requests
from simulators.lab.bench import Bench
from simulators.lab.experiment import WrongParameter
from simulators.lab.page import described
from simulators.lab.requests import BadRequest
from simulators.lab.run import DEFAULT_RATE_HZ
from simulators.lab.software import software

FAULTS = {
    "silent": "takes requests, answers nothing and streams nothing",
    "garbage": "what it sends is not JSON",
    "refuse": "starts, pauses, resets and sets nothing (error 'not-now')",
    "drop": "hangs up at each request",
}
_MOST_WAITING = 4 * 1024 * 1024
"""Bytes that wait for a client who does not read; then it is hung up on, and can ask for what it missed."""

_IN_THE_KERNEL = 65_536
"""Little waits where we cannot count it."""


class ServedBench:
    """A bench, its address, and what it was asked: `bench`, `received`, `connections`."""

    def __init__(
        self,
        found: Found,
        port: int = 0,
        host: str = "127.0.0.1",
        settings: Mapping[str, object] | None = None,
        seed: int = 0,
        rate_hz: float = DEFAULT_RATE_HZ,
        speed: float = 1.0,
        ideal: bool = False,
        faults: Iterable[str] = (),
    ) -> None:
        """Raises WrongParameter."""
        self.host, self.port = host, port
        self.bench = Bench(found, settings, seed, rate_hz, speed, ideal)
        self.faults = Faults(FAULTS, faults)
        self.session = secrets.token_hex(8)
        """Another for each process: run 1 of one is not run 1 of the next."""
        self.received: list[str] = []
        """What each request asked for: 'start', 'set'."""
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        return len(self._links)

    def hang_up(self) -> None:
        """End all connections, as a cable does that is pulled."""
        for link in tuple(self._links):
            link.hang_up()

    async def __aenter__(self) -> Self:
        """Raises OSError if the port is taken."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Link(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.bench.close()
        self.hang_up()
        await self._server.wait_closed()
        await self.bench.changes.until(lambda: not self._links)

    def came(self, link: "_Link") -> None:
        self._links.add(link)
        self.bench.changes.tell()

    def went(self, link: "_Link") -> None:
        self._links.discard(link)
        self.bench.listeners.discard(link.send)
        self.bench.changes.tell()

    def answer(self, link: "_Link", line: bytes) -> bytes:
        """Do what is asked; the answer tells what came of it."""
        try:
            request = requests.parse(line)
        except BadRequest as bad:
            return requests.refusal(bad.request_id, bad.code, str(bad))
        self.received.append(str(request.__struct_config__.tag))
        if "refuse" in self.faults and isinstance(
            request, requests.Start | requests.Pause | requests.Reset | requests.Set
        ):
            return requests.refusal(request.id, "not-now", "the bench takes no commands now")
        try:
            return self._done(link, request)
        except WrongParameter as wrong:
            return requests.refusal(request.id, wrong.code, str(wrong), wrong.parameter)

    def _done(self, link: "_Link", request: requests.AnyRequest) -> bytes:
        bench = self.bench
        match request:
            case requests.Describe():
                return requests.answer(request.id, describe={**described(bench.found), **self._lineage()})
            case requests.Start():
                bench.start()
                if bench.fault:
                    return requests.refusal(request.id, "fault", bench.fault)
            case requests.Pause():
                bench.pause()
            case requests.Reset(seed=seed):
                if seed is not None and seed < 0:
                    return requests.refusal(request.id, "bad-request", f"a seed is 0 or more, not {seed}")
                bench.reset(seed)
            case requests.Set(values=values):
                effects = bench.set(values)
                return requests.answer(request.id, status=bench.status(), effects=effects)
            case requests.Stream(on=on, from_=wanted):
                return self._stream(link, request, on, wanted)
            case _:
                pass
        return requests.answer(request.id, status=bench.status())

    def _lineage(self) -> dict[str, object]:
        """What, with settings and seed, it takes to have the same bits again, and by which process they were made."""
        run = self.bench.run
        return {
            "rate_hz": run.rate_hz, "speed": self.bench.speed, "ideal": run.ideal, "session": self.session,
            "software": software(),
        }  # fmt: skip

    def _stream(self, link: "_Link", request: requests.Stream, on: bool, wanted: int | None) -> bytes:
        bench = self.bench
        if not on:
            bench.listeners.discard(link.send)
            return requests.answer(request.id, status=bench.status())
        first, missed = bench.samples_from(max(0, bench.run.next_n if wanted is None else wanted))
        bench.listeners.add(link.send)
        return requests.answer(request.id, status=bench.status(), first_n=first) + b"".join(missed)


class _Link(asyncio.Protocol):
    """One client: its lines, and the way back to it."""

    def __init__(self, served: ServedBench) -> None:
        self._served = served
        self._unread = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        wire: socket.socket = transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _IN_THE_KERNEL)
        self._served.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._served.went(self)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while self._transport is not None and (end := self._unread.find(b"\n")) >= 0:
            line = bytes(self._unread[:end]).strip()
            del self._unread[: end + 1]
            if line:
                self._asked(line)
        if len(self._unread) > requests.LONGEST_LINE:
            self.hang_up()

    def send(self, line: bytes) -> None:
        transport, faults = self._transport, self._served.faults
        if transport is None or transport.is_closing() or "silent" in faults:
            return
        transport.write(b"\x00{]?\n" if "garbage" in faults else line)
        if transport.get_write_buffer_size() > _MOST_WAITING:
            self.hang_up()

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _asked(self, line: bytes) -> None:
        if "drop" in self._served.faults:
            self.hang_up()
            return
        self.send(self._served.answer(self, line))
