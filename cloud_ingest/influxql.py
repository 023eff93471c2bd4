"""The few InfluxQL questions that the centre asks, and their answers as ours: pure.

InfluxQL over plain HTTP `/query` is the one way of reading that 1.x, 2.x (with a database mapping) and 3.x Core share.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement
from cloud_ingest.line_protocol import FIELDS
from cloud_ingest.store import Stored

_NAMES = frozenset(measurement.value for measurement in Measurement)
_OURS = ", ".join(f'"{measurement.value}"' for measurement in Measurement)


class NoAnswer(ValueError):
    """The text is not an answer to the question; it says why."""


def latest(school: str, room: str, since_us: int) -> str:
    fields = ", ".join(f'"{field}"' for field in (*FIELDS, "simulated"))
    return f"SELECT {fields} {_from(school, room, since_us)} GROUP BY * ORDER BY time DESC LIMIT 1"


def count(school: str, room: str | None, since_us: int) -> str:
    fields = ", ".join(f'count("{field}")' for field in FIELDS)
    return f"SELECT {fields} {_from(school, room, since_us)}"


def is_there(name: str) -> str:
    """A question that costs nothing and fails if the database is missing (SHOW MEASUREMENTS would not)."""
    return f"SHOW RETENTION POLICIES ON {_name(name)}"


def create_database(name: str) -> str:
    return f"CREATE DATABASE {_name(name)}"


def latest_of(answer: object) -> list[Stored]:
    """The last points in the answer to `latest`. Raises NoAnswer."""
    try:
        return _latest_of(answer)
    except (AttributeError, OverflowError, TypeError, ValueError) as wrong:
        raise _no_answer(wrong) from wrong


def count_of(answer: object) -> int:
    """The number in the answer to `count`. Raises NoAnswer."""
    try:
        return sum(int(value) for _, _, row in _rows(answer) for name, value in row.items() if name != "time" and value)
    except (AttributeError, OverflowError, TypeError, ValueError) as wrong:
        raise _no_answer(wrong) from wrong


def error_of(answer: object) -> str:
    """What went wrong, in the store's words; empty if nothing did."""
    match answer:
        case {"error": str(error)} | {"results": [{"error": str(error)}, *_]}:
            return error
    return ""


def _latest_of(answer: object) -> list[Stored]:
    found = []
    for name, tags, row in _rows(answer):
        value = _value(row)
        if value is None:
            continue
        found.append(
            Stored(
                Measurement(name),
                str(tags.get("device", "")),
                str(tags.get("role", "")),
                str(tags.get("metric", "")),
                value,
                int(row["time"]),
                row.get("simulated") is True,
            )
        )
    return sorted(found, key=lambda s: (s.measurement, s.device, s.metric, s.role))


def _no_answer(wrong: Exception) -> NoAnswer:
    return wrong if isinstance(wrong, NoAnswer) else NoAnswer(f"not an answer to InfluxQL: {type(wrong).__name__}")


def _rows(answer: object) -> Iterator[tuple[str, Mapping[str, Any], dict[str, Any]]]:
    """Each row with the name and tags of its series, as column to value."""
    if error := error_of(answer):
        raise NoAnswer(error)
    match answer:
        case {"results": [dict() as result, *_]}:
            pass
        case _:
            raise NoAnswer("not an answer to InfluxQL")
    for series in cast("dict[str, Any]", result).get("series", []):
        match series:
            case {"name": str(name), "columns": ["time", *_] as columns, "values": list(values)} if name in _NAMES:
                for row in values:
                    yield name, series.get("tags") or {}, dict(zip(columns, row, strict=True))
            case _:  # VictoriaMetrics answers every question with a list of databases
                raise NoAnswer("not an answer to InfluxQL; VictoriaMetrics does not speak it")


def _value(row: Mapping[str, Any]) -> Value | None:
    number, flag, text = (row.get(field) for field in FIELDS)
    if number is not None:
        return float(number)
    return cast("Value | None", flag if flag is not None else text)


def _from(school: str, room: str | None, since_us: int) -> str:
    place = f"school = {_text(school)}" + ("" if room is None else f" AND room = {_text(room)}")
    return f"FROM {_OURS} WHERE {place} AND time >= {since_us:d}u"


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _name(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
