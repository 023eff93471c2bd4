"""A day of a school as Parquet files, and a day's manifest, for whoever keeps the city's data.

    OUT/points/day=2026-11-24/school=thcs-le-loi/part-0.parquet
    OUT/windows/day=2026-11-24/school=thcs-le-loi/part-0.parquet
    OUT/manifests/day=2026-11-24.json          written last: a day without one is not whole

Each file is written beside its place and renamed, so that a reader never sees half of one. A day that is exported again
gets what has come late since then.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from classroom_profiles.telemetry import Series
from classroom_profiles.timetable import VIETNAM
from cloud_ingest.store import Sample, Store
from cloud_ingest.warehouse import table
from cloud_ingest.warehouse.table import BY_POINT, POINTS, VERSION, WINDOW_US, WINDOWS, Rows
from cloud_ingest.windows import DAY_US, Span

_A_TIME = 10_000


class NotExported(Exception):
    """A file cannot be written, or what is there is none of ours; the text says why."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a manifest; `path` is below the export's folder."""

    path: str
    table: str
    school: str
    rows: int
    bytes: int
    sha256: str


def span_of(day: date) -> Span:
    """A day in Vietnam."""
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=VIETNAM).timestamp()) * 1_000_000
    return Span(midnight, midnight + DAY_US)


def export_school(store: Store, school: str, day: date, out: Path) -> list[File]:
    """Both tables of a school's day. Raises StoreUnavailable, NotExported."""
    span = span_of(day)
    series = [
        Series(one.measurement, one.room, one.device, one.role, one.metric)
        for one in store.latest(school, since_us=span.since_us)
    ]
    points = (table.of_points(one, _points(store, school, one, span)) for one in series if one.measurement in BY_POINT)
    windows = (
        table.of_windows(one, store.windows(school, one, span, WINDOW_US))
        for one in series
        if one.measurement not in BY_POINT
    )
    return [
        _written(out, name, school, day, rows, schema)
        for name, rows, schema in (("points", points, POINTS), ("windows", windows, WINDOWS))
    ]


def _points(store: Store, school: str, series: Series, span: Span) -> list[Sample]:
    found: list[Sample] = []
    while True:
        since_us = found[-1].time_us + 1 if found else span.since_us
        if since_us >= span.until_us:
            return found
        more = store.points(school, series, Span(since_us, span.until_us), _A_TIME)
        found += more
        if len(more) < _A_TIME:
            return found


def _written(out: Path, name: str, school: str, day: date, rows: Iterator[Rows], schema: pa.Schema) -> File:
    """A table is written a few series at a time: a school's day need not fit into memory as Python's objects."""
    path = Path(name) / f"day={day.isoformat()}" / f"school={school}" / "part-0.parquet"
    count = 0

    def write(place: Path) -> None:
        nonlocal count
        with pq.ParquetWriter(place, schema, compression="zstd") as writer:
            held: list[Rows] = []
            for one in rows:
                held.append(one)
                count += len(one)
                if sum(map(len, held)) >= 200_000:
                    writer.write_table(table.table(held, schema))
                    held = []
            writer.write_table(table.table(held, schema))

    _put(out / path, write)
    content = (out / path).read_bytes()
    return File(str(path), name, school, count, len(content), hashlib.sha256(content).hexdigest())


def write_manifest(out: Path, day: date, files: list[File], now: datetime) -> Path:
    """Says that a day is whole, and what it is made of. Raises NotExported."""
    tables = {
        name: [
            {"name": field.name, "type": str(field.type), "says": (field.metadata or {}).get(b"says", b"").decode()}
            for field in schema
        ]
        for name, schema in (("points", POINTS), ("windows", WINDOWS))
    }
    content = {
        "version": VERSION,
        "day": day.isoformat(),
        "zone": "Asia/Ho_Chi_Minh",
        "made": now.astimezone(UTC).isoformat(timespec="seconds"),
        "lophoc": version("lophoc"),
        "window_s": WINDOW_US // 1_000_000,
        "tables": tables,
        "schools": len({file.school for file in files}),
        "rows": sum(file.rows for file in files),
        "files": [asdict(file) for file in sorted(files, key=lambda file: file.path)],
    }
    path = out / "manifests" / f"day={day.isoformat()}.json"
    _put(path, lambda place: place.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8"))
    return path


def check(out: Path, day: date) -> list[str]:
    """What is not as the manifest says, a line each; empty if all is. Raises NotExported if there is no manifest."""
    path = out / "manifests" / f"day={day.isoformat()}.json"
    try:
        said = json.loads(path.read_text("utf-8"))
        files = [File(**file) for file in said["files"]]
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise NotExported(f"{path} cannot be read: {type(wrong).__name__}") from wrong
    wrong_ones = []
    for file in files:
        try:
            content = (out / file.path).read_bytes()
        except OSError as why:
            wrong_ones.append(f"{file.path}: {why.strerror}")
            continue
        if hashlib.sha256(content).hexdigest() != file.sha256:
            wrong_ones.append(f"{file.path}: has other bytes than the manifest says")
    return wrong_ones


def _put(path: Path, write: Callable[[Path], object]) -> None:
    """Readable for whoever this user lets read: there is nothing personal in it."""
    made = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(made)
        made.replace(path)
    except OSError as why:
        raise NotExported(f"{path}: {why.strerror or why}") from why
    finally:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)
