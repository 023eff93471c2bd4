"""The sample city's room: twenty metrics, each at its sensor's own resolution, wandering as such values do. Seeded."""

import random
from collections.abc import Iterator

from classroom_profiles.telemetry import Measurement, Point, Series

METRICS = (
    # device, role, metric, lowest, highest, largest step, decimals
    ("air", "air-sensor", "temperature_c", 18.0, 38.0, 0.05, 2),
    ("air", "air-sensor", "humidity_percent", 35.0, 95.0, 0.3, 1),
    ("air", "air-sensor", "co2_ppm", 400.0, 3000.0, 12.0, 0),
    ("air", "air-sensor", "pm25_ugm3", 2.0, 150.0, 1.5, 1),
    ("air", "air-sensor", "tvoc_ppb", 0.0, 1200.0, 8.0, 0),
    ("air", "air-sensor", "pressure_hpa", 995.0, 1020.0, 0.1, 1),
    ("outdoor", "air-sensor", "temperature_c", 22.0, 41.0, 0.05, 2),
    ("outdoor", "air-sensor", "humidity_percent", 30.0, 99.0, 0.3, 1),
    ("light", "light-sensor", "illuminance_lux", 0.0, 1500.0, 15.0, 0),
    ("window-light", "light-sensor", "illuminance_lux", 0.0, 60000.0, 400.0, 0),
    ("noise", "noise-sensor", "level_dba", 28.0, 95.0, 4.0, 1),
    ("meter", "power-meter", "voltage_v", 210.0, 240.0, 0.6, 1),
    ("meter", "power-meter", "current_a", 0.2, 22.0, 0.4, 2),
    ("meter", "power-meter", "power_w", 40.0, 5000.0, 60.0, 1),
    ("meter", "power-meter", "energy_kwh", 1200.0, 9000.0, 0.02, 2),
    ("meter", "power-meter", "frequency_hz", 49.8, 50.2, 0.02, 2),
    ("meter", "power-meter", "power_factor", 0.6, 1.0, 0.01, 2),
    ("projector", "projector", "lamp_h", 100.0, 5000.0, 0.0, 0),
    ("projector", "projector", "intake_c", 20.0, 45.0, 0.3, 1),
    ("door", "people-counter", "people", 0.0, 45.0, 1.0, 0),
)
PERIOD_US = 10_000_000
START_US = 1_790_000_000_000_000


def series_of(room: str = "a101") -> list[Series]:
    return [Series(Measurement.READING, room, device, role, metric) for device, role, metric, *_ in METRICS]


def periods(
    seed: int = 1, room: str = "a101", start_us: int = START_US, period_us: int = PERIOD_US, jitter_us: int = 0
) -> Iterator[list[Point]]:
    """The room's points, period by period, without end. All of a device have one time, up to `jitter_us` late."""
    chance = random.Random(seed)
    series = series_of(room)
    values = [chance.uniform(low, low + (high - low) / 2) for _, _, _, low, high, _, _ in METRICS]
    time_us = start_us
    while True:
        for place, (_, _, _, low, high, step, _) in enumerate(METRICS):
            values[place] = min(high, max(low, values[place] + chance.uniform(-step, step)))
        late = {device: chance.randrange(jitter_us) if jitter_us else 0 for device, *_ in METRICS}
        yield [
            Point(one, time_us + late[one.device], float(round(value, metric[-1])))
            for one, value, metric in zip(series, values, METRICS, strict=True)
        ]
        time_us += period_us
