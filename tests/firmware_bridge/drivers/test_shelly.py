"""The HTTP relay's driver against the simulated relay: what was asked for is what the contact does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from classroom_profiles.capability import Command
from classroom_profiles.reading import Change, Health, HealthState, Reading
from firmware_bridge.driver import Driver, Wires, find
from firmware_bridge.errors import BadReply, DeviceError, Refused, Timeout, Unreachable, WrongPassword
from simulators.shelly import ShellyRelays

ON, OFF = Command.parse("switch", True), Command.parse("switch", False)
PASSWORD = "correct horse"


@pytest.fixture
async def relay() -> AsyncIterator[ShellyRelays]:
    async with ShellyRelays() as device:
        yield device


def driver_of(device: ShellyRelays, **options: Any) -> Driver:
    driver: Driver = find("shelly").open({"host": device.host, "port": device.port, **options}, Wires())
    return driver


@asynccontextmanager
async def hearing(driver: Driver) -> AsyncIterator["asyncio.Queue[Change | DeviceError]"]:
    """All that it says, and at the end why it says no more."""
    heard: asyncio.Queue[Change | DeviceError] = asyncio.Queue()

    async def listen() -> None:
        try:
            async for change in driver.changes():
                heard.put_nowait(change)
        except DeviceError as end:
            heard.put_nowait(end)

    listening = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(30):
            yield heard
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def until(heard: "asyncio.Queue[Change | DeviceError]", metric: str, value: object) -> Reading:
    while True:
        change = await heard.get()
        if isinstance(change, Reading) and change.metric == metric and change.value == value:
            return change


async def test_a_command_is_done_when_the_contact_has_moved(relay: ShellyRelays) -> None:
    async with driver_of(relay) as driver:
        await driver.command(ON)
        assert relay.outputs == [True]
        await driver.command(OFF)
        assert relay.outputs == [False]


async def test_it_says_its_health_and_then_every_metric_with_its_unit(relay: ShellyRelays) -> None:
    async with driver_of(relay) as driver, hearing(driver) as heard:
        assert await heard.get() == Health(HealthState.ONLINE)
        first = [await heard.get() for _ in range(6)]
        assert {(r.metric, r.value, r.unit) for r in first if isinstance(r, Reading)} == {
            ("switch", False, ""), ("power_w", 0.0, "W"), ("voltage_v", 229.8, "V"), ("current_a", 0.0, "A"),
            ("energy_kwh", 1.2345, "kWh"), ("relay_temperature_c", 41.2, "°C"),
        }  # fmt: skip


async def test_a_command_is_read_at_once_and_not_at_the_next_look(relay: ShellyRelays) -> None:
    async with driver_of(relay, poll_s=60) as driver, hearing(driver) as heard:
        await until(heard, "relay_temperature_c", 41.2)
        await driver.command(ON)
        assert (await until(heard, "switch", True)).unit == ""
        assert (await until(heard, "power_w", 60.0)).unit == "W"


async def test_a_hand_on_the_wall_switch_is_seen(relay: ShellyRelays) -> None:
    async with driver_of(relay, poll_s=0.01) as driver, hearing(driver) as heard:
        await until(heard, "switch", False)
        relay.press(0, True)
        await until(heard, "switch", True)


async def test_each_relay_of_a_device_is_its_own(relay: ShellyRelays) -> None:
    async with ShellyRelays(relays=3) as device, driver_of(device, relay=2) as third:
        await third.command(ON)
        assert device.outputs == [False, False, True]


async def test_a_relay_that_is_not_there_is_refused(relay: ShellyRelays) -> None:
    with pytest.raises(Refused, match=r"-105: Argument 'id', value 7 not found"):
        await driver_of(relay, relay=7).__aenter__()


async def test_the_password_is_proven_and_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPHOC_RELAY_PASSWORD", PASSWORD)
    async with ShellyRelays(password=PASSWORD) as device:
        async with driver_of(device, password={"env": "LOPHOC_RELAY_PASSWORD"}) as driver:
            await driver.command(ON)
        assert device.outputs == [True]
        assert PASSWORD not in str(device.received)


@pytest.mark.parametrize("password", ["wrong", None])
async def test_without_the_right_password_it_says_so(password: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPHOC_RELAY_PASSWORD", password or "")
    options = {"password": {"env": "LOPHOC_RELAY_PASSWORD"}} if password else {}
    async with ShellyRelays(password=PASSWORD) as device:
        with pytest.raises(WrongPassword, match=r"^password$"):
            await driver_of(device, **options).__aenter__()


async def test_a_secret_that_is_missing_is_named(relay: ShellyRelays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOPHOC_RELAY_PASSWORD", raising=False)
    with pytest.raises(Refused, match="LOPHOC_RELAY_PASSWORD is not set"):
        await driver_of(relay, password={"env": "LOPHOC_RELAY_PASSWORD"}).__aenter__()


FAULTS: list[tuple[str, type[DeviceError], str]] = [
    ("drop", BadReply, "disconnected"),
    ("slow", Timeout, "within 1 s"),
    ("garbage", BadReply, "does not speak HTTP"),
    ("refuse", Refused, "-109"),
    ("stuck", Timeout, "did not change"),
    ("overpower", Refused, "switched itself off: overpower"),
]


@pytest.mark.parametrize(("fault", "error", "words"), FAULTS)
async def test_a_command_that_fails_says_why(
    relay: ShellyRelays, fault: str, error: type[DeviceError], words: str
) -> None:
    async with driver_of(relay, answer_s=1.0) as driver:
        relay.faults.add(fault)
        with pytest.raises(error, match=words):
            await driver.command(ON)
        assert relay.outputs == [False]


async def test_a_status_that_nobody_understands_is_a_bad_reply(relay: ShellyRelays) -> None:
    async with driver_of(relay) as driver:
        relay.faults.add("nonsense")
        with pytest.raises(BadReply, match="not a relay's"):
            await driver.command(ON)


@pytest.mark.parametrize(("fault", "error"), [("drop", BadReply), ("slow", Timeout), ("garbage", BadReply)])
async def test_what_it_says_ends_when_the_line_is_lost(
    relay: ShellyRelays, fault: str, error: type[DeviceError]
) -> None:
    async with driver_of(relay, poll_s=0.01, answer_s=1.0) as driver, hearing(driver) as heard:
        await until(heard, "switch", False)
        relay.faults.add(fault)
        while not isinstance(change := await heard.get(), DeviceError):
            pass
        assert isinstance(change, error)


async def test_a_relay_that_protected_itself_is_a_fault_until_it_is_well(relay: ShellyRelays) -> None:
    async with driver_of(relay, poll_s=0.01) as driver, hearing(driver) as heard:
        await driver.command(ON)
        relay.faults.add("overpower")
        while await heard.get() != Health(HealthState.FAULT, "overpower"):
            pass
        relay.faults.discard("overpower")
        while await heard.get() != Health(HealthState.ONLINE):
            pass


async def test_where_nobody_listens_it_is_unreachable() -> None:
    async with ShellyRelays() as device:
        pass
    with pytest.raises(Unreachable, match=f"no connection to {device.address}"):
        await driver_of(device).__aenter__()


async def test_a_preflight_touches_nothing(relay: ShellyRelays) -> None:
    async with driver_of(relay) as driver:
        await driver.check(ON)
        assert relay.outputs == [False]
        assert not any("Switch.Set" in one for one in relay.received)
        with pytest.raises(Refused, match="no level"):
            await driver.check(Command.parse("level", 20))


async def test_closing_twice_is_closing_once(relay: ShellyRelays) -> None:
    driver = driver_of(relay)
    async with driver:
        pass
    await driver.__aexit__(None, None, None)


@pytest.mark.parametrize("host", ["", "10.0.0.1/evil", "user@relay", "relay:80"])
def test_a_host_is_an_address_and_nothing_else(host: str) -> None:
    with pytest.raises(ValidationError, match="host"):
        find("shelly").open({"host": host}, Wires())
