"""A whole city for a while: rate, lag and processor time; or the cost of a point from 100 to 27,000 gateways.

    python -m tests.benchmarks.city [--seconds S] [--store influx1|sqlite|victoria]
    python -m tests.benchmarks.city --flat [--settle S] [--plot FILE.svg]

27,000 rooms (900 schools of 30) send 20 metrics every 10 s: 54,000 points/s. The city has been running for a while:
its series exist in the store before it starts, and its first period, in which each gateway introduces itself with its
layout, is a warm-up. `lag_p99_s` runs from the moment a point was due to the moment its gateway heard that it is
stored. `cores` is the processor time of the receiver and the broker together. With VictoriaMetrics the lag has the
seconds in which acks are held back.

With `--flat` the same 27,000 points/s come from 100, 1,000, 9,000 and 27,000 gateways. Each size is measured once it
has run for `--settle` seconds: by then all is over that a worker does once after its start, such as writing down every
device, looking at every series for the first time, and asking the store which hours were due.
"""

import argparse
import json
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cloud_ingest.line_protocol import prefix
from simulators.city_batches import series_of
from tests.benchmarks.centre import Place, centre, report, store
from tests.benchmarks.plot import Line, chart

_METRICS = 20
_ROOMS = 30
_FLAT = (100, 1_000, 9_000, 27_000)
_FLAT_POINTS_PER_S = 27_000
_SETTLE_S = 70.0
_FLAGS = ("power", "switch", "down", "open")


def introduce(place: Place, schools: int, rooms: int) -> float:
    """Make all series with one point each from an hour ago; how many seconds that took. A file needs none of it."""
    started = time.monotonic()
    if not place.write_url:
        return 0.0
    parts = urlsplit(place.write_url)
    connection = HTTPConnection(parts.hostname or "", parts.port)
    hour_ago_us = int((time.time() - 3600) * 1e6)
    of_room = [series_of(f"r{room:03}", _METRICS) for room in range(rooms)]
    some: list[str] = []
    for school in range(schools):
        for series in (each for room in of_room for each in room):
            field = "flag=true" if series.metric in _FLAGS else "value=1.0"
            some.append(f"{prefix(f'school-{school:04}', series)}{field},simulated=true {hour_ago_us}")
        if len(some) >= 5_000 or school == schools - 1:
            connection.request("POST", f"{parts.path}?{parts.query}", "\n".join(some).encode())
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 204, answer.status
            some.clear()
    connection.close()
    return time.monotonic() - started


def measure(
    kind: str, gateways: int, period_s: float, seconds: float, warm_up_s: float, workers: int, directory: Path
) -> dict[str, Any]:
    rooms = min(_ROOMS, gateways)
    schools = gateways // rooms
    with store(kind, directory) as place:
        took_s = introduce(place, schools, rooms)
        with centre(place, directory, "--workers", str(workers)) as at:
            options = ["--schools", str(schools), "--rooms", str(rooms), "--metrics", str(_METRICS)]
            options += ["--period", str(period_s), "--seconds", str(warm_up_s + seconds), "--warm-up", str(warm_up_s)]
            with at.city(*options) as city:
                time.sleep(warm_up_s)
                started, (receiver_s, broker_s) = time.monotonic(), at.cpu_s()
                time.sleep(max(0.0, seconds - 0.5))  # the end of the run is not idle time
                lasted, (receiver_end_s, broker_end_s) = time.monotonic() - started, at.cpu_s()
                found = report(city, 60)
    receiver, broker = (receiver_end_s - receiver_s) / lasted, (broker_end_s - broker_s) / lasted
    rate = gateways * _METRICS / period_s
    return {
        "points_per_s": round(found["acked_points"] / (warm_up_s + seconds)),
        "lag_p50_s": found["lag_p50_s"],
        "lag_p99_s": found["lag_p99_s"],
        "lag_max_s": found["lag_max_s"],
        "cores": round(receiver + broker, 3),
        "receiver_cores": round(receiver, 3),
        "broker_cores": round(broker, 3),
        "us_per_point": round(1e6 * (receiver + broker) / rate, 2),
        "gateways": found["gateways"],
        "produced": found["produced_points"],
        "acked": found["acked_points"],
        "refused": found["refused_points"],
        "sent_again": found["sent_again"],
        "unanswered_batches": found["unanswered_batches"],
        "seconds": seconds,
        "store": kind,
        "series_made_in_s": round(took_s, 1),
    }


def flat(kind: str, seconds: float, settle_s: float, plot: Path | None) -> dict[str, Any]:
    found = []
    for gateways in _FLAT:
        period_s = gateways * _METRICS / _FLAT_POINTS_PER_S
        with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
            found.append(measure(kind, gateways, period_s, seconds, max(settle_s, period_s), 1, Path(made)))
        print(json.dumps(found[-1]), file=sys.stderr)
    costs = [each["us_per_point"] for each in found]
    if plot is not None:
        lines = [
            Line("receiver and broker", costs),
            Line("receiver", [1e6 * each["receiver_cores"] / _FLAT_POINTS_PER_S for each in found]),
        ]
        plot.write_text(chart("µs of processor time a point, at 27,000 points/s", "gateways", _FLAT, lines))
    return {
        "gateways": list(_FLAT),
        "us_per_point": costs,
        "largest_to_smallest": round(costs[-1] / costs[0], 2),
        "points_per_s": _FLAT_POINTS_PER_S,
        "lag_p99_s": max(each["lag_p99_s"] for each in found),
        "cores": max(each["cores"] for each in found),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, help="after the warm-up (15; with --flat 10 for each size)")
    parser.add_argument("--store", choices=("influx1", "victoria", "sqlite"), default="influx1")
    parser.add_argument("--gateways", type=int, default=27_000)
    parser.add_argument("--period", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--flat", action="store_true", help="the cost of a point by the number of gateways")
    parser.add_argument("--settle", type=float, default=_SETTLE_S, help="with --flat: seconds before each is measured")
    parser.add_argument("--plot", type=Path, help="with --flat: write it as an SVG")
    arguments = parser.parse_args()
    if arguments.flat:
        figures = flat(arguments.store, arguments.seconds or 10.0, arguments.settle, arguments.plot)
    else:
        with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
            figures = measure(
                arguments.store, arguments.gateways, arguments.period, arguments.seconds or 15.0,
                arguments.period, arguments.workers, Path(made),
            )  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
