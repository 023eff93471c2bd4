"""One recorded run of a bench: what it takes to repeat it, and its samples as columns of bits. Pure."""

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import zstandard

from classroom_profiles.experiment import RunState, Setting

NOTHING = float("nan")
"""What a column holds where the sample has no value for it."""
_MAX_UNPACKED = 16 * 1024 * 1024


class Ending(StrEnum):
    """Why a run is over; an open one has none."""

    RESET = "reset"
    """The experiment was reset, which begins another."""
    RESTARTED = "restarted"
    """What makes the samples was started anew: the run cannot go on."""
    STOPPED = "stopped"
    """By a person: a recording of sensors."""
    INTERRUPTED = "interrupted"
    """The gateway was stopped in the middle: of sensors nobody kept what they measured meanwhile."""
    TOO_LONG = "too-long"


class Column(msgspec.Struct, frozen=True):
    name: str
    unit: str = ""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while the run goes on."""

    bench: str
    device: str
    """Which device numbers the samples; empty where the gateway does, for a bench of sensors."""
    experiment: str = ""
    session: str = ""
    number: int = 0
    """The device's own number of the run."""
    seed: int | None = None
    rate_hz: float | None = None
    ideal: bool = False
    simulated: bool = False
    software: dict[str, str] = {}
    parameters: dict[str, bool | float | str] = {}
    """As they were at the first sample."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is kept."""

    id: str
    about: About
    columns: tuple[Column, ...]
    started_us: int
    """Wall clock, microseconds since 1970-01-01 UTC."""
    ended_us: int | None = None
    ending: Ending | None = None
    samples: int = 0
    lost: int = 0
    """Numbers that never came, or that no disk took."""
    last_n: int = -1
    exact: bool = True
    """False if something was turned, or began, while nobody heard when."""

    @property
    def duration_s(self) -> float | None:
        rate = self.about.rate_hz
        return None if rate is None else max(0, self.last_n) / rate

    @property
    def repeatable(self) -> bool:
        return bool(self.about.experiment) and self.about.simulated and self.exact and self.about.seed is not None


@dataclass(frozen=True, slots=True)
class Turned:
    """A parameter turned: it counts from sample `n` on."""

    n: int
    time_us: int
    name: str
    value: bool | Setting


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote at a sample."""

    n: int
    time_us: int
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One sample: its values are those of the run's columns, in their order."""

    n: int
    time_us: int
    t_s: float
    values: tuple[float, ...]


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    n: bytes
    time_us: bytes
    t_s: bytes
    values: dict[str, bytes]


def turned(before: Mapping[str, bool | Setting], now: RunState) -> dict[str, Setting]:
    """The parameters that have come to count since."""
    return {name: value for name, value in now.parameters.items() if before.get(name) != value}


def pack(rows: Sequence[Row], columns: Sequence[Column]) -> bytes:
    """The very bits of each number."""
    values = {
        one.name: _bytes("d", [row.values[k] if k < len(row.values) else NOTHING for row in rows])
        for k, one in enumerate(columns)
    }
    packed = _Packed(
        _bytes("q", [row.n for row in rows]),
        _bytes("q", [row.time_us for row in rows]),
        _bytes("d", [row.t_s for row in rows]),
        values,
    )
    return zstandard.compress(msgspec.msgpack.encode(packed), 3)


def unpack(block: bytes, columns: Sequence[Column]) -> Iterator[Row]:
    """Raises ValueError if the bytes are no such block."""
    try:
        plain = zstandard.ZstdDecompressor().decompress(block, max_output_size=_MAX_UNPACKED)
        packed = msgspec.msgpack.decode(plain, type=_Packed)
    except (zstandard.ZstdError, msgspec.DecodeError) as wrong:
        raise ValueError(f"a block of samples is damaged: {wrong}") from wrong
    numbers = _array("q", packed.n)
    nothing = array("d", [NOTHING]) * len(numbers)
    values = [_array("d", packed.values[one.name]) if one.name in packed.values else nothing for one in columns]
    every = zip(*values, strict=True) if values else iter([()] * len(numbers))
    for n, time_us, t_s, row in zip(numbers, _array("q", packed.time_us), _array("d", packed.t_s), every, strict=True):
        yield Row(n, time_us, t_s, row)


def _bytes(code: str, numbers: Sequence[float]) -> bytes:
    made: array[Any] = array(code, numbers)
    if sys.byteorder == "big":
        made.byteswap()
    return made.tobytes()


def _array(code: str, kept: bytes) -> "array[Any]":
    made: array[Any] = array(code)
    made.frombytes(kept)
    if sys.byteorder == "big":
        made.byteswap()
    return made
