"""The JSON of docs/api.md, made from the agent's own values; field by field the same as in the OpenAPI description."""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from classroom_profiles.capability import WORDS, Capability, Value
from classroom_profiles.interlock import Panel, Staff
from classroom_profiles.interlock_state import Seen, State
from classroom_profiles.model import Name, Sentence
from classroom_profiles.profile import Icon, Need, Preempts, Profile
from classroom_profiles.reading import Health as DeviceHealth
from classroom_profiles.reading import HealthState, Reading
from classroom_profiles.role import Role
from classroom_profiles.state import Control
from edge_agent.catalogue import Catalogue
from edge_agent.interlocks import Interlocks, OrderNow
from edge_agent.journal import Journal
from edge_agent.lesson import Lesson, LessonState, LessonStep, StepState
from edge_agent.lessons import Lessons
from edge_agent.live_room import KnownDevice, LiveRoom
from edge_agent.rank import Rank
from edge_agent.uplink import Uplink

if TYPE_CHECKING:
    from edge_agent.fleet_views import FleetViews
    from edge_agent.lab_views import LabViews


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Error(View):
    """What every error looks like."""

    error: str = Field(description="a code that stays the same, such as 'unreachable' or 'wrong-pin'")
    detail: str = Field("", description="English, for technicians")
    device: str | None = Field(None, description="the device's id, if it is about one")


class Health(View):
    status: str = Field("ok", description="always 'ok': whoever answers is well")
    version: str
    uptime_s: float
    ready: bool = Field(description="every device has been tried once since the agent began")


class Session(View):
    role: Rank
    expires_s: float | None = Field(description="until a session ends that nobody uses; null without one")


class SessionState(Session):
    pins_set: bool = Field(description="false while nobody can log in, since the room has no PIN")


class ProfileView(View):
    id: str
    version: int
    name: Name
    description: Sentence
    icon: Icon
    preempts: Preempts = Field(description="'yes': may be started while another lesson is being prepared")


class HealthView(View):
    state: HealthState
    reason: str = Field(description="for 'fault' and 'unreachable': a short code")
    since: float = Field(description="seconds since 1970-01-01 UTC")


class ReadingView(View):
    value: Value
    unit: str = Field(description="as people read it; empty where there is none")
    time: float = Field(description="seconds since 1970-01-01 UTC")
    simulated: bool = Field(description="made by a model, and not measured")


class ControlView(View):
    target: str = Field(description="what a command names: 'power', 'switch.fan'")
    capability: Capability
    channel: str
    choices: tuple[str, ...] = Field(description="the values it takes, where they are a closed set")


class DeviceView(View):
    id: str
    role: Role
    name: Name
    driver: str
    simulated: bool = Field(description="the room's file says so, or the device itself does")
    health: HealthView
    values: dict[str, ReadingView] = Field(description="by metric: 'power', 'switch_fan', 'temperature_c'")
    controls: tuple[ControlView, ...] = Field(description="empty while the device has not been reached")


class StepErrorView(View):
    error: str
    detail: str


class StepView(View):
    id: str
    device: str
    role: Role
    target: str
    value: Value
    need: Need
    after: tuple[str, ...] = Field(description="ids of steps that are done before")
    timeout_s: float
    state: StepState
    attempt: int = Field(description="counts from 1; 0 while it was not tried")
    error: StepErrorView | None


class SkippedView(View):
    role: Role
    device: str | None
    target: str
    why: str = Field(description="no-device, cannot or left-out")


class BlockedView(View):
    role: Role
    device: str | None
    target: str
    why: str = Field(description="no-device, cannot, or the code of what the device said")
    detail: str


class LostView(View):
    device: str
    role: Role
    state: HealthState
    reason: str = Field(description="as in the device's health")


class LessonView(View):
    id: str
    profile: str
    version: int
    name: Name
    state: LessonState
    started: float = Field(description="seconds since 1970-01-01 UTC")
    ready_s: float | None = Field(description="how long it took to be ready; null before")
    resumed: bool = Field(description="the agent was restarted in the middle of it, and went on")
    cancelled: bool = Field(description="it was ended before it was ready")
    steps: tuple[StepView, ...]
    skipped: tuple[SkippedView, ...]
    blocked: tuple[BlockedView, ...]
    lost: tuple[LostView, ...] = Field(
        description="of a lesson that is ready: its devices that are unreachable or in fault at this moment"
    )


class SeenView(View):
    text: str = Field(description="English, for technicians")
    device: str = Field(description="the device that was read; empty for the panel's button")
    metric: str
    test: str = Field(description="above, below, equals, silent, unreachable, panel, lost or unknown")


class OrderView(View):
    device: str
    target: str
    value: Value
    confirmed: bool = Field(description="the device has confirmed that it is so")
    error: str = Field(description="the code of the last failure, until it is done; it is told again and again")


class InterlockView(View):
    id: str
    name: Name
    advice: Sentence = Field(description="what people in the room shall do")
    state: State
    since: float = Field(description="seconds since 1970-01-01 UTC")
    cause: SeenView | None = Field(description="what tripped it, or is about to")
    stands: tuple[SeenView, ...] = Field(description="what is in the way of a reset; empty if it can be reset")
    orders: tuple[OrderView, ...] = Field(description="what it commands while it is tripped or latched")
    button: bool = Field(description="the panel has an emergency stop button for it")
    reset_by: Staff


class UplinkView(View):
    connected: bool
    backlog: int = Field(description="points that wait for the centre")
    stored: int = Field(description="points that the centre has confirmed")


class CatalogueView(View):
    serial: int = Field(description="of the catalogue that holds; 0: none was published")
    staged: int = Field(description="of one that is applied when no lesson is on; 0: none")
    problem: str = Field(description="why the last one was not taken; empty if it was")


class RoomView(View):
    school: str
    room: str
    name: Name
    time: float = Field(description="the gateway's clock, seconds since 1970-01-01 UTC")
    simulated: bool = Field(description="the room, or one of its devices, is simulated")
    devices: tuple[DeviceView, ...]
    lesson: LessonView | None
    interlocks: tuple[InterlockView, ...]
    uplink: UplinkView


class Views:
    """The room of this moment, in parts and as a whole."""

    def __init__(
        self,
        room: LiveRoom,
        lessons: Lessons,
        interlocks: Interlocks,
        journal: Journal,
        uplink: Uplink,
        lab: "LabViews | None" = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.lab = lab
        self._catalogue = catalogue
        self.fleet: FleetViews | None = None
        """Set once there is a desk for the room's robot kits."""
        self._room, self._lessons, self._interlocks = room, lessons, interlocks
        self._journal, self._uplink = journal, uplink

    def room(self) -> RoomView:
        room = self._room.room
        devices = tuple(self.device(device.id) for device in room.devices)
        return RoomView(
            school=room.school,
            room=room.room,
            name=room.name,
            time=time.time(),
            simulated=room.simulated or any(device.simulated for device in devices),
            devices=devices,
            lesson=self.lesson(),
            interlocks=self.interlocks(),
            uplink=self.uplink(),
        )

    def device(self, device_id: str) -> DeviceView:
        """Raises KeyError."""
        device = self._room.room.device(device_id)
        if device is None:
            raise KeyError(device_id)
        known = self._room.device(device_id)
        return DeviceView(
            id=device.id,
            role=device.role,
            name=device.shown_name,
            driver=device.driver,
            simulated=self._room.room.is_simulated(device.id) or known.simulated,
            health=_health(known),
            values={metric: _reading(reading) for metric, reading in known.readings.items()},
            controls=tuple(_control(control) for control in known.controls or ()),
        )

    def lesson(self) -> LessonView | None:
        return None if self._lessons.current is None else lesson_view(self._lessons.current, self._lessons.lost)

    def catalogue(self) -> CatalogueView | None:
        if self._catalogue is None:
            return None
        standing = self._catalogue.standing
        return CatalogueView(serial=standing.serial, staged=standing.staged, problem=standing.problem)

    def interlocks(self) -> tuple[InterlockView, ...]:
        return tuple(self.interlock(rule.id) for rule in self._interlocks.rules)

    def interlock(self, rule_id: str) -> InterlockView:
        """Raises KeyError."""
        now = self._interlocks.now(rule_id)
        return InterlockView(
            id=now.rule.id,
            name=now.rule.name,
            advice=now.rule.advice,
            state=now.state,
            since=_s(now.since_us),
            cause=None if now.cause is None else _seen(now.cause),
            stands=tuple(_seen(one) for one in now.stands),
            orders=tuple(_order(one) for one in now.orders),
            button=now.rule.panel is Panel.BUTTON,
            reset_by=now.rule.reset_by,
        )

    def uplink(self) -> UplinkView:
        return UplinkView(
            connected=self._uplink.connected, backlog=max(0, self._journal.backlog), stored=self._journal.stored
        )


def profile_views(profiles: Iterable[Profile]) -> list[ProfileView]:
    return [
        ProfileView(
            id=profile.id,
            version=profile.version,
            name=profile.name,
            description=profile.description,
            icon=profile.icon,
            preempts=profile.preempts,
        )
        for profile in profiles
    ]


def lesson_view(lesson: Lesson, lost: Mapping[str, DeviceHealth] | None = None) -> LessonView:
    """`lost`: as `Lessons.lost`, of the lesson that is the current one."""
    return LessonView(
        id=lesson.id,
        profile=lesson.profile,
        version=lesson.version,
        name=lesson.name,
        state=lesson.state,
        started=_s(lesson.started_us),
        ready_s=lesson.ready_s,
        resumed=lesson.resumed,
        cancelled=lesson.cancelled,
        steps=tuple(_step(step) for step in lesson.steps),
        skipped=tuple(
            SkippedView(role=gap.role, device=gap.device, target=str(gap.command.target), why=gap.why)
            for gap in lesson.skipped
        ),
        blocked=tuple(
            BlockedView(
                role=gap.role, device=gap.device, target=str(gap.command.target), why=gap.why, detail=gap.detail
            )
            for gap in lesson.blocked
        ),
        lost=tuple(
            LostView(device=device, role=lesson.devices[device], state=health.state, reason=health.reason)
            for device, health in (lost or {}).items()
        ),
    )


def _step(step: LessonStep) -> StepView:
    return StepView(
        id=step.id,
        device=step.device,
        role=step.role,
        target=str(step.command.target),
        value=step.command.value,
        need=step.need,
        after=step.after,
        timeout_s=step.timeout_s,
        state=step.state,
        attempt=step.attempt,
        error=None if step.error is None else StepErrorView(error=step.error.code, detail=step.error.detail),
    )


def _seen(seen: Seen) -> SeenView:
    return SeenView(text=seen.text, device=seen.device, metric=seen.metric, test=seen.test)


def _order(now: OrderNow) -> OrderView:
    command = now.order.command
    return OrderView(
        device=now.order.device,
        target=str(command.target),
        value=command.value,
        confirmed=now.confirmed,
        error=now.error,
    )


def _health(known: KnownDevice) -> HealthView:
    return HealthView(state=known.health.state, reason=known.health.reason, since=_s(known.since_us))


def _reading(reading: Reading) -> ReadingView:
    return ReadingView(value=reading.value, unit=reading.unit, time=_s(reading.time_us), simulated=reading.simulated)


def _control(control: Control) -> ControlView:
    target = control.target
    choices = control.choices or (() if target.channel else WORDS.get(target.capability, ()))
    return ControlView(target=str(target), capability=target.capability, channel=target.channel, choices=choices)


def _s(time_us: int) -> float:
    return time_us / 1_000_000
