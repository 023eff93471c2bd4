"""From the bytes of a message to points that may be stored: pure, a column at a time.

The wire's own rules are in `classroom_profiles.telemetry`; what only the centre can judge is here: whether a time is
possible by the centre's clock, whether the schema has such a metric with such values, and whether its gateway may
have one more series.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

from classroom_profiles.metrics import CLOSED, Kind, find
from classroom_profiles.telemetry import Layout, Measurement, Refusal, Run, Series, decode, runs
from cloud_ingest.inbox import Message
from cloud_ingest.series_bound import SeriesBound
from cloud_ingest.store import Portion

EARLIEST_US = 1_577_836_800_000_000
"""2020-01-01, before this project: a clock that shows less was never set."""
AHEAD_S = 366 * 86_400.0
"""How far in the future a point may be. A year, since a refusal would be for good: a gateway whose clock ran ahead and
was put back goes on just after its latest time, so that the series it spoiled would be refused until that time came."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A readable batch on its way to the store, and how many of its points were refused and why."""

    message: Message
    layout: Layout
    portion: Portion
    points: int
    refused: dict[str, int]


def check(message: Message, known: Mapping[bytes, Layout], latest_us: int, bound: SeriesBound | None = None) -> Checked:
    """The good points of a batch, none later than `latest_us`. Raises Unreadable, NeedLayout.

    `bound`: of the series that its gateway may have.
    """
    batch = decode(message.payload, known)
    good, wrong = runs(batch)
    refused = {why.value: number for why, number in wrong.items()} if wrong else {}
    judged = _looked_up.get(batch.layout)
    if judged is None:
        too_many = bound.beyond(message.sender, batch.layout) if bound is not None else frozenset()
        judged = _looked_up[batch.layout] = _Judged(too_many)
    good = judged.good(batch.layout, good, refused)
    points, late = 0, 0
    before: list[int] = []
    for place, run in enumerate(good):
        times = run.times_us
        points += len(times)
        if times is before:  # columns often share their times
            continue
        if times[-1] > latest_us or times[0] < EARLIEST_US:
            kept = _between(run, latest_us)
            late += len(times) - len(kept.times_us)
            if good is batch.columns:
                good = list(good)
            good[place] = kept
        else:
            before = times
    if late:
        refused[Refusal.TIME_RANGE.value] = refused.get(Refusal.TIME_RANGE.value, 0) + late
        good = [run for run in good if run.times_us]
    whole = not late and good is batch.columns and 0 < len(good) == len(batch.layout.entries)
    portion = Portion(message.sender.school, good, batch.layout if whole else None)
    return Checked(message, batch.layout, portion, points - late, refused)


class _Judged:
    """What is known of a layout's series, found out once for all its batches."""

    __slots__ = ("_kinds", "_too_many")

    def __init__(self, too_many: frozenset[Series]) -> None:
        self._too_many = too_many
        self._kinds: tuple[type, ...] = ()
        """The types of the values of all its series, when the schema was last seen to allow them."""

    def good(self, layout: Layout, some: list[Run], refused: dict[str, int]) -> list[Run]:
        """The same list if nothing in it has to be refused; else `refused` counts how many points."""
        kinds = tuple([type(run.values[0]) for run in some])
        if kinds == self._kinds:
            return some
        good = []
        for run, kind in zip(some, kinds, strict=True):
            why = self._fault(run.series, kind)
            if why is None:
                good.append(run)
            else:
                refused[why.value] = refused.get(why.value, 0) + len(run.times_us)
        if len(good) < len(some):
            return good
        if len(some) == len(layout.series):  # all, so each in its place
            self._kinds = _same_kinds(kinds)
        return some

    def _fault(self, series: Series, kind: type) -> Refusal | None:
        allowed = _allowed(series.measurement, series.metric)
        if kind not in allowed:
            return Refusal.KIND if allowed else Refusal.METRIC
        return Refusal.SERIES if series in self._too_many else None


_looked_up: WeakKeyDictionary[Layout, _Judged] = WeakKeyDictionary()
_TYPES = {Kind.NUMBER: (float, int), Kind.FLAG: (bool,), Kind.TEXT: (str,)}


@lru_cache(maxsize=4096)
def _allowed(measurement: Measurement, name: str) -> tuple[type, ...]:
    """The types that values of a metric may have; none if there can be no such metric."""
    metric = find(measurement, name)
    if metric is not None:
        return tuple(kind for of in metric.kinds for kind in _TYPES[of])
    return () if measurement in CLOSED else (float, int, bool, str)


@lru_cache(maxsize=4096)
def _same_kinds(kinds: tuple[type, ...]) -> tuple[type, ...]:
    """One of each: most layouts have the same."""
    return kinds


def _between(run: Run, latest_us: int) -> Run:
    start, end = bisect_left(run.times_us, EARLIEST_US), bisect_right(run.times_us, latest_us)
    return Run(run.series, run.simulated, run.times_us[start:end], run.values[start:end])
