"""The wire between a gateway and the centre: a batch of points in few bytes, and the answer to each.

    version 1 B │ flags 1 B │ checksum 4 B │ layout's key 4 B │ time 8 B │ first sequence number 6 B
    [LAYOUT: length 4 B, the layout itself]  [GAPS: last sequence number 6 B]  columns (`columns.py`)

All integers are little-endian. A batch names its series by a layout (`layout.py`) that the centre knows already; if it
does not, its answer asks for it, and the gateway sends the same batch again `with_layout`. The checksum is CRC-32 of
the layout and then of all that is not the layout, so that it is the same with and without, and is right only with
the right layout. Long columns are compressed (ZSTD). An answer names a batch by the digest of its bytes, so that even
one that could not be read is answered.
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

import msgspec
import zstandard

from classroom_profiles import columns
from classroom_profiles.layout import KEY_BYTES, Entry, Layout, Layouts
from classroom_profiles.series import EARLIEST_US, LATEST_US, MAX_TEXT, Measurement, Point, Run, Series, is_text

__all__ = [
    "MAX_BATCH_BYTES", "MAX_POINTS", "MAX_TEXT", "VERSION", "Ack", "Batch", "Clock", "LaterVersion", "Layout",
    "Layouts", "Measurement", "NeedLayout", "Point", "Refusal", "Run", "Series", "Unreadable", "decode", "decode_ack",
    "digest", "encode", "encode_ack", "fits", "names", "pack", "points", "runs", "runs_of", "with_layout",
    "without_layout",
]  # fmt: skip

VERSION = 2
MAX_BATCH_BYTES = 256 * 1024
MAX_POINTS = 10_000


class Clock(StrEnum):
    """What the gateway knew about the time when these points got theirs."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    """It had not known the true time since its boot."""
    RETIMED = "retimed"
    """Not when they were written, but before they were sent: it was counted back by the monotonic clock."""


class Batch(msgspec.Struct, frozen=True, gc=False):
    layout: Layout
    clock: Clock
    first_seq: int
    last_seq: int
    """Of the points' numbers within their measurement; the ones between may be in other batches, or were dropped."""
    columns: list[Run]
    """As they came: only what `runs` gives is checked."""
    sound: bool
    """True if nothing in `columns` has to be refused."""

    @property
    def boot(self) -> str:
        """The gateway's boot, as 1 to 36 letters, digits and hyphens."""
        return self.layout.boot

    @property
    def trusted(self) -> bool:
        """False if the times may be wrong."""
        return self.clock is not Clock.UNTRUSTED


class Refusal(StrEnum):
    """Why the centre did not take a point."""

    TAG = "tag"
    TYPE = "type"
    TEXT = "text"
    NOT_FINITE = "not-finite"
    TIME_ORDER = "time-order"
    TIME_RANGE = "time-range"
    METRIC = "metric"
    """The schema has no such metric: see `classroom_profiles.metrics`."""
    KIND = "kind"
    """The schema has the metric as another kind of value: a number, a flag or a text."""
    SERIES = "series"
    """The gateway has more series than one may have."""
    STORE = "store"


_Count = Annotated[int, msgspec.Meta(ge=0)]


class Ack(msgspec.Struct, frozen=True, omit_defaults=True):
    """The centre's word on one batch, as JSON: the store has confirmed all of it but what is refused.

    Unless `settles`, the batch was not stored, and is sent again.
    """

    batch: str
    """`digest` of the batch's bytes."""
    stored: _Count
    refused: dict[str, _Count] = {}
    """Refusal to number of points."""
    unreadable: str = ""
    """Why the whole batch could not be read; the gateway sets it aside and does not send it again."""
    need_layout: bool = False
    """The batch's layout is not known here: send it again with it."""
    busy: bool = False
    """There was no room for it now: send it again, after `slow_s`."""
    slow_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Send nothing for so long."""

    @property
    def settles(self) -> bool:
        """True if the gateway shall forget the batch, or set it aside."""
        return not (self.need_layout or self.busy)


class Unreadable(ValueError):
    """The bytes are no batch; the text says why, without repeating them."""


class LaterVersion(Unreadable):
    """It looks like a batch of a version to come: whoever sent it keeps it until this centre is renewed, too."""


class NeedLayout(Exception):
    """The batch is in order as far as can be seen, but its layout is not known."""


_BOOT = re.compile(r"[A-Za-z0-9-]{1,36}")
_HEADER = struct.Struct(f"<BBI{KEY_BYTES}sQIH")
_SEQ = struct.Struct("<IH")
_LENGTH = struct.Struct("<I")
_CHECKSUM = slice(2, 6)
_KEY = slice(6, 6 + KEY_BYTES)
_MAX_SEQ = 2**48 - 1
_VERSIONS = 16
_LAYOUT, _GAPS, _ZSTD = 8, 16, 128  # beside those of `columns`: 1, 2, 4
_CLOCK_SHIFT = 5
_CLOCKS = (Clock.TRUSTED, Clock.UNTRUSTED, Clock.RETIMED)
_WORTH_COMPRESSING = 400
_MAX_UNPACKED = 1024 * 1024
_NONE_KNOWN: Mapping[bytes, Layout] = MappingProxyType({})


def digest(payload: bytes) -> str:
    """How an ack names the batch that has these bytes: 16 hexadecimal digits of BLAKE2b (RFC 7693)."""
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


def encode(boot: str, trusted: bool, first_seq: int, last_seq: int, points: Sequence[Point]) -> bytes:
    """The bytes of one batch with a layout of its own. Within each series `points` must be in order of strictly
    increasing time.

    Raises ValueError if they are not, or if a series mixes types.
    """
    made = runs_of(points)
    layout = Layout.of(boot, [(run.series, run.simulated) for run in made])
    clock = Clock.TRUSTED if trusted else Clock.UNTRUSTED
    return with_layout(pack(layout, clock, first_seq, last_seq, made), layout)


def pack(layout: Layout, clock: Clock, first_seq: int, last_seq: int, made: Iterable[Run]) -> bytes:
    """The bytes of one batch of series that `layout` has, each once, which itself is not in them.

    Raises ValueError or OverflowError if a value cannot be written, and KeyError if the layout has not the series.
    """
    some = sorted(columns.Column(layout.places[run.series, run.simulated], run.times_us, run.values) for run in made)
    base_us = max(0, min((column.times_us[0] for column in some), default=0))
    points = sum(len(column.times_us) for column in some)
    flags, body = columns.write(some, len(layout.entries), base_us)
    if len(body) >= _WORTH_COMPRESSING and len(smaller := zstandard.ZstdCompressor(3).compress(body)) < len(body):
        flags, body = flags | _ZSTD, smaller
    flags |= _CLOCKS.index(clock) << _CLOCK_SHIFT
    if not 0 <= first_seq <= last_seq <= _MAX_SEQ:
        raise ValueError("sequence numbers count up from 0")
    if last_seq != first_seq + max(0, points - 1):
        flags |= _GAPS
        body = _SEQ.pack(last_seq & 0xFFFFFFFF, last_seq >> 32) + body
    try:
        head = bytearray(_HEADER.pack(VERSION, flags, 0, layout.key, base_us, first_seq & 0xFFFFFFFF, first_seq >> 32))
    except struct.error as wrong:
        raise ValueError(f"its time cannot be written: {wrong}") from None
    head[_CHECKSUM] = _checksum(layout, head, body).to_bytes(4, "little")
    return bytes(head) + body


def with_layout(payload: bytes, layout: Layout) -> bytes:
    """The same batch with its layout in it, for a centre that may not know it."""
    head = bytearray(payload[: _HEADER.size])
    head[1] |= _LAYOUT
    return b"".join((head, _LENGTH.pack(len(layout.packed)), layout.packed, payload[_HEADER.size :]))


def fits(payload: bytes, layout: Layout) -> bool:
    """True if the batch is not too large, with its layout in it too."""
    return len(payload) + _LENGTH.size + len(layout.packed) <= MAX_BATCH_BYTES


def names(payload: bytes, layout: Layout) -> bool:
    """True if it is `layout` that a batch without its layout refers to."""
    return payload[_KEY] == layout.key


def without_layout(payload: bytes) -> tuple[bytes, bytes]:
    """The batch as `pack` made it, and the bytes of the layout that was in it. Raises Unreadable."""
    try:
        if not payload[1] & _LAYOUT:
            raise Unreadable("its layout is not in it")
        (length,) = _LENGTH.unpack_from(payload, _HEADER.size)
    except (IndexError, struct.error):
        raise Unreadable("it is cut off") from None
    begin = _HEADER.size + _LENGTH.size
    head = bytearray(payload[: _HEADER.size])
    head[1] &= ~_LAYOUT
    return bytes(head) + payload[begin + length :], payload[begin : begin + length]


def decode(payload: bytes, known: Mapping[bytes, Layout] = _NONE_KNOWN) -> Batch:
    """The batch in `payload`, its shape checked, its points not yet: see `runs`.

    `known`: layouts of this gateway by their keys. Raises Unreadable, NeedLayout.
    """
    if len(payload) > MAX_BATCH_BYTES:
        raise Unreadable(f"{len(payload)} bytes; a batch has at most {MAX_BATCH_BYTES}")
    if payload[:1] and payload[0] != VERSION:
        kind = LaterVersion if VERSION < payload[0] < _VERSIONS else Unreadable
        raise kind(f"not a batch, or of version {payload[0]}; this centre reads {VERSION}")
    if len(payload) < _HEADER.size:
        raise Unreadable("not a batch: it is cut off")
    packed = b""
    if payload[1] & _LAYOUT:
        payload, packed = without_layout(payload)
    _, flags, checksum, key, base_us, low, high = _HEADER.unpack_from(payload)
    layout = known.get(key)
    if packed and (layout is None or layout.packed != packed):
        layout = _layout(packed)
    if layout is None or layout.key != key:
        if packed:
            raise Unreadable("the layout in it is another one")
        raise NeedLayout
    body = payload[_HEADER.size :]
    if _checksum(layout, payload[: _HEADER.size], body) != checksum:
        raise Unreadable("its bytes have changed on the way")
    return _opened(layout, flags, base_us, low | high << 32, body)


def _opened(layout: Layout, flags: int, base_us: int, first_seq: int, body: bytes) -> Batch:
    clock = flags >> _CLOCK_SHIFT & 3
    if clock >= len(_CLOCKS):
        raise Unreadable("it has a kind of clock that nobody knows")
    last_seq = None
    if flags & _GAPS:
        if len(body) < _SEQ.size:
            raise Unreadable("it is cut off")
        low, high = _SEQ.unpack_from(body)
        last_seq, body = low | high << 32, body[_SEQ.size :]
    try:
        if flags & _ZSTD:
            body = _decompressed(body)
        read = columns.read(flags, body, len(layout.entries), base_us, MAX_POINTS)
    except ValueError as why:
        raise Unreadable(str(why)) from None
    if flags & columns.PARTIAL:
        series: Iterable[Series] = [layout.series[place] for place in read.places]
        simulated: Iterable[bool] = [layout.simulated[place] for place in read.places]
    else:
        series, simulated = layout.series, layout.simulated
    made = list(map(Run, series, simulated, read.times_us, read.values))
    if last_seq is None:
        last_seq = first_seq + max(0, (sum(map(len, read.values)) if flags & columns.MANY else len(made)) - 1)
    elif last_seq < first_seq:
        raise Unreadable("its sequence numbers do not count up from 0")
    return Batch(layout, _CLOCKS[clock], first_seq, last_seq, made, read.sound and not layout.bad)


def points(batch: Batch) -> tuple[list[Point], dict[Refusal, int]]:
    """The good points of a batch, and how many were refused and why. A bad point does not cost its neighbours."""
    good, refused = runs(batch)
    return [point for run in good for point in run.points()], refused


def runs(batch: Batch) -> tuple[list[Run], dict[Refusal, int]]:
    """As `points`, but still by columns: what a store writes a hundred thousand of a second."""
    if batch.sound:
        return batch.columns, {}
    good: list[Run] = []
    refused: dict[Refusal, int] = {}
    for run in batch.columns:
        if run.series in batch.layout.bad:
            refused[Refusal.TAG] = refused.get(Refusal.TAG, 0) + len(run.times_us)
            continue
        left = _without_faults(run, refused)
        if left.times_us:
            good.append(left)
    return good, refused


def runs_of(points: Iterable[Point]) -> list[Run]:
    """The points by series. Raises ValueError if in one of them time does not increase, or types are mixed."""
    made: dict[Entry, Run] = {}
    for point in points:
        run = made.get((point.series, point.simulated))
        if run is None:
            made[point.series, point.simulated] = Run(point.series, point.simulated, [point.time_us], [point.value])
            continue
        if point.time_us <= run.times_us[-1]:
            raise ValueError(f"time does not increase in {point.series}")
        if _kind(point.value) is not _kind(run.values[0]):
            raise ValueError(f"{point.series} mixes types")
        run.times_us.append(point.time_us)
        run.values.append(point.value)
    return list(made.values())


def encode_ack(ack: Ack) -> bytes:
    return msgspec.json.encode(ack)


def decode_ack(payload: bytes) -> Ack:
    """Raises Unreadable."""
    try:
        return msgspec.json.decode(payload, type=Ack)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Unreadable(f"not an ack: {wrong}") from None


def _checksum(layout: Layout, head: bytes | bytearray, body: bytes) -> int:
    """Of everything but itself."""
    return zlib.crc32(body, zlib.crc32(head[:2] + head[6:], layout.checksum))


def _layout(packed: bytes) -> Layout:
    try:
        layout = Layout.read(packed)
    except ValueError as why:
        raise Unreadable(str(why)) from None
    if not _BOOT.fullmatch(layout.boot):
        raise Unreadable("boot id is not 1 to 36 letters, digits and hyphens")
    return layout


def _decompressed(body: bytes) -> bytes:
    """Raises ValueError. The size is the one in the frame's head, so it is looked at before anything is unpacked."""
    try:
        size = zstandard.frame_content_size(body)
        if not 0 <= size <= _MAX_UNPACKED:
            raise ValueError("its columns are too large")
        return zstandard.ZstdDecompressor().decompress(body, allow_extra_data=False)
    except zstandard.ZstdError:
        raise ValueError("its columns are damaged") from None


def _kind(value: object) -> type | None:
    """bool, float (all numbers) or str; None for anything else."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def _without_faults(run: Run, refused: dict[Refusal, int]) -> Run:
    """The good points of `run`; the others are counted in `refused`."""
    good = Run(run.series, run.simulated, [], [])
    before = EARLIEST_US - 1
    for time_us, value in zip(run.times_us, run.values, strict=True):
        if why := _fault(time_us, before, value):
            refused[why] = refused.get(why, 0) + 1
            continue
        before = time_us
        good.times_us.append(time_us)
        good.values.append(value)
    return good


def _fault(time_us: int, before: int, value: object) -> Refusal | None:
    if not EARLIEST_US <= time_us <= LATEST_US:
        return Refusal.TIME_RANGE
    if time_us <= before:
        return Refusal.TIME_ORDER
    if isinstance(value, str) and not is_text(value):
        return Refusal.TEXT
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return Refusal.NOT_FINITE
    return None
