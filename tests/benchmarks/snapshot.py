"""The operations centre over a whole city: what its snapshot and its answers cost while every room sends.

A process of its own writes what `lophoc ingest` would: last values and the registry, of each room once a period. This
one makes the snapshot about once a second, and asks the city's API in-process. Options: `--schools`, `--rooms`,
`--metrics`, `--period`, `--seconds`.
"""

import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import click
import httpx
import psutil
from fastapi import FastAPI

from classroom_profiles.telemetry import Run
from classroom_profiles.topics import Address
from cloud_ingest.accounts.account_file import AccountFile
from cloud_ingest.accounts.accounts import Accounts
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.who import Act, Role, Who
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.api.api import make_api
from cloud_ingest.api.right import Limits
from cloud_ingest.catalogue.delivery import Delivery
from cloud_ingest.catalogue.desk import Desk
from cloud_ingest.catalogue.shelf import Shelf
from cloud_ingest.forecasts.shown_forecasts import ShownForecasts
from cloud_ingest.last_values import LastValues
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.choosing import Wanted
from cloud_ingest.operations.city import City
from cloud_ingest.operations.directory import School
from cloud_ingest.operations.register import Register
from cloud_ingest.operations.usage import Usage
from cloud_ingest.operations.watching import RoomWatches
from cloud_ingest.registry import Registry
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion, wall_us
from simulators.city_batches import series_of
from simulators.schools import schools, wards

ONLINE = b'{"state": "online", "version": "0.1.0", "clock": "trusted"}'


def _write(folder: Path, count: int, rooms: int, metrics: int, period_s: float, begun: Event, ended: Event) -> None:
    """All of the city once, and then each room once a period until it shall end."""
    names = [(f"school-{school:04}", f"r{room:03}") for school in range(count) for room in range(rooms)]
    series = {room: series_of(room, metrics) for room in {room for _, room in names}}
    with Registry(folder / "registry") as registry, LastValues(folder / "last-values") as lasts:

        def tell(school: str, room: str, turn: int) -> None:
            now_us = wall_us()
            runs = [Run(one, True, [now_us], [float(turn % 100)]) for one in series[room]]
            sender, portion = Address(school, f"gw-{room[1:]}"), Portion(school, runs)
            registry.on_batch(sender, portion)
            lasts.on_received(sender, portion)

        for number, (school, room) in enumerate(names):
            registry.on_status(Address(school, f"gw-{room[1:]}"), ONLINE)
            tell(school, room, number)
        registry.flush()
        lasts.flush()
        begun.set()
        started, told = time.monotonic(), 0
        while not ended.is_set():
            due = int((time.monotonic() - started) / period_s * len(names))
            for number in range(told, due):
                tell(*names[number % len(names)], number)
            told = due
            time.sleep(0.02)


async def _measure(folder: Path, count: int, seconds: float) -> dict[str, Any]:
    me = psutil.Process()
    before_mib = me.memory_info().rss / 2**20
    with ExitStack() as files:
        store = SqliteStore(str(folder / "store.sqlite"))
        store.open()
        files.callback(store.close)
        lasts = files.enter_context(LastValues(folder / "last-values", create=False))
        inbox = files.enter_context(Alarms(folder / "alarms", create=True))
        used = files.enter_context(Usage(folder / "usage", store))
        directory = {row[0]: School(*row) for row in schools(count, wards())}
        accounts = files.enter_context(AccountFile(folder / "accounts"))
        city = City(folder / "registry", store, lasts, directory, inbox, used.notice)
        shelf = files.enter_context(Shelf(folder / "catalogue"))
        begun = time.monotonic()
        async with city:
            first_s = time.monotonic() - begun
            centre = Centre(
                city, RoomWatches(city), files.enter_context(Register(folder / "equipment")), used, inbox,
                Accounts(accounts), Audit(accounts), folder, ShownForecasts(folder / "forecasts"),
                Desk(shelf, Audit(accounts)), Delivery(shelf, folder, None, tuple),
            )  # fmt: skip
            _, key = centre.accounts.add_key("bench", frozenset({Act.READ}), "bench")
            await asyncio.sleep(2)
            cpu, revision = me.cpu_times(), city.snapshot.revision
            begun = time.monotonic()
            await asyncio.sleep(seconds)
            lasted_s = time.monotonic() - begun
            after = me.cpu_times()
            busy_s = after.user + after.system - cpu.user - cpu.system
            snapshots = city.snapshot.revision - revision
            asked = await _ask(centre, key)
            found = {
                "schools": len(city.snapshot.schools),
                "rooms": sum(view.row.rooms for view in city.snapshot.schools.values()),
                "devices": sum(len(some) for view in city.snapshot.schools.values() for some in view.devices.values()),
                "first_snapshot_s": round(first_s, 2),
                "snapshot_cpu_percent": round(100 * busy_s / lasted_s, 1),
                "snapshots_per_s": round(snapshots / lasted_s, 2),
                "memory_mib": round(me.memory_info().rss / 2**20),
                "memory_before_mib": round(before_mib),
                **asked,
            }
    return found


async def _ask(centre: Centre, key: str) -> dict[str, float]:
    whole = FastAPI(openapi_url=None)
    whole.mount("/api/v1", make_api(centre, Limits(10**9, 10**9)))
    asked = {
        "about": "/about",
        "schools": "/schools?limit=900",
        "geojson": "/schools.geojson",
        "geojson_again": "/schools.geojson",
        "room": "/schools/school-0042/rooms/r003",
        "room_values": "/schools/school-0042/rooms/r003/series",
        "rooms_page": "/rooms?limit=100&cursor=",
        "rooms_faulty": "/rooms?health=faulty",
        "equipment_of_school": "/equipment?school=school-0042&limit=500",
        "equipment_search": "/equipment?find=kit-02&limit=100",
        "gateways_silent": "/gateways?state=silent",
    }
    found: dict[str, float] = {}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=whole),
        base_url="http://ops/api/v1",
        headers={"Authorization": f"Bearer {key}"},
    ) as client:
        for name, url in asked.items():
            lasted_ms = []
            for _ in range(20):
                begun = time.perf_counter()
                answer = await client.get(url.removesuffix("&cursor="))
                lasted_ms.append(1000 * (time.perf_counter() - begun))
                assert answer.status_code == 200, answer.text
                await asyncio.sleep(0.05)
            found[f"{name}_p50_ms"] = round(statistics.median(lasted_ms), 1)
            found[f"{name}_max_ms"] = round(max(lasted_ms), 1)
    who = Who("bench", Role.OPERATOR)
    for name, ask in _pages(centre.city, who).items():
        begun = time.perf_counter()
        await asyncio.to_thread(ask)
        found[f"{name}_ms"] = round(1000 * (time.perf_counter() - begun), 1)
    return found


def _pages(city: City, who: Who) -> dict[str, Callable[[], object]]:
    return {
        "page_rooms_sorted": lambda: city.rooms(who, Wanted(sort="seen_us", descending=True, limit=50)),
        "page_devices_find": lambda: city.devices(who, Wanted(find="kit", limit=50)),
        "page_devices_sorted": lambda: city.devices(who, Wanted(sort="lamp_h", limit=50)),
    }


@click.command()
@click.option("--schools", "count", default=900, show_default=True)
@click.option("--rooms", default=30, show_default=True)
@click.option("--metrics", default=20, show_default=True)
@click.option("--period", "period_s", default=10.0, show_default=True)
@click.option("--seconds", default=12.0, show_default=True)
def main(count: int, rooms: int, metrics: int, period_s: float, seconds: float) -> None:
    """The last line is one JSON object."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        begun, ended = context.Event(), context.Event()
        writer = context.Process(
            target=_write, args=(Path(name), count, rooms, metrics, period_s, begun, ended), daemon=True
        )
        writer.start()
        try:
            if not begun.wait(120):
                raise click.ClickException("the city was not written within two minutes")
            found = asyncio.run(_measure(Path(name), count, seconds))
        finally:
            ended.set()
            writer.join(30)
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
