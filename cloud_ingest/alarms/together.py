"""Of one rule: which alarms there are for what is true. What has one cause is one alarm.

    units ──most of a school──► the school ──many schools, one soon after the other──► an incident

An alarm waits a moment before it is raised, for a wider one to show; one that becomes a part of a wider one clears into
it; one that holds no longer waits a moment before it clears, so that what flaps is one alarm. Schools that were lost
long ago are no part of an incident of today: it has those that were lost one soon after the other.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from math import ceil

import msgspec

from cloud_ingest.alarms.rules import Rule, Together
from cloud_ingest.alarms.transition import Changed, Cleared, Finding, Raised, Transition
from cloud_ingest.alarms.unit import Unit
from cloud_ingest.alarms.wording import Held, Incident, of_incident, of_school, of_unit

_TELL_AGAIN_US = 10_000_000
"""An alarm that grows is told at most so often."""
_GROWS_US = 90_000_000
"""An incident that goes on growing is told after this at the latest."""
_STORM = 10
"""While so many alarms wait to be raised, they wait longer: something wider is going on."""
_STORM_HOLDS = 4
_STORM_AGAIN_US = 15_000_000


@dataclass(slots=True)
class _Wave:
    """Schools that were lost one soon after the other."""

    key: str
    first_us: int
    last_us: int
    schools: set[str] = field(default_factory=set)
    were: set[str] = field(default_factory=set)
    """Also those that are back: if they go again before it is over, they belong to it."""
    is_incident: bool = False
    incident_us: int = 0
    """Since when."""


class _KeptWave(msgspec.Struct):
    first_us: int
    last_us: int
    incident_us: int
    schools: list[str]
    were: list[str]


@dataclass(slots=True)
class _Alarm:
    """One that is raised, or may be."""

    school: str
    """Empty: of a wave."""
    from_us: int
    raised: bool = False
    ends_us: int | None = None
    """It holds no longer: when it clears."""
    cause: str = ""
    """The wider alarm that it became a part of."""
    told: Finding | None = None
    told_us: int = 0


class Gathering:
    """Told what is true by `holds` and `ends`; `step` says what became of the alarms."""

    def __init__(
        self,
        rule: Rule,
        together: Together,
        total: Callable[[str], int],
        schools: Callable[[], int],
        wards: Mapping[str, str],
    ) -> None:
        """`total`: how many units a school has. `schools`: how many schools there are. `wards`: where they are."""
        self.rule = rule
        self.changed: set[str] = set()
        """Keys of waves that are to be kept, or are no longer."""
        self.limit: float | None = None
        """What the rule's words call so."""
        self._how = together
        self._total = total
        self._schools = schools
        self._wards = wards
        self._true: dict[str, dict[Unit, Held]] = {}
        self._lost: set[str] = set()
        """Schools most of which have it."""
        self._wave_of: dict[str, _Wave] = {}
        self._waves: dict[str, _Wave] = {}
        self._alarms: dict[str, _Alarm] = {}
        self._keys: dict[str, set[str]] = {}
        """What each school has in `_alarms`, waves left out."""
        self._parts: dict[str, set[str]] = {}
        """Alarms that clear as soon as the wider one is raised."""
        self._dirty: set[str] = set()
        self._dirty_waves: set[str] = set()
        self._times: list[tuple[int, int, str]] = []
        self._numbers = count()
        self._waiting: set[str] = set()
        """Keys of schools and units that are not raised yet."""
        self._stormed_us = -(10**18)
        self._is_restored = False
        """Until the first step: what is true then may have been so for long."""

    # ---- what is true

    def holds(self, unit: Unit, since_us: int, value: str, simulated: bool) -> None:
        self._true.setdefault(unit.school, {})[unit] = Held(since_us, value, simulated)
        self._dirty.add(unit.school)

    def ends(self, unit: Unit) -> None:
        units = self._true.get(unit.school)
        if units is not None and units.pop(unit, None) is not None:
            if not units:
                del self._true[unit.school]
            self._dirty.add(unit.school)

    def reconsider(self, school: str) -> None:
        """It has more or fewer units than before."""
        if school in self._true or school in self._lost:
            self._dirty.add(school)

    # ---- over a restart

    def restore(self, holding: Mapping[str, int], kept: Mapping[str, str]) -> None:
        """The alarms that hold, of those of this rule, and the waves that were kept."""
        self._is_restored = True
        for key, text in kept.items():
            try:
                wave = msgspec.json.decode(text, type=_KeptWave)
            except msgspec.DecodeError:
                continue
            made = _Wave(key, wave.first_us, wave.last_us, set(wave.schools), set(wave.were), key in holding)
            made.incident_us = wave.incident_us
            self._waves[key] = made
            self._dirty_waves.add(key)
            for school in wave.schools:
                self._wave_of[school] = made
                self._lost.add(school)
                self._dirty.add(school)
        for key, since_us in holding.items():
            kind, _, rest = key.removeprefix(f"{self.rule.id} ").partition(" ")
            school = "" if kind == "incident" else rest.partition("/")[0]
            self._alarms[key] = _Alarm(school, since_us, raised=True)
            if school:
                self._keys.setdefault(school, set()).add(key)
                self._dirty.add(school)
                if kind == "school":
                    self._lost.add(school)
            elif key not in self._waves:
                self._waves[key] = _Wave(key, since_us, since_us, is_incident=True)
                self._dirty_waves.add(key)

    def keep(self) -> Iterator[tuple[str, str | None]]:
        for key in self.changed:
            wave = self._waves.get(key)
            if wave is None:
                yield key, None
            else:
                schools, were = sorted(wave.schools), sorted(wave.were)
                kept = _KeptWave(wave.first_us, wave.last_us, wave.incident_us, schools, were)
                yield key, msgspec.json.encode(kept).decode()
        self.changed = set()

    # ---- what becomes of it

    def step(self, now_us: int) -> list[Transition]:
        found: list[Transition] = []
        schools, self._dirty = self._dirty, set()
        if self.rule.together != "no":
            self._weigh(schools, now_us)
        waves, self._dirty_waves = self._dirty_waves, set()
        for key in waves:
            schools |= self._weigh_wave(self._waves[key], now_us) if key in self._waves else set()
        for school in schools:
            self._settle_school(school, now_us, found)
        if len(self._waiting) > _STORM:
            self._stormed_us = now_us
        for key in waves:
            self._tell(key, now_us, found)
        while self._times and self._times[0][0] <= now_us:
            _, _, key = heapq.heappop(self._times)
            self._on_time(key, now_us, found)
        self._is_restored = False
        return found

    def rewind(self, now_us: int) -> None:
        """The centre's clock was ahead, and is set back: what waits, waits from now on."""
        self._times.clear()
        self._stormed_us = min(self._stormed_us, now_us)
        for key, alarm in self._alarms.items():
            alarm.from_us, alarm.told_us = min(alarm.from_us, now_us), min(alarm.told_us, now_us)
            if alarm.ends_us is not None:
                alarm.ends_us = min(alarm.ends_us, now_us + int(self.rule.clear_after_s * 1e6))
            self._again(key, now_us if alarm.ends_us is None else alarm.ends_us)

    def _weigh(self, schools: Iterable[str], now_us: int) -> None:
        """Which schools are lost as a whole, and to which wave those belong that are lost now."""
        lost = []
        for school in schools:
            units = self._true.get(school, {})
            total = max(self._total(school), len(units))
            was = school in self._lost
            share = self._how.school_leaves_share if was else self._how.school_share
            if units and len(units) >= total * share:
                if not was:
                    times = sorted(held.since_us for held in units.values())
                    at_us = times[max(0, min(len(times), ceil(total * share)) - 1)]
                    lost.append((min(at_us, now_us), school))
                elif school in self._wave_of:
                    self._dirty_waves.add(self._wave_of[school].key)
            elif was:
                self._lost.discard(school)
                self._leave(school)
        for at_us, school in sorted(lost):
            self._lost.add(school)
            if self.rule.together == "city":
                self._join(school, at_us)

    def _join(self, school: str, at_us: int) -> None:
        within_us = int(self._how.within_s * 1e6)
        for wave in self._waves.values():
            is_near = wave.first_us - within_us <= at_us <= wave.last_us + within_us
            if is_near or (wave.is_incident and school in wave.were):
                break
        else:
            key = f"{self.rule.id} incident {at_us}"
            wave = self._waves[key] = _Wave(key, at_us, at_us)
        wave.first_us = min(wave.first_us, at_us)
        wave.last_us = max(wave.last_us, at_us)
        wave.schools.add(school)
        wave.were.add(school)
        self._wave_of[school] = wave
        self._dirty_waves.add(wave.key)
        self.changed.add(wave.key)

    def _leave(self, school: str) -> None:
        wave = self._wave_of.pop(school, None)
        if wave is not None:
            wave.schools.discard(school)
            self._dirty_waves.add(wave.key)
            self.changed.add(wave.key)

    def _weigh_wave(self, wave: _Wave, now_us: int) -> set[str]:
        """Is it an incident? The schools for which that has changed."""
        needed = max(self._how.schools_least, ceil(self._how.schools_share * self._schools()))
        was = wave.is_incident
        alarm = self._alarms.get(wave.key)
        is_known = was or (alarm is not None and alarm.raised)
        wave.is_incident = len(wave.schools) >= (max(2, needed // 2) if is_known else needed)
        if wave.is_incident:
            if not was:
                wave.incident_us = wave.incident_us or now_us
                self.changed.add(wave.key)
            if alarm is None:
                alarm = self._alarms[wave.key] = _Alarm("", min(wave.incident_us, now_us))
                self._again(wave.key, self._ready_us(wave.key, alarm))
            else:
                alarm.ends_us = None
        elif alarm is not None and alarm.raised:
            if alarm.ends_us is None:
                self._end(wave.key, alarm, now_us)
        else:
            self._alarms.pop(wave.key, None)
            wave.incident_us = 0
            if not wave.schools:
                self._drop_wave(wave.key)
        return set(wave.schools) if wave.is_incident != was else set()

    def _drop_wave(self, key: str) -> None:
        wave = self._waves.pop(key, None)
        if wave is not None:
            for school in wave.schools:
                self._wave_of.pop(school, None)
            self.changed.add(key)

    def _settle_school(self, school: str, now_us: int, found: list[Transition]) -> None:
        """Which alarms it should have, and what becomes of the others."""
        units = self._true.get(school, {})
        wave = self._wave_of.get(school)
        parent = ""
        if wave is not None and wave.is_incident:
            wanted, parent = set(), wave.key
        elif school in self._lost and len(units) >= 2:
            parent = self._key("school", school)
            wanted = {parent}
        else:
            wanted = {self._key("one", unit.name) for unit in units}
        had = self._keys.setdefault(school, set())
        for key in wanted - had:
            had.add(key)
            from_us = self._true_from_us(key, units, now_us) if self._is_restored else now_us
            self._alarms[key] = _Alarm(school, from_us)
            self._waiting.add(key)
            self._again(key, from_us + self._hold_us(key))
        for key in list(had):
            alarm = self._alarms[key]
            if key in wanted:
                self._parts.get(alarm.cause, set()).discard(key)
                alarm.ends_us, alarm.cause = None, ""
                self._tell(key, now_us, found)
            elif not alarm.raised:
                self._forget(key, alarm)
            elif parent and parent != alarm.cause:
                alarm.cause = parent
                self._parts.setdefault(parent, set()).add(key)
                self._end(key, alarm, now_us)
                wider = self._alarms.get(parent)
                if wider is not None and wider.raised:
                    self._clear(key, alarm, now_us, found)
            elif alarm.ends_us is None:
                self._end(key, alarm, now_us)
        if not had:
            self._keys.pop(school, None)

    def _on_time(self, key: str, now_us: int, found: list[Transition]) -> None:
        alarm = self._alarms.get(key)
        if alarm is None:
            return
        if alarm.ends_us is not None:
            if alarm.ends_us <= now_us:
                self._clear(key, alarm, now_us, found)
            return
        if not alarm.raised:
            ready_us = self._ready_us(key, alarm)
            if key in self._waiting and self._storms(now_us):
                ready_us = min(alarm.from_us + _STORM_HOLDS * self._hold_us(key), now_us + _STORM_AGAIN_US)
            if ready_us > now_us:
                self._again(key, ready_us)
                return
        self._tell(key, now_us, found, on_time=True)

    def _storms(self, now_us: int) -> bool:
        """Many are waiting, or were until just now."""
        return self.rule.together == "city" and now_us - self._stormed_us < self.rule.hold_s * 1e6

    def _true_from_us(self, key: str, units: Mapping[Unit, Held], now_us: int) -> int:
        unit = next((unit for unit in units if key == self._key("one", unit.name)), None)
        since_us = units[unit].since_us if unit else max(held.since_us for held in units.values())
        return min(now_us, since_us + int(self.rule.for_s * 1e6))

    def _ready_us(self, key: str, alarm: _Alarm) -> int:
        wave = self._waves.get(key)
        if wave is None:
            return alarm.from_us + self._hold_us(key)
        settled_us = wave.last_us + int(self._how.settle_s * 1e6)
        return min(max(alarm.from_us, settled_us), alarm.from_us + _GROWS_US)

    def _hold_us(self, key: str) -> int:
        """A school's alarm comes before those of its units would."""
        share = 0.75 if key.startswith(self._key("school", "")) else 1.0
        return int(self.rule.hold_s * share * 1e6)

    def _tell(self, key: str, now_us: int, found: list[Transition], *, on_time: bool = False) -> None:
        """Raise it if it is time, or say what has changed of it."""
        alarm = self._alarms.get(key)
        if alarm is None or alarm.ends_us is not None or not (alarm.raised or on_time):
            return
        if alarm.raised and alarm.told is not None and alarm.told_us + _TELL_AGAIN_US > now_us:
            if not on_time:
                self._again(key, alarm.told_us + _TELL_AGAIN_US)
            return
        finding, since_us = self._finding(key, alarm)
        if finding is None or finding == alarm.told:
            return
        found.append(Changed(finding, now_us) if alarm.raised else Raised(finding, min(since_us, now_us)))
        if not alarm.raised:
            alarm.raised = True
            self._waiting.discard(key)
            for part in self._parts.pop(key, ()):
                other = self._alarms.get(part)
                if other is not None and other.cause == key and other.ends_us is not None:
                    self._clear(part, other, now_us, found)
        alarm.told, alarm.told_us = finding, now_us

    def _finding(self, key: str, alarm: _Alarm) -> tuple[Finding | None, int]:
        wave = self._waves.get(key)
        if wave is not None:
            count_ = sum(len(self._true.get(school, ())) for school in wave.schools)
            incident = Incident(frozenset(wave.schools), count_, max(self._schools(), len(wave.schools)))
            return of_incident(self.rule, key, incident, self._wards, self._how.all_share), wave.first_us
        units = self._true.get(alarm.school, {})
        if key == self._key("school", alarm.school):
            if not units:
                return None, 0
            since_us = min(held.since_us for held in units.values())
            total = max(self._total(alarm.school), len(units))
            return of_school(self.rule, key, alarm.school, len(units), total), since_us
        unit = Unit.of(key.removeprefix(self._key("one", "")))
        held = units.get(unit)
        return (None, 0) if held is None else (of_unit(self.rule, key, unit, held, self.limit), held.since_us)

    def _end(self, key: str, alarm: _Alarm, now_us: int) -> None:
        alarm.ends_us = now_us + int(self.rule.clear_after_s * 1e6)
        self._again(key, alarm.ends_us)

    def _clear(self, key: str, alarm: _Alarm, now_us: int, found: list[Transition]) -> None:
        wider = self._alarms.get(alarm.cause)
        found.append(Cleared(key, now_us, alarm.cause if wider is not None and wider.raised else ""))
        self._forget(key, alarm)
        self._drop_wave(key)

    def _forget(self, key: str, alarm: _Alarm) -> None:
        self._alarms.pop(key, None)
        self._waiting.discard(key)
        keys = self._keys.get(alarm.school)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self._keys[alarm.school]
        if alarm.cause in self._parts:
            self._parts[alarm.cause].discard(key)
            if not self._parts[alarm.cause]:
                del self._parts[alarm.cause]

    def _key(self, kind: str, name: str) -> str:
        return f"{self.rule.id} {kind} {name}"

    def _again(self, key: str, at_us: int) -> None:
        heapq.heappush(self._times, (at_us, next(self._numbers), key))
