"""The PJLink driver: against the simulated projector, whose own state decides, and against recorded conversations."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from classroom_profiles.capability import Command
from classroom_profiles.reading import Health, HealthState, Reading
from firmware_bridge.driver import Driver, Wires
from firmware_bridge.drivers.pjlink import DRIVER, Options, PjlinkSet
from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable, WrongPassword
from firmware_bridge.pjlink_link import PjlinkLink, Proof
from firmware_bridge.projector import Projector
from simulators.pjlink import PjlinkProjector
from tests.firmware_bridge.watched import Watched, watched

PASSWORD = "LOPHOC_TEST_PASSWORD"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "lớp-học")


def driver_for(projector: PjlinkProjector, **options: Any) -> Driver:
    if projector.password is not None:
        options = {"password": {"env": PASSWORD}, **options}
    quick = {"poll_s": 0.02, "answer_s": 20.0, "patience_s": 0.2}
    return DRIVER.open({"host": projector.host, "port": projector.port, **quick, **options}, Wires())


@contextlib.asynccontextmanager
async def driver_watched(projector: PjlinkProjector, **options: Any) -> AsyncIterator[Watched]:
    async with watched(driver_for(projector, **options)) as watch:
        yield watch


@contextlib.asynccontextmanager
async def in_use(
    warm_up_s: float = 0.05, cool_down_s: float = 0.05, patience_s: float = 0.2, **options: Any
) -> AsyncIterator[tuple[PjlinkProjector, Watched]]:
    projector = PjlinkProjector(warm_up_s=warm_up_s, cool_down_s=cool_down_s, **options)
    async with projector, driver_watched(projector, patience_s=patience_s) as watch:
        yield projector, watch


async def get_warm(projector: PjlinkProjector, watch: Watched) -> None:
    """Let it be seen warming up before it is warm, however slow the machine is."""
    await watch.until(lambda: watch.states[-1] == "warming")
    projector.faults.discard("stuck-warming")


def power(projector: PjlinkProjector) -> str:
    return projector.power


def inputs(driver: Driver) -> tuple[str, ...]:
    return driver.controls[1].choices


def power_commands(projector: PjlinkProjector) -> list[str]:
    return [line for line in projector.received if line in ("%1POWR 0", "%1POWR 1")]


# --- a lesson's worth of use -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", [None, "md5", "sha256", "sha256-only"])
async def test_it_turns_on_through_warming_shows_an_input_and_turns_off_through_cooling(auth: str | None) -> None:
    login: dict[str, Any] = {} if auth is None else {"password": "lớp-học", "auth": auth}
    async with in_use(cool_down_s=30, faults=["stuck-warming"], **login) as (projector, watch):
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.command("power", True))
            await get_warm(projector, watch)
        assert power(projector) == "on"
        await watch.command("input", "hdmi2")
        assert projector.picture.input == "32"
        await watch.until(lambda: watch.values.get("input") == "hdmi2")
        await watch.command("power", False)
        assert power(projector) == "cooling"
        await watch.until(lambda: watch.states[-1] == "cooling")
        projector.set_power(False)
        await watch.until(lambda: watch.states[-1] == "standby")
        assert watch.states == ["standby", "warming", "online", "cooling", "standby"]
        assert power_commands(projector) == ["%1POWR 1", "%1POWR 0"]
        assert projector.connections == 1


async def test_health_comes_first_then_every_metric() -> None:
    async with PjlinkProjector(lamp_hours=777, faults=["filter-warning"]) as projector:
        projector.set_power(True)
        async with driver_for(projector) as driver:
            said = driver.changes()
            assert await anext(said) == Health(HealthState.ONLINE)
            values = {}
            for _ in range(8):
                reading = await anext(said)
                assert isinstance(reading, Reading)
                values[reading.metric] = (reading.value, reading.unit)
                assert reading.time_us > 0
            assert values == {
                "power": (True, ""),
                "fault": ("", ""),
                "warning": ("filter", ""),
                "input": ("hdmi1", ""),
                "switch_mute": (False, ""),
                "switch_freeze": (False, ""),
                "lamp_h": (777, "h"),
                "filter_h": (120, "h"),
            }
            await said.aclose()  # type: ignore[attr-defined]


async def test_controls_are_complete_when_it_is_open() -> None:
    async with PjlinkProjector() as projector, driver_for(projector) as driver:
        controls = {str(control.target): control.choices for control in driver.controls}
        assert controls == {
            "power": (),
            "input": ("rgb1", "hdmi1", "hdmi2", "network1"),
            "switch.mute": (),
            "switch.freeze": (),
        }
    async with (
        PjlinkProjector(pjlink_class=1, inputs={"31": "A", "21": "B"}) as projector,
        driver_for(projector) as old,
    ):
        controls = {str(control.target): control.choices for control in old.controls}
        assert controls == {"power": (), "input": ("hdmi1", "video1"), "switch.mute": ()}


async def test_inputs_have_the_names_on_the_set_and_those_of_the_room() -> None:
    async with PjlinkProjector(inputs={"31": "DVI-D", "32": "HDMI 1", "33": "HDMI 2", "6A": "Logo"}) as projector:
        projector.set_power(True)
        async with watched(driver_for(projector, inputs={"laptop": "33"})) as watch:
            assert inputs(watch.driver) == ("laptop", "31", "hdmi1", "internala")
            for name, number in [("hdmi1", "32"), ("laptop", "33"), ("31", "31"), ("6A", "6A"), ("HDMI 1", "32")]:
                await watch.command("input", name)
                assert projector.picture.input == number
            with pytest.raises(Refused, match="it has no input 'hdmi2'; it has: laptop, 31, hdmi1, internala"):
                await watch.command("input", "hdmi2")


async def test_the_picture_is_muted_and_frozen() -> None:
    async with in_use() as (projector, watch):
        projector.set_power(True)
        await watch.command("switch.mute", True)
        assert projector.picture.video_muted
        assert projector.picture.audio_muted
        await watch.command("switch.freeze", True)
        assert projector.picture.frozen
        await watch.until(lambda: watch.values["switch_mute"] is True and watch.values["switch_freeze"] is True)
        await watch.command("switch.mute", False)
        assert not projector.picture.video_muted
        projector.set_power(False)
        await watch.until(lambda: watch.values["switch_freeze"] is False and watch.values["input"] == "")


async def test_what_a_person_does_with_the_remote_control_is_seen() -> None:
    async with in_use() as (projector, watch):
        assert watch.states == ["standby"]
        projector.set_power(True)
        projector.picture.input = "51"
        await watch.until(lambda: watch.values.get("input") == "network1")
        assert watch.values["power"] is True


async def test_a_fault_is_health_and_a_warning_is_a_reading() -> None:
    async with in_use() as (projector, watch):
        projector.faults.add("cover-warning")
        await watch.until(lambda: watch.values["warning"] == "cover")
        assert watch.states == ["standby"]
        projector.faults.add("fan")
        projector.faults.add("lamp")
        await watch.until(lambda: watch.health[-1] == Health(HealthState.FAULT, "fan"))
        assert watch.values["fault"] == "fan,lamp"
        projector.faults.clear()
        await watch.until(lambda: watch.health[-1] == Health(HealthState.STANDBY))
        await watch.until(lambda: watch.values["fault"] == watch.values["warning"] == "")


# --- commands that wait for their moment -----------------------------------------------------------------------------


async def test_an_input_asked_for_while_it_warms_up_waits_until_it_is_warm() -> None:
    async with in_use(faults=["stuck-warming"]) as (projector, watch):
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.command("power", True))
            await projector.changes.until(lambda: projector.power == "warming")
            group.create_task(watch.command("input", "hdmi2"))
            await get_warm(projector, watch)
        assert projector.picture.input == "32"
        assert power(projector) == "on"


async def test_on_while_it_cools_down_waits_and_off_while_it_warms_up_waits() -> None:
    async with in_use(cool_down_s=30, faults=["stuck-warming"]) as (projector, watch):
        projector.set_power(True)
        await watch.command("power", False)
        assert power(projector) == "cooling"
        turning_on = asyncio.create_task(watch.command("power", True))
        await watch.until(lambda: watch.states[-1] == "cooling")
        projector.set_power(False)
        await watch.until(lambda: watch.states[-1] == "warming")
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.command("power", False))
            await get_warm(projector, watch)
        assert power(projector) == "cooling"
        assert power_commands(projector) == ["%1POWR 0", "%1POWR 1", "%1POWR 0"]
        await asyncio.gather(turning_on, return_exceptions=True)


async def test_nothing_is_told_twice() -> None:
    async with in_use() as (projector, watch):
        await watch.command("power", False)
        assert power_commands(projector) == []
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(watch.command("power", True))
        await watch.command("power", True)
        assert power_commands(projector) == ["%1POWR 1"]
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(watch.command("power", False))
        await watch.command("power", False)
        assert power_commands(projector) == ["%1POWR 1", "%1POWR 0"]


async def test_err3_of_a_set_that_is_on_is_tried_again_until_it_takes_the_command() -> None:
    async with in_use(patience_s=30) as (projector, watch):
        projector.faults.add("err3")
        turning_on = asyncio.create_task(watch.command("power", True))
        await projector.changes.until(lambda: len(power_commands(projector)) >= 2)
        projector.faults.remove("err3")
        await turning_on
        assert power(projector) == "on"


async def test_err3_without_end_is_not_now() -> None:
    async with in_use(faults=["err3"]) as (projector, watch):
        with pytest.raises(NotNow, match="ERR3 to POWR"):
            await watch.command("power", True)
        projector.set_power(True)
        await watch.until(lambda: watch.states[-1] == "online")
        with pytest.raises(NotNow, match="ERR3 to INPT"):
            await watch.command("input", "hdmi1")
        assert watch.ended is None, "the line is not lost by it"


async def test_a_command_that_is_given_up_leaves_the_next_one_right() -> None:
    async with in_use(warm_up_s=0.2, faults=["split"]) as (projector, watch):
        for _ in range(10):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await watch.driver.command(Command.parse("power", True))
        await watch.command("power", True)
        assert power_commands(projector) == ["%1POWR 1"]
        await watch.command("input", "hdmi2")
        assert projector.picture.input == "32"
        assert watch.ended is None


async def test_the_later_of_two_contrary_commands_wins() -> None:
    async with in_use(cool_down_s=30) as (projector, watch):
        projector.set_power(True)
        await watch.command("power", False)
        on_again = asyncio.create_task(watch.command("power", True))
        await asyncio.sleep(0)
        assert power(projector) == "cooling"
        await watch.command("power", False)
        with pytest.raises(Refused, match="overtaken: meanwhile it was told power -> False"):
            await on_again
        projector.set_power(False)
        await watch.until(lambda: watch.states[-1] == "standby")
        assert power_commands(projector) == ["%1POWR 0"]


# --- refusals --------------------------------------------------------------------------------------------------------


async def test_a_set_that_refuses_is_said_to_refuse() -> None:
    async with in_use(faults=["refuse"]) as (projector, watch):
        with pytest.raises(Refused, match="ERR4 to POWR"):
            await watch.command("power", True)
        assert power(projector) == "off"
        projector.faults.clear()
        await watch.command("power", True)
        assert power(projector) == "on"


async def test_a_check_touches_nothing_and_says_what_the_command_would() -> None:
    async with PjlinkProjector() as projector, driver_for(projector) as driver:
        before = list(projector.received)
        await driver.check(Command.parse("power", True))
        with pytest.raises(NotNow, match="input can be set only while it is on; it is standby"):
            await driver.check(Command.parse("input", "hdmi1"))
        with pytest.raises(Refused, match="it has no input 'hdmi9'; it has: rgb1, hdmi1, hdmi2, network1"):
            await driver.check(Command.parse("input", "hdmi9"))
        with pytest.raises(Refused, match="has no level"):
            await driver.check(Command.parse("level", 40))
        with pytest.raises(Refused, match=r"has no switch.fan"):
            await driver.command(Command.parse("switch.fan", True))
        assert projector.received == before


@pytest.mark.parametrize("auth", ["md5", "sha256", "sha256-only"])
async def test_a_wrong_password_is_refused_and_never_shown(auth: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "hunter2")
    async with PjlinkProjector(password="right", auth=auth) as projector:  # type: ignore[arg-type]
        with pytest.raises(WrongPassword, match=r"password: .* does not accept") as refused:
            await driver_for(projector).__aenter__()
        assert "hunter2" not in str(refused.value)
        assert projector.received == []
        await projector.changes.until(lambda: projector.connections == 0)


async def test_a_password_that_is_wanted_or_missing_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PjlinkProjector(password="right") as projector:
        with pytest.raises(WrongPassword, match=r"password: .* wants one; set option 'password'"):
            await driver_for(projector, password=None).__aenter__()
        with pytest.raises(Refused, match=r"password: .*nowhere: No such file"):
            await driver_for(projector, password={"file": str(tmp_path / "nowhere")}).__aenter__()
        monkeypatch.delenv(PASSWORD)
        with pytest.raises(Refused, match=f"password: environment variable {PASSWORD} is not set"):
            await driver_for(projector).__aenter__()


async def test_a_room_may_insist_on_the_newer_proof_and_may_do_without_it() -> None:
    async with PjlinkProjector(password="lớp-học", auth="md5") as projector:
        with pytest.raises(Refused, match="only by MD5, and option 'proof' says sha256"):
            await driver_for(projector, proof="sha256").__aenter__()
    async with PjlinkProjector(password="lớp-học", auth="sha256-only") as projector:
        with pytest.raises(Refused, match="does not accept"):
            await driver_for(projector, proof="md5").__aenter__()
    async with PjlinkProjector(password="lớp-học", auth="sha256") as projector, driver_for(projector, proof="md5"):
        assert projector.logins_refused == 0


# --- a bad network ---------------------------------------------------------------------------------------------------


async def test_an_idle_connection_that_was_closed_is_opened_again_unseen() -> None:
    projector = PjlinkProjector(idle_close_s=0.03, password="lớp-học", auth="sha256", warm_up_s=0.01)
    async with projector, driver_watched(projector, poll_s=0.1) as watch:
        for _ in range(3):
            await projector.changes.until(lambda: projector.connections == 0)
            await projector.changes.until(lambda: projector.connections == 1)
        await projector.changes.until(lambda: projector.connections == 0)
        await watch.command("power", True)
        assert power(projector) == "on"
        assert watch.ended is None


async def test_a_connection_cut_by_the_set_is_opened_again_for_a_question() -> None:
    async with in_use() as (projector, watch):
        for _ in range(20):
            projector.hang_up()
            await projector.changes.until(lambda: projector.connections == 1)
        await watch.command("power", True)
        assert watch.ended is None


async def test_a_set_that_is_gone_ends_the_changes_and_every_command() -> None:
    async with in_use() as (projector, watch):
        await projector.__aexit__(None, None, None)
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, Unreachable)
        for act in (watch.command, watch.check):
            with pytest.raises(Unreachable):
                await act("power", True)
        with pytest.raises(Unreachable, match="is PJLink switched on"):
            await driver_for(projector).__aenter__()


async def test_a_set_that_falls_silent_in_the_middle_of_a_command_is_lost_by_a_timeout() -> None:
    projector = PjlinkProjector(warm_up_s=30)
    async with projector, driver_watched(projector, answer_s=1.0) as watch:
        turning_on = asyncio.create_task(watch.command("power", True))
        await projector.changes.until(lambda: projector.power == "warming")
        projector.faults.add("silent")
        with pytest.raises(Timeout, match=r"did not answer within 1 s"):
            await turning_on
        await watch.until(lambda: watch.ended is not None)
        await projector.changes.until(lambda: projector.connections == 0)


@pytest.mark.parametrize(
    ("fault", "error"), [("drop", Unreachable), ("garbage", BadReply), ("silent", Timeout), ("slow", Timeout)]
)
async def test_what_is_no_conversation_is_said_so_at_opening(fault: str, error: type[DeviceError]) -> None:
    async with PjlinkProjector(faults=[fault], slow_s=0.3) as projector:
        with pytest.raises(error):
            await driver_for(projector, answer_s=0.1).__aenter__()
        await projector.changes.until(lambda: projector.connections == 0)


@pytest.mark.parametrize("fault", ["drop", "garbage", "silent"])
async def test_a_line_that_goes_bad_ends_the_changes(fault: str) -> None:
    async with PjlinkProjector() as projector, watched(driver_for(projector, answer_s=1.0)) as watch:
        projector.faults.add(fault)
        await watch.until(lambda: watch.ended is not None)
        await projector.changes.until(lambda: projector.connections == 0)


async def test_a_slow_set_that_writes_lower_case_byte_by_byte_is_understood() -> None:
    async with in_use(
        warm_up_s=0.01, faults=["lower-case", "split", "slow"], slow_s=0.005, password="lớp-học", auth="sha256"
    ) as (projector, watch):
        await watch.command("power", True)
        await watch.command("input", "hdmi2")
        assert projector.picture.input == "32"


async def test_a_lamp_that_never_gets_warm_keeps_the_command_waiting_until_its_caller_gives_up() -> None:
    async with in_use(faults=["stuck-warming"]) as (projector, watch):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await watch.driver.command(Command.parse("power", True))
        assert watch.health[-1].state is HealthState.WARMING
        assert power(projector) == "warming"


async def test_closing_ends_a_command_that_waits_and_is_idempotent() -> None:
    async with PjlinkProjector(warm_up_s=30) as projector:
        driver = await driver_for(projector).__aenter__()
        waiting = asyncio.create_task(driver.command(Command.parse("power", True)))
        await projector.changes.until(lambda: projector.power == "warming")
        await driver.__aexit__(None, None, None)
        await driver.__aexit__(None, None, None)
        with pytest.raises(Unreachable):
            await waiting
        await projector.changes.until(lambda: projector.connections == 0)
        with pytest.raises(Unreachable):
            await anext(driver.changes())


async def test_it_is_opened_again_after_a_loss_by_a_new_driver() -> None:
    async with PjlinkProjector() as projector:
        for fault in ("drop", "garbage"):
            async with watched(driver_for(projector)) as watch:
                projector.faults.add(fault)
                await watch.until(lambda: watch.ended is not None)
                projector.faults.clear()
        async with watched(driver_for(projector)) as watch:
            assert watch.states == ["standby"]


# --- conversations of the specification and of sets with their own ideas ---------------------------------------------

Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(talk: Streams) -> AsyncIterator[tuple[str, int]]:
    """A peer of a few lines: `talk` has each connection until it returns or the other end goes."""
    talking: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await talk(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(asyncio.create_task(one(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1")
    async with server:
        yield server.sockets[0].getsockname()[:2]
        async with asyncio.timeout(5):
            await asyncio.gather(*talking)


@contextlib.asynccontextmanager
async def playing(
    *conversations: list[tuple[str, str]], proof: Proof = Proof.AUTO, password: str | None = None
) -> AsyncIterator[Watched]:
    async with scripted(*conversations) as (host, port):
        driver = standing_still(host, port, proof, password)
        async with watched(driver) as watch:
            yield watch


@contextlib.asynccontextmanager
async def scripted(*conversations: list[tuple[str, str]]) -> AsyncIterator[tuple[str, int]]:
    """A peer that plays one conversation per connection: lines that must come, in order, and what it says to each.

    The first line is empty: what it says at once. Where it has nothing to say, it hangs up. It fails the test if
    something else comes.
    """
    left = list(conversations)
    wrong: list[str] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for expected, said in left.pop(0) if left else [("a connection too many", "")]:
            came = (await reader.readuntil(b"\r")).decode()[:-1] if expected else ""
            if came != expected:
                wrong.append(f"expected {expected!r}, got {came!r}")
                return
            if not said:
                return
            writer.write(f"{said}\r".encode("latin-1"))
        if await reader.read():
            wrong.append("more came than was expected")

    async with serving(play) as address:
        yield address
    assert wrong == []
    assert left == [], "conversations that never took place"


def standing_still(host: str, port: int, proof: Proof, password: str | None) -> Projector:
    """A driver that looks once and not again, whose own random number is that of the specification's example."""
    own = bytes.fromhex("c14b279e603d8a5f17e849ba360f2dc5")
    link = PjlinkLink(host, port, password, proof, 2.0, lambda: own)
    return Projector(PjlinkSet(Options(host=host, port=port), link), poll_s=25, patience_s=1)


JBMIA = "JBMIAProjectorLink"
CLASS_1 = [
    ("%1INST ?", "%1INST=11 12 21 22 31 32"),
    ("%1POWR ?", "%1POWR=1"),
    ("%1ERST ?", "%1ERST=000000"),
    ("%1INPT ?", "%1INPT=31"),
    ("%1AVMT ?", "%1AVMT=30"),
    ("%1LAMP ?", "%1LAMP=12345 1 99999 0"),
]


async def test_a_class_1_conversation_with_the_specifications_md5() -> None:
    """Class 1 Version 1.04, sections 4 and 5.1: random 498e4a67, password JBMIAProjectorLink."""
    first = ("5d8409bc1c3fa39749434aa3a5c38682%1CLSS ?", "%1CLSS=1")
    async with playing([("", "PJLINK 1 498e4a67"), first, *CLASS_1], proof=Proof.MD5, password=JBMIA) as watch:
        await watch.until(lambda: "lamp_2_h" in watch.values)
        assert watch.values == {
            "power": True,
            "fault": "",
            "warning": "",
            "input": "hdmi1",
            "switch_mute": False,
            "lamp_h": 12345,
            "lamp_2_h": 99999,
        }
        assert inputs(watch.driver) == ("rgb1", "rgb2", "video1", "video2", "hdmi1", "hdmi2")


async def test_an_older_set_that_takes_the_newer_question_for_a_password_gets_md5_on_a_new_connection() -> None:
    greeted = ("", "PJLINK 1 498e4a67")
    first = ("5d8409bc1c3fa39749434aa3a5c38682%1CLSS ?", "%1CLSS=1")
    for no in ("PJLINK ERRA", "%1POWR=ERR1", "what?"):
        async with playing([greeted, ("PJLINK 2", no)], [greeted, first, *CLASS_1], password=JBMIA) as watch:
            assert watch.states == ["online"]


async def test_a_class_2_conversation_with_the_newer_proof() -> None:
    """Class 2 Version 2.10, section 5.1 (1-2) to (1-5)."""
    proof = "c14b279e603d8a5f17e849ba360f2dc570ab129eac6924d4c129c9c4fcf45be42e1e776325a66db67e5b6eee50f2a692"
    conversation = [
        ("", "PJLINK 1 498e4a67"),
        ("PJLINK 2", "PJLINK 2 3db25e10f69c47a85adb24cf361897e0"),
        (f"{proof}%1CLSS ?", "%1CLSS=2"),
        ("%2INST ?", "%2INST=11 31 32 6A"),
        ("%2INNM ?11", "%2INNM=Computer 1"),
        ("%2INNM ?31", "%2INNM=HDMI 1"),
        ("%2INNM ?32", "%2INNM=M\xe1y t\xednh"),
        ("%2INNM ?6A", "%2INNM=ERR3"),
        ("%1POWR ?", "%1POWR=0"),
        ("%1ERST ?", "%1ERST=001000"),
        ("%1LAMP ?", "%1LAMP=ERR1"),
        ("%2FILT ?", "%2FILT=321"),
    ]
    async with playing(conversation, password=JBMIA) as watch:
        await watch.until(lambda: "filter_h" in watch.values)
        assert watch.values == {
            "power": False,
            "fault": "",
            "warning": "temperature",
            "input": "",
            "switch_mute": False,
            "switch_freeze": False,
            "filter_h": 321,
        }
        assert inputs(watch.driver) == ("rgb1", "hdmi1", "hdmi2", "internala")


async def test_a_set_that_says_little_in_standby_is_still_driven() -> None:
    """ERR3 to everything but power, as many sets answer in standby; the inputs are learnt when it is on."""
    dark = [
        ("", "PJLINK 0"),
        ("%1CLSS ?", "%1CLSS=1"),
        ("%1INST ?", "%1INST=ERR3"),
        ("%1POWR ?", "%1POWR=ERR3"),
        ("%1ERST ?", "%1ERST=ERR3"),
        ("%1LAMP ?", "%1LAMP=ERR3"),
        ("%1POWR ?", "%1POWR=1"),
        ("%1ERST ?", "%1ERST=00000X"),
        ("%1INST ?", "%1INST=31 32"),
        ("%1INPT ?", "%1INPT=31"),
        ("%1AVMT ?", "%1AVMT=ERR1"),
        ("%1INPT 32", "%1INPT=OK"),
        ("%1POWR ?", "%1POWR=1"),
        ("%1INPT ?", "%1INPT=32"),
    ]
    async with playing(dark) as watch:
        assert watch.states == ["standby"]
        assert inputs(watch.driver) == ()
        await watch.command("input", "hdmi2")
        assert [str(control.target) for control in watch.driver.controls] == ["power", "input"]
        assert inputs(watch.driver) == ("hdmi1", "hdmi2")


async def test_a_set_whose_input_cannot_be_asked_for_is_taken_at_its_word() -> None:
    conversation = [
        ("", "PJLINK 0"),
        ("%1CLSS ?", "%1CLSS=1"),
        ("%1INST ?", "%1INST=31 32"),
        ("%1POWR ?", "%1POWR=1"),
        ("%1ERST ?", "%1ERST=ERR1"),
        ("%1INPT ?", "%1INPT=ERR1"),
        ("%1AVMT ?", "%1AVMT=ERR1"),
        ("%1LAMP ?", "%1LAMP=lots"),
        ("%1POWR ?", "%1POWR=1"),
        ("%1INPT 32", "%1INPT=OK"),
    ]
    async with playing(conversation) as watch:
        await watch.command("input", "hdmi2")
        assert "input" not in watch.values


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ("%1LAMP=1 1", BadReply, "was asked for POWR and answered LAMP"),
        ("%1POWR=7", BadReply, "POWR is 0 to 3, not '7'"),
        ("%1POWR=ERR1", BadReply, "answered ERR1 to POWR"),
        ("hello", BadReply, "not a PJLink reply"),
        ("x" * 2000, BadReply, "1024 bytes without an end"),
    ],
)
async def test_an_answer_that_breaks_the_protocol_is_a_bad_reply(
    said: str, error: type[DeviceError], words: str
) -> None:
    opening = [("", "PJLINK 0"), ("%1CLSS ?", "%1CLSS=1"), ("%1INST ?", "%1INST=31"), ("%1POWR ?", said)]
    async with scripted(opening) as (host, port):
        with pytest.raises(error, match=words):
            await standing_still(host, port, Proof.AUTO, None).__aenter__()


async def test_err4_to_the_power_question_is_a_fault() -> None:
    opening = [
        ("", "PJLINK 0"),
        ("%1CLSS ?", "%1CLSS=1"),
        ("%1INST ?", "%1INST=31"),
        ("%1POWR ?", "%1POWR=ERR4"),
        ("%1ERST ?", "%1ERST=000000"),
        ("%1LAMP ?", "%1LAMP=1 0"),
    ]
    async with playing(opening) as watch:
        assert watch.health == [Health(HealthState.FAULT, "device")]


async def test_a_command_whose_answer_is_lost_is_not_told_again() -> None:
    """Turned off and hung up before the OK: whether it was taken is not known, and off is never told twice."""
    conversation = [
        ("", "PJLINK 0"),
        ("%1CLSS ?", "%1CLSS=1"),
        *CLASS_1,
        ("%1POWR ?", "%1POWR=1"),
        ("%1ERST ?", "%1ERST=000000"),
        ("%1INPT ?", "%1INPT=31"),
        ("%1AVMT ?", "%1AVMT=30"),
        ("%1POWR 0", ""),
    ]
    async with playing(conversation) as watch:
        with pytest.raises(Unreachable, match="hung up instead of answering"):
            await watch.command("power", False)


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\r", b"")), min_size=1, max_size=12))
def test_no_answers_do_more_than_end_the_conversation(lines: list[bytes]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in [b"PJLINK 0", *lines]:
            writer.write(line + b"\r")
            await reader.readuntil(b"\r")

    async def run() -> None:
        async with serving(answer) as (host, port):
            with contextlib.suppress(DeviceError):
                async with standing_still(host, port, Proof.AUTO, None):
                    pass

    asyncio.run(run())


# --- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"host": ""}, "host"),
        ({"host": "192.168.1.2:4352/x"}, "host"),
        ({"host": "a", "port": 0}, "port"),
        ({"host": "a", "password": "secret"}, "password"),
        ({"host": "a", "inputs": {"laptop": "HDMI"}}, "inputs"),
        ({"host": "a", "poll_s": 30}, "poll_s"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(options: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        DRIVER.options.model_validate(options)
    assert wrong.value.errors()[0]["loc"][0] == field
