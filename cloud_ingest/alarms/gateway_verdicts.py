"""The verdicts of rules on gateways, from what the registry says of them now and again."""

from collections import Counter
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import exp

from cloud_ingest.alarms.hours import Calendar
from cloud_ingest.alarms.rules import STATES, GatewayRule, GatewayState, Rule
from cloud_ingest.alarms.unit import Unit
from cloud_ingest.alarms.verdicts import Listener, Track, Verdict, Verdicts
from cloud_ingest.gateways import SILENT_AFTER_S, Gateway, State, condition, is_well

_GRACE_US = 120_000_000
"""A gateway that is back needs so long until all that hangs on it has said something."""
_FLAPS = 4.0
_FLAPS_NO_MORE = 1.5
_FLAP_FADES_S = 1_800.0


@dataclass(slots=True)
class _Flaps:
    """How often a gateway was lost of late: each time counts less the longer ago it was."""

    score: float
    at_us: int
    flaps: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    state: State
    states: tuple[GatewayState, ...]
    since_us: int


class Fleet:
    """What states each gateway is in: the registry's, and two that follow from it."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        """Gateways of each school that have not said goodbye."""
        self.known: Set[tuple[str, str]] = set()
        """School and name of all that were looked at last."""
        self._well: set[tuple[str, str]] = set()
        """Those of which there was nothing to say, so that there is not while that is so: of a city nearly all."""
        self._states: dict[tuple[str, str], State] = {}
        self._flaps: dict[tuple[str, str], _Flaps] = {}

    def look(self, gateways: Iterable[Gateway], now_us: int, resumed_us: int) -> Iterable[tuple[Unit, _Seen]]:
        """Each of which there is something to say, or was; those whose silence may be ours are as they were."""
        totals: Counter[str] = Counter()
        known: set[tuple[str, str]] = set()
        well = self._well
        for gateway in gateways:
            name = (gateway.school, gateway.name)
            known.add(name)
            if name in well:
                if is_well(gateway, now_us):
                    totals[gateway.school] += 1
                    continue
                well.discard(name)
            state = condition(gateway, now_us).state
            before = self._states.get(name)
            if state is State.SILENT and now_us - max(gateway.seen_us(), resumed_us) <= SILENT_AFTER_S * 1e6:
                state = before or State.WORKING
            if state is not State.OFF:
                totals[gateway.school] += 1
            self._states[name] = state
            seen = self._seen(name, gateway, before, state, now_us)
            if state is State.WORKING and not seen.states and name not in self._flaps:
                well.add(name)
            yield Unit(gateway.school, "", "", "", gateway.name), seen
        self.totals, self.known = totals, known

    def _seen(self, name: tuple[str, str], gateway: Gateway, before: State | None, state: State, now_us: int) -> _Seen:
        states: list[GatewayState] = [STATES[state]] if state in STATES else []
        if gateway.said is not None and not gateway.said.journal_writable and state is not State.OFF:
            states.append("journal not writable")
        is_lost = state in (State.UNREACHABLE, State.SILENT)
        flaps = self._flaps.get(name)
        if is_lost and before is not None and before not in (State.UNREACHABLE, State.SILENT):
            flaps = self._flaps.setdefault(name, _Flaps(0.0, now_us))
            flaps.score, flaps.at_us = self._score(flaps, now_us) + 1.0, now_us
        if flaps is not None:
            score = self._score(flaps, now_us)
            flaps.flaps = score >= (_FLAPS_NO_MORE if flaps.flaps else _FLAPS)
            if flaps.flaps:
                states.append("flapping")
            elif score < 0.1:
                del self._flaps[name]
        if state is State.SILENT:
            since_us = gateway.seen_us() + int(SILENT_AFTER_S * 1e6)
        else:
            since_us = gateway.said_us or now_us
        return _Seen(state, tuple(states), min(since_us, now_us))

    @staticmethod
    def _score(flaps: _Flaps, now_us: int) -> float:
        return flaps.score * exp(-max(0, now_us - flaps.at_us) / 1e6 / _FLAP_FADES_S)


class GatewayVerdicts:
    def __init__(
        self, rule: GatewayRule, calendar: Calendar, cause_known: Callable[[Rule, Unit, int], bool], listener: Listener
    ) -> None:
        self.rule = rule
        self.verdicts = Verdicts(rule, calendar, cause_known, listener)
        self._wrong = frozenset(rule.of.states)
        self._ended: dict[Unit, int] = {}
        self._schools: dict[str, bool] = {}
        self._all = rule.of.schools == ("*",)

    def take(self, unit: Unit, seen: _Seen, now_us: int) -> None:
        wrong = next((state for state in seen.states if state in self._wrong), None)
        track = self.verdicts.tracks.get(unit)
        if wrong is None:
            if track is not None and track.verdict is not Verdict.RIGHT:
                self.verdicts.right(track)
                self._ended[unit] = now_us
                self.verdicts.tracks.pop(unit, None)
            return
        if track is None:
            if not self._all and not self._wants(unit.school):
                return
            track = self.verdicts.tracks[unit] = Track(unit, None)
        track.value = wrong
        # Buffering and a clock that is not trusted are noticed when they are noticed: a status does not say since when.
        is_word = wrong in ("unreachable", "silent", "off")
        self.verdicts.wrong(track, seen.since_us if is_word else now_us)

    def is_wrong(self, unit: Unit, now_us: int) -> bool:
        """It is, or was until just now."""
        return self.verdicts.is_wrong(unit) or now_us - self._ended.get(unit, -_GRACE_US) < _GRACE_US

    def gone(self, known: Set[tuple[str, str]]) -> None:
        """Gateways that the registry no longer has."""
        for unit in [unit for unit in self.verdicts.tracks if (unit.school, unit.gateway) not in known]:
            self.verdicts.forget(unit)

    def tick(self, now_us: int) -> None:
        self.verdicts.tick(now_us, 0)
        if len(self._ended) > 10_000 or now_us % 60_000_000 < 1_000_000:
            self._ended = {unit: at for unit, at in self._ended.items() if now_us - at < _GRACE_US}

    def _wants(self, school: str) -> bool:
        wanted = self._schools.get(school)
        if wanted is None:
            wanted = self._schools[school] = any(fnmatchcase(school, glob) for glob in self.rule.of.schools)
        return wanted
