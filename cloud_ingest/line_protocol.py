"""InfluxDB line protocol from typed columns: pure, and unable to write anything but the point it was given.

    reading,device=co2,metric=co2_ppm,role=air,room=a101,school=thcs-nguyen-du value=412.0 1790000000000000

Syntax: InfluxDB 1.x documentation, "Line protocol reference". Times are microseconds (`precision=u`, `us` in 2.x).
Each kind of value has its own field (`value` float, `flag` boolean, `text` string), so that the type of a field
never has to change; `simulated=true` is added to points that no real device measured.
"""

import re
from collections.abc import Sequence

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Run, Series

FIELDS = ("value", "flag", "text")

_TAG = re.compile(r"[a-z0-9][a-z0-9_-]*")
_UNPRINTABLE = re.compile(r"[^ -~]")
_PREFIXES = 262_144
"""At about 300 bytes each; a worker that sees more series than that begins anew."""
_prefixes: dict[tuple[str, ...], str] = {}


def lines(school: str, run: Run) -> list[str]:
    """One line for each point of `run`, without line ends.

    Raises ValueError for a tag that is no slug, a number that is not finite, or a text that is not printable ASCII.
    """
    start = prefix(school, run.series)
    end = ",simulated=true" if run.simulated else ""
    values, times_us = run.values, run.times_us
    kind = type(values[0]) if values else float
    if kind is bool:
        start, texts = f"{start}flag=", ["true" if value else "false" for value in values]
    elif kind is str:
        start, texts = f"{start}text=", [quoted(str(value)) for value in values]
    elif len(times_us) == 1:  # the live case, half of all the work of a centre
        return [f"{start}value={number(values[0])}{end} {times_us[0]}"]
    else:
        start, texts = f"{start}value=", [number(value) for value in values]
    return [f"{start}{text}{end} {time_us}" for text, time_us in zip(texts, times_us, strict=True)]


def prefix(school: str, series: Series) -> str:
    """A line up to its fields. Tags are in the order in which InfluxDB sorts them. Raises ValueError for a bad tag."""
    names = (school, series.measurement._value_, series.room, series.device, series.role, series.metric)
    known = _prefixes.get(names)  # strings remember their hash: this costs a tenth of hashing the series itself
    if known is None:
        if len(_prefixes) >= _PREFIXES:
            _prefixes.clear()
        known = _prefixes[names] = _prefix(*names)
    return known


def checked_tag(tag: str) -> str:
    """`tag`, in which there is nothing to escape, and so nothing to forget to escape. Raises ValueError."""
    if not _TAG.fullmatch(tag):
        raise ValueError("a tag is lower-case letters, digits, '-' and '_'")
    return tag


def quoted(text: str) -> str:
    """A string field. Raises ValueError if `text` is not printable ASCII."""
    if _UNPRINTABLE.search(text):
        raise ValueError("a text is printable ASCII")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def body(written: Sequence[str]) -> bytes:
    """Lines as one request's body."""
    return "\n".join(written).encode("ascii")


def number(value: Value) -> str:
    """The shortest text that reads back as the same float; Go's ParseFloat, InfluxDB's parser, takes all of them.

    Raises ValueError if it is not finite.
    """
    text = repr(value if type(value) is float else float(value))
    if text[-1] in "fn":  # inf, nan
        raise ValueError("a number is finite")
    return text


def _prefix(school: str, measurement: str, room: str, device: str, role: str, metric: str) -> str:
    for tag in (device, metric, role, room, school):
        checked_tag(tag)
    return f"{measurement},device={device},metric={metric},role={role},room={room},school={school} "
