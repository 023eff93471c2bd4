"""Everything fails, at random moments and at once, and not one point is lost, doubled or out of order.

    python -m tests.benchmarks.chaos [--seconds S] [--seed N] [--faults K] [--gateways G] [--cap BYTES] [--keep DIR]

Several gateways (real processes, real journal and uplink), Mosquitto, `lophoc ingest --workers 2`, InfluxDB 1.6.7.
The same seed draws the same faults at the same times. At the end the faults stop, everything drains, InfluxDB is
killed once more, and what it has is read by InfluxQL and compared with what the journals had said was durable. One
JSON object is printed last; the exit code is 1 if it did not hold, with an account of it on standard error.

`python -m tests.benchmarks.chaos --seconds 470 --faults 200` is the full run.
"""

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge_agent.journal import MAX_BYTES
from tests.chaos.account import Books, account
from tests.chaos.disk import private_mounts
from tests.chaos.schedule import Fault, schedule
from tests.chaos.series import KINDS
from tests.chaos.site import Site, site

_CALM_S = 1.5
_IN_1970_S = 4.0
_DRAIN_LIMIT_S = 90.0
_RESERVE_S = 15.0
_SECONDS_A_FAULT = 1.5


@dataclass(frozen=True, slots=True)
class Options:
    seed: int
    seconds: float
    faults: int
    gateways: int
    max_bytes: int
    """Of each journal."""


async def run(options: Options, directory: Path) -> tuple[dict[str, Any], str]:
    """The figures, and what did not hold (an empty text if all did)."""
    began_s = time.monotonic()
    mount = private_mounts()
    async with site(directory, options.gateways, mount=mount, max_bytes=options.max_bytes) as here:
        start_s = here.now_s()
        last_s = max(4.0, options.seconds - start_s - _RESERVE_S)
        planned = schedule(options.seed, options.faults, _CALM_S, last_s, options.gateways)
        (directory / "schedule.txt").write_text("\n".join(map(str, planned)) + "\n", encoding="utf-8")
        await _inflict(here, planned, start_s)
        await asyncio.sleep(_CALM_S)
        drain_began_s = here.now_s()
        late = await _drained(here)
        drain_s = here.now_s() - drain_began_s
        if late:
            for gateway in here.gateways:
                shutil.copytree(gateway.disk.directory, directory / f"journal-{gateway.address.gateway}")
        await here.stop()
        await asyncio.to_thread(here.store.kill)
        await asyncio.to_thread(here.store.start)
        books = await asyncio.to_thread(_books, here)
        wrong = [*late, *_complaints(here, books, directory)]
        figures = {
            "seed": options.seed,
            "faults": len(here.done),
            "produced": books.produced,
            "stored": books.stored,
            "dropped_declared": sum(_dropped(here).values()),
            "duplicates": books.duplicates,
            "missing": books.produced - books.stored,
            "order_kept": not books.misordered,
            "unknown": books.unknown,
            "acknowledged": _acknowledged(here),
            "per_fault": dict(sorted(here.by_way.items())),
            "held": not wrong,
            "store": here.store.name,
            "disk": here.gateways[0].disk.way,
            "gateways": options.gateways,
            "series": len(books.verdicts),
            "lives": sum(len(gateway.lives) for gateway in here.gateways),
            "drain_s": round(drain_s, 1),
            "seconds": round(time.monotonic() - began_s, 1),
        }
    return figures, "\n".join(wrong)


async def _inflict(here: Site, planned: Sequence[Fault], start_s: float) -> None:
    """Each at its time, whatever the others do; returns when all are over."""

    async def later(fault: Fault) -> None:
        await asyncio.sleep(max(0.0, start_s + fault.at_s - here.now_s()))
        await here.inflict(fault)

    async def first_boot() -> None:
        gateway = here.gateways[0]
        async with gateway.clock_lock:
            await asyncio.sleep(_IN_1970_S)
            await gateway.learn_time()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(first_boot(), name="first boot")
        for fault in planned:
            tasks.create_task(later(fault), name=str(fault))


async def _drained(here: Site) -> list[str]:
    """Everything produced is acknowledged; what is not, in words."""
    try:
        async with asyncio.timeout(_DRAIN_LIMIT_S), asyncio.TaskGroup() as tasks:
            for gateway in here.gateways:
                tasks.create_task(gateway.finish(), name=f"finish {gateway.address.gateway}")
    except TimeoutError:
        pass
    return [
        f"{gateway.address.gateway} had not all of it acknowledged after {_DRAIN_LIMIT_S:.0f} s"
        for gateway in here.gateways
        if gateway.finished is None
    ]


def _books(here: Site) -> Books:
    found = here.store.read()
    books = Books()
    for gateway in here.gateways:
        school, room = gateway.address.school, gateway.address.gateway
        for kind in KINDS:
            tags = (kind.measurement.value, school, room, kind.device, kind.role, kind.metric)
            books.add(tags, gateway.lives, found.pop(tags, []))
    books.strangers = list(found)
    return books


def _dropped(here: Site) -> dict[tuple[str, str], int]:
    """By room and measurement, as the journals count them."""
    return {
        (gateway.address.gateway, measurement): number
        for gateway in here.gateways
        if gateway.finished is not None
        for measurement, number in gateway.finished.dropped.items()
    }


def _acknowledged(here: Site) -> int:
    """As the journals count it."""
    return sum(gateway.finished.stored for gateway in here.gateways if gateway.finished is not None)


def _complaints(here: Site, books: Books, directory: Path) -> list[str]:
    """What did not hold: which series, which values, after which fault."""
    wrong: list[str] = []
    dropped = _dropped(here)
    short = False
    for gateway in here.gateways:
        room = gateway.address.gateway
        for measurement in sorted({kind.measurement.value for kind in KINDS}):
            missing, declared = books.missing(room, measurement), dropped.get((room, measurement), 0)
            if missing > declared:
                short = True
                wrong.append(f"{room} {measurement}: {missing} missing, {declared} declared as dropped")
        if gateway.ended_by_itself:
            wrong.append(f"{room} ended by itself with exit codes {gateway.ended_by_itself}")
        counts = gateway.finished
        if counts is not None and (counts.refused or counts.set_aside or counts.corrupt):
            wrong.append(
                f"{room}: refused {dict(counts.refused)}, {counts.set_aside} batches set aside, "
                f"{counts.corrupt} journals damaged"
            )
    acknowledged = _acknowledged(here)
    if not dropped and acknowledged != books.stored:
        wrong.append(f"the journals count {acknowledged} points as stored, the store has {books.stored}")
    if here.ingest_ended:
        wrong.append(f"lophoc ingest ended by itself with exit codes {here.ingest_ended}")
    if short or books.duplicates or books.misordered or books.unknown:
        lives = {gateway.address.gateway: gateway.lives for gateway in here.gateways}
        wrong += account(books, lives, sorted(here.done))
    for log in [*sorted(directory.glob("gateway-*.log")), directory / "ingest.log"]:
        if "Traceback" in (said := log.read_text(encoding="utf-8", errors="replace")):
            wrong.append(f"an exception nobody expected, in {log.name}:\n{said[said.index('Traceback') :][:3000]}")
    return wrong


async def _until_signalled(options: Options, directory: Path) -> int:
    running = asyncio.ensure_future(run(options, directory))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        figures, wrong = await running
    except asyncio.CancelledError:
        return 1
    if wrong:
        (directory / "account.txt").write_text(wrong + "\n", encoding="utf-8")
        print(wrong, file=sys.stderr)
    print(json.dumps(figures))
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=45.0, help="for all of it; faults end some time before")
    parser.add_argument("--seed", type=int, default=1, help="draws the faults")
    parser.add_argument("--faults", type=int, help="how many; one in 1.5 s unless told")
    parser.add_argument("--gateways", type=int, default=3)
    parser.add_argument("--cap", type=int, default=MAX_BYTES, metavar="BYTES", help="of each journal, so that it drops")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a new directory for the logs, left there")
    told = parser.parse_args()
    faults = max(8, round((told.seconds - _RESERVE_S) / _SECONDS_A_FAULT)) if told.faults is None else told.faults
    options = Options(told.seed, told.seconds, faults, told.gateways, told.cap)
    try:
        if told.keep is not None:
            told.keep.mkdir(parents=True)
            return asyncio.run(_until_signalled(options, told.keep))
        with tempfile.TemporaryDirectory(prefix="lophoc-chaos-") as made:
            return asyncio.run(_until_signalled(options, Path(made)))
    except pytest.skip.Exception as missing:
        parser.error(str(missing))


if __name__ == "__main__":
    sys.exit(main())
