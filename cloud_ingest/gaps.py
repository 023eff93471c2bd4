"""Where a series has no points although it should, from when to when, and why as far as that is known: pure.

A gap is never filled in. If the period of a series was not declared it is learned from its points; a series that has
none, such as a switch that reports changes only, has no gaps that anybody could know of.
"""

import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from cloud_ingest.gateways import Condition, State
from cloud_ingest.windows import Span

_LATE = 2.5
"""Periods without a point until that is a gap: one may be late, or lost its turn."""
_POINTS_TO_LEARN = 8
_REGULAR = 3.0


class Reason(StrEnum):
    OFF = "gateway off"
    """It had said goodbye: nothing was measured."""
    UNREACHABLE = "gateway unreachable"
    """Nobody heard of it; now it is back and has sent what it had, but not this."""
    MAY_COME = "gateway unreachable, may still come"
    BUFFERING = "gateway buffering, may still come"
    SILENT = "gateway silent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Gap:
    """Between two points, or between the last one and the end."""

    from_us: int
    to_us: int
    reason: Reason
    open: bool = False
    """It has not ended."""

    @property
    def seconds(self) -> float:
        return (self.to_us - self.from_us) / 1e6


@dataclass(frozen=True, slots=True)
class Spell:
    """From `since_us` on a gateway said `what`: `online`, `off` or `unreachable`."""

    since_us: int
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """`period_us` is None, and there are no gaps, if the points have no period."""

    period_us: int | None
    declared: bool
    first_us: int | None
    """The first point in the span: nobody knows whether there should be one before."""
    last_us: int | None
    gaps: tuple[Gap, ...]
    missing_s: float
    resolution_us: int
    """Gaps begin and end within so much of what is said; 0 is exactly."""


def learned_period_us(times_us: Sequence[int]) -> int | None:
    """What most points in a row keep to; None if they are few, or keep to nothing."""
    steps = sorted(after - before for before, after in pairwise(times_us))
    if len(steps) < _POINTS_TO_LEARN - 1:
        return None
    quarter, three_quarters = steps[len(steps) // 4], steps[len(steps) * 3 // 4]
    return round(statistics.median(steps)) if three_quarters <= _REGULAR * quarter else None


def report(
    times_us: Sequence[int],
    span: Span,
    period_us: int | None,
    spells: Sequence[Spell] = (),
    condition: Condition | None = None,
    resolution_us: int = 0,
    *,
    declared: bool = False,
) -> Report:
    """Of points in order of time within `span`, which ends at the present or before it.

    `period_us`: None if it has none. `spells`: what its gateway said, in order of time; `condition`: how
    that gateway is now. `resolution_us`: the length of windows, if `times_us` are their starts.
    """
    first, last = (times_us[0], times_us[-1]) if times_us else (None, None)
    if period_us is None:
        return Report(None, declared, first, last, (), 0.0, resolution_us)
    allowed = max(_LATE * period_us, 1.5 * resolution_us)
    found = [
        (before + resolution_us, after, False)
        for before, after in pairwise(times_us)
        if after - before > allowed
    ]  # fmt: skip
    if last is None:
        found.append((span.since_us, span.until_us, True))
    elif span.until_us - last > allowed + resolution_us:
        found.append((last + resolution_us, span.until_us, True))
    gaps = tuple(
        Gap(start, end, _reason(start, end, ends_now, spells, condition, span.until_us), ends_now)
        for start, end, ends_now in found
    )
    return Report(period_us, declared, first, last, gaps, sum(gap.seconds for gap in gaps), resolution_us)


def _reason(
    from_us: int, to_us: int, ends_now: bool, spells: Sequence[Spell], condition: Condition | None, now_us: int
) -> Reason:
    if condition is not None and condition.buffering_min > 0 and to_us > now_us - condition.buffering_min * 60e6:
        return Reason.BUFFERING if condition.state is State.BUFFERING else Reason.MAY_COME
    said = _said_most(from_us, to_us, spells)
    if said == "off":
        return Reason.OFF
    if ends_now and condition is not None:
        if condition.state is State.UNREACHABLE:
            return Reason.MAY_COME
        if condition.state is State.SILENT:
            return Reason.SILENT
    return Reason.UNREACHABLE if said == "unreachable" else Reason.UNKNOWN


def _said_most(from_us: int, to_us: int, spells: Sequence[Spell]) -> str:
    """What the gateway said for most of the time; empty if nothing is known."""
    lengths: dict[str, int] = {}
    place = max(0, bisect_right(spells, from_us, key=lambda spell: spell.since_us) - 1)
    at_last = Spell(to_us, "")
    for spell, after in pairwise([*spells[place:], at_last]):
        length = min(to_us, after.since_us) - max(from_us, spell.since_us)
        if length > 0:
            lengths[spell.what] = lengths.get(spell.what, 0) + length
    longest = max(lengths, key=lambda what: lengths[what], default="")
    return longest if lengths.get(longest, 0) * 2 > to_us - from_us else ""
