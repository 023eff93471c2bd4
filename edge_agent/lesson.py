"""A lesson at one moment, as the panel shows it and the store keeps it: frozen values, and what follows from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from classroom_profiles.capability import Capability, Command, Target
from classroom_profiles.model import Name
from classroom_profiles.plan import Gap, Plan, PlanStep
from classroom_profiles.profile import Need, Profile
from classroom_profiles.reading import Health, HealthState
from classroom_profiles.role import Role

POWER_ON = Command(Target(Capability.POWER), True)
POWER_OFF = Command(Target(Capability.POWER), False)


class LessonState(StrEnum):
    """
    preflight ─► running ─► ready ──end──► undoing ─► undone
        │           └─ a required step fails ─► undoing ─► failed
        └► blocked
    """

    PREFLIGHT = "preflight"
    BLOCKED = "blocked"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


class StepState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    NOT_TRIED = "not-tried"
    UNDONE = "undone"
    UNDO_FAILED = "undo-failed"


@dataclass(frozen=True, slots=True)
class StepError:
    code: str
    """Of a DeviceError, or `fault`: the device reports that it is broken, or `after`: a step that this one comes after
    failed, or `not-known`: nothing to put back to, or `interlocked`, or `unknown-profile`, `unknown-device`: there
    before the agent was restarted, or `internal`."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LessonStep:
    """One step of a plan, and how far it is."""

    id: str
    device: str
    role: Role
    command: Command
    undo: Command | None
    """What brings the device back to where it was before the lesson; None if that was not known or cannot be told."""
    need: Need
    after: tuple[str, ...]
    timeout_s: float
    retries: int
    state: StepState
    attempt: int = 0
    """Counts from 1; 0 while it was not tried."""
    error: StepError | None = None
    perhaps_moved: bool = False
    """True if an earlier try may have moved the device, whatever a later one said."""

    @property
    def may_have_moved(self) -> bool:
        """True if the device may not be where it was before the lesson."""
        if self.state is StepState.FAILED:
            return self.perhaps_moved or (self.attempt > 0 and leaves_doubt(self.error))
        return self.state in (StepState.DONE, StepState.RUNNING)


def let_down(health: Health) -> StepError | None:
    """Why nobody can count on a device of this health; None if it is well."""
    if health.state is HealthState.UNREACHABLE:
        return StepError("unreachable", f"it cannot be reached: {health.reason}")
    return broken(health)


def broken(health: Health) -> StepError | None:
    """What is wrong in the device itself, if that is known: it says more than that it cannot be told."""
    return StepError("fault", f"it reports a fault: {health.reason}") if health.state is HealthState.FAULT else None


def leaves_doubt(error: StepError | None) -> bool:
    """False if the device itself has said that it did nothing."""
    return error is None or error.code not in ("refused", "not-now")


@dataclass(frozen=True, slots=True)
class Skipped:
    """Optional, and the room cannot give it."""

    role: Role
    device: str | None
    command: Command
    why: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Required, and the room cannot give it, at all or now."""

    role: Role
    device: str | None
    command: Command
    why: str
    """`no-device`, `cannot`, or the code of the DeviceError that the preflight found."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Lesson:
    id: str
    profile: str
    version: int
    name: Name
    state: LessonState
    started_us: int
    """Wall clock, microseconds since 1970-01-01 UTC."""
    without: tuple[str, ...]
    """The devices that whoever started it left out."""
    steps: tuple[LessonStep, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    ready_s: float | None = None
    """How long it took to be ready; None before."""
    resumed: bool = False
    """True if the agent was restarted while it was being prepared or undone, and went on with it."""
    cancelled: bool = False
    """True if it was ended before it was ready."""
    ends_as: LessonState = LessonState.UNDONE
    """Where undoing leads: `undone`, or `failed` if a required step's failure began it."""

    @property
    def is_busy(self) -> bool:
        """True while something is being done, so that another lesson has to wait."""
        return self.state in (LessonState.PREFLIGHT, LessonState.RUNNING, LessonState.UNDOING)

    @property
    def devices(self) -> dict[str, Role]:
        """Those that its steps are for, in the order of the plan, each with its role."""
        return {step.device: step.role for step in self.steps}

    def step(self, step_id: str) -> LessonStep:
        """Raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def with_step(self, changed: LessonStep) -> "Lesson":
        """The same lesson with this step instead of the one of its id."""
        return replace(self, steps=tuple(changed if step.id == changed.id else step for step in self.steps))


def begun(lesson_id: str, profile: Profile, started_us: int, without: tuple[str, ...]) -> Lesson:
    """A lesson of which only the profile is known."""
    return Lesson(lesson_id, profile.id, profile.version, profile.name, LessonState.PREFLIGHT, started_us, without)


def planned(lesson: Lesson, plan: Plan) -> Lesson:
    """The lesson with the plan's steps and gaps."""
    return replace(
        lesson,
        steps=tuple(_step(step) for step in plan.steps),
        skipped=tuple(Skipped(gap.role, gap.device, gap.command, str(gap.why)) for gap in plan.skipped),
        blocked=tuple(_blocked(gap) for gap in plan.blocked),
    )


def doubting(lesson: Lesson, before: Lesson) -> Lesson:
    """The lesson, trusting no reading of what `before` was just moving: its command may arrive after it was stopped."""
    moving = {(step.device, step.command.target) for step in before.steps if step.may_have_moved}
    steps = tuple(
        replace(step, state=StepState.WAITING)
        if step.state is StepState.ALREADY and (step.device, step.command.target) in moving
        else step
        for step in lesson.steps
    )
    return replace(lesson, steps=steps)


def _step(step: PlanStep) -> LessonStep:
    return LessonStep(
        id=step.id,
        device=step.device,
        role=step.role,
        command=step.command,
        undo=step.command if step.already else step.undo,
        need=step.need,
        after=step.after,
        timeout_s=step.timeout_s,
        retries=step.retries,
        state=StepState.ALREADY if step.already else StepState.WAITING,
    )


def _blocked(gap: Gap) -> Blocked:
    return Blocked(gap.role, gap.device, gap.command, str(gap.why))


def taken_away(lesson: Lesson, taken: Callable[[LessonStep], StepError | None]) -> Lesson:
    """The lesson after something else has undone what some of its steps had done; `taken` says which, and why."""
    steps = tuple(
        replace(step, state=StepState.FAILED, error=error, perhaps_moved=True)
        if step.state in (StepState.DONE, StepState.ALREADY) and (error := taken(step)) is not None
        else step
        for step in lesson.steps
    )
    return replace(lesson, steps=steps)


def dependents(lesson: Lesson) -> Mapping[str, tuple[str, ...]]:
    """For each step the ids of those that come right after it, which are undone before it."""
    return {step.id: tuple(other.id for other in lesson.steps if step.id in other.after) for step in lesson.steps}


def superseded(lesson: Lesson, step: LessonStep) -> bool:
    """True if a later step has brought the same target elsewhere, or may have."""
    later = lesson.steps[[one.id for one in lesson.steps].index(step.id) + 1 :]
    return any(
        other.device == step.device and other.command.target == step.command.target and other.may_have_moved
        for other in later
    )


def goes_dark(lesson: Lesson, device: str) -> bool:
    """True if undoing the lesson turns the device off, so that nothing else of it needs to be put back."""
    return any(step.device == device and step.undo == POWER_OFF for step in lesson.steps)


def to_json(lesson: Lesson) -> bytes:
    return msgspec.json.encode(lesson, enc_hook=_encode)


def from_json(content: bytes) -> Lesson:
    """Raises ValueError if it is none."""
    try:
        return msgspec.json.decode(content, type=Lesson, dec_hook=_decode)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise ValueError(f"not a lesson: {wrong}") from wrong


def _encode(value: Any) -> Any:
    if isinstance(value, Name):
        return value.model_dump()
    raise NotImplementedError(f"{type(value)} in a lesson")


def _decode(kind: type, value: Any) -> Any:
    if kind is Name:
        return Name.model_validate(value)
    raise NotImplementedError(f"{kind} in a lesson")
