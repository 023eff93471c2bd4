"""Bytes on the wire for each point of the sample city, beside JSON, Sparkplug B and line protocol, in one table.

    python -m tests.benchmarks.wire [--rooms N] [--periods N]

The live case: a room's twenty numbers every ten seconds, each series once in a message. What is counted is the payload
of one message in the steady state, layouts and births not (they are in the columns `first` and `MQTT`: the whole
PUBLISH packet with its topic). Each format carries the same: series, value, time; JSON and line protocol carry names,
Sparkplug B is shown with names and with aliases. `zstd` and `gzip` are of each message by itself, as it travels.

Below that: points with times of their own, points of a backlog, and what it costs to pack and to read.
"""

import argparse
import gzip
import json
import random
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import zstandard

from classroom_profiles.telemetry import Clock, Layout, Point, decode, pack, runs, runs_of, with_layout
from classroom_profiles.topics import Address
from tests.benchmarks.sample_room import METRICS, periods, series_of

_BOOT = "3f1c0a52-6f0e-4c61-9f2b-5f6f8f0b7d11"
_SCHOOL = "thcs-nguyen-du"
_TOPIC = Address(_SCHOOL, "gw-a101").topic("up")

_HEADER_BYTES = 24

Encode = Callable[[Sequence[Point]], bytes]


def lophoc(layout: Layout) -> Encode:
    return lambda points: pack(layout, Clock.TRUSTED, 1_000_000, 1_000_000 + len(points) - 1, runs_of(points))


def as_json(points: Sequence[Point]) -> bytes:
    """An object a point, as most gateways send them."""
    return json.dumps(
        [
            {
                "room": each.series.room, "device": each.series.device, "role": each.series.role,
                "metric": each.series.metric, "value": each.value, "time": each.time_us,
            }
            for each in points
        ],
        separators=(",", ":"),
    ).encode()  # fmt: skip


def as_line_protocol(points: Sequence[Point]) -> bytes:
    return "\n".join(
        f"reading,device={each.series.device},metric={each.series.metric},role={each.series.role},"
        f"room={each.series.room},school={_SCHOOL} value={each.value} {each.time_us}"
        for each in points
    ).encode()


def sparkplug(names: bool) -> Encode:
    """Eclipse Sparkplug 3.0.0, section 6.4 and its sparkplug_b.proto: Payload{1 timestamp, 2 metrics, 3 seq},
    Metric{1 name, 2 alias, 3 timestamp, 4 datatype (10 Double), 13 double_value}; times in milliseconds.
    """
    aliases = {series: number for number, series in enumerate(series_of())}

    def metric(point: Point) -> bytes:
        series = point.series
        if names:
            name = f"{series.room}/{series.device}/{series.role}/{series.metric}".encode()
            written = b"\x0a" + _varint(len(name)) + name
        else:
            written = b"\x10" + _varint(aliases[series])
        written += b"\x18" + _varint(point.time_us // 1000) + b"\x20\x0a\x69" + struct.pack("<d", point.value)
        return b"\x12" + _varint(len(written)) + written

    return lambda points: (
        b"\x08" + _varint(points[0].time_us // 1000) + b"".join(map(metric, points)) + b"\x18" + _varint(200)
    )


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def publish_bytes(payload: int) -> int:
    """MQTT 3.1.1, section 3.3: fixed header, topic with its length, packet identifier."""
    rest = 2 + len(_TOPIC) + 2 + payload
    return 1 + len(_varint(rest)) + rest


def table(rooms: int, count: int) -> list[dict[str, Any]]:
    layouts = {room: Layout.of(_BOOT, [(one, False) for one in series_of()]) for room in range(rooms)}
    messages = {room: list(islice(periods(room), count)) for room in range(rooms)}
    zstd = zstandard.ZstdCompressor(3)
    formats: list[tuple[str, Callable[[int], Encode]]] = [
        ("lophoc", lambda room: lophoc(layouts[room])),
        ("Sparkplug B, aliases", lambda _: sparkplug(names=False)),
        ("Sparkplug B, names", lambda _: sparkplug(names=True)),
        ("line protocol", lambda _: as_line_protocol),
        ("JSON", lambda _: as_json),
    ]
    rows = []
    for name, encoder in formats:
        points = plain = packed = gzipped = whole = 0
        for room in range(rooms):
            encode = encoder(room)
            for message in messages[room]:
                payload = encode(message)
                points += len(message)
                plain += len(payload)
                packed += len(zstd.compress(payload))
                gzipped += len(gzip.compress(payload, 6))
                whole += publish_bytes(len(payload))
        rows.append(
            {
                "format": name,
                "plain": round(plain / points, 2),
                "gzip": round(gzipped / points, 2),
                "zstd": round(packed / points, 2),
                "MQTT": round(whole / points, 2),
            }
        )
    return rows


def other_shapes() -> dict[str, float]:
    """Bytes a point where a room's points do not come at one time, and where they have waited."""
    chance = random.Random(7)
    layout = Layout.of(_BOOT, [(one, False) for one in series_of()])
    encode = lophoc(layout)
    some = list(islice(periods(3), 200))
    devices = sorted({device for device, *_ in METRICS})

    def by_device(points: list[Point]) -> list[Point]:
        late = {device: chance.randrange(10_000_000) for device in devices}
        return [replace(each, time_us=each.time_us + late[each.series.device]) for each in points]

    def jittered(points: list[Point], most_us: int) -> list[Point]:
        return [replace(each, time_us=each.time_us + chance.randrange(most_us)) for each in points]

    def size(messages: list[list[Point]]) -> float:
        return round(sum(len(encode(each)) for each in messages) / sum(map(len, messages)), 2)

    noisy = [[replace(each, value=float(each.value) + chance.random() / 1e6) for each in points] for points in some]
    joined = [point for points in some for point in points]
    ragged = [point for points in some for point in jittered(points, 1_500)]
    return {
        "each device its own microsecond": size([by_device(points) for points in some]),
        "each series its own microsecond": size([jittered(points, 10_000_000) for points in some]),
        "numbers of full precision": size(noisy),
        "4,000 points of a backlog": size([joined]),
        "4,000 points with 1.5 ms of jitter each": size([ragged]),
        "first message, with its layout": round(len(with_layout(encode(some[0]), layout)) / 20, 2),
    }


def zstd_gain(count: int = 200) -> dict[str, float]:
    """What zstd makes of a live message, which is sent as it is, and of 4,000 points' columns, and its cost."""
    layout = Layout.of(_BOOT, [(one, False) for one in series_of()])
    live = [lophoc(layout)(points) for points in islice(periods(4), count)]
    old = lophoc(layout)([point for points in islice(periods(4), count) for point in points])
    columns = zstandard.ZstdDecompressor().decompress(old[_HEADER_BYTES:])
    zstd = zstandard.ZstdCompressor(3)
    packed = sum(len(zstd.compress(payload)) for payload in live)
    began = time.perf_counter()
    for _ in range(count):
        zstd.compress(columns)
    return {
        "zstd_live_ratio": round(packed / sum(map(len, live)), 3),
        "zstd_backlog_ratio": round((len(old) - _HEADER_BYTES) / len(columns), 3),
        "zstd_backlog_us": round((time.perf_counter() - began) / count * 1e6, 1),
    }


def speed(count: int = 4_000) -> dict[str, int]:
    """Points a second, one core: packed by a gateway, and read and checked by a centre, live and of a backlog."""
    layout = Layout.of(_BOOT, [(one, False) for one in series_of()])
    known = {layout.key: layout}
    made = [runs_of(points) for points in islice(periods(5), count)]
    began = time.perf_counter()
    live = [pack(layout, Clock.TRUSTED, 0, 19, some) for some in made]
    packing = time.perf_counter() - began
    old = [lophoc(layout)([p for points in islice(periods(6), 200) for p in points]) for _ in range(20)]
    figures = {"packed_per_s": round(20 * count / packing)}
    for name, batches, each in (("read_per_s", live, 20), ("read_backlog_per_s", old, 4_000)):
        began = time.perf_counter()
        for payload in batches:
            runs(decode(payload, known))
        figures[name] = round(len(batches) * each / (time.perf_counter() - began))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=50)
    parser.add_argument("--periods", type=int, default=60, help="messages of each room")
    arguments = parser.parse_args()
    rows = table(arguments.rooms, arguments.periods)
    print(f"{'bytes a point':24}{'plain':>8}{'gzip':>8}{'zstd':>8}{'MQTT':>8}")
    for row in rows:
        print(f"{row['format']:24}{row['plain']:8.2f}{row['gzip']:8.2f}{row['zstd']:8.2f}{row['MQTT']:8.2f}")
    shapes = other_shapes()
    for name, bytes_per_point in shapes.items():
        print(f"{'lophoc, ' + name:48}{bytes_per_point:8.2f}")
    figures = {
        "bytes_per_point": rows[0]["plain"],
        "bytes_per_point_mqtt": rows[0]["MQTT"],
        "table": rows,
        "shapes": shapes,
        **zstd_gain(),
        **speed(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
