"""Workers of one shared subscription come and go under a city's load: complete because of our own acks.

Mosquitto loses what a killed worker of a shared subscription held; the gateways have heard nothing, and send it again.
"""

import asyncio
import secrets
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from cloud_ingest.influx1_store import Influx1Store
from simulators.city import City, CityPlan, Report
from tests.cloud_ingest.ingest_process import IngestProcess
from tests.servers import InfluxDB, Mosquitto

PLAN = CityPlan(schools=4, rooms=25, metrics=5, period_s=0, window=40, answer_s=1.0)


def _has(city: City, points: int) -> bool:
    return city.report.acked_points >= points


def counted(store: Influx1Store) -> int:
    return sum(store.count(f"school-{number:04}") for number in range(PLAN.schools))


@pytest.mark.timeout(120)
async def test_four_workers_are_killed_and_added_under_load_and_every_point_is_stored_once(
    mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path
) -> None:
    database = f"lophoc_{secrets.token_hex(4)}"
    arguments = ("--broker", mosquitto.url, "--store", f"influx1://127.0.0.1:{influxdb.port}/{database}")
    with ExitStack() as running:

        def worker(number: int) -> IngestProcess:
            share = ("--share", "lophoc", "--data", str(tmp_path / "state"))
            return running.enter_context(IngestProcess(tmp_path / f"worker-{number}.log", *arguments, *share))

        workers = [worker(number) for number in range(4)]
        for each in workers:
            await asyncio.to_thread(each.wait_ready)
        async with City(mosquitto.url, PLAN) as city:
            sending = asyncio.create_task(city.run(seconds=60, drain_s=30), name="city")
            for number in range(4):
                enough = city.report.acked_points + 4_000
                await city.changes.until(partial(_has, city, enough), 60)
                workers[number].kill()
                if number % 2:  # between two kills only two work
                    for more in (number * 10, number * 10 + 1):
                        workers.append(worker(more))
                        await asyncio.to_thread(workers[-1].wait_ready)
            await city.changes.until(partial(_has, city, city.report.acked_points + 4_000), 60)
            city.stop()
            report: Report = await sending
        assert (report.unanswered_batches, report.refused_points) == (0, 0)
        assert report.sent_again > 0
        assert report.acked_points == report.produced_points
        assert [each.stop() for each in workers[4:]] == [0, 0, 0, 0]
    store = Influx1Store(f"http://127.0.0.1:{influxdb.port}", database)
    try:
        assert counted(store) == report.produced_points
    finally:
        store.close()
