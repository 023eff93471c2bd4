"""A room of fake devices in which lessons are held, and the profiles that the tests start."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classroom_profiles.capability import Value
from classroom_profiles.profile import Profile
from classroom_profiles.telemetry import Measurement
from edge_agent.lesson import Lesson, LessonState, StepState
from edge_agent.lesson_store import LessonStore
from edge_agent.lessons import Lessons
from edge_agent.preflight import MayTell, anybody_may
from tests.edge_agent.fake_driver import FakeRoom, task

ROOM: dict[str, tuple[str, dict[str, Value]]] = {
    "projector": ("projector", {"power": False, "input": "vga"}),
    "screen": ("screen", {"switch": False}),
    "lights": ("lights", {"switch": True, "level": 100.0}),
    "speakers": ("speakers", {"switch": False}),
}
TEACH: list[dict[str, Any]] = [
    {"id": "power", "role": "projector", "set": {"power": True}, "need": "required"},
    {"id": "picture", "role": "projector", "set": {"input": "hdmi1"}, "need": "required"},
    {"role": "screen", "set": {"switch": True}},
    {"role": "lights", "set": {"switch": True}},
    {"role": "lights", "set": {"level": 40}, "after": ["picture"]},
    {"role": "speakers", "set": {"switch": True}},
]
OFF: list[dict[str, Any]] = [
    {"role": role, "set": {"switch": False}, "timeout_s": 0.1, "retries": 0}
    for role in ("screen", "lights", "speakers")
]
FINAL = (LessonState.READY, LessonState.BLOCKED, LessonState.FAILED, LessonState.UNDONE)


def profile(name: str, steps: list[dict[str, Any]], *, preempts: str = "no", version: int = 1) -> Profile:
    words = {"vi": name, "en": name}
    content = {"id": name, "version": version, "name": words, "description": words, "preempts": preempts}
    return Profile.model_validate({**content, "steps": steps})


QUIET: list[dict[str, Any]] = [{"role": "speakers", "set": {"switch": False}}]
PROFILES = (profile("teach", TEACH), profile("off", OFF, preempts="yes"), profile("quiet", QUIET))


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

    async def until_step(self, step_id: str, state: StepState) -> None:
        await self.room.until(lambda: self.states().get(step_id) == state)

    async def run(self, name: str = "teach", without: tuple[str, ...] = ()) -> Lesson:
        """Start it, and wait for its end."""
        await self.lessons.start(name, without)
        return await self.until(*FINAL)

    def values(self) -> dict[str, dict[str, Value]]:
        """What the devices themselves know."""
        return values_of(self.room)

    def told(self, metric: str) -> list[Value]:
        """What the centre hears of the lesson, in order."""
        return [
            point.value
            for point in self.room.points
            if point.series.measurement is Measurement.LESSON and point.series.metric == metric
        ]


def values_of(room: FakeRoom) -> dict[str, dict[str, Value]]:
    return {name: dict(thing.values) for name, thing in room.things.items()}


@asynccontextmanager
async def held(
    path: Path,
    room: FakeRoom | None = None,
    profiles: tuple[Profile, ...] = PROFILES,
    store: LessonStore | None = None,
    pause_s: float = 0.001,
    may_tell: MayTell = anybody_may,
) -> AsyncIterator[Class]:
    room = room or FakeRoom(ROOM)
    by_id: Mapping[str, Profile] = {one.id: one for one in profiles}
    async with room.running(), store or LessonStore(path / "lessons.sqlite") as kept:
        lessons = Lessons(
            room.live, by_id, kept, room.changes, room.points.extend, pause_s=pause_s, verify_s=0.05, may_tell=may_tell
        )
        async with task(lessons.run()):
            try:
                yield Class(room, lessons)
            finally:
                room.let_go()
