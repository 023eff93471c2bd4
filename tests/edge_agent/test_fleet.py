"""Robot kits inside the agent: given programs, run, stopped, checked; unplugged in the middle; true after a restart."""

from pathlib import Path

import pytest
import yaml

from classroom_profiles.capability import Command
from edge_agent.fleet_work import Kind, WorkState
from edge_agent.live_room import LiveRoom
from edge_agent.route import LEASE_HEADER
from firmware_bridge.errors import Refused
from firmware_bridge.fleet.each import Patience
from firmware_bridge.fleet.flash_record import FlashRecords
from tests.edge_agent.robot_room import assert_it_is_so, robot_room, states
from tests.edge_agent.served_room import TECHNICIAN, served
from tests.firmware_bridge.fleet.lab import lab


async def test_a_class_is_given_a_program_runs_it_and_is_stopped(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2, firmata=1) as there:
        there.groups |= {"mp-01": "blue", "fi-01": "blue"}
        async with robot_room(tmp_path / "data", there) as room:
            fleet = await room.fleet()
            assert (fleet["groups"], fleet["job"]) == (["blue"], None)
            assert [one["name"] for one in fleet["library"]["programs"]] == ["line-follower"]
            assert all(kit["ok"] for kit in fleet["kits"]), fleet
            job = await room.ask("deploy", program="line-follower", run=True)
            assert job["kits"] == ["mp-01", "mp-02", "fi-01"]
            fleet = await room.over()
            assert states(fleet) == {"mp-01": "done", "mp-02": "done", "fi-01": "done"}
            for kit in fleet["kits"]:
                assert_it_is_so(there, kit)
            assert there.micropython("mp-01").running
            assert (await room.kit("mp-01"))["program"] == "line-follower"
            # a lesson may tell it to run what it has got meanwhile
            controls = room.there.live.device("mp-01").controls or ()
            assert "line-follower" in next(one.choices for one in controls if str(one.target) == "program")

            await room.ask("stop", groups=["blue"])
            fleet = await room.over()
            assert states(fleet) == {"mp-01": "done", "mp-02": "done", "fi-01": "done"}
            for kit in fleet["kits"]:
                assert_it_is_so(there, kit)
            assert (there.micropython("mp-01").running, there.micropython("mp-02").running) == (False, True)
            await room.ask("run", program="line-follower", kits=["mp-01"])
            await room.over()
            assert there.micropython("mp-01").running
            await room.ask("check")
            fleet = await room.over()
            assert states(fleet) == {"mp-01": "done", "mp-02": "done", "fi-01": "done"}
            assert not there.micropython("mp-01").running


async def test_one_that_is_unplugged_in_the_middle_ends_as_what_it_holds(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2) as there, robot_room(tmp_path / "data", there) as room:
        board = there.micropython("mp-01")
        with room.when("mp-01", "sending", board.unplug), room.when("mp-01", "waiting") as waiting:
            await room.ask("deploy", program="line-follower", run=True)
            await waiting.wait()
        await room.until(lambda: not room.desk.is_busy("mp-02"))
        assert (await room.kit("mp-01"))["health"]["state"] == "unreachable"
        board.replug()
        fleet = await room.over()
        assert states(fleet) == {"mp-01": "done", "mp-02": "done"}
        for kit in fleet["kits"]:
            assert_it_is_so(there, kit)
        assert (await room.kit("mp-01"))["work"]["attempts"] == 2


async def test_one_that_does_not_come_back_is_named_and_retried_alone(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2) as there, robot_room(tmp_path / "data", there) as room:
        room.desk.be_patient(Patience(attempts=2, back_s=0.2), back_s=0.2)
        there.micropython("mp-01").unplug()
        await room.ask("deploy", program="line-follower")
        fleet = await room.over()
        assert states(fleet) == {"mp-01": "failed", "mp-02": "done"}
        assert (await room.kit("mp-01"))["work"]["code"] == "unreachable"
        assert not (await room.kit("mp-01"))["ok"]
        there.micropython("mp-01").replug()
        room.desk.be_patient(Patience(), back_s=20.0)
        job = await room.ask("retry")
        assert job["kits"] == ["mp-01"]
        fleet = await room.over()
        assert states(fleet) == {"mp-01": "done", "mp-02": "done"}
        for kit in fleet["kits"]:
            assert_it_is_so(there, kit)
        assert (await room.ask("retry", 409))["error"] == "nothing-failed"


async def test_stopping_waits_for_no_slow_kit_and_breaks_off_what_it_is_given(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=3) as there, robot_room(tmp_path / "data", there) as room:
        slow = there.micropython("mp-01").faults
        with room.when("mp-01", "sending", lambda: slow.add("silent")), room.when("mp-01", "stopping") as stopping:
            with room.when("mp-02", "starting") as starting:
                await room.ask("deploy", program="line-follower", run=True)
                await starting.wait()
            await room.ask("stop")
            await stopping.wait()
            await room.until(lambda: not room.desk.is_busy("mp-02") and not room.desk.is_busy("mp-03"))
            assert room.desk.is_busy("mp-01")
            await room.verified("mp-02", "mp-03")
            for name in ("mp-02", "mp-03"):
                assert not there.micropython(name).running
                assert_it_is_so(there, await room.kit(name))
        slow.clear()
        await room.over()


async def test_a_restart_in_the_middle_is_told_and_what_the_kits_hold_decides(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2) as there:
        async with robot_room(tmp_path / "data", there) as room:
            await room.ask("deploy", program="line-follower", kits=["mp-01"])
            await room.over()
            faults = there.micropython("mp-02").faults
            with room.when("mp-02", "sending", lambda: faults.add("silent")) as sending:
                await room.ask("deploy", program="line-follower", run=True)
                await sending.wait()
        faults.clear()
        async with robot_room(tmp_path / "data", there) as room:
            fleet = await room.fleet()
            assert fleet["job"]["what"] == "line-follower"
            assert states(fleet)["mp-02"] == "interrupted"
            assert fleet["job"]["ended"] is not None
            await room.verified("mp-01")
            for kit in (await room.fleet())["kits"]:
                assert_it_is_so(there, kit)
            await room.ask("retry")
            fleet = await room.over()
            assert set(states(fleet).values()) <= {"done", "unchanged"}
            for kit in fleet["kits"]:
                assert_it_is_so(there, kit)


async def test_a_kit_that_somebody_else_holds_is_left_alone_but_may_be_stopped_by_anybody(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2) as there, robot_room(tmp_path / "data", there) as room:
        lease = await room.client.post("/api/leases", json={"target": "mp-01", "holder": "table-1"})
        assert lease.status_code == 201
        await room.ask("deploy", program="line-follower")
        fleet = await room.over()
        assert states(fleet) == {"mp-01": "failed", "mp-02": "done"}
        assert (await room.kit("mp-01"))["work"]["code"] == "leased"
        assert "lophoc.json" not in there.micropython("mp-01").files
        room.client.headers[LEASE_HEADER] = lease.json()["key"]
        await room.ask("retry")
        assert states(await room.over()) == {"mp-01": "done", "mp-02": "done"}
        del room.client.headers[LEASE_HEADER]
        await room.ask("stop")
        assert states(await room.over()) == {"mp-01": "done", "mp-02": "done"}


async def test_whoever_may_refuse_a_command_may_refuse_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lab(tmp_path, micropython=1) as there, robot_room(tmp_path / "data", there) as room:

        async def refuse(_: LiveRoom, device: str, command: Command) -> None:
            raise Refused(f"{device} may not do {command} now")

        monkeypatch.setattr(LiveRoom, "check", refuse)
        await room.ask("deploy", program="line-follower", run=True)
        work = (await room.over())["kits"][0]["work"]
        assert (work["state"], work["code"], work["detail"]) == (
            "failed",
            "refused",
            "mp-01 may not do program -> none now",
        )
        assert there.micropython("mp-01").files == {}


async def test_what_cannot_be_is_answered_with_a_code(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=1) as there, robot_room(tmp_path / "data", there) as room:
        assert (await room.ask("deploy", 404, program="no-such"))["error"] == "not-in-library"
        assert (await room.ask("deploy", 404, program="line-follower", kits=["mp-09"]))["error"] == "unknown-kit"
        assert (await room.ask("stop", 404, groups=["red"]))["error"] == "unknown-kit"
        assert (await room.ask("flash", 403, firmware="x", kits=["mp-01"]))["error"] == "not-allowed"
        await room.ask("run", program="line-follower")
        assert (await room.over())["kits"][0]["work"]["reason"] == "not-on-kit"
        (there.directory / "library" / "line.py").write_bytes(b"somebody else's")
        answer = await room.ask("deploy", 409, program="line-follower")
        assert answer["error"] == "wrong-library"
        assert "line.py is not the file that was released" in answer["detail"]


async def test_a_damaged_program_is_seen_when_the_kit_is_plugged_in_again(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=1) as there, robot_room(tmp_path / "data", there) as room:
        await room.ask("deploy", program="line-follower")
        await room.over()
        board = there.micropython("mp-01")
        board.unplug()
        await room.until(lambda: room.there.live.driver_of("mp-01") is None)
        assert (await room.kit("mp-01"))["holds"][0]["whole"] is None
        board.files["line.py"] = b"print('by hand')"
        board.replug()
        room.there.live.hurry("mp-01")
        await room.verified("mp-01")
        kit = await room.kit("mp-01")
        assert kit["holds"] == [
            {"name": "line-follower", "version": "1.0", "whole": False, "damaged": ["line.py"]},
        ]
        assert [one["code"] for one in kit["problems"]] == ["damaged"]
        await room.ask("check")
        await room.over()
        await room.ask("deploy", program="line-follower")
        assert (await room.over())["kits"][0]["ok"]


async def test_a_second_tap_is_no_second_wish_and_another_program_takes_over(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=1) as there, robot_room(tmp_path / "data", there) as room:
        kits = room.desk.kits()
        with room.when("mp-01", "sending") as sending:
            first = await room.desk.deploy(kits, "line-follower", False, ())
            await sending.wait()
            assert await room.desk.deploy(kits, "line-follower", False, ()) == first
            assert await room.desk.deploy(kits, "line-follower", True, ()) != first
        fleet = await room.over()
        assert states(fleet) == {"mp-01": "done"}
        assert there.micropython("mp-01").running
        await room.verified("mp-01")
        assert_it_is_so(there, await room.kit("mp-01"))


async def test_the_centre_is_told_of_each_work(tmp_path: Path) -> None:
    from edge_agent.fleet_points import work_points
    from edge_agent.fleet_work import Work

    async with lab(tmp_path, micropython=1) as there, robot_room(tmp_path / "data", there) as room:
        await room.ask("deploy", program="line-follower")
        await room.over()
        work = room.desk.work("mp-01")
        assert isinstance(work, Work)
        assert (work.kind, work.state) == (Kind.DEPLOY, WorkState.DONE)
        device = room.desk.devices["mp-01"]
        readings = room.there.live.device("mp-01").readings
        points = {
            one.series.metric: one.value for one in work_points("lab", device, work, readings, room.desk.holds("mp-01"))
        }
        assert points.pop("work_s") == pytest.approx(((work.ended_us or 0) - work.began_us) / 1e6)
        assert str(points.pop("firmware")).startswith("micropython")
        assert points == {
            "work": "deploy", "work_outcome": "done", "work_error": "", "work_attempts": 1, "programs": 1,
            "work_version": "line-follower 1.0", "damaged_programs": 0,
        }  # fmt: skip


async def test_a_room_without_robots_says_so(tmp_path: Path) -> None:
    async with served(tmp_path) as there, there.client() as client:
        assert (await client.get("/api/robots")).json()["error"] == "no-robots"


async def test_firmware_is_written_on_a_line_that_is_lent_and_the_kit_is_back_afterwards(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=2) as there:
        library = there.library()
        manifest = yaml.safe_load((library / "library.yaml").read_text(encoding="utf-8"))
        digest = manifest["programs"][0]["files"]["gears.py"]
        firmware = {"name": "own-main", "version": "3.1", "tool": "mpremote", "file": "gears.py", "sha256": digest}
        (library / "library.yaml").write_text(yaml.safe_dump(manifest | {"firmwares": [firmware]}), encoding="utf-8")
        async with robot_room(tmp_path / "data", there, library, TECHNICIAN) as room:
            assert (await room.ask("flash", 422, firmware="own-main"))["error"] == "invalid"
            with room.when("mp-01", "connecting") as connecting:
                await room.ask("flash", firmware="own-main", kits=["mp-01"])
                await connecting.wait()
                kit = await room.kit("mp-01")
                assert (kit["health"]["reason"], kit["problems"]) == ("lent", [])
                await room.ask("stop")  # it is left alone: half a firmware would be worse
                assert (await room.kit("mp-01"))["work"]["kind"] == "flash"
            await room.until(lambda: not room.desk.is_busy("mp-01"))
            kit = await room.kit("mp-01")
            assert (kit["work"]["state"], kit["work"]["what"]) == ("done", "own-main"), kit
            assert there.micropython("mp-01").files["main.py"] == (library / "gears.py").read_bytes()
            await room.until(lambda: room.there.live.health("mp-01").is_well)


async def test_one_whose_flashing_never_ended_is_named_until_it_is_flashed(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=1) as there:
        FlashRecords(tmp_path / "data" / "flashing").begin("mp-01", "/dev/ttyACM0", "own-main 3.1")
        async with robot_room(tmp_path / "data", there) as room:
            kit = await room.kit("mp-01")
            assert (kit["ok"], [one["code"] for one in kit["problems"]]) == (False, ["half-flashed"])
            assert "own-main 3.1" in kit["problems"][0]["detail"]
