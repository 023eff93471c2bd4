"""Preflight and dry run: what stands in a lesson's way is found, and nothing is touched."""

from pathlib import Path

import pytest

from classroom_profiles.reading import Health, HealthState
from edge_agent import preflight
from edge_agent.lesson import LessonState, StepState
from firmware_bridge.errors import BadReply, NotNow, Refused, Timeout, Unreachable
from tests.edge_agent.fake_driver import FakeRoom
from tests.edge_agent.lesson_room import ROOM, TEACH, held, profile, values_of


@pytest.mark.parametrize("error", [Refused("no"), Unreachable("gone"), Timeout("slow"), BadReply("what?")])
async def test_a_required_device_that_could_not_do_it_stops_before_anything_moves(
    tmp_path: Path, error: Exception
) -> None:
    room = FakeRoom(ROOM)
    room["projector"].fails_check = error
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.BLOCKED
        assert {(gap.device, gap.why, gap.detail) for gap in lesson.blocked} == {
            ("projector", getattr(error, "code", ""), str(error))
        }
        assert room.journal == []
        assert set(one.states().values()) == {"not-tried", "already"}
        assert one.told("state") == ["preflight", "blocked"]


async def test_a_required_device_that_is_away_blocks_and_is_named(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].unplug()
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.BLOCKED
        assert {(gap.device, gap.why) for gap in lesson.blocked} == {("projector", "unreachable")}
        assert room.journal == []


async def test_one_that_warms_up_or_cools_down_is_in_nobodys_way(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].fails_check = NotNow("cooling")
    async with held(tmp_path, room) as one:
        assert (await one.run()).state is LessonState.READY


async def test_a_required_device_that_reports_a_fault_blocks_although_it_would_obey(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].health = Health(HealthState.FAULT, "lamp")
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.BLOCKED
        found = {(gap.device, gap.why, gap.detail) for gap in lesson.blocked}
        assert found == {("projector", "fault", "it reports a fault: lamp")}
        assert room.journal == []


async def test_one_whose_line_was_lost_to_a_fault_says_the_fault_and_not_the_line(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].unplug(Refused("the password is wrong"))
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        assert {(gap.why, gap.detail) for gap in lesson.blocked} == {("fault", "it reports a fault: refused")}


async def test_an_optional_device_that_could_not_do_it_is_tried_all_the_same(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["speakers"].fails_check = Refused("muted")
    async with held(tmp_path, room) as one:
        seen = await one.lessons.preview("teach", ())
        error = seen.step("speakers.switch").error
        assert error is not None
        assert error.code == "refused"
        lesson = await one.run()
        assert lesson.step("speakers.switch").state is StepState.DONE


async def test_a_mistake_in_a_driver_is_a_refusal_of_its_device(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["speakers"].fails_check = ZeroDivisionError()
    async with held(tmp_path, room) as one:
        error = (await one.lessons.preview("teach", ())).step("speakers.switch").error
        assert error is not None
        assert error.code == "refused"


async def test_one_that_does_not_say_if_it_could_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "CHECK_S", 0.01)
    room = FakeRoom(ROOM)
    room["projector"].holds_check.clear()
    async with held(tmp_path, room) as one:
        lesson = await one.run()
        assert lesson.state is LessonState.BLOCKED
        assert {(gap.device, gap.why) for gap in lesson.blocked} == {("projector", "timeout")}


async def test_a_dry_run_touches_nothing_and_leaves_no_trace(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    before = values_of(room)
    steps = [*TEACH, {"role": "blinds", "set": {"level": 0}}]
    async with held(tmp_path, room, (profile("teach", steps),)) as one:
        points = len(room.points)
        seen = await one.lessons.preview("teach", ())
        assert [step.state for step in seen.steps] == [
            *([StepState.WAITING] * 3),
            StepState.ALREADY,
            *([StepState.WAITING] * 2),
        ]
        assert [gap.role for gap in seen.skipped] == ["blinds"]
        assert seen.blocked == ()
        assert one.lessons.current is None
        assert room.journal == []
        assert values_of(room) == before
        assert len(room.points) == points
    async with held(tmp_path, FakeRoom(ROOM)) as again:
        await again.lessons.preview("teach", ())
        assert again.lessons.current is None, "nothing was kept"


async def test_a_dry_run_says_what_would_block(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    room["projector"].fails_check = Refused("locked")
    async with held(tmp_path, room) as one:
        seen = await one.lessons.preview("teach", ())
        assert seen.state is LessonState.BLOCKED
        assert {gap.device for gap in seen.blocked} == {"projector"}
        assert (await one.lessons.preview("teach", ("projector",))).blocked == ()


async def test_a_dry_run_in_mid_lesson_disturbs_nothing(tmp_path: Path) -> None:
    async with held(tmp_path) as one:
        begun = await one.lessons.start("teach", ())
        seen = await one.lessons.preview("quiet", ())
        assert seen.profile == "quiet"
        assert (await one.until(LessonState.READY)).id == begun.id
