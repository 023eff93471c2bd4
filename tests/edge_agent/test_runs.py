"""Recorded runs: complete, exact, taken up after whatever breaks, and the same bits when they are repeated."""

import asyncio
import dataclasses
import math
from pathlib import Path

import msgspec
import pytest

from classroom_profiles.telemetry import Measurement
from edge_agent import lab as lab_module
from edge_agent.live_room import LiveRoom
from edge_agent.run import Ending
from edge_agent.run_repeat import CannotRepeat, repeat
from firmware_bridge.driver import Wires
from firmware_bridge.errors import NotNow, Refused
from simulators.experiments import find
from simulators.lab.run import Run as Simulated
from simulators.lab.served_bench import ServedBench
from tests.edge_agent.fake_driver import FakeRoom, task
from tests.edge_agent.lab_room import QUICK, LabRoom, lab_room, numbers, recorded, room_of, served_benches

PENDULUM, RC, DECAY = find("pendulum"), find("rc-circuit"), find("radioactive-decay")


def pendulum(**options: object) -> ServedBench:
    return ServedBench(PENDULUM, speed=100, **options)  # type: ignore[arg-type]


async def goes_on(served: ServedBench, samples: int) -> None:
    """Until it has made so many more."""
    until_n = served.bench.run.next_n + samples
    await served.bench.changes.until(lambda: served.bench.run.next_n > until_n)


async def test_a_run_is_recorded_with_all_that_repeats_it(tmp_path: Path) -> None:
    ninety = pendulum(seed=5, settings={"release_angle_deg": 90})
    async with served_benches(p=ninety) as served, lab_room(tmp_path, room_of(served)) as there:
        await there.tell("p", "experiment", "running")
        await recorded(there, "p", 50)
        await there.tell("p", "experiment.length_m", 0.5)
        await recorded(there, "p", 120)
        await there.tell("p", "experiment", "paused")
        made = served["p"].bench.run.next_n
        await recorded(there, "p", made)
        run = there.run("p")
        rows = await there.kept(run)
        assert numbers(rows) == list(range(made))
        assert (run.about.experiment, run.about.seed, run.about.rate_hz) == ("pendulum", 5, 20.0)
        assert (run.about.parameters["release_angle_deg"], run.about.parameters["length_m"]) == (90, 1)
        assert {"numpy", "scipy", "lophoc", "python", "machine"} == set(run.about.software)
        assert (run.about.simulated, run.exact, run.lost, run.repeatable) == (True, True, 0, True)
        assert (run.columns[0].name, run.columns[0].unit) == ("angle_deg", "°")
        (turned,) = there.lab.store.archive.turned(run.id)
        assert (turned.name, turned.value) == ("length_m", 0.5)
        again = Simulated(PENDULUM.experiment, {"release_angle_deg": 90}, seed=5)
        for row in rows:
            if row.n == turned.n:
                again.set("length_m", 0.5)
            assert row.values == tuple(again.sample().values.values())
        came = await asyncio.to_thread(repeat, there.lab.store.archive, run)
        assert (came.same, came.compared) == (True, made)


async def test_a_run_that_was_altered_is_not_the_same(tmp_path: Path) -> None:
    async with served_benches(p=pendulum(seed=1)) as served, lab_room(tmp_path, room_of(served)) as there:
        await there.tell("p", "experiment", "running")
        await recorded(there, "p", 30)
        await there.tell("p", "experiment.seed", 2)
        await there.until(lambda: there.run("p").ending is Ending.RESET)
        run = there.run("p")
        assert await there.lab.runs.commit()
        forged = dataclasses.replace(run, about=msgspec.structs.replace(run.about, seed=3))
        came = await asyncio.to_thread(repeat, there.lab.store.archive, forged)
        assert not came.same
        assert came.first_n == 0
        assert "was" in came.first


async def test_each_reading_of_a_simulation_says_so_to_the_centre_and_in_the_room(tmp_path: Path) -> None:
    async with served_benches(p=pendulum()) as served, lab_room(tmp_path, room_of(served)) as there:
        await there.tell("p", "experiment", "running")
        await recorded(there, "p", 20)
        told = [point for point in there.points if point.series.measurement is Measurement.EXPERIMENT]
        assert {point.series.metric for point in told} == {"angle_deg", "velocity_deg_s", "tension_n"}
        assert all(point.simulated for point in told)
        states = [point for point in there.points if point.series.metric == "experiment"]
        assert states
        assert all(point.simulated for point in states)
        assert there.live.device("p").simulated
        assert there.lab.views.bench("p").simulated


async def test_a_reset_ends_a_run_and_the_next_start_begins_another(tmp_path: Path) -> None:
    async with served_benches(p=pendulum()) as served, lab_room(tmp_path, room_of(served)) as there:
        await there.tell("p", "experiment", "running")
        await recorded(there, "p", 10)
        first = there.run("p")
        await there.tell("p", "experiment", "idle")
        await there.until(lambda: there.run("p").ending is Ending.RESET)
        await there.tell("p", "experiment", "running")
        await there.until(lambda: there.run("p").id != first.id)
        await recorded(there, "p", 10)
        assert await there.lab.runs.commit()
        kept = there.lab.store.archive.runs("p")
        assert [one.ending for one in kept] == [None, Ending.RESET]
        assert (kept[0].about.number, kept[1].about.number) == (2, 1)


async def test_a_cable_that_is_pulled_costs_no_sample(tmp_path: Path) -> None:
    async with served_benches(p=pendulum()) as served, lab_room(tmp_path, room_of(served)) as there:
        await there.tell("p", "experiment", "running")
        for samples in (50, 400, 800):
            await recorded(there, "p", samples)
            served["p"].hang_up()
        await recorded(there, "p", 1200)
        await there.tell("p", "experiment", "paused")
        await recorded(there, "p", served["p"].bench.run.next_n)
        run = there.run("p")
        assert numbers(await there.kept(run)) == list(range(served["p"].bench.run.next_n))
        assert (run.lost, run.exact) == (0, True)


async def test_what_is_turned_while_nobody_listens_makes_a_run_inexact_and_it_says_so(tmp_path: Path) -> None:
    async with served_benches(p=pendulum()) as served, lab_room(tmp_path, room_of(served)) as there:
        await there.tell("p", "experiment", "running")
        await recorded(there, "p", 30)
        served["p"].faults.add("drop")
        served["p"].hang_up()
        await there.until(lambda: not there.live.device("p").health.reachable)
        heard = there.run("p").samples
        await served["p"].bench.changes.until(lambda: served["p"].bench.run.next_n > heard + 20)
        served["p"].bench.set({"length_m": 2})
        await served["p"].bench.changes.until(lambda: served["p"].bench.run.next_n > heard + 60)
        served["p"].faults.discard("drop")
        await recorded(there, "p", heard + 60)
        run = there.run("p")
        assert (run.exact, run.lost, run.repeatable) == (False, 0, False)
        with pytest.raises(CannotRepeat, match="nobody heard"):
            repeat(there.lab.store.archive, run)


async def test_a_simulator_that_is_killed_in_the_middle_ends_the_run_honestly(tmp_path: Path) -> None:
    first = pendulum()
    async with first as served:
        port = served.port
        async with lab_room(tmp_path, room_of({"p": served})) as there:
            await there.tell("p", "experiment", "running")
            await recorded(there, "p", 30)
            run = there.run("p")
            served.faults.add("drop")
            served.hang_up()
            await there.until(lambda: not there.live.device("p").health.reachable)
            assert there.run("p").ending is None, "it may come back"
            await served.__aexit__()
            async with ServedBench(PENDULUM, port=port, speed=100):
                await there.until(lambda: there.run("p").ending is Ending.RESTARTED)
                assert len(await there.kept(run)) == there.run("p").samples
                await there.tell("p", "experiment", "running")
                await there.until(lambda: there.run("p").id != run.id)
        await first.__aenter__()


async def test_after_a_restart_the_run_goes_on_where_the_disk_had_it(tmp_path: Path) -> None:
    async with served_benches(p=pendulum(), q=ServedBench(RC, speed=100)) as served:
        async with lab_room(tmp_path, room_of(served)) as there:
            for bench in served:
                await there.tell(bench, "experiment", "running")
                await recorded(there, bench, 40)
            await there.tell("q", "experiment.switch", "discharge")
            await there.until(lambda: there.live.value("q", "experiment_switch") == "discharge")
            before = {bench: there.run(bench) for bench in served}
        for one in served.values():
            await goes_on(one, 100)
        async with lab_room(tmp_path, room_of(served)) as there:
            for bench, one in served.items():
                await there.tell(bench, "experiment", "paused")
                await recorded(there, bench, one.bench.run.next_n)
                run = there.run(bench)
                assert run.id == before[bench].id
                assert numbers(await there.kept(run)) == list(range(one.bench.run.next_n))
                assert (run.exact, run.lost) == (True, 0)
                assert (await asyncio.to_thread(repeat, there.lab.store.archive, run)).same


async def test_a_device_that_the_room_no_longer_has_leaves_an_interrupted_run(tmp_path: Path) -> None:
    async with served_benches(p=pendulum(), q=pendulum()) as served:
        async with lab_room(tmp_path, room_of(served)) as there:
            await there.tell("q", "experiment", "running")
            await recorded(there, "q", 5)
            run = there.run("q")
        async with lab_room(tmp_path, room_of({"p": served["p"]})) as there:
            assert await there.lab.runs.commit()
            assert there.lab.store.archive.run(run.id).ending is Ending.INTERRUPTED


async def test_a_bench_of_sensors_is_started_paused_and_stopped_by_the_same_words(tmp_path: Path) -> None:
    fake = FakeRoom({"heater": ("bench-power", {"switch": False}), "probe": ("experiment", {"temperature_c": 20.0})})
    devices = [device.model_copy(update={"group": "kettle"}) for device in fake.room.devices]
    room = fake.room.model_copy(update={"devices": tuple(devices)})
    live = LiveRoom(room, Wires(), fake.changes, fake.points.extend, kind_of=lambda _: fake.kind, pace=QUICK)
    async with lab_module.opened(tmp_path, live, fake.points.extend) as lab, task(lab.run()), task(live.run()):
        await live.settled(5)
        there = LabRoom(room, live, lab, fake.points)
        assert [bench.id for bench in lab.views.benches()] == ["kettle"]
        with pytest.raises(NotNow):
            await there.tell("kettle", "experiment", "paused")
        with pytest.raises(Refused, match="no level"):
            await there.tell("kettle", "level", 20)
        await there.tell("kettle", "experiment", "running")
        assert lab.runs.state("kettle") == "running"
        fake["probe"].become("temperature_c", 21.5)
        fake["heater"].become("switch", True)
        await there.until(lambda: live.value("heater", "switch") is True)
        fake["probe"].become("temperature_c", 22.5)
        await recorded(there, "kettle", 2)
        await there.tell("kettle", "experiment", "paused")
        fake["probe"].become("temperature_c", 30.0)
        await there.until(lambda: live.value("probe", "temperature_c") == 30.0)
        await there.tell("kettle", "experiment", "running")
        fake["probe"].become("pressure_hpa", 1013.0)
        await recorded(there, "kettle", 3)
        await there.tell("kettle", "experiment", "idle")
        run = there.run("kettle")
        assert (run.ending, run.about.simulated, run.about.experiment) == (Ending.STOPPED, False, "")
        assert run.about.parameters == {"heater.switch": False}
        rows = await there.kept(run)
        assert [[value if value == value else None for value in row.values] for row in rows] == [
            [21.5, None], [22.5, None], [None, 1013.0],
        ]  # fmt: skip
        assert [one.name for one in run.columns] == ["probe.temperature_c", "probe.pressure_hpa"]
        assert [(one.n, one.name, one.value) for one in lab.store.archive.turned(run.id)] == [
            (1, "heater.switch", True)
        ]
        assert all(math.isfinite(row.t_s) for row in rows)
        with pytest.raises(CannotRepeat, match="no simulation"):
            repeat(lab.store.archive, run)


async def test_a_run_of_more_than_the_most_samples_ends_and_says_so(tmp_path: Path) -> None:
    async with served_benches(p=pendulum()) as served, lab_room(tmp_path, room_of(served)) as there:
        there.lab.runs.most_samples = 100
        await there.tell("p", "experiment", "running")
        await there.until(lambda: there.lab.runs.current("p") is not None and there.run("p").ending is not None)
        assert there.run("p").ending is Ending.TOO_LONG
        assert len(await there.kept(there.run("p"))) == 100
        await served["p"].bench.changes.until(lambda: served["p"].bench.run.next_n > 300)
        assert there.run("p").samples == 100
