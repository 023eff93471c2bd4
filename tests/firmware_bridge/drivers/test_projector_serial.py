"""The serial projector's driver: against a simulated Epson that can be unplugged, and against recorded exchanges."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from classroom_profiles.capability import Command
from classroom_profiles.problem import DocumentError
from classroom_profiles.reading import Health, HealthState, Reading
from firmware_bridge.driver import Driver, Wires
from firmware_bridge.drivers.projector_serial import DRIVER
from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable
from firmware_bridge.projector_table import ProjectorTable, load_table, table_names
from simulators.changes import Changes
from simulators.projector_serial import EscVp21Projector
from simulators.pty_port import PtyPort
from tests.firmware_bridge.watched import Watched, watched


def driver_at(port: str, **options: Any) -> Driver:
    quick = {"table": "epson-esc-vp21", "poll_s": 0.02, "answer_s": 3.0, "patience_s": 0.3}
    return DRIVER.open({"port": port, **quick, **options}, Wires())


@contextlib.asynccontextmanager
async def in_use(
    warm_up_s: float = 0.05, cool_down_s: float = 0.05, slow_s: float = 0.1, answer_s: float = 3.0, **options: Any
) -> AsyncIterator[tuple[EscVp21Projector, Watched]]:
    async with (
        EscVp21Projector(warm_up_s=warm_up_s, cool_down_s=cool_down_s, slow_s=slow_s, **options) as projector,
        watched(driver_at(projector.port, answer_s=answer_s)) as watch,
    ):
        yield projector, watch


async def get_warm(projector: EscVp21Projector, watch: Watched) -> None:
    """Let it be seen warming up before it is warm, however slow the machine is."""
    await watch.until(lambda: watch.states[-1] == "warming")
    projector.faults.discard("stuck-warming")


def power(projector: EscVp21Projector) -> str:
    return projector.power


def told(projector: EscVp21Projector) -> list[str]:
    """What it was told, without what it was asked."""
    return [line for line in projector.received if line and not line.endswith("?")]


# --- a lesson's worth of use -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["when-done", "at-once"])
async def test_it_turns_on_through_warming_shows_an_input_and_turns_off_through_cooling(prompt: str) -> None:
    async with in_use(cool_down_s=30, prompt=prompt, faults=["stuck-warming"]) as (projector, watch):
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.command("power", True))
            await get_warm(projector, watch)
        assert power(projector) == "on"
        await watch.command("input", "hdmi2")
        assert projector.source == "A0"
        await watch.until(lambda: watch.values.get("input") == "hdmi2")
        await watch.command("power", False)
        assert power(projector) == "cooling"
        await watch.until(lambda: watch.states[-1] == "cooling")
        projector.set_power(False)
        await watch.until(lambda: watch.states[-1] == "standby")
        assert watch.states == ["standby", "warming", "online", "cooling", "standby"]
        assert told(projector) == ["PWR ON", "SOURCE A0", "PWR OFF"]


async def test_health_comes_first_then_every_metric() -> None:
    async with EscVp21Projector(lamp_hours=777) as projector:
        projector.set_power(True)
        async with driver_at(projector.port) as driver:
            said = driver.changes()
            assert await anext(said) == Health(HealthState.ONLINE)
            values = {}
            for _ in range(7):
                reading = await anext(said)
                assert isinstance(reading, Reading)
                values[reading.metric] = (reading.value, reading.unit)
            assert values == {
                "power": (True, ""),
                "fault": ("", ""),
                "warning": ("", ""),
                "input": ("hdmi1", ""),
                "switch_mute": (False, ""),
                "switch_freeze": (False, ""),
                "lamp_h": (777, "h"),
            }
            await said.aclose()  # type: ignore[attr-defined]


async def test_controls_are_those_of_the_table_or_of_the_room() -> None:
    async with EscVp21Projector() as projector, driver_at(projector.port) as driver:
        assert [str(control.target) for control in driver.controls] == [
            "power",
            "input",
            "switch.mute",
            "switch.freeze",
        ]
        assert driver.controls[1].choices[:2] == ("hdmi1", "hdmi2")
    async with EscVp21Projector() as projector:
        projector.set_power(True)
        async with watched(driver_at(projector.port, inputs={"laptop": "a0", "hdmi1": "30"})) as watch:
            assert watch.driver.controls[1].choices == ("laptop", "hdmi1")
            await watch.command("input", "laptop")
            await watch.until(lambda: watch.values["input"] == "laptop")
            await watch.command("input", "30")
            assert projector.source == "30"
            with pytest.raises(Refused, match="it has no input 'rgb1'; it has: laptop, hdmi1"):
                await watch.command("input", "rgb1")


async def test_the_picture_is_muted_and_frozen() -> None:
    async with in_use() as (projector, watch):
        projector.set_power(True)
        await watch.command("switch.mute", True)
        await watch.command("switch.freeze", True)
        assert (projector.muted, projector.frozen) == (True, True)
        await watch.until(lambda: watch.values["switch_mute"] is True and watch.values["switch_freeze"] is True)
        await watch.command("switch.mute", False)
        assert not projector.muted


async def test_what_a_person_does_with_the_remote_control_is_seen() -> None:
    async with in_use() as (projector, watch):
        projector.set_power(True)
        projector.source = "53"
        await watch.until(lambda: watch.values.get("input") == "network1")
        projector.source = "C0"
        await watch.until(lambda: watch.values["input"] == "c0")
        projector.set_power(False)
        await watch.until(lambda: watch.values["input"] == "")


async def test_a_fault_is_health_and_a_warning_is_a_reading() -> None:
    async with in_use() as (projector, watch):
        projector.faults.add("airflow")
        await watch.until(lambda: watch.values["warning"] == "airflow")
        assert watch.states == ["standby"]
        projector.faults.add("temperature")
        await watch.until(lambda: watch.health[-1] == Health(HealthState.FAULT, "temperature"))
        assert watch.values["fault"] == "temperature"
        projector.faults.clear()
        await watch.until(lambda: watch.health[-1] == Health(HealthState.STANDBY))


async def test_a_set_that_goes_dark_with_a_fault_says_why_it_does_not_turn_on() -> None:
    async with in_use() as (projector, watch):
        projector.faults.add("lamp")
        await watch.until(lambda: watch.states[-1] == "fault")
        with pytest.raises(Refused, match="it does not do it: lamp"):
            await watch.command("power", True)
        assert told(projector) == ["PWR ON"]


async def test_a_lamp_that_fails_while_it_warms_up_fails_the_command() -> None:
    async with in_use(warm_up_s=30) as (projector, watch):
        turning_on = asyncio.create_task(watch.command("power", True))
        await watch.until(lambda: watch.states[-1] == "warming")
        projector.faults.add("lamp")
        with pytest.raises(Refused, match="it went out again while warming up: lamp"):
            await turning_on


# --- commands that wait for their moment -----------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["when-done", "at-once"])
async def test_an_input_asked_for_while_it_warms_up_waits_until_it_is_warm(prompt: str) -> None:
    async with in_use(prompt=prompt, faults=["stuck-warming"]) as (projector, watch):
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.command("power", True))
            await watch.until(lambda: watch.states[-1] == "warming")
            group.create_task(watch.command("input", "hdmi2"))
            await get_warm(projector, watch)
        assert projector.source == "A0"
        assert told(projector) == ["PWR ON", "SOURCE A0"]


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
        assert told(projector) == ["PWR OFF", "PWR ON", "PWR OFF"]
        await asyncio.gather(turning_on, return_exceptions=True)


async def test_nothing_is_told_twice() -> None:
    async with in_use() as (projector, watch):
        await watch.command("power", False)
        for on in (True, False):
            async with asyncio.TaskGroup() as group:
                for _ in range(5):
                    group.create_task(watch.command("power", on))
            await watch.command("power", on)
        assert told(projector) == ["PWR ON", "PWR OFF"]


async def test_a_command_that_is_given_up_leaves_the_next_one_right() -> None:
    async with in_use(warm_up_s=0.2, faults=["split"]) as (projector, watch):
        for _ in range(10):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await watch.driver.command(Command.parse("power", True))
        await watch.command("power", True)
        await watch.command("input", "hdmi2")
        assert projector.source == "A0"
        assert told(projector) == ["PWR ON", "SOURCE A0"]
        assert watch.ended is None


async def test_events_that_nobody_asked_for_change_nothing() -> None:
    async with in_use(warm_up_s=0.1, faults=["events"]) as (projector, watch):
        await watch.command("power", True)
        await watch.command("input", "hdmi2")
        await watch.command("power", False)
        assert told(projector) == ["PWR ON", "SOURCE A0", "PWR OFF"]
        assert watch.ended is None


# --- refusals --------------------------------------------------------------------------------------------------------


async def test_a_set_that_refuses_is_said_to_refuse() -> None:
    async with in_use(faults=["refuse"]) as (projector, watch):
        with pytest.raises(Refused, match="it answers ERR to PWR ON"):
            await watch.command("power", True)
        assert power(projector) == "off"
        projector.faults.clear()
        await watch.command("power", True)
        assert power(projector) == "on"


async def test_an_input_that_the_set_does_not_take_is_not_now() -> None:
    async with in_use() as (projector, watch):
        projector.set_power(True)
        with pytest.raises(NotNow, match="it answers ERR to SOURCE 80"):
            await watch.command("input", "hdbaset1")
        await watch.command("input", "hdmi2")
        assert watch.ended is None


async def test_a_check_touches_nothing_and_says_what_the_command_would() -> None:
    async with EscVp21Projector() as projector, driver_at(projector.port) as driver:
        before = list(projector.received)
        await driver.check(Command.parse("power", True))
        with pytest.raises(NotNow, match="input can be set only while it is on; it is standby"):
            await driver.check(Command.parse("input", "hdmi1"))
        with pytest.raises(Refused, match="it has no input 'hdmi9'; it has: hdmi1, hdmi2"):
            await driver.check(Command.parse("input", "hdmi9"))
        with pytest.raises(Refused, match="has no level"):
            await driver.command(Command.parse("level", 40))
        assert projector.received == before


# --- a bad cable -----------------------------------------------------------------------------------------------------


async def test_a_pulled_cable_ends_the_changes_and_every_command_and_a_new_driver_goes_on(tmp_path: Path) -> None:
    link = tmp_path / "tty-projector"
    async with EscVp21Projector(link=link, warm_up_s=0.05, faults=["stuck-warming"]) as projector:
        async with watched(driver_at(projector.port)) as watch:
            turning_on = asyncio.create_task(watch.command("power", True))
            await watch.until(lambda: watch.states[-1] == "warming")
            projector.unplug()
            with pytest.raises(Unreachable, match="was unplugged"):
                await turning_on
            await watch.until(lambda: watch.ended is not None)
            assert isinstance(watch.ended, Unreachable)
            with pytest.raises(Unreachable):
                await watch.command("power", False)
        with pytest.raises(Unreachable, match="is not there; is it plugged in"):
            await driver_at(projector.port).__aenter__()
        projector.replug()
        projector.faults.clear()
        async with watched(driver_at(projector.port)) as watch:
            await watch.command("power", True)
            assert told(projector) == ["PWR ON"]


async def test_two_drivers_do_not_share_one_cable() -> None:
    async with EscVp21Projector() as projector, driver_at(projector.port):
        with pytest.raises(Unreachable, match="used by another program"):
            await driver_at(projector.port).__aenter__()


async def test_a_set_that_does_not_answer_says_what_to_look_at() -> None:
    async with EscVp21Projector(faults=["silent"]) as projector:
        with pytest.raises(Timeout, match="is the cable a crossed one, is its standby mode one in which it listens"):
            await driver_at(projector.port, answer_s=0.1).__aenter__()
        await projector.changes.until(lambda: not projector.is_open)


@pytest.mark.parametrize("fault", ["drop", "silent", "garbage", "err"])
async def test_a_line_that_goes_bad_ends_the_changes(fault: str) -> None:
    async with EscVp21Projector() as projector, watched(driver_at(projector.port, answer_s=1.0)) as watch:
        projector.faults.add(fault)
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, Timeout | BadReply)
        with pytest.raises(type(watch.ended)):
            await watch.command("power", True)


async def test_a_set_that_answers_late_byte_by_byte_is_understood() -> None:
    async with in_use(warm_up_s=0.01, slow_s=0.02, faults=["slow", "split"], answer_s=20.0) as (projector, watch):
        await watch.command("power", True)
        await watch.command("input", "hdmi2")
        assert projector.source == "A0"


async def test_a_refusal_that_comes_too_late_is_not_taken_for_the_state() -> None:
    async with in_use(slow_s=0.25, faults=["slow", "refuse"], answer_s=1.0) as (projector, watch):
        with pytest.raises(DeviceError):
            await watch.command("power", True)
        assert watch.ended is None
        assert power(projector) == "off"


async def test_closing_ends_a_command_that_waits_and_is_idempotent() -> None:
    async with EscVp21Projector(warm_up_s=30) as projector:
        driver = await driver_at(projector.port).__aenter__()
        waiting = asyncio.create_task(driver.command(Command.parse("power", True)))
        await projector.changes.until(lambda: projector.power == "warming")
        await driver.__aexit__(None, None, None)
        await driver.__aexit__(None, None, None)
        with pytest.raises(Unreachable):
            await waiting
        await projector.changes.until(lambda: not projector.is_open)


# --- recorded exchanges ----------------------------------------------------------------------------------------------


class Scripted:
    """A set that answers what is written down, and nothing to the rest; what it cannot answer is in `unexpected`."""

    def __init__(self, answers: dict[bytes, bytes], end: bytes) -> None:
        self.answers = answers
        self.received: list[bytes] = []
        self.changes = Changes()
        self._end = end
        self._came = bytearray()
        self.port = PtyPort(None, self._take)

    def __enter__(self) -> "Scripted":
        self.port.plug()
        return self

    def __exit__(self, *error: object) -> None:
        self.port.unplug()

    def _take(self, data: bytes) -> None:
        self._came += data
        while self._end in self._came:
            line, _, rest = bytes(self._came).partition(self._end)
            self._came[:] = rest
            self.received.append(line)
            self.port.write(self.answers.get(line, b""))
        self.changes.tell()


GUIDE = {
    b"": b":",
    b"PWR?": b"PWR=01\r:",
    b"ERR?": b"ERR=00\r:",
    b"SOURCE?": b"SOURCE=21\r:",
    b"SOURCE 30": b":",
    b"MUTE?": b"MUTE=OFF\r:",
    b"FREEZE?": b"ERR\r:",
    b"LAMP?": b"LAMP=120 65535\r:",
}
"""Epson's guide, sections 1.3 and 1.4."""


async def test_the_guides_own_answers_are_read() -> None:
    with Scripted(GUIDE, b"\r") as epson:
        async with watched(driver_at(epson.port.path)) as watch:
            await watch.until(lambda: "lamp_2_h" in watch.values)
            assert watch.values["input"] == "rgb2"
            assert (watch.values["lamp_h"], watch.values["lamp_2_h"]) == (120, 65535)
            assert "switch_freeze" not in watch.values


async def test_a_switch_that_cannot_be_asked_for_is_taken_at_its_word() -> None:
    with Scripted({**GUIDE, b"FREEZE ON": b":"}, b"\r") as epson:
        async with watched(driver_at(epson.port.path, patience_s=5)) as watch:
            await epson.changes.until(lambda: epson.received.count(b"FREEZE?") >= 3)
            await watch.command("switch.freeze", True)
            assert b"FREEZE ON" in epson.received


async def test_an_input_that_the_set_takes_and_does_not_show_is_a_timeout() -> None:
    with Scripted(GUIDE, b"\r") as epson:
        async with watched(driver_at(epson.port.path)) as watch:
            with pytest.raises(Timeout, match=r"it was told input -> hdmi1 0\.3 s ago and has not done it"):
                await watch.command("input", "hdmi1")
            assert epson.received.count(b"SOURCE 30") == 1


async def test_a_set_that_is_slow_to_leave_a_state_is_waited_for_and_not_told_twice() -> None:
    """For a while after PWR OFF it still says that it is on; a command to turn it on must not believe that."""
    with Scripted({**GUIDE, b"PWR OFF": b":"}, b"\r") as epson:
        async with watched(driver_at(epson.port.path, patience_s=5)) as watch:
            off = asyncio.create_task(watch.command("power", False))
            await epson.changes.until(lambda: b"PWR OFF" in epson.received)
            off.cancel()
            await asyncio.gather(off, return_exceptions=True)
            off_again = asyncio.create_task(watch.command("power", False))
            asked = epson.received.count(b"PWR?")
            await epson.changes.until(lambda: epson.received.count(b"PWR?") > asked + 3)
            on = asyncio.create_task(watch.command("power", True))
            await epson.changes.until(lambda: epson.received.count(b"PWR?") > asked + 6)
            assert not on.done()
            with pytest.raises(Refused, match="overtaken"):
                await off_again
            epson.answers[b"PWR?"] = b"PWR=03\r:"
            await watch.until(lambda: watch.states[-1] == "cooling")
            epson.answers |= {b"PWR?": b"PWR=00\r:", b"PWR ON": b""}
            await epson.changes.until(lambda: b"PWR ON" in epson.received)
            epson.answers[b"PWR?"] = b"PWR=01\r:"
            await on
            assert (epson.received.count(b"PWR OFF"), epson.received.count(b"PWR ON")) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"PWR=0Z\r:", "PWR=0Z is not in the table epson-esc-vp21"),
        (b"x" * 300, "256 bytes without an end"),
        (b"PWR\r:" * 20, "16 replies, and none of them to"),
    ],
)
async def test_an_answer_that_breaks_the_protocol_is_a_bad_reply(answer: bytes, words: str) -> None:
    with Scripted({**GUIDE, b"PWR?": answer}, b"\r") as epson, pytest.raises(BadReply, match=words):
        await driver_at(epson.port.path).__aenter__()


@settings(max_examples=25)
@given(st.lists(st.binary(max_size=40), min_size=6, max_size=6))
def test_no_answers_do_more_than_end_the_conversation(answers: list[bytes]) -> None:
    async def run() -> None:
        asked = (b"PWR?", b"ERR?", b"SOURCE?", b"MUTE?", b"FREEZE?", b"LAMP?")
        given_back = {line: answer + b"\r:" for line, answer in zip(asked, answers, strict=True)}
        with Scripted({b"": b":", **given_back}, b"\r") as epson, contextlib.suppress(DeviceError):
            async with driver_at(epson.port.path, answer_s=0.05):
                pass

    asyncio.run(run())


async def test_a_protocol_that_echoes_its_commands_needs_no_more_than_a_table() -> None:
    answers = {
        b"\x02Q$S": b"\x022\x03",
        b"\x02QIN": b"\x02HD1\x03",
        b"\x02QSH": b"\x020\x03",
        b"\x02QFZ": b"\x02ER401\x03",
        b"\x02Q$L:1": b"\x021234\x03",
        b"\x02OSH:1": b"\x02OSH:1\x03",
        b"\x02IIS:DP1": b"\x02ER401\x03",
    }
    with Scripted(answers, b"\x03") as panasonic:
        async with watched(driver_at(panasonic.port.path, table="panasonic-pt")) as watch:
            await watch.until(lambda: "lamp_h" in watch.values)
            assert (watch.values["input"], watch.values["switch_mute"], watch.values["lamp_h"]) == (
                "hdmi1",
                False,
                1234,
            )
            muting = asyncio.create_task(watch.command("switch.mute", True))
            await panasonic.changes.until(lambda: b"\x02OSH:1" in panasonic.received)
            answers[b"\x02QSH"] = b"\x021\x03"
            await muting
            with pytest.raises(NotNow, match="ER401 to IIS:DP1"):
                await watch.command("input", "displayport1")


# --- tables and options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", table_names())
def test_every_table_that_comes_with_lophoc_is_right_and_named_in_the_page(name: str) -> None:
    table = load_table(name)
    assert {"standby", "warming", "on", "cooling"} <= set(table.power.phases.values())
    assert name in (DRIVER.options.model_fields["table"].description or "")


OWN = """\
about: Own
source: the manual
reply_end: ":"
accepted: empty
refused: [ERR]
power:
  ask: "PWR?"
  answer: "PWR="
  on: PWR ON
  off: PWR OFF
  phases: {"00": standby, "01": on}
"""


async def test_a_table_of_ones_own_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(OWN)
    with Scripted({b"PWR?": b"PWR=00\r:"}, b"\r") as own:
        async with driver_at(own.port.path, table=str(file)) as driver:
            assert [str(control.target) for control in driver.controls] == ["power"]
            with pytest.raises(Refused, match="has no input"):
                await driver.check(Command.parse("input", "hdmi1"))
        assert own.received == [b"PWR?"]
    with pytest.raises(ValidationError, match="has no inputs"):
        DRIVER.options.model_validate({"port": "x", "table": str(file), "inputs": {"hdmi1": "30"}})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (OWN.replace("ask: ", "aks: "), r"7:3: power.aks: unknown field 'aks'; did you mean 'ask'\?"),
        (OWN.replace('"00": standby', '"00": asleep'), r"11:18: power.phases.00: "),
        (OWN.replace('{"00": standby, "01": on}', '{"00": standby, "02": warming}'), "no answer means on"),
        (OWN.replace('reply_end: ":"', 'reply_end: "::"'), "3:12: reply_end: "),
        (OWN + "hours: {lamp_m: {ask: x, answer: y}}\n", "hours"),
        (OWN + 'input: {ask: "S?", answer: "S=", tell: "S", inputs: {a: ["1"]}}\n', r"12:\d+: input.tell"),
        (
            OWN + 'input: {ask: "S?", answer: "S=", tell: "S {}", inputs: {a: ["1"], b: ["1"]}}\n',
            "1 stands there twice",
        ),
        ("- 1\n", "1:1: "),
        ("about: [\n", "own.yaml:"),
    ],
)
def test_a_table_with_a_mistake_says_where_and_what(tmp_path: Path, wrong: str, words: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(wrong)
    with pytest.raises(DocumentError, match=words):
        load_table(str(file))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"port": "x", "table": "epson-vp21"}, "no table 'epson-vp21'; did you mean 'epson-esc-vp21'"),
        ({"port": "x", "table": "/nowhere/own.yaml"}, "cannot be read"),
        ({"port": "", "table": "epson-esc-vp21"}, "at least 1 character"),
        ({"port": "x", "table": "epson-esc-vp21", "baudrate": 1}, "greater than or equal to 300"),
        ({"port": "x", "table": "epson-esc-vp21", "inputs": {"HDMI!": "30"}}, "match pattern"),
    ],
)
def test_options_that_cannot_work_say_why(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DRIVER.options.model_validate(options)


def test_a_tables_every_field_is_described() -> None:
    assert all(field.description for field in ProjectorTable.model_fields.values())
