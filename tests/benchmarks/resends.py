"""How many batches a gateway sends more than once while nothing is wrong.

    python -m tests.benchmarks.resends [--store sqlite|influx1|victoria] [--seconds S] [--rate R] [--backlog N]

A gateway with its journal and its uplink, a broker, `lophoc ingest` and a store, all real. `backlog` points wait when
it begins, and `rate` points a second are written. Somebody on the broker counts the batches and knows each again by its
points, with its layout or without. VictoriaMetrics is the hard case: its acks are held back for twelve seconds, since
what it has confirmed would not survive before.
"""

import argparse
import asyncio
import json
import logging
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiomqtt

from classroom_profiles.telemetry import Measurement, Point, Series, Unreadable, without_layout
from classroom_profiles.topics import EVERY_UP, Address
from edge_agent.clock import Moment
from edge_agent.journal import Journal
from edge_agent.uplink import Uplink
from tests.benchmarks.centre import centre, store

_BOOT = "3f1c0a52-6f0e-4c61-9f2b-5f6f8f0b7d11"
_SERIES = [Series(Measurement.READING, "a101", "air", "sensor", f"m{number}") for number in range(20)]


async def hear(client: aiomqtt.Client, came: Counter[bytes]) -> None:
    async for message in client.messages:
        payload = bytes(message.payload)
        with suppress(Unreadable):
            payload, _ = without_layout(payload)
        came[payload] += 1


async def write(journal: Journal, rate: float) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in count():
        await asyncio.sleep(max(0.0, began + number * len(_SERIES) / rate - loop.time()))
        now_us = time.time_ns() // 1000
        journal.write([Point(series, now_us, float(number)) for series in _SERIES])


async def run(broker_url: str, directory: Path, seconds: float, rate: float, backlog: int) -> dict[str, Any]:
    host, _, port = broker_url.removeprefix("mqtt://").partition(":")
    came: Counter[bytes] = Counter()
    clock = Moment(time.time_ns() // 1000 - time.monotonic_ns() // 1000, trusted=True)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(
            Journal.open(directory / "journal.sqlite", _BOOT, clock=lambda: clock)
        )
        for number in range(backlog // len(_SERIES)):
            at_us = time.time_ns() // 1000 - (backlog - number) * 1000
            journal.write([Point(series, at_us, float(number)) for series in _SERIES])
            if number % 200 == 199:
                await journal.flush()
        client = await stack.enter_async_context(aiomqtt.Client(host, int(port)))
        await client.subscribe(EVERY_UP, qos=1)
        uplink = Uplink(broker_url, Address("bench", "gw-1"), journal, lambda: None)
        tasks = [asyncio.create_task(work) for work in (hear(client, came), uplink.run(), write(journal, rate))]
        await asyncio.sleep(seconds)
        waits = journal.backlog
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        sent = sum(came.values())
        return {
            "batches": len(came),
            "sent": sent,
            "sent_again": sent - len(came),
            "sent_again_percent": round(100 * (sent - len(came)) / max(1, len(came)), 1),
            "stored_points": journal.stored,
            "waiting_points": waits,
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", choices=("sqlite", "influx1", "victoria"), default="victoria")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--backlog", type=int, default=0)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="lophoc-") as name:
        directory = Path(name)
        with store(chosen.store, directory) as place, centre(place, directory) as running:
            found = asyncio.run(run(running.broker_url, directory, chosen.seconds, chosen.rate, chosen.backlog))
    print(json.dumps({"store": chosen.store, "seconds": chosen.seconds, **found}))


if __name__ == "__main__":
    main()
