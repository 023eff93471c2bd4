"""The verdicts of a rule on series: what each new point means, and what it means that none comes.

A point that is not newer than the one looked at last says nothing. One that comes late (a backlog) is remembered as the
newest, and neither raises nor clears: the present is not what it was then. One from the future is left alone.
"""

import heapq
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import count

from cloud_ingest.alarms.hours import Calendar
from cloud_ingest.alarms.looks import Memory, look_of
from cloud_ingest.alarms.rules import Event, Rate, Rule, SeriesRule, Silence, Stuck, Threshold
from cloud_ingest.alarms.unit import Point, Unit
from cloud_ingest.alarms.verdicts import Listener, Track, Verdict, Verdicts

AHEAD_US = 60_000_000
"""A point so far ahead of the centre's clock is not of now."""
_LATE_US = 300_000_000
_SETTLE_US = 30_000_000
"""Of states that came late, the last of them counts: it is waited for."""
_FORGOTTEN_US = 30 * 86_400_000_000
"""A series of which nothing comes for so long is gone."""


def is_of(rule: SeriesRule, metric: str, role: str) -> bool:
    """The rule looks at such points."""
    return fnmatchcase(metric, rule.of.metric) and fnmatchcase(role, rule.of.role)


def is_end_of(rule: SeriesRule, metric: str, role: str) -> bool:
    """Such a point says that an event is over."""
    by = rule.cleared_by if isinstance(rule, Event) else None
    return by is not None and fnmatchcase(metric, by) and fnmatchcase(role, rule.of.role)


class SeriesVerdicts:
    def __init__(
        self,
        rule: SeriesRule,
        calendar: Calendar,
        cause_known: Callable[[Rule, Unit, int], bool],
        listener: Listener,
        may_track: Callable[[], bool],
        same: Callable[[Unit], Unit],
    ) -> None:
        """`same`: one unit in memory for all rules that have an equal one."""
        self.rule = rule
        self.verdicts = Verdicts(rule, calendar, cause_known, listener, needs_news=isinstance(rule, Threshold))
        self.totals: dict[str, int] = {}
        """How many units each school has."""
        self._look = look_of(rule)
        self._remembers = isinstance(rule, (Rate, Stuck))
        self._late_us = int(rule.late_s * 1e6) if not isinstance(rule, Silence) else 0
        self._may_track = may_track
        self._same = same
        self._is_silence = isinstance(rule, Silence)
        self._after_us = int(rule.after_s * 1e6) if isinstance(rule, Silence) else 0
        self._lasts_us = int(rule.lasts_s * 1e6) if isinstance(rule, Event) else 0
        self._half_us = int(rule.after_s * 5e5) if isinstance(rule, Stuck) else 0
        self._kept: set[Unit] = set()
        """Those of which it is remembered for how long they have said the same."""
        self._schools: dict[str, bool] = {}
        self._times: list[tuple[int, int, Track]] = []
        """When to look at a track again: is it silent, is its event over?"""
        self._numbers = count()

    @property
    def limit(self) -> float | None:
        return self._look.limit

    def take(self, point: Point, unit: Unit, now_us: int) -> None:
        """A series has a newer point, or so it is said. `unit`: the point's."""
        track = self.verdicts.tracks.get(unit) or self._new(unit)
        time_us = point.time_us
        if track is None or time_us <= track.last_us or time_us > now_us + AHEAD_US:
            return
        track.last_us = time_us
        track.heard_us = now_us
        is_late = time_us < now_us - _LATE_US
        verdicts = self.verdicts
        if self._is_silence:
            if track.verdict is not Verdict.RIGHT or not track.due_us:
                verdicts.right(track)
                self._look_at(track, now_us + self._after_us)
            return
        if self._late_us and time_us < now_us - self._late_us:
            return
        memory = track.memory or _NOTHING
        # While it is not true yet there is no hysteresis: it has to be really wrong for all of the time, not nearly.
        if self._look(memory, time_us, point.value, track.verdict is Verdict.TRUE):
            if track.verdict is not Verdict.TRUE:
                track.value, track.simulated = point.value, point.simulated
            if self._lasts_us:
                self._look_at(track, time_us + self._lasts_us)
            verdicts.wrong(track, min(time_us, now_us), now_us + _SETTLE_US if is_late else 0)
        elif track.verdict is not Verdict.RIGHT:
            verdicts.right(track)
        if self._half_us:
            self._remember(track)

    def clear(self, point: Point, _: Unit, now_us: int) -> None:
        """What says that an event is over has come."""
        if point.time_us > now_us + AHEAD_US:
            return
        for unit, track in self.verdicts.tracks.items():
            is_its = (unit.school, unit.room, unit.device) == (point.school, point.room, point.device)
            if is_its and track.last_us < point.time_us:
                track.last_us = point.time_us  # an event from before that is over too
                self.verdicts.right(track)

    def tick(self, now_us: int, resumed_us: int) -> None:
        while self._times and self._times[0][0] <= now_us:
            due_us, _, track = heapq.heappop(self._times)
            if self.verdicts.tracks.get(track.unit) is not track:
                continue
            if self._is_silence:
                silent_us = max(track.heard_us, resumed_us) + self._after_us
                if silent_us > now_us:
                    heapq.heappush(self._times, (silent_us, next(self._numbers), track))
                elif track.verdict is Verdict.RIGHT:
                    self.verdicts.wrong(track, max(track.heard_us, 0))
            elif track.last_us + self._lasts_us <= due_us:
                self.verdicts.right(track)
        self.verdicts.tick(now_us, resumed_us)

    def rewind(self, now_us: int) -> None:
        self.verdicts.rewind(now_us)
        if self._is_silence:
            self._times.clear()
            for track in self.verdicts.tracks.values():
                if track.verdict is Verdict.RIGHT:
                    self._look_at(track, track.heard_us + self._after_us)

    def sweep(self, now_us: int) -> None:
        """Forget what has not been heard of for a month."""
        gone = [
            track.unit
            for track in self.verdicts.tracks.values()
            if track.heard_us and track.heard_us < now_us - _FORGOTTEN_US
        ]
        for unit in gone:
            self.verdicts.forget(unit)
            self.totals[unit.school] -= 1

    def restore(self, unit: Unit, text: str, now_us: int) -> bool:
        if not self._wants_place(unit) or not fnmatchcase(unit.metric, self.rule.of.metric):
            return False
        track = self.verdicts.restore(unit, text, Memory() if self._remembers else None)
        if track is None:
            return False
        track.heard_us = now_us
        self.totals[unit.school] = self.totals.get(unit.school, 0) + 1
        if self._half_us:
            self._kept.add(unit)
        if self._lasts_us:
            self._look_at(track, track.last_us + self._lasts_us)
        return True

    def keep(self) -> Iterator[tuple[Unit, str | None]]:
        return self.verdicts.keep(self._kept)

    def _new(self, unit: Unit) -> Track | None:
        if not self._wants_place(unit) or not self._may_track():
            return None
        unit = self._same(unit)
        track = self.verdicts.tracks[unit] = Track(unit, Memory() if self._remembers else None)
        self.totals[unit.school] = self.totals.get(unit.school, 0) + 1
        return track

    def _wants_place(self, unit: Unit) -> bool:
        wanted = self._schools.get(unit.school)
        if wanted is None:
            wanted = any(fnmatchcase(unit.school, glob) for glob in self.rule.of.schools)
            self._schools[unit.school] = wanted
        rooms = self.rule.of.rooms
        return wanted and (rooms == ("*",) or any(fnmatchcase(unit.room, glob) for glob in rooms))

    def _remember(self, track: Track) -> None:
        """What has said the same for half of the time is kept over a restart."""
        memory = track.memory
        assert memory is not None
        is_long = track.last_us - memory.same_since_us > self._half_us
        if is_long != (track.unit in self._kept):
            (self._kept.add if is_long else self._kept.discard)(track.unit)
            self.verdicts.changed.add(track.unit)

    def _look_at(self, track: Track, at_us: int) -> None:
        if self._is_silence:
            track.due_us = at_us
        heapq.heappush(self._times, (at_us, next(self._numbers), track))


_NOTHING = Memory()
