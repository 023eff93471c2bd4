"""What buttons and sensors do by themselves: a reading that becomes true sends a command, or starts a lesson.

    reading ─► fires? ─► the target's queue ─► its worker ─► device or lesson

Whoever reads a device is never held up: each target has a worker of its own, and commands to it keep their order.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from classroom_profiles.capability import Capability, Command, Value
from classroom_profiles.reading import Change, Health, Reading
from classroom_profiles.room import Device, Trigger
from classroom_profiles.telemetry import Point
from edge_agent.lessons import Busy, Lessons, UnknownProfile
from edge_agent.live_room import LiveRoom, now_us
from edge_agent.preflight import MayTell, anybody_may
from edge_agent.telemetry_points import event_point
from firmware_bridge.errors import DeviceError

EVENT = "action"
"""The metric of which each reading is an event, also the same value again."""
QUEUED = 16
"""Commands that wait for one slow device; more are dropped, and counted."""
_COMMAND_S = 20.0
_POWER_S = 180.0
"""A lamp may have to cool down before it warms up."""

_log = logging.getLogger("lophoc.trigger")


@dataclass(slots=True)
class _Armed:
    """A trigger and the last value it saw."""

    trigger: Trigger
    device: Device
    queue: "asyncio.Queue[_Armed]"
    complained: str = ""

    def __str__(self) -> str:
        when, then = self.trigger.when, self.trigger.then
        return f"{when.device}.{when.metric} = {when.equals}: {then.profile or f'{then.device} {then.command}'}"


class Triggers:
    """The triggers of a room. Its edges are counted from when `run` begins."""

    def __init__(
        self,
        room: LiveRoom,
        lessons: Lessons,
        record: Callable[[Iterable[Point]], None],
        may_tell: MayTell = anybody_may,
    ) -> None:
        self._may_tell = may_tell
        self._room = room
        self._lessons = lessons
        self._record = record
        self._armed: dict[tuple[str, str], list[_Armed]] = {}
        self._queues: dict[str | None, asyncio.Queue[_Armed]] = {}
        self._last: dict[tuple[str, str], Value] = {}
        for trigger in room.room.triggers:
            device = room.room.device(trigger.when.device)
            assert device is not None, "the room was checked"
            queue = self._queues.setdefault(trigger.then.device, asyncio.Queue(QUEUED))
            armed = _Armed(trigger, device, queue)
            self._armed.setdefault((trigger.when.device, trigger.when.metric), []).append(armed)

    async def run(self) -> None:
        """Until cancelled."""
        known = {key: self._room.value(*key) for key in self._armed}
        self._last = {key: value for key, value in known.items() if value is not None}
        with self._room.listen(self._hear):
            async with asyncio.TaskGroup() as tasks:
                for target, queue in self._queues.items():
                    tasks.create_task(self._work(queue), name=f"triggers: {target or 'lessons'}")

    def _hear(self, device: Device, change: Change) -> None:
        if isinstance(change, Health):
            if not change.reachable:  # what changes meanwhile is no event of the moment in which it is heard
                self._last = {key: value for key, value in self._last.items() if key[0] != device.id}
            return
        if not isinstance(change, Reading):
            return
        key = (device.id, change.metric)
        all_armed = self._armed.get(key)
        if all_armed is None:
            return
        before = self._last.get(key)
        self._last[key] = change.value
        for armed in all_armed:
            wanted = armed.trigger.when.equals
            if not same(change.value, wanted):
                continue
            if change.metric == EVENT or (before is not None and not same(before, wanted)):
                self._fire(armed)

    def _fire(self, armed: _Armed) -> None:
        try:
            armed.queue.put_nowait(armed)
        except asyncio.QueueFull:
            self._failed(armed, "dropped", f"{QUEUED} wait already")

    async def _work(self, queue: "asyncio.Queue[_Armed]") -> None:
        while True:
            armed = await queue.get()
            then = armed.trigger.then
            try:
                if then.command is not None and then.device is not None:
                    self._may_tell(then.device)
                    await self._room.command(then.device, then.command, _patience_s(then.command))
                elif then.profile is not None:
                    await self._lessons.start(then.profile, ())
            except DeviceError as error:
                self._failed(armed, error.code, str(error))
            except Busy as busy:
                self._failed(armed, "busy", str(busy))
            except UnknownProfile:
                self._failed(armed, "unknown-profile", f"no profile '{then.profile}'")
            except Exception as bug:  # noqa: BLE001 - a mistake of ours costs one press of a button, not the agent
                self._failed(armed, "internal", repr(bug))
            else:
                armed.complained = ""

    def _failed(self, armed: _Armed, code: str, why: str) -> None:
        """Logged once until it is something else, or works again; counted each time."""
        if armed.complained != code:
            armed.complained = code
            _log.warning("trigger %s: %s: %s", armed, code, why)
        device = armed.device
        self._record([event_point(self._room.room.room, device.id, str(device.role), "trigger_failed", code, now_us())])


def same(value: Value, wanted: Value) -> bool:
    """Numbers by value; a flag is no number."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return value == wanted


def _patience_s(command: Command) -> float:
    return _POWER_S if command.target.capability is Capability.POWER else _COMMAND_S
