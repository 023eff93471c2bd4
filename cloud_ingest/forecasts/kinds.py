"""Which series wear out, and what their limits are when nobody says otherwise."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.forecasts.forecast import Wear


@dataclass(frozen=True, slots=True)
class Kind:
    """How a metric comes to its end."""

    wear: Wear
    limit: float
    unit: str
    counts: bool = False
    """It is a counter of use, and not a level."""
    rises: bool = True
    step: float = 1.0
    """So far back it goes only when something was renewed."""


_COUNTERS = (
    (re.compile(r"lamp(_[a-z0-9]+)?_h"), Kind(Wear.LAMP, 5000, "h", counts=True, step=50)),
    (re.compile(r"filter_h"), Kind(Wear.FILTER, 2000, "h", counts=True, step=50)),
)
_LEVELS = (
    (Measurement.READING, re.compile(r"battery_percent"), Kind(Wear.BATTERY, 15, "%", rises=False, step=10)),
    (Measurement.ROBOT, re.compile(r"battery_percent"), Kind(Wear.BATTERY, 15, "%", rises=False, step=10)),
    (Measurement.GATEWAY, re.compile(r"disk_used_percent"), Kind(Wear.DISK, 90, "%", step=10)),
    (Measurement.GATEWAY, re.compile(r"disk_wear_percent"), Kind(Wear.DISK, 90, "%", step=50)),
)
TOLERANCES: Mapping[str, tuple[float, str]] = {
    "co2_ppm": (75, "ppm"), "temperature_c": (2, "°C"), "humidity_percent": (10, "%"), "pm25_ugm3": (15, "µg/m³"),
}  # fmt: skip
"""How far a sensor may be off: what common classroom sensors are sold with, about doubled."""


def kind_of(series: Series) -> Kind | None:
    """None for one that does not wear."""
    if series.measurement is Measurement.READING:
        for pattern, kind in _COUNTERS:
            if pattern.fullmatch(series.metric):
                return kind
    for measurement, pattern, kind in _LEVELS:
        if series.measurement is measurement and pattern.fullmatch(series.metric):
            return kind
    if series.measurement is Measurement.READING and series.metric in TOLERANCES:
        tolerance, unit = TOLERANCES[series.metric]
        return Kind(Wear.DRIFT, tolerance, unit)
    return None
