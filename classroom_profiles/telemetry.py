"""The wire between a gateway and the centre: columnar, typed batches in msgpack, and the answer to each.

A batch is a msgpack array (msgspec `array_like`), so a field is known by its place and new ones go at the end:

    [version, boot, trusted, first_seq, last_seq, base_us, [column, ...]]
    column = [measurement, room, device, role, metric, simulated, [time, ...], [value, ...]]

Times are microseconds; in a column the first is counted from `base_us`, each later one from the one before it,
and so is at least 1: within a series time strictly increases. A column's values are all numbers, all flags or
all texts. The answer names the batch by the digest of its bytes, so that even one that could not be read
is answered.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from typing import Annotated, Any, cast

import msgspec

from classroom_profiles.capability import Value

VERSION = 1
MAX_BATCH_BYTES = 256 * 1024
MAX_POINTS = 10_000
MAX_TEXT = 64


class Measurement(StrEnum):
    READING = "reading"
    DEVICE = "device"
    LESSON = "lesson"
    ATTENDANCE = "attendance"
    EXPERIMENT = "experiment"
    ROBOT = "robot"
    GATEWAY = "gateway"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Series:
    """What a point belongs to. With the school, which the topic names, these are the tags in the store."""

    measurement: Measurement
    room: str
    device: str
    role: str
    metric: str


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one series at one time (microseconds since 1970-01-01 UTC)."""

    series: Series
    time_us: int
    value: Value
    simulated: bool = False


class Run(msgspec.Struct, frozen=True, gc=False):
    """Points of one series in order of strictly increasing time, all numbers, all flags or all texts, as columns.

    A struct and not a dataclass, since at a centre half a million of them are made a second.
    """

    series: Series
    simulated: bool
    times_us: list[int]
    values: list[Value]

    def points(self) -> Iterable[Point]:
        for time_us, value in zip(self.times_us, self.values, strict=True):
            yield Point(self.series, time_us, value, self.simulated)


class Column(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    measurement: Measurement
    room: str
    device: str
    role: str
    metric: str
    simulated: bool
    times: list[int]
    values: list[bool | float | str]


class Batch(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    version: int
    boot: str
    """The gateway's boot, as 1 to 36 letters, digits and hyphens."""
    trusted: bool
    """False while the gateway has not known the true time since that boot."""
    first_seq: int
    last_seq: int
    base_us: int
    columns: list[Column]


class Refusal(StrEnum):
    """Why the centre did not take a point."""

    TAG = "tag"
    TYPE = "type"
    TEXT = "text"
    NOT_FINITE = "not-finite"
    TIME_ORDER = "time-order"
    TIME_RANGE = "time-range"
    STORE = "store"


_Count = Annotated[int, msgspec.Meta(ge=0)]


class Ack(msgspec.Struct, frozen=True, omit_defaults=True):
    """The centre's word on one batch, as JSON: the store has confirmed all of it but what is refused."""

    batch: str
    """`digest` of the batch's bytes."""
    stored: _Count
    refused: dict[str, _Count] = {}
    """Refusal to number of points."""
    unreadable: str = ""
    """Why the whole batch could not be read; the gateway sets it aside and does not send it again."""


class Unreadable(ValueError):
    """The bytes are no batch; the text says why, without repeating them."""


_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
_METRIC = re.compile(r"[a-z][a-z0-9_]{0,47}")
_BOOT = re.compile(r"[A-Za-z0-9-]{1,36}")
_TEXT = re.compile(r"[ -~]*")
_EARLIEST_US = 0
_LATEST_US = (2**63 - 2) // 1000  # 2262-04-11: InfluxDB counts nanoseconds in 64 bits and answers 400 after that

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)


def digest(payload: bytes) -> str:
    """How an ack names the batch that has these bytes: 16 hexadecimal digits of BLAKE2b (RFC 7693)."""
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


def encode(boot: str, trusted: bool, first_seq: int, last_seq: int, points: Sequence[Point]) -> bytes:
    """The bytes of one batch. Within each series `points` must be in order of strictly increasing time.

    Raises ValueError if they are not, or if a series mixes types.
    """
    base_us = min((point.time_us for point in points), default=0)
    columns: dict[tuple[Series, bool], list[Point]] = {}
    for point in points:
        columns.setdefault((point.series, point.simulated), []).append(point)
    return _encoder.encode(
        Batch(
            version=VERSION,
            boot=boot,
            trusted=trusted,
            first_seq=first_seq,
            last_seq=last_seq,
            base_us=base_us,
            columns=[_column(series, sim, of_series, base_us) for (series, sim), of_series in columns.items()],
        )
    )


def decode(payload: bytes) -> Batch:
    """The batch in `payload`, its shape checked, its points not yet: see `points`. Raises Unreadable."""
    if len(payload) > MAX_BATCH_BYTES:
        raise Unreadable(f"{len(payload)} bytes; a batch has at most {MAX_BATCH_BYTES}")
    try:
        batch = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as wrong:
        raise Unreadable(f"not a batch: {type(wrong).__name__}") from None
    if batch.version != VERSION:
        raise Unreadable(f"version {batch.version}; this centre reads {VERSION}")
    if not _BOOT.fullmatch(batch.boot):
        raise Unreadable("boot id is not 1 to 36 letters, digits and hyphens")
    if not 0 <= batch.first_seq <= batch.last_seq:
        raise Unreadable("its sequence numbers do not count up from 0")
    if sum(len(column.times) for column in batch.columns) > MAX_POINTS:
        raise Unreadable(f"more than {MAX_POINTS} points")
    if any(len(column.times) != len(column.values) for column in batch.columns):
        raise Unreadable("a column has not as many times as values")
    return batch


def points(batch: Batch) -> tuple[list[Point], dict[Refusal, int]]:
    """The good points of a batch, and how many were refused and why. A bad point does not cost its neighbours."""
    good, refused = runs(batch)
    return [point for run in good for point in run.points()], refused


def runs(batch: Batch) -> tuple[list[Run], dict[Refusal, int]]:
    """As `points`, but still by columns: what a store writes a hundred thousand of a second."""
    good: list[Run] = []
    refused: dict[Refusal, int] = {}
    for column in batch.columns:
        series = _series(column.measurement, column.room, column.device, column.role, column.metric)
        if not column.times:
            continue
        if series is None:
            refused[Refusal.TAG] = refused.get(Refusal.TAG, 0) + len(column.times)
            continue
        times = list(accumulate(column.times, initial=batch.base_us))
        del times[0]
        run = Run(series, column.simulated, times, column.values)
        if not _faultless(column, times):
            run = _without_faults(run, refused)
        if run.times_us:
            good.append(run)
    return good, refused


@lru_cache(maxsize=65_536)
def _series(measurement: Measurement, room: str, device: str, role: str, metric: str) -> Series | None:
    """None if a tag is not what a tag may be. Cached, since a gateway's series are the same in every batch."""
    if not all(_SLUG.fullmatch(slug) for slug in (room, device, role)) or not _METRIC.fullmatch(metric):
        return None
    return Series(measurement, room, device, role, metric)


def encode_ack(ack: Ack) -> bytes:
    return msgspec.json.encode(ack)


def decode_ack(payload: bytes) -> Ack:
    """Raises Unreadable."""
    try:
        return msgspec.json.decode(payload, type=Ack)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Unreadable(f"not an ack: {wrong}") from None


def _column(series: Series, simulated: bool, of_series: Iterable[Point], base_us: int) -> Column:
    times: list[int] = []
    values: list[Any] = []
    before = base_us
    for point in of_series:
        if times and point.time_us <= before:
            raise ValueError(f"time does not increase in {series}")
        if values and _kind(point.value) is not _kind(values[0]):
            raise ValueError(f"{series} mixes types")
        times.append(point.time_us - before)
        values.append(float(point.value) if _kind(point.value) is float else point.value)
        before = point.time_us
    return Column(series.measurement, series.room, series.device, series.role, series.metric, simulated, times, values)


def _kind(value: object) -> type | None:
    """bool, float (all numbers) or str; None for anything else."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def _faultless(column: Column, times_us: list[int]) -> bool:
    """True if no point has a `_fault`, found by whole columns: nearly all columns are so, and this costs a tenth."""
    if times_us[0] < _EARLIEST_US or times_us[-1] > _LATEST_US:
        return False
    if len(times_us) == 1:
        return _fault(times_us[0], -1, column.values[0], type(column.values[0])) is None
    kinds = set(map(type, column.values))
    if len(kinds) > 1 or min(column.times[1:]) < 1:
        return False
    if float in kinds:
        return all(map(math.isfinite, cast("list[float]", column.values)))
    if str in kinds:
        texts = cast("list[str]", column.values)
        return max(map(len, texts)) <= MAX_TEXT and all(map(_TEXT.fullmatch, texts))
    return True


def _without_faults(run: Run, refused: dict[Refusal, int]) -> Run:
    """The good points of `run`; the others are counted in `refused`."""
    kind = _kind(run.values[0])
    good = Run(run.series, run.simulated, [], [])
    before = -1
    for time_us, value in zip(run.times_us, run.values, strict=True):
        if why := _fault(time_us, before, value, kind):
            refused[why] = refused.get(why, 0) + 1
            continue
        before = time_us
        good.times_us.append(time_us)
        good.values.append(value)
    return good


def _fault(time_us: int, before: int, value: object, kind: type | None) -> Refusal | None:
    if kind is None or _kind(value) is not kind:
        return Refusal.TYPE
    if not _EARLIEST_US <= time_us <= _LATEST_US:
        return Refusal.TIME_RANGE
    if time_us <= before:
        return Refusal.TIME_ORDER
    if isinstance(value, str) and not (len(value) <= MAX_TEXT and _TEXT.fullmatch(value)):
        return Refusal.TEXT
    if isinstance(value, float) and not math.isfinite(value):
        return Refusal.NOT_FINITE
    return None
