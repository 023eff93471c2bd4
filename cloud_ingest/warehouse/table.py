"""The tables of the export: columns, units, and rows from a store's answers. Pure.

One table `points` has what happens now and then, point by point: devices, lessons, events, attendance. One table
`windows` has what is measured all the time, by five minutes. No window without a point: a gap is a row that is missing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from classroom_profiles.metrics import unit
from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.store import Sample
from cloud_ingest.windows import FIVE_MINUTES_US, Window

VERSION = 1
WINDOW_US = FIVE_MINUTES_US
BY_POINT = frozenset({Measurement.DEVICE, Measurement.LESSON, Measurement.EVENT, Measurement.ATTENDANCE})
"""Measurements whose every point is exported."""

_WORD = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("us", tz="UTC")
_TAGS = [(name, _WORD) for name in ("measurement", "room", "device", "role", "metric", "unit")]


def _schema(fields: Sequence[tuple[str, pa.DataType, str]], table: str) -> pa.Schema:
    """With what each column says as its metadata, and the version of the tables as the schema's."""
    return pa.schema(
        [pa.field(name, kind, metadata={"says": says} if says else None) for name, kind, says in fields],
        metadata={"lophoc.table": table, "lophoc.version": str(VERSION)},
    )


_OF_TAGS = [(name, kind, "") for name, kind in _TAGS]
POINTS = _schema(
    [
        *_OF_TAGS,
        ("time", _TIME, "when, by the gateway's clock"),
        ("value", pa.float64(), "of a number"),
        ("flag", pa.bool_(), "of what is true or false"),
        ("text", pa.string(), "of a word"),
        ("simulated", pa.bool_(), "no real device has said this"),
    ],
    "points",
)
WINDOWS = _schema(
    [
        *_OF_TAGS,
        ("start", _TIME, "of five minutes"),
        ("count", pa.int64(), "points in them; flags count as 0 and 1"),
        ("mean", pa.float64(), "null for words"),
        ("minimum", pa.float64(), ""),
        ("maximum", pa.float64(), ""),
        ("last", pa.float64(), "the last value; null for words"),
        ("last_text", pa.string(), "of a word"),
    ],
    "windows",
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Of one series: what goes into a table."""

    series: Series
    columns: dict[str, list[object]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def of_points(series: Series, samples: Sequence[Sample]) -> Rows:
    values = [sample.value for sample in samples]
    return Rows(
        series,
        {
            "time": [sample.time_us for sample in samples],
            "value": [None if isinstance(one, bool | str) else float(one) for one in values],
            "flag": [one if isinstance(one, bool) else None for one in values],
            "text": [one if isinstance(one, str) else None for one in values],
            "simulated": [sample.simulated for sample in samples],
        },
    )


def of_windows(series: Series, windows: Sequence[Window]) -> Rows:
    return Rows(
        series,
        {
            "start": [window.start_us for window in windows],
            "count": [window.count for window in windows],
            "mean": [window.mean for window in windows],
            "minimum": [window.minimum for window in windows],
            "maximum": [window.maximum for window in windows],
            "last": [None if isinstance(window.last, str) else float(window.last) for window in windows],
            "last_text": [window.last if isinstance(window.last, str) else None for window in windows],
        },
    )


def table(rows: Iterable[Rows], schema: pa.Schema) -> pa.Table:
    """One table of many series, in their order."""
    kept = [one for one in rows if len(one)]
    columns: dict[str, pa.Array] = {}
    tags = {
        "measurement": [one.series.measurement.value for one in kept],
        "room": [one.series.room for one in kept],
        "device": [one.series.device for one in kept],
        "role": [one.series.role for one in kept],
        "metric": [one.series.metric for one in kept],
        "unit": [unit(one.series.metric) for one in kept],
    }
    lengths = [len(one) for one in kept]
    for name, words in tags.items():
        repeated = [word for word, length in zip(words, lengths, strict=True) for _ in range(length)]
        columns[name] = pa.array(repeated, pa.string()).dictionary_encode()
    for name in schema.names[len(tags) :]:
        values = [value for one in kept for value in one.columns[name]]
        columns[name] = pa.array(values, schema.field(name).type)
    return pa.table([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema)
