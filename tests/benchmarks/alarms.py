"""What watching a city for alarms costs: the engine alone, fed as `lophoc ingest` feeds it.

    python -m tests.benchmarks.alarms [--schools N] [--rooms N] [--seconds S]

Each room has twenty series of which each has a new value every ten seconds; each second a tenth of the rooms is fed,
every five seconds all gateways are, out of a real registry file. Then a third of the schools vanishes. `cores` is the
processor time for a second of the city's time; the memory is what the engine added.
"""

import argparse
import json
import random
import sqlite3
import tempfile
import time
from pathlib import Path

import psutil

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement
from classroom_profiles.topics import Address
from cloud_ingest.alarms.engine import Engine
from cloud_ingest.alarms.hours import Calendar
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.alarms.rules_file import builtin_rules
from cloud_ingest.operations.feed import Last
from cloud_ingest.registry import Registry

_S = 1_000_000
_START_US = 1_793_584_800 * _S  # a Monday, nine o'clock
_R, _D, _G, _L = Measurement.READING, Measurement.DEVICE, Measurement.GATEWAY, Measurement.LESSON
_SERIES: list[tuple[Measurement, str, str, str, Value]] = [
    (_R, "air", "air-sensor", "co2_ppm", 600.0), (_R, "air", "air-sensor", "temperature_c", 27.0),
    (_R, "air", "air-sensor", "humidity_percent", 60.0), (_R, "air", "air-sensor", "pm25_ugm3", 12.0),
    (_R, "lux", "light-sensor", "illuminance_lux", 400.0), (_R, "meter", "power-meter", "power_w", 300.0),
    (_R, "meter", "power-meter", "voltage_v", 230.0), (_R, "meter", "power-meter", "energy_kwh", 1000.0),
    (_R, "projector", "projector", "lamp_h", 900.0), (_R, "projector", "projector", "filter_h", 100.0),
    (_R, "button", "button", "battery_percent", 80.0), (_R, "button", "button", "linkquality", 100.0),
    (_D, "projector", "projector", "health", "online"), (_D, "projector", "projector", "power", True),
    (_D, "lights", "lights", "health", "online"), (_D, "lights", "lights", "level", 80.0),
    (_L, "lesson", "lesson", "state", "ready"), (_L, "lesson", "lesson", "lost_devices", 0.0),
    (_G, "gw", "gateway", "disk_used_percent", 40.0), (_G, "gw", "gateway", "backlog_points", 0.0),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schools", type=int, default=900)
    parser.add_argument("--rooms", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(_measure(Path(folder), options.schools, options.rooms, options.seconds)))


def _measure(folder: Path, schools: int, rooms: int, seconds: int) -> dict[str, float]:
    now_us, dice = _START_US, random.Random(1)
    gateways = [Address(f"school-{s:04}", f"room-{r:02}") for s in range(schools) for r in range(rooms)]
    rules = builtin_rules()
    engine = Engine(rules, Calendar.of(rules))
    with (
        Registry(folder / "registry", clock_us=lambda: now_us, flush_s=3600) as registry,
        Alarms(folder / "alarms.sqlite", create=True, clock_us=lambda: now_us) as inbox,
    ):
        for gateway in gateways:
            registry.on_status(gateway, b'{"state":"online","clock":"trusted"}')
        registry.flush()
        before = psutil.Process().memory_info().rss
        spent = {"first": 0.0, "points": 0.0, "gateways": 0.0, "outage": 0.0}
        changes = 0
        for second in range(seconds + 1):
            some = gateways if second == 0 else gateways[second % 10 :: 10]
            points = _points(some, now_us, dice)
            started = time.process_time()
            found = engine.feed(points, now_us)
            spent["points" if second else "first"] += time.process_time() - started
            changes += len(points) if second else 0
            inbox.apply(found, *engine.keep())
            if second % 5 == 0:
                spent["gateways"] += _look(engine, inbox, registry, folder, now_us)
            now_us += _S
        memory = psutil.Process().memory_info().rss - before
        for gateway in gateways[: len(gateways) // 3]:
            registry.on_status(gateway, b'{"state":"offline"}')
        registry.flush()
        for _ in range(40):
            now_us += 5 * _S
            spent["outage"] += _look(engine, inbox, registry, folder, now_us)
        open_alarms = len(inbox.holding())
    looks = seconds // 5 + 1
    return {
        "series": len(gateways) * len(_SERIES),
        "changes_per_s": changes / seconds,
        "us_per_change": round(spent["points"] / changes * 1e6, 2),
        "first_s": round(spent["first"], 2),
        "registry_ms": round(spent["gateways"] / looks * 1e3, 1),
        "cores": round(spent["points"] / seconds + spent["gateways"] / looks / 5, 3),
        "outage_cores": round(spent["outage"] / 200, 3),
        "outage_alarms": open_alarms,
        "memory_mib": round(memory / 2**20, 1),
    }


def _points(some: list[Address], now_us: int, dice: random.Random) -> list[Last]:
    found = []
    for gateway in some:
        for measurement, device, role, metric, value in _SERIES:
            if isinstance(value, float) and metric in ("co2_ppm", "temperature_c"):
                value = value + dice.random()
            assert isinstance(value, bool | float | str)
            found.append(Last(gateway.school, gateway.gateway, measurement, device, role, metric, value, now_us, False))
    return found


def _look(engine: Engine, inbox: Alarms, registry: Registry, folder: Path, now_us: int) -> float:
    with sqlite3.connect(folder / "registry") as file:  # whoever is there has sent batches
        file.execute("UPDATE gateway SET heard_us = ? WHERE said NOT LIKE '%offline%'", (now_us,))
    file.close()
    started = time.process_time()
    found = engine.feed([], now_us, gateways=registry.gateways())
    inbox.apply(found, *engine.keep())
    return time.process_time() - started


if __name__ == "__main__":
    main()
