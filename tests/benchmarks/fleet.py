"""What a fleet costs: 12 Firmata and 12 MicroPython kits at once; three are unplugged while they are given a program.

    python -m tests.benchmarks.fleet [--kits N] [--seconds S]

The boards are simulated in a process of their own, each on a pty. All are given a program of 10 KB and run it; three
are pulled out in the middle and put back. Then all are stopped, and the drivers are held open for a while, as an agent
holds them. Prints one JSON object: `deploy_s` and `cpu_percent` (of one core, this process alone, while deploying),
`idle_cpu_percent` (24 open drivers), `retries`, `states` (how many kits ended how), `true` (whether what the report
says of each kit is what the kit shows).
"""

import argparse
import asyncio
import contextlib
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import yaml

from classroom_profiles.room import Room
from firmware_bridge.driver import Driver
from firmware_bridge.fleet.deploy import deploy, stop
from firmware_bridge.fleet.each import Patience
from firmware_bridge.fleet.kits import Kit, kits_of
from firmware_bridge.fleet.outcome import Progress, Report
from tests.firmware_bridge.fleet.lab import Lab, bundle, lab


async def be_boards(directory: Path, kits: int) -> None:
    """In the other process: `unplug KIT`, `replug KIT` and `state`, a line of JSON for each."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with lab(directory, micropython=kits, firmata=kits) as there:
        _ = there.room_file
        print("ready", flush=True)
        async for line in reader:
            word, _, kit = line.decode().strip().partition(" ")
            if word == "unplug":
                there.boards[kit].unplug()
            elif word == "replug":
                there.boards[kit].replug()
            print(json.dumps(_states(there) if word == "state" else word), flush=True)


def _states(there: Lab) -> dict[str, dict[str, str]]:
    """What each board shows."""
    found = {}
    for kit in there.boards:
        if kit.startswith("fi-"):
            found[kit] = {"program": "", "running": "ready" if there.firmata(kit).pins[13].value else ""}
            continue
        board, program = there.micropython(kit), bundle()
        kept = {name: content for name, content in board.files.items() if name != "lophoc.json"}
        whole = kept == dict(program.files) and b'"version":"1.0"' in board.files["lophoc.json"]
        found[kit] = {
            "program": "line-follower 1.0" if whole else "",
            "running": "line-follower" if board.running else "",
        }
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
async def boards(directory: Path, kits: int) -> AsyncIterator[Boards]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.fleet", "--boards", str(directory), "--kits", str(kits)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert (await process.stdout.readline()).strip() == b"ready"
        yield Boards(process)
    finally:
        process.kill()
        await process.wait()


async def measure(directory: Path, kits: int, seconds: float) -> dict[str, Any]:
    async with boards(directory, kits) as there:
        room = Room.model_validate(yaml.safe_load((directory / "room.yaml").read_text(encoding="utf-8")))
        every = kits_of(room)
        report, deploy_s, cpu_percent = await _deploy(every, there)
        shown = await there.ask("state")
        stopped = await stop(every)
        idle_cpu_percent = await _held(every, seconds)
        return {
            "boards": len(every),
            "deploy_s": round(deploy_s, 2),
            "cpu_percent": round(cpu_percent, 1),
            "idle_cpu_percent": round(idle_cpu_percent, 2),
            "retries": report.retries,
            "states": dict(Counter(str(one.state) for one in report.outcomes)),
            "stopped": sum(1 for one in stopped.outcomes if one.state == "done"),
            "true": all(
                (one.program, one.running) == (shown[one.kit]["program"], shown[one.kit]["running"])
                for one in report.outcomes
            ),
        }


async def _deploy(kits: tuple[Kit, ...], there: Boards) -> tuple[Report, float, float]:
    """The report, how long it took, and percent of a core. One kit in eight is unplugged in the middle."""
    unplugged = {"mp-02": "sending", "mp-07": "sending", "fi-05": "starting"}
    pulled = {kit: asyncio.Event() for kit in unplugged}
    waiting = {kit: asyncio.Event() for kit in unplugged}

    def told(progress: Progress) -> None:
        if progress.phase == unplugged.get(progress.kit):
            pulled[progress.kit].set()
        elif progress.phase == "waiting" and progress.kit in waiting:
            waiting[progress.kit].set()

    async def pull(kit: str) -> None:
        await pulled[kit].wait()
        await there.ask(f"unplug {kit}")
        await waiting[kit].wait()
        await there.ask(f"replug {kit}")

    before, since = _cpu_s(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        pulling = [group.create_task(pull(kit.id)) for kit in kits if kit.id in unplugged]
        report = await deploy(kits, bundle(), run=True, told=told, patience=Patience(attempts=4, back_s=20.0))
        deploy_s = time.monotonic() - since
        cpu_percent = 100 * (_cpu_s() - before) / deploy_s
        for task in pulling:
            task.cancel()  # one that was done before it was pulled
    return report, deploy_s, cpu_percent


async def _held(kits: tuple[Kit, ...], seconds: float) -> float:
    """Percent of a core while all drivers are open and read, as an agent has them."""

    async def read(driver: Driver) -> None:
        async for _ in driver.changes():
            pass

    async with contextlib.AsyncExitStack() as stack:
        drivers = [await stack.enter_async_context(kit.opened()) for kit in kits]
        readers = [asyncio.create_task(read(driver)) for driver in drivers]
        await asyncio.sleep(1.0)
        before, since = _cpu_s(), time.monotonic()
        await asyncio.sleep(seconds)
        used = 100 * (_cpu_s() - before) / (time.monotonic() - since)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return used


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kits", type=int, default=12, help="so many of each kind")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the idle drivers are watched")
    parser.add_argument("--boards", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.boards is not None:
        asyncio.run(be_boards(arguments.boards, arguments.kits))
        return
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        print(json.dumps(asyncio.run(measure(Path(made), arguments.kits, arguments.seconds))))


if __name__ == "__main__":
    main()
