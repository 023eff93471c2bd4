"""Interlocks at work in a room: first to hear, at once, before everybody else, and again until it is so."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from classroom_profiles.interlock_state import CauseStands, NotTripped, State
from classroom_profiles.reading import Health, HealthState
from edge_agent.interlocks import Interlocked
from edge_agent.latches import Latches, LatchStore
from edge_agent.rank import Rank
from firmware_bridge.driver import reading
from firmware_bridge.errors import NotNow, Refused, Timeout, Unreachable
from tests.classroom_profiles.interlock_rooms import rule, sets
from tests.edge_agent.interlock_lab import GAS, OPEN, SHUT, SLOW, STOP, Lab


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with Lab(tmp_path).at_work() as one:
        await one.until_state(State.ARMED)
        yield one


async def test_a_dangerous_reading_cuts_off_everything_and_says_what_was_confirmed(lab: Lab) -> None:
    lab["gas"].become("gas_ppm", 1200.0)
    await lab.until_done()
    assert [lab[name].values["switch"] for name in ("valve", "bench")] == [False, False]
    assert lab["fan"].values["level"] == 100.0
    assert lab.state() is State.TRIPPED
    events = lab.events()
    assert ("gas", "interlock_tripped", "gas.gas_ppm > 1000 (1200)") in events
    assert {value for _, metric, value in events if metric == "interlock_confirmed"} == {
        "valve.switch=off", "bench.switch=off", "fan.level=100",
    }  # fmt: skip
    assert len([metric for _, metric, _ in events if metric == "interlock_ms"]) == 3


async def test_it_hears_before_the_room_does(lab: Lab) -> None:
    heard: list[bool] = []
    with lab.live.listen(lambda *_: heard.append(_forbids(lab))):
        lab["gas"].become("gas_ppm", 1200.0)
        await lab.until(lambda: bool(heard))
    assert heard[0]


def _forbids(lab: Lab) -> bool:
    try:
        lab.interlocks.check("valve", OPEN)
    except Interlocked:
        return True
    return False


async def test_while_tripped_what_goes_against_it_is_refused_by_name_and_the_rest_is_done(lab: Lab) -> None:
    lab["gas"].become("gas_ppm", 1200.0)
    await lab.until_done()
    told = len(lab["valve"].told)
    for ask in (lab.live.command("valve", OPEN, 1.0), lab.live.check("valve", OPEN)):
        with pytest.raises(Interlocked, match=r"interlock 'gas' \(gas / gas\) is tripped"):
            await ask
    assert len(lab["valve"].told) == told, "the device was not asked"
    await lab.live.command("lamp", OPEN, 1.0)
    await lab.live.command("valve", SHUT, 1.0)


async def test_before_the_first_reading_nothing_dangerous_can_be_done(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    del lab["gas"].values["gas_ppm"]
    async with lab.at_work():
        assert lab.state() is State.WAITING
        with pytest.raises(Interlocked, match="is not known to be safe yet"):
            await lab.live.command("valve", OPEN, 1.0)
        lab["gas"].become("gas_ppm", 20.0)
        await lab.until_state(State.ARMED)
        await lab.live.command("valve", OPEN, 1.0)


async def test_it_does_not_wait_behind_a_command_that_hangs(lab: Lab) -> None:
    lab["bench"].holds["switch"] = asyncio.Event()
    hanging = asyncio.create_task(lab.live.command("bench", OPEN, 60.0))
    waiting = asyncio.create_task(lab.live.command("bench", OPEN, 60.0))
    await lab["bench"].until_told()
    told = len(lab["bench"].told)
    lab["gas"].become("gas_ppm", 1200.0)
    await lab["bench"].until_told(told + 1)
    assert lab["bench"].told[-1] == "switch -> False"
    for one in (hanging, waiting):
        with pytest.raises(Interlocked):
            await one
    lab.let_go()
    await lab.until_done()
    assert lab["bench"].told.count("switch -> True") == 1, "who waited was never sent"


async def test_a_command_that_has_to_give_way_without_going_against_it_may_come_again(lab: Lab) -> None:
    lab["bench"].holds["switch"] = asyncio.Event()
    hanging = asyncio.create_task(lab.live.command("bench", SHUT, 60.0))
    await lab["bench"].until_told()
    lab["gas"].become("gas_ppm", 1200.0)
    with pytest.raises(NotNow, match="it had to give way to what cannot wait"):
        await hanging
    lab.let_go()
    await lab.until_done()


@pytest.mark.parametrize("error", [Timeout("late"), Refused("no"), NotNow("busy"), RuntimeError("a mistake")])
async def test_what_is_not_confirmed_is_told_again_until_it_is(lab: Lab, error: Exception) -> None:
    lab["valve"].fails["switch"] = [error, error, None]
    lab["gas"].become("gas_ppm", 1200.0)
    await lab.until_done()
    assert lab["valve"].told == ["switch -> False"] * 3
    failed = [value for _, metric, value in lab.events() if metric == "interlock_failed"]
    assert len(failed) == 1, "said once, not each time"
    assert failed[0].startswith("valve.switch=off: ")


async def test_a_device_that_is_away_is_told_as_soon_as_it_is_back(lab: Lab) -> None:
    lab["valve"].unplug()
    await lab.until(lambda: not lab.live.device("valve").health.reachable)
    lab["gas"].become("gas_ppm", 1200.0)
    await lab.until(lambda: "unreachable" in [one.error for one in lab.interlocks.now("gas").orders])
    lab["valve"].replug()
    await lab.until_done()
    assert lab["valve"].values["switch"] is False


async def test_an_actuator_that_somebody_moves_is_put_back(lab: Lab) -> None:
    lab["gas"].become("gas_ppm", 1200.0)
    await lab.until_done()
    told = len(lab["valve"].told)
    lab["valve"].become("switch", True)
    await lab["valve"].until_told(told + 1)
    await lab.until_done()
    assert lab["valve"].values["switch"] is False


async def test_a_sensor_that_is_lost_trips_after_its_time(tmp_path: Path) -> None:
    blind = rule("blind", [{"device": "gas", "unreachable_s": 0.02}], [sets("valve", switch=False)])
    async with Lab(tmp_path, [blind]).at_work() as lab:
        await lab.until_state(State.ARMED, "blind")
        lab["gas"].say(Health(HealthState.UNREACHABLE, "no-answer"))
        await lab.until_done("blind")
        cause = lab.interlocks.now("blind").cause
        assert cause is not None
        assert cause.test == "unreachable"


async def test_a_value_that_has_to_last_trips_by_time_alone(tmp_path: Path) -> None:
    async with Lab(tmp_path, [SLOW]).at_work() as lab:
        lab["gas"].become("gas_ppm", 1200.0)
        await lab.until_state(State.PENDING, "slow")
        await lab.until_done("slow")


async def test_only_staff_lets_it_go_with_a_reason_and_only_without_a_cause(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotTripped):
        await lab.interlocks.reset("gas", Rank.TECHNICIAN, "looked")
    lab["gas"].become("gas_ppm", 1200.0)
    await lab.until_done()
    with pytest.raises(CauseStands, match="gas_ppm > 1000"):
        await lab.interlocks.reset("gas", Rank.TECHNICIAN, "looked")
    lab["gas"].become("gas_ppm", 20.0)
    await lab.until_state(State.LATCHED)
    with pytest.raises(Interlocked):
        await lab.live.command("valve", OPEN, 1.0)
    with caplog.at_level(logging.WARNING, "lophoc.interlock"):
        await lab.interlocks.reset("gas", Rank.TECHNICIAN, "hose\nreplaced")
    assert "interlock gas: reset by technician: hose?replaced" in caplog.messages
    assert lab.state() is State.ARMED
    assert ("gas", "interlock_reset", "technician") in lab.events()
    await lab.live.command("valve", OPEN, 1.0)
    lab["valve"].become("switch", True)
    lab["gas"].become("gas_ppm", 1300.0)
    await lab.until_done()
    assert lab["valve"].values["switch"] is False, "it trips a second time"


async def test_the_panels_button_trips_and_says_so_when_it_is_latched(tmp_path: Path) -> None:
    async with Lab(tmp_path, [STOP]).at_work() as lab:
        await lab.interlocks.trip("stop", Rank.VIEWER)
        assert lab.state("stop") is State.LATCHED
        await lab.until_done("stop")
        assert lab["lamp"].values["switch"] is True
        assert ("stop", "interlock_tripped", "the panel's button") in lab.events()
        await lab.interlocks.reset("stop", Rank.TEACHER, "all well")
        assert lab.state("stop") is State.ARMED


async def test_a_latch_outlives_the_process_and_its_orders_are_given_again(tmp_path: Path) -> None:
    async with Lab(tmp_path).at_work() as lab:
        lab["gas"].become("gas_ppm", 1200.0)
        await lab.until_state(State.TRIPPED)
    async with Lab(tmp_path).at_work() as lab:
        await lab.until_done()
        assert lab["valve"].values["switch"] is False
        await lab.until_state(State.LATCHED)
        with pytest.raises(Interlocked):
            await lab.live.command("valve", OPEN, 1.0)
        await lab.interlocks.reset("gas", Rank.TECHNICIAN, "looked")
    async with Lab(tmp_path).at_work() as lab:
        await lab.until_state(State.ARMED)


async def test_a_latch_of_a_rule_that_is_gone_is_forgotten_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Lab(tmp_path).at_work() as lab:
        lab["gas"].become("gas_ppm", 1200.0)
        await lab.until_state(State.TRIPPED)
    async with Lab(tmp_path, [STOP]).at_work() as lab:
        assert [one.id for one in lab.interlocks.rules] == ["stop"]
        assert "interlock gas: was latched (gas.gas_ppm > 1000 (1200)), and the room has it no more" in caplog.messages
        await lab.live.command("valve", OPEN, 1.0)


async def test_a_latch_of_a_rule_that_is_gone_is_reset_once_so_that_its_alarm_ends(tmp_path: Path) -> None:
    ended = ("gas", "interlock_reset", "no longer in the room's file")
    async with Lab(tmp_path, [GAS, STOP]).at_work() as lab:
        lab["gas"].become("gas_ppm", 1200.0)
        await lab.until_state(State.TRIPPED)
        await lab.interlocks.trip("stop", Rank.VIEWER)
    store = LatchStore(tmp_path / "latches.sqlite")
    async with Lab(tmp_path, [STOP], store).at_work() as lab:
        assert lab.events().count(ended) == 1
        assert not [one for one in lab.events() if one[:2] == ("stop", "interlock_reset")], "it is still latched"
        await lab.interlocks.reset("stop", Rank.TEACHER, "all well")  # by then the first writing is done, too
    async with Lab(tmp_path, [STOP]).at_work() as lab:
        assert ended not in lab.events()
    async with Lab(tmp_path).at_work() as lab:  # put back: what its sensors say decides
        await lab.until_state(State.ARMED)


async def test_a_room_without_any_rules_any_more_ends_the_alarm_too(tmp_path: Path) -> None:
    async with Lab(tmp_path).at_work() as lab:
        lab["gas"].become("gas_ppm", 1200.0)
        await lab.until_state(State.TRIPPED)
    store = Told(tmp_path / "latches.sqlite")
    async with Lab(tmp_path, [], store).at_work() as lab:
        assert ("gas", "interlock_reset", "no longer in the room's file") in lab.events()
        await asyncio.wait_for(store.done.wait(), 20)
    async with Lab(tmp_path, []).at_work() as lab:
        assert lab.events() == []


class Told(LatchStore):
    """Says when something was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.done = asyncio.Event()

    async def durable(self) -> None:
        await super().durable()
        self.done.set()


class Stuck(LatchStore):
    """A card that takes nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, patience_s=60.0)
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()
        self.kept: list[Latches] = []

    def keep(self, value: Latches) -> None:
        self.kept.append(value)

    async def durable(self) -> None:
        self.asked.set()
        await self.gate.wait()


async def test_the_cut_off_never_waits_for_the_disk_and_the_latch_is_not_announced_before_it(tmp_path: Path) -> None:
    store = Stuck(tmp_path / "latches.sqlite")
    async with Lab(tmp_path, store=store).at_work() as lab:
        await lab.until_state(State.ARMED)
        told = [len(lab[name].told) for name in ("valve", "bench", "fan")]
        lab["gas"].become("gas_ppm", 1200.0)
        await store.asked.wait()
        assert [len(lab[name].told) for name in ("valve", "bench", "fan")] == [count + 1 for count in told]
        assert [one.rule for one in store.kept[-1].latched] == ["gas"]
        assert lab.state() is State.ARMED
        assert not [one for one in lab.events() if one[1] == "interlock_tripped"]
        with pytest.raises(Interlocked):
            await lab.live.command("valve", OPEN, 1.0)
        store.gate.set()
        await lab.until_state(State.TRIPPED)
        assert [one for one in lab.events() if one[1] == "interlock_tripped"]


async def test_a_mistake_of_the_interlocks_does_not_blind_the_room(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(lab.interlocks, "hear", broken)
    lab["gas"].say(reading("gas_ppm", 21.0))
    await lab.until(lambda: lab.live.value("gas", "gas_ppm") == 21.0)
    assert "gas: a mistake of the interlocks" in caplog.text


async def test_it_cannot_be_told_while_it_was_never_there(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab["valve"].fails_to_open = Unreachable("no cable")
    async with lab.at_work():
        lab["gas"].become("gas_ppm", 1200.0)
        await lab.until(lambda: [one.error for one in lab.interlocks.now("gas").orders][:1] == ["unreachable"])
        assert not any(one.confirmed for one in lab.interlocks.now("gas").orders if one.order.device == "valve")
