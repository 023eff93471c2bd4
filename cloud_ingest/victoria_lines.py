"""Line protocol for VictoriaMetrics, which keeps numbers by the millisecond and answers 204 to whatever it drops.

    reading,device=co2,…,school=thcs value=412.0 1790000000000000           -> reading_value{…} 412
    device,device=projector,…,school=thcs,text=hdmi1 text=1 1790000000000000 -> device_text{…, text="hdmi1"} 1

A text is a label of a series of its own, since as a value it would become 0; an empty text is one without that label.
`simulated` is a label too. What it would drop or change in silence is found here, before it is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Run
from cloud_ingest.line_protocol import number, prefix, quoted
from cloud_ingest.line_texts import LineTexts
from cloud_ingest.store import Portion
from cloud_ingest.windows import DAY_US

_AHEAD_US = 2 * DAY_US - 60_000_000  # its own limit is two days after its clock, which may differ a little from ours
_MS_US = 1000
_MOST = 1e15
FIRST_US = DAY_US
"""It takes the time 0 for "now", and looks for nothing if a question reaches some minutes before it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The times that it keeps."""

    first_us: int
    last_us: int

    @classmethod
    def at(cls, now_us: int, retention_us: int | None) -> "Limits":
        """`retention_us`: as the server was started; None if it does not say."""
        first_us = 0 if retention_us is None else now_us - retention_us + 60_000_000
        return cls(max(FIRST_US, first_us), now_us + _AHEAD_US)


def written(portions: Sequence[Portion], limits: Limits) -> tuple[list[str], list[int]]:
    """All lines, and how many points of each portion have none, as `kept` says."""
    found: list[str] = []
    refused = []
    for portion in portions:
        if portion.layout is not None and _all_kept(portion.runs, limits):  # nearly all of live data
            found.append(_texts.text(portion))
            refused.append(0)
            continue
        made = [line for run in portion.runs for line in lines(portion.school, kept(run, limits))]
        found += made
        refused.append(portion.points - len(made))
    return found, refused


def _all_kept(runs: Sequence[Run], limits: Limits) -> bool:
    """True if `kept` would keep all, found by a few looks at whole columns; False if it has to be asked."""
    times_us: list[int] = []
    for run in runs:
        if run.times_us is times_us:  # columns often share their times
            continue
        times_us = run.times_us
        if not limits.first_us <= times_us[0] <= times_us[-1] <= limits.last_us:
            return False
        if len(times_us) > 1 and len({time_us // _MS_US for time_us in times_us}) < len(times_us):
            return False
    try:
        return all(min(run.values) >= -_MOST and max(run.values) <= _MOST for run in runs)  # type: ignore[operator]
    except TypeError:  # a text is no number
        return False


def kept(run: Run, limits: Limits) -> Run:
    """The points of `run` that it keeps, and keeps apart: in time, and of those in one millisecond the last.

    No number of more than 15 digits before the point: a block of a series has one exponent, so that a single 1e300
    would make all its neighbours 0.
    """
    times_us, values = run.times_us, run.values
    in_time = limits.first_us <= times_us[0] and times_us[-1] <= limits.last_us
    apart = len(times_us) == 1 or len({time_us // _MS_US for time_us in times_us}) == len(times_us)
    if in_time and apart and all(map(_fits, values)):
        return run
    last = {time_us // _MS_US: place for place, time_us in enumerate(times_us) if _fits(values[place])}
    good = [place for place in last.values() if limits.first_us <= times_us[place] <= limits.last_us]
    return Run(run.series, run.simulated, [times_us[place] for place in good], [values[place] for place in good])


def _fits(value: Value) -> bool:
    return not isinstance(value, float) or -_MOST <= value <= _MOST


def lines(school: str, run: Run) -> list[str]:
    """One line for each point. Raises ValueError as `line_protocol.lines`."""
    start = _start(school, run)
    kind = type(run.values[0]) if run.values else float
    if kind is str:
        return [
            f"{_with_text(start, str(value))}text=1 {time_us}"
            for time_us, value in zip(run.times_us, run.values, strict=True)
        ]
    if kind is bool:
        texts = ["flag=1" if value else "flag=0" for value in run.values]
    else:
        texts = [f"value={number(value)}" for value in run.values]
    return [f"{start}{text} {time_us}" for text, time_us in zip(texts, run.times_us, strict=True)]


def _start(school: str, run: Run) -> str:
    start = prefix(school, run.series)
    return f"{start[:-1]},simulated=true " if run.simulated else start


def _with_text(start: str, text: str) -> str:
    quoted(text)  # printable ASCII or ValueError
    if not text:
        return start
    for special in ("\\", ",", "=", " "):
        text = text.replace(special, f"\\{special}")
    return f"{start[:-1]},text={text} "


_texts = LineTexts(lines, lambda school, run: (_start(school, run), ""))
