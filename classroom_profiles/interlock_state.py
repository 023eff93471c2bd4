"""What the interlocks of a room make of readings, of silence and of time: no clock, no I/O, the same every time.

    waiting ─► armed ◄─► pending ─► tripped ◄─► latched ─► armed
       │                               ▲           reset by staff
       └───────────────────────────────┘

waiting   not known to be safe: a sensor has not said anything yet since the agent began
pending   a cause holds, and not yet long enough
tripped   a cause holds
latched   no cause holds any more; the rule lasts until staff reset it
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from classroom_profiles.capability import Command, Value
from classroom_profiles.interlock import EVENT
from classroom_profiles.interlock_rule import Order, Rule, Test, Watch, opposes
from classroom_profiles.reading import Health, HealthState


class State(StrEnum):
    WAITING = "waiting"
    ARMED = "armed"
    PENDING = "pending"
    TRIPPED = "tripped"
    LATCHED = "latched"

    @property
    def is_active(self) -> bool:
        """True while its orders stand."""
        return self in (State.TRIPPED, State.LATCHED)


class CauseStands(Exception):
    """It cannot be reset yet: a cause holds, or it is not known that none does. The text says which."""


class NotTripped(Exception):
    """There is nothing to reset."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A cause as it was seen."""

    text: str
    """For technicians and the log."""
    device: str = ""
    """Empty for the panel's button."""
    metric: str = ""
    test: str = "panel"
    """`panel`, `lost`, or that of the watch: above, below, equals, silent, unreachable; `unknown`: nothing is yet."""


BY_HAND = Seen("the panel's button")
LOST = Seen("what was latched before cannot be read", test="lost")
"""It may have been tripped, and nobody knows."""


@dataclass(frozen=True, slots=True)
class Step:
    """A rule has gone from one state to another."""

    rule: Rule
    before: State
    after: State
    at_us: int
    cause: Seen | None = None
    """What holds, of `pending` and `tripped`."""

    @property
    def is_trip(self) -> bool:
        return self.after.is_active and not self.before.is_active


@dataclass(slots=True)
class _Eye:
    """One watch, and what it has seen."""

    watch: Watch
    held: "_Held"
    since_us: int | None
    """Since when it holds; of silence: when something was read last; of reach: since when the device is away."""
    known: bool = False
    value: Value | None = None
    away: bool = False
    """Of reach: the device said so itself."""
    garbled: set[str] = field(default_factory=set)
    """Of reach: the metrics of which the device says what is no value; as good as away."""

    @property
    def is_event(self) -> bool:
        return self.watch.reads and self.watch.metric == EVENT

    def due_us(self) -> int | None:
        return None if self.since_us is None else self.since_us + self.watch.for_us

    def is_due(self, at_us: int) -> bool:
        due_us = self.due_us()
        return due_us is not None and at_us >= due_us

    def is_gone(self, at_us: int) -> bool:
        if not self.known:
            return False
        return not self.is_due(at_us) if self.watch.test is Test.SILENT else self.since_us is None

    def standing(self, at_us: int) -> Seen:
        """What is in the way: that it holds, or that it is not known if it does."""
        holds = self.is_due(at_us) or (self.watch.reads and self.since_us is not None)
        return self.seen() if self.known or holds else replace(self.seen(), test="unknown")

    def seen(self) -> Seen:
        watch, text = self.watch, str(self.watch)
        if self.value is not None and watch.reads:
            text += f" ({_shown(self.value)})"
        elif not self.known and watch.test is not Test.UNREACHABLE:
            text += " (nothing read yet)"
        return Seen(text, watch.device, watch.metric, str(watch.test))


@dataclass(slots=True)
class _Held:
    """One rule, and where it is."""

    rule: Rule
    state: State = State.WAITING
    cause: Seen | None = None
    """What tripped it, while it is active."""
    eyes: list[_Eye] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """True once every sensor has said something."""
        return all(eye.known for eye in self.eyes)


class Evaluator:
    """The rules of one room, stepped by what happens. Times are monotonic, in microseconds, and do not go back."""

    def __init__(self, rules: Iterable[Rule], at_us: int, latched: Mapping[str, Seen] = {}) -> None:
        """`latched`: the rules that are still latched from before, and what had tripped them."""
        self._held = {rule.id: _Held(rule) for rule in rules}
        self._reading: dict[tuple[str, str], list[_Eye]] = {}
        self._reaching: dict[str, list[_Eye]] = {}
        self.next_us: int | None = None
        """When `tick` may have something to say, if nothing happens before; None if never."""
        for held in self._held.values():
            for watch in held.rule.watches:
                self._open(held, watch, at_us)
            if held.rule.id in latched:
                held.state, held.cause = State.TRIPPED, latched[held.rule.id]
            self._judge(held, at_us)
        self._look_ahead(at_us)

    def state(self, rule_id: str) -> State:
        """Raises KeyError."""
        return self._held[rule_id].state

    def cause(self, rule_id: str) -> Seen | None:
        """What tripped it; None while it is not active. Raises KeyError."""
        return self._held[rule_id].cause

    def stands(self, rule_id: str, at_us: int) -> tuple[Seen, ...]:
        """What holds, or is not known, so that it cannot be reset. Raises KeyError."""
        return tuple(eye.standing(at_us) for eye in self._held[rule_id].eyes if not eye.is_gone(at_us))

    @property
    def latched(self) -> dict[str, Seen]:
        """The rules that are active, and what had tripped each: to be kept."""
        return {name: held.cause or BY_HAND for name, held in self._held.items() if held.state.is_active}

    def orders(self) -> dict[Order, Rule]:
        """All that is commanded now, each with a rule that commands it."""
        active = (held.rule for held in self._held.values() if held.state.is_active)
        return {order: rule for rule in active for order in rule.orders}

    def forbids(self, device: str, command: Command) -> Rule | None:
        """The rule that this goes against: one that is active, or one that is not known to be safe."""
        for held in self._held.values():
            if (held.state.is_active or not held.is_known) and any(
                order.device == device and opposes(order.command, command) for order in held.rule.orders
            ):
                return held.rule
        return None

    # --- what happens ---

    def read(self, device: str, metric: str, value: Value, at_us: int) -> list[Step]:
        eyes = self._reading.get((device, metric))
        if eyes is None:
            return []
        events: list[_Eye] = []
        garbled: set[str] = set()
        for eye in eyes:
            if not eye.watch.reads:
                continue
            eye.value = value
            holds = eye.watch.holds(value)
            if eye.is_event:
                events += [eye] if holds else []
            elif holds is None:
                self._not_known(eye)
                garbled.add(eye.held.rule.id)
            else:
                eye.known = True
                self._begin(eye, at_us) if holds else self._end(eye)
        for eye in eyes:
            if eye.watch.test is Test.SILENT and eye.held.rule.id not in garbled:
                eye.since_us, eye.known = at_us, True
                self._expect(eye)
        for eye in events:
            eye.since_us = at_us
        reached = self._understood(device, metric, garbled, at_us)
        steps = self._judged([*eyes, *reached], at_us)
        for eye in events:  # gone with the moment
            eye.since_us = None
        return [*steps, *self._judged(events, at_us)]

    def garbled(self, device: str, metric: str, at_us: int) -> list[Step]:
        """It has said what is no value of anything."""
        eyes = self._reading.get((device, metric), [])
        for eye in eyes:
            if eye.watch.reads and not eye.is_event:
                self._not_known(eye)
        reached = self._understood(device, metric, {eye.held.rule.id for eye in eyes}, at_us)
        return self._judged([*eyes, *reached], at_us)

    def reach(self, device: str, health: Health, at_us: int) -> list[Step]:
        """The device has come to be so."""
        eyes = self._reaching.get(device, [])
        there = health.state not in (HealthState.UNREACHABLE, HealthState.FAULT)
        for eye in eyes:
            eye.known = eye.known or there
            eye.away = not there
            if not eye.is_event:
                self._begin(eye, at_us) if eye.away or eye.garbled else self._end(eye)
        return self._judged(eyes, at_us)

    def tick(self, at_us: int) -> list[Step]:
        """Time has passed."""
        self._look_ahead(at_us)
        return [step for held in self._held.values() for step in self._judge(held, at_us)]

    def trip(self, rule_id: str, at_us: int) -> list[Step]:
        """By hand. Raises KeyError."""
        held = self._held[rule_id]
        if held.state.is_active:
            return []
        return [self._go(held, State.TRIPPED, at_us, BY_HAND), *self._judge(held, at_us)]

    def reset(self, rule_id: str, at_us: int) -> list[Step]:
        """By staff. Raises KeyError, NotTripped, CauseStands."""
        held = self._held[rule_id]
        if not held.state.is_active:
            raise NotTripped(rule_id)
        self._judge(held, at_us)
        if stands := self.stands(rule_id, at_us):
            raise CauseStands("; ".join(seen.text for seen in stands))
        return [self._go(held, State.ARMED, at_us)]

    # --- from one state to the next ---

    def _not_known(self, eye: _Eye) -> None:
        """Nothing is known of it any more. What was dangerous when it was known last stays so."""
        eye.known = False

    def _understood(self, device: str, metric: str, garbled: Collection[str], at_us: int) -> list[_Eye]:
        """A device that makes no sense is as good as away, for the rules that read it. Returns what changes by that."""
        changed = []
        for eye in self._reaching.get(device, ()):
            if eye.is_event or (metric in eye.garbled) is (eye.held.rule.id in garbled):
                continue
            eye.garbled ^= {metric}
            self._begin(eye, at_us) if eye.away or eye.garbled else self._end(eye)
            changed.append(eye)
        return changed

    def _begin(self, eye: _Eye, at_us: int) -> None:
        if eye.since_us is None:
            eye.since_us = at_us
            self._expect(eye)

    def _end(self, eye: _Eye) -> None:
        eye.since_us = None

    def _expect(self, eye: _Eye) -> None:
        due_us = eye.due_us()
        if due_us is not None and (self.next_us is None or due_us < self.next_us):
            self.next_us = due_us

    def _look_ahead(self, at_us: int) -> None:
        times = (eye.due_us() for held in self._held.values() for eye in held.eyes)
        self.next_us = min((time for time in times if time is not None and time > at_us), default=None)

    def _open(self, held: _Held, watch: Watch, at_us: int) -> None:
        since_us = at_us if watch.test in (Test.SILENT, Test.UNREACHABLE) else None
        eye = _Eye(watch, held, since_us)
        held.eyes.append(eye)
        if watch.test is not Test.UNREACHABLE:
            self._reading.setdefault((watch.device, watch.metric), []).append(eye)
        if watch.test is Test.UNREACHABLE or eye.is_event:
            self._reaching.setdefault(watch.device, []).append(eye)

    def _judged(self, eyes: Iterable[_Eye], at_us: int) -> list[Step]:
        rules = {eye.held.rule.id: eye.held for eye in eyes}
        return [step for held in rules.values() for step in self._judge(held, at_us)]

    def _judge(self, held: _Held, at_us: int) -> list[Step]:
        due = next((eye for eye in held.eyes if eye.is_due(at_us)), None)
        if held.state.is_active:
            gone = all(eye.is_gone(at_us) for eye in held.eyes)
            after = State.LATCHED if gone else State.TRIPPED
        elif due is not None:
            after = State.TRIPPED
        else:
            due = next((eye for eye in held.eyes if _has_begun(eye)), None)
            after = State.PENDING if due is not None else State.ARMED if held.is_known else State.WAITING
        return [self._go(held, after, at_us, None if due is None else due.seen())] if after is not held.state else []

    def _go(self, held: _Held, after: State, at_us: int, cause: Seen | None = None) -> Step:
        before, held.state = held.state, after
        if not after.is_active:
            held.cause = None
        elif not before.is_active:
            held.cause = cause
        return Step(held.rule, before, after, at_us, cause)


def _has_begun(eye: _Eye) -> bool:
    if eye.watch.test is Test.SILENT or eye.since_us is None:
        return False
    return eye.watch.reads or eye.known


def _shown(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
