"""The room as it is: the last reading of everything, and a supervisor for each device, so that none delays another."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from classroom_profiles.capability import Command, Value
from classroom_profiles.experiment import RunState, Sample
from classroom_profiles.reading import Change, Health, Reading
from classroom_profiles.room import Device, Room
from classroom_profiles.state import NOT_OPENED, Control, DeviceState, RoomState
from classroom_profiles.telemetry import Point, Series
from edge_agent.changes import Changes
from edge_agent.supervisor import Pace, Supervisor
from edge_agent.telemetry_points import health_points, reading_point, sample_series
from firmware_bridge import driver
from firmware_bridge.driver import Driver, DriverKind, Mark, Wires
from firmware_bridge.errors import DeviceError

_PACE = Pace()
_SAMPLES_TOLD_US = 1_000_000
HEARTBEAT_US = 60_000_000
"""A state that is said again unchanged is recorded again after this time, not sooner."""
_FIRST_VALUES_S = 2.0
"""How long after opening a device may take to say all that it has, before nobody waits for it any more."""

_log = logging.getLogger("lophoc.device")

Listen = Callable[[Device, Change], None]
_Result = TypeVar("_Result")


class Guard(Protocol):
    """Who hears everything first, and may refuse a command."""

    def hear(self, device: Device, change: Change) -> None:
        """Must return at once."""

    def hear_garbled(self, device: Device, metric: str) -> None:
        """It has said what is no value, such as not-a-number. Must return at once."""

    def check(self, device_id: str, command: Command) -> None:
        """Raises DeviceError if it may not be done now."""


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """What is known of one device at one moment."""

    health: Health
    since_us: int
    """When it came to be so: wall clock, microseconds since 1970-01-01 UTC."""
    readings: Mapping[str, Reading]
    """Metric to the last reading; of an unreachable device, from before."""
    controls: tuple[Control, ...] | None
    """None while it was never open."""
    run: RunState | None = None
    """Of an experiment: how its run stood when it was heard last."""

    @property
    def simulated(self) -> bool:
        """True if any of what it said last was made by a model."""
        return any(reading.simulated for reading in self.readings.values())


@dataclass(slots=True)
class _Live:
    device: Device
    supervisor: Supervisor
    since_us: int
    health: Health = NOT_OPENED
    readings: dict[str, Reading] = field(default_factory=dict)
    recorded: dict[str, tuple[Value, int]] = field(default_factory=dict)
    """Metric to the value recorded last, and when."""
    run: RunState | None = None
    series: dict[str, Series] = field(default_factory=dict)
    """Metric to the series of an experiment's samples."""
    told_us: int = 0
    """Which sample was told last to those who look: monotonic."""


class LiveRoom:
    """Its devices live while `run` does."""

    def __init__(
        self,
        room: Room,
        wires: Wires,
        changes: Changes,
        record: Callable[[Iterable[Point]], None],
        *,
        kind_of: Callable[[str], DriverKind[Any]] = driver.find,
        pace: Pace = _PACE,
        guard: Guard | None = None,
    ) -> None:
        """`guard`: the room's interlocks. Raises KeyError for a driver that is not installed, pydantic.ValidationError
        for wrong options."""
        self.room = room
        self.changes = changes
        self._record = record
        self.marks: dict[str, Mark] = {device.id: Mark() for device in room.devices}
        """How far each device that numbers its samples has been heard; what `run` opens goes on from there."""
        self._guard = guard
        self._listening: list[Listen] = []
        self._live: dict[str, _Live] = {}
        began_us = now_us()
        for device in room.devices:
            kind = kind_of(device.driver)
            options = kind.options.model_validate(device.options)
            own = replace(wires, mark=self.marks[device.id])
            supervisor = Supervisor(
                device.id, _maker(kind, options, own), self._hearing(device.id), pace, self._hearing_garbled(device)
            )
            self._live[device.id] = _Live(device, supervisor, began_us)

    async def run(self) -> None:
        """Until cancelled; then every driver is closed."""
        async with asyncio.TaskGroup() as tasks:
            for live in self._live.values():
                tasks.create_task(live.supervisor.run(), name=f"device: {live.device.id}")

    def device(self, device_id: str) -> KnownDevice:
        """Raises KeyError."""
        live = self._live[device_id]
        return KnownDevice(live.health, live.since_us, dict(live.readings), live.supervisor.controls, live.run)

    def device_run(self, device_id: str) -> RunState | None:
        """How the run of an experiment stood when it was heard last. Raises KeyError."""
        return self._live[device_id].run

    def state(self) -> RoomState:
        return RoomState({name: _state(live) for name, live in self._live.items()})

    def health(self, device_id: str) -> Health:
        """How it is now. Raises KeyError."""
        return self._live[device_id].health

    def value(self, device_id: str, metric: str) -> Value | None:
        """What it reads; None if that is not known now. Raises KeyError."""
        live = self._live[device_id]
        found = live.readings.get(metric)
        return found.value if found is not None and live.health.is_well else None

    def is_told(self, device_id: str) -> bool:
        """True while a command is on its way to it. Raises KeyError."""
        return self._live[device_id].supervisor.is_told

    async def check(self, device_id: str, command: Command) -> None:
        """Could it be done now? Touches nothing; the caller bounds it. Raises KeyError, DeviceError."""
        self._refuse(device_id, command)
        await self._live[device_id].supervisor.check(command)

    async def command(self, device_id: str, command: Command, timeout_s: float) -> None:
        """Returns when the device confirmed it. Raises KeyError, DeviceError; Unreachable at once while not open."""
        self._refuse(device_id, command)
        try:
            await self._live[device_id].supervisor.command(command, timeout_s)
        except DeviceError:
            self._refuse(device_id, command)  # an interlock has taken the device meanwhile: that is why
            raise

    async def cut_off(self, device_id: str, command: Command, timeout_s: float) -> None:
        """For interlocks: as `command`, before all others and instead of them. Raises KeyError, DeviceError."""
        await self._live[device_id].supervisor.cut_off(command, timeout_s)

    def driver_of(self, device_id: str) -> Driver | None:
        """The driver that is open now, to look at; told by `command` and `work` alone. Raises KeyError."""
        return self._live[device_id].supervisor.driver

    async def work(
        self, device_id: str, work: Callable[[Driver], Awaitable[_Result]], words: str, timeout_s: float
    ) -> _Result:
        """As `command`, for what is more than one; `check` before that what it does may be done."""
        return await self._live[device_id].supervisor.work(work, words, timeout_s)

    def interrupt(self, device_id: str) -> None:
        """Whatever it is being told ends with NotNow. Raises KeyError."""
        self._live[device_id].supervisor.interrupt()

    def hurry(self, device_id: str) -> None:
        """It may be back: try it now. Raises KeyError."""
        self._live[device_id].supervisor.hurry()

    def lent(self, device_id: str, timeout_s: float) -> AbstractAsyncContextManager[None]:
        """Its line is closed and free for another program meanwhile. Raises KeyError; Timeout when entered."""
        return self._live[device_id].supervisor.lent(timeout_s)

    @contextmanager
    def listen(self, listener: Listen) -> Iterator[None]:
        """Call `listener` with every change of every device, as it happens. It must return at once."""
        self._listening.append(listener)
        try:
            yield
        finally:
            self._listening.remove(listener)

    async def until(self, holds: Callable[[], bool], timeout_s: float) -> bool:
        """True as soon as `holds()`, which is asked again after each change; False if it never did."""
        with suppress(TimeoutError), self.changes.watch() as watcher:
            async with asyncio.timeout(timeout_s):
                while not holds():
                    await watcher.next()
        return holds()

    async def settled(self, timeout_s: float) -> None:
        """Return once every device was tried, and the open ones have said what they have; or when the time is up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        with self.changes.watch() as watcher:
            while (wait_s := min(end, self._settled_by()) - loop.time()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await watcher.next()

    def _settled_by(self) -> float:
        """When the last device that may still say something is given up (the loop's time)."""
        return max((_settled_by(live) for live in self._live.values()), default=0.0)

    def _hearing(self, device_id: str) -> Callable[[Change], None]:
        return lambda change: self._hear(self._live[device_id], change)

    def _hearing_garbled(self, device: Device) -> Callable[[str], None]:
        return lambda metric: self._ask_guard(lambda guard: guard.hear_garbled(device, metric), device)

    def _ask_guard(self, tell: Callable[[Guard], None], device: Device) -> None:
        if self._guard is not None:
            try:
                tell(self._guard)
            except Exception:  # noqa: BLE001 - logged, with its trace; the room must still be seen
                _log.exception("%s: a mistake of the interlocks", device.id)

    def _refuse(self, device_id: str, command: Command) -> None:
        if self._guard is not None:
            self._guard.check(device_id, command)

    def _hear(self, live: _Live, change: Change) -> None:
        self._ask_guard(lambda guard: guard.hear(live.device, change), live.device)
        if isinstance(change, Health):
            if change != live.health:
                live.health, live.since_us = change, now_us()
                self._record(health_points(self.room.room, live.device, change, live.since_us))
        elif isinstance(change, Sample):
            self._take(live, change)
            return
        elif isinstance(change, RunState):
            live.run = change
        else:
            live.readings[change.metric] = change
            self._record_reading(live, change)
        self.changes.device(live.device.id)
        self._tell(live, change)

    def _take(self, live: _Live, sample: Sample) -> None:
        """Recorded whole and at once; those who look are told once a second, for there may be many."""
        device, points = live.device, []
        for reading in sample.readings:
            metric = reading.metric
            live.readings[metric] = reading
            series = live.series.get(metric)
            if series is None:
                series = live.series[metric] = sample_series(self.room.room, device, metric)
            points.append(Point(series, reading.time_us, reading.value, reading.simulated))
        self._record(points)
        for reading in sample.readings:
            self._tell(live, reading)
        self._tell(live, sample)
        if sample.readings and sample.readings[0].monotonic_us - live.told_us >= _SAMPLES_TOLD_US:
            live.told_us = sample.readings[0].monotonic_us
            self.changes.device(device.id)

    def _tell(self, live: _Live, change: Change) -> None:
        for listener in self._listening:
            try:
                listener(live.device, change)
            except Exception:  # noqa: BLE001 - logged, with its trace; it is no fault of the device
                _log.exception("%s: a mistake of who listened", live.device.id)

    def _record_reading(self, live: _Live, reading: Reading) -> None:
        """What a sensor measures always; what a device is only when it changes, or was not said for long."""
        is_state = any(control.target.metric == reading.metric for control in live.supervisor.controls or ())
        if is_state:
            value, at_us = live.recorded.get(reading.metric, (None, 0))
            if value == reading.value and 0 <= reading.monotonic_us - at_us < HEARTBEAT_US:
                return
            live.recorded[reading.metric] = (reading.value, reading.monotonic_us)
        self._record([reading_point(self.room.room, live.device, reading, is_state)])


def _maker(kind: DriverKind[Any], options: Any, wires: Wires) -> Callable[[], driver.Driver]:
    return lambda: kind.make(options, wires)


def _state(live: _Live) -> DeviceState:
    values = {metric: reading.value for metric, reading in live.readings.items()}
    return DeviceState(live.health, values, live.supervisor.controls)


def _settled_by(live: _Live) -> float:
    if live.health == NOT_OPENED and live.supervisor.opened_at is None:
        return float("inf")
    if live.supervisor.opened_at is None or (live.health != NOT_OPENED and not live.health.is_well):
        return 0.0
    has_said = live.health != NOT_OPENED and all(
        control.target.metric in live.readings for control in live.supervisor.controls or ()
    )
    return 0.0 if has_said else live.supervisor.opened_at + _FIRST_VALUES_S


def now_us() -> int:
    """Wall clock, microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000
