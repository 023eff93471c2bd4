"""Totals by school from InfluxDB: hours that are rolled up from their windows, only the others from points.

Which hours those are differs from school to school, mostly by nothing: schools of which the same is missing are asked
for together. When the last point came is not in the windows, so it is asked of the points of the last of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from cloud_ingest.influx_http import InfluxQueries, NoSum
from cloud_ingest.influxql import SchoolSum, school_sums_of, starts_of, totals_of_windows, windows_starts
from cloud_ingest.store import SchoolTotals
from cloud_ingest.windows import FIVE_MINUTES_US, HOUR_US, Span, mean

_GROUPS = 8
_BY_NAME = 60  # schools that a question names: more are asked for as all of them

Between = Callable[[set[int]], tuple[list[Span], list[Span]]]


def by_school(
    raw: InfluxQueries, rolled: InfluxQueries, done: Mapping[str, set[int]], metric: str, between: Between
) -> list[SchoolTotals]:
    """`done`: each school's hours whose windows have all of its points. `between` says for such hours what of the span
    is to be read from points and what from windows. Raises StoreUnavailable."""
    sums: dict[str, SchoolSum] = {}
    starts: dict[str, Span] = {}
    for schools, hours in _grouped(raw.schools_of(metric), done):
        pieces, whole = between(hours)
        for piece in pieces:
            _add(sums, schools, raw.school_sums(metric, piece, _named(schools)))
        for length_us, span in (part for one in whole for part in _parts(one)):
            _add(sums, schools, _from_windows(rolled, metric, length_us, span))
            found = rolled.ask(windows_starts(metric, length_us, span), starts_of)
            for school, start_us in found.items():
                if school in schools and start_us >= starts.get(school, span).since_us:
                    starts[school] = Span(start_us, start_us + length_us)
    for school, at_us in _lasts(raw, metric, sums, starts).items():
        sums[school] = sums[school]._replace(last_us=max(at_us, sums[school].last_us))
    return totals(sums)


def totals(sums: Mapping[str, SchoolSum]) -> list[SchoolTotals]:
    return [
        SchoolTotals(school, one.points, mean(one.total, one.points), one.last_us)
        for school, one in sorted(sums.items())
    ]


def _grouped(schools: Iterable[str], done: Mapping[str, set[int]]) -> list[tuple[set[str], set[int]]]:
    """Few groups, and the hours that are done for all of each."""
    by_hours: dict[frozenset[int], set[str]] = defaultdict(set)
    for school in schools:
        by_hours[frozenset(done.get(school, ()))].add(school)
    groups = sorted(((some, set(hours)) for hours, some in by_hours.items()), key=lambda one: -len(one[0]))
    first, rest = groups[: _GROUPS - 1], groups[_GROUPS - 1 :]
    if rest:
        first.append((set().union(*(some for some, _ in rest)), set.intersection(*(hours for _, hours in rest))))
    return first


def _from_windows(rolled: InfluxQueries, metric: str, length_us: int, span: Span) -> dict[str, SchoolSum]:
    try:
        return rolled.ask(totals_of_windows(metric, length_us, span), school_sums_of)
    except NoSum:
        return rolled.ask(totals_of_windows(metric, length_us, span, sums=False), school_sums_of)


def _parts(span: Span) -> list[tuple[int, Span]]:
    """Whole hours by hours, the rest by five minutes."""
    whole = Span(-(-span.since_us // HOUR_US) * HOUR_US, span.until_us // HOUR_US * HOUR_US)
    if whole.since_us >= whole.until_us:
        return [(FIVE_MINUTES_US, span)]
    edges = (Span(span.since_us, whole.since_us), Span(whole.until_us, span.until_us))
    return [(HOUR_US, whole), *((FIVE_MINUTES_US, edge) for edge in edges if edge.since_us < edge.until_us)]


def _lasts(
    raw: InfluxQueries, metric: str, sums: Mapping[str, SchoolSum], starts: Mapping[str, Span]
) -> dict[str, int]:
    """When the last point came, of those schools whose last points are in windows."""
    windows: dict[tuple[int, int], set[str]] = defaultdict(set)
    for school, window in starts.items():
        if sums[school].last_us < window.since_us:
            windows[window.since_us, window.until_us].add(school)
    asked = [(Span(*window), schools) for window, schools in windows.items()]
    if len(asked) > _GROUPS:
        whole = Span(min(span.since_us for span, _ in asked), max(span.until_us for span, _ in asked))
        asked = [(whole, set().union(*(schools for _, schools in asked)))]
    found: dict[str, int] = {}
    for span, schools in asked:
        some = raw.school_lasts(metric, span, _named(schools))
        found |= {school: at_us for school, at_us in some.items() if school in schools}
    return found


def _named(schools: set[str]) -> Sequence[str]:
    return sorted(schools) if len(schools) <= _BY_NAME else ()


def _add(sums: dict[str, SchoolSum], schools: set[str], more: Mapping[str, SchoolSum]) -> None:
    for school, one in more.items():
        if school in schools:
            sums[school] = one.plus(sums[school]) if school in sums else one
