"""A device's line lent to another program, work that gives way to what cannot wait, and a try that is not put off."""

import asyncio

import pytest

from classroom_profiles.capability import Command
from classroom_profiles.reading import HealthState
from edge_agent.supervisor import LENT, Pace
from firmware_bridge.driver import Driver
from firmware_bridge.errors import NotNow, Timeout, Unreachable
from tests.edge_agent.fake_driver import task
from tests.edge_agent.test_supervisor import Kept

ON = Command.parse("switch", True)
SLOW = Pace(open_s=30.0, close_s=30.0, first_wait_s=1000.0, longest_wait_s=1000.0)


async def test_a_lent_line_is_closed_until_it_is_given_back() -> None:
    kept = Kept()
    async with task(kept.supervisor.run()):
        await kept.until(HealthState.ONLINE)
        async with kept.supervisor.lent(30.0):
            assert (kept.thing.opened, kept.thing.closed) == (1, 1)
            assert kept.supervisor.driver is None
            with pytest.raises(Unreachable):
                await kept.supervisor.command(ON, 1.0)
            await kept.until(HealthState.UNREACHABLE)
            assert kept.health == LENT
            kept.supervisor.hurry()
            await asyncio.sleep(0)
            assert kept.thing.opened == 1
        await kept.until(HealthState.ONLINE)
        assert kept.thing.opened == 2


async def test_a_line_is_lent_while_it_is_being_opened_or_waited_for() -> None:
    kept = Kept(SLOW)
    kept.thing.holds_open.clear()
    async with task(kept.supervisor.run()):
        await kept.thing.until(lambda: kept.thing.opened == 1)
        async with kept.supervisor.lent(30.0), kept.supervisor.lent(30.0):
            assert kept.supervisor.driver is None
        kept.thing.holds_open.set()
        await kept.until(HealthState.ONLINE)


async def test_what_is_told_when_the_line_is_lent_ends() -> None:
    kept = Kept()
    kept.thing.holds["switch"] = asyncio.Event()
    async with task(kept.supervisor.run()):
        await kept.until(HealthState.ONLINE)
        telling = asyncio.create_task(kept.supervisor.command(ON, 30.0))
        await kept.thing.until_told()
        async with kept.supervisor.lent(30.0):
            with pytest.raises(Unreachable, match="while it was told"):
                await telling


async def test_a_driver_that_does_not_close_keeps_its_line() -> None:
    kept = Kept()
    kept.thing.holds["switch"] = asyncio.Event()
    async with task(kept.supervisor.run()):
        await kept.until(HealthState.ONLINE)
        with pytest.raises(Timeout, match="not closed"):
            async with kept.supervisor.lent(0.0):
                raise AssertionError("it was not free")
        await kept.until(HealthState.ONLINE)


async def test_what_is_told_gives_way_and_says_so() -> None:
    kept = Kept()
    kept.thing.holds["switch"] = asyncio.Event()
    async with task(kept.supervisor.run()):
        await kept.until(HealthState.ONLINE)
        telling = asyncio.create_task(kept.supervisor.command(ON, 30.0))
        await kept.thing.until_told()
        kept.supervisor.interrupt()
        kept.supervisor.interrupt()
        with pytest.raises(NotNow, match="give way"):
            await telling
        kept.thing.holds.clear()
        await kept.supervisor.command(ON, 30.0)


async def test_work_has_its_turn_and_what_it_answers_comes_back() -> None:
    kept = Kept()
    async with task(kept.supervisor.run()):
        await kept.until(HealthState.ONLINE)

        async def look(driver: Driver) -> int:
            return len(driver.controls)

        assert await kept.supervisor.work(look, "look", 30.0) == 1
        with pytest.raises(Timeout, match="did not wait long enough in 0 s"):
            await kept.supervisor.work(lambda _: asyncio.Event().wait(), "wait long enough", 0.0)


async def test_who_is_in_a_hurry_does_not_wait_for_the_next_try() -> None:
    kept = Kept(SLOW)
    kept.thing.unplug()
    async with task(kept.supervisor.run()):
        await kept.until(HealthState.UNREACHABLE)
        kept.thing.replug()
        kept.supervisor.hurry()
        await kept.until(HealthState.ONLINE)
