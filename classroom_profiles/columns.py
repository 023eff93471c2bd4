"""Columns of values and times as few bytes, exactly: what is between a batch's header and its end. Pure.

    [present]    PARTIAL: a bit for each series of the layout, least significant first; else all are present
    codes        4 bits a column (`CODES`), the first in the low half
    [counts]     MANY: points of each column, 2 bytes; else one each
    [own]        TIMES: a bit for each column: it has times of its own; else those of the column before it
    [unit, widths, firsts, steps, changes]
                 TIMES: offsets from the batch's time in `unit`s; of each column with times of its own its first time,
                 then its first step, then how each step differs from the one before; each in the width that it needs
    values       column by column, as the code says; of a text its length
    letters      of all texts

All integers are little-endian. Without TIMES every point has the batch's time.
"""

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, islice, pairwise
from typing import Any, NamedTuple

from classroom_profiles.series import EARLIEST_US, LATEST_US, is_text

PARTIAL, MANY, TIMES = 1, 2, 4


class Code(NamedTuple):
    """How the values of a column are written."""

    letter: str
    """As in `struct`."""
    scale: int
    """A number is the integer divided by this, which gives back the very same float; 0: it is as it is written."""


FLAG, TEXT, FLOAT64, FLOAT32 = range(4)
CODES = (
    Code("?", 0), Code("B", 0), Code("d", 0), Code("f", 0),
    Code("b", 1), Code("b", 10),
    Code("h", 1), Code("h", 10), Code("h", 100), Code("h", 1000),
    Code("i", 1), Code("i", 10), Code("i", 100), Code("i", 1000), Code("i", 10_000), Code("i", 1_000_000),
)  # fmt: skip
_CODE_OF = {code: number for number, code in enumerate(CODES)}
_WIDTHS = ((128, "b"), (2**15, "h"), (2**31, "i"))
_UNITS_US = (1_000_000, 1_000, 1)
_TIME_LETTERS = "bhiq"
_KEPT_COLUMNS = 128
"""Of a record that is kept, at up to 13 KiB."""


class Column(NamedTuple):
    """What is written: points of the series at `place` of the layout."""

    place: int
    times_us: list[int]
    values: list[Any]


class Body(NamedTuple):
    """What was read."""

    places: Sequence[int]
    """Where in the layout the series of each column is."""
    times_us: Sequence[list[int]]
    values: Sequence[list[Any]]
    sound: bool
    """True if there is nothing to refuse: all values and times are allowed, and within each column time increases."""


def write(columns: Sequence[Column], series: int, base_us: int) -> tuple[int, bytes]:
    """The flags and the bytes of `columns`, of a layout with so many `series`, in the order of their places.

    Raises ValueError or OverflowError if a value, a time or a count cannot be written.
    """
    flags, parts = 0, []
    if len(columns) != series:
        flags |= PARTIAL
        parts.append(_bits([column.place for column in columns], series))
    coded = [_coded(column.values) for column in columns]
    codes = [code for code, _ in coded]
    parts.append(bytes(low | high << 4 for low, high in zip(codes[::2], [*codes[1::2], 0], strict=False)))
    counts = [len(column.times_us) for column in columns]
    if max(counts, default=1) > 1:
        flags |= MANY
        parts.append(_packed(f"<{len(counts)}H", counts))
    if any(column.times_us != [base_us] for column in columns):
        flags |= TIMES
        parts.append(_times(columns, base_us))
    letters = "".join(f"{count}{CODES[code].letter}" for count, code in zip(counts, codes, strict=True))
    texts = [text for column, code in zip(columns, codes, strict=True) if code == TEXT for text in column.values]
    parts.append(_packed("<" + letters, [value for _, values in coded for value in values]))
    parts.append("".join(texts).encode("ascii"))
    return flags, b"".join(parts)


def read(flags: int, content: bytes, series: int, base_us: int, most: int) -> Body:
    """The columns in `content`, which has at most `most` points. Raises ValueError if it is not what `write` wrote."""
    try:
        body, end = _read(flags, content, series, base_us, most)
    except (struct.error, IndexError):
        raise ValueError("it is cut off") from None
    if end != len(content):
        raise ValueError("there is something behind its end")
    return body


def _read(flags: int, content: bytes, series: int, base_us: int, most: int) -> tuple[Body, int]:
    at = 0
    places: Sequence[int] = range(series)
    if flags & PARTIAL:
        at = (series + 7) // 8
        places = _bits_set(content[:at], series)
    columns = len(places)
    if columns > most:
        raise ValueError(f"more than {most} points")
    record = _record(content[at : at + (columns + 1) // 2], columns)
    at += (columns + 1) // 2
    counts: Sequence[int] = ()
    if flags & MANY:
        counts = struct.unpack_from(f"<{columns}H", content, at)
        at += 2 * columns
        if sum(counts) > most:
            raise ValueError(f"more than {most} points")
        if 0 in counts:
            raise ValueError("a column has no points")
    if flags & TIMES:
        times, sound, at = _read_times(content, at, counts or [1] * columns, base_us)
    elif counts:
        raise ValueError("columns of many points have no times")
    else:
        times, sound = [[base_us]] * columns, base_us <= LATEST_US
    values, at = _read_values(content, at, record, counts)
    if record.doubtful:
        sound = sound and all(_allowed(record.codes[number], values[number]) for number in record.doubtful)
    return Body(places, times, values, sound), at


def _read_values(content: bytes, at: int, record: "_Record", counts: Sequence[int]) -> tuple[list[list[Any]], int]:
    """`counts` is empty if each column has one."""
    if counts:
        letters = (f"{count}{CODES[code].letter}" for count, code in zip(counts, record.codes, strict=True))
        shape = struct.Struct("<" + "".join(letters))
        raw = shape.unpack_from(content, at)
        values: list[list[Any]] = []
        begin = 0
        for count, scale in zip(counts, record.scales, strict=True):
            some = raw[begin : begin + count]
            begin += count
            values.append([v / scale for v in some] if scale else list(some))
    else:
        shape = record.one
        raw = shape.unpack_from(content, at)
        values = [[v / scale if scale else v] for v, scale in zip(raw, record.scales, strict=True)]
    at += shape.size
    for number in record.texts:
        texts = values[number]
        for place, size in enumerate(texts):
            texts[place] = content[at : at + size].decode("latin-1")
            at += size
    return values, at


def _allowed(code: int, values: list[Any]) -> bool:
    return all(map(is_text, values)) if code == TEXT else all(map(math.isfinite, values))


class _Record(NamedTuple):
    """What the codes of a batch mean."""

    codes: tuple[int, ...]
    scales: tuple[int, ...]
    texts: tuple[int, ...]
    """The columns of texts."""
    doubtful: tuple[int, ...]
    """The columns whose values may have to be refused."""
    one: struct.Struct
    """One value of each."""


def _record(packed: bytes, columns: int) -> _Record:
    """Those of large batches are not kept: one gateway could fill the centre's memory with them."""
    return (_kept_record if columns <= _KEPT_COLUMNS else _new_record)(packed, columns)


def _new_record(packed: bytes, columns: int) -> _Record:
    halves = [half for byte in packed for half in (byte & 15, byte >> 4)]
    if len(halves) < columns or any(halves[columns:]):
        raise ValueError("its codes are not as many as its columns")
    codes = tuple(halves[:columns])
    return _Record(
        codes,
        tuple(CODES[code].scale for code in codes),
        tuple(number for number, code in enumerate(codes) if code == TEXT),
        tuple(number for number, code in enumerate(codes) if code in (TEXT, FLOAT64, FLOAT32)),
        struct.Struct("<" + "".join(CODES[code].letter for code in codes)),
    )


_kept_record = lru_cache(maxsize=8_192)(_new_record)


def _coded(values: list[Any]) -> tuple[int, Sequence[Any]]:
    """How a column is written, and what: all its values are of one kind."""
    kind = type(values[0])
    if kind is bool:
        return FLAG, values
    if kind is str:
        return TEXT, list(map(len, values))
    return _numbers(list(map(float, values)))


def _numbers(floats: list[float]) -> tuple[int, Sequence[float]]:
    """Integers where division gives back the very same floats, else floats."""
    first = floats[0]
    for scale, widths in _SCALES:
        scaled = first * scale
        if not -2147483648.0 <= scaled <= 2147483647.0:  # nor is it a number at all
            break
        if round(scaled) / scale != first:
            continue
        if len(floats) == 1:
            integers = [round(scaled)]
        else:
            if not all(-2147483648.0 <= value <= 2147483647.0 for value in floats):
                break
            integers = [round(value * scale) for value in floats]
            if [integer / scale for integer in integers] != floats:
                continue
        if 0 in integers and any(not value and math.copysign(1.0, value) < 0 for value in floats):
            break  # -0.0 is no integer
        low, high = min(integers), max(integers)
        for bound, code in widths:
            if -bound <= low and high < bound:
                return code, integers
        break
    try:
        narrow = struct.unpack(f"<{len(floats)}f", struct.pack(f"<{len(floats)}f", *floats))
    except OverflowError:
        return FLOAT64, floats
    return (FLOAT32 if list(narrow) == floats else FLOAT64), floats


_SCALES = tuple(
    (scale, tuple((bound, _CODE_OF[Code(letter, scale)]) for bound, letter in _WIDTHS if (letter, scale) in _CODE_OF))
    for scale in (1, 10, 100, 1_000, 10_000, 1_000_000)
)


def _times(columns: Sequence[Column], base_us: int) -> bytes:
    own: list[int] = []
    firsts: list[int] = []
    steps: list[int] = []
    changes: list[int] = []
    before: list[int] = []
    for number, column in enumerate(columns):
        times = column.times_us
        if times == before:
            continue
        before = times
        own.append(number)
        firsts.append(times[0] - base_us)
        if len(times) > 1:
            each = [later - earlier for earlier, later in pairwise(times)]
            steps.append(each[0])
            changes += [later - earlier for earlier, later in pairwise(each)]
    every = (*firsts, *steps, *changes)
    unit = next((unit for unit in _UNITS_US if not any(x % unit for x in every)), 1)
    widths, parts = 0, []
    for number, some in enumerate((firsts, steps, changes)):
        scaled = [x // unit for x in some]
        width = _width(scaled)
        widths |= width << 2 * number
        parts.append(_packed(f"<{len(scaled)}{_TIME_LETTERS[width]}", scaled))
    return b"".join((_bits(own, len(columns)), bytes((_UNITS_US.index(unit), widths)), *parts))


def _read_times(content: bytes, at: int, counts: Sequence[int], base_us: int) -> tuple[list[list[int]], bool, int]:
    """The times of each column, and whether all of them may be."""
    size = (len(counts) + 7) // 8
    own = _bits_set(content[at : at + size], len(counts))
    at += size
    if counts and own[:1] != [0]:
        raise ValueError("its first column has no times")
    unit, widths = _UNITS_US[content[at]], content[at + 1]
    at += 2
    if widths >> 6:
        raise ValueError("its times have no such width")
    many = [counts[number] for number in own if counts[number] > 1]
    found: list[tuple[int, ...]] = []
    for number, size in enumerate((len(own), len(many), sum(many) - 2 * len(many))):
        shape = f"<{size}{_TIME_LETTERS[widths >> 2 * number & 3]}"
        found.append(struct.unpack_from(shape, content, at))
        at += struct.calcsize(shape)
    firsts, steps, changes = map(iter, found)
    sound, times, owners = True, [], set(own)
    for number, count in enumerate(counts):
        if number in owners:
            start = base_us + next(firsts) * unit
            some = [start]
            if count > 1:
                deltas = list(accumulate(islice(changes, count - 2), initial=next(steps)))
                some = list(accumulate((delta * unit for delta in deltas), initial=start))
                sound = sound and min(deltas) > 0
            sound = sound and start >= EARLIEST_US and some[-1] <= LATEST_US
        elif len(some) != count:
            raise ValueError("a column has not as many times as values")
        times.append(some)
    return times, sound, at


def _width(integers: Sequence[int]) -> int:
    low, high = min(integers, default=0), max(integers, default=0)
    return next((place for place, (bound, _) in enumerate(_WIDTHS) if -bound <= low and high < bound), 3)


def _bits(places: Sequence[int], size: int) -> bytes:
    return sum(1 << place for place in places).to_bytes((size + 7) // 8, "little")


def _bits_set(content: bytes, size: int) -> list[int]:
    bits = int.from_bytes(content, "little")
    if bits >> size:
        raise ValueError("it names series that its layout does not have")
    return [place for place in range(size) if bits >> place & 1]


def _packed(shape: str, values: Sequence[Any]) -> bytes:
    try:
        return struct.pack(shape, *values)
    except struct.error as wrong:
        raise ValueError(f"it cannot be written: {wrong}") from None
