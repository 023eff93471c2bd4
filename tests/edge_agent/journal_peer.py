"""What the journal's tests share: points by the dozen, and a reader that shares only the wire with the journal."""

import random
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Ack, Batch, Layout, Measurement, Point, Series, decode, points
from edge_agent.clock import Moment
from edge_agent.journal import Journal, Parcel
from edge_agent.stamping import Row

BASE_US = 1_790_000_000_000_000
BOOT = "3f1c0a52-6f0e-4c61-9f2b-5f6f8f0b7d11"
STEADY = Moment(offset_us=1_700_000_000_000_000, trusted=True)


def series(metric: str = "co2_ppm", device: str = "air", measurement: Measurement = Measurement.READING) -> Series:
    return Series(measurement, "a101", device, "sensor", metric)


def some(count: int, first: int = 0, of: Series | None = None, start_us: int = BASE_US) -> list[Point]:
    """`count` points with the values first, first + 1, …, one a millisecond."""
    of = of or series()
    return [Point(of, start_us + number * 1000, float(number)) for number in range(first, first + count)]


def noise(count: int, first: int = 0, of: Series | None = None) -> list[Point]:
    """As `some`, but of values that take all of their eight bytes, whatever is done to them."""
    of = of or series()
    return [
        Point(of, BASE_US + number * 1000, random.Random(number).random()) for number in range(first, first + count)
    ]


def opened(path: Path, **options: object) -> Journal:
    """One that does not wait to gather points."""
    return Journal.open(path, BOOT, **{"seal_s": 0.0, "clock": lambda: STEADY, **options})  # type: ignore[arg-type]


def batch_of(sent: Parcel | Row) -> Batch:
    return decode(sent.payload, {sent.layout.key: sent.layout})


def held(parcels: Iterable[Parcel]) -> list[Point]:
    """The points in `parcels`, none of which the centre would refuse."""
    found: list[Point] = []
    for parcel in parcels:
        good, refused = points(batch_of(parcel))
        assert not refused
        assert len(good) == parcel.points
        found += good
    return found


def values(parcels: Iterable[Parcel]) -> list[Value]:
    return [point.value for point in held(parcels)]


def stored(parcel: Parcel) -> Ack:
    """The centre's answer when all is well."""
    return Ack(parcel.digest, parcel.points)


async def everything(journal: Journal) -> list[Parcel]:
    """All that waits now, left where it is."""
    await journal.flush()
    found: list[Parcel] = []
    while sum(parcel.points for parcel in found) < journal.backlog:
        found += await journal.parcels(found[-1].id if found else 0, 100)
    return found


def on_disk(path: Path) -> list[Point]:
    """The points in a journal's file that nobody has open."""
    with closing(sqlite3.connect(path)) as connection:
        layouts = [Layout.read(packed) for (packed,) in connection.execute("SELECT packed FROM layout")]
        known = {layout.key: layout for layout in layouts}
        rows = connection.execute("SELECT payload FROM entry ORDER BY id").fetchall()
        return [point for (payload,) in rows for point in points(decode(payload, known))[0]]


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
