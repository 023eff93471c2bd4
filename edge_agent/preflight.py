"""What stands in a lesson's way, found by asking every device at once and touching none."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from classroom_profiles.profile import Need
from edge_agent.lesson import Blocked, Lesson, LessonState, LessonStep, StepError, StepState, broken
from edge_agent.live_room import LiveRoom
from firmware_bridge.errors import DeviceError, NotNow, Timeout

CHECK_S = 5.0
"""How long a device may take to say if it could."""


MayTell = Callable[[str], None]
"""Raises DeviceError if the device, of this id, is somebody else's now."""


def anybody_may(_: str) -> None:
    pass


async def preflight(room: LiveRoom, lesson: Lesson, may_tell: MayTell = anybody_may) -> Lesson:
    """The lesson with an error in each step that could not be done now, `blocked` if one of them is required.

    A device that warms up or cools down, or is to be turned on first, is in nobody's way: the command waits.
    """
    async with asyncio.TaskGroup() as tasks:
        asked = {
            step.id: tasks.create_task(_check(room, step, may_tell), name=f"preflight: {step.id}")
            for step in lesson.steps
            if step.state is StepState.WAITING
        }
    errors = {step_id: task.result() for step_id, task in asked.items()}
    steps = tuple(replace(step, error=errors.get(step.id)) for step in lesson.steps)
    blocked = (*lesson.blocked, *(found for step in steps if (found := _blocked(step))))
    state = LessonState.BLOCKED if blocked else lesson.state
    return replace(lesson, steps=steps, blocked=blocked, state=state)


async def _check(room: LiveRoom, step: LessonStep, may_tell: MayTell) -> StepError | None:
    try:
        may_tell(step.device)
        async with asyncio.timeout(CHECK_S):
            await room.check(step.device, step.command)
    except NotNow:
        pass
    except DeviceError as error:
        return broken(room.health(step.device)) or StepError(error.code, str(error))
    except TimeoutError:
        return StepError(Timeout.code, f"it did not say in {CHECK_S:g} s if it could")
    return broken(room.health(step.device))  # it would obey, and not count as done: better said before anything moves


def _blocked(step: LessonStep) -> Blocked | None:
    if step.need is not Need.REQUIRED or step.error is None:
        return None
    return Blocked(step.role, step.device, step.command, step.error.code, step.error.detail)
