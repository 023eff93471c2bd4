"""From a profile, a room and its state to a plan: pure and deterministic, the same answer for the same question.

profile ── roles ──┐
room ──── devices ─┼─► plan ─► steps with dependencies, timeouts and undo
state ─── values ──┘           skipped roles, each said aloud
                               blocked: why nothing may move
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from classroom_profiles.capability import Command, Target, Value, WrongValue
from classroom_profiles.profile import Need, Profile, Step
from classroom_profiles.role import Role
from classroom_profiles.room import Device, Room
from classroom_profiles.state import Control, DeviceState, RoomState


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One command for one device."""

    id: str
    """Unique in the plan: `<device>.<target>`, with `#2` and up where a profile sets one target again."""
    device: str
    role: Role
    command: Command
    undo: Command | None
    """What brings the device back to where it was; None if that was not known or is where it already is."""
    after: tuple[str, ...]
    """Ids of steps that must be done before: the device's own earlier step, and those that the profile names."""
    timeout_s: float
    retries: int
    need: Need
    already: bool
    """True if the device was there when the plan was made: it is verified, not sent."""


class Missing(StrEnum):
    NO_DEVICE = "no-device"
    """The room has no device of that role."""
    CANNOT = "cannot"
    """The device says that it has no such control."""
    LEFT_OUT = "left-out"
    """Whoever started the lesson asked to go without it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A role, or one device of it, that a profile asks for and the room cannot give."""

    role: Role
    device: str | None
    command: Command
    why: Missing
    need: Need


@dataclass(frozen=True, slots=True)
class Plan:
    profile: str
    version: int
    steps: tuple[PlanStep, ...]
    skipped: tuple[Gap, ...]
    """Optional gaps: said aloud, the lesson goes on."""
    blocked: tuple[Gap, ...]
    """Required gaps: nothing moves."""

    def step(self, step_id: str) -> PlanStep:
        """Raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)


def plan(profile: Profile, room: Room, state: RoomState, without: Collection[str] = ()) -> Plan:
    """What it takes to bring `room`, now in `state`, to `profile`.

    `without` names devices to leave out although a step is required of them. A role is given if at least one
    of its devices is. A device whose controls are not known yet is given the benefit of the doubt: its driver
    is asked in the preflight.
    """
    steps: list[PlanStep] = []
    gaps: list[Gap] = []
    last_of_device: dict[str, str] = {}
    reached: dict[tuple[str, str], Value] = {}
    ids_of_step: dict[str, tuple[str, ...]] = {}
    for step in profile.steps:
        given, gaps_here = _devices(step, room, state, without)
        gaps += gaps_here
        made: list[str] = []
        for device in given:
            new = _step(step, device, state.of(device.id), last_of_device, reached, ids_of_step, steps)
            steps.append(new)
            made.append(new.id)
            last_of_device[device.id] = new.id
            if not new.already:
                reached[device.id, new.command.target.metric] = new.command.value
        if step.id:  # a step that nothing took hands on what it waited for, so that the order around it stays
            ids_of_step[step.id] = tuple(made) or _named(step, ids_of_step)
    return Plan(
        profile=profile.id,
        version=profile.version,
        steps=tuple(steps),
        skipped=tuple(gap for gap in gaps if gap.need is Need.OPTIONAL),
        blocked=tuple(gap for gap in gaps if gap.need is Need.REQUIRED),
    )


def _devices(step: Step, room: Room, state: RoomState, without: Collection[str]) -> tuple[list[Device], list[Gap]]:
    """The devices that take this step, and what is missing of it.

    Only the absence of the whole role is as grave as the step's need; one device of several is a skip.
    """
    command = step.set.command
    having = room.having(step.role)
    given = [d for d in having if d.id not in without and _may(state.of(d.id).controls, command)]
    left_out = [d for d in having if d.id in without]
    cannot = [d for d in having if d not in given and d not in left_out]
    gaps = [Gap(step.role, d.id, command, Missing.LEFT_OUT, Need.OPTIONAL) for d in left_out]
    need = Need.OPTIONAL if given or left_out else step.need
    gaps += [Gap(step.role, d.id, command, Missing.CANNOT, need) for d in cannot]
    if not having:
        gaps.append(Gap(step.role, None, command, Missing.NO_DEVICE, step.need))
    return given, gaps


def _may(controls: tuple[Control, ...] | None, command: Command) -> bool:
    return controls is None or any(control.target == command.target for control in controls)


def _step(
    step: Step,
    device: Device,
    state: DeviceState,
    last_of_device: dict[str, str],
    reached: dict[tuple[str, str], Value],
    ids_of_step: dict[str, tuple[str, ...]],
    before: list[PlanStep],
) -> PlanStep:
    command = step.set.command
    metric = command.target.metric
    found = state.values.get(metric) if state.health.is_well else None
    now = reached.get((device.id, metric), found)
    after = [last_of_device[device.id]] if device.id in last_of_device else []
    after += [made for made in _named(step, ids_of_step) if made not in after]
    stem = f"{device.id}.{command.target}"
    again = sum(1 for other in before if other.device == device.id and other.command.target == command.target)
    already = command.holds(now)
    return PlanStep(
        id=stem if not again else f"{stem}#{again + 1}",
        device=device.id,
        role=device.role,
        command=command,
        undo=None if already or found is None else _undo(command.target, now),
        after=tuple(after),
        timeout_s=step.timeout_s,
        retries=step.retries,
        need=step.need,
        already=already,
    )


def _named(step: Step, ids_of_step: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Ids of the plan's steps that came of those that `step` says it comes after."""
    return tuple(dict.fromkeys(made for name in step.after for made in ids_of_step.get(name, ())))


def _undo(target: Target, value: Value | None) -> Command | None:
    """None if the device was in a state to which nothing can be told to go, such as an input without a name."""
    try:
        return Command.parse(str(target), value)
    except WrongValue:
        return None
