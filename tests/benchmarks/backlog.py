"""An outage kept and drained: how large the journal becomes, how fast it goes, and if live points arrive meanwhile.

    python -m tests.benchmarks.backlog [--points N] [--store sqlite|influx1|victoria] [--live R] [--jitter US]
        [--full-precision]

1. A gateway without a centre writes `points` points: rooms of twenty metrics, 100 points a second in their own time,
   as fast as the disk takes them here. `journal_bytes` is what is on the disk then, log and all; it is put in
   proportion to seven days (60,480,000 points). `--points 60480000` writes them all; it takes some minutes.
2. Broker and `lophoc ingest` are started. The gateway goes on with `live` points a second while its uplink drains the
   backlog. A live point's lag is from its writing to the centre's word that it is stored. `drain_second_half_…` is how
   fast the second half went, when the uplink had learned how much it has to have on its way: VictoriaMetrics makes each
   answer twelve seconds late, so give it 6,000,000 points or more.
3. All the time the event loop is asked to wake every 2 ms: how late it is, and how long each `write` takes, is what the
   journal costs the agent; `idle_loop_…` is the same loop, in turns with it, while nothing is written.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

from classroom_profiles.telemetry import Ack, Measurement, Point, Series, decode
from classroom_profiles.topics import Address
from cloud_ingest.store import store_of
from edge_agent.clock import Moment
from edge_agent.journal import Journal
from edge_agent.journal_places import Parcel
from edge_agent.uplink import Uplink
from lophoc.broker import start_broker
from lophoc.children import children
from tests.benchmarks.centre import store as place_of
from tests.benchmarks.sample_room import periods

_WEEK_POINTS = 7 * 86_400 * 100
_ROOMS = 5
_PERIOD_US = 1_000_000
"""Five rooms of twenty metrics, each once a second: 100 points a second."""
_BOOT = "3f1c0a52-6f0e-4c61-9f2b-5f6f8f0b7d11"
_LIVE = "live"
"""The room of the points that are written while the backlog is drained."""


class Watched(Journal):
    """A journal that says when live points were settled."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.lags_s: list[float] = []
        self.live_from = 0

    def settle(self, parcel: Parcel, ack: Ack) -> None:
        super().settle(parcel, ack)
        if parcel.id <= self.live_from:
            return
        now_us = time.time_ns() // 1000
        for run in decode(parcel.payload, {parcel.layout.key: parcel.layout}).columns:
            if run.series.room == _LIVE:
                self.lags_s += [(now_us - time_us) / 1e6 for time_us in run.times_us]


def outage(points: int, jitter_us: int, full_precision: bool) -> Iterator[list[Point]]:
    """A second at a time, oldest first, so that the last is now."""
    chance = random.Random(1)
    seconds = points // (20 * _ROOMS)
    start_us = time.time_ns() // 1000 // _PERIOD_US * _PERIOD_US - seconds * _PERIOD_US
    rooms = [periods(room, f"a{room}", start_us, _PERIOD_US, jitter_us) for room in range(_ROOMS)]
    for _ in range(seconds):
        some = [point for room in rooms for point in next(room)]
        if full_precision:
            some = [replace(point, value=float(point.value) + chance.random()) for point in some]
        yield some


async def fill(journal: Journal, seconds: Iterator[list[Point]]) -> float:
    """How long it took."""
    began = time.perf_counter()
    while some := list(islice(seconds, 200)):
        for each in some:
            journal.write(each)
        await journal.flush()
    return time.perf_counter() - began


async def pulse(late_s: list[float]) -> None:
    """How late the loop is, every 2 ms."""
    loop = asyncio.get_running_loop()
    while True:
        at = loop.time() + 0.002
        await asyncio.sleep(0.002)
        late_s.append(loop.time() - at)


async def live(journal: Journal, room: str, rate: float, took_s: list[float]) -> None:
    """Twenty points at a time, `rate` points a second."""
    loop = asyncio.get_running_loop()
    every = [Series(Measurement.READING, room, "probe", "sensor", f"m{n}") for n in range(20)]
    began = loop.time()
    for number in count():
        await asyncio.sleep(max(0.0, began + number * 20 / rate - loop.time()))
        now_us = time.time_ns() // 1000
        points = [Point(series, now_us, float(number)) for series in every]
        before = time.perf_counter()
        journal.write(points)
        took_s.append(time.perf_counter() - before)


@contextlib.asynccontextmanager
async def running(*works: Any) -> Any:
    """Tasks for as long as the block lasts."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, Exception):
                raise done


def percentile_ms(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else 0.0


def _answered(journal: Journal) -> int:
    """VictoriaMetrics keeps one point of a series a millisecond and refuses the others."""
    return journal.stored + sum(journal.refused.values())


async def drained(journal: Watched, broker: str, rate: float) -> dict[str, Any]:
    """Send all of it, with live points coming."""
    late: list[float] = []
    took: list[float] = []
    first, answered = journal.backlog, _answered(journal)
    journal.live_from = journal.newest
    uplink = Uplink(broker, Address("bench", "gw-1"), journal, lambda: None)
    began = time.perf_counter()
    async with running(uplink.run()):
        async with running(live(journal, _LIVE, rate, took), pulse(late)):
            half_s, half = 0.0, 0
            while (gone := _answered(journal) - answered - len(journal.lags_s)) < first:
                await asyncio.sleep(0.01)
                if gone >= first / 2 and not half_s:
                    half_s, half = time.perf_counter() - began, gone
            seconds = time.perf_counter() - began
        while journal.backlog:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
    return {
        "drain_points_per_s": round(first / seconds),
        "drain_second_half_points_per_s": round((first - half) / (seconds - half_s)) if half_s else 0,
        "drain_s": round(seconds, 1),
        "live_points": len(journal.lags_s),
        "live_p50_s": round(percentile_ms(journal.lags_s, 0.5) / 1000, 3),
        "live_p99_s": round(percentile_ms(journal.lags_s, 0.99) / 1000, 3),
        "live_max_s": round(max(journal.lags_s, default=0.0), 3),
        "write_p999_ms": percentile_ms(took, 0.999),
        "loop_p999_ms": percentile_ms(late, 0.999),
        "loop_max_ms": percentile_ms(late, 1.0),
    }


async def appended(journal: Journal, rate: float, turns: int = 6, turn_s: float = 0.6) -> dict[str, float]:
    """The loop while `rate` points a second are written, and while nothing is, in turns: both see the same machine."""
    idle: list[float] = []
    late: list[float] = []
    took: list[float] = []
    for _ in range(turns):
        async with running(pulse(idle)):
            await asyncio.sleep(turn_s)
        async with running(live(journal, "busy", rate, took), pulse(late)):
            await asyncio.sleep(turn_s)
        await journal.flush()
    return {
        "append_points_per_s": rate,
        "append_write_p999_ms": percentile_ms(took, 0.999),
        "append_loop_p50_ms": percentile_ms(late, 0.5),
        "append_loop_p99_ms": percentile_ms(late, 0.99),
        "append_loop_p999_ms": percentile_ms(late, 0.999),
        "idle_loop_p99_ms": percentile_ms(idle, 0.99),
        "idle_loop_p999_ms": percentile_ms(idle, 0.999),
    }


def distinct(url: str) -> int:
    """Points in the store, each counted once."""
    store = store_of(url)
    store.open(create=False)
    try:
        return store.count("bench")
    finally:
        store.close()


def size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.iterdir() if file.name.startswith("journal.sqlite"))


async def measure(seconds: Iterator[list[Point]], store: str, rate: float, directory: Path) -> dict[str, Any]:
    now = Moment(time.time_ns() // 1000 - time.monotonic_ns() // 1000, trusted=True)
    folder = directory / "journal"
    folder.mkdir()
    async with Watched.open(folder / "journal.sqlite", _BOOT, clock=lambda: now) as journal:
        took_s = await fill(journal, seconds)
        kept = journal.backlog
    journal_bytes = size(folder)
    async with Watched.open(folder / "journal.sqlite", _BOOT, clock=lambda: now) as journal:
        figures = await appended(journal, 2_000.0)
        async with children(directory) as parts:
            broker, kind = await start_broker(parts, directory)
            with place_of(store, directory) as place:
                await parts.lophoc("ingest", "ingest", "--broker", broker, "--store", place.url)
                figures |= await drained(journal, broker, rate)
                distinct_in_store = await asyncio.to_thread(distinct, place.url)
                figures |= {"acknowledged": journal.stored, "distinct_in_store": distinct_in_store}
        dropped, refused = sum(journal.dropped.values()), sum(journal.refused.values())
    return {
        "points": kept,
        "journal_bytes": journal_bytes,
        "bytes_per_point": round(journal_bytes / kept, 2),
        "week_gib": round(journal_bytes / kept * _WEEK_POINTS / 2**30, 3),
        "fill_points_per_s": round(kept / took_s),
        **figures,
        "dropped": dropped,
        "refused": refused,
        "store": store,
        "broker": kind,
    }


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000, help="of the outage; 60480000 are seven days")
    parser.add_argument("--store", choices=("sqlite", "influx1", "victoria"), default="sqlite")
    parser.add_argument("--live", type=float, default=200.0, help="live points a second while it is drained")
    parser.add_argument("--jitter", type=int, default=1_500, help="microseconds by which each reading's time differs")
    parser.add_argument("--full-precision", action="store_true", help="values of 17 digits instead of the sensors'")
    arguments = parser.parse_args()
    seconds = outage(arguments.points, arguments.jitter, arguments.full_precision)
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        figures = asyncio.run(measure(seconds, arguments.store, arguments.live, Path(made)))
    print(json.dumps({**figures, "jitter_us": arguments.jitter, "full_precision": arguments.full_precision}))


if __name__ == "__main__":
    main()
