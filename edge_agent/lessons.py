"""The room's lessons: one at a time, prepared, ended, and taken up again after a restart."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any

from classroom_profiles.plan import plan
from classroom_profiles.profile import Preempts, Profile
from classroom_profiles.reading import Change, Health
from classroom_profiles.room import Device
from classroom_profiles.state import NOT_OPENED
from classroom_profiles.telemetry import Point
from edge_agent.changes import Changes
from edge_agent.lesson import Lesson, LessonState, StepError, StepState, begun, doubting, planned
from edge_agent.lesson_store import LessonStore
from edge_agent.live_room import LiveRoom, now_us
from edge_agent.preflight import CHECK_S, MayTell, anybody_may, preflight
from edge_agent.preparation import VERIFY_S, Preparation, RequiredFailed
from edge_agent.telemetry_points import LESSON, event_point, lesson_points, lost_devices_point

_FORGOTTEN_US = 3 * 3600 * 1_000_000

_log = logging.getLogger("lophoc.lesson")


class Busy(Exception):
    """Another lesson is being prepared or undone."""


class NoLesson(Exception):
    """There is nothing to end."""


class UnknownProfile(Exception):
    """No profile has this id."""


class Lessons:
    """`run` does the work; `start` and `end` say what work, and return when it has begun."""

    def __init__(
        self,
        room: LiveRoom,
        profiles: Mapping[str, Profile],
        store: LessonStore,
        changes: Changes,
        record: Callable[[Iterable[Point]], None],
        *,
        pause_s: float = 0.5,
        verify_s: float = VERIFY_S,
        may_tell: MayTell = anybody_may,
    ) -> None:
        """`pause_s`: how long to wait before a second try of a step; `verify_s`: how long after its confirmation a
        device may take to read as it was told; `may_tell`: who is asked before a device is told anything, unless the
        profile preempts."""
        self.current: Lesson | None = None
        """The lesson of this room, also when it is over; None before the first."""
        self._room = room
        self._profiles = profiles
        self._store = store
        self._changes = changes
        self._record = record
        self._pause_s, self._verify_s = pause_s, verify_s
        self._may_tell = may_tell
        self._tasks: asyncio.TaskGroup | None = None
        self._running = asyncio.Event()
        self._switching = asyncio.Lock()
        self._work: asyncio.Task[None] | None = None
        """What is being done. One that was stopped and has not let go yet is none, and has nothing to say any more."""
        self._began: tuple[str, float] = ("", 0.0)
        """The lesson that was begun last, and when (the loop's time)."""
        self._told_lost: dict[str, Health] | None = None
        """What of `lost` was told last; None before the first lesson."""

    async def run(self) -> None:
        """Forever: first goes on with a lesson that was being prepared or undone when the agent was stopped."""
        try:
            with self._room.listen(self._heard):
                async with asyncio.TaskGroup() as tasks:
                    self._tasks = tasks
                    await self._resume()
                    self._running.set()
                    await asyncio.get_running_loop().create_future()
        finally:
            self._running.clear()
            self._tasks = None

    @property
    def lost(self) -> dict[str, Health]:
        """The devices of a lesson that is ready on which nobody can count now, each with its health."""
        if self.current is None or self.current.state is not LessonState.READY:
            return {}
        state = self._room.state()
        health = {device: state.of(device).health for device in self.current.devices}
        return {device: found for device, found in health.items() if not found.is_well and found != NOT_OPENED}

    def may_profiles_change(self, now_us: int) -> bool:
        """Would other profiles disturb nobody: is nothing being prepared or put back, and no lesson on?

        One that has been ready for three hours is taken for one that nobody ended.
        """
        lesson = self.current
        if not self._running.is_set() or (lesson is not None and lesson.is_busy):
            return False
        is_on = lesson is not None and lesson.state is LessonState.READY
        return not is_on or lesson is None or now_us - lesson.started_us > _FORGOTTEN_US

    async def preview(self, profile: str, without: Collection[str]) -> Lesson:
        """The lesson as it would run now, and what stands in its way. Nothing is touched. Raises UnknownProfile."""
        found = self._profile(profile)
        await self._room.settled(CHECK_S)
        lesson = begun(secrets.token_hex(8), found, now_us(), tuple(without))
        return await preflight(self._room, self._planned(lesson, found), self._asked(profile))

    async def start(self, profile: str, without: Collection[str]) -> Lesson:
        """Begin. Raises UnknownProfile, or Busy while one is being prepared or undone, unless it preempts."""
        found = self._profile(profile)
        return await self._switch(self._start(found, tuple(without)))

    async def end(self) -> Lesson:
        """Stop what is being prepared, and put back what it or a finished lesson changed. Raises NoLesson."""
        return await self._switch(self._end())

    # --- from one lesson to the next ---

    async def _switch(self, work: Coroutine[Any, Any, Lesson]) -> Lesson:
        """One switch at a time, and to its end, whatever becomes of who asked for it."""
        try:
            await self._running.wait()
            assert self._tasks is not None
        except BaseException:
            work.close()
            raise
        outcome: asyncio.Future[Lesson] = asyncio.get_running_loop().create_future()
        self._tasks.create_task(self._switched(work, outcome), name="lesson: switch")
        return await asyncio.shield(outcome)

    async def _switched(self, work: Coroutine[Any, Any, Lesson], outcome: "asyncio.Future[Lesson]") -> None:
        try:
            async with self._switching:
                outcome.set_result(await work)
        except Exception as why:  # noqa: BLE001 - told to who asked
            outcome.set_exception(why)
        finally:
            outcome.cancel()
            work.close()

    async def _start(self, profile: Profile, without: tuple[str, ...]) -> Lesson:
        before = self.current
        if before is not None and before.is_busy:
            if profile.preempts is not Preempts.YES:
                raise Busy(f"{before.profile} is being {'undone' if before.state == 'undoing' else 'prepared'}")
            if before.state is not LessonState.UNDOING and (before.profile, before.without) == (profile.id, without):
                return before  # told twice, as people do in an emergency
            self._stop()
            self._event("preempted", before.profile)
        lesson = self._planned(begun(secrets.token_hex(8), profile, now_us(), without), profile)
        if before is not None and before.is_busy:
            lesson = doubting(lesson, before)
        self._began = (lesson.id, asyncio.get_running_loop().time())
        self._show(replace(lesson, blocked=()))
        self._do(self._prepare(lesson, profile))
        return self._shown()

    async def _end(self) -> Lesson:
        if self.current is None:
            raise NoLesson("there is no lesson")
        if self.current.state is LessonState.UNDOING:
            return self.current
        self._stop()
        lesson = self._shown()
        match lesson.state:
            case LessonState.PREFLIGHT:
                self._show(_over(replace(lesson, cancelled=True), LessonState.UNDONE))
            case LessonState.RUNNING:
                self._begin_undo(lesson, LessonState.UNDONE, cancelled=True)
            case LessonState.READY:
                self._begin_undo(lesson, LessonState.UNDONE)
            case _:
                raise NoLesson("it is over")
        return self._shown()

    def _stop(self) -> None:
        """Whatever is being done ends where it is. Nobody waits until it has: each device keeps the order itself."""
        if self._work is not None:
            self._work.cancel()
        self._work = None

    def _is_stopped(self) -> bool:
        """Asked by what is being done, in its own task."""
        return asyncio.current_task() is not self._work

    # --- the work ---

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        self._work = self._tasks.create_task(self._contained(work), name="lesson")

    async def _contained(self, work: Coroutine[Any, Any, None]) -> None:
        """A mistake of ours ends the lesson, not the agent."""
        try:
            await work
        except Exception:  # noqa: BLE001 - logged, with its trace
            _log.exception("a lesson could not go on")
            if not self._is_stopped():
                self._show(_over(_broken_off(self._shown()), LessonState.FAILED))

    async def _prepare(self, lesson: Lesson, profile: Profile) -> None:
        """What preempts asks nobody and waits for nothing: it tells each device at once."""
        if profile.preempts is not Preempts.YES:
            await self._room.settled(CHECK_S)
            lesson = await preflight(self._room, self._planned(lesson, profile), self._asked(profile.id))
            if self._is_stopped():
                return
        if lesson.blocked:
            self._show(_over(lesson, LessonState.BLOCKED))
            return
        steps = tuple(replace(step, error=None) for step in lesson.steps)
        await self._take(replace(lesson, state=LessonState.RUNNING, steps=steps))

    async def _take(self, lesson: Lesson) -> None:
        self._show(lesson)
        try:
            await self._preparation(lesson).prepare()
        except RequiredFailed:
            if self._is_stopped():
                return
            self._begin_undoing(self._shown(), LessonState.FAILED)
            await self._undo()
        else:
            if self._is_stopped():
                return
            self._show(replace(self._shown(), state=LessonState.READY, ready_s=self._took_s(lesson)))
            await self._store.durable()

    def _begin_undo(self, lesson: Lesson, ends_as: LessonState, *, cancelled: bool = False) -> None:
        self._begin_undoing(replace(lesson, cancelled=lesson.cancelled or cancelled), ends_as)
        self._do(self._undo())

    def _begin_undoing(self, lesson: Lesson, ends_as: LessonState) -> None:
        """From here on, what was being done counts as done: it is put back."""
        steps = tuple(
            replace(step, state=StepState.DONE) if step.state is StepState.RUNNING else step for step in lesson.steps
        )
        self._show(replace(lesson, state=LessonState.UNDOING, ends_as=ends_as, steps=steps))

    async def _undo(self) -> None:
        await self._preparation(self._shown()).undo()
        if self._is_stopped():
            return
        self._show(_over(self._shown(), self._shown().ends_as))
        await self._store.durable()

    async def _resume(self) -> None:
        lesson = await self._store.load()
        if lesson is None:
            return
        if not lesson.is_busy:
            self._show(lesson)
            return
        lesson = replace(lesson, resumed=True)
        profile = self._profiles.get(lesson.profile)
        same = profile is not None and profile.version == lesson.version
        _log.warning("going on with the lesson %s, which was %s when the agent stopped", lesson.profile, lesson.state)
        if lesson.state is LessonState.UNDOING:
            self._begin_undoing(lesson, lesson.ends_as)
            self._do(self._go_on_undoing())
        elif profile is None or not same:
            self._begin_undoing(_without_profile(lesson), LessonState.FAILED)
            self._do(self._go_on_undoing())
        elif lesson.state is LessonState.PREFLIGHT:
            self._show(lesson)
            self._do(self._prepare(lesson, profile))
        else:
            self._show(lesson)
            self._do(self._go_on(lesson))

    async def _go_on(self, lesson: Lesson) -> None:
        """What is done is looked at again, what was being done is done again."""
        await self._room.settled(CHECK_S)
        await self._take(lesson)

    async def _go_on_undoing(self) -> None:
        await self._room.settled(CHECK_S)
        await self._undo()

    # --- small things ---

    def _profile(self, profile_id: str) -> Profile:
        if profile_id not in self._profiles:
            raise UnknownProfile(profile_id)
        return self._profiles[profile_id]

    def _planned(self, lesson: Lesson, profile: Profile) -> Lesson:
        return planned(lesson, plan(profile, self._room.room, self._room.state(), lesson.without))

    def _preparation(self, lesson: Lesson) -> Preparation:
        work = asyncio.current_task()

        def show(lesson: Lesson) -> None:
            if self._work is work:
                self._show(lesson)

        ask = self._asked(lesson.profile)
        return Preparation(self._room, lesson, show, self._store.durable, self._pause_s, self._verify_s, ask)

    def _asked(self, profile: str) -> MayTell:
        """In an emergency nobody is asked."""
        found = self._profiles.get(profile)
        return anybody_may if found is not None and found.preempts is Preempts.YES else self._may_tell

    def _took_s(self, lesson: Lesson) -> float:
        """By the clock that nobody sets, where it was running all the time."""
        lesson_id, at = self._began
        if lesson_id == lesson.id:
            return round(asyncio.get_running_loop().time() - at, 3)
        return round(max(0, now_us() - lesson.started_us) / 1e6, 3)

    def _shown(self) -> Lesson:
        assert self.current is not None
        return self.current

    def _show(self, lesson: Lesson) -> None:
        before, self.current = self.current, lesson
        self._store.keep(lesson)
        self._changes.lesson()
        if before is None or (before.id, before.state) != (lesson.id, lesson.state):
            _say(lesson)
            self._record(lesson_points(self._room.room.room, lesson, now_us()))
        self._tell_lost()

    def _heard(self, device: Device, change: Change) -> None:
        if isinstance(change, Health) and self.current is not None and device.id in self.current.devices:
            self._tell_lost()

    def _tell_lost(self) -> None:
        """A lesson that is ready stays so; but whoever looks at it, here or at the centre, sees what it has lost."""
        lost = self.lost
        if lost == self._told_lost:
            return
        if self._told_lost is None or len(lost) != len(self._told_lost):
            self._record([lost_devices_point(self._room.room.room, len(lost), now_us())])
        self._told_lost = lost
        self._changes.lesson()

    def _event(self, metric: str, value: str) -> None:
        self._record([event_point(self._room.room.room, LESSON, LESSON, metric, value, now_us())])


def _say(lesson: Lesson) -> None:
    """In the log, for a technician: what became of the lesson, and what of it failed."""
    wrong = [
        *(f"{step.id}: {step.state}: {step.error.code}: {step.error.detail}" for step in lesson.steps if step.error),
        *(f"{gap.device or gap.role} {gap.command.target}: {gap.why} {gap.detail}".rstrip() for gap in lesson.blocked),
    ]
    if wrong and not lesson.is_busy:
        _log.warning("%s: %s; %s", lesson.profile, lesson.state, "; ".join(wrong))
    else:
        _log.info("%s: %s", lesson.profile, lesson.state)


def _over(lesson: Lesson, state: LessonState) -> Lesson:
    """What was not begun will not be."""
    steps = tuple(
        replace(step, state=StepState.NOT_TRIED) if step.state is StepState.WAITING else step for step in lesson.steps
    )
    return replace(lesson, state=state, steps=steps)


def _broken_off(lesson: Lesson) -> Lesson:
    """What was being done was not done to its end."""
    error = StepError("internal", "a mistake in the agent; its log says more")
    steps = tuple(
        replace(step, state=StepState.FAILED, error=error) if step.state is StepState.RUNNING else step
        for step in lesson.steps
    )
    return replace(lesson, steps=steps)


def _without_profile(lesson: Lesson) -> Lesson:
    error = StepError("unknown-profile", "the profile was changed or removed while the agent was stopped")
    steps = tuple(
        replace(step, state=StepState.NOT_TRIED, error=error) if step.state is StepState.WAITING else step
        for step in lesson.steps
    )
    return replace(lesson, steps=steps)
