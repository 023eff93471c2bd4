"""From the bytes of a message to points that may be stored: pure, a column at a time.

The wire's own rules are in `classroom_profiles.telemetry`; what only the centre can judge is here: whether a time is
possible by the centre's clock, and whether the schema has such a metric.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from classroom_profiles.metrics import is_known
from classroom_profiles.telemetry import Layout, Refusal, Run, Series, decode, runs
from cloud_ingest.inbox import Message
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


def check(message: Message, known: Mapping[bytes, Layout], latest_us: int) -> Checked:
    """The good points of a batch, none later than `latest_us`. Raises Unreadable, NeedLayout."""
    batch = decode(message.payload, known)
    good, wrong = runs(batch)
    refused = {why.value: number for why, number in wrong.items()} if wrong else {}
    unknown = _unknown(batch.layout)
    if unknown:
        number = sum(len(run.times_us) for run in good if run.series in unknown)
        good = [run for run in good if run.series not in unknown]
        refused[Refusal.METRIC.value] = number
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


_looked_up: WeakKeyDictionary[Layout, frozenset[Series]] = WeakKeyDictionary()


def _unknown(layout: Layout) -> frozenset[Series]:
    """Looked up once for each layout, since a gateway's batches share theirs."""
    found = _looked_up.get(layout)
    if found is None:
        found = frozenset(one for one in layout.series if not is_known(one.measurement, one.metric))
        _looked_up[layout] = found
    return found


def _between(run: Run, latest_us: int) -> Run:
    start, end = bisect_left(run.times_us, EARLIEST_US), bisect_right(run.times_us, latest_us)
    return Run(run.series, run.simulated, run.times_us[start:end], run.values[start:end])
