"""One device kept open: it is tried again with patience, said once, and whatever its driver does stays its own."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from classroom_profiles.capability import Command
from classroom_profiles.reading import Change, Health, HealthState, Reading
from edge_agent.backoff import delays
from edge_agent.supervisor import Pace, Supervisor
from firmware_bridge.errors import (
    BadReply,
    DeviceError,
    NotNow,
    PortBusy,
    Refused,
    Timeout,
    Unplugged,
    Unreachable,
    WrongFirmware,
    WrongPassword,
)
from simulators.changes import Changes
from tests.edge_agent.fake_driver import QUICK, FakeDriver, Thing, task

ON = Command.parse("switch", True)
OFF = Command.parse("switch", False)


class Kept:
    """A thing and its supervisor, and what was heard of it."""

    def __init__(self, pace: Pace = QUICK) -> None:
        self.thing = Thing("lamp", {"switch": False}, [])
        self.heard: list[Change] = []
        self.told = Changes()
        self.made = 0
        self.supervisor = Supervisor("lamp", self._make, self._hear, pace)

    def _make(self) -> FakeDriver:
        self.made += 1
        return FakeDriver(self.thing)

    def _hear(self, change: Change) -> None:
        self.heard.append(change)
        self.told.tell()

    @property
    def health(self) -> Health | None:
        return next((change for change in reversed(self.heard) if isinstance(change, Health)), None)

    async def until(self, state: HealthState) -> Health:
        await self.told.until(lambda: self.health is not None and self.health.state is state)
        assert self.health is not None
        return self.health

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Kept"]:
        async with task(self.supervisor.run()):
            try:
                yield self
            finally:
                for held in (self.thing.holds_open, *self.thing.holds.values()):
                    held.set()


async def tried_again(thing: Thing, times: int) -> None:
    wanted = thing.opened + times
    await thing.until(lambda: thing.opened >= wanted)


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    async with Kept().running() as one:
        await one.until(HealthState.ONLINE)
        yield one


@pytest.mark.parametrize("seed", range(20))
def test_waits_grow_to_a_bound_and_are_never_the_same_for_all(seed: int) -> None:
    waits = list(itertools.islice(delays(0.5, 30.0, seed), 40))
    bounds = [min(0.5 * 2**number, 30.0) for number in range(40)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert waits != list(itertools.islice(delays(0.5, 30.0, seed + 1), 40))
    assert len(set(waits[10:])) > 20, "jitter at the bound, too"


async def test_a_line_that_was_lost_is_opened_again_with_a_new_driver(kept: Kept) -> None:
    kept.thing.say(Unreachable("cable"))
    assert await kept.until(HealthState.UNREACHABLE) == Health(HealthState.UNREACHABLE, "unreachable")
    await kept.until(HealthState.ONLINE)
    assert (kept.made, kept.thing.closed) == (2, 1)


@pytest.mark.parametrize(
    ("error", "health"),
    [
        (Unreachable("gone"), Health(HealthState.UNREACHABLE, "unreachable")),
        (Timeout("silent"), Health(HealthState.UNREACHABLE, "no-answer")),
        (NotNow("starting"), Health(HealthState.UNREACHABLE, "not-now")),
        (Refused("wrong password"), Health(HealthState.FAULT, "refused")),
        (BadReply("%$#"), Health(HealthState.FAULT, "bad-reply")),
        (WrongFirmware("Blink"), Health(HealthState.FAULT, "wrong-firmware")),
        (WrongPassword("no"), Health(HealthState.FAULT, "wrong-password")),
        (Unplugged("gone"), Health(HealthState.UNREACHABLE, "unplugged")),
        (PortBusy("fuser"), Health(HealthState.UNREACHABLE, "busy")),
        (DeviceError("else"), Health(HealthState.FAULT, "unknown")),
        (ValueError("ours"), Health(HealthState.FAULT, "driver")),
        (TimeoutError(), Health(HealthState.FAULT, "driver")),
        (asyncio.CancelledError(), Health(HealthState.FAULT, "driver")),
        (ExceptionGroup("many", [Unreachable("gone")]), Health(HealthState.FAULT, "driver")),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.parametrize("where", ["open", "changes"])
async def test_whatever_a_driver_raises_is_the_health_of_its_device_and_it_is_tried_again(
    kept: Kept, where: str, error: BaseException, health: Health
) -> None:
    if where == "open":
        kept.thing.fails_to_open = error
        kept.thing.say(Unreachable("first"))
        await kept.told.until(lambda: kept.health == health)
    else:
        kept.thing.say(error)
        assert await kept.until(health.state) == health
    kept.thing.replug()
    await kept.until(HealthState.ONLINE)
    await kept.supervisor.command(ON, 30.0)
    assert kept.thing.values["switch"] is True


async def test_a_driver_that_cannot_even_be_made_is_a_fault_of_its_device() -> None:
    heard: list[Change] = []
    told = Changes()

    def hear(change: Change) -> None:
        heard.append(change)
        told.tell()

    def make() -> FakeDriver:
        raise KeyError("options")

    async with task(Supervisor("lamp", make, hear, QUICK).run()):
        await told.until(lambda: len(heard) >= 3)
    assert set(heard) == {Health(HealthState.FAULT, "driver")}


@pytest.mark.parametrize("mistake", [None, 17, "online", Reading("switch", None), Reading("switch", [True])])  # type: ignore[arg-type]
async def test_what_no_driver_may_say_is_a_fault_and_is_told_to_nobody(kept: Kept, mistake: Change) -> None:
    kept.thing.say(mistake)
    assert await kept.until(HealthState.FAULT) == Health(HealthState.FAULT, "driver")
    assert mistake not in kept.heard


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
async def test_a_reading_that_is_no_number_is_left_out_and_the_device_goes_on(
    kept: Kept, value: float, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        kept.thing.say(Reading("temperature_c", value))
    kept.thing.say(Reading("temperature_c", 21.5))
    await kept.told.until(lambda: Reading("temperature_c", 21.5) in kept.heard)
    assert kept.health == Health(HealthState.ONLINE)
    assert [change for change in kept.heard if isinstance(change, Reading) and change.metric == "temperature_c"] == [
        Reading("temperature_c", 21.5)
    ]
    assert caplog.text.count("temperature_c reads") == 1


async def test_it_is_said_once_when_a_device_is_lost_and_once_when_it_is_back(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lophoc.device")
    for _ in range(2):
        kept.thing.unplug(Unreachable("no route to host"))
        await tried_again(kept.thing, 5)
        kept.thing.replug()
        await kept.until(HealthState.ONLINE)
    said = [record.getMessage() for record in caplog.records if record.name == "lophoc.device"]
    assert said == ["lamp: unreachable (unreachable): no route to host", "lamp: back, online"] * 2


async def test_a_mistake_is_logged_once_with_its_trace(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.thing.unplug(ZeroDivisionError())
    await tried_again(kept.thing, 5)
    logged = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in logged] == ["lamp: ZeroDivisionError in its driver (session)"]


async def test_ended_it_closes_its_driver() -> None:
    kept = Kept()
    async with kept.running():
        await kept.until(HealthState.ONLINE)
    assert (kept.thing.opened, kept.thing.closed) == (1, 1)


async def test_a_driver_that_hangs_in_opening_is_given_up_and_tried_again() -> None:
    kept = Kept(Pace(open_s=0.01, close_s=0.01, first_wait_s=0.001, longest_wait_s=0.01))
    kept.thing.holds_open.clear()
    async with task(kept.supervisor.run()):
        assert await kept.until(HealthState.UNREACHABLE) == Health(HealthState.UNREACHABLE, "no-answer")
        with pytest.raises(Unreachable, match="no-answer"):
            await kept.supervisor.command(ON, 30.0)
        kept.thing.holds_open.set()
        await kept.until(HealthState.ONLINE)


@pytest.mark.parametrize("error", [ValueError("bug"), asyncio.CancelledError(), TimeoutError()])
async def test_a_command_that_breaks_in_its_driver_is_refused_and_the_device_goes_on(
    kept: Kept, error: BaseException
) -> None:
    kept.thing.fails["switch"] = [error, None]
    with pytest.raises(Refused, match=type(error).__name__):
        await kept.supervisor.command(ON, 30.0)
    await kept.supervisor.command(ON, 30.0)
    assert kept.health == Health(HealthState.ONLINE)


@pytest.mark.parametrize("error", [ValueError("bug"), asyncio.CancelledError(), TimeoutError()])
async def test_a_check_that_breaks_in_its_driver_is_a_refusal(kept: Kept, error: BaseException) -> None:
    kept.thing.fails_check = error
    with pytest.raises(Refused, match=type(error).__name__):
        await kept.supervisor.check(ON)


async def test_commands_come_one_at_a_time_and_in_order(kept: Kept) -> None:
    slow = kept.thing.holds["switch"] = asyncio.Event()
    telling = [asyncio.create_task(kept.supervisor.command(one, 30.0)) for one in (ON, OFF, ON, OFF)]
    await kept.thing.until_told()
    await asyncio.sleep(0)
    assert kept.thing.told == ["switch -> True"]
    assert kept.supervisor.is_told
    slow.set()
    await asyncio.gather(*telling)
    assert kept.thing.told == ["switch -> True", "switch -> False"] * 2
    assert not kept.supervisor.is_told


async def test_one_that_waits_too_long_for_its_turn_was_never_sent(kept: Kept) -> None:
    kept.thing.holds["switch"] = asyncio.Event()
    first = asyncio.create_task(kept.supervisor.command(ON, 30.0))
    await kept.thing.until_told()
    with pytest.raises(NotNow, match="busy"):
        await kept.supervisor.command(OFF, 0.01)
    kept.thing.holds["switch"].set()
    await first
    assert kept.thing.told == ["switch -> True"]


async def test_one_that_is_not_confirmed_in_time_is_a_timeout_and_lets_the_next_go(kept: Kept) -> None:
    kept.thing.holds["switch"] = asyncio.Event()
    with pytest.raises(Timeout, match="switch -> True"):
        await kept.supervisor.command(ON, 0.01)
    kept.thing.holds["switch"].set()
    await kept.supervisor.command(OFF, 30.0)


@pytest.mark.parametrize("stubborn", [False, True])
async def test_when_the_line_is_lost_all_who_wait_hear_of_it_at_once(kept: Kept, stubborn: bool) -> None:
    held = kept.thing.holds["switch"] = asyncio.Event()
    telling = [asyncio.create_task(kept.supervisor.command(one, 500.0)) for one in (ON, OFF, ON)]
    await kept.thing.until_told()
    if stubborn:
        kept.thing.stubborn.add("switch")
    kept.thing.say(Unreachable("cable"))
    answers = await asyncio.gather(*telling[stubborn:], return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unreachable}
    assert kept.thing.told == ["switch -> True"], "the others were never sent"
    await kept.told.until(lambda: kept.made == 2 and kept.supervisor.opened_at is not None)
    del kept.thing.holds["switch"]
    await kept.supervisor.command(OFF, 30.0)  # what hangs on the old line is in nobody's way
    held.set()
    await asyncio.gather(*telling, return_exceptions=True)


async def test_cancelling_one_who_tells_lets_the_next_go(kept: Kept) -> None:
    kept.thing.holds["switch"] = asyncio.Event()
    first = asyncio.create_task(kept.supervisor.command(ON, 500.0))
    await kept.thing.until_told()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    kept.thing.holds["switch"].set()
    await kept.supervisor.command(OFF, 30.0)


async def test_while_it_is_not_open_everything_is_unreachable_at_once() -> None:
    kept = Kept()
    for ask in (kept.supervisor.check(ON), kept.supervisor.command(ON, 500.0)):
        with pytest.raises(Unreachable, match="not-opened"):
            await ask
