"""InfluxDB line protocol from typed columns: pure, and unable to write anything but the point it was given.

    reading,device=co2,metric=co2_ppm,role=air,room=a101,school=thcs-nguyen-du value=412.0 1790000000000000

Syntax: InfluxDB 1.x documentation, "Line protocol reference". Times are microseconds (`precision=u`, `us` in 2.x).
Each kind of value has its own field (`value` float, `flag` boolean, `text` string), so that the type of a field
never has to change; `simulated=true` is added to points that no real device measured.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Run, Series

FIELDS = ("value", "flag", "text")

_TAG = re.compile(r"[a-z0-9][a-z0-9_-]*")
_UNPRINTABLE = re.compile(r"[^ -~]")


def lines(school: str, run: Run) -> list[str]:
    """One line for each point of `run`, without line ends.

    Raises ValueError for a tag that is no slug, a number that is not finite, or a text that is not printable ASCII.
    """
    start = prefix(school, run.series)
    end = ",simulated=true" if run.simulated else ""
    kind = type(run.values[0]) if run.values else float
    if kind is bool:
        start, texts = f"{start}flag=", ["true" if value else "false" for value in run.values]
    elif kind is str:
        start, texts = f"{start}text=", [quoted(str(value)) for value in run.values]
    else:
        start, texts = f"{start}value=", [_number(value) for value in run.values]
    return [f"{start}{text}{end} {time_us}" for text, time_us in zip(texts, run.times_us, strict=True)]


@lru_cache(maxsize=65_536)
def prefix(school: str, series: Series) -> str:
    """A line up to its fields. Tags are in the order in which InfluxDB sorts them. Raises ValueError for a bad tag."""
    tags = (series.device, series.metric, series.role, series.room, school)
    for tag in tags:
        if not _TAG.fullmatch(tag):  # so that there is nothing to escape, and nothing to forget to escape
            raise ValueError("a tag is lower-case letters, digits, '-' and '_'")
    device, metric, role, room, school = tags
    return f"{series.measurement.value},device={device},metric={metric},role={role},room={room},school={school} "


def quoted(text: str) -> str:
    """A string field. Raises ValueError if `text` is not printable ASCII."""
    if _UNPRINTABLE.search(text):
        raise ValueError("a text is printable ASCII")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def body(written: Sequence[str]) -> bytes:
    """Lines as one request's body."""
    return "\n".join(written).encode("ascii")


def _number(value: Value) -> str:
    """The shortest text that reads back as the same float; Go's ParseFloat, InfluxDB's parser, takes all of them."""
    text = repr(float(value))
    if text in ("nan", "inf", "-inf"):
        raise ValueError("a number is finite")
    return text
