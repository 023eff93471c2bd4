"""The MicroPython driver: against a simulated board that can be unplugged in mid-transfer, and against real ones."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from classroom_profiles.reading import Health, HealthState
from firmware_bridge.driver import Driver, Wires
from firmware_bridge.drivers.micropython import DRIVER, MicroPythonBoard, Options
from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable, WrongFirmware
from firmware_bridge.micropython_files import BoardFull
from firmware_bridge.programs import Bundle, Installed, Programmable
from simulators.micropython import MicroPythonBoard as SimulatedBoard
from simulators.pty_port import PtyPort
from tests.firmware_bridge.micropython_rig import microbit, unix_board
from tests.firmware_bridge.watched import Watched, watched

FOREVER = b"import time\nwhile True:\n  time.sleep(0.01)\n"
HELPER = b"SPEED = 40\n" + b"# a long file, so that it takes several pieces\n" * 60


def bundle(version: str = "1.0", main: bytes = b"import gears\n" + FOREVER, gears: bytes = HELPER) -> Bundle:
    return Bundle("line-follower", version, "line.py", {"line.py": main, "gears.py": gears})


def driver_at(port: str, **options: Any) -> MicroPythonBoard:
    quick = {"boot_s": 30.0, "answer_s": 10.0, "poll_s": 0.05, "settle_s": 0.1, "typing_pause_ms": 0}
    return MicroPythonBoard(Options.model_validate({"port": port, **quick, **options}))


@contextlib.asynccontextmanager
async def in_use(board: SimulatedBoard | None = None, **options: Any) -> AsyncIterator[tuple[SimulatedBoard, Watched]]:
    async with (
        board or SimulatedBoard(slow_s=0.1) as there,
        watched(driver_at(there.port, **options)) as watch,
    ):
        yield there, watch


def board_of(watch: Watched) -> MicroPythonBoard:
    assert isinstance(watch.driver, MicroPythonBoard)
    return watch.driver


async def install(watch: Watched, program: Bundle) -> int:
    """How many bytes were told to have arrived. Nothing may hang."""
    came: list[int] = []
    async with asyncio.timeout(20):
        await board_of(watch).install(program, came.append)
    return sum(came)


def by(watch: Watched, metric: str, value: object) -> Callable[[], bool]:
    return lambda: watch.values.get(metric) == value


def test_it_is_a_driver_whose_device_can_be_given_programs() -> None:
    driver: Driver = driver_at("p")
    programmable: Programmable = driver_at("p")
    assert driver.controls
    assert not programmable.installed


# --- a lesson's worth of use -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["esp32", "rp2040", "microbit"])
async def test_a_kit_is_given_a_program_runs_it_and_rests(model: str) -> None:
    off = ["pin0"] if model == "microbit" else [12]
    async with in_use(SimulatedBoard(model=model), off_pins=off) as (board, watch):
        small = bundle(gears=HELPER[:300])
        assert await install(watch, small) == small.size_bytes
        assert {name for name in board.files if not name.startswith("lophoc")} == {"line.py", "gears.py"}
        assert board.files["line.py"] == small.files["line.py"]
        with pytest.raises(NotNow, match="the robot is idle; a program runs when it is ready"):
            await watch.command("program", "line-follower")
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        assert board.running
        await watch.until(by(watch, "program", "line-follower"))
        board.pins[off[0]] = 1
        await watch.command("robot", "idle")
        assert not board.running
        assert board.pins[off[0]] == 0
        await watch.until(by(watch, "program", "none"))
        await watch.until(by(watch, "robot", "idle"))
        assert watch.states == ["online"]


async def test_health_comes_first_then_what_it_has() -> None:
    board = SimulatedBoard(model="rp2040")
    board.analog[26] = 65535 * 20 // 33  # 4.0 V, halved, of 3.3 V
    battery = {"pin": 26, "empty_v": 3.0, "full_v": 4.0, "divider": 2.0}
    async with in_use(board, battery=battery) as (_, watch):
        await watch.until(lambda: len(watch.values) == 4)
        assert watch.said[0] == Health(HealthState.ONLINE)
        assert watch.values == {
            "firmware": "micropython 1.23.0 (Raspberry Pi Pico with RP2040)",
            "program": "none",
            "robot": "idle",
            "battery_percent": pytest.approx(100, abs=1),
        }
        board.analog[26] //= 2
        await watch.until(by(watch, "battery_percent", 0.0))


async def test_programs_are_its_choices_once_they_are_on_it() -> None:
    async with in_use() as (_, watch):
        for ask in (watch.check, watch.command):
            with pytest.raises(Refused, match=r"it has no program line-follower; it has: none; deploy it first"):
                await ask("program", "line-follower")
        await install(watch, bundle())
        assert [control.choices for control in watch.driver.controls] == [("idle", "ready"), ("none", "line-follower")]
        with pytest.raises(Refused, match=r"it has no switch.fan; it has: robot, program"):
            await watch.check("switch.fan", True)


async def test_what_it_has_is_known_when_it_is_opened_again() -> None:
    async with SimulatedBoard() as board:
        async with watched(driver_at(board.port)) as watch:
            await install(watch, bundle("1.4"))
        async with watched(driver_at(board.port)) as watch:
            assert board_of(watch).installed == (Installed("line-follower", "1.4"),)
            assert await board_of(watch).damaged("line-follower") == ()
            board.files["gears.py"] = b"SPEED = 99"
            assert await board_of(watch).damaged("line-follower") == ("gears.py",)
            await watch.command("robot", "ready")
            with pytest.raises(Refused, match=r"line-follower is damaged \(gears.py\); deploy it again"):
                await watch.command("program", "line-follower")


async def test_a_new_version_replaces_the_old_and_leaves_nothing_behind() -> None:
    async with in_use() as (board, watch):
        await install(watch, bundle("1.0"))
        await install(watch, Bundle("line-follower", "2.0", "main2.py", {"main2.py": FOREVER}))
        await install(watch, Bundle("dance", "1.0", "dance.py", {"dance.py": FOREVER}))
        assert set(board.files) == {"main2.py", "dance.py", "lophoc.json"}
        assert board_of(watch).installed == (Installed("dance", "1.0"), Installed("line-follower", "2.0"))


async def test_a_program_whose_file_another_replaces_is_no_longer_offered() -> None:
    async with in_use() as (_, watch):
        await install(watch, bundle())
        await install(watch, Bundle("dance", "1.0", "dance.py", {"dance.py": FOREVER, "gears.py": b"SPEED = 1"}))
        assert board_of(watch).installed == (Installed("dance", "1.0"),)


# --- programs that do not run as they should -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (b"x = 1\nx = = 2\n", r"SyntaxError: invalid syntax \(line.py, line 2\)"),
        (b"import turbo\n", "ImportError: no module named 'turbo'"),
        (b"print('going')\n1 / 0\n", r"ZeroDivisionError: .*line.py, line 2"),
    ],
)
async def test_a_program_that_ends_at_once_in_an_error_did_not_begin(main: bytes, words: str) -> None:
    async with in_use(settle_s=5) as (board, watch):
        await install(watch, bundle(main=main))
        await watch.command("robot", "ready")
        with pytest.raises(Refused, match=words):
            await watch.command("program", "line-follower")
        assert not board.running
        await watch.until(lambda: "Error" in str(watch.values.get("program_error")))
        assert (watch.values["program"], watch.values["robot"]) == ("none", "ready")


async def test_an_error_is_forgotten_when_the_program_is_started_again() -> None:
    async with in_use() as (_, watch):
        await install(watch, bundle(main=b"import turbo\n"))
        await watch.command("robot", "ready")
        with pytest.raises(Refused):
            await watch.command("program", "line-follower")
        await install(watch, bundle("1.1"))
        await watch.command("program", "line-follower")
        await watch.until(by(watch, "program_error", ""))


async def test_an_error_that_comes_later_is_told_and_the_robot_stays_ready() -> None:
    async with in_use() as (board, watch):
        main = b"from machine import Pin\nwhile not Pin(3).value():\n  pass\nraise OSError(5)\n"
        await install(watch, bundle(main=main))
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        await watch.until(by(watch, "program", "line-follower"))
        board.pins[3] = 1
        await watch.until(by(watch, "program", "none"))
        assert str(watch.values["program_error"]).startswith("OSError: [Errno 5] EIO (line.py, line 4)")
        assert watch.values["robot"] == "ready"
        await watch.command("robot", "ready")
        assert watch.ended is None


async def test_a_short_program_has_run() -> None:
    async with in_use(settle_s=5) as (board, watch):
        await install(watch, bundle(main=b"from machine import Pin\nPin(4).value(1)\n"))
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        assert board.pins[4] == 1
        said = [c.value for c in watch.said if not isinstance(c, Health) and c.metric == "program"]
        await watch.until(lambda: said == ["none"] or len(said) >= 1)
        assert watch.values.get("program_error", "") == ""


@pytest.mark.parametrize("main", [b"while True:\n  print('x' * 50)\n", b"while True:\n  pass\n"])
async def test_a_program_that_floods_or_never_waits_is_stopped(main: bytes) -> None:
    async with in_use() as (board, watch):
        await install(watch, bundle(main=main))
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        assert board.running
        await watch.command("program", "none")
        assert not board.running
        await watch.command("program", "line-follower")
        await install(watch, bundle("1.1"))
        assert board_of(watch).installed == (Installed("line-follower", "1.1"),)


async def test_a_board_that_floods_since_it_started_is_stopped_when_it_is_opened() -> None:
    async with in_use(SimulatedBoard(faults=["flood"])) as (board, watch):
        assert not board.running
        await install(watch, bundle())


async def test_a_program_that_no_ctrl_c_stops_is_named() -> None:
    async with in_use(boot_s=1.5) as (board, watch):
        await install(watch, bundle())
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        board.faults.add("stuck")
        with pytest.raises(Timeout, match="does its program let no Ctrl-C through\\? press its reset button"):
            await watch.command("robot", "idle")
        assert board.running
        await watch.until(lambda: watch.ended is not None)


# --- transfers that are cut off --------------------------------------------------------------------------------------

CUTS: dict[str, Callable[[SimulatedBoard], None]] = {
    "unplugged": lambda board: board.unplug(),
    "reset": lambda board: board.press_reset(),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("after", ["line.py.new", "gears.py.new", "lophoc.json.new"])
async def test_cut_off_in_mid_transfer_the_old_version_is_there_and_whole(cut: str, after: str, tmp_path: Path) -> None:
    async with SimulatedBoard(tmp_path / "tty") as board:
        async with watched(driver_at(board.port)) as watch:
            await install(watch, bundle("1.0"))
            old = dict(board.files)
            sending = asyncio.create_task(install(watch, bundle("2.0", gears=HELPER * 2)), name="sending")
            await board.changes.until(lambda: after in board.files)
            CUTS[cut](board)
            with pytest.raises((Unreachable, BadReply, Timeout)) as told:
                await sending
            if cut == "reset":
                assert isinstance(told.value, Unreachable)
                assert "has restarted" in str(told.value)
        board.replug()
        assert {name: content for name, content in board.files.items() if name in old} == old
        async with watched(driver_at(board.port)) as watch:
            assert board_of(watch).installed == (Installed("line-follower", "1.0"),)
            assert await board_of(watch).damaged("line-follower") == ()
            await install(watch, bundle("2.0"))
            assert board_of(watch).installed == (Installed("line-follower", "2.0"),)
            assert not [name for name in board.files if name.endswith(".new")]


@pytest.mark.parametrize("model", ["esp32", "microbit"])
async def test_where_the_power_fails_at_any_change_of_the_flash_what_the_record_names_is_whole(model: str) -> None:
    """The old version, none, or the new one: never a mixture that is called a version. Every moment is tried."""
    old, new = bundle("1.0", gears=HELPER[:90]), bundle("2.0", main=FOREVER, gears=HELPER[:150])
    kept: set[str] = set()
    async with SimulatedBoard(model=model) as board:
        moment = 0
        while True:
            board.files.clear()
            async with watched(driver_at(board.port)) as watch:
                await install(watch, old)
                board.hardware.fails_at = board.hardware.flashed + moment
                try:
                    await install(watch, new)
                    break  # the power failed at no moment any more
                except (Unreachable, Timeout, BadReply):
                    pass
            async with watched(driver_at(board.port)) as watch:
                installed = board_of(watch).installed
                kept.add(",".join(one.version for one in installed))
                for program in installed:
                    assert await board_of(watch).damaged(program.name) == (), (moment, program)
                await install(watch, new)
                assert board_of(watch).installed == (Installed("line-follower", "2.0"),)
            moment += 1
    assert moment > 8
    assert kept >= {"1.0", ""}


async def test_a_full_board_says_so_and_keeps_what_it_had() -> None:
    async with in_use(SimulatedBoard(capacity_bytes=8000)) as (board, watch):
        await install(watch, bundle("1.0"))
        old = dict(board.files)
        with pytest.raises(BoardFull, match=r"the board is full: gears.py needs \d+ bytes, it has \d+"):
            await install(watch, bundle("2.0", gears=HELPER * 3))
        assert board.files == old
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        board.faults.add("full")
        with pytest.raises(BoardFull):
            await install(watch, bundle("2.0"))
        assert board_of(watch).installed == (Installed("line-follower", "1.0"),)


async def test_a_file_that_arrives_damaged_never_takes_the_place_of_a_good_one() -> None:
    async with in_use() as (board, watch):
        await install(watch, bundle("1.0"))
        old = dict(board.files)
        board.faults.add("damaged")
        with pytest.raises(BadReply, match=r"line.py did not arrive as it was sent"):
            await install(watch, bundle("2.0"))
        board.faults.clear()
        assert board.files == old


async def test_a_transfer_that_is_given_up_does_not_confuse_what_follows() -> None:
    async with in_use() as (board, watch):
        sending = asyncio.create_task(install(watch, bundle()), name="given up")
        await board.changes.until(lambda: "gears.py.new" in board.files)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await watch.command("robot", "ready")
        await install(watch, bundle("1.1"))
        assert watch.ended is None


# --- opening and losing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("silent", Timeout, "says nothing within 0.5 s; has it power, is MicroPython on it"),
        ("wrong-firmware", (Timeout, WrongFirmware), "says nothing|its MicroPython does not listen"),
        ("bootloader", (Timeout, WrongFirmware), "says nothing|is in its bootloader; press its reset button"),
        ("circuitpython", WrongFirmware, "runs circuitpython, not MicroPython"),
        ("garbage", BadReply, "says something"),
        ("drop", BadReply, "its MicroPython does not listen"),
        ("stuck", Timeout, "does its program let no Ctrl-C through"),
    ],
)
async def test_what_is_no_working_board_is_named(fault: str, error: type[DeviceError], words: str) -> None:
    async with SimulatedBoard(faults=[fault]) as board:
        with pytest.raises(error, match=words):
            async with driver_at(board.port, boot_s=0.5, answer_s=0.5):
                pass
        board.faults.clear()
        board.press_reset()
        async with driver_at(board.port) as driver:
            assert driver.release == "1.23.0"


async def test_a_board_in_its_bootloader_is_known_by_what_it_says(tmp_path: Path) -> None:
    port: PtyPort
    port = PtyPort(tmp_path / "tty", lambda _: port.write(b"rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT)\r\n"))
    port.plug()
    try:
        with pytest.raises(WrongFirmware, match="is in its bootloader"):
            async with driver_at(port.path, boot_s=0.3):
                pass
    finally:
        port.unplug()


async def test_a_board_that_speaks_firmata_is_told_apart(tmp_path: Path) -> None:
    port: PtyPort
    port = PtyPort(tmp_path / "tty", lambda _: port.write(bytes([0xF9, 2, 5, 0xF0, 0x79, 2, 5, 0xF7])))
    port.plug()
    try:
        with pytest.raises(WrongFirmware, match="speaks Firmata; use the driver firmata"):
            async with driver_at(port.path, boot_s=0.3):
                pass
    finally:
        port.unplug()


@pytest.mark.parametrize("fault", ["split", "slow"])
async def test_a_slow_wire_is_no_trouble(fault: str) -> None:
    async with in_use(SimulatedBoard(slow_s=0.01, faults=[fault])) as (board, watch):
        await install(watch, bundle(gears=b"SPEED = 1"))
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        assert board.running


async def test_pulled_out_it_is_unreachable_and_plugged_in_it_begins_anew(tmp_path: Path) -> None:
    async with SimulatedBoard(tmp_path / "tty") as board:
        async with watched(driver_at(board.port)) as watch:
            await install(watch, bundle())
            await watch.command("robot", "ready")
            await watch.command("program", "line-follower")
            board.unplug()
            await watch.until(lambda: watch.ended is not None)
            assert isinstance(watch.ended, Unreachable)
            for ask in (watch.check, watch.command):
                with pytest.raises(Unreachable, match="was unplugged"):
                    await ask("robot", "idle")
        board.replug()
        async with watched(driver_at(board.port)) as watch:
            await watch.until(by(watch, "robot", "idle"))
            await watch.command("robot", "ready")
            await watch.command("program", "line-follower")
            assert board.running


@pytest.mark.parametrize("running", [False, True])
async def test_a_board_that_restarts_is_noticed(running: bool) -> None:
    async with in_use() as (board, watch):
        await install(watch, bundle())
        await watch.command("robot", "ready")
        if running:
            await watch.command("program", "line-follower")
        board.press_reset()
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, Unreachable)
        assert "has restarted" in str(watch.ended)


@pytest.mark.parametrize("fault", ["silent", "garbage", "drop"])
async def test_a_board_that_answers_no_more_is_found_out(fault: str) -> None:
    async with in_use(answer_s=1.0, boot_s=2) as (board, watch):
        board.faults.add(fault)
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, Timeout | BadReply | Unreachable)
        with pytest.raises(DeviceError):
            await watch.command("robot", "ready")


async def test_a_second_program_is_told_that_the_port_is_in_use_and_disturbs_nothing() -> None:
    async with in_use() as (_, watch):
        await install(watch, bundle())
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        with pytest.raises(Unreachable, match="is used by another program; to see which: fuser"):
            async with driver_at(board_of(watch)._options.port):
                pass
        await watch.until(by(watch, "program", "line-follower"))
        assert watch.ended is None


async def test_commands_at_the_same_time_take_turns() -> None:
    async with in_use() as (board, watch):
        await install(watch, bundle())
        await watch.command("robot", "ready")
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(watch.command("program", "line-follower"))
                group.create_task(watch.check("robot", "idle"))
                group.create_task(watch.command("program", "none"))
        assert not board.running


async def test_it_can_be_closed_twice_and_not_used_after() -> None:
    async with SimulatedBoard() as board:
        driver = driver_at(board.port)
        async with driver:
            pass
        await driver.__aexit__(None, None, None)
        with pytest.raises(Unreachable, match="was closed"):
            await anext(driver.changes())


# --- options and bytes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "port"),
        ({"port": "p", "battery": {"pin": 26, "empty_v": 4, "full_v": 3}}, "'full_v' must be more than 'empty_v'"),
        ({"port": "p", "off_pins": ["pin0.write_digital(1)"]}, "pattern"),
        ({"port": "p", "off_pins": [-1]}, "greater than or equal to 0"),
        ({"port": "p", "boot_s": 90}, "boot_s"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DRIVER.open(options, Wires())


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


# --- real MicroPython ------------------------------------------------------------------------------------------------


@pytest.mark.rig
async def test_a_real_micropython_is_a_kit(tmp_path: Path) -> None:
    async with unix_board(tmp_path) as (port, flash), watched(driver_at(port)) as watch:
        await watch.until(lambda: str(watch.values.get("firmware", "")).startswith("micropython 1."))
        await install(watch, bundle())
        files = bundle().files
        assert {f.name: f.read_bytes() for f in flash.iterdir() if f.name != "lophoc.json"} == files
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        await watch.until(by(watch, "program", "line-follower"))
        await install(watch, bundle("2.0", main=b"while True:\n  print('flood')\n"))
        await watch.command("program", "line-follower")
        await watch.command("robot", "idle")
        await watch.until(by(watch, "robot", "idle"))
        assert await board_of(watch).damaged("line-follower") == ()
        digest = hashlib.sha256((flash / "line.py").read_bytes()).hexdigest()
        assert digest in (flash / "lophoc.json").read_text()


@pytest.mark.rig
async def test_a_real_micropython_tells_what_is_wrong_in_a_program(tmp_path: Path) -> None:
    async with unix_board(tmp_path) as (port, _), watched(driver_at(port, settle_s=5)) as watch:
        await install(watch, bundle(main=b"x = 1\nx = = 2\n"))
        await watch.command("robot", "ready")
        with pytest.raises(Refused, match=r"SyntaxError: invalid syntax \(line.py, line 2\)"):
            await watch.command("program", "line-follower")
        stubborn = b"import time\nfor _ in range(3):\n  try:\n    while True: time.sleep(1)\n  except: pass\n"
        await install(watch, bundle("2", main=stubborn))
        board_of(watch)._options = board_of(watch)._options.model_copy(update={"settle_s": 0.1})
        await watch.command("program", "line-follower")
        await watch.command("program", "none")
        await watch.until(by(watch, "program", "none"))


@pytest.mark.rig
async def test_a_program_that_eats_all_memory_is_named_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """What it had filled is filled still when it has ended: only a board that starts afresh can answer."""
    hog = b"a = []\nwhile True:\n  a.append(bytearray(1000))\n"
    large = b"".join(b"name_%d = 'some words'\n" % number for number in range(3000))
    async with unix_board(tmp_path, memory_kib=64) as (port, _):
        for name, content in (("hog", hog), ("large", large)):
            async with watched(driver_at(port)) as watch:
                await install(watch, Bundle(name, "1.0", f"{name}.py", {f"{name}.py": content}))
                await watch.command("robot", "ready")
                with pytest.raises(Refused, match=f"{name}: MemoryError"):
                    await watch.command("program", name)
                found = await board_of(watch).look()
                assert found[Installed(name, "1.0")] == ()


@pytest.mark.rig
async def test_a_micro_bit_without_raw_paste_is_a_kit() -> None:
    slow = {"typing_pause_ms": 10, "boot_s": 20, "answer_s": 10, "settle_s": 0.5}
    small = bundle(gears=b"SPEED = 40\n" * 20, main=b"import gears\nwhile True:\n  pass\n")
    async with microbit() as port, watched(driver_at(port, **slow)) as watch:
        await watch.until(by(watch, "firmware", "micropython 1.9.2 (micro:bit with nRF51822)"))
        assert board_of(watch)._link.raw_paste is False
        assert await install(watch, small) == small.size_bytes
        assert await board_of(watch).damaged("line-follower") == ()
        await watch.command("robot", "ready")
        await watch.command("program", "line-follower")
        await watch.until(by(watch, "program", "line-follower"))
        await watch.command("robot", "idle")
        with pytest.raises(BoardFull, match=r"the board is full: line.py needs 60000 bytes"):
            async with asyncio.timeout(40):
                await board_of(watch).install(bundle("3", main=b"#" * 60000), lambda _: None)
        assert board_of(watch).installed == (Installed("line-follower", "1.0"),)
