"""A lesson with twelve benches at 20 Hz: what it costs live, and whether each sample of it is kept, here and there.

    python -m tests.benchmarks.lab [--minutes M] [--speed X] [--live S] [--listeners N] [--frames S]

First `--live` seconds in real time, without and then with listeners at the stream of all benches, for the agent's share
of a core; with `--frames` also Chromium at the lab's screen. Then the lesson (a third of one, or `--minutes 45`),
`--speed` times as fast at most: every sample has to be in the runs, in order, and every reading in the centre's store.
At the end one run is made again from its seed, and compared to the bit. One JSON object.
"""

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from edge_agent.lab import RUNS
from edge_agent.run_file import RunArchive
from edge_agent.run_repeat import repeat
from lophoc.broker import start_broker
from lophoc.children import Children, children
from tests.benchmarks.benches import NAMES
from tests.benchmarks.lab_frames import frames

_PIN = "2468"
_RATE_HZ = 20
_AHEAD = 4000
"""Samples; a bench keeps 12,000 for who comes late."""
_LOOK_S = 0.25
_PATIENCE_S = 10.0
_STATES = ("experiment",)
"""What a bench says of itself besides its samples."""
_REPEATED = "radioactive-decay"
_HALVES = (NAMES[::2], NAMES[1::2])


def room(ports: dict[str, int]) -> dict[str, Any]:
    devices = [
        {"id": name, "role": "experiment", "driver": "experiment", "options": {"host": "127.0.0.1", "port": port}}
        for name, port in ports.items()
    ]
    return {"school": "bench", "room": "b1", "name": {"vi": "Đo", "en": "Bench"}, "devices": devices}


@asynccontextmanager
async def laboratory(
    folder: Path, speed: float, store: Path | None = None
) -> AsyncIterator[tuple[httpx.AsyncClient, psutil.Process, dict[str, int]]]:
    """Two processes of six benches each, an agent, the centre if it has a store, and a teacher who has logged in."""
    await asyncio.to_thread(folder.mkdir)
    async with children(folder) as parts:
        broker, _ = await start_broker(parts, folder)
        if store is not None:
            place = ("--store", f"sqlite:///{store}", "--data", str(folder / "centre"))
            await parts.lophoc("ingest", "ingest", "--broker", broker, *place)
        ports = [await _benches(parts, number, names, speed) for number, names in enumerate(_HALVES)]
        file = folder / "room.yaml"
        file.write_text(yaml.safe_dump(room(ports[0] | ports[1]), allow_unicode=True), encoding="utf-8")
        agent = await parts.lophoc(
            "agent",
            *("agent", "--config", str(file), "--data", str(folder / "agent"), "--broker", broker, "--port", "0"),
            environment={"LOPHOC_TEACHER_PIN": _PIN},
        )
        async with httpx.AsyncClient(base_url=agent.ready.split()[0], timeout=60, trust_env=False) as client:
            await client.post("/api/session", json={"pin": _PIN})
            await _until(client, 0.1, lambda told: all(one["reachable"] and one["experiment"] for one in told))
            yield client, psutil.Process(agent.process.pid), ports[0] | ports[1]


async def live(folder: Path, seconds: float, listeners: int, frames_s: float) -> dict[str, Any]:
    """In real time."""
    async with laboratory(folder, 1.0) as (client, agent, _):
        await _tell(client, "running")
        await asyncio.sleep(1.0)
        alone = await _cpu_percent(agent, seconds)
        async with asyncio.TaskGroup() as tasks:
            listening = [tasks.create_task(_listen(str(client.base_url), seconds + 1.5)) for _ in range(listeners)]
            await asyncio.sleep(1.0)
            watched = await _cpu_percent(agent, seconds)
        heard = [one.result() for one in listening]
        smooth = await frames(str(client.base_url.join("/lab")), frames_s) if frames_s else {}
        return smooth | {
            "live_s": seconds,
            "agent_cpu_percent": alone,
            "listeners": listeners,
            "agent_cpu_percent_listened": watched,
            "heard_samples_per_s": round(sum(count for count, _ in heard) / listeners / (seconds + 1.5), 1),
            "heard_gaps": sum(gaps for _, gaps in heard),
            "agent_pss_mib": round(agent.memory_full_info().pss / 2**20, 1),
        }


async def lesson(folder: Path, minutes: float, speed: float) -> dict[str, Any]:
    """Faster than real time."""
    wanted = int(minutes * 60 * _RATE_HZ)
    store = folder / "store.sqlite"
    async with laboratory(folder, speed, store) as (client, agent, ports):
        began_s, began_cpu_s = time.monotonic(), _cpu_s(agent)
        await _tell(client, "running")
        await _hold(client, ports, wanted)
        took_s, cpu_s = time.monotonic() - began_s, _cpu_s(agent) - began_cpu_s
        runs = await _settled(client)
        archive = RunArchive(folder / "agent" / RUNS)
        shown = next(one["id"] for one in runs if one["experiment"] == _REPEATED)
        repeating = asyncio.create_task(asyncio.to_thread(repeat, archive, archive.run(shown)), name="repeat")
        kept = {one["id"]: [row.n for row in archive.rows(archive.run(one["id"]))] for one in runs}
        readings = sum(one["samples"] * len(one["columns"]) for one in runs)
        missing = sum(one["last_n"] + 1 - len(set(kept[one["id"]])) for one in runs)
        doubled = sum(len(numbers) - len(set(numbers)) for numbers in kept.values())
        stored = await _stored(store, readings)
        stored_after_s = time.monotonic() - began_s
        again = await repeating
        return {
            "minutes": minutes,
            "speed": speed,
            "benches": len(runs),
            "samples": sum(map(len, kept.values())),
            "lost": missing,
            "doubled": doubled,
            "readings": readings,
            "stored": stored,
            "stored_lost": readings - stored,
            "stored_after_s": round(stored_after_s, 1),
            "took_s": round(took_s, 1),
            "samples_per_s": round(sum(map(len, kept.values())) / took_s),
            "agent_us_per_sample": round(1e6 * cpu_s / sum(map(len, kept.values())), 1),
            "runs_mib": round(_bytes(folder / "agent") / 2**20, 1),
            "repeated_samples": again.compared,
            "repeated_same": again.same,
        }


async def _benches(parts: Children, number: int, names: tuple[str, ...], speed: float) -> dict[str, int]:
    asked = ("sim", "experiment", *names, "--port", "0", "--rate", str(_RATE_HZ), "--speed", str(speed))
    ready = (await parts.lophoc(f"benches-{number}", *asked)).ready
    addresses = [word for word in ready.split() if ":" in word]
    return {name: int(address.rpartition(":")[2]) for name, address in zip(names, addresses, strict=True)}


async def _tell(client: httpx.AsyncClient, state: str) -> None:
    told = {"target": "experiment", "value": state}
    answers = await asyncio.gather(*(client.post(f"/api/bench/{name}/commands", json=told) for name in NAMES))
    for answer in answers:
        answer.raise_for_status()


async def _told(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = (await client.get("/api/benches")).json()
    return told


async def _until(client: httpx.AsyncClient, every_s: float, holds: Callable[[list[dict[str, Any]]], bool]) -> None:
    while not holds(await _told(client)):  # noqa: ASYNC110 - another process has no event for us
        await asyncio.sleep(every_s)


async def _settled(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The runs, once the last samples are on the disk."""
    before: list[dict[str, Any]] = []
    await asyncio.sleep(1.2)
    while True:
        await asyncio.sleep(0.5)
        now: list[dict[str, Any]] = (await client.get("/api/runs")).json()
        if now == before:
            return now
        before = now


async def _hold(client: httpx.AsyncClient, ports: dict[str, int], wanted: int) -> None:
    """Until every bench has made so many samples: one that the agent cannot follow waits, and none goes on beyond."""
    async with asyncio.TaskGroup() as tasks:
        followed = dict.fromkeys(ports, 0)
        holding = [tasks.create_task(_govern(port, followed, name, wanted)) for name, port in ports.items()]
        while not all(one.done() for one in holding):
            await asyncio.sleep(_LOOK_S)
            for bench in await _told(client):
                followed[bench["id"]] = bench["run"]["last_n"] + 1 if bench["run"] else 0


async def _govern(port: int, followed: dict[str, int], name: str, wanted: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            writer.write(b'{"do":"status"}\n')
            status = json.loads(await reader.readline())["status"]
            ahead = status["next_n"] - followed[name]
            do = ""
            if status["next_n"] >= wanted or (status["state"] == "running" and ahead > _AHEAD):
                do = "pause"
            elif status["state"] == "paused" and ahead < _AHEAD // 4:
                do = "start"
            if do:
                writer.write(b'{"do":"%s"}\n' % do.encode())
                await reader.readline()
            if status["next_n"] >= wanted and followed[name] >= wanted:
                return
            await asyncio.sleep(_LOOK_S)
    finally:
        writer.close()


async def _stored(store: Path, wanted: int) -> int:
    """Readings of the benches in the centre's store, once they are all there or none has come for a while."""
    there, since_s = -1, time.monotonic()
    while there < wanted and time.monotonic() - since_s < _PATIENCE_S:
        now = await asyncio.to_thread(_count, store)
        if now != there:
            there, since_s = now, time.monotonic()
        await asyncio.sleep(0.5)
    return there


def _count(store: Path) -> int:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)) as found:
        asked = "SELECT count(*) FROM point JOIN series ON series = id WHERE measurement = 'experiment'"
        (points,) = found.execute(f"{asked} AND metric NOT IN ({', '.join('?' * len(_STATES))})", _STATES).fetchone()
        return int(points)


async def _listen(url: str, seconds: float) -> tuple[int, int]:
    """Samples heard, and gaps between them."""
    last: dict[str, int] = {}
    count = gaps = 0
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        try:
            async with asyncio.timeout(seconds), client.stream("GET", "/api/benches/stream") as stream:
                async for line in stream.aiter_lines():
                    if line.startswith('data: {"bench"'):
                        told = json.loads(line[6:])
                        numbers = told["n"]
                        if told["bench"] in last:
                            count += len(numbers)
                            gaps += numbers[0] - last[told["bench"]] - 1
                        last[told["bench"]] = numbers[-1]
        except TimeoutError:
            pass
    return count, gaps


async def _cpu_percent(process: psutil.Process, seconds: float) -> float:
    before, since = _cpu_s(process), time.monotonic()
    await asyncio.sleep(seconds)
    return round(100 * (_cpu_s(process) - before) / (time.monotonic() - since), 1)


def _bytes(data: Path) -> int:
    """What the runs take, with what SQLite has not yet put in its place."""
    return sum(file.stat().st_size for file in data.glob(f"{RUNS}*"))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0, help="how long the lesson is, by its own clock: 45")
    parser.add_argument("--speed", type=float, default=120.0, help="how many times as fast as real, at most")
    parser.add_argument("--live", type=float, default=3.0, help="how long to watch it in real time, seconds")
    parser.add_argument("--listeners", type=int, default=4, help="screens that watch all benches meanwhile")
    parser.add_argument(
        "--frames", type=float, nargs="?", const=10.0, default=0.0, help="seconds of Chromium at the lab's screen"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        told = asyncio.run(live(Path(made) / "live", asked.live, asked.listeners, asked.frames)) if asked.live else {}
        said = asyncio.run(lesson(Path(made) / "lesson", asked.minutes, asked.speed)) if asked.minutes else {}
        print(json.dumps({**said, **told}))


if __name__ == "__main__":
    main()
