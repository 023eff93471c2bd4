"""One life of a gateway in the chaos run: the real journal and uplink, rising numbers, a clock that obeys.

    python -m tests.chaos.gateway '{"journal": ..., "boot": ..., "broker": ..., ...}'      see `Life`

It prints `durable N` when, in every series, every number of this life below N is on the disk. It reads from standard
input `clock SHIFT_S TRUSTED` (seconds beside the true time, 0 or 1) and `finish`: produce no more, have everything
acknowledged, print `finished {counts}` and end.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from classroom_profiles.telemetry import Point
from classroom_profiles.topics import Address
from edge_agent.clock import Moment, moment_of
from edge_agent.journal import Journal, JournalUnwritable
from edge_agent.uplink import Uplink
from tests.chaos.series import KINDS, LIFE

_BURST_EVERY = 40
_BURST = 15
_SAY_S = 0.02
_ANSWER_S = 1.0


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told at its start."""

    journal: str
    boot: str
    broker: str
    school: str
    room: str
    number: int
    every_s: float
    """One point in each series, now and then a burst of them."""
    shift_s: float
    trusted: bool
    max_bytes: int


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """The journal's own counts, once nothing waits."""

    stored: int
    dropped: Mapping[str, int]
    refused: Mapping[str, int]
    set_aside: int
    corrupt: int


class Clock:
    """The wall clock, as wrong as it was told to be."""

    def __init__(self, shift_s: float, trusted: bool) -> None:
        self.shift_s = shift_s
        self.trusted = trusted

    def __call__(self) -> Moment:
        return moment_of(self.now_us(), time.monotonic_ns() // 1000, trusted=self.trusted)

    def now_us(self) -> int:
        return time.time_ns() // 1000 + round(self.shift_s * 1_000_000)


class Gateway:
    def __init__(self, life: Life, journal: Journal, clock: Clock) -> None:
        self._life = life
        self._journal = journal
        self._clock = clock
        self._made = 0
        self._series = [(kind, kind.series(life.room)) for kind in KINDS]
        self._stop = asyncio.Event()
        self._over = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen(), name="listen")
            saying = tasks.create_task(self._say(), name="say")
            await self._produce()
            await self._over.wait()
            listening.cancel()
            saying.cancel()

    async def _produce(self) -> None:
        rounds = 0
        while not self._stop.is_set():
            rounds += 1
            for _ in range(_BURST if rounds % _BURST_EVERY == 0 else 1):
                self._write()
            await asyncio.sleep(self._life.every_s)

    def _write(self) -> None:
        number, now_us = self._life.number * LIFE + self._made, self._clock.now_us()
        self._journal.write([Point(series, now_us, kind.value(number)) for kind, series in self._series])
        self._made += 1

    async def _say(self) -> None:
        said = -1
        while True:
            stopping, made = self._stop.is_set(), self._made
            try:
                await self._journal.flush()
            except JournalUnwritable:
                await asyncio.sleep(_SAY_S)
                continue
            if made != said:
                print("durable", made, flush=True)
                said = made
            if stopping and not self._journal.backlog:
                await asyncio.sleep(1.0)  # what was settled last is let go of within half a second
                print("finished", msgspec.json.encode(self._counts()).decode(), flush=True)
                self._over.set()
                return
            await asyncio.sleep(_SAY_S)

    def _counts(self) -> Finished:
        journal = self._journal
        return Finished(
            stored=journal.stored,
            dropped={name.value: number for name, number in journal.dropped.items() if number},
            refused=dict(journal.refused),
            set_aside=journal.set_aside,
            corrupt=journal.corrupt,
        )

    async def _listen(self) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        try:
            while line := await reader.readline():
                match line.decode().split():
                    case ["clock", shift_s, trusted]:
                        self._clock.shift_s, self._clock.trusted = float(shift_s), trusted == "1"
                    case ["finish"]:
                        self._stop.set()
        finally:
            transport.close()


async def main(life: Life) -> None:
    clock = Clock(life.shift_s, life.trusted)
    address = Address(life.school, life.room)
    async with Journal.open(Path(life.journal), life.boot, life.max_bytes, seal_s=0.2, clock=clock) as journal:
        uplink = Uplink(life.broker, address, journal, lambda: None, answer_s=_ANSWER_S)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(uplink.run(), name="uplink")
            await Gateway(life, journal, clock).run()
            sending.cancel()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Life)))
