"""A recorded day as rows of time, device, metric and value: CSV with a header, or one JSON object a line."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from classroom_profiles.capability import Value
from classroom_profiles.reading import Health, HealthState

_COLUMNS = ("time", "device", "metric", "value")
HEALTH = "health"
"""The metric that says how a device is, as in telemetry."""


class WrongRow(ValueError):
    """The text says which line, and what would be right."""


@dataclass(frozen=True, slots=True)
class Row:
    time_us: int
    """Microseconds since 1970-01-01 UTC."""
    device: str
    metric: str
    value: Value | Health


def rows(path: Path) -> Iterator[Row]:
    """In the order of the file, which must be that of time. Raises WrongRow, OSError."""
    with path.open(encoding="utf-8-sig", newline="") as opened:
        last_us = None
        for line, found in _json(opened) if path.suffix in (".jsonl", ".ndjson", ".json") else _csv(opened):
            row = _row(line, found)
            if last_us is not None and row.time_us < last_us:
                raise WrongRow(f"line {line}: earlier than the line before; sort it by time")
            last_us = row.time_us
            yield row


def written(time_us: int) -> str:
    """As people read it, UTC."""
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _csv(opened: Iterable[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(opened)
    try:
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise WrongRow(f"line 1: no column {', '.join(missing)}; the header is {','.join(_COLUMNS)}")
        for found in reader:
            yield reader.line_num, found | {"value": _read(str(found["value"]))}
    except (csv.Error, UnicodeDecodeError) as wrong:
        raise WrongRow(f"line {reader.line_num}: {wrong}") from wrong


def _json(opened: Iterable[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        for number, text in enumerate(opened, 1):
            if not text.strip():
                continue
            try:
                found = json.loads(text)
            except (ValueError, RecursionError) as wrong:
                raise WrongRow(f"line {number}: no JSON: {wrong}") from wrong
            if not isinstance(found, dict) or any(name not in found for name in _COLUMNS):
                raise WrongRow(f"line {number}: give an object with {', '.join(_COLUMNS)}")
            yield number, found
    except UnicodeDecodeError as wrong:
        raise WrongRow(f"not UTF-8: {wrong}") from wrong


def _read(word: str) -> Value:
    """A value as a CSV file has it."""
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    try:
        number = float(word)
    except ValueError:
        return word
    return number if math.isfinite(number) else word


def _row(line: int, found: Mapping[str, Any]) -> Row:
    device, metric, value = (found[name] for name in ("device", "metric", "value"))
    if not isinstance(device, str) or not isinstance(metric, str) or not device or not metric:
        raise WrongRow(f"line {line}: device and metric are texts")
    if not isinstance(value, bool | int | float | str):
        raise WrongRow(f"line {line}: the value is a number, a text, true or false")
    time_us = _time_us(line, found["time"])
    if metric != HEALTH:
        return Row(time_us, device, metric, value)
    try:
        return Row(time_us, device, metric, Health(HealthState(str(value))))
    except ValueError:
        known = ", ".join(HealthState)
        raise WrongRow(f"line {line}: health is one of {known}") from None


def _time_us(line: int, written_so: object) -> int:
    try:
        seconds = float(written_so) if isinstance(written_so, int | float | str) else math.nan
    except (ValueError, OverflowError):
        try:
            moment = datetime.fromisoformat(str(written_so))
        except ValueError:
            raise WrongRow(f"line {line}: the time is seconds since 1970, or like 2026-11-24T08:15:00") from None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not 0 <= seconds < 1e11:
        raise WrongRow(f"line {line}: the time is seconds since 1970, or like 2026-11-24T08:15:00")
    return round(seconds * 1e6)
