"""The room's interlocks at work: they hear every reading first, cut off at once, and beat everybody else.

    reading ─► evaluator ─► trips? ─► a worker for each actuator: cut off, again until it has confirmed
                              │
                              └► (after the commands) disk ─► log, events, screens, lessons

Nothing here waits for the disk, the network or a screen before the commands are on their way.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from classroom_profiles.capability import Capability, Command
from classroom_profiles.experiment import RunState, Sample
from classroom_profiles.interlock_rule import Order, Rule
from classroom_profiles.interlock_state import LOST, Evaluator, Seen, State, Step
from classroom_profiles.reading import Change, Health, Reading
from classroom_profiles.room import Device
from classroom_profiles.state import NOT_OPENED
from classroom_profiles.telemetry import Point
from edge_agent.backoff import delays
from edge_agent.changes import Changes
from edge_agent.latches import Latch, Latches, LatchStore
from edge_agent.live_room import LiveRoom, now_us
from edge_agent.rank import Rank
from edge_agent.telemetry_points import interlock_point
from firmware_bridge.errors import DeviceError, Refused

_RETRY_S, _LONGEST_S = 0.2, 5.0
_CALM_S = 10.0
"""What was right for so long and is not any more is put right at once; what fights us, after a pause."""
_CONFIRM_S = 20.0
_POWER_S = 180.0
"""A lamp may have to warm up before it can be turned off."""

GONE = "no longer in the room's file"
"""Who has reset a rule that was latched, and is no rule any more."""

_log = logging.getLogger("lophoc.interlock")


class Interlocked(Refused):
    """An interlock forbids it. Trying again is of no use until staff reset the rule."""

    code = reason = "interlocked"

    def __init__(self, rule: Rule, state: State) -> None:
        what = "is tripped" if state.is_active else "is not known to be safe yet"
        super().__init__(f"interlock '{rule.id}' ({rule.name.vi} / {rule.name.en}) {what}")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class OrderNow:
    """What one rule commands, and how far that is."""

    order: Order
    confirmed: bool
    error: str
    """The code of the last failure; empty if there was none, or it is done."""


@dataclass(frozen=True, slots=True)
class InterlockNow:
    """One rule at one moment, as it may be announced."""

    rule: Rule
    state: State
    cause: Seen | None
    """What tripped it; of a pending one, what is about to."""
    since_us: int
    """When it came to be so: wall clock, microseconds since 1970-01-01 UTC."""
    stands: tuple[Seen, ...]
    """What is in the way of a reset."""
    orders: tuple[OrderNow, ...]
    """Of one that is active."""


@dataclass(slots=True)
class _Actuator:
    """One order, carried out for all rules that give it."""

    device: Device
    command: Command
    rules: dict[str, int] = field(default_factory=dict)
    """The active rules that give it, and when each was tripped (monotonic microseconds)."""
    unconfirmed: set[str] = field(default_factory=set)
    """The rules of which the confirmation was not told yet."""
    confirmed: bool = False
    error: str = ""
    is_new: bool = False
    tried_at: float = -_CALM_S
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_due(self) -> bool:
        return bool(self.rules) and not self.confirmed


class Interlocks:
    """`run` them with the room of which they are the guard."""

    def __init__(
        self,
        room: str,
        devices: Iterable[Device],
        rules: Iterable[Rule],
        store: LatchStore,
        changes: Changes,
        record: Callable[[Iterable[Point]], None],
        kept: Latches | None = None,
        *,
        retry_s: float = _RETRY_S,
    ) -> None:
        """`kept`: what `store` had. `retry_s`: about how long to wait before an order is given a second time."""
        self._room_id = room
        self._rules = {rule.id: rule for rule in rules}
        self._store, self._changes, self._record = store, changes, record
        self._retry_s = retry_s
        self._trip_listeners: list[Callable[[Rule], None]] = []
        known = {one.rule: one for one in (kept or Latches()).latched if one.rule in self._rules}
        latched = {name: one.cause for name, one in known.items()}
        if store.lost:  # not known to be safe: any of them may have been latched
            latched = dict.fromkeys(self._rules, LOST)
        for one in (kept or Latches()).latched:
            if one.rule not in self._rules:
                _log.warning("interlock %s: was latched (%s), and the room has it no more", one.rule, one.cause.text)
                record([interlock_point(room, one.rule, "interlock_reset", GONE, now_us())])  # else its alarm stays
        self._evaluator = Evaluator(self._rules.values(), _monotonic_us(), latched)
        named = {device.id: device for device in devices}
        self._actuators: dict[Order, _Actuator] = {
            order: _Actuator(named[order.device], order.command)
            for rule in self._rules.values()
            for order in rule.orders
        }
        self._by_device: dict[str, list[_Actuator]] = {}
        for actuator in self._actuators.values():
            self._by_device.setdefault(actuator.device.id, []).append(actuator)
        self._since_us = {name: known[name].since_us if name in known else now_us() for name in self._rules}
        self._announced: dict[str, tuple[State, Seen | None, int]] = {
            name: (self._evaluator.state(name), self._evaluator.cause(name), self._since_us[name])
            for name in self._rules
        }
        self._written = frozenset(one.rule for one in (kept or Latches()).latched)
        self._steps: list[tuple[Step, int]] = []
        self._news, self._sooner = asyncio.Event(), asyncio.Event()
        self._awaiting: list[asyncio.Future[None]] = []
        for name in latched:
            _log.warning("interlock %s: still latched: %s", name, latched[name].text)
            self._cut_off(self._rules[name], _monotonic_us())
            if store.lost:
                self._say(self._rules[name], "interlock_tripped", LOST.text, self._since_us[name])
        if self._written != latched.keys():
            self._news.set()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """In the order written."""
        return tuple(self._rules.values())

    def now(self, rule_id: str) -> InterlockNow:
        """Raises KeyError."""
        rule = self._rules[rule_id]
        state, cause, since_us = self._announced[rule_id]
        orders: tuple[OrderNow, ...] = ()
        if state.is_active:
            those = ((order, self._actuators[order]) for order in rule.orders)
            orders = tuple(OrderNow(order, one.confirmed, one.error) for order, one in those)
        stands = self._evaluator.stands(rule_id, _monotonic_us()) if state.is_active else ()
        return InterlockNow(rule, state, cause, since_us, stands, orders)

    def when_tripped(self, listener: Callable[[Rule], None]) -> None:
        """Call `listener` with each rule that trips, once its orders are on their way."""
        self._trip_listeners.append(listener)

    # --- the guard of the room ---

    def hear(self, device: Device, change: Change) -> None:
        """A reading, several of one moment, or how a device is: the first to know."""
        at_us, next_us = _monotonic_us(), self._evaluator.next_us
        match change:
            case Health():
                self._take(self._evaluator.reach(device.id, change, at_us))
                self._hold_fast(device.id, change)
            case Reading():
                self._read(device.id, change, at_us)
            case Sample():
                for reading in change.readings:
                    self._read(device.id, reading, at_us)
            case RunState():
                return  # what it runs comes as readings, too
        self._look_again_by(next_us)

    def hear_garbled(self, device: Device, metric: str) -> None:
        """It has said something that is no value of this metric."""
        next_us = self._evaluator.next_us
        self._take(self._evaluator.garbled(device.id, metric, _monotonic_us()))
        self._look_again_by(next_us)

    def check(self, device_id: str, command: Command) -> None:
        """Raises Interlocked if a rule forbids it."""
        rule = self._evaluator.forbids(device_id, command)
        if rule is not None:
            raise Interlocked(rule, self._evaluator.state(rule.id))

    # --- people ---

    async def trip(self, rule_id: str, by: Rank) -> None:
        """By the panel's button; returns once it is announced. Raises KeyError."""
        steps = self._evaluator.trip(rule_id, _monotonic_us())
        self._take(steps)
        _log.warning("interlock %s: tripped on the panel by: %s", rule_id, by)
        await self._told()

    async def reset(self, rule_id: str, by: Rank, reason: str) -> None:
        """By staff; returns once it is announced. Raises KeyError, NotTripped, CauseStands."""
        steps = self._evaluator.reset(rule_id, _monotonic_us())
        self._take(steps)
        for actuator in self._actuators.values():
            actuator.rules.pop(rule_id, None)
            actuator.unconfirmed.discard(rule_id)
        _log.warning(
            "interlock %s: reset by %s: %s", rule_id, by, "".join(c if c.isprintable() else "?" for c in reason)
        )
        self._say(self._rules[rule_id], "interlock_reset", str(by), now_us())
        await self._told()

    async def _told(self) -> None:
        told = asyncio.get_running_loop().create_future()
        self._awaiting.append(told)
        self._news.set()
        await told

    # --- at work ---

    async def run(self, room: LiveRoom) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for order, actuator in self._actuators.items():
                tasks.create_task(self._work(room, actuator), name=f"interlock: {order}")
            tasks.create_task(self._announce(), name="interlocks: announce")
            tasks.create_task(self._keep_time(), name="interlocks: time")

    def _take(self, steps: list[Step]) -> None:
        if not steps:
            return
        for step in steps:
            if step.is_trip:
                self._cut_off(step.rule, step.at_us)
        wall_us = now_us()
        self._steps += ((step, wall_us) for step in steps)
        self._news.set()

    def _cut_off(self, rule: Rule, at_us: int) -> None:
        for order in rule.orders:
            actuator = self._actuators[order]
            actuator.rules[rule.id] = at_us
            actuator.unconfirmed.add(rule.id)
            actuator.confirmed, actuator.is_new = False, True
            actuator.wake.set()

    def _read(self, device_id: str, reading: Reading, at_us: int) -> None:
        self._take(self._evaluator.read(device_id, reading.metric, reading.value, at_us))
        self._hold_fast(device_id, reading)

    def _look_again_by(self, was_us: int | None) -> None:
        """The clock is told if it has to strike at another time than it was told before."""
        if self._evaluator.next_us != was_us:
            self._sooner.set()

    def _hold_fast(self, device_id: str, change: Health | Reading) -> None:
        """An actuator that is no longer where a rule has it, or whose device is back, is told again."""
        for actuator in self._by_device.get(device_id, ()):
            if not actuator.rules:
                continue
            if isinstance(change, Health):
                if not change.reachable:
                    actuator.confirmed = False  # who knows what becomes of it meanwhile
                elif not actuator.confirmed:
                    actuator.is_new = True
                    actuator.wake.set()
            elif (
                actuator.confirmed
                and change.metric == actuator.command.target.metric
                and not actuator.command.holds(change.value)
            ):
                actuator.confirmed = False
                actuator.wake.set()

    async def _work(self, room: LiveRoom, actuator: _Actuator) -> None:
        loop = asyncio.get_running_loop()
        pauses = delays(self._retry_s, _LONGEST_S)
        while True:
            await actuator.wake.wait()
            actuator.wake.clear()
            if not actuator.is_due:
                continue
            if actuator.is_new or loop.time() - actuator.tried_at > _CALM_S:
                pauses = delays(self._retry_s, _LONGEST_S)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(next(pauses)):
                        await actuator.wake.wait()
                actuator.wake.clear()
            actuator.is_new = False
            actuator.tried_at = loop.time()
            if actuator.is_due and not await self._try(room, actuator):
                actuator.wake.set()

    async def _try(self, room: LiveRoom, actuator: _Actuator) -> bool:
        """True if it has confirmed."""
        command = actuator.command
        patience_s = _POWER_S if command.target.capability is Capability.POWER else _CONFIRM_S
        try:
            await room.cut_off(actuator.device.id, command, patience_s)
        except DeviceError as why:
            if room.health(actuator.device.id) != NOT_OPENED:  # else it has not been tried yet
                self._failed(actuator, why.code, str(why))
        except Exception as bug:  # noqa: BLE001 - a mistake of ours must not end the trying
            _log.exception("interlock: %s %s", actuator.device.id, command)
            self._failed(actuator, "internal", repr(bug))
        else:
            self._confirmed(actuator)
            return True
        return False

    def _confirmed(self, actuator: _Actuator) -> None:
        at_us, wall_us = _monotonic_us(), now_us()
        actuator.confirmed, actuator.error = True, ""
        order = Order(actuator.device.id, actuator.command)
        for name in sorted(actuator.unconfirmed & actuator.rules.keys()):
            took_ms = (at_us - actuator.rules[name]) / 1000
            _log.warning("interlock %s: %s confirmed after %.1f ms", name, order, took_ms)
            self._say(self._rules[name], "interlock_confirmed", str(order), wall_us)
            self._say(self._rules[name], "interlock_ms", round(took_ms, 3), wall_us)
        actuator.unconfirmed.clear()
        self._changed(actuator)

    def _failed(self, actuator: _Actuator, code: str, why: str) -> None:
        """Said once until it is something else."""
        if actuator.error == code:
            return
        actuator.error = code
        order = Order(actuator.device.id, actuator.command)
        for name in sorted(actuator.rules):
            _log.error("interlock %s: %s: %s: %s; it is told again", name, order, code, why)
            self._say(self._rules[name], "interlock_failed", f"{order}: {code}", now_us())
        self._changed(actuator)

    def _changed(self, actuator: _Actuator) -> None:
        for name in actuator.rules:
            self._changes.interlock(name)

    async def _keep_time(self) -> None:
        while True:
            self._sooner.clear()
            next_us = self._evaluator.next_us
            wait_s = None if next_us is None else max(0.0, (next_us - _monotonic_us()) / 1e6)
            try:
                async with asyncio.timeout(wait_s):
                    await self._sooner.wait()
            except TimeoutError:
                self._take(self._evaluator.tick(_monotonic_us()))

    async def _announce(self) -> None:
        """In this order: the commands are on their way, the latch is on the disk, everybody hears of it."""
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep(0)  # the workers were woken before: they have told what is free to be told
            steps, self._steps = self._steps, []
            awaiting, self._awaiting = self._awaiting, []
            for step, wall_us in steps:
                if step.after.is_active is not step.before.is_active:
                    self._since_us[step.rule.id] = wall_us
            latched = self._evaluator.latched
            if latched.keys() != self._written:
                self._written = frozenset(latched)
                kept = (Latch(name, cause, self._since_us[name]) for name, cause in latched.items())
                self._store.keep(Latches(tuple(kept)))
                await self._store.durable()
            for step, wall_us in steps:
                self._tell(step, wall_us)
            for told in awaiting:
                if not told.done():
                    told.set_result(None)

    def _tell(self, step: Step, wall_us: int) -> None:
        rule = step.rule
        cause = self._evaluator.cause(rule.id) if step.after.is_active else step.cause
        since_us = self._since_us[rule.id] if step.after.is_active else wall_us
        self._announced[rule.id] = (step.after, cause, since_us)
        if step.is_trip and step.cause is not None:
            _log.warning("interlock %s: tripped: %s", rule.id, step.cause.text)
            self._say(rule, "interlock_tripped", step.cause.text, wall_us)
            for listener in self._trip_listeners:
                try:
                    listener(rule)
                except Exception:  # noqa: BLE001 - logged, with its trace; the interlocks go on
                    _log.exception("interlock %s: a mistake of who listened", rule.id)
        self._changes.interlock(rule.id)

    def _say(self, rule: Rule, metric: str, value: str | float, wall_us: int) -> None:
        self._record([interlock_point(self._room_id, rule.id, metric, value, wall_us)])


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000
