"""A lesson is prepared device by device, and what it did can be taken back."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classroom_profiles.capability import Value
from classroom_profiles.profile import Profile
from edge_agent.lesson import Lesson, LessonState
from edge_agent.lesson_store import LessonStore
from edge_agent.lessons import Lessons
from tests.edge_agent.fake_driver import FakeRoom, task

ROOM: dict[str, tuple[str, dict[str, Value]]] = {
    "projector": ("projector", {"power": False, "input": ""}),
    "screen": ("screen", {"switch": False}),
    "lights": ("lights", {"switch": True, "level": 100.0}),
    "speakers": ("speakers", {"switch": False}),
}
TEACH = [
    {"id": "power", "role": "projector", "set": {"power": True}, "need": "required"},
    {"id": "picture", "role": "projector", "set": {"input": "hdmi1"}, "need": "required"},
    {"role": "screen", "set": {"switch": True}},
    {"role": "lights", "set": {"switch": True}},
    {"role": "lights", "set": {"level": 40}, "after": ["picture"]},
    {"role": "speakers", "set": {"switch": True}},
]
OFF = [{"role": role, "set": {"switch": False}} for role in ("screen", "lights", "speakers")]


def profile(name: str, steps: list[dict[str, Any]], *, preempts: str = "no", version: int = 1) -> Profile:
    words = {"vi": name, "en": name}
    content = {"id": name, "version": version, "name": words, "description": words, "preempts": preempts}
    return Profile.model_validate({**content, "steps": steps})


PROFILES = (profile("teach", TEACH), profile("off", OFF, preempts="yes"), profile("quiet", OFF[2:]))


@dataclass
class Class:
    """A room with its lessons, running."""

    room: FakeRoom
    lessons: Lessons

    @property
    def lesson(self) -> Lesson:
        assert self.lessons.current is not None
        return self.lessons.current

    def states(self) -> dict[str, str]:
        return {step.id: str(step.state) for step in self.lesson.steps}

    async def until(self, *states: LessonState) -> Lesson:
        await self.room.until(lambda: self.lessons.current is not None and self.lessons.current.state in states)
        return self.lesson


@asynccontextmanager
async def held(
    path: Path, room: FakeRoom | None = None, profiles: tuple[Profile, ...] = PROFILES
) -> AsyncIterator[Class]:
    room = room or FakeRoom(ROOM)
    by_id: Mapping[str, Profile] = {one.id: one for one in profiles}
    async with room.running(), LessonStore(path / "lessons.sqlite") as store:
        lessons = Lessons(room.live, by_id, store, room.changes, room.points.extend, pause_s=0.001)
        async with task(lessons.run()):
            yield Class(room, lessons)


async def test_a_lesson_is_ready_when_every_device_is_where_it_shall_be(tmp_path: Path) -> None:
    async with held(tmp_path) as one:
        begun = await one.lessons.start("teach", ())
        assert begun.state is LessonState.PREFLIGHT
        lesson = await one.until(LessonState.READY)
        assert one.states() == {
            "projector.power": "done",
            "projector.input": "done",
            "screen.switch": "done",
            "lights.switch": "already",
            "lights.level": "done",
            "speakers.switch": "done",
        }
        assert one.room["projector"].values == {"power": True, "input": "hdmi1"}
        assert one.room["lights"].told == ["level -> 40.0"]
        assert lesson.ready_s is not None
        assert not lesson.resumed


async def test_steps_keep_their_order_and_others_do_not_wait(tmp_path: Path) -> None:
    room = FakeRoom(ROOM)
    warm = room["projector"].holds["power"] = asyncio.Event()
    async with held(tmp_path, room) as one:
        await one.lessons.start("teach", ())
        await room.until(lambda: one.states()["screen.switch"] == "done" and one.states()["speakers.switch"] == "done")
        assert one.states()["projector.power"] == "running"
        assert room["lights"].told == []
        warm.set()
        await one.until(LessonState.READY)
        assert room.journal.index("projector.input -> hdmi1") < room.journal.index("lights.level -> 40.0")
