"""Whatever a sensor, a disk, a person or a mistake of ours does, what an interlock holds stays safe."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from classroom_profiles.experiment import Sample
from classroom_profiles.interlock_state import State
from classroom_profiles.reading import Reading
from edge_agent.interlocks import Interlocked
from edge_agent.latches import Latches, LatchStore
from edge_agent.rank import Rank
from firmware_bridge.driver import reading
from tests.classroom_profiles.interlock_rooms import rule, sets
from tests.edge_agent.interlock_lab import GAS, OPEN, STOP, Lab

NOT_A_NUMBER = float("nan")
LATCHES = "latches.sqlite"


async def test_a_sensor_that_reads_no_number_is_not_safe_and_then_as_good_as_away(tmp_path: Path) -> None:
    when = [{"device": "gas", "metric": "gas_ppm", "above": 1000}, {"device": "gas", "unreachable_s": 0.05}]
    async with Lab(tmp_path, [rule("gas", when, [sets("valve", switch=False)])]).at_work() as lab:
        await lab.until_state(State.ARMED)
        lab["gas"].say(reading("gas_ppm", NOT_A_NUMBER))
        await lab.until(lambda: lab.state() is not State.ARMED)
        with pytest.raises(Interlocked):
            await lab.live.command("valve", OPEN, 1.0)
        await lab.until_done()
        cause = lab.interlocks.now("gas").cause
        assert cause is not None
        assert cause.test == "unreachable"
        lab["gas"].say(reading("gas_ppm", 20.0))
        await lab.until_state(State.LATCHED)
        await lab.interlocks.reset("gas", Rank.TECHNICIAN, "sensor replaced")
        assert lab.state() is State.ARMED


@pytest.mark.parametrize("beside", [0.0, NOT_A_NUMBER])
async def test_a_sample_of_many_values_is_heard_even_if_one_of_them_is_none(tmp_path: Path, beside: float) -> None:
    async with Lab(tmp_path).at_work() as lab:
        await lab.until_state(State.ARMED)
        values = (Reading("angle_deg", beside), Reading("gas_ppm", 1200.0))
        lab["gas"].say(Sample(1, 0, 0.0, values))
        await lab.until_done()
        assert lab["valve"].values["switch"] is False


async def test_a_value_that_flaps_at_its_bound_trips_once(tmp_path: Path) -> None:
    async with Lab(tmp_path).at_work() as lab:
        await lab.until_state(State.ARMED)
        for _ in range(200):
            lab["gas"].become("gas_ppm", 1000.5)
            lab["gas"].become("gas_ppm", 999.5)
        lab["gas"].become("gas_ppm", 21.0)
        await lab.until(lambda: lab.live.value("gas", "gas_ppm") == 21.0)
        await lab.until_done()
        assert [metric for _, metric, _ in lab.events() if metric == "interlock_tripped"] == ["interlock_tripped"]
        assert lab["valve"].told == ["switch -> False"]
        assert lab.state() is State.LATCHED


async def test_of_two_rules_on_one_actuator_the_reset_of_one_lets_nothing_go(tmp_path: Path) -> None:
    stop = rule("stop", [], [sets("valve", switch=False), sets("lamp", switch=True)], panel="button")
    async with Lab(tmp_path, [GAS, stop]).at_work() as lab:
        await lab.until_state(State.ARMED)
        await lab.interlocks.trip("stop", Rank.VIEWER)
        lab["gas"].become("gas_ppm", 1200.0)
        await lab.until_done()
        await lab.interlocks.reset("stop", Rank.TECHNICIAN, "all well")
        with pytest.raises(Interlocked, match="'gas'"):
            await lab.live.command("valve", OPEN, 1.0)
        told = len(lab["valve"].told)
        lab["valve"].become("switch", True)
        await lab["valve"].until_told(told + 1)
        await lab.until_done()
        assert lab["valve"].values["switch"] is False
        await lab.live.command("lamp", OPEN, 1.0)


def no_database(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def no_latches(file: Path) -> None:
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("UPDATE latches SET content = ?", [b'{"latched": [{"rule": 7}]}'])
    connection.close()


@pytest.mark.parametrize("spoil", [no_database, no_latches])
async def test_if_nobody_can_read_what_was_latched_everything_is(
    tmp_path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    async with Lab(tmp_path, [GAS, STOP]).at_work() as lab:
        await lab.interlocks.trip("stop", Rank.VIEWER)
    spoil(tmp_path / LATCHES)
    async with Lab(tmp_path, [GAS, STOP]).at_work() as lab:
        assert "latches.sqlite cannot be read and is put aside" in caplog.text
        for name in ("gas", "stop"):
            await lab.until_done(name)
            await lab.until_state(State.LATCHED, name)
            assert (name, "interlock_tripped", "what was latched before cannot be read") in lab.events()
            await lab.interlocks.reset(name, Rank.TECHNICIAN, "looked everywhere")
    async with Lab(tmp_path, [GAS, STOP]).at_work() as lab:
        await lab.until_state(State.ARMED)
        assert lab.state("stop") is State.ARMED


async def test_killed_again_before_the_reset_it_is_still_latched(tmp_path: Path) -> None:
    """What could not be read is written anew at once."""
    no_database(tmp_path / LATCHES)
    async with Lab(tmp_path).at_work() as lab:
        await lab.until_done()
    store = LatchStore(tmp_path / LATCHES)
    async with store:
        kept = await store.load()
    assert not store.lost
    assert kept is not None
    assert [(one.rule, one.cause.test) for one in kept.latched] == [("gas", "lost")]


async def test_a_mistake_of_who_listens_to_trips_costs_only_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Lab(tmp_path).at_work() as lab:
        await lab.until_state(State.ARMED)
        lab.interlocks.when_tripped(_mistaken)
        with caplog.at_level(logging.ERROR, "lophoc.interlock"):
            lab["gas"].become("gas_ppm", 1200.0)
            await lab.until_done()
            lab["gas"].become("gas_ppm", 20.0)
            await lab.until_state(State.LATCHED)
        assert "interlock gas: a mistake of who listened" in caplog.text


def _mistaken(_: object) -> None:
    raise RuntimeError("a mistake")


class Slow(LatchStore):
    """A card that takes its time, and says in which order."""

    async def durable(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await super().durable()

    def keep(self, value: Latches) -> None:
        self.kept.append([one.rule for one in value.latched])
        super().keep(value)

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.kept: list[list[str]] = []


async def test_trips_and_resets_in_quick_succession_leave_the_disk_as_it_is(tmp_path: Path) -> None:
    store = Slow(tmp_path / LATCHES)
    async with Lab(tmp_path, [GAS, STOP], store=store).at_work() as lab:
        await lab.until_state(State.ARMED)
        for _ in range(5):
            both = (lab.interlocks.trip("stop", Rank.VIEWER), lab.interlocks.trip("stop", Rank.VIEWER))
            await asyncio.gather(*both)
            lab["gas"].become("gas_ppm", 1200.0)
            await lab.until_state(State.TRIPPED)
            lab["gas"].become("gas_ppm", 20.0)
            await lab.until_state(State.LATCHED)
            await lab.interlocks.reset("stop", Rank.TEACHER, "all well")
            await lab.interlocks.reset("gas", Rank.TECHNICIAN, "aired")
        assert store.kept[-1] == []
        assert all(one != other for one, other in pairwise(store.kept))
