"""What a fleet costs its agent, and whether its screen is true: 12 Firmata and 12 MicroPython kits at once.

    python -m tests.benchmarks.fleet [--kits N] [--kib N] [--seconds S]

The agent is a process of its own, as in a school; the boards, each on a pty, are another. Over HTTP all kits are given
a program and run it; three are pulled out in the middle and put back; all are stopped; a second version is given, and
the agent is killed (-9) in the middle of that and started again. Each time what `GET /api/robots` says of each kit is
held against what the board itself holds and does. Prints one JSON object: `deploy_s`; `cpu_percent` of the agent while
deploying and `cpu_s` in all; `idle_cpu_percent` with 24 open kits and a screen; `stop_s` from the tap until every kit
has confirmed; `states`, `retries`; `pulled`: in which phase each was; `true`, `true_stopped`, `true_after_kill`: of how
many kits the screen said the truth; `pss_mib`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import yaml

from firmware_bridge.fleet.library import load_library
from tests.edge_agent.agent_process import Agent, running
from tests.firmware_bridge.fleet.lab import Lab, lab
from tests.servers import Mosquitto

Json = dict[str, Any]
PULLED = ("mp-02", "mp-07", "mp-11")
_PATIENCE_S = 40.0
_TICKS = os.sysconf("SC_CLK_TCK")


# --- the boards' process ---


async def be_boards(directory: Path, kits: int, kib: int) -> None:
    """`unplug KIT`, `replug KIT`, `release VERSION` and `state`, a line of JSON for each."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    more = {"track.py": b"# a straight line, and then a bend\n" * (kib * 1024 // 35)}
    async with lab(directory, micropython=kits, firmata=kits) as there:
        for number, kit in enumerate(there.boards):
            there.groups[kit] = f"table-{number % 4 + 1}"
        _ = there.room_file, there.library("1.0", more=more)
        print("ready", flush=True)
        async for line in reader:
            word, _, what = line.decode().strip().partition(" ")
            if word == "unplug":
                there.boards[what].unplug()
            elif word == "replug":
                there.boards[what].replug()
            elif word == "release":
                there.library(what, more=more)
            print(json.dumps(_states(there, more) if word == "state" else word), flush=True)


def _states(there: Lab, more: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """What each board holds and does."""
    wanted = load_library(there.directory / "library").bundle("line-follower").files
    found: dict[str, dict[str, Any]] = {}
    for kit in there.boards:
        if kit.startswith("fi-"):
            found[kit] = {"holds": [], "runs": there.firmata(kit).pins[13].value == 1}
            continue
        board = there.micropython(kit)
        whole = all(board.files.get(name) == content for name, content in wanted.items())
        record = json.loads(board.files.get("lophoc.json", b'{"programs":{}}'))["programs"]
        holds = [f"{name} {one['version']}" for name, one in record.items()] if whole else []
        found[kit] = {"holds": holds, "runs": board.running}
    return found


class Boards:
    """The other process, as this one speaks to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def ask(self, words: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn, asyncio.timeout(20):
            self._process.stdin.write(f"{words}\n".encode())
            return json.loads(await self._process.stdout.readline())


@contextlib.asynccontextmanager
async def boards(directory: Path, kits: int, kib: int) -> AsyncIterator[Boards]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.fleet", "--boards", str(directory)),
        *("--kits", str(kits), "--kib", str(kib)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert (await process.stdout.readline()).strip() == b"ready"
        yield Boards(process)
    finally:
        process.kill()
        await process.wait()


# --- the screen ---


class Screen:
    """What a page that is open all the time knows: the fleet, kept up by the agent's events."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.fleet: Json = {"kits": [], "job": None}
        self.listening: list[Callable[[Json], None]] = []
        self._news = asyncio.Event()

    @property
    def kits(self) -> dict[str, Json]:
        return {kit["id"]: kit for kit in self.fleet["kits"]}

    async def look(self) -> None:
        async with self._client.stream("GET", "/api/events", timeout=None) as stream:
            name = ""
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: ") and name in ("kit", "robots"):
                    self._hear(name, json.loads(line.removeprefix("data: ")))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def _hear(self, name: str, content: Json) -> None:
        if name == "robots":
            self.fleet = content
        else:
            kits = [content if kit["id"] == content["id"] else kit for kit in self.fleet["kits"]]
            self.fleet = self.fleet | {"kits": kits}
        for kit in [content] if name == "kit" else content["kits"]:
            for listener in self.listening:
                listener(kit)
        self._news.set()


@contextlib.asynccontextmanager
async def screen(client: httpx.AsyncClient) -> AsyncIterator[Screen]:
    shown = Screen(client)
    looking = asyncio.create_task(shown.look())
    try:
        await shown.until(
            lambda: all(kit["health"]["state"] == "online" for kit in shown.fleet["kits"]) and shown.kits != {}
        )
        yield shown
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def wish(client: httpx.AsyncClient, shown: Screen, name: str, **content: Any) -> tuple[Json, float]:
    """The fleet as `GET /api/robots` says it once the job is over, and how long that took."""
    began = time.monotonic()
    answer = await client.post(f"/api/robots/{name}", json=content)
    assert answer.status_code == 202, answer.text
    job = answer.json()["id"]
    await shown.until(lambda: (now := shown.fleet["job"]) is not None and now["id"] == job and now["ended"] is not None)
    took_s = time.monotonic() - began
    return dict((await client.get("/api/robots")).json()), took_s


def truths(fleet: Json, really: dict[str, dict[str, Any]]) -> int:
    """Of how many kits it says what is."""
    true = 0
    for kit in fleet["kits"]:
        holds = [f"{one['name']} {one['version']}" for one in kit["holds"] if one["whole"]]
        runs = kit["robot"] == "ready" if kit["id"].startswith("fi-") else kit["program"] not in ("", "none")
        true += {"holds": holds, "runs": runs} == really[kit["id"]]
    return true


# --- the measurement ---


async def measure(directory: Path, kits: int, kib: int, seconds: float) -> Json:
    with Mosquitto(directory) as broker:
        async with boards(directory, kits, kib) as there:
            room = yaml.safe_load((directory / "room.yaml").read_text(encoding="utf-8"))
            (directory / "data").mkdir()
            (directory / "data" / "library").symlink_to(directory / "library")
            agent = Agent(directory, broker.url, room)
            async with running(agent):
                said = await _lesson(agent, there, seconds)
            return {"boards": 2 * kits, "program_kib": kib, **said}


async def _lesson(agent: Agent, there: Boards, seconds: float) -> Json:
    assert agent.process is not None
    pid = agent.process.pid
    async with agent.client() as client, screen(client) as shown:
        await asyncio.sleep(1.0)
        idle = await _cpu_percent(pid, asyncio.sleep(seconds))
        before, since = _cpu_s(pid), time.monotonic()
        pulled: dict[str, str] = {}
        async with _pulling(there, shown, pulled):
            fleet, deploy_s = await wish(client, shown, "deploy", program="line-follower", run=True)
        cpu_s, wall_s = _cpu_s(pid) - before, time.monotonic() - since
        true = truths(fleet, await there.ask("state"))
        stopped, stop_s = await wish(client, shown, "stop")
        true_stopped = truths(stopped, await there.ask("state"))
        pss_mib = _pss_mib(pid)
        await there.ask("release 2.0")
        await client.post("/api/robots/deploy", json={"program": "line-follower"})
        await shown.until(lambda: any((kit["work"]["percent"] or 0) > 50 for kit in shown.kits.values()))
    await agent.stop()
    await agent.start()
    async with agent.client() as client, screen(client) as shown:
        await shown.until(lambda: all(_is_known(kit) for kit in shown.kits.values()))
        after = (await client.get("/api/robots")).json()
        true_after = truths(after, await there.ask("state"))
        after_states = Counter(kit["work"]["state"] for kit in after["kits"])
        fleet_again, _ = await wish(client, shown, "retry") if after_states["interrupted"] else (after, 0.0)
    return {
        "deploy_s": round(deploy_s, 2),
        "cpu_percent": round(100 * cpu_s / wall_s, 1),
        "cpu_s": round(cpu_s, 2),
        "idle_cpu_percent": round(idle, 2),
        "stop_s": round(stop_s, 2),
        "states": dict(Counter(kit["work"]["state"] for kit in fleet["kits"])),
        "retries": sum(kit["work"]["attempts"] - 1 for kit in fleet["kits"]),
        "pulled": pulled,
        "true": true,
        "true_stopped": true_stopped,
        "after_kill": dict(after_states),
        "true_after_kill": true_after,
        "true_after_retry": truths(fleet_again, await there.ask("state")),
        "pss_mib": pss_mib,
    }


def _is_known(kit: Json) -> bool:
    return bool(kit["health"]["state"] == "online" and all(one["whole"] is not None for one in kit["holds"]))


@contextlib.asynccontextmanager
async def _pulling(there: Boards, shown: Screen, pulled: dict[str, str]) -> AsyncIterator[None]:
    """Pull each out when the screen first shows it being given the program; put it back once it was missed."""
    tasks: dict[str, asyncio.Task[None]] = {}

    async def pull(kit: str) -> None:
        await there.ask(f"unplug {kit}")
        await shown.until(lambda: shown.kits[kit]["health"]["state"] != "online")
        await there.ask(f"replug {kit}")

    def listen(kit: Json) -> None:
        name, work = kit["id"], kit["work"]
        if work is None or work["phase"] not in ("sending", "starting") or name not in PULLED or name in tasks:
            return
        pulled[name] = f"{work['phase']} {work['percent'] or 0}"
        tasks[name] = asyncio.create_task(pull(name))

    shown.listening.append(listen)
    try:
        yield
    finally:
        shown.listening.remove(listen)
        await asyncio.gather(*tasks.values())


async def _cpu_percent(pid: int, during: Any) -> float:
    before, since = _cpu_s(pid), time.monotonic()
    await during
    return 100 * (_cpu_s(pid) - before) / (time.monotonic() - since)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _pss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kits", type=int, default=12, help="so many of each kind")
    parser.add_argument("--kib", type=int, default=40, help="the program's size")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long the idle agent is watched")
    parser.add_argument("--boards", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.boards is not None:
        asyncio.run(be_boards(arguments.boards, arguments.kits, arguments.kib))
        return
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        print(json.dumps(asyncio.run(measure(Path(made), arguments.kits, arguments.kib, arguments.seconds))))


if __name__ == "__main__":
    main()
