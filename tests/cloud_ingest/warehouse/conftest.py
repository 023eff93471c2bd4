"""Two rooms of a day, as points that a store takes."""

from datetime import UTC, date, datetime, timedelta

from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.store import Portion

DAY = date(2026, 11, 23)
MIDNIGHT_US = int(datetime(2026, 11, 22, 17, tzinfo=UTC).timestamp()) * 1_000_000  # in Vietnam
S = 1_000_000
_OF_GATEWAYS = ("backlog_points", "backlog_age_s", "disk_used_percent", "cpu_temperature_c", "dropped_reading_points")


def series(room: str, device: str, role: str, metric: str, measurement: Measurement = Measurement.READING) -> Series:
    return Series(measurement, room, device, role, metric)


def room_portion(school: str, first_us: int, minutes: int, room: str = "a101") -> Portion:
    """A point a minute of each sensor, some words now and then."""
    times = [first_us + number * 60 * S for number in range(minutes)]
    few = times[:: max(1, minutes // 4)]
    gateway = Measurement.GATEWAY
    numbers = {
        series(room, "air", "air-sensor", "co2_ppm"): 600.0,
        series(room, "air", "air-sensor", "temperature_c"): 27.5,
        series(room, "meter", "power-meter", "power_w"): 350.0,
        series(room, "projector", "projector", "lamp_h"): 1200.0,
        **{series(room, "gw", "gateway", metric, gateway): 5.0 for metric in _OF_GATEWAYS},
    }
    words = {
        series(room, "projector", "projector", "health", Measurement.DEVICE): "online",
        series(room, "lesson", "lesson", "state", Measurement.LESSON): "ready",
        series(room, "lesson", "lesson", "profile", Measurement.LESSON): "lecture",
    }
    return Portion(
        school,
        [
            *(
                Run(one, True, times, [value + number % 7 for number in range(minutes)])
                for one, value in numbers.items()
            ),
            *(Run(one, True, few, [value] * len(few)) for one, value in words.items()),
            Run(series(room, "lesson", "lesson", "ready_s", Measurement.LESSON), True, few, [4.5] * len(few)),
            Run(series(room, "projector", "projector", "power", Measurement.DEVICE), True, few, [True] * len(few)),
            Run(series(room, "gw", "gateway", "clock_trusted", gateway), True, few, [True] * len(few)),
        ],
    )


def days_later(days: int) -> date:
    return DAY + timedelta(days=days)
