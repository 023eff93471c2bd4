"""The lab over HTTP: benches driven and watched, runs read and exported, leases taken and obeyed."""

import asyncio
import csv
import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from edge_agent.lab import Lab
from edge_agent.route import LEASE_HEADER
from simulators.experiments import find
from simulators.lab.served_bench import ServedBench
from tests.edge_agent.lab_room import PATIENCE_S, room_of, served_benches
from tests.edge_agent.served_room import TEACHER, TECHNICIAN, Served, served
from tests.edge_agent.test_api_routes import Described

RUNNING = {"target": "experiment", "value": "running"}


@asynccontextmanager
async def laboratory(data: Path) -> AsyncIterator[tuple[Served, dict[str, ServedBench]]]:
    """A pendulum and a titration at a hundred times real time."""
    pendulum, titration = ServedBench(find("pendulum"), speed=100), ServedBench(find("titration"), speed=100)
    async with (
        served_benches(pendulum=pendulum, titration=titration) as benches,
        served(data, real=room_of(benches)) as there,
    ):
        yield there, benches


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[tuple[Served, dict[str, ServedBench]]]:
    async with laboratory(tmp_path) as there:
        yield there


def of(there: Served) -> Lab:
    assert there.parts.lab is not None
    return there.parts.lab


async def told(client: httpx.AsyncClient, path: str) -> AsyncIterator[tuple[str, Any]]:
    """Events, as they come."""
    async with asyncio.timeout(PATIENCE_S), client.stream("GET", path) as stream:
        assert stream.status_code == 200
        name = ""
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


async def samples(client: httpx.AsyncClient, path: str, bench: str, count: int) -> list[dict[str, Any]]:
    """Messages of a bench, until they have so many samples."""
    came: list[dict[str, Any]] = []
    async for name, content in told(client, path):
        if name == "samples" and content["bench"] == bench:
            came.append(content)
            if sum(len(one["n"]) for one in came) >= count:
                return came
    raise AssertionError("the stream ended")


async def test_a_bench_tells_what_it_is_and_is_driven_as_described(lab: tuple[Served, dict[str, ServedBench]]) -> None:
    there, benches = lab
    async with there.client(TEACHER) as client:
        asking = Described(client, (await client.get("/openapi.json")).json())
        said = (await asking.ask("GET", "/api/benches")).json()
        assert [one["id"] for one in said] == ["pendulum", "titration"]
        one = (await asking.ask("GET", "/api/bench/pendulum", "/api/bench/{bench}")).json()
        assert (one["simulated"], one["state"], one["run"], one["lease"]) == (True, "idle", None, None)
        length = next(each for each in one["experiment"]["parameters"] if each["name"] == "length_m")
        assert (length["target"], length["unit"], length["low"], length["high"], length["value"]) == (
            "experiment.length_m", "m", 0.1, 10.0, 1.0,
        )  # fmt: skip
        tell = "/api/bench/{bench}/commands"
        length = {"target": "experiment.length_m", "value": 0.25}
        assert (await asking.ask("POST", "/api/bench/pendulum/commands", tell, json=length)).status_code == 200
        begun = await asking.ask("POST", "/api/bench/pendulum/commands", tell, json=RUNNING)
        assert begun.status_code == 200
        assert benches["pendulum"].bench.state == "running"
        assert benches["pendulum"].bench.run.settings["length_m"] == 0.25
        bad = {"target": "experiment.length_m", "value": 30}
        assert (await asking.ask("POST", "/api/bench/pendulum/commands", tell, json=bad)).status_code == 422
        wrong = {"target": "experiment", "value": "jumping"}
        assert (await asking.ask("POST", "/api/bench/pendulum/commands", tell, json=wrong)).status_code == 422
        paused = {"target": "experiment", "value": "paused"}
        assert (await asking.ask("POST", "/api/bench/titration/commands", tell, json=paused)).status_code == 409
        assert (await asking.ask("POST", "/api/bench/none/commands", tell, json=paused)).status_code == 404
        assert (await asking.ask("GET", "/api/bench/none", "/api/bench/{bench}")).json()["error"] == "unknown-bench"


async def test_the_room_marks_what_is_simulated(lab: tuple[Served, dict[str, ServedBench]]) -> None:
    there, _ = lab
    async with there.client(TEACHER) as client:
        await client.post("/api/devices/pendulum/commands", json=RUNNING)
        room = (await client.get("/api/room")).json()
        device = next(one for one in room["devices"] if one["id"] == "pendulum")
        assert (room["simulated"], device["simulated"]) == (True, True)
        assert all(value["simulated"] for value in device["values"].values())


@pytest.mark.parametrize("path", ["/api/benches/stream", "/api/bench/pendulum/stream"])
async def test_samples_are_streamed_without_a_gap(lab: tuple[Served, dict[str, ServedBench]], path: str) -> None:
    there, _ = lab
    async with there.client(TEACHER) as client, there.client() as viewer:
        await client.post("/api/bench/pendulum/commands", json=RUNNING)
        came = await samples(viewer, path, "pendulum", 500)
        numbers = [n for one in came for n in one["n"]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert set(came[0]["values"]) == {"angle_deg", "velocity_deg_s", "tension_n"}
        assert all(len(one["values"]["angle_deg"]) == len(one["t_s"]) == len(one["n"]) for one in came)
        tail = await samples(viewer, path, "pendulum", 1)
        assert 1 <= len(tail[0]["n"]) <= 600
        assert tail[0]["run"] == (await viewer.get("/api/bench/pendulum")).json()["run"]["id"]


async def test_a_stream_of_one_bench_has_no_other(lab: tuple[Served, dict[str, ServedBench]]) -> None:
    there, _ = lab
    async with there.client(TEACHER) as client:
        for bench in ("pendulum", "titration"):
            await client.post(f"/api/bench/{bench}/commands", json=RUNNING)
        seen = set()
        async for name, content in told(client, "/api/bench/titration/stream"):
            if name == "samples":
                seen.add(content["bench"])
                if content["n"][-1] > 200:
                    break
        assert seen == {"titration"}


async def test_so_many_streams_and_no_more_and_what_ends_makes_room(
    lab: tuple[Served, dict[str, ServedBench]],
) -> None:
    there, _ = lab
    of(there).stream._most_of_one = 1
    async with there.client() as viewer:
        async with viewer.stream("GET", "/api/benches/stream") as first:
            assert first.status_code == 200
            came = first.aiter_raw()
            assert await anext(came)
            full = await viewer.get("/api/bench/pendulum/stream")
            assert (full.status_code, full.json()["error"]) == (503, "too-many-listeners")
            await came.aclose()  # type: ignore[attr-defined]
        assert await opened_again(viewer)


async def opened_again(viewer: httpx.AsyncClient) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with viewer.stream("GET", "/api/benches/stream") as again:
                if again.status_code == 200:
                    return True


async def test_a_run_is_listed_charted_annotated_and_exported(
    lab: tuple[Served, dict[str, ServedBench]], tmp_path: Path
) -> None:
    there, benches = lab
    async with there.client(TEACHER) as client:
        asking = Described(client, (await client.get("/openapi.json")).json())
        await client.post("/api/bench/pendulum/commands", json=RUNNING)
        await samples(client, "/api/bench/pendulum/stream", "pendulum", 300)
        await client.post("/api/bench/pendulum/commands", json={"target": "experiment", "value": "paused"})
        made = benches["pendulum"].bench.run.next_n
        await there.live.until(lambda: of(there).runs.state("pendulum") == "paused", PATIENCE_S)
        note = {"n": 12, "text": "qua vị trí cân bằng"}
        run = (await client.get("/api/bench/pendulum")).json()["run"]["id"]
        wrote = await asking.ask("POST", f"/api/runs/{run}/notes", "/api/runs/{run}/notes", json=note)
        assert wrote.status_code == 201
        listed = (await asking.ask("GET", "/api/runs", params={"bench": "pendulum"})).json()
        assert [(one["id"], one["samples"], one["simulated"]) for one in listed] == [(run, made, True)]
        whole = (await asking.ask("GET", f"/api/runs/{run}", "/api/runs/{run}")).json()
        assert whole["notes"][0]["text"] == note["text"]
        assert whole["parameters"]["length_m"] == 1
        assert {"numpy", "scipy"} < set(whole["software"])
        chart = await asking.ask("GET", f"/api/runs/{run}/samples", "/api/runs/{run}/samples", params={"most": 50})
        assert len(chart.json()["n"]) <= 50
        assert chart.json()["step"] > 1
        part = {"from_n": 5, "to_n": 7}
        chart = await asking.ask("GET", f"/api/runs/{run}/samples", "/api/runs/{run}/samples", params=part)
        assert chart.json()["n"] == [5, 6, 7]
        as_csv = await client.get(f"/api/runs/{run}/export", params={"format": "csv"})
        assert as_csv.headers["content-disposition"] == f'attachment; filename="pendulum-{run}.csv"'
        rows = [line for line in csv.reader(io.StringIO(as_csv.content.decode("utf-8-sig"))) if line[0].isdecimal()]
        assert [int(row[0]) for row in rows] == list(range(made))
        as_parquet = await client.get(f"/api/runs/{run}/export", params={"format": "parquet"})
        assert pq.read_table(io.BytesIO(as_parquet.content)).num_rows == made
        assert not [name for name in os.listdir(tmp_path) if name.startswith("export-")], "nothing is left of it"  # noqa: PTH208
        for method, path in (("GET", ""), ("GET", "/samples"), ("GET", "/export"), ("POST", "/notes")):
            route = f"/api/runs/{{run}}{path}"
            more: dict[str, Any] = {"json": note} if method == "POST" else {}
            more |= {"params": {"format": "csv"}} if path == "/export" else {}
            answer = await asking.ask(method, f"/api/runs/none{path}", route, **more)
            assert (answer.status_code, answer.json()["error"]) == (404, "unknown-run")


async def test_a_lease_keeps_others_out_until_it_is_let_go(lab: tuple[Served, dict[str, ServedBench]]) -> None:
    there, benches = lab
    async with there.client(TEACHER) as one, there.client(TEACHER) as two, there.client(TECHNICIAN) as technician:
        asking = Described(one, (await one.get("/openapi.json")).json())
        wanted = {"target": "pendulum", "holder": "tablet-1", "for_s": 600}
        taken = await asking.ask("POST", "/api/leases", json=wanted)
        assert taken.status_code == 201
        lease, mine = taken.json()["id"], {LEASE_HEADER: taken.json()["key"]}
        other = await two.post("/api/leases", json={"target": "pendulum", "holder": "tablet-2"})
        assert (other.status_code, other.json()["error"]) == (409, "leased")
        for path in ("/api/bench/pendulum/commands", "/api/devices/pendulum/commands"):
            refused = await two.post(path, json=RUNNING)
            assert (refused.status_code, refused.json()["error"]) == (409, "leased")
        assert benches["pendulum"].bench.state == "idle"
        assert (await one.post("/api/bench/pendulum/commands", json=RUNNING, headers=mine)).status_code == 200
        assert (await two.post("/api/bench/titration/commands", json=RUNNING)).status_code == 200
        listed = (await asking.ask("GET", "/api/leases")).json()
        assert [(held["target"], held["holder"]) for held in listed] == [("pendulum", "tablet-1")]
        assert "key" not in listed[0]
        shown = (await two.get("/api/bench/pendulum")).json()["lease"]
        assert (shown["id"], shown["rank"]) == (lease, "teacher")
        renew = "/api/leases/{lease}/renew"
        longer = await asking.ask("POST", f"/api/leases/{lease}/renew", renew, json={"for_s": 900}, headers=mine)
        assert 890 < longer.json()["expires_s"] <= 900
        assert (await asking.ask("POST", f"/api/leases/{lease}/renew", renew, json={})).json()["error"] == "no-lease"
        repair = {"target": "pendulum", "holder": "workshop", "reason": "repair"}
        over = await technician.post("/api/leases/take-over", json=repair)
        assert over.status_code == 201
        lost = await one.post("/api/bench/pendulum/commands", json=RUNNING, headers=mine)
        assert lost.json()["error"] == "leased"
        safety = {"target": "pendulum", "holder": "tablet-1", "reason": "safety"}
        refused = await asking.ask("POST", "/api/leases/take-over", json=safety)
        assert (refused.status_code, refused.json()["error"]) == (403, "not-allowed")
        workshop = {LEASE_HEADER: over.json()["key"]}
        theirs = over.json()["id"]
        route = "/api/leases/{lease}"
        assert (await asking.ask("DELETE", f"/api/leases/{theirs}", route)).status_code == 404
        assert (await asking.ask("DELETE", f"/api/leases/{theirs}", route, headers=workshop)).status_code == 200
        assert (await one.post("/api/bench/pendulum/commands", json=RUNNING)).status_code == 200
        assert (await asking.ask("POST", "/api/leases", json={**wanted, "target": "none"})).status_code == 404
        assert (await asking.ask("POST", "/api/leases", json={**wanted, "holder": "Cô Lan"})).status_code == 422


async def test_whoever_has_the_key_renews_without_a_pin(lab: tuple[Served, dict[str, ServedBench]]) -> None:
    there, _ = lab
    async with there.client(TEACHER) as teacher, there.client() as tablet:
        taken = (await teacher.post("/api/leases", json={"target": "pendulum", "holder": "tablet-1"})).json()
        mine = {LEASE_HEADER: taken["key"]}
        assert (await tablet.post(f"/api/leases/{taken['id']}/renew", json={}, headers=mine)).status_code == 200
        assert (await tablet.request("DELETE", f"/api/leases/{taken['id']}", headers=mine)).status_code == 200


async def test_an_open_stream_with_the_key_says_that_its_device_lives(
    lab: tuple[Served, dict[str, ServedBench]],
) -> None:
    there, _ = lab
    leases = of(there).leases
    async with there.client(TEACHER) as teacher:
        taken = (await teacher.post("/api/leases", json={"target": "pendulum", "holder": "tablet-1"})).json()
        (before,) = leases.every()
        mine = {LEASE_HEADER: taken["key"]}
        async with asyncio.timeout(PATIENCE_S), teacher.stream("GET", "/api/benches/stream", headers=mine) as stream:
            async for _ in stream.aiter_lines():
                (now,) = leases.every()
                if now.heard_s > before.heard_s:
                    break


async def test_benches_and_leases_are_told_as_events(lab: tuple[Served, dict[str, ServedBench]]) -> None:
    there, _ = lab
    async with there.client(TEACHER) as client, there.client() as viewer:
        names: list[str] = []
        async for name, content in told(viewer, "/api/events"):
            names.append(name)
            if name == "leases" and not content:
                await client.post("/api/leases", json={"target": "pendulum", "holder": "tablet-1"})
            if name == "leases" and content:
                assert content[0]["target"] == "pendulum"
                await client.post("/api/bench/titration/commands", json=RUNNING)
            if name == "bench" and content["id"] == "titration" and content["run"]:
                assert content["run"]["experiment"] == "titration"
                break
        assert names[:2] == ["room", "leases"]
