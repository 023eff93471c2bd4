"""From points to the journal's rows: each gets a sequence number and a time of its own. No I/O, no clock.

A row is one batch as the wire wants it, of one measurement, so that the drop order can take whole rows.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from classroom_profiles.telemetry import (
    MAX_BATCH_BYTES,
    Measurement,
    Point,
    Refusal,
    Series,
    Unreadable,
    decode,
    digest,
    encode,
    runs,
)
from classroom_profiles.telemetry import points as points_of
from edge_agent.clock import Moment
from edge_agent.intake import STEP_US, Lot

_SERIES = 10_000
_LATEST_US = 7_258_118_400_000_000  # 2200-01-01: far enough from the wire's end to go on counting

_log = logging.getLogger("lophoc.journal")


@dataclass(frozen=True, slots=True)
class Row:
    """Points that become durable, are sent and are acknowledged together."""

    measurement: Measurement
    points: int
    offset_us: int
    """Wall time minus monotonic time when they came."""
    last_us: int
    last_seq: int
    digest: str
    payload: bytes


class Stamper:
    """Numbers points within their measurement, and makes time increase within each series whatever the clock does."""

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._next_seq: dict[Measurement, int] = {}
        self.last_us = -1
        """The latest time that any point was given."""
        self._floor_us = -1
        self._last_us: dict[Series, int] = {}
        self._refused: dict[Refusal, int] = {}
        self._told: set[tuple[Series, Refusal]] = set()

    def go_on_after(self, last_us: int, next_seq: Mapping[Measurement, int]) -> None:
        """Continue where an earlier process stopped: no point at or before `last_us`, no number twice."""
        self._floor_us = max(self._floor_us, last_us)
        self.last_us = max(self.last_us, last_us)
        for measurement, number in next_seq.items():
            self._next_seq[measurement] = max(self._next_seq.get(measurement, 0), number)

    @property
    def next_seq(self) -> dict[Measurement, int]:
        return dict(self._next_seq)

    def rows(self, lot: Lot) -> list[Row]:
        """All good points of `lot`. What the centre would refuse is refused here already: see `take_refused`."""
        rows: list[Row] = []
        for measurement, points in lot.points.items():
            timed = [self._timed(point) for point in points if self._in_range(point)]
            rows += self._encoded(measurement, timed, lot.moment)
        return rows

    def take_refused(self) -> dict[Refusal, int]:
        """How many points were refused since the last call, by reason."""
        refused, self._refused = self._refused, {}
        return refused

    def _in_range(self, point: Point) -> bool:
        if 0 <= point.time_us <= _LATEST_US:
            return True
        self._refuse(point, Refusal.TIME_RANGE)
        return False

    def _timed(self, point: Point) -> Point:
        if point.series not in self._last_us and len(self._last_us) >= _SERIES:
            self._floor_us = max(self._last_us.values())
            self._last_us.clear()
        time_us = max(point.time_us, self._last_us.get(point.series, self._floor_us) + 1)
        self._last_us[point.series] = time_us
        return point if time_us == point.time_us else replace(point, time_us=time_us)

    def _encoded(self, measurement: Measurement, points: Sequence[Point], moment: Moment) -> list[Row]:
        if not points:
            return []
        first = self._next_seq.get(measurement, 0)
        last = first + len(points) - 1
        payload = _payload(self._boot, moment.trusted, first, last, points)
        if payload is not None and _faultless(payload):
            self._next_seq[measurement] = last + 1
            last_us = max(point.time_us for point in points)
            self.last_us = max(self.last_us, last_us)
            return [Row(measurement, len(points), moment.offset_us, last_us, last, digest(payload), payload)]
        faults = [_fault(point) for point in points]
        good = [point for point, why in zip(points, faults, strict=True) if why is None]
        for point, why in zip(points, faults, strict=True):
            if why is not None:
                self._refuse(point, why)
        if len(good) < len(points):
            return self._encoded(measurement, good, moment)
        middle = len(points) // 2  # each is good, but together they are too much, or mix types in a series
        return [
            *self._encoded(measurement, points[:middle], moment),
            *self._encoded(measurement, points[middle:], moment),
        ]

    def _refuse(self, point: Point, why: Refusal) -> None:
        self._refused[why] = self._refused.get(why, 0) + 1
        if (point.series, why) not in self._told and len(self._told) < _SERIES:
            self._told.add((point.series, why))
            _log.warning("points of %s are refused: %s", point.series, why)


def joined(rows: Sequence[Row]) -> Row | None:
    """One row with all points of `rows`, which are of one measurement and in order; None if they do not go together."""
    try:
        batches = [decode(row.payload) for row in rows]
    except Unreadable:
        return None
    first, last = batches[0], batches[-1]
    if any((batch.boot, batch.trusted) != (first.boot, first.trusted) for batch in batches):
        return None
    if any(abs(row.offset_us - rows[0].offset_us) >= STEP_US for row in rows):
        return None
    points: list[Point] = []
    for batch in batches:
        good, refused = points_of(batch)
        if refused:
            return None
        points += good
    payload = _payload(first.boot, first.trusted, first.first_seq, last.last_seq, points)
    if payload is None:
        return None
    last_us = max(row.last_us for row in rows)
    return Row(rows[0].measurement, len(points), rows[0].offset_us, last_us, last.last_seq, digest(payload), payload)


def _payload(boot: str, trusted: bool, first: int, last: int, points: Sequence[Point]) -> bytes | None:
    """None if no batch can hold them: too many bytes, types mixed in a series, or a value that is none."""
    try:
        payload = encode(boot, trusted, first, last, points)
    except (ValueError, OverflowError, TypeError):
        return None
    return payload if len(payload) <= MAX_BATCH_BYTES else None


def _faultless(payload: bytes) -> bool:
    """The centre would refuse none of it."""
    try:
        return not runs(decode(payload))[1]
    except Unreadable:
        return False


def _fault(point: Point) -> Refusal | None:
    """Why the centre would refuse `point`."""
    payload = _payload("boot", True, 0, 0, [point])
    if payload is None:
        return Refusal.TEXT if isinstance(point.value, str) else Refusal.TYPE
    try:
        return next(iter(points_of(decode(payload))[1]), None)
    except Unreadable:
        return Refusal.TYPE
