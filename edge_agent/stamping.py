"""From points to the journal's rows: each gets a sequence number and a time of its own. No I/O, no clock.

A row is one batch as the wire wants it, of one measurement, so that the drop order can take whole rows.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from classroom_profiles.layout import Entry
from classroom_profiles.telemetry import (
    Batch,
    Clock,
    Layout,
    Measurement,
    Point,
    Refusal,
    Run,
    Series,
    Unreadable,
    decode,
    digest,
    encode,
    fits,
    names,
    pack,
    runs,
    runs_of,
)
from classroom_profiles.telemetry import points as points_of
from edge_agent.clock import Moment
from edge_agent.intake import STEP_US, Lot
from edge_agent.journal_tally import LATEST_US

_SERIES = 10_000

_log = logging.getLogger("lophoc.journal")


@dataclass(frozen=True, slots=True)
class Row:
    """Points that become durable, are sent and are acknowledged together."""

    measurement: Measurement
    points: int
    clock: Clock
    offset_us: int
    """Its points' times minus the monotonic time when they came."""
    last_us: int
    last_seq: int
    digest: str
    """Of the payload."""
    layout: Layout
    payload: bytes
    """Without its layout."""

    def batch(self) -> Batch:
        """Raises Unreadable."""
        return decode(self.payload, {self.layout.key: self.layout})

    @classmethod
    def read(cls, layout: Layout, payload: bytes, offset_us: int = 0) -> "Row":
        """What the payload itself says, whose own checksum has to hold. Raises ValueError."""
        if not names(payload, layout):
            raise ValueError("its names are others")
        batch = decode(payload, {layout.key: layout})
        points = sum(len(run.times_us) for run in batch.columns)
        last_us = max(run.times_us[-1] for run in batch.columns)
        measurement = batch.columns[0].series.measurement
        named = digest(payload)
        return cls(measurement, points, batch.clock, offset_us, last_us, batch.last_seq, named, layout, payload)

    @classmethod
    def of(cls, layout: Layout, clock: Clock, offset_us: int, first: int, last: int, made: Sequence[Run]) -> "Row":
        """Of at least one run. Raises ValueError or OverflowError if no batch can hold it."""
        payload = pack(layout, clock, first, last, made)
        if not fits(payload, layout):
            raise ValueError("too many bytes")
        points = sum(len(run.times_us) for run in made)
        last_us = max(run.times_us[-1] for run in made)
        measurement = made[0].series.measurement
        return cls(measurement, points, clock, offset_us, last_us, last, digest(payload), layout, payload)


class Stamper:
    """Numbers points within their measurement, and makes time increase within each series whatever the clock does.

    A clock that is not trusted and behind what is in the journal already is put forward as a whole, so that the
    distances between its points stay right and can be counted back once the time is known.
    """

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._next_seq: dict[Measurement, int] = {}
        self.last_us = -1
        """The latest time that any point was given."""
        self._floor_us = -1
        self.sure_us = -1
        """No point is put at or before this when it is given the right time later."""
        self._trusted_us = -1
        """The latest time that was given under a clock that is trusted."""
        self._last_us: dict[Series, int] = {}
        self._layouts: dict[Measurement, Layout] = {}
        self._refused: dict[Refusal, int] = {}
        self._told: set[tuple[Series, Refusal]] = set()
        self._untrusted: Moment | None = None
        """The newest moment, if it was not trusted."""
        self._ahead_us = 0
        """What is added to the times of a clock that is not trusted."""
        self._waits_from: tuple[int, int] | None = None
        """The first time given under that clock, and its offset."""

    def go_on_after(self, last_us: int, next_seq: Mapping[Measurement, int]) -> None:
        """Continue where an earlier process stopped: no point at or before `last_us`, no number twice."""
        self._floor_us = max(self._floor_us, last_us)
        self.last_us = max(self.last_us, last_us)
        for measurement, number in next_seq.items():
            self._next_seq[measurement] = max(self._next_seq.get(measurement, 0), number)

    def sent_until(self, last_us: int) -> None:
        """Points up to this time are at the centre, or will be with the times that they have."""
        self.sure_us = max(self.sure_us, last_us)

    def put_back(self) -> None:
        """The clock was ahead, and its points will be put right: time goes on from what cannot be any more."""
        self._last_us.clear()
        self.last_us = self._floor_us = max(self.sure_us, self._trusted_us)

    def put_right(self, last_us: int) -> None:
        """Points that waited have been given times up to `last_us`: what comes is later than all of them."""
        self.last_us = self._floor_us = max(self.last_us, last_us)
        self._last_us.clear()

    @property
    def next_seq(self) -> dict[Measurement, int]:
        return dict(self._next_seq)

    def rows(self, lot: Lot) -> list[Row]:
        """All good points of `lot`. What the centre would refuse is refused here already: see `take_refused`."""
        good = {
            measurement: [point for point in points if self._in_range(point)]
            for measurement, points in lot.points.items()
        }
        moment = self._placed(lot.moment, min((point.time_us for some in good.values() for point in some), default=0))
        rows: list[Row] = []
        for measurement, points in good.items():
            timed = [self._timed(point, moment.offset_us - lot.moment.offset_us) for point in points]
            rows += self._encoded(measurement, timed, moment)
        if moment.trusted and rows:
            self._trusted_us = max(self._trusted_us, *(row.last_us for row in rows))
        return rows

    def take_refused(self) -> dict[Refusal, int]:
        """How many points were refused since the last call, by reason."""
        refused, self._refused = self._refused, {}
        return refused

    def _placed(self, moment: Moment, first_us: int) -> Moment:
        """The moment as the journal's time has it."""
        if moment.trusted:
            before, self._untrusted = self._untrusted, None
            waits_from, self._waits_from = self._waits_from, None
            was_ahead = before is not None and moment.offset_us < before.offset_us + self._ahead_us
            if was_ahead and waits_from is not None and self._can_be_put_right(*waits_from, moment):
                self.put_back()
            self._ahead_us = 0
            return moment
        before, self._untrusted = self._untrusted, moment
        if before is None or abs(moment.offset_us - before.offset_us) >= STEP_US:
            self._ahead_us = max(0, self.last_us + 1 - first_us)
        self._ahead_us = max(self._ahead_us, self._floor_us + 1 - first_us)
        placed = replace(moment, offset_us=moment.offset_us + self._ahead_us)
        if self._waits_from is None:
            self._waits_from = (first_us + self._ahead_us, placed.offset_us)
        return placed

    def _can_be_put_right(self, first_us: int, offset_us: int, right: Moment) -> bool:
        """False if the journal's time was ahead of the true one before: then those points stay where they are."""
        return first_us + right.offset_us - offset_us > self.sure_us

    def _in_range(self, point: Point) -> bool:
        if 0 <= point.time_us <= LATEST_US:
            return True
        self._refuse(point, Refusal.TIME_RANGE)
        return False

    def _timed(self, point: Point, ahead_us: int) -> Point:
        if point.series not in self._last_us and len(self._last_us) >= _SERIES:
            self._floor_us = max(self._last_us.values())
            self._last_us.clear()
        time_us = max(point.time_us + ahead_us, self._last_us.get(point.series, self._floor_us) + 1)
        self._last_us[point.series] = time_us
        return point if time_us == point.time_us else replace(point, time_us=time_us)

    def _encoded(self, measurement: Measurement, points: Sequence[Point], moment: Moment) -> list[Row]:
        if not points:
            return []
        first = self._next_seq.get(measurement, 0)
        row = self._row(measurement, points, moment, first)
        if row is not None:
            self._next_seq[measurement] = row.last_seq + 1
            self._layouts[measurement] = row.layout
            self.last_us = max(self.last_us, row.last_us)
            return [row]
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

    def _row(self, measurement: Measurement, points: Sequence[Point], moment: Moment, first: int) -> Row | None:
        """None if the centre would refuse some of it, or it is too much for one batch."""
        clock = Clock.TRUSTED if moment.trusted else Clock.UNTRUSTED
        try:
            made = runs_of(points)
            layout = self._layout(measurement, [(run.series, run.simulated) for run in made])
            row = Row.of(layout, clock, moment.offset_us, first, first + len(points) - 1, made)
            return row if not runs(row.batch())[1] else None
        except (ValueError, OverflowError, TypeError):
            return None

    def _layout(self, measurement: Measurement, entries: Iterable[Entry]) -> Layout:
        """The one in use if it has all of `entries`, else with them; when it is full, one that is begun anew."""
        try:
            return self._layouts[measurement].with_more(entries)
        except (KeyError, ValueError):
            return Layout.of(self._boot, entries)

    def _refuse(self, point: Point, why: Refusal) -> None:
        self._refused[why] = self._refused.get(why, 0) + 1
        if (point.series, why) not in self._told and len(self._told) < _SERIES:
            self._told.add((point.series, why))
            _log.warning("points of %s are refused: %s", point.series, why)


def joined(rows: Sequence[Row]) -> Row | None:
    """One row with all points of `rows`, which are of one measurement and in order; None if they do not go together."""
    first, last = rows[0], rows[-1]
    if any((row.layout.boot, row.clock) != (first.layout.boot, first.clock) for row in rows):
        return None
    if any(abs(row.offset_us - first.offset_us) >= STEP_US for row in rows):
        return None
    made: dict[Entry, Run] = {}
    try:
        first_seq = first.batch().first_seq
        for row in rows:
            good, refused = runs(row.batch())
            if refused or not all(_goes_on(made, run) for run in good):
                return None
        layout = last.layout.with_more(made)
        return Row.of(layout, first.clock, first.offset_us, first_seq, last.last_seq, list(made.values()))
    except (ValueError, OverflowError):
        return None


def retimed(row: Row, offset_us: int, after_us: int) -> Row | None:
    """The same points at the times that they have by the true `offset_us`; None if one is not after `after_us`."""
    try:
        batch = row.batch()
        by_us = offset_us - row.offset_us
        made = [Run(run.series, run.simulated, [t + by_us for t in run.times_us], run.values) for run in batch.columns]
        if not made or min(run.times_us[0] for run in made) <= max(after_us, -1):
            return None
        if max(run.times_us[-1] for run in made) > LATEST_US:
            return None
        return Row.of(row.layout, Clock.RETIMED, offset_us, batch.first_seq, batch.last_seq, made)
    except (ValueError, OverflowError):
        return None


def _goes_on(made: dict[Entry, Run], run: Run) -> bool:
    """Add `run` to what there is of its series; False if it does not continue it."""
    entry = (run.series, run.simulated)
    before = made.get(entry)
    if before is None:
        made[entry] = Run(run.series, run.simulated, list(run.times_us), list(run.values))
        return True
    if run.times_us[0] <= before.times_us[-1] or type(run.values[0]) is not type(before.values[0]):
        return False
    before.times_us.extend(run.times_us)
    before.values.extend(run.values)
    return True


def _fault(point: Point) -> Refusal | None:
    """Why the centre would refuse `point`."""
    try:
        return next(iter(points_of(decode(encode("boot", True, 0, 0, [point])))[1]), None)
    except Unreadable:
        return Refusal.TYPE
    except (ValueError, OverflowError, TypeError):
        return Refusal.TEXT if isinstance(point.value, str) else Refusal.TYPE
