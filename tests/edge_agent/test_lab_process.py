"""The agent with a bench, as a process that is killed in the middle: runs go on, leases hold, nothing is lost."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_agent.lab import RUNS
from edge_agent.route import LEASE_HEADER
from edge_agent.run_file import RunArchive
from edge_agent.run_repeat import repeat
from simulators.experiments import find
from simulators.lab.served_bench import ServedBench
from tests.edge_agent.agent_process import READY_S, Agent, running
from tests.edge_agent.lab_room import room_of
from tests.servers import Mosquitto

pytestmark = pytest.mark.timeout(90)


async def bench_when(client: httpx.AsyncClient, holds: Any) -> dict[str, Any]:
    """The bench as the API tells it, once `holds` of it; asked again with each message of its stream."""
    async with asyncio.timeout(READY_S), client.stream("GET", "/api/bench/pendulum/stream") as stream:
        async for _ in stream.aiter_lines():
            bench: dict[str, Any] = (await client.get("/api/bench/pendulum")).json()
            if holds(bench):
                return bench
    raise AssertionError("the stream ended")


async def test_killed_in_the_middle_of_a_run_it_goes_on_with_it_and_the_lease_holds(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async with ServedBench(find("pendulum"), speed=20, seed=3) as served:
        room = room_of({"pendulum": served}).model_dump(mode="json", exclude_none=True)
        agent = Agent(tmp_path, mosquitto.url, room)
        async with running(agent):
            async with agent.client() as client:
                await agent.health_when("pendulum", "online")
                wanted = {"target": "pendulum", "holder": "tablet-1", "for_s": 600, "silence_s": 300}
                lease = (await client.post("/api/leases", json=wanted)).json()
                mine = {LEASE_HEADER: lease["key"]}
                tell = {"target": "experiment", "value": "running"}
                assert (await client.post("/api/bench/pendulum/commands", json=tell)).status_code == 409
                begun = await client.post("/api/bench/pendulum/commands", json=tell, headers=mine)
                assert begun.status_code == 200
                before = (await bench_when(client, lambda one: one["run"] and one["run"]["samples"] > 800))["run"]
            assert await agent.stop(signal.SIGKILL) == -signal.SIGKILL
            killed_n = served.bench.run.next_n
            await served.bench.changes.until(lambda: served.bench.run.next_n > killed_n + 200)
            await agent.start()
            async with agent.client() as client:
                after = (await bench_when(client, lambda one: one["run"] and one["run"]["last_n"] > killed_n))["run"]
                assert after["id"] == before["id"]
                pause = {"target": "experiment", "value": "paused"}
                held = await client.post("/api/bench/pendulum/commands", json=pause)
                assert (held.status_code, held.json()["error"]) == (409, "leased")
                await client.post("/api/bench/pendulum/commands", json=pause, headers=mine)
                made = served.bench.run.next_n
            assert await agent.stop(signal.SIGTERM) == 0
        archive = RunArchive(agent.data / RUNS)
        run = archive.run(before["id"])
        assert [row.n for row in archive.rows(run)] == list(range(made))
        assert (run.lost, run.exact, run.samples) == (0, True, made)
        assert (await asyncio.to_thread(repeat, archive, run)).same
