"""Whether to compress what a gateway keeps and sends: what zstd saves of a point, and what it costs a slow core.

    python -m tests.benchmarks.compression [--seconds S]

Columns of the sample city as `pack` makes them, in the sizes in which they are sent and kept: a room's period, a second
of a busy gateway, and the rows of an outage. Each level compresses the same bytes; bytes a point count columns only
(the header is 24 bytes a batch whatever is done).

There is no Raspberry Pi here. `pi_factor` is how much slower one core of a Pi 4 (Cortex-A72, 1.5 GHz) is than this
one at PBKDF2-HMAC-SHA-512, which no instruction of either does by itself: 516,031 iterations a second are published for
a Pi 4 (`cryptsetup benchmark`, https://blog.stackframe.dev/46); here hashlib counts. zstd leans on caches and branch
prediction more than a hash does, so a Pi may be slower yet; the decision has to stand at twice the factor.
"""

import argparse
import hashlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import zstandard

from classroom_profiles import columns
from classroom_profiles.telemetry import Clock, Layout, Point, Run, pack, runs_of
from tests.benchmarks.sample_room import periods, series_of

_PI_4_PER_S = 516_031
_BOOT = "3f1c0a52-6f0e-4c61-9f2b-5f6f8f0b7d11"
_LEVELS = (1, 3, 6, 12, 19)


@dataclass(frozen=True)
class Shape:
    name: str
    batches: list[list[Point]]
    """Each as it is packed."""


def shapes() -> list[Shape]:
    def joined(count: int, seed: int, jitter_us: int = 0) -> list[Point]:
        return [point for points in islice(periods(seed, jitter_us=jitter_us), count) for point in points]

    chance = random.Random(7)
    exact = [
        [replace(each, value=float(each.value) + chance.random()) for each in joined(200, seed)] for seed in range(5)
    ]
    return [
        Shape("20 points, a room's period", [joined(1, seed) for seed in range(50)]),
        Shape("200 points", [joined(10, seed, 1500) for seed in range(20)]),
        Shape("1,000 points, joined while live", [joined(50, seed, 1500) for seed in range(10)]),
        Shape("4,000 points of an outage", [joined(200, seed, 1500) for seed in range(5)]),
        Shape("4,000 points, one time a period", [joined(200, seed) for seed in range(5)]),
        Shape("4,000 points of 17 digits", exact),
    ]


def pi_factor(seconds: float) -> float:
    """The best of some, since others may be busy here."""
    best = 0.0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        hashlib.pbkdf2_hmac("sha512", b"benchmark", b"s" * 32, 100_000, 32)
        best = max(best, 100_000 / (time.perf_counter() - began))
    return best / _PI_4_PER_S


def per_point_us(work: Callable[[], object], points: int, seconds: float) -> float:
    """The best of some."""
    best = float("inf")
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best * 1e6 / points


def row(shape: Shape, layout: Layout, seconds: float) -> dict[str, Any]:
    points = sum(map(len, shape.batches))
    runs = [runs_of(batch) for batch in shape.batches]
    bodies = [body_of(layout, some) for some in runs]
    raw = sum(map(len, bodies))
    whole_us = per_point_us(lambda: [pack(layout, Clock.TRUSTED, 0, 19_999, some) for some in runs], points, seconds)
    found: dict[str, Any] = {
        "shape": shape.name,
        "raw_bytes": round(raw / points, 2),
        "pack_us": round(whole_us, 3),
        "levels": {},
    }
    for level in _LEVELS:
        packer = zstandard.ZstdCompressor(level)
        size = sum(len(packer.compress(body)) for body in bodies)
        took_us = per_point_us(lambda: [packer.compress(body) for body in bodies], points, seconds)  # noqa: B023
        found["levels"][level] = {"bytes": round(size / points, 2), "us": round(took_us, 4)}
    return found


def body_of(layout: Layout, runs: list[Run]) -> bytes:
    """Columns, as they are before anything is compressed."""
    some = sorted(columns.Column(layout.places[run.series, run.simulated], run.times_us, run.values) for run in runs)
    return columns.write(some, len(layout.entries), min(column.times_us[0] for column in some))[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.4, help="for each figure")
    chosen = parser.parse_args()
    factor = pi_factor(5 * chosen.seconds)
    layout = Layout.of(_BOOT, [(one, False) for one in series_of("a101")])
    print(f"one core here is {factor:.1f} times a Pi 4's; µs a point are those of a Pi: measured here, times that")
    head = "".join(f"{f'zstd {level}':>16}" for level in _LEVELS)
    print(f"{'bytes a point, and µs':34}{'raw':>8}{'pack µs':>9}{head}")
    rows = [row(shape, layout, chosen.seconds) for shape in shapes()]
    for each in rows:
        cells = "".join(f"{one['bytes']:9.2f}{one['us'] * factor:7.2f}" for one in each["levels"].values())
        print(f"{each['shape']:34}{each['raw_bytes']:8.2f}{each['pack_us'] * factor:9.2f}{cells}")
    chosen_row = next(each for each in rows if each["shape"] == "4,000 points of an outage")
    at_3 = chosen_row["levels"][3]
    saved = chosen_row["raw_bytes"] - at_3["bytes"]
    figures = {
        "pi_factor": round(factor, 2),
        "raw_bytes": chosen_row["raw_bytes"],
        "zstd_bytes": at_3["bytes"],
        "zstd_us_pi": round(at_3["us"] * factor, 3),
        "pack_us_pi": round(chosen_row["pack_us"] * factor, 3),
        "pi_us_for_a_byte_saved": round(at_3["us"] * factor / saved, 3),
        "pays_below_mbit_s": round(8 / (at_3["us"] * factor / saved), 1),
        "rows": rows,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
