"""Interlocks held against their room and against each other: what of it can be relied on, or all that is wrong.

Every rule lasts until staff reset it, so any two may be tripped together: no actuator may be told two things. A rule
may set off another (what it commands is what the other watches), but never, through whomever, one that comes back to
it: they would chase each other, or keep each other tripped for ever.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from classroom_profiles.capability import Capability, Target, Value
from classroom_profiles.interlock import Action, Cause, Interlock
from classroom_profiles.interlock_rule import Order, Rule, Test, Watch, brings, opposes
from classroom_profiles.metrics import METRICS, find, unit
from classroom_profiles.offer import UNKNOWN, Offer, OfferOf, nothing_known
from classroom_profiles.problem import Loc, did_you_mean
from classroom_profiles.profile import Need
from classroom_profiles.room import Device, Room
from classroom_profiles.telemetry import Measurement


@dataclass(frozen=True, slots=True)
class Wrong:
    rule: int
    """Its place among the rules."""
    loc: Loc
    """Within the rule."""
    message: str


def rules_of(room: Room, offer_of: OfferOf = nothing_known) -> tuple[Rule, ...]:
    """The rules of a room that was checked. Raises ValueError if they cannot be relied on."""
    rules, wrong = check(room.devices, room.interlocks, offer_of)
    if wrong:
        raise ValueError("; ".join(f"{room.interlocks[one.rule].id}: {one.message}" for one in wrong))
    return rules


def check(
    devices: Sequence[Device],
    interlocks: Sequence[Interlock],
    offer_of: OfferOf = nothing_known,
    unread: Collection[str] = (),
) -> tuple[tuple[Rule, ...], tuple[Wrong, ...]]:
    """The rules as they are in this room, and what is wrong with them.

    `unread`: ids of devices of which nothing more is known, since what is written of them is wrong itself.
    """
    surroundings = _Surroundings({device.id: device for device in devices}, offer_of, frozenset(unread))
    rules: list[Rule] = []
    first: dict[str, int] = {}
    for number, interlock in enumerate(interlocks):
        if interlock.id in first:
            surroundings.say(number, ("id",), f"another rule has the id '{interlock.id}' already")
        first.setdefault(interlock.id, number)
        rules.append(surroundings.rule(number, interlock))
    surroundings.wrong += _contradictions(rules, surroundings.places)
    surroundings.wrong += _loops(rules, surroundings.places)
    return tuple(rules), tuple(surroundings.wrong)


@dataclass(slots=True)
class _Surroundings:
    devices: dict[str, Device]
    offer_of: OfferOf
    unread: frozenset[str]
    wrong: list[Wrong] = field(default_factory=list)
    places: dict[tuple[int, Order], int] = field(default_factory=dict)
    """Rule and order to the action that gives it."""
    offers: dict[str, Offer] = field(default_factory=dict)

    def say(self, rule: int, loc: Loc, message: str) -> None:
        self.wrong.append(Wrong(rule, loc, message))

    def rule(self, number: int, interlock: Interlock) -> Rule:
        watches = [
            watch
            for place, cause in enumerate(interlock.when)
            for device in self._meant(number, ("when", place), cause)
            if (watch := self._watch(number, ("when", place), cause, device)) is not None
        ]
        before = len(self.wrong)
        orders: dict[Order, None] = {}
        for place, action in enumerate(interlock.then):
            for device in self._meant(number, ("then", place), action):
                order = Order(device.id, action.set.command)
                if self._is_reachable(number, place, action, device):
                    orders[order] = None
                    self.places.setdefault((number, order), place)
        if not orders and len(self.wrong) == before and not self.unread:
            self.say(number, ("then",), "the room has nothing of what this rule would command")
        self._must_not_be_blind(number, interlock, watches)
        return Rule(
            interlock.id,
            interlock.name,
            interlock.advice,
            tuple(dict.fromkeys(watches)),
            tuple(orders),
            interlock.panel,
            interlock.reset_by,
        )

    def _meant(self, number: int, loc: Loc, asked: Cause | Action) -> Iterator[Device]:
        """The devices that are named, by id or role."""
        if asked.device is not None:
            device = self.devices.get(asked.device)
            if device is not None:
                yield device
            elif asked.device not in self.unread:
                known = did_you_mean(asked.device, self.devices)
                self.say(number, (*loc, "device"), f"the room has no device '{asked.device}'{known}")
            return
        found = [device for device in self.devices.values() if device.role is asked.role]
        if not found and asked.need is Need.REQUIRED and not self.unread:
            roles = sorted({str(device.role) for device in self.devices.values()})
            known = did_you_mean(asked.role, roles)
            self.say(number, (*loc, "role"), f"the room has no device of the role '{asked.role}'{known}")
        yield from found

    def _offer(self, device: Device) -> Offer:
        if device.id not in self.offers:
            self.offers[device.id] = self.offer_of(device)
        return self.offers.get(device.id, UNKNOWN)

    def _watch(self, number: int, loc: Loc, cause: Cause, device: Device) -> Watch | None:
        if cause.unreachable_s is not None:
            return Watch(device.id, "", Test.UNREACHABLE, for_us=_us(cause.unreachable_s))
        assert cause.metric is not None, "the model was checked"
        offer = self._offer(device)
        if not _is_metric(cause.metric, offer):
            known = sorted({*(offer.metrics or ()), *(target.metric for target in offer.controls or ())})
            meant = did_you_mean(cause.metric, known) if offer.metrics is not None else _house_metrics(cause.metric)
            self.say(number, (*loc, "metric"), f"'{device.id}' has no metric '{cause.metric}'{meant}")
            return None
        if cause.silent_s is not None:
            return Watch(device.id, cause.metric, Test.SILENT, for_us=_us(cause.silent_s))
        for test, bound in ((Test.ABOVE, cause.above), (Test.BELOW, cause.below), (Test.EQUALS, cause.equals)):
            if bound is not None:
                return Watch(device.id, cause.metric, test, bound, _us(cause.for_s))
        raise AssertionError("the model was checked")

    def _is_reachable(self, number: int, place: int, action: Action, device: Device) -> bool:
        """Can the device be told this at all, as far as its driver knows?"""
        offer, target = self._offer(device), action.set.command.target
        if target in offer.controls if offer.controls is not None else _may_be(target, offer):
            return True
        if action.need is Need.REQUIRED:
            has = ", ".join(sorted(map(str, offer.controls or offer.capabilities or ())))
            self.say(
                number,
                ("then", place, "set"),
                f"'{device.id}' cannot be told {target}; " + (f"it has: {has}" if has else "it is a sensor"),
            )
        return False

    def _must_not_be_blind(self, number: int, interlock: Interlock, watches: Sequence[Watch]) -> None:
        """What a rule relies on must not be silent without that meaning something."""
        for place, cause in enumerate(interlock.when):
            if cause.metric is None or cause.silent_s is not None:
                continue
            blind = [
                watch
                for watch in watches
                if watch.reads and watch.metric == cause.metric and self._is_of(watch.device, cause)
                if not any(
                    other.device == watch.device
                    and (other.test is Test.UNREACHABLE or (other.test is Test.SILENT and other.metric == watch.metric))
                    for other in watches
                )
            ]
            if blind:
                who = f"device: {cause.device}" if cause.device else f"role: {cause.role}"
                example = f"{{{who}, unreachable_s: 10}}"
                if cause.metric and find(Measurement.READING, cause.metric) is not None and cause.equals is None:
                    example = f"{{{who}, metric: {cause.metric}, silent_s: 10}}"
                message = f"say what it means if '{blind[0].device}' is silent: add {example} to 'when'"
                self.say(number, ("when", place), message)

    def _is_of(self, device: str, cause: Cause) -> bool:
        return cause.device == device or (cause.device is None and self.devices[device].role is cause.role)


def _is_metric(name: str, offer: Offer) -> bool:
    """Would the device ever read this? What its driver cannot know must at least be a metric of the house, or have a
    unit."""
    if name in {target.metric for target in offer.controls or ()}:
        return True
    if offer.metrics is not None:
        return name in offer.metrics
    if find(Measurement.DEVICE, name) is not None:
        return offer.controls is None
    return find(Measurement.READING, name) is not None or bool(unit(name))


def _may_be(target: Target, offer: Offer) -> bool:
    return offer.capabilities is None or target.capability in offer.capabilities


def _house_metrics(name: str) -> str:
    known = [each.name for each in METRICS if each.measurement is Measurement.READING and "*" not in each.name]
    return did_you_mean(name, known)


def _contradictions(rules: Sequence[Rule], places: dict[tuple[int, Order], int]) -> Iterator[Wrong]:
    every = [(number, order) for number, rule in enumerate(rules) for order in rule.orders]
    by_device: dict[str, list[tuple[int, Order]]] = {}
    for number, order in every:
        for before, earlier in by_device.setdefault(order.device, []):
            if opposes(earlier.command, order.command):
                who = "this rule" if before == number else f"'{rules[before].id}'"
                together = "" if before == number else "; both can be tripped together"
                message = f"contradiction: {order} here, and {who} has {earlier}{together}"
                yield Wrong(number, ("then", places[number, order]), message)
                break
        by_device[order.device].append((number, order))


@dataclass(frozen=True, slots=True)
class _Edge:
    """One rule's order changes what another rule watches."""

    after: int
    order: Order
    watch: Watch
    trips: bool
    """False if it can only make the other's cause go away."""


def _loops(rules: Sequence[Rule], places: dict[tuple[int, Order], int]) -> Iterator[Wrong]:
    """Rings of rules in which at least one sets off the next. That all take away each other's causes is no chase."""
    edges = {number: list(_edges(rule, rules)) for number, rule in enumerate(rules)}
    told: set[frozenset[int]] = set()
    for number in edges:
        for edge in edges[number]:
            way = _way(edges, edge.after, number) if edge.trips else None
            ring = frozenset((number, edge.after, *(one.after for one in way or ())))
            if way is None or ring in told:
                continue
            told.add(ring)
            words = ", ".join(f"{one.order} sets off or ends '{rules[one.after].id}'" for one in way)
            here = f"loop: {edge.order} trips '{rules[edge.after].id}', which watches {edge.watch}"
            message = f"{here}; {words}" if words else f"{here}: it could never be reset"
            yield Wrong(number, ("then", places[number, edge.order]), message)


def _edges(rule: Rule, rules: Sequence[Rule]) -> Iterator[_Edge]:
    for after, other in enumerate(rules):
        for order in rule.orders:
            for watch in other.watches:
                if not watch.reads or watch.device != order.device:
                    continue
                trips = [
                    value is None or watch.holds(value) is True
                    for metric, value in _changed(order, watch)
                    if metric == watch.metric
                ]
                if trips:
                    yield _Edge(after, order, watch, any(trips))


def _changed(order: Order, watch: Watch) -> Iterator[tuple[str, Value | None]]:
    """What the order changes at its device, as far as that is a state and no measurement of the world."""
    for target, value in brings(order.command):
        yield target.metric, value
    command = order.command
    goes_off = command.target.capability is Capability.POWER and not command.value
    if goes_off or (command.target.capability is Capability.ROBOT and command.value == "idle"):
        for capability, off in ((Capability.SWITCH, False), (Capability.LEVEL, 0.0)):
            if watch.metric == capability or watch.metric.startswith(f"{capability}_"):
                yield watch.metric, off


def _way(edges: dict[int, list[_Edge]], start: int, end: int) -> list[_Edge] | None:
    """The shortest way from a rule to another; empty if it is the same; None if there is none."""
    ways: dict[int, list[_Edge]] = {start: []}
    queue = [start]
    while queue:
        number = queue.pop(0)
        if number == end:
            return ways[number]
        for edge in edges[number]:
            if edge.after not in ways:
                ways[edge.after] = [*ways[number], edge]
                queue.append(edge.after)
    return None


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
