"""A recorded run as a file for a spreadsheet (CSV) or for analysis (Parquet), with units. Written row by row."""

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from edge_agent.run import Note, Row, Run, Turned
from edge_agent.run_file import RunArchive

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP = 20_000


class Format(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"


class NotInstalled(LookupError):
    """The format needs a Python package that is not here."""


def described(archive: RunArchive, run: Run) -> dict[str, Any]:
    """All of a run but its samples: what it takes to repeat it, what was turned, what people wrote."""
    about = run.about
    return {
        "id": run.id,
        "bench": about.bench,
        "device": about.device,
        "experiment": about.experiment,
        "simulated": about.simulated,
        "started": _utc(run.started_us),
        "ended": None if run.ended_us is None else _utc(run.ended_us),
        "ending": None if run.ending is None else str(run.ending),
        "samples": run.samples,
        "lost": run.lost,
        "exact": run.exact,
        "seed": about.seed,
        "rate_hz": about.rate_hz,
        "ideal": about.ideal,
        "software": about.software,
        "parameters": about.parameters,
        "columns": [{"name": one.name, "unit": one.unit} for one in run.columns],
        "turned": [{"n": one.n, "name": one.name, "value": one.value} for one in archive.turned(run.id)],
        "notes": [{"n": one.n, "text": one.text} for one in archive.notes(run.id)],
    }


def write(archive: RunArchive, run: Run, form: Format, to: Path) -> None:
    """Raises NotInstalled; OSError or ValueError."""
    if form is Format.CSV:
        with to.open("w", encoding="utf-8-sig", newline="") as file:  # without the mark Excel takes ° for Â°
            write_csv(archive, run, file)
    else:
        write_parquet(archive, run, to)


def write_csv(archive: RunArchive, run: Run, file: TextIO) -> None:
    """Lines that begin with # say what it is; then a heading with units, and a line a sample."""
    for name, value in described(archive, run).items():
        if name not in ("columns", "turned", "notes"):
            file.write(f"# {name}: {_word(value)}\n")
    for note in archive.notes(run.id):
        file.write(f"# note at n = {note.n}: {_one_line(note)}\n")
    lines = csv.writer(file)
    heading = [f"{one.name} [{one.unit}]" if one.unit else one.name for one in run.columns]
    lines.writerow(["n", "time [UTC]", "t_s [s]", *heading, "turned"])
    for row, words in _with_turned(archive.rows(run), archive.turned(run.id)):
        values = ["" if value != value else repr(value) for value in row.values]
        lines.writerow([row.n, _utc(row.time_us), repr(row.t_s), *values, words])


def write_parquet(archive: RunArchive, run: Run, to: Path) -> None:
    """A column's unit is in the metadata of its field, all else in those of the file, as JSON under `lophoc.run`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as missing:
        raise NotInstalled(f"Parquet needs the Python package {missing.name}; install lophoc[lab]") from missing
    about = json.dumps(described(archive, run), ensure_ascii=False)
    schema = pa.schema(
        [
            pa.field("n", pa.int64(), nullable=False),
            pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("t_s", pa.float64(), nullable=False, metadata={"unit": "s"}),
            *(pa.field(one.name, pa.float64(), metadata={"unit": one.unit}) for one in run.columns),
            pa.field("turned", pa.string()),
        ],
        metadata={"lophoc.run": about},
    )
    with pq.ParquetWriter(to, schema, compression="zstd") as file:
        group: list[tuple[Row, str]] = []
        for one in _with_turned(archive.rows(run), archive.turned(run.id)):
            group.append(one)
            if len(group) == _GROUP:
                file.write_table(_table(schema, group))
                group = []
        file.write_table(_table(schema, group))


def _table(schema: "pa.Schema", group: list[tuple[Row, str]]) -> "pa.Table":
    import pyarrow as pa

    rows = [row for row, _ in group]
    count = len(schema) - 4
    values = [[None if row.values[k] != row.values[k] else row.values[k] for row in rows] for k in range(count)]
    columns = [
        [row.n for row in rows],
        [row.time_us for row in rows],
        [row.t_s for row in rows],
        *values,
        [words or None for _, words in group],
    ]
    made = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(made, schema=schema)


def _with_turned(rows: Iterable[Row], turned: list[Turned]) -> Iterator[tuple[Row, str]]:
    """Each sample, and what counts from it on: `length_m=0.5; damping=0.1`."""
    waiting = list(reversed(turned))
    for row in rows:
        words = []
        while waiting and waiting[-1].n <= row.n:
            one = waiting.pop()
            words.append(f"{one.name}={_word(one.value)}")
        yield row, "; ".join(words)


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _one_line(note: Note) -> str:
    return " ".join(note.text.split())


def _utc(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
