"""What the gateway says of itself: how much waits, what was lost, how its machine is, as points like any other."""

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Point, Series
from edge_agent.journal import Journal
from edge_agent.machine import machine_metrics
from edge_agent.uplink import Uplink

ROLE = "gateway"


def gateway_metrics(journal: Journal, connected: bool) -> dict[str, Value]:
    """Metric to value. Counts are since the journal's file was begun, and only grow."""
    return {
        "uplink": connected,
        "journal_writable": journal.writable,
        "journal_corrupt": journal.corrupt,
        "clock_trusted": journal.clock.trusted,
        "backlog_points": journal.backlog,
        "backlog_age_s": round(_age_s(journal), 1),
        "stored_points": journal.stored,
        "retimed_points": journal.retimed,
        "refused_points": sum(journal.refused.values()),
        "set_aside_batches": journal.set_aside,
        "set_aside_points": journal.set_aside_points,
        "damaged_points": journal.damaged,
        **{f"dropped_{measurement}_points": number for measurement, number in journal.dropped.items()},
    }


def gateway_points(metrics: dict[str, Value], room: str, gateway: str, time_us: int) -> list[Point]:
    return [
        Point(Series(Measurement.GATEWAY, room, gateway, ROLE, metric), time_us, value)
        for metric, value in metrics.items()
    ]


def _age_s(journal: Journal) -> float:
    """Of the oldest point that waits."""
    return 0.0 if journal.oldest_us is None else max(0.0, time.time() - journal.oldest_us / 1e6)


async def report(
    journal: Journal,
    uplink: Uplink,
    record: Callable[[Iterable[Point]], None],
    room: str,
    gateway: str,
    data: Path,
    every_s: float = 60.0,
) -> None:
    """Write them, forever; for a TaskGroup."""
    while True:
        await asyncio.sleep(every_s)
        of_machine = await asyncio.to_thread(machine_metrics, data)
        metrics = {**gateway_metrics(journal, uplink.connected), **of_machine}
        record(gateway_points(metrics, room, gateway, time.time_ns() // 1000))
