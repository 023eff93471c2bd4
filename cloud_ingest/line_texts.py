"""All lines of a batch by few formatting operations: what makes a centre's cost a point small.

A batch with one point of every series of its layout, which is what a gateway sends while all is well, is one `%` on
a template that is made once for each layout. All other batches go column by column. The lines are the same as
`line_protocol.lines` makes, which a test holds them to; only for InfluxDB `True` is as good as `true`
(1.x documentation, "Line protocol reference", boolean).
"""

from collections.abc import Sequence
from typing import NamedTuple

from classroom_profiles.telemetry import Layout, Run
from cloud_ingest.line_protocol import lines, prefix
from cloud_ingest.store import Portion

_LAYOUTS = 60_000
"""Of about 4 KiB each."""


class _Prepared(NamedTuple):
    """What is known before the values come."""

    kinds: tuple[type, ...]
    template: str
    """Lines of one point of each series; empty if one is a text, which has to be quoted."""
    starts: Sequence[str]
    """Of each series a line up to its value."""
    ends: Sequence[str]
    """And what comes between the value and the time."""


_prepared: dict[tuple[str, Layout], _Prepared] = {}


def text(portion: Portion) -> str:
    """Its lines, joined by line ends; empty if it has no points.

    Its points are checked already: numbers are finite. Raises ValueError for a tag that is no slug.
    """
    school, runs = portion.school, portion.runs
    if portion.layout is None or not runs:
        return "\n".join([line for run in runs for line in lines(school, run)])
    prepared = _of(school, portion.layout, runs)
    if prepared.template and all(len(run.times_us) == 1 for run in runs):
        filled: list[object] = [run.times_us[0] for run in runs for _ in range(2)]
        filled[::2] = [run.values[0] for run in runs]
        return prepared.template % tuple(filled)
    return "\n".join(_lines(school, prepared, runs))


def _of(school: str, layout: Layout, runs: Sequence[Run]) -> _Prepared:
    kinds = tuple([type(run.values[0]) for run in runs])
    known = _prepared.get((school, layout))
    if known is None or known.kinds != kinds:
        if len(_prepared) >= _LAYOUTS:
            _prepared.clear()
        known = _prepared[school, layout] = _prepare(school, runs, kinds)
    return known


def _prepare(school: str, runs: Sequence[Run], kinds: tuple[type, ...]) -> _Prepared:
    fields = {float: "value", bool: "flag", str: "text"}
    starts = [f"{prefix(school, run.series)}{fields[kind]}=" for run, kind in zip(runs, kinds, strict=True)]
    ends = [",simulated=true " if run.simulated else " " for run in runs]
    template = ""
    if str not in kinds:  # tags are slugs, so there is no % in them
        template = "\n".join(f"{start}%r{end}%d" for start, end in zip(starts, ends, strict=True))
    return _Prepared(kinds, template, starts, ends)


def _lines(school: str, prepared: _Prepared, runs: Sequence[Run]) -> list[str]:
    made: list[str] = []
    times_us: list[int] = []
    times: list[str] = []
    for kind, start, end, run in zip(prepared.kinds, prepared.starts, prepared.ends, runs, strict=True):
        if kind is str:
            made += lines(school, run)
            continue
        if run.times_us is not times_us:  # columns often share their times
            times_us = run.times_us
            times = list(map(str, times_us))
        made += [f"{start}{value!r}{end}{time}" for value, time in zip(run.values, times, strict=True)]
    return made
