"""Before the bell: each kit's report says what somebody has to do."""

from pathlib import Path

from firmware_bridge.fleet.deploy import deploy
from firmware_bridge.fleet.kits import identify
from firmware_bridge.fleet.library import load_library
from firmware_bridge.fleet.readiness import ReadinessReport, check
from firmware_bridge.transports.ports import SeenPort
from tests.firmware_bridge.fleet.lab import Lab, bundle, lab

BATTERY = {"battery": {"pin": 26, "empty_v": 3.0, "full_v": 4.0}}
STRANGER = SeenPort("/dev/ttyACM9", "CCC", 0x2341, 0x43, "Arduino Uno")


async def checked(there: Lab, **options: object) -> ReadinessReport:
    found = identify(there.kits, [STRANGER], lambda device: Path(device).exists())
    return await check(there.kits, found, **options)  # type: ignore[arg-type]


async def test_kits_that_are_ready_say_firmware_battery_and_programs(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=1, firmata=1) as there:
        there.options = {"mp-01": BATTERY}
        there.micropython("mp-01").analog[26] = 65535 * 175 // 330
        await deploy(there.kits, bundle())
        report = await checked(there, program=load_library(there.library()).program("line-follower"))
        assert report.ok, report
        first, second = report.kits
        assert first.firmware == "micropython 1.23.0 (Generic ESP32 module with ESP32)"
        assert (first.battery_percent, first.programs) == (50.0, ("line-follower 1.0",))
        assert (second.firmware, second.battery_percent) == ("StandardFirmata.ino 2.5", None)
        assert report.strangers == ("/dev/ttyACM9: Arduino Uno, usb:CCC",)
        assert report.as_json()["kits"][0]["battery_percent"] == 50.0


async def test_each_kit_says_what_is_to_be_done(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=5, firmata=1) as there:
        there.options = {"mp-01": BATTERY, "mp-04": {"boot_s": 0.3}}
        await deploy(there.kits, bundle())
        there.micropython("mp-02").files["gears.py"] = b""
        there.boards["mp-03"].unplug()
        there.boards["mp-04"].faults.add("stuck")
        there.micropython("mp-04").press_reset()
        half = {"fi-01": "its firmware may be half written"}
        wanted = load_library(there.library("1.1", ">=1.25")).program("line-follower")
        report = await checked(there, program=wanted, half_flashed=half)
        told = {kit.kit: " | ".join(kit.problems) for kit in report.kits}
        assert not report.ok
        assert "its battery is at 0 %; charge it" in told["mp-01"]
        assert "line-follower 1.0 is damaged (gears.py); deploy it again" in told["mp-02"]
        assert "is not there; is it plugged in, and switched on?" in told["mp-03"]
        assert "press its reset button" in told["mp-04"]
        assert "line-follower is for firmware >=1.25, it has 1.23.0; flash it" in told["mp-05"]
        assert "it does not have line-follower 1.1; deploy it" in told["mp-05"]
        assert told["fi-01"] == "its firmware may be half written"
