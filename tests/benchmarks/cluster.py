"""A RabbitMQ cluster that loses a node under load: everything is stored, once, and how long nothing was.

    python -m tests.benchmarks.cluster [--seconds S] [--nodes N] [--workers N] [--window N] [--points N]
        [--no-kill]

Three nodes on this machine hold one quorum queue, a copy each. Gateways speak MQTT to a load balancer in front of
them: `lophoc sim city` (the real wire format, as fast as answers come) and two real ones with journal and uplink. After
a third of the time the node that leads the queue is killed with SIGKILL; after two thirds it is started again. A
gateway whose node died connects to another; so do the workers. `gap_s` is the longest time in which the workers
confirmed no point. The clock runs from the first batch to the last answer, the gap included.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from classroom_profiles.topics import Address
from cloud_ingest.amqp_place import QUEUE
from edge_agent.journal import Journal
from edge_agent.uplink import Uplink
from tests.cloud_ingest.ingest_process import IngestProcess
from tests.cloud_ingest.stored_points import stored_points
from tests.edge_agent.journal_peer import BOOT, STEADY, some
from tests.rabbitmq import PASSWORD, Node, RabbitMQ
from tests.relay import relay
from tests.servers import free_port

_POLL_S = 0.05
_DRAIN_S = 40.0
_JOURNALS = 2
_SERIES = 20
"""Of each of the city's rooms."""


@dataclass(frozen=True, slots=True)
class Figures:
    """`points` were made by the gateways and answered; `stored` is what the store has."""

    points: int
    stored: int
    lost: int
    duplicates: int
    points_per_s: float
    nodes: int
    replicas: int
    killed: str
    gap_s: float
    seconds: float
    journal_points: int
    sent_again: int
    start_s: float
    broker_ms_per_batch: float
    """Processor time of all nodes, and of all workers below; a node that was killed is counted from its new start."""
    worker_ms_per_batch: float


async def run(
    directory: Path,
    seconds: float,
    nodes: int = 3,
    workers: int = 2,
    window: int = 200,
    points_per_series: int = 5,
    kill: bool = True,
    restart: bool = True,
) -> Figures:
    """All of it, in `directory`. `restart`: the node that was killed comes back, which takes some ten seconds."""
    store = directory / "store.sqlite"
    begun = time.monotonic()
    with ExitStack() as running:
        rabbit = await asyncio.to_thread(running.enter_context, RabbitMQ(directory, nodes))
        os.environ["LOPHOC_BROKER_PASSWORD"] = PASSWORD
        ports = [free_port() for _ in range(workers)]
        team: list[int] = []
        for port in ports:
            ingest = running.enter_context(
                IngestProcess(
                    directory / f"ingest-{port}.log",
                    *(
                        "--broker",
                        rabbit.url,
                        "--store",
                        f"sqlite:///{store}",
                        "--data",
                        str(directory / f"data-{port}"),
                    ),
                    *("--metrics-port", str(port)),
                )
            )
            await asyncio.to_thread(ingest.wait_ready, 40.0)
            team.append(ingest.process.pid)
        leader, replicas = await asyncio.to_thread(_leader, rabbit)
        start_s = time.monotonic() - begun
        async with AsyncExitStack() as also:
            port = await also.enter_async_context(relay([node.mqtt_port for node in rabbit.nodes]))
            gap = await also.enter_async_context(_watched(ports))
            journals = [
                await also.enter_async_context(_gateway(directory, number, f"mqtt://127.0.0.1:{port}"))
                for number in range(_JOURNALS)
            ]
            city = await _city(port, seconds, window, points_per_series, also)
            begun = time.monotonic()
            living = rabbit.nodes if restart or not kill else [node for node in rabbit.nodes if node is not leader]
            before = _cpu_s([node.pid for node in living]), _cpu_s(team)
            made = asyncio.create_task(_write(journals, seconds))
            if kill:
                await asyncio.sleep(seconds / 3)
                await asyncio.to_thread(leader.kill)
                if restart:
                    await asyncio.sleep(seconds / 3)
                    await asyncio.to_thread(leader.start)
            report, journal_points = await city, await made
            took = time.monotonic() - begun
            after = _cpu_s([node.pid for node in living]), _cpu_s(team)
        points = report["acked_points"] + journal_points
        batches = report["acked_points"] / (
            _SERIES * points_per_series
        )  # the two journals' few batches count as nothing
        stored = await asyncio.to_thread(stored_points, store)
    return Figures(
        points=points,
        stored=stored,
        lost=max(0, points - stored) + report["produced_points"] - report["acked_points"],
        duplicates=max(0, stored - report["produced_points"] - journal_points),
        points_per_s=round(stored / took, 1),
        nodes=nodes,
        replicas=replicas,
        killed=f"{leader.name}, the queue's leader, by SIGKILL" if kill else "",
        gap_s=round(gap.longest_s, 2),
        seconds=round(took, 1),
        journal_points=journal_points,
        sent_again=report["sent_again"],
        start_s=round(start_s, 1),
        broker_ms_per_batch=round(_spent_s(before[0], after[0]) * 1000 / batches, 2),
        worker_ms_per_batch=round(_spent_s(before[1], after[1]) * 1000 / batches, 2),
    )


def _cpu_s(pids: list[int]) -> dict[int, float]:
    """Processor time so far, of each."""
    times = {pid: psutil.Process(pid).cpu_times() for pid in pids}
    return {pid: spent.user + spent.system for pid, spent in times.items()}


def _spent_s(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(spent - before.get(pid, 0.0) for pid, spent in after.items())


def _leader(rabbit: RabbitMQ) -> tuple[Node, int]:
    """The node that leads the queue, and how many hold a copy."""
    said = rabbit.nodes[0].control("list_queues", "name", "leader", "members", "--formatter", "json")
    (queue,) = [queue for queue in json.loads(said) if queue["name"] == QUEUE]
    (leader,) = [node for node in rabbit.nodes if node.name == queue["leader"]]
    return leader, len(queue["members"])


async def _city(
    port: int, seconds: float, window: int, points_per_series: int, also: AsyncExitStack
) -> asyncio.Task[dict[str, Any]]:
    """The light gateways, connected; the task ends with their own report."""
    command = [sys.executable, "-m", "lophoc", "sim", "city", "--broker", f"mqtt://127.0.0.1:{port}"]
    options = [
        "--schools",
        "12",
        "--rooms",
        "10",
        "--period",
        "0",
        "--points",
        str(points_per_series),
        "--connections",
        "6",
    ]
    length = ["--seconds", str(seconds), "--window", str(window), "--drain", str(_DRAIN_S)]
    process = await asyncio.create_subprocess_exec(*command, *options, *length, stdout=subprocess.PIPE)
    also.push_async_callback(_end, process)
    assert process.stdout is not None
    ready = await process.stdout.readline()
    assert ready.startswith(b"ready"), f"the city is not ready: {ready!r}"
    return asyncio.create_task(_report(process))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _report(process: asyncio.subprocess.Process) -> dict[str, Any]:
    said, _ = await process.communicate()
    report: dict[str, Any] = json.loads(said.decode().splitlines()[-1])
    return report


@asynccontextmanager
async def _gateway(directory: Path, number: int, broker: str) -> AsyncIterator[Journal]:
    """A real journal, with a real uplink that empties it."""
    async with Journal.open(directory / f"journal-{number}.sqlite", BOOT, clock=lambda: STEADY) as journal:
        uplink = Uplink(broker, Address(f"thcs-journal-{number}", "gw-1"), journal, lambda: None, answer_s=2.0)
        sending = asyncio.create_task(uplink.run())
        try:
            yield journal
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _write(journals: list[Journal], seconds: float) -> int:
    """Write for so long, then wait until the centre has it all; how many points."""
    made = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for journal in journals:
            journal.write(some(10, first=made))
        made += 10
        await asyncio.sleep(0.05)
    async with asyncio.timeout(_DRAIN_S):
        for journal in journals:
            await journal.flush()
            while journal.backlog:  # noqa: ASYNC110 - it tells its listeners of changes, not of emptiness
                await asyncio.sleep(_POLL_S)
    return made * len(journals)


@dataclass(slots=True)
class _Gap:
    longest_s: float = 0.0


@asynccontextmanager
async def _watched(ports: list[int]) -> AsyncIterator[_Gap]:
    """How long the workers confirm nothing, as their metrics tell, between their first point and their last."""
    gap = _Gap()

    async def watch() -> None:
        seen, since = 0.0, time.monotonic()
        async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
            while True:
                stored = 0.0
                for port in ports:
                    stored += _stored((await client.get(f"http://127.0.0.1:{port}/metrics")).text)
                now = time.monotonic()
                if stored > seen:
                    gap.longest_s = max(gap.longest_s, now - since if seen else 0.0)
                    seen, since = stored, now
                await asyncio.sleep(_POLL_S)

    watching = asyncio.create_task(watch())
    try:
        yield gap
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def _stored(metrics: str) -> float:
    (line,) = [line for line in metrics.splitlines() if line.startswith("lophoc_ingest_stored_points_total ")]
    return float(line.split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="how long gateways make points")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--window", type=int, default=200, help="batches under way")
    parser.add_argument("--points", type=int, default=5, help="of each of a room's 20 series in a batch")
    parser.add_argument("--no-kill", action="store_true", help="the same, but nothing dies")
    options = parser.parse_args()
    window, points, kill = options.window, options.points, not options.no_kill
    with tempfile.TemporaryDirectory(prefix="lophoc-cluster-") as directory:
        figures = asyncio.run(
            run(Path(directory), options.seconds, options.nodes, options.workers, window, points, kill)
        )
    print(json.dumps(asdict(figures)))
    raise SystemExit(1 if figures.lost or figures.duplicates else 0)


if __name__ == "__main__":
    main()
