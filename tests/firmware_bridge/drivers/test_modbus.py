"""The Modbus driver: against simulated devices on one line, pymodbus' own server and libmodbus'."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from classroom_profiles.capability import Command
from classroom_profiles.reading import Health, HealthState, Reading
from edge_agent.supervisor import Pace, Supervisor
from firmware_bridge.driver import Driver, Wires
from firmware_bridge.drivers.modbus import DRIVER, ModbusDevice, Options
from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable
from simulators.changes import Changes
from simulators.modbus import ModbusLine, Slave
from tests.firmware_bridge import libmodbus_server
from tests.firmware_bridge.two_ports import crossed
from tests.firmware_bridge.watched import Watched, watched

ONLINE = Health(HealthState.ONLINE)
SLAVES = {1: "xy-md02", 2: "adtek-wall-co2", 3: "eastron-sdm120", 4: "pzem-016"}


def driver_at(port: str, wires: Wires | None = None, **options: Any) -> Driver:
    quick = {"map": "xy-md02", "poll_s": 0.01, "answer_s": 5.0, "baudrate": 115_200}
    return DRIVER.open({"port": port, **quick, **options}, wires or Wires())


@contextlib.asynccontextmanager
async def in_use(**options: Any) -> AsyncIterator[tuple[ModbusLine, Slave, Watched]]:
    """One XY-MD02 alone on its line."""
    slave = Slave("xy-md02", steady=True)
    async with ModbusLine({1: slave}, slow_s=0.1) as line, watched(driver_at(line.port, **options)) as watch:
        yield line, slave, watch


# --- what it measures -----------------------------------------------------------------------------------------------


async def test_health_comes_first_then_every_reading_with_its_unit() -> None:
    async with in_use() as (_, slave, watch):
        await watch.until(lambda: len(watch.values) == 2)
        assert watch.said[0] == ONLINE
        first = [said for said in watch.said if isinstance(said, Reading)][:2]
        assert [(said.metric, said.value, said.unit) for said in first] == [
            ("temperature_c", 27.4, "°C"),
            ("humidity_percent", 63.5, "%"),
        ]
        assert all(said.time_us and said.monotonic_us and not said.simulated for said in first)
        slave.values["temperature_c"] = -3.2
        await watch.until(lambda: watch.values["temperature_c"] == -3.2)
        assert watch.health == [ONLINE]


async def test_four_makes_on_one_line_say_what_they_measure() -> None:
    slaves = {number: Slave(kind, steady=True) for number, kind in SLAVES.items()}
    wires = Wires()
    mains = {
        "voltage_v": 229.7,
        "current_a": 3.214,
        "power_w": 702.5,
        "energy_kwh": 148.25,
        "frequency_hz": 50.0,
        "power_factor": 0.95,
    }
    air = {"temperature_c": 27.4, "humidity_percent": 63.5}
    async with ModbusLine(slaves) as line, contextlib.AsyncExitStack() as stack:
        watches = [
            await stack.enter_async_context(watched(driver_at(line.port, wires, map=kind, slave=number)))
            for number, kind in SLAVES.items()
        ]
        for watch, values in zip(watches, [air, {**air, "co2_ppm": 640.0}, mains, mains], strict=True):
            await watch.until(lambda watch=watch, values=values: watch.values == values)  # type: ignore[misc]
        assert line.unsound == 0


async def test_the_line_is_open_as_long_as_one_device_wants_it() -> None:
    wires = Wires()
    async with ModbusLine({1: Slave("xy-md02"), 2: Slave("xy-md02")}) as line:
        async with driver_at(line.port, wires, slave=1):
            async with driver_at(line.port, wires, slave=2):
                assert line.is_open
            assert line.is_open
        await line.changes.until(lambda: not line.is_open)


async def test_a_port_may_be_called_by_two_names(tmp_path: Path) -> None:
    other = tmp_path / "by-another-name"
    wires = Wires()
    async with ModbusLine({1: Slave("xy-md02"), 2: Slave("xy-md02")}, tmp_path / "tty") as line:
        other.symlink_to(line.port)
        async with driver_at(line.port, wires, slave=1), driver_at(str(other), wires, slave=2):
            assert line.received[-1] == 2


async def test_it_cannot_be_told_anything() -> None:
    async with in_use() as (_, _, watch):
        assert watch.driver.controls == ()
        with pytest.raises(Refused, match="it only measures; it has no switch"):
            await watch.check("switch", True)
        with pytest.raises(Refused, match="it only measures"):
            await watch.driver.command(Command.parse("power", True))


# --- what can be wrong ----------------------------------------------------------------------------------------------


async def test_all_devices_on_a_line_have_one_speed() -> None:
    wires = Wires()
    async with ModbusLine({1: Slave("xy-md02"), 2: Slave("xy-md02")}) as line, driver_at(line.port, wires):
        with pytest.raises(Refused, match="runs at 115200 8N1 for another device, this one wants 9600 8E1; set all"):
            await driver_at(line.port, wires, slave=2, baudrate=9600, parity="E").__aenter__()
        async with driver_at(line.port, wires, slave=2):
            pass


@pytest.mark.parametrize(
    ("fault", "error"),
    [("absent", Timeout), ("crc", BadReply), ("busy", NotNow), ("broken", Refused), ("refuse", Refused)],
)
async def test_a_device_that_is_not_well_is_not_opened(fault: str, error: type[DeviceError]) -> None:
    slave = Slave("xy-md02")
    slave.faults.add(fault)
    async with ModbusLine({1: slave}) as line:
        with pytest.raises(error):
            await driver_at(line.port, answer_s=0.5).__aenter__()
        await line.changes.until(lambda: not line.is_open)


@pytest.mark.parametrize(("fault", "error"), [("absent", Timeout), ("crc", BadReply), ("busy", NotNow)])
async def test_some_misses_are_borne_and_too_many_are_a_loss(fault: str, error: type[DeviceError]) -> None:
    async with in_use(misses=3, answer_s=5.0 if fault == "busy" else 1.0) as (line, slave, watch):
        await watch.until(lambda: bool(watch.values))
        asked = len(line.received)
        slave.faults.add(fault)
        await watch.until(lambda: watch.ended is not None)
        assert type(watch.ended) is error
        assert len(line.received) >= asked + 3
        assert watch.health == [ONLINE]


async def test_a_single_spark_is_borne_in_silence() -> None:
    async with in_use(misses=4, answer_s=1.5) as (line, slave, watch):
        for _ in range(2):
            slave.faults.add("crc")
            asked = len(line.received)
            await line.changes.until(lambda asked=asked: len(line.received) > asked)  # type: ignore[misc]
            slave.faults.discard("crc")
            said = len(watch.said)
            await watch.until(lambda said=said: len(watch.said) > said)  # type: ignore[misc]
        assert watch.ended is None
        assert watch.health == [ONLINE]


async def test_what_it_cannot_measure_is_left_out_and_a_fault_until_it_is_well_again() -> None:
    async with in_use() as (_, slave, watch):
        await watch.until(lambda: bool(watch.values))
        slave.values["humidity_percent"] = 655.3
        await watch.until(lambda: watch.health[-1] == Health(HealthState.FAULT, "out-of-range"))
        slave.values["temperature_c"] = 20.0
        await watch.until(lambda: watch.values["temperature_c"] == 20.0)
        assert watch.values["humidity_percent"] == 63.5
        slave.values["humidity_percent"] = 50.0
        await watch.until(lambda: watch.values["humidity_percent"] == 50.0)
        assert watch.health[-1] == ONLINE


@pytest.mark.parametrize("kind", ["eastron-sdm120", "pzem-016"])
async def test_bytes_in_the_wrong_order_are_a_fault_and_not_a_reading(kind: str) -> None:
    slave = Slave(kind, steady=True)
    slave.faults.add("swapped")
    async with ModbusLine({1: slave}) as line, watched(driver_at(line.port, map=kind)) as watch:
        assert watch.health == [Health(HealthState.FAULT, "out-of-range")]


async def test_the_order_of_bytes_can_be_declared_in_a_map_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "odd.yaml"
    own.write_text(
        "about: a meter that swaps bytes\nsource: tried out\ntable: input\norder: badc\n"
        "readings: {voltage_v: {at: 0, type: float32, low: 0, high: 500}}\n",
        encoding="utf-8",
    )
    slave = Slave("eastron-sdm120", steady=True)
    slave.faults.add("swapped")
    async with ModbusLine({1: slave}) as line, watched(driver_at(line.port, map=str(own))) as watch:
        await watch.until(lambda: watch.values == {"voltage_v": 229.7})
        assert slave.asked[0] == (0, 2)


@pytest.mark.parametrize("fault", ["split", "echo", "noise"])
async def test_a_bad_line_is_borne(fault: str) -> None:
    slave = Slave("xy-md02", steady=True)
    async with ModbusLine({1: slave}, faults=[fault]) as line, watched(driver_at(line.port)) as watch:
        await watch.until(lambda: len(watch.values) == 2)


@pytest.mark.parametrize(("fault", "error"), [("silent", Timeout), ("drop", BadReply), ("garbage", BadReply)])
async def test_a_line_that_is_too_bad_is_told(fault: str, error: type[DeviceError]) -> None:
    async with ModbusLine({1: Slave("xy-md02")}, faults=[fault]) as line:
        with pytest.raises(error):
            await driver_at(line.port, answer_s=0.5).__aenter__()


async def test_pulling_the_adapter_loses_all_its_devices_and_putting_it_back_gives_them_back(tmp_path: Path) -> None:
    wires = Wires()
    async with ModbusLine({1: Slave("xy-md02"), 2: Slave("xy-md02")}, tmp_path / "tty") as line:
        async with (
            watched(driver_at(line.port, wires, slave=1, poll_s=60)) as one,
            watched(driver_at(line.port, wires, slave=2, poll_s=60)) as two,
        ):
            line.unplug()
            for watch in (one, two):
                await watch.until(lambda watch=watch: watch.ended is not None)  # type: ignore[misc]
                assert isinstance(watch.ended, Unreachable)
            line.replug()
            async with watched(driver_at(line.port, wires, slave=1)) as again:
                await again.until(lambda: bool(again.values))
        await line.changes.until(lambda: not line.is_open)


async def test_an_adapter_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="is not there; is it plugged in"):
        await driver_at(str(tmp_path / "tty")).__aenter__()


async def test_under_their_supervisors_the_living_go_on_while_the_dead_come_and_go() -> None:
    """As in the agent: each device has its supervisor, all share the line."""
    slaves = {number: Slave("xy-md02") for number in range(1, 9)}
    dead = (3, 5, 8)
    for number in dead:
        slaves[number].faults.add("absent")
    wires, changes = Wires(), Changes()
    readings = dict.fromkeys(slaves, 0)
    health: dict[int, list[str]] = {number: [] for number in slaves}

    def hears(number: int) -> Any:
        def heard(change: object) -> None:
            if isinstance(change, Health):
                health[number].append(f"{change.state} {change.reason}".strip())
            else:
                readings[number] += 1
            changes.tell()

        return heard

    async with ModbusLine(slaves) as line:
        hurried = {"misses": 20, "answer_s": 0.03}  # the dead ones, or each would hold the line up for seconds
        supervisors = [
            Supervisor(
                f"air-{number}",
                lambda number=number: driver_at(line.port, wires, slave=number, **hurried if number in dead else {}),  # type: ignore[misc]
                hears(number),
                Pace(first_wait_s=0.01, longest_wait_s=0.05),
            )
            for number in slaves
        ]
        running = [asyncio.create_task(one.run()) for one in supervisors]
        try:
            alive = [number for number in slaves if number not in dead]
            await changes.until(lambda: all(readings[number] >= 40 for number in alive))
            assert all(set(health[number]) == {"unreachable no-answer"} for number in dead)
            assert all(health[number] == ["online"] for number in alive)
            for number in dead:
                slaves[number].faults.discard("absent")
            await changes.until(lambda: all(readings[number] for number in dead))
            assert all(health[number][-1] == "online" for number in dead)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        await line.changes.until(lambda: not line.is_open)


# --- made by others -------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def pymodbus_server(port: str, *devices: SimDevice) -> AsyncIterator[None]:
    server = ModbusSerialServer(list(devices), port=port, baudrate=9600, ignore_missing_devices=True)
    await server.serve_forever(background=True)
    try:
        yield
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


async def test_against_the_server_of_pymodbus() -> None:
    """An XY-MD02 and a meter of floats as pymodbus serves them, however long it waits for a processor."""
    floats = [
        SimData(at, values=[value], datatype=DataType.FLOAT32)
        for at, value in ((0, 230.25), (6, 1.5), (12, 345.5), (30, 0.75), (70, 49.875), (342, 12.5))
    ]
    gaps = [
        SimData(at, count=count, values=0, datatype=DataType.REGISTERS)
        for at, count in ((2, 4), (8, 4), (14, 16), (32, 38))
    ]
    wires = Wires()
    with crossed() as (here, there):
        async with (
            pymodbus_server(
                there,
                SimDevice(1, [SimData(1, values=[305, 546], datatype=DataType.REGISTERS)]),
                SimDevice(2, sorted([*floats, *gaps], key=lambda data: data.address)),
            ),
            watched(driver_at(here, wires, slave=1, baudrate=9600, answer_s=5)) as air,
            watched(driver_at(here, wires, slave=2, baudrate=9600, map="eastron-sdm120", answer_s=5)) as meter,
        ):
            await air.until(lambda: air.values == {"temperature_c": 30.5, "humidity_percent": 54.6})
            await meter.until(lambda: len(meter.values) == 6)
            assert meter.values["voltage_v"] == 230.25
            assert meter.values["energy_kwh"] == 12.5
            with pytest.raises(Refused, match="address 3 answers with exception 4"):  # a real line would be silent
                await driver_at(here, wires, slave=3, baudrate=9600, answer_s=5).__aenter__()
            with pytest.raises(Refused, match="exception"):
                await driver_at(here, wires, slave=1, baudrate=9600, map="pzem-016", answer_s=5).__aenter__()


async def test_against_libmodbus() -> None:
    """The C library of most industrial masters and gateways; on Debian it comes with mbpoll."""
    with crossed() as (here, there):
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, libmodbus_server.__file__, there, "7"), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert server.stdout is not None
            async with asyncio.timeout(30):
                assert await server.stdout.readline() == b"ready\n"
            wires = Wires()
            # It takes a question to another for the beginning of a long one, and misses the next three of its own.
            async with watched(driver_at(here, wires, slave=7, baudrate=9600, answer_s=1.0, misses=20)) as air:
                await air.until(lambda: air.values == {"temperature_c": 10.0, "humidity_percent": 20.0})
                with pytest.raises(Refused, match="exception 2"):
                    await driver_at(here, wires, slave=7, baudrate=9600, map="eastron-sdm120").__aenter__()
                with pytest.raises(Timeout):
                    await driver_at(here, wires, slave=8, baudrate=9600, answer_s=0.05).__aenter__()
                said = len(air.said)
                await air.until(lambda: len(air.said) > said)
        finally:
            server.kill()
            await server.communicate()


# --- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"map": "xy-md2"}, "no map 'xy-md2'; did you mean 'xy-md02'"),
        ({"map": "./nowhere.yaml"}, "cannot be read"),
        ({"slave": 0}, "greater than or equal to 1"),
        ({"slave": 248}, "less than or equal to 247"),
        ({"parity": "X"}, "'N', 'E' or 'O'"),
    ],
)
def test_wrong_options_are_refused_at_load(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        driver_at("/dev/null", **options)


def test_a_room_knows_what_it_will_measure_before_it_was_ever_open() -> None:
    options = Options.model_validate({"port": "/dev/ttyUSB0", "map": "adtek-wall-co2"})
    assert DRIVER.offer is not None
    assert DRIVER.offer(options).metrics == frozenset({"temperature_c", "humidity_percent", "co2_ppm"})
    assert DRIVER.offer(options).controls == frozenset()


def test_it_is_a_driver() -> None:
    driver: Driver = ModbusDevice(Options.model_validate(DRIVER.sample), Wires())
    assert driver.controls == ()
