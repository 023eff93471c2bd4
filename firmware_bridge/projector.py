"""What every projector does, whatever wire it is on: its lamp takes its time, and it has a picture only when lit.

              told on             warm             told off             cold
    standby ----------> warming --------> on ----------------> cooling -------> standby

A driver for a kind of wire is a `ProjectorWire`; `Projector` makes the whole driver of it: it looks at the set every
few seconds, lets commands wait for their moment, tells each only once, and believes only what it sees.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Protocol, Self

from classroom_profiles.capability import Capability, Command, Target, Value
from classroom_profiles.reading import Change, Health, HealthState, Reading
from classroom_profiles.state import Control
from firmware_bridge.driver import reading
from firmware_bridge.errors import DeviceError, NotNow, Refused, Timeout, Unreachable

POWER = Target(Capability.POWER)
INPUT = Target(Capability.INPUT)
HOURS_EVERY_S = 600.0
"""How often a projector is asked for its lamp's hours and other things that change slowly."""
_QUICK_S = 1.0
"""How often it is looked at while something is going on."""


class Phase(StrEnum):
    STANDBY = "standby"
    WARMING = "warming"
    ON = "on"
    COOLING = "cooling"


_HEALTH = {
    Phase.STANDBY: HealthState.STANDBY,
    Phase.WARMING: HealthState.WARMING,
    Phase.ON: HealthState.ONLINE,
    Phase.COOLING: HealthState.COOLING,
}


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at a projector found."""

    phase: Phase
    errors: tuple[str, ...] = ()
    """What is broken, such as 'lamp'."""
    warnings: tuple[str, ...] = ()
    values: Mapping[str, Value | None] = field(default_factory=dict)
    """Metric to value. None: it has that metric, and does not say now. Not there: it has no such metric."""


class ProjectorWire(Protocol):
    """A kind of projector as it is spoken to. Its methods are called one at a time.

    Whatever it raises beside NotNow and Refused from `tell` means that the line is lost.
    """

    @property
    def controls(self) -> tuple[Control, ...]:
        """As in `Driver`."""

    async def open(self) -> None:
        """Raises DeviceError."""

    async def close(self) -> None:
        """Idempotent, also after `open` has raised."""

    async def look(self) -> Sight:
        """Raises DeviceError."""

    def meant(self, target: Target, value: Value) -> Value:
        """The value as `look` would find it once it is so. Raises Refused for what the set does not have."""

    async def tell(self, target: Target, value: Value) -> None:
        """Tell the set. Raises NotNow if it may do it later, Refused if it will not."""


class _Move(Enum):
    DONE = "done"
    WAIT = "wait"
    TELL = "tell"


_TO_POWER = {
    True: {
        Phase.STANDBY: _Move.TELL,
        Phase.WARMING: _Move.WAIT,
        Phase.ON: _Move.DONE,
        Phase.COOLING: _Move.WAIT,
    },
    False: {
        Phase.STANDBY: _Move.DONE,
        Phase.WARMING: _Move.WAIT,  # a lamp is not to be put out before it is warm
        Phase.ON: _Move.TELL,
        Phase.COOLING: _Move.DONE,
    },
}


@dataclass(slots=True)
class _Told:
    """What the set was told and has not confirmed: it is not told twice, some sets freeze."""

    value: Value
    at: float
    began: bool = False
    """True once it was seen to warm up."""
    failed: bool = False
    """True once it was seen to go out again."""


class Projector:
    """The driver of a projector on `wire`.

    The reading `power` is true from the moment it warms up and false from the moment it cools down, so that
    "off" is still told to a projector that warms up. A command to turn it on returns when it is warm, one to
    turn it off when it cools down.
    """

    def __init__(self, wire: ProjectorWire, *, poll_s: float, patience_s: float) -> None:
        """`patience_s`: how long it may take a set to begin what it was told, or to want to be told at all."""
        self._wire = wire
        self._poll_s = poll_s
        self._patience_s = patience_s
        self._talking = asyncio.Lock()
        self._sight = Sight(Phase.STANDBY)
        self._seen_at = float("-inf")
        self._readings: dict[str, Reading] = {}
        self._told: dict[Target, _Told] = {}
        self._latest: dict[Target, tuple[object, Value]] = {}
        self._lost: DeviceError | None = Unreachable("not open")
        self._news = asyncio.Event()

    @property
    def controls(self) -> tuple[Control, ...]:
        return self._wire.controls

    async def __aenter__(self) -> Self:
        try:
            await self._wire.open()
            self._lost = None
            await self._look()
        except BaseException:
            await self._wire.close()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._lost is None:
            self._lose(Unreachable("closed"))
        await self._wire.close()

    async def changes(self) -> AsyncIterator[Change]:
        self._check_line()
        health: Health | None = None
        shown: dict[str, Reading] = {}
        while True:
            news = self._news
            if health != self._health:
                health = self._health
                yield health
            for metric, found in tuple(self._readings.items()):
                if shown.get(metric) is not found:
                    shown[metric] = found
                    yield found
            self._check_line()
            pace_s = self._poll_s if self._sight.phase in (Phase.STANDBY, Phase.ON) else self._quick_s
            await self._some_news(news, self._seen_at + pace_s - self._now)
            async with self._talking:
                if self._now - self._seen_at >= pace_s:
                    await self._look()

    async def check(self, command: Command) -> None:
        self._check_line()
        _next_move(command.target, self._wire.meant(command.target, command.value), self._sight)

    async def command(self, command: Command) -> None:
        self._check_line()
        target, value = command.target, self._wire.meant(command.target, command.value)
        mine = object()
        self._latest[target] = (mine, value)
        self._forget_stale(target)
        self._say_news()
        not_now_since: float | None = None
        while True:
            async with self._talking:
                self._check_line()
                self._check_turn(target, mine, value)
                sight = await self._look()
                move = _next_move(target, value, sight)
                if move is _Move.DONE and not self._is_leaving(target, value):
                    return
                if move is _Move.TELL and not self._is_told(target, value):
                    try:
                        await self._tell(target, value)
                    except NotNow:
                        not_now_since = self._now if not_now_since is None else not_now_since
                        if self._now - not_now_since >= self._patience_s:
                            raise
                    else:
                        if target != POWER and target.metric not in sight.values:
                            return  # it cannot be looked up: what the set answered is all there is
                        continue
                news = self._news
            await self._some_news(news, self._quick_s)

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def _quick_s(self) -> float:
        return min(self._poll_s, _QUICK_S)

    @property
    def _health(self) -> Health:
        if self._sight.errors:
            return Health(HealthState.FAULT, self._sight.errors[0])
        return Health(_HEALTH[self._sight.phase])

    async def _look(self) -> Sight:
        """Whoever calls this is the only one who talks."""
        try:
            sight = await self._wire.look()
        except DeviceError as error:
            self._lose(error)
            raise
        before, self._sight, self._seen_at = self._sight, sight, self._now
        self._follow(sight)
        for metric, value in self._values(sight).items():
            last = self._readings.get(metric)
            if value is not None and (last is None or last.value != value):
                self._readings[metric] = reading(metric, value, "h" if metric.endswith("_h") else "")
        if sight != before:
            self._say_news()
        return sight

    def _follow(self, sight: Sight) -> None:
        """What became of that which it was told."""
        for target, told in tuple(self._told.items()):
            if target != POWER:
                done = sight.phase is not Phase.ON or sight.values.get(target.metric) == told.value
            elif told.value:
                done = sight.phase is Phase.ON
                told.began = told.began or sight.phase is Phase.WARMING
                told.failed = sight.phase is Phase.COOLING or (told.began and sight.phase is Phase.STANDBY)
            else:
                done = sight.phase in (Phase.COOLING, Phase.STANDBY)
            if done:
                del self._told[target]

    def _values(self, sight: Sight) -> Mapping[str, Value | None]:
        """Without a picture there is no input, and nothing is muted or frozen."""
        dark: dict[str, Value | None] = {}
        if sight.phase is not Phase.ON:
            targets = [control.target for control in self.controls]
            dark |= {target.metric: "" for target in targets if target == INPUT}
            dark |= {target.metric: False for target in targets if target.capability is Capability.SWITCH}
        return {
            "power": sight.phase in (Phase.WARMING, Phase.ON),
            "fault": ",".join(sight.errors),
            "warning": ",".join(sight.warnings),
            **sight.values,
            **dark,
        }

    async def _tell(self, target: Target, value: Value) -> None:
        """It counts as told from before it is sent: a caller who gives up then must not lead to telling it twice."""
        self._told[target] = _Told(value, self._now)
        try:
            await self._wire.tell(target, value)
        except (NotNow, Refused):
            del self._told[target]
            raise
        except DeviceError as error:
            self._lose(error)
            raise

    def _is_told(self, target: Target, value: Value) -> bool:
        """True if it was told already and may still do it. Raises Refused or Timeout if it has not."""
        told = self._told.get(target)
        if told is None or told.value != value:
            return False
        why = f": {', '.join(self._sight.errors)}" if self._sight.errors else ""
        if told.failed:
            del self._told[target]
            raise Refused(f"it went out again while warming up{why}")
        if self._now - told.at >= self._patience_s:
            del self._told[target]
            if why:
                raise Refused(f"it does not do it{why}")
            raise Timeout(f"it was told {target} -> {value} {self._patience_s:g} s ago and has not done it")
        return True

    def _is_leaving(self, target: Target, value: Value) -> bool:
        """True if it is still where it was when it was told to go elsewhere, and may yet go."""
        told = self._told.get(target)
        if told is None or told.value == value or told.failed:
            return False
        return self._now - told.at < self._patience_s

    def _forget_stale(self, target: Target) -> None:
        """What an earlier command told, and whose end nobody waited for, says nothing about a new one."""
        told = self._told.get(target)
        if told is not None and (told.failed or (not told.began and self._now - told.at >= self._patience_s)):
            del self._told[target]

    def _check_turn(self, target: Target, mine: object, value: Value) -> None:
        latest, wanted = self._latest[target]
        if latest is not mine and wanted != value:
            raise Refused(f"overtaken: meanwhile it was told {target} -> {wanted}")

    def _check_line(self) -> None:
        if self._lost is not None:
            raise type(self._lost)(*self._lost.args)

    def _lose(self, error: DeviceError) -> None:
        self._lost = error
        self._say_news()

    def _say_news(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _some_news(self, news: asyncio.Event, most_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await news.wait()


def _next_move(target: Target, value: Value, sight: Sight) -> _Move:
    """What brings `target` to `value`, seen what was seen. Raises NotNow if nothing does while it stays dark."""
    if target == POWER:
        return _TO_POWER[bool(value)][sight.phase]
    if sight.phase in (Phase.STANDBY, Phase.COOLING):
        raise NotNow(f"{target} can be set only while it is on; it is {sight.phase}")
    if sight.phase is Phase.WARMING:
        return _Move.WAIT
    return _Move.DONE if sight.values.get(target.metric) == value else _Move.TELL
