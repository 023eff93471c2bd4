"""`python -m tests.cloud_ingest.web.a_centre DIR [--schools N --rooms N]`: a real operations centre over a small city.

A process of its own, since NiceGUI has one app for a process. It prints `ready URL`, and then does what its standard
input says, a line at a time: `co2 NUMBER` measures the air of the first room, `alarm WORDS` raises one, `demote NAME`
makes somebody a viewer of the first school.
"""

import argparse
import asyncio
import contextlib
import csv
import json
import math
import random
import socket
import sqlite3
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Run, Series
from classroom_profiles.timetable import VIETNAM
from classroom_profiles.topics import Address
from cloud_ingest.accounts.account_file import FILE, AccountFile
from cloud_ingest.accounts.accounts import Accounts
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.who import Role
from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.alarms.transition import Finding, Raised
from cloud_ingest.catalogue.desk import Desk
from cloud_ingest.catalogue.shelf import FILE as CATALOGUE
from cloud_ingest.catalogue.shelf import Shelf
from cloud_ingest.catalogue.signing_key import signing_key
from cloud_ingest.operations import app
from cloud_ingest.operations.register import FILE as REGISTER
from cloud_ingest.operations.register import Item, Register
from cloud_ingest.registry import Registry
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion, wall_us
from cloud_ingest.web.wards import wards
from tests.cloud_ingest.api.put_forward import LAN, PROFILE, a_forecast, foretell, put_forward

PASSWORD = "mot-mat-khau-dai"
PEOPLE = {
    "lan": (Role.ADMIN, None),
    "binh": (Role.ADMIN, None),
    "hoa": (Role.SCHOOL, "thcs-001"),
    "xem": (Role.VIEWER, None),
}
S = 1_000_000
MIN = 60 * S
_KINDS = (("tieu-hoc", "Tiểu học"), ("thcs", "THCS"), ("thpt", "THPT"))
_STATES = ("online",) * 14 + ("off", "offline", "silent", "buffering", "clock")
_NAMES = ("Lê Lợi", "Nguyễn Du", "Trần Phú", "Kim Đồng", "Võ Thị Sáu", "Nguyễn Trãi", "Lê Quý Đôn", "Phan Bội Châu",
          "Hai Bà Trưng", "Lương Thế Vinh", "Chu Văn An", "Bùi Thị Xuân")  # fmt: skip


def slug(number: int) -> str:
    return f"{_KINDS[number % 3][0]}-{number:03}"


def make_city(folder: Path, schools: int, rooms: int, history_h: int = 8) -> None:
    """Writes what `lophoc ingest` would have written: points, gateways, alarms; and the centre's own files."""
    chance = random.Random(7)
    now_us = wall_us()
    _directory(folder / "schools.csv", schools, chance)
    store = SqliteStore(str(folder / "store.sqlite"))
    store.open()
    with Registry(folder / "registry.sqlite", flush_s=3600.0) as registry:
        for number in range(schools):
            school = slug(number)
            portions: list[Portion] = []
            for room in range(rooms):
                state = "online" if number == 1 and room < 2 else chance.choice(_STATES)
                rich = number == 1 and room == 0
                runs = list(_runs(chance, f"p{room + 101}", now_us, history_h if rich else 0, rich, state))
                portion = Portion(school, runs)
                portions.append(portion)
                gateway = Address(school, f"gw-p{room + 101}")
                registry.on_batch(gateway, portion)
                registry.on_status(gateway, _status(state, chance))
            store.write(portions)
        registry.flush()
    with contextlib.closing(sqlite3.connect(folder / "registry.sqlite")) as rows, rows:
        rows.execute(
            "UPDATE gateway SET heard_us = heard_us - 1800000000, said_us = said_us - 1800000000 "
            "WHERE said LIKE '%silent%'"
        )
    store.close()
    _alarms(folder / "alarms.sqlite", now_us, schools)
    _people(folder)
    _put_forward(folder)


def _directory(path: Path, schools: int, chance: random.Random) -> None:
    near = [ward for ward in wards() if 10.6 < ward.latitude < 11.1 and 106.5 < ward.longitude < 106.9]
    with path.open("w", encoding="utf-8", newline="") as into:
        table = csv.writer(into)
        table.writerow(["school", "name", "ward", "latitude", "longitude", "level"])
        for number in range(schools):
            ward = chance.choice(near)
            spread = math.sqrt(ward.area_km2) / 111 / 3
            level, kind = _KINDS[number % 3]
            table.writerow([
                slug(number), f"{kind} {_NAMES[number % len(_NAMES)]}", f"{ward.kind} {ward.name}",
                f"{ward.latitude + chance.uniform(-spread, spread):.5f}",
                f"{ward.longitude + chance.uniform(-spread, spread):.5f}", level,
            ])  # fmt: skip


def _runs(chance: random.Random, room: str, now_us: int, history_h: int, rich: bool, state: str) -> Iterator[Run]:
    def run(measurement: Measurement, device: str, role: str, metric: str, *values: Value, step_us: int = MIN) -> Run:
        first_us = now_us - (len(values) - 1) * step_us
        times = [first_us + at * step_us for at in range(len(values))]
        return Run(Series(measurement, room, device, role, metric), True, times, list(values))

    bad = chance.random() < 0.06 and not rich
    yield run(Measurement.DEVICE, "may-chieu", "projector", "health", "fault" if bad else "online")
    yield run(
        Measurement.DEVICE,
        "may-chieu",
        "projector",
        "health_reason",
        chance.choice(("lamp", "filter", "fan")) if bad else "",
    )
    yield run(Measurement.READING, "may-chieu", "projector", "lamp_h", float(chance.randrange(100, 4000)))
    yield run(Measurement.READING, "may-chieu", "projector", "filter_h", float(chance.randrange(50, 900)))
    yield run(Measurement.READING, "may-chieu", "projector", "firmware", "1.08")
    yield run(Measurement.DEVICE, "khong-khi", "air-sensor", "health", "online")
    yield run(Measurement.READING, "khong-khi", "air-sensor", "co2_ppm", float(chance.randrange(450, 1500)))
    yield run(Measurement.READING, "khong-khi", "air-sensor", "temperature_c", round(chance.uniform(26, 33), 1))
    yield run(Measurement.GATEWAY, "gateway", "gateway", "disk_used_percent", float(chance.randrange(12, 96)))
    yield run(Measurement.GATEWAY, "gateway", "gateway", "cpu_temperature_c", round(chance.uniform(44, 71), 1))
    refusal = "signature" if chance.random() < 0.03 else ""
    yield run(Measurement.GATEWAY, "gateway", "gateway", "catalogue_problem", refusal)
    if chance.random() < 0.4 or rich:
        profile = chance.choice(("lecture", "exam", "stem-robotics", "group-work"))
        yield run(Measurement.LESSON, "lesson", "lesson", "profile", profile)
        yield run(Measurement.LESSON, "lesson", "lesson", "state", "ready")
        yield run(Measurement.LESSON, "lesson", "lesson", "ready_s", round(chance.uniform(4, 40), 1))
    if chance.random() < 0.2 or rich:
        yield run(Measurement.DEVICE, "kit-01", "robot-kit", "health", "online")
        yield run(Measurement.ATTENDANCE, "cam", "camera", "present", float(chance.randrange(20, 42)))
    if rich:
        yield from _history(chance, room, now_us, history_h)


def _history(chance: random.Random, room: str, now_us: int, hours: int) -> Iterator[Run]:
    """Of one room: air and power by the minute, with a gap of forty minutes; and lessons."""
    count = hours * 60
    times = [now_us - (count - at) * MIN for at in range(count)]
    keep = [at for at in range(count) if not count - 150 < at < count - 110]
    for metric, middle, wave in (
        ("co2_ppm", 820.0, 260.0),
        ("temperature_c", 28.4, 1.6),
        ("humidity_percent", 63.0, 7.0),
    ):
        values: list[Value] = [round(middle + wave * math.sin(at / 47) + chance.gauss(0, wave / 12), 2) for at in keep]
        yield Run(
            Series(Measurement.READING, room, "khong-khi", "air-sensor", metric),
            True,
            [times[at] for at in keep],
            values,
        )
    power: list[Value] = [round(240 + 190 * (math.sin(at / 60) > 0) + chance.gauss(0, 6), 1) for at in keep]
    yield Run(
        Series(Measurement.READING, room, "cong-to", "power-meter", "power_w"), True, [times[at] for at in keep], power
    )
    for back_min, profile, ready_s, end in (
        (400, "lecture", 21.3, "undone"),
        (300, "exam", 4.1, "undone"),
        (200, "stem-robotics", None, "failed"),
    ):
        at_us = now_us - back_min * MIN
        states: list[Value] = [
            "preflight",
            "running",
            "ready" if ready_s else "failed",
            *(["undone"] if ready_s else []),
        ]
        when = [at_us, at_us + S, at_us + 22 * S, at_us + 45 * MIN][: len(states)]
        yield Run(Series(Measurement.LESSON, room, "lesson", "lesson", "state"), True, when, states)
        yield Run(Series(Measurement.LESSON, room, "lesson", "lesson", "profile"), True, [at_us], [profile])
        if ready_s:
            yield Run(
                Series(Measurement.LESSON, room, "lesson", "lesson", "ready_s"), True, [at_us + 22 * S], [ready_s]
            )
        assert end in states


def _status(state: str, chance: random.Random) -> bytes:
    said = {"off": "off", "offline": "offline"}.get(state, "online")
    clock = "untrusted" if state == "clock" else "trusted"
    late = ', "backlog_points": 48210, "backlog_age_s": 1900' if state == "buffering" else ""
    boot = ', "boot": "silent"' if state == "silent" else ""
    version = chance.choice(("0.1.0", "0.1.0", "0.1.0", "0.0.9"))
    return f'{{"state": "{said}", "version": "{version}", "clock": "{clock}"{late}{boot}}}'.encode()


def _alarms(path: Path, now_us: int, schools: int) -> None:
    some = [slug(number) for number in range(2, min(schools, 14))]
    found = [
        Finding(
            "region", "gateway-unreachable", Severity.CRITICAL,
            f"{len(some)} trường mất kết nối cùng lúc: có thể do nhà mạng hoặc lưới điện khu vực",
            f"{len(some)} schools out of reach at once: the region's network operator or power",
            cause_of=len(some) * 3, schools=frozenset(some),
        ),
        Finding("lamp", "lamp-fault", Severity.MAJOR, "Bóng đèn máy chiếu hỏng ở phòng p103",
                "The projector's lamp has failed in room p103", slug(1), "p103", "may-chieu"),
        Finding("co2", "co2-high", Severity.WARNING, "CO₂ 1850 ppm ở phòng p101: mở cửa sổ",
                "CO₂ 1850 ppm in room p101: open a window", slug(1), "p101", metric="co2_ppm"),
        Finding("filter", "filter-due", Severity.NOTE, "Lưới lọc phòng p102 cần lau trong 2 tuần",
                "The filter in room p102 is due within 2 weeks", slug(0), "p102", "may-chieu"),
    ]  # fmt: skip
    with Alarms(path, create=True) as inbox:
        inbox.apply([Raised(finding, now_us - (3 + 17 * at) * MIN) for at, finding in enumerate(found)])


def _people(folder: Path) -> None:
    with AccountFile(folder / FILE) as file:
        accounts = Accounts(file)
        for name, (role, school) in PEOPLE.items():
            accounts.add_person(name, role, school, PASSWORD, name.title())
    with Register(folder / REGISTER) as register:
        register.write(Item(slug(1), "p101", "may-chieu", "PT-VZ580", "SN-0042-7781", note="Treo trần"), "lan")


def _put_forward(folder: Path) -> None:
    """Forecasts, a profile and a timetable, and two days of the export."""
    with Shelf(folder / CATALOGUE) as shelf, AccountFile(folder / FILE) as file:
        desk = Desk(shelf, Audit(file))
        put_forward(folder, desk, slug(1), "p101")
        desk.publish(LAN, PROFILE.format(version=1, level=40))
        desk.publish(LAN, PROFILE.format(version=2, level=55), note="Sáng hơn")
        shelf.bundle(slug(1), signing_key(folder, create=True))
    foretell(
        folder, a_forecast(slug(1), "p101", wall_day() + timedelta(days=40), early=wall_day() + timedelta(days=20)),
        a_forecast(slug(2), "p102", None, back_test=None, notes=()),
    )  # fmt: skip
    out = folder / "export"
    (out / "windows" / "day=2026-11-23").mkdir(parents=True)
    (out / "manifests").mkdir()
    manifest = {"files": [], "schools": 36, "rows": 81_000, "made": "2026-11-23T18:10:00+00:00"}
    (out / "manifests" / "day=2026-11-22.json").write_text(json.dumps(manifest))


def wall_day() -> date:
    return datetime.now(VIETNAM).date()


async def serve(folder: Path) -> None:
    store = SqliteStore(str(folder / "store.sqlite"))
    store.open()
    settings = app.Settings(
        registry=folder / "registry.sqlite",
        lasts=folder / "last-values",
        alarms=folder / "alarms.sqlite",
        data=folder,
        schools=folder / "schools.csv",
        export=folder / "export",
    )
    stopped = asyncio.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    loop = asyncio.get_running_loop()
    with (
        listening,
        Registry(folder / "registry.sqlite", flush_s=0.2) as registry,
        Alarms(folder / "alarms.sqlite") as inbox,
    ):
        obeying = asyncio.create_task(_obey(loop, folder, store, registry, inbox, stopped), name="obey")
        await app.serve(settings, store, listening, lambda: print(f"ready {url}", flush=True), stopped)
        await obeying
    store.close()


def _demote(folder: Path, name: str) -> None:
    with AccountFile(folder / FILE) as file:
        Accounts(file).change_person(name, role=Role.VIEWER, school=slug(0))


async def _obey(
    loop: asyncio.AbstractEventLoop,
    folder: Path,
    store: SqliteStore,
    registry: Registry,
    inbox: Alarms,
    stopped: asyncio.Event,
) -> None:
    """Until its standard input ends."""
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).decode().strip():
        what, _, rest = line.partition(" ")
        if what == "co2":
            series = Series(Measurement.READING, "p101", "khong-khi", "air-sensor", "co2_ppm")
            portion = Portion(slug(1), [Run(series, True, [wall_us()], [float(rest)])])
            await asyncio.to_thread(store.write, [portion])
            registry.on_batch(Address(slug(1), "gw-p101"), portion)
        elif what == "alarm":
            finding = Finding(rest, "co2-high", Severity.MAJOR, rest, rest, slug(1), "p101")
            await asyncio.to_thread(inbox.apply, [Raised(finding, wall_us())])
        elif what == "demote":
            await asyncio.to_thread(_demote, folder, rest)
        print("done", flush=True)
    stopped.set()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--schools", type=int, default=36)
    options.add_argument("--rooms", type=int, default=4)
    chosen = options.parse_args()
    make_city(chosen.folder, chosen.schools, chosen.rooms)
    asyncio.run(serve(chosen.folder))
