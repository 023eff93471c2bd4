"""How many points a second the centre takes, beside the store's own ceiling in the same run.

    python -m tests.benchmarks.ingest [--store influx1|victoria|sqlite] [--seconds S] [--metrics N] [--points N]

Broker, receiver, store and the city that sends all run on this machine. In turns, so that a noisy machine is noisy
for both: the ceiling, which is prepared line protocol of the same shape (same series, same number of points of each)
posted straight to the store on two connections, 5,000 lines a time; and the city as fast as answers come, counted
where the store has confirmed. For SQLite, which has no server, the ceiling is the store's own write of prepared
points.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Run
from cloud_ingest.line_protocol import lines
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion
from simulators.city_batches import series_of
from tests.benchmarks.centre import Centre, Place, centre, median, report, store

_ROOMS = 20
_LINES = 5_000
_CEILING_DAY_S = 1_700_000_000
_TURNS = 3


def prepared(gateways: int, metrics: int, points: int) -> list[Portion]:
    """One batch of each gateway, at times that `later` can move."""
    times = [(_CEILING_DAY_S + number) * 1_000_000 for number in range(points)]
    made = []
    for gateway in range(gateways):
        runs = []
        for number, series in enumerate(series_of(f"r{gateway % _ROOMS:03}", metrics)):
            flag = series.metric in ("power", "switch", "down", "open")
            values: list[Value] = [
                flag if flag else round(400 + 7.3 * number + place / 10, 1) for place in range(points)
            ]
            runs.append(Run(series, True, times, values))
        made.append(Portion(f"ceiling-{gateway // _ROOMS:04}", runs))
    return made


def ceiling_http(place: Place, portions: Sequence[Portion], points: int, seconds: float) -> float:
    """Points a second that the store takes from two connections of its own."""
    made = [line for portion in portions for run in portion.runs for line in lines(portion.school, run)]
    bodies = ["\n".join(made[at : at + _LINES]).encode() for at in range(0, len(made), _LINES)]
    counts = [min(_LINES, len(made) - at) for at in range(0, len(made), _LINES)]
    parts = urlsplit(place.write_url)
    done = [0, 0]
    until = time.perf_counter() + seconds

    def post(worker: int) -> None:
        connection = HTTPConnection(parts.hostname or "", parts.port)
        turn = worker
        while time.perf_counter() < until:
            number, lap = turn % len(bodies), turn // len(bodies)
            turn += 2
            later = _later(bodies[number], lap * points, points)
            connection.request("POST", f"{parts.path}?{parts.query}", later)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204, answer.status
            done[worker] += counts[number]
        connection.close()

    return _rate(post, done)


def ceiling_sqlite(path: Path, portions: Sequence[Portion], points: int, seconds: float) -> float:
    """Points a second that the store writes when nothing but it has to be done."""
    target = SqliteStore(str(path))
    target.open()
    done = [0]
    until = time.perf_counter() + seconds

    def write(_: int) -> None:
        step, lap = max(1, target.points_per_write // portions[0].points), 0
        while time.perf_counter() < until:
            for at in range(0, len(portions), step):
                some = [_moved(portion, lap * points) for portion in portions[at : at + step]]
                target.write(some)
                done[0] += sum(portion.points for portion in some)
            lap += 1

    try:
        return _rate(write, done)
    finally:
        target.close()


def ingested(at: Centre, options: Sequence[str], seconds: float) -> tuple[float, dict[str, Any], dict[str, float]]:
    """Points a second between the first and the last that the store confirmed; the city's report; µs a point."""
    before = at.stored_points()
    samples = [(time.monotonic(), 0.0)]
    cpu, spent = at.all_cpu_s(), {}
    with at.city(*options, "--period", "0", "--seconds", str(seconds)) as city:
        until = time.monotonic() + seconds + 25
        while time.monotonic() < until:
            samples.append((time.monotonic(), at.stored_points() - before))
            if samples[-1][1] > samples[-2][1]:
                spent = at.all_cpu_s()
            if city.poll() is not None:
                break
            if len(samples) > 20 and samples[-20][1] == samples[-1][1] > 0:
                break  # all is stored; only acks are held back
            time.sleep(0.1)
        last = samples[-1][1]
        begin = max(moment for moment, stored in samples if stored == 0)
        end = min(moment for moment, stored in samples if stored == last)
        costs = {name: 1e6 * (used - cpu.get(name, 0.0)) / last for name, used in spent.items()}
        return last / (end - begin), report(city, 40), costs


def measure(kind: str, seconds: float, metrics: int, points: int, window: int, directory: Path) -> dict[str, Any]:
    gateways = 10 * _ROOMS
    shape = prepared(gateways, metrics, points)
    options = ["--schools", "10", "--rooms", str(_ROOMS), "--metrics", str(metrics), "--points", str(points)]
    options += ["--window", str(window), "--answer", "20"]  # VictoriaMetrics' acks are held back for 12 s
    ceilings, rates, costs = [], [], []
    sent, answered, unanswered = 0, 0, 0
    with store(kind, directory) as place, centre(place, directory) as at:
        for turn in range(_TURNS):
            if kind == "sqlite":
                path = directory / f"ceiling-{turn}.sqlite"
                ceilings.append(ceiling_sqlite(path, shape, points, seconds))
                with suppress(OSError):
                    path.unlink()
            else:
                ceilings.append(ceiling_http(place, shape, points, seconds))
            rate, found, used = ingested(at, [*options, "--back", str(3 - turn / 10)], seconds)
            rates.append(rate)
            costs.append(used)
            sent += found["produced_points"]
            answered += found["acked_points"]
            unanswered += found["unanswered_batches"]
    best = median(ceilings)
    return {
        "store": kind,
        "points_per_s": round(median(rates)),
        "ceiling_points_per_s": round(best),
        "ratio": round(median(rates) / best, 3),
        "us_per_point": {name: round(median([each[name] for each in costs]), 2) for name in costs[0]},
        "series": gateways * metrics,
        "points_per_batch": metrics * points,
        "produced": sent,
        "acked": answered,
        "unanswered_batches": unanswered,
        "turns": [[round(rate), round(most)] for rate, most in zip(rates, ceilings, strict=True)],
    }


def _rate(work: Callable[[int], None], done: list[int]) -> float:
    started = time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(done))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)


def _later(body: bytes, seconds: int, points: int) -> bytes:
    """The same lines later: their whole seconds are replaced."""
    for number in reversed(range(points)):
        at = _CEILING_DAY_S + number
        body = body.replace(b" %d" % at, b" %d" % (at + seconds))
    return body


def _moved(portion: Portion, seconds: int) -> Portion:
    times = [time_us + seconds * 1_000_000 for time_us in portion.runs[0].times_us]
    return Portion(portion.school, [Run(run.series, run.simulated, times, run.values) for run in portion.runs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("influx1", "victoria", "sqlite"), default="influx1")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each of three turns of each of the two")
    parser.add_argument("--metrics", type=int, default=100, help="series of one gateway")
    parser.add_argument("--points", type=int, default=1, help="points of a series in a batch")
    parser.add_argument("--window", type=int, help="batches unanswered in all")
    arguments = parser.parse_args()
    window = arguments.window or (60_000 if arguments.store == "victoria" else 400)
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        figures = measure(
            arguments.store, arguments.seconds, arguments.metrics, arguments.points, window, Path(made)
        )  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
