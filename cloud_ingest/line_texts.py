"""All lines of a batch by few formatting operations: what makes a centre's cost a point small.

A batch with one point of every series of its layout, which is what a gateway sends while all is well, is one `%` on
a template that is made once for each layout. All other batches go column by column. The lines are the same as
`line_protocol.lines` makes, which a test holds them to; but that a flag is `True`, which InfluxDB (1.x documentation,
"Line protocol reference", boolean) and VictoriaMetrics take for `true`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from classroom_profiles.telemetry import Layout, Run
from cloud_ingest.line_protocol import lines, prefix
from cloud_ingest.store import Portion

_SERIES = 1_200_000
"""In all layouts together, of 60,000 rooms with 20 each: about 100 bytes a series, and as much again once one sends
several points of it. Not so many layouts, since one gateway might make them large and always new."""
_FIELDS: dict[type, str] = {float: "value", bool: "flag"}


class _Prepared(NamedTuple):
    """What is known before the values come."""

    kinds: tuple[type, ...]
    template: str
    """Lines of one point of each series; empty if one is a text, which has to be quoted."""
    around: list[tuple[str, str]]
    """Of each series what is before its value and behind it, both empty if it is a text; made when it is needed."""


Lines = Callable[[str, Run], list[str]]
Start = Callable[[str, Run], tuple[str, str]]


class LineTexts:
    """One way to write lines: that of InfluxDB, or another store's."""

    def __init__(self, lines: Lines, start: Start, *, most_series: int = _SERIES) -> None:
        """`lines` makes the lines of any run, one by one; `start` what is before a run's field, and behind it.

        `most_series`: of how many, in all layouts together, it keeps what it prepared.
        """
        self._most_series = most_series
        self._lines_of = lines
        self._start = start
        self._known: dict[tuple[str, Layout], _Prepared] = {}
        self._series = 0
        """In all that are known, more or less: threads that count at the same moment may miss some."""

    def text(self, portion: Portion) -> str:
        """Its lines, joined by line ends; empty if it has no points.

        Its points are checked already: numbers are finite. Raises ValueError for a tag that is no slug.
        """
        school, runs = portion.school, portion.runs
        if portion.layout is None or not runs:
            return "\n".join([line for run in runs for line in self._lines_of(school, run)])
        prepared = self._of(school, portion.layout, runs)
        if prepared.template and all(len(run.times_us) == 1 for run in runs):
            filled: list[object] = [run.times_us[0] for run in runs for _ in range(2)]
            filled[::2] = [run.values[0] for run in runs]
            return prepared.template % tuple(filled)
        return "\n".join(self._lines(school, prepared, runs))

    def _of(self, school: str, layout: Layout, runs: Sequence[Run]) -> _Prepared:
        kinds = tuple([type(run.values[0]) for run in runs])
        known = self._known.get((school, layout))
        if known is None or known.kinds != kinds:
            if self._series + len(runs) > self._most_series:
                self._known.clear()
                self._series = 0
            self._series += len(runs)
            known = self._known[school, layout] = self._prepare(school, runs, kinds)
        return known

    def _prepare(self, school: str, runs: Sequence[Run], kinds: tuple[type, ...]) -> _Prepared:
        if str in kinds:
            return _Prepared(kinds, "", [])
        # Tags are slugs, so there is no % in them.
        lines = [f"{before}%r{behind}%d" for before, behind in self._around(school, runs)]
        return _Prepared(kinds, "\n".join(lines), [])

    def _around(self, school: str, runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
        for run in runs:
            kind = type(run.values[0])
            start, end = self._start(school, run)
            yield (f"{start}{_FIELDS[kind]}=", f"{end} ") if kind in _FIELDS else ("", "")

    def _lines(self, school: str, prepared: _Prepared, runs: Sequence[Run]) -> list[str]:
        if not prepared.around:
            prepared.around[:] = self._around(school, runs)
        made: list[str] = []
        times_us: list[int] = []
        times: list[str] = []
        for (before, behind), run in zip(prepared.around, runs, strict=True):
            if not before:
                made += self._lines_of(school, run)
                continue
            if run.times_us is not times_us:  # columns often share their times
                times_us = run.times_us
                times = list(map(str, times_us))
            made += [f"{before}{value!r}{behind}{time}" for value, time in zip(run.values, times, strict=True)]
        return made


def _influx_start(school: str, run: Run) -> tuple[str, str]:
    return prefix(school, run.series), ",simulated=true" if run.simulated else ""


text = LineTexts(lines, _influx_start).text
"""InfluxDB's."""
