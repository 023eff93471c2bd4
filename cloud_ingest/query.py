"""What a room's last readings look like: a table for people, JSON for scripts. Pure."""

import re
from collections.abc import Sequence
from typing import Any

from classroom_profiles.metrics import unit
from cloud_ingest.store import Stored

_SINCE = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_HEADS = ("thiết bị / device", "đại lượng / metric", "giá trị / value", "cách đây / age", "")


def seconds(text: str) -> int:
    """`90s`, `5m`, `1h`, `2d` as seconds. Raises ValueError."""
    match = _SINCE.fullmatch(text)
    if match is None:
        raise ValueError("write a time as 90s, 5m, 1h or 2d")
    return int(match[1]) * _SECONDS[match[2]]


def as_json(school: str, room: str, readings: Sequence[Stored], count: int | None) -> dict[str, Any]:
    """Times are microseconds since 1970-01-01 UTC. `count` is there if it was asked for."""
    found: dict[str, Any] = {
        "school": school,
        "room": room,
        "readings": [
            {
                "measurement": reading.measurement.value,
                "device": reading.device,
                "role": reading.role,
                "metric": reading.metric,
                "value": reading.value,
                "time": reading.time_us,
                "simulated": reading.simulated,
            }
            for reading in readings
        ],
    }
    return found if count is None else {**found, "count": count}


def table(readings: Sequence[Stored], now_us: int) -> list[str]:
    """Lines of equal columns, one a reading."""
    return aligned([_HEADS, *(_row(reading, now_us) for reading in readings)])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of as many cells each as lines with equal columns."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def age(age_s: float) -> str:
    """With one unit."""
    if age_s < 0:
        return "tương lai / in the future"
    for limit, size, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if age_s < limit:
            return f"{age_s / size:.0f} {word}"
    return f"{age_s / 86400:.0f} d"


def _row(reading: Stored, now_us: int) -> tuple[str, ...]:
    simulated = "mô phỏng / simulated" if reading.simulated else ""
    value = f"{_value(reading)} {unit(reading.metric)}".rstrip()
    return (reading.device, reading.metric, value, age((now_us - reading.time_us) / 1e6), simulated)


def _value(reading: Stored) -> str:
    match reading.value:
        case bool():
            return "bật / on" if reading.value else "tắt / off"
        case float() | int():
            return f"{reading.value:.10g}"
    return reading.value
