"""How long views wait for a store: a year's chart, a room's latest, a school's totals, while live points come in.

    python -m tests.benchmarks.reads [--store sqlite|influx1|victoria] [--days 365] [--period 30] [--rooms 1]

Each room gets a year of one metric with a point every `period` seconds, older first, as a journal is drained; then the
store's own jobs (rollups) run until none is left, with the live hour still growing. Each question is asked ten times
over different rooms, and the slowest of them counts beside the median. `year_chart_ms` is 365 windows of a day with
count, mean, least, most and last; `raw_year_chart_ms` the same from InfluxDB's points alone, once.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.influx_store import InfluxStore
from cloud_ingest.store import Portion, Store, StoreUnavailable, store_of, wall_us
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, MINUTE_US, Span
from tests.cloud_ingest.victoria import victoria_metrics
from tests.servers import InfluxDB

_ASKED = 10
_PER_RUN = 2_000


class _Clock:
    ahead_us = 0

    def __call__(self) -> int:
        return wall_us() + self.ahead_us


def main() -> None:
    options = argparse.ArgumentParser(description="How long views wait for a store.")
    options.add_argument("--store", choices=("sqlite", "influx1", "victoria"), default="sqlite")
    options.add_argument("--days", type=int, default=365)
    options.add_argument("--period", type=float, default=30.0, help="Seconds between two points of a series.")
    options.add_argument("--rooms", type=int, default=1)
    chosen = options.parse_args()
    clock = _Clock()
    with tempfile.TemporaryDirectory(prefix="lophoc-reads-") as folder, _opened(chosen.store, folder, clock) as store:
        print(json.dumps(_measured(store, clock, chosen.days, chosen.period, chosen.rooms)))


def _measured(store: Store, clock: _Clock, days: int, period_s: float, rooms: int) -> dict[str, float]:
    end_us = wall_us()
    start_us = (end_us // DAY_US - days + 1) * DAY_US
    began = time.monotonic()
    points = _fill(store, start_us, end_us, round(period_s * 1e6), rooms)
    filled_s = time.monotonic() - began
    while store.count("thcs") != points:  # VictoriaMetrics shows points a second later
        assert time.monotonic() < began + filled_s + 30.0, f"{store.count('thcs')} of {points} points"
        time.sleep(0.1)
    print(f"{points} points in {filled_s:.1f} s", file=sys.stderr)
    clock.ahead_us = MINUTE_US  # rollups wait until an hour is quiet
    began = time.monotonic()
    steps = 0
    while store.tend(clock()):
        steps += 1
    tended_s = time.monotonic() - began
    print(f"{steps} steps of its own jobs in {tended_s:.1f} s", file=sys.stderr)
    clock.ahead_us += MINUTE_US
    year = Span(start_us, end_us)
    figures: dict[str, float] = {
        "points": points, "points_per_s": round(points / filled_s), "rollup_s": round(tended_s, 2)
    }  # fmt: skip
    room = iter(range(10**9))

    def one() -> Series:
        return _series(next(room) % rooms)

    figures |= _timed("year_chart", lambda: len(store.windows("thcs", one(), year, DAY_US)), days)
    week = Span(end_us - 7 * DAY_US, end_us)
    figures |= _timed("week_chart", lambda: len(store.windows("thcs", one(), week, 15 * MINUTE_US)), 600)
    quarter = Span(end_us - 15 * MINUTE_US, end_us)
    figures |= _timed("quarter_hour_chart", lambda: len(store.windows("thcs", one(), quarter, MINUTE_US)), 14)
    old = Span(start_us + DAY_US, start_us + 2 * DAY_US)
    figures |= _timed("old_day_chart", lambda: len(store.windows("thcs", one(), old, FIVE_MINUTES_US)), 288)
    figures |= _timed("room_latest", lambda: len(store.latest("thcs", one().room)), 1)
    figures |= _timed("day_by_school", lambda: len(store.by_school("co2_ppm", Span(end_us - DAY_US, end_us))), 1)
    if isinstance(store, InfluxStore):
        began = time.perf_counter()
        with contextlib.suppress(StoreUnavailable):  # it gives up after ten seconds
            store._reads.windows("thcs", one(), year.widened(DAY_US), DAY_US)
        figures["raw_year_chart_ms"] = round((time.perf_counter() - began) * 1000, 1)
    return figures


def _fill(store: Store, start_us: int, end_us: int, period_us: int, rooms: int) -> int:
    """As a few gateways would that catch up: each write has a run of each room."""
    count = 0
    for first_us in range(start_us, end_us, period_us * _PER_RUN):
        times = [*range(first_us, min(first_us + period_us * _PER_RUN, end_us), period_us)]
        values = [400.0 + time_us // period_us % 977 / 8 for time_us in times]
        store.write([Portion("thcs", [Run(_series(room), False, times, [*values]) for room in range(rooms)])])
        count += len(times) * rooms
    return count


def _timed(name: str, ask: Callable[[], int], at_least: int) -> dict[str, float]:
    took = []
    for _ in range(_ASKED):
        began = time.perf_counter()
        found = ask()
        took.append((time.perf_counter() - began) * 1000)
        assert found >= at_least, f"{name}: {found} of {at_least}"
    return {f"{name}_ms": round(statistics.median(took), 1), f"{name}_max_ms": round(max(took), 1)}


def _series(room: int) -> Series:
    return Series(Measurement.READING, f"a{room}", "co2", "air", "co2_ppm")


@contextmanager
def _opened(kind: str, folder: str, clock: _Clock) -> Iterator[Store]:
    if kind == "influx1":
        with InfluxDB(Path(folder)) as server, _store(f"influx1://{server.address}/lophoc", clock) as store:
            yield store
    elif kind == "victoria":
        with victoria_metrics(Path(folder)) as address, _store(f"victoria://{address}", clock) as store:
            yield store
    else:
        with _store(f"sqlite:///{folder}/store.sqlite?raw_days=400", clock) as store:
            yield store


@contextmanager
def _store(url: str, clock: _Clock) -> Iterator[Store]:
    store = store_of(url, clock)
    try:
        store.open()
        yield store
    finally:
        store.close()


if __name__ == "__main__":
    main()
