"""The benches' samples as server-sent events: encoded once for all who listen, twenty times a second at most.

    sample ─► its bench's rows ─► (50 ms) one message a bench ─► each listener's own few messages ─► its connection

A listener that does not keep up loses its oldest messages, and sees it: samples are numbered. Nobody else waits for it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec

from edge_agent.events import HEARTBEAT_S, TooManyStreams
from edge_agent.run import Column, Row, Run
from edge_agent.runs import Runs

TICK_S = 0.05
TAIL = 600
"""Samples of each bench that a new listener gets at once: half a minute at 20 Hz."""
MOST, MOST_OF_ONE_ADDRESS = 24, 6
_MOST_WAITING = 100
"""Messages of one listener: five seconds."""
_HEARTBEAT = b"event: heartbeat\ndata: {}\n\n"


@dataclass(slots=True)
class _Bench:
    run: str = ""
    columns: tuple[Column, ...] = ()
    tail: deque[Row] = field(default_factory=lambda: deque(maxlen=TAIL))
    fresh: list[Row] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Listener:
    bench: str | None
    waiting: deque[bytes] = field(default_factory=lambda: deque(maxlen=_MOST_WAITING))
    news: asyncio.Event = field(default_factory=asyncio.Event)


class LabStream:
    """`run` while the room lives."""

    def __init__(
        self,
        runs: Runs,
        *,
        tick_s: float = TICK_S,
        heartbeat_s: float = HEARTBEAT_S,
        most: int = MOST,
        most_of_one_address: int = MOST_OF_ONE_ADDRESS,
    ) -> None:
        self._runs, self._tick_s, self._heartbeat_s = runs, tick_s, heartbeat_s
        self._most, self._most_of_one = most, most_of_one_address
        self._benches = {bench: _Bench() for bench in runs.benches}
        self._listeners: set[_Listener] = set()
        self._open: Counter[str] = Counter()
        self._fresh = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        with self._runs.listen(self._hear):
            while True:
                await self._fresh.wait()
                await asyncio.sleep(self._tick_s)
                self._fresh.clear()
                self._tell()

    def check(self, address: str) -> None:
        """Raises TooManyStreams."""
        if self._open.total() >= self._most or self._open[address] >= self._most_of_one:
            raise TooManyStreams

    async def stream(
        self, address: str, bench: str | None, may_look: Callable[[], bool], heard: Callable[[], None]
    ) -> AsyncIterator[bytes]:
        """Of one bench or of all, until the listener has gone or may look no longer. `heard`: called while it lives."""
        try:
            self.check(address)
        except TooManyStreams:
            return
        listener = _Listener(bench)
        self._open[address] += 1
        self._listeners.add(listener)
        try:
            yield b"".join(self._tail(name) for name in self._benches if bench in (None, name)) or _HEARTBEAT
            now = asyncio.get_running_loop().time
            beat_at = now()
            while True:
                try:
                    async with asyncio.timeout_at(beat_at):
                        await listener.news.wait()
                except TimeoutError:
                    heard()
                    if not may_look():
                        return
                    beat_at = now() + self._heartbeat_s
                    yield _HEARTBEAT
                else:
                    listener.news.clear()
                    said = b"".join(listener.waiting)
                    listener.waiting.clear()
                    yield said
        finally:
            self._listeners.discard(listener)
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def _hear(self, bench_id: str, run: Run, row: Row) -> None:
        bench = self._benches[bench_id]
        if bench.run != run.id or len(bench.columns) != len(run.columns):
            if bench.fresh and self._listeners:
                self._send(bench_id, _message(bench_id, bench, bench.fresh))
            if bench.run != run.id:
                bench.tail.clear()
            bench.fresh = []
            bench.run, bench.columns = run.id, run.columns
        bench.tail.append(row)
        if self._listeners:
            bench.fresh.append(row)
            self._fresh.set()

    def _tell(self) -> None:
        """Joined once for all who listen to all."""
        every = []
        for bench_id, bench in self._benches.items():
            if bench.fresh:
                rows, bench.fresh = bench.fresh, []
                every.append((bench_id, _message(bench_id, bench, rows)))
        joined = b"".join(message for _, message in every)
        for listener in self._listeners:
            said = joined if listener.bench is None else b"".join(m for name, m in every if name == listener.bench)
            if said:
                listener.waiting.append(said)
                listener.news.set()

    def _send(self, bench_id: str, message: bytes) -> None:
        for listener in self._listeners:
            if listener.bench in (None, bench_id):
                listener.waiting.append(message)
                listener.news.set()

    def _tail(self, bench_id: str) -> bytes:
        bench = self._benches[bench_id]
        waiting = {row.n for row in bench.fresh}
        rows = [row for row in bench.tail if row.n not in waiting]
        return _message(bench_id, bench, rows) if rows else b""


def _message(bench_id: str, bench: _Bench, rows: list[Row]) -> bytes:
    """Column by column, as a chart takes it; null where a sample has no value."""
    columns = {
        one.name: [row.values[k] if k < len(row.values) else None for row in rows]
        for k, one in enumerate(bench.columns)
    }
    content = {
        "bench": bench_id,
        "run": bench.run,
        "n": [row.n for row in rows],
        "time": [row.time_us / 1e6 for row in rows],
        "t_s": [row.t_s for row in rows],
        "values": columns,
    }
    return b"event: samples\ndata: " + msgspec.json.encode(content) + b"\n\n"  # it writes NaN as null
