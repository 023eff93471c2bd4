"""Brings a room to a lesson, or back: steps in parallel as far as their order allows, each verified.

Every change is told at once, and is durable before a device is told anything: intent first. A process that was killed
finds in the store at least all that it may have done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from classroom_profiles.capability import Command
from classroom_profiles.profile import Need
from classroom_profiles.reading import HealthState
from edge_agent.backoff import delays
from edge_agent.lesson import (
    POWER_ON,
    Lesson,
    LessonStep,
    StepError,
    StepState,
    broken,
    dependents,
    goes_dark,
    leaves_doubt,
    let_down,
    superseded,
    taken_away,
)
from edge_agent.live_room import LiveRoom
from edge_agent.preflight import MayTell, anybody_may
from firmware_bridge.errors import BadReply, DeviceError, Refused, Unreachable

VERIFY_S = 2.0

Show = Callable[[Lesson], None]
"""Take it as the current lesson."""
Durable = Callable[[], Awaitable[None]]
"""Returns when what was shown would be known after a restart."""


class RequiredFailed(Exception):
    """A step without which the lesson cannot be held."""


class Preparation:
    """One lesson on its way. Its state is `lesson`; cancel the task that runs it to stop where it is."""

    def __init__(
        self,
        room: LiveRoom,
        lesson: Lesson,
        show: Show,
        durable: Durable,
        pause_s: float,
        verify_s: float = VERIFY_S,
        may_tell: MayTell = anybody_may,
    ) -> None:
        """`pause_s`: at least half of this lies before a second try, more before each later one. `verify_s`: how long
        after its confirmation a device may take to read as it was told."""
        self.lesson = lesson
        self._room = room
        self._show = show
        self._durable = durable
        self._pause_s, self._verify_s = pause_s, verify_s
        self._may_tell = may_tell

    async def prepare(self) -> None:
        """Every step. Raises RequiredFailed as soon as one that is required has failed; others are stopped."""
        why: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                going: dict[str, asyncio.Task[None]] = {}
                for step in self.lesson.steps:  # in the plan's order: what a step comes after is there already
                    before = [going[name] for name in step.after]
                    going[step.id] = tasks.create_task(self._take(step.id, before), name=f"lesson: {step.id}")
        except* RequiredFailed as failed:
            why = failed.exceptions[0]
        if why is not None:
            raise why
        await self._look_again()
        for step in self.lesson.steps:  # an interlock may have taken away what was done already
            self._judge(step)

    async def undo(self) -> None:
        """Put back what may have moved, last things first. What cannot be put back says so in its step."""
        order = dependents(self.lesson)
        async with asyncio.TaskGroup() as tasks:
            going: dict[str, asyncio.Task[None]] = {}
            for step in reversed(self.lesson.steps):
                before = [going[name] for name in order[step.id]]
                going[step.id] = tasks.create_task(self._put_back(step.id, before), name=f"undo: {step.id}")

    def take_away(self, taken: Callable[[LessonStep], StepError | None]) -> None:
        """An interlock has undone some of what was done: it has failed, and says why."""
        self.lesson = taken_away(self.lesson, taken)
        self._show(self.lesson)

    # --- one step ---

    async def _take(self, step_id: str, before: list[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        step = self.lesson.step(step_id)
        if step.state in (StepState.FAILED, StepState.NOT_TRIED) and not _was_away(step):  # from before a restart
            self._judge(step)
            return
        if step.state in (StepState.DONE, StepState.ALREADY) and self._holds(step):
            return
        if (stopper := self._stopper(step)) is not None:
            error = StepError("after", f"it comes after {stopper}, which failed")
            self._put(replace(step, state=StepState.NOT_TRIED, error=error))
        else:
            await self._try(step)
        self._judge(self.lesson.step(step_id))

    async def _look_again(self) -> None:
        """No device that was lost or broke while others were prepared is called done. Raises RequiredFailed."""

        def held() -> list[LessonStep]:
            return [step for step in self.lesson.steps if step.state in (StepState.DONE, StepState.ALREADY)]

        def well() -> bool:
            return all(self._room.health(step.device).is_well for step in held())

        if await self._room.until(well, self._verify_s):
            return
        for step in held():
            if (error := let_down(self._room.health(step.device))) is not None:
                self._put(replace(step, state=StepState.FAILED, error=error))
        for step in self.lesson.steps:
            self._judge(step)

    async def _try(self, step: LessonStep) -> None:
        error = await self._achieve(step, step.command, StepState.RUNNING)
        state = StepState.DONE if error is None else StepState.FAILED
        self._put(replace(self.lesson.step(step.id), state=state, error=error))

    async def _put_back(self, step_id: str, before: list[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        step = self.lesson.step(step_id)
        if step.state is StepState.WAITING:
            self._put(replace(step, state=StepState.NOT_TRIED))
        if not step.may_have_moved:
            return
        error = await self._way_back(step)
        now = self.lesson.step(step_id)
        if step.state is StepState.FAILED:  # it keeps saying why it failed
            if error is not None and now.error is not None:
                detail = f"{now.error.detail}; and it could not be put back: {error.detail}"
                self._put(replace(now, error=replace(now.error, detail=detail)))
            return
        self._put(replace(now, state=StepState.UNDO_FAILED if error else StepState.UNDONE, error=error))

    async def _way_back(self, step: LessonStep) -> StepError | None:
        if step.undo == step.command:
            return None
        if step.undo is None:
            if goes_dark(self.lesson, step.device):
                return None
            return StepError("not-known", "how it was before the lesson is not known")
        return await self._achieve(step, step.undo, None)

    async def _achieve(self, step: LessonStep, command: Command, state: StepState | None) -> StepError | None:
        """Bring the device there in one of several tries; None if it is there and well.

        `state`: what the step is meanwhile; None on the way back, where it need not be well."""
        pauses = delays(self._pause_s, 8 * self._pause_s)
        error: StepError | None = None
        moved = step.perhaps_moved or step.may_have_moved
        for attempt in range(1, step.retries + 2):
            if error is not None:
                moved = moved or leaves_doubt(error)
                if self._is_away(step) and state is not None:
                    if self._came_after_one_that_is_away(step):
                        return error
                    # Said now, not when the last try has failed: in an emergency somebody has to go there. It is tried
                    # again all the same, and at once when the device is back.
                    now = self.lesson.step(step.id)
                    self._put(replace(now, state=StepState.FAILED, error=error, perhaps_moved=moved))
                await self._pause(step, next(pauses))
            if state is not None:
                now = self.lesson.step(step.id)
                self._put(replace(now, state=state, attempt=attempt, error=error, perhaps_moved=moved))
            await self._durable()
            try:
                self._may_tell(step.device)
                await self._room.command(step.device, command, step.timeout_s)
                await self._verify(step.device, command)
                error = None if state is None else await self._let_down(step.device, command)
            except Refused as why:
                return StepError(why.code, str(why))
            except DeviceError as why:
                error = broken(self._room.health(step.device)) or StepError(why.code, str(why))
                continue
            except KeyError:
                return StepError("unknown-device", "the room does not have it any more")
            if error is None or error.code == "fault":  # a lamp does not mend itself
                return error
        return error

    def _is_away(self, step: LessonStep) -> bool:
        return not self._room.health(step.device).reachable

    def _came_after_one_that_is_away(self, step: LessonStep) -> bool:
        """Its device has been waited for already."""
        earlier = [self.lesson.step(name) for name in step.after]
        return any(
            one.device == step.device and one.error is not None and one.error.code == Unreachable.code
            for one in earlier
        )

    async def _pause(self, step: LessonStep, pause_s: float) -> None:
        """Before it is tried again; as short as can be if it is away now."""
        if self._is_away(step):
            await self._room.until(lambda: not self._is_away(step), pause_s)
        else:
            await asyncio.sleep(pause_s)

    async def _verify(self, device: str, command: Command) -> None:
        """It confirmed; now it must also read so, where it reads that at all. Raises BadReply."""
        metric = command.target.metric

        def reads_so() -> bool:
            value = self._room.value(device, metric)
            return value is None or command.holds(value)

        if not await self._room.until(reads_so, self._verify_s):
            raise BadReply(f"it confirmed {command}, and reads {self._room.value(device, metric)}")

    async def _let_down(self, device: str, command: Command) -> StepError | None:
        """Why it does not count as done, although it is where it shall be; None if the device is well.

        A device that has just warmed up may say so, or that it broke, a moment after it has confirmed.
        """

        def says_well() -> bool:
            health = self._room.health(device)
            return health.is_well and not (command == POWER_ON and health.state is HealthState.WARMING)

        await self._room.until(says_well, self._verify_s)
        return let_down(self._room.health(device))

    def _holds(self, step: LessonStep) -> bool:
        """True if it is still where it was found or brought, as far as that can be read, and will stay there."""
        try:
            value = self._room.value(step.device, step.command.target.metric)
            if self._room.is_told(step.device):  # somebody's command may yet arrive: ours has to come after it
                return False
        except KeyError:
            return False
        return step.command.holds(value) or superseded(self.lesson, step)

    def _stopper(self, step: LessonStep) -> str | None:
        """The step that had to be done before this one and was not.

        On one device the order is only that of the writing, so that a failure there stops nothing: in an emergency
        the light's level is worth a try when its switch has failed.
        """
        for name in step.after:
            earlier = self.lesson.step(name)
            if earlier.state is StepState.NOT_TRIED:
                return name
            if earlier.state is StepState.FAILED and earlier.device != step.device:
                return name
        return None

    def _judge(self, step: LessonStep) -> None:
        if step.need is Need.REQUIRED and step.state in (StepState.FAILED, StepState.NOT_TRIED):
            raise RequiredFailed(step.id)

    def _put(self, step: LessonStep) -> None:
        self.lesson = self.lesson.with_step(step)
        self._show(self.lesson)


def _was_away(step: LessonStep) -> bool:
    """It was to be tried again."""
    return step.error is not None and step.error.code == Unreachable.code and step.attempt <= step.retries
