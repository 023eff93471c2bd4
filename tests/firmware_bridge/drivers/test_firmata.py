"""The Firmata driver: against a simulated board that can be unplugged and confused, and against real firmware."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from classroom_profiles.reading import Health, HealthState
from firmware_bridge.driver import Driver, Wires
from firmware_bridge.driver_page import page
from firmware_bridge.drivers.firmata import DRIVER
from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable, WrongFirmware
from simulators.firmata import FirmataBoard
from simulators.pty_port import PtyPort
from tests.firmware_bridge.firmata_rig import RigBoard
from tests.firmware_bridge.watched import Watched, watched

KIT: dict[str, Any] = {
    "lamp": 13,
    "pins": {
        "motor": {"pin": 9, "kind": "pwm"},
        "horn": {"pin": 12, "kind": "output"},
        "arm": {"pin": 10, "kind": "servo", "degrees": [20, 160], "pulse_us": [1000, 2000]},
        "bumper": {"pin": 2, "kind": "input", "pull": "up", "active": "low"},
        "light_percent": {"pin": "A0", "kind": "analog"},
        "distance_cm": {"pin": 7, "kind": "sonar", "echo": 8},
    },
}


def driver_at(port: str, **options: Any) -> Driver:
    quick = {"boot_s": 18.0, "answer_s": 10.0, "poll_s": 0.02, "sampling_ms": 5}
    return DRIVER.open({"port": port, **quick, **options}, Wires())


@contextlib.asynccontextmanager
async def in_use(board: FirmataBoard | None = None, **options: Any) -> AsyncIterator[tuple[FirmataBoard, Watched]]:
    async with (
        board or FirmataBoard(slow_s=0.1) as there,
        watched(driver_at(there.port, **(KIT | options))) as watch,
    ):
        yield there, watch


def outputs(board: FirmataBoard) -> dict[str, int]:
    return {name: board.pins[pin].value for name, pin in (("motor", 9), ("horn", 12), ("lamp", 13))}


# --- a lesson's worth of use -----------------------------------------------------------------------------------------


async def test_a_kit_is_idle_becomes_ready_obeys_and_rests() -> None:
    async with in_use() as (board, watch):
        assert outputs(board) == {"motor": 0, "horn": 0, "lamp": 0}
        await watch.command("robot", "ready")
        assert outputs(board)["lamp"] == 1
        await watch.command("level.motor", 40)
        await watch.command("switch.horn", True)
        await watch.command("level.arm", 25)
        assert outputs(board) == {"motor": 102, "horn": 1, "lamp": 1}
        assert (board.pins[10].value, board.pins[10].servo_pulse_us) == (55, (1000, 2000))
        await watch.until(lambda: watch.values.get("level_arm") == 25.0)
        assert watch.values["robot"] == "ready"
        await watch.command("robot", "idle")
        assert outputs(board) == {"motor": 0, "horn": 0, "lamp": 0}
        assert board.pins[10].value == 55, "a servo stays where it is"
        await watch.until(lambda: watch.values["robot"] == "idle")
        assert (watch.values["level_motor"], watch.values["switch_horn"]) == (0.0, False)
        assert watch.states == ["online"]


async def test_health_comes_first_then_what_it_has() -> None:
    async with in_use(FirmataBoard(firmware="KitTwo")) as (_, watch):
        await watch.until(lambda: len(watch.values) == 7)
        assert watch.said[0] == Health(HealthState.ONLINE)
        assert watch.values == {
            "firmware": "KitTwo.ino 2.5",
            "robot": "idle",
            "level_motor": 0.0,
            "switch_horn": False,
            "bumper": False,
            "light_percent": 0.0,
            "distance_cm": 0,
        }
        units = {change.metric: change.unit for change in watch.said if not isinstance(change, Health)}
        assert {metric: unit for metric, unit in units.items() if unit} == {
            "level_motor": "%", "light_percent": "%", "distance_cm": "cm",
        }  # fmt: skip


async def test_sensors_are_read_as_they_change() -> None:
    async with in_use() as (board, watch):
        assert board.sampling_ms == 5
        board.set_input(2, False)
        await watch.until(lambda: watch.values.get("bumper") is True)
        board.set_input(2, True)
        await watch.until(lambda: watch.values["bumper"] is False)
        board.analog[0] = 1023
        await watch.until(lambda: watch.values.get("light_percent") == 100.0)
        board.sonar_cm[7] = 80
        await watch.until(lambda: watch.values.get("distance_cm") == 80)


async def test_a_press_of_a_button_is_not_lost_however_short() -> None:
    async with in_use() as (board, watch):
        await watch.until(lambda: "bumper" in watch.values)
        board.set_input(2, False)
        board.set_input(2, True)
        board.set_input(2, False)
        await watch.until(lambda: watch.values["bumper"] is True)
        presses = [c.value for c in watch.said if not isinstance(c, Health) and c.metric == "bumper"]
        assert presses == [False, True, False, True]


async def test_an_idle_robot_does_nothing_but_become_ready() -> None:
    async with in_use() as (board, watch):
        for ask in (watch.check, watch.command):
            with pytest.raises(NotNow, match=r"the robot is idle; level.motor obeys when it is ready"):
                await ask("level.motor", 40)
        assert board.pins[9].value == 0
        await watch.check("robot", "ready")
        assert board.pins[13].value == 0, "a check touches nothing"
        await watch.command("robot", "ready")
        await watch.check("level.motor", 40)


async def test_a_board_that_is_no_robot_obeys_always() -> None:
    pins = {"relay": {"pin": 4, "kind": "output", "active": "low"}, "fan": {"pin": 5, "kind": "output"}}
    async with in_use(lamp=None, use="board", pins=pins) as (board, watch):
        assert [str(control.target) for control in watch.driver.controls] == ["switch.relay", "switch.fan"]
        assert (board.pins[4].value, board.pins[5].value) == (1, 0), "off"
        await watch.command("switch.relay", True)
        await watch.command("switch.fan", True)
        assert (board.pins[4].value, board.pins[5].value) == (0, 1)
        with pytest.raises(Refused, match=r"it has no robot; it has: switch.relay, switch.fan"):
            await watch.command("robot", "ready")


async def test_a_bare_kit_is_ready_when_it_answers() -> None:
    async with in_use(lamp=None, pins={}, answer_s=1.5) as (board, watch):
        await watch.command("robot", "ready")
        await watch.until(lambda: watch.values.get("robot") == "ready")
        with pytest.raises(Refused, match=r"it has no switch.fan; it has: robot"):
            await watch.check("switch.fan", True)
        board.faults.add("silent")
        with pytest.raises(Timeout, match="did not say its"):
            await watch.command("robot", "idle")


# --- opening ---------------------------------------------------------------------------------------------------------


async def test_opening_waits_until_the_board_has_started() -> None:
    async with in_use(FirmataBoard(boot_s=0.3)) as (board, watch):
        assert board.boots == 1
        await watch.command("robot", "ready")
        assert board.pins[13].value == 1


async def test_a_board_that_was_started_long_ago_is_asked_who_it_is() -> None:
    async with FirmataBoard(faults=["silent"]) as board:

        async def heal() -> None:
            await board.changes.until(lambda: board.boots == 1)
            board.faults.clear()

        async with asyncio.TaskGroup() as group:
            group.create_task(heal())
            async with driver_at(board.port, **KIT):
                assert board.boots == 1


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("silent", Timeout, "says nothing within 0.5 s; has it power, is StandardFirmata on it"),
        (
            "wrong-firmware",
            WrongFirmware,
            "but it is not Firmata; upload StandardFirmata to it, or correct its baudrate",
        ),
        ("garbage", BadReply, "it is not Firmata|rubbish came"),
        ("drop", BadReply, "it is not Firmata"),
        ("frozen", Timeout, "did not say its Capabilities in 0.5 s"),
    ],
)
async def test_what_is_no_working_board_is_named_at_once(fault: str, error: type[DeviceError], words: str) -> None:
    async with FirmataBoard(faults=[fault]) as board:
        with pytest.raises(error, match=words):
            async with driver_at(board.port, boot_s=0.5, answer_s=0.5, **KIT):
                pass
        board.faults.clear()
        await board.changes.until(lambda: not board.is_open)
        async with driver_at(board.port, **KIT):
            assert board.is_open


@pytest.mark.parametrize(
    ("pins", "words"),
    [
        ({"motor": {"pin": 2, "kind": "pwm"}}, "motor: pin 2 of this board can be output, servo, input, not PWM"),
        ({"motor": {"pin": 0, "kind": "output"}}, "motor: pin 0 of this board can be nothing, not OUTPUT"),
        ({"motor": {"pin": 44, "kind": "pwm"}}, "motor: this board has pins 0 to 19, and no 44"),
        ({"light": {"pin": "A9", "kind": "analog"}}, "light: this board has no A9"),
        ({"light": {"pin": 5, "kind": "analog"}}, "light: pin 5 of this board can be output, pwm, servo, input, not"),
        (
            {"light": {"pin": "A0", "kind": "analog"}, "fan": {"pin": 14, "kind": "output"}},
            "pin 14 of this board is used twice: it is also A0",
        ),
        ({"far_cm": {"pin": 7, "kind": "sonar", "echo": 8}}, "far_cm: StandardFirmata.ino knows no rangers; upload"),
    ],
)
async def test_what_the_board_cannot_be_is_refused_with_what_it_can(pins: dict[str, Any], words: str) -> None:
    async with FirmataBoard(sonar=False) as board:
        with pytest.raises(Refused, match=words):
            async with driver_at(board.port, pins=pins):
                pass


async def test_a_second_program_is_told_that_the_port_is_in_use_and_disturbs_nothing() -> None:
    async with in_use() as (board, watch):
        with pytest.raises(Unreachable, match="is used by another program; to see which: fuser"):
            async with driver_at(board.port):
                pass
        await watch.command("robot", "ready")
        assert board.boots == 1


async def test_a_port_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="is not there; is it plugged in"):
        async with driver_at(str(tmp_path / "tty")):
            pass


async def test_a_board_of_another_protocol_is_not_spoken_to() -> None:
    class Next(FirmataBoard):
        def _say_version(self) -> None:
            self._send(bytes([0xF9, 3, 0]))

    async with Next() as board:
        with pytest.raises(WrongFirmware, match=r"it speaks Firmata 3.0, not 2.x"):
            async with driver_at(board.port, **KIT):
                pass


# --- what goes wrong in a lesson -------------------------------------------------------------------------------------


async def test_pulled_out_it_is_unreachable_and_plugged_in_it_begins_anew(tmp_path: Path) -> None:
    board = FirmataBoard(link=tmp_path / "tty-kit")
    async with board:
        async with watched(driver_at(board.port, **KIT)) as watch:
            await watch.command("robot", "ready")
            board.unplug()
            await watch.until(lambda: watch.ended is not None)
            assert isinstance(watch.ended, Unreachable)
            for ask in (watch.check, watch.command):
                with pytest.raises(Unreachable, match="was unplugged"):
                    await ask("robot", "idle")
        board.replug()
        async with watched(driver_at(board.port, **KIT)) as watch:
            await watch.until(lambda: watch.values.get("robot") == "idle")
            await watch.command("robot", "ready")
            assert board.pins[13].value == 1


async def test_pulled_out_in_the_middle_of_a_command_it_does_not_keep_the_caller_waiting() -> None:
    async with in_use(answer_s=10) as (board, watch):
        board.faults.add("silent")
        asking = asyncio.create_task(watch.command("robot", "ready"), name="asking")
        board.unplug()
        with pytest.raises(Unreachable, match="was unplugged"):
            await asking


async def test_a_board_that_restarts_is_noticed_since_it_has_forgotten_all() -> None:
    async with in_use() as (board, watch):
        await watch.command("robot", "ready")
        board.press_reset()
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, Unreachable)
        assert "has restarted: it says StandardFirmata.ino again" in str(watch.ended)
        with pytest.raises(Unreachable, match="has restarted"):
            await watch.command("robot", "idle")


async def test_a_restart_that_nobody_heard_is_seen_by_the_pins() -> None:
    async with in_use() as (board, watch):
        board.faults.add("silent")
        board.press_reset()
        await board.changes.until(lambda: board.boots == 2)
        board.faults.clear()
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, Unreachable | Timeout)


async def test_an_output_that_is_not_as_it_was_told_means_a_restart() -> None:
    async with in_use() as (board, watch):
        await watch.command("robot", "ready")
        board.pins[13].state = 0
        await watch.until(lambda: watch.ended is not None)
        assert "has restarted: pin 13 is 0 and was told 1" in str(watch.ended)


async def test_an_output_that_stays_as_it_is_is_refused_and_read_as_it_is() -> None:
    async with in_use() as (board, watch):
        await watch.command("robot", "ready")
        board.faults.add("stuck")
        board.say("no power")
        with pytest.raises(Refused, match="pin 9 is 0, not 255"):
            await watch.command("level.motor", 100)
        with pytest.raises(Refused, match="pin 13 is 1, not 0; it says: no power"):
            await watch.command("robot", "idle")
        board.faults.clear()
        await watch.command("level.motor", 100)
        await watch.until(lambda: watch.values["level_motor"] == 100.0)
        assert watch.values["robot"] == "ready"
        assert watch.ended is None


@pytest.mark.parametrize(
    ("fault", "errors"),
    [("frozen", (Timeout,)), ("silent", (Timeout,)), ("garbage", (BadReply, Timeout)), ("drop", (BadReply, Timeout))],
)
async def test_a_board_that_answers_no_more_is_found_out_by_the_command_and_by_itself(
    fault: str, errors: tuple[type[DeviceError], ...]
) -> None:
    async with in_use(answer_s=1.5, poll_s=60) as (board, watch):
        board.faults.add(fault)
        with pytest.raises((*errors, Unreachable)):
            await watch.command("robot", "ready")
        await watch.until(lambda: watch.ended is not None)
    async with in_use(answer_s=1.5) as (board, watch):
        board.faults.add(fault)
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, (*errors, Unreachable))


@pytest.mark.parametrize("fault", ["split", "slow"])
async def test_a_slow_wire_is_no_trouble(fault: str) -> None:
    async with in_use(FirmataBoard(slow_s=0.01, faults=[fault])) as (board, watch):
        await watch.command("robot", "ready")
        await watch.command("level.motor", 40)
        assert outputs(board) == {"motor": 102, "horn": 0, "lamp": 1}


async def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next() -> None:
    async with in_use(poll_s=60) as (board, watch):
        await watch.command("robot", "ready")
        board.faults.add("slow")
        given_up = asyncio.create_task(watch.command("switch.horn", True), name="given up")
        await board.changes.until(lambda: board.pins[12].value == 1)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        await watch.command("switch.horn", False)
        assert board.pins[12].value == 0


async def test_what_a_given_up_command_did_is_read_all_the_same() -> None:
    async with in_use() as (board, watch):
        await watch.command("robot", "ready")
        board.faults.add("slow")
        given_up = asyncio.create_task(watch.command("switch.horn", True), name="given up")
        await board.changes.until(lambda: board.pins[12].value == 1)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        board.faults.clear()
        await watch.until(lambda: watch.values["switch_horn"] is True)
        assert watch.ended is None


async def test_commands_at_the_same_time_take_turns() -> None:
    async with in_use() as (board, watch):
        await watch.command("robot", "ready")
        async with asyncio.TaskGroup() as group:
            for level in range(0, 101, 10):
                group.create_task(watch.command("level.motor", level))
                group.create_task(watch.command("switch.horn", level % 20 == 0))
        assert outputs(board) == {"motor": 255, "horn": 1, "lamp": 1}


async def test_it_can_be_closed_twice_and_not_used_after() -> None:
    async with FirmataBoard() as board:
        driver = driver_at(board.port)
        async with driver:
            pass
        await driver.__aexit__(None, None, None)
        with pytest.raises(Unreachable, match="was closed"):
            await anext(driver.changes())


# --- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "port"),
        ({"port": "p", "use": "board", "lamp": 13}, "'lamp' is for use 'robot'"),
        ({"port": "p", "lamp": 9, "pins": {"m": {"pin": 9, "kind": "pwm"}}}, "pin 9 is used twice"),
        ({"port": "p", "pins": {"d_cm": {"pin": 7, "kind": "sonar", "echo": 7}}}, "pin 7 is used twice"),
        ({"port": "p", "pins": {"d": {"pin": 7, "kind": "sonar", "echo": 8}}}, "ends in _cm, such as d_cm"),
        ({"port": "p", "pins": {"robot": {"pin": 7, "kind": "input"}}}, "'robot' would be the name of two readings"),
        ({"port": "p", "pins": {"Motor": {"pin": 9, "kind": "pwm"}}}, "pattern"),
        ({"port": "p", "boot_s": 30}, "boot_s"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DRIVER.open(options, Wires())


def test_its_page_tells_what_may_hang_on_a_pin() -> None:
    told = {option.name: option.description for option in page("firmata").options}
    assert all(told[f"pins.*.{name}"] for name in ("pin", "kind", "active", "pull", "range", "degrees", "echo"))


# --- any bytes -------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6))
def test_whatever_comes_out_of_a_port_ends_in_a_named_error(chunks: list[bytes]) -> None:
    async def run() -> None:
        port: PtyPort

        def answer(_: bytes) -> None:
            if chunks:
                port.write(chunks.pop())

        port = PtyPort(None, answer)
        port.plug()
        try:
            with pytest.raises(DeviceError):
                async with driver_at(port.path, boot_s=0.1, answer_s=0.1):
                    pass
        finally:
            port.unplug()

    asyncio.run(run())


@settings(max_examples=15)
@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=6))
def test_rubbish_between_the_messages_breaks_nothing_that_it_does_not_end(chunks: list[bytes]) -> None:
    """Noise may look like a message: the driver goes on, or ends with a named error; it never does anything else."""

    class Noisy(FirmataBoard):
        def noise(self, data: bytes) -> None:
            self._send(data)

    async def run() -> None:
        async with Noisy() as board, watched(driver_at(board.port, **KIT, answer_s=1.5)) as watch:
            with contextlib.suppress(DeviceError):
                for chunk in chunks:
                    board.noise(chunk)
                    await watch.command("robot", "ready")
                    assert board.pins[13].value == 1
                    await watch.command("robot", "idle")

    asyncio.run(run())


# --- real firmware ---------------------------------------------------------------------------------------------------

RIG: dict[str, Any] = {"boot_s": 15.0, "answer_s": 5.0, "poll_s": 0.2, "sampling_ms": 50}
STANDARD: dict[str, Any] = {**KIT, **RIG, "pins": {n: p for n, p in KIT["pins"].items() if n != "distance_cm"}}


@pytest.mark.rig
@pytest.mark.timeout(240)
async def test_real_standardfirmata_is_a_kit(rig_board: RigBoard) -> None:
    async with watched(driver_at(rig_board.port, **STANDARD)) as watch:
        await watch.until(lambda: watch.values.get("firmware") == "StandardFirmata.ino 2.5")
        with pytest.raises(NotNow):
            await watch.command("switch.horn", True)
        await watch.command("robot", "ready")
        await rig_board.until(lambda: rig_board.pins.get("D13") == 1)
        await watch.command("switch.horn", True)
        await watch.command("level.motor", 40)
        await watch.command("level.arm", 25)
        await rig_board.until(lambda: rig_board.pins.get("D12") == 1)
        rig_board.do("adc 0 2500")
        await watch.until(lambda: watch.values.get("light_percent") == pytest.approx(50, abs=0.5))
        for level, hit in ((0, True), (1, False)):
            rig_board.do(f"in D2 {level}")
            await watch.until(by(watch, "bumper", hit))
        await watch.command("robot", "idle")
        await rig_board.until(lambda: (rig_board.pins["D12"], rig_board.pins["D13"]) == (0, 0))
        await watch.until(by(watch, "robot", "idle"))


@pytest.mark.rig
@pytest.mark.timeout(240)
async def test_real_standardfirmata_may_be_reset_and_unplugged(rig_board: RigBoard) -> None:
    async with watched(driver_at(rig_board.port, **STANDARD)) as watch:
        await watch.command("robot", "ready")
        rig_board.do("reset")
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, Unreachable | Timeout)
    async with watched(driver_at(rig_board.port, **STANDARD)) as watch:
        await watch.until(by(watch, "robot", "idle"))
        await watch.command("robot", "ready")
        rig_board.do("unplug")
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, Unreachable)
    await rig_board.until(lambda: rig_board.said.count("PTY") == 2)
    async with watched(driver_at(rig_board.port, **STANDARD)) as watch:
        await watch.command("robot", "ready")
        await rig_board.until(lambda: rig_board.pins["D13"] == 1)


@pytest.mark.rig
@pytest.mark.timeout(240)
async def test_real_standardfirmata_says_what_it_cannot(rig_board: RigBoard) -> None:
    with pytest.raises(Refused, match=r"distance_cm: StandardFirmata.ino knows no rangers"):
        async with driver_at(rig_board.port, **KIT | RIG):
            pass
    with pytest.raises(Refused, match="motor: pin 2 of this board can be output, servo, input, not PWM"):
        async with driver_at(rig_board.port, **RIG, pins={"motor": {"pin": 2, "kind": "pwm"}}):
            pass


def by(watch: Watched, metric: str, value: object) -> Callable[[], bool]:
    return lambda: watch.values.get(metric) == value
