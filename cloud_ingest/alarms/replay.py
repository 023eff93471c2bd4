"""Replay: what a set of rules would have said of what is in the store. The engine is the same, and so are its answers.

Gateways are as the registry's history has them: online, off or unreachable. What else they said (backlogs, clocks) is
not kept there, so rules on that are silent in a replay.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from classroom_profiles.telemetry import Series
from cloud_ingest.alarms.engine import Engine
from cloud_ingest.alarms.rules import Forecast, GatewayRule, RuleSet
from cloud_ingest.alarms.series_verdicts import is_end_of, is_of
from cloud_ingest.alarms.transition import Transition
from cloud_ingest.gaps import Spell
from cloud_ingest.gateways import Gateway, Said
from cloud_ingest.operations.feed import Last
from cloud_ingest.registry import Registry
from cloud_ingest.store import Store, Stored
from cloud_ingest.windows import Span

STEP_S = 5.0
_PAGE = 10_000
_STATE = {"unreachable": "offline"}


@dataclass(frozen=True, slots=True)
class At:
    at_us: int
    transition: Transition


def replay(
    engine: Engine, rules: RuleSet, store: Store, registry: Registry | None, schools: Sequence[str], span: Span,
    step_s: float = STEP_S,
) -> Iterator[At]:  # fmt: skip
    """What is raised, changed and cleared, in order. Raises StoreUnavailable, RegistryUnavailable."""
    series = [
        (school, each) for school in schools for each in store.latest(school, None, span.since_us)
        if wanted(rules, each)
    ]  # fmt: skip
    points = heapq.merge(*(_points(store, school, each, span) for school, each in series), key=lambda one: one.time_us)
    past = _Past(registry, schools)
    engine.rooms(past.rooms)
    step_us = int(step_s * 1e6)
    point = next(points, None)
    for now_us in range(span.since_us + step_us, span.until_us + step_us, step_us):
        some = []
        while point is not None and point.time_us <= now_us:
            some.append(point)
            point = next(points, None)
        for transition in engine.feed(some, now_us, gateways=past.at(now_us)):
            yield At(now_us, transition)


def wanted(rules: RuleSet, each: Stored) -> bool:
    """Some rule looks at it."""
    for rule in rules.rules:
        if isinstance(rule, (GatewayRule, Forecast)) or rule.of.measurement is not each.measurement:
            continue
        if is_of(rule, each.metric, each.role) or is_end_of(rule, each.metric, each.role):
            return True
    return False


def _points(store: Store, school: str, of: Stored, span: Span) -> Iterator[Last]:
    series = Series(of.measurement, of.room, of.device, of.role, of.metric)
    since_us = span.since_us
    while since_us < span.until_us:
        page = store.points(school, series, Span(since_us, span.until_us), _PAGE)
        for one in page:
            yield Last(
                school, of.room, of.measurement, of.device, of.role, of.metric, one.value, one.time_us, one.simulated
            )
        if len(page) < _PAGE:
            return
        since_us = page[-1].time_us + 1


class _Past:
    """Gateways as they were."""

    def __init__(self, registry: Registry | None, schools: Sequence[str]) -> None:
        self.rooms: dict[tuple[str, str], str] = {}
        self._gateways: list[tuple[Gateway, Sequence[Spell]]] = []
        for school in schools if registry is not None else ():
            assert registry is not None
            for gateway in registry.gateways(school):
                self._gateways.append((gateway, registry.spells(school, gateway.name)))
                for room in gateway.rooms:
                    self.rooms[school, room] = gateway.name

    def at(self, now_us: int) -> list[Gateway]:
        found = []
        for gateway, spells in self._gateways:
            before = [spell for spell in spells if spell.since_us <= now_us]
            if not before:
                continue
            spell = before[-1]
            said = Said(_STATE.get(spell.what, spell.what))
            heard_us = now_us if spell.what == "online" else spell.since_us
            found.append(
                Gateway(gateway.school, gateway.name, said, spell.since_us, heard_us, heard_us, 0, gateway.rooms)
            )
        return found
