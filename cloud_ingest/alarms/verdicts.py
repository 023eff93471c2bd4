"""Of one rule: which units are wrong, and which have been for as long as the rule asks.

    right ──wrong point──► pending ──for_s, in its hours, no cause known──► true ──right point──► right
                              └───────────────right point──────────────────────────────────────────►

Time passes by `tick` alone, so that the same points at the same times give the same verdicts, live or replayed.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Container, Iterator
from enum import IntEnum
from itertools import count
from typing import Protocol

import msgspec

from classroom_profiles.capability import Value
from cloud_ingest.alarms.hours import Calendar
from cloud_ingest.alarms.looks import Memory
from cloud_ingest.alarms.rules import Rule
from cloud_ingest.alarms.unit import Unit

LOOK_AGAIN_US = 30_000_000
"""How soon a unit whose cause is known is looked at again."""


class Verdict(IntEnum):
    RIGHT = 0
    PENDING = 1
    TRUE = 2


class Listener(Protocol):
    """Who is told of what is true."""

    def holds(self, unit: Unit, since_us: int, value: str, simulated: bool) -> None: ...

    def ends(self, unit: Unit) -> None: ...


class Track:
    """One unit of one rule. There may be hundreds of thousands."""

    __slots__ = ("due_us", "heard_us", "last_us", "memory", "simulated", "since_us", "unit", "value", "verdict")

    def __init__(self, unit: Unit, memory: Memory | None) -> None:
        self.unit = unit
        self.verdict = Verdict.RIGHT
        self.last_us = -1
        """The time of the newest point that was looked at."""
        self.heard_us = 0
        """When that came, by the centre's clock."""
        self.since_us = 0
        self.due_us = 0
        self.value: Value = ""
        self.simulated = False
        self.memory = memory


class _Kept(msgspec.Struct, array_like=True):
    verdict: int
    since_us: int
    last_us: int
    value: bool | float | str
    simulated: bool
    same: float | None = None
    same_since_us: int = 0


class Verdicts:
    def __init__(
        self,
        rule: Rule,
        calendar: Calendar,
        cause_known: Callable[[Rule, Unit, int], bool],
        listener: Listener,
        *,
        needs_news: bool = False,
    ) -> None:
        """`needs_news`: one point is not enough to say that it has been wrong for long."""
        self.rule = rule
        self.tracks: dict[Unit, Track] = {}
        self.changed: set[Unit] = set()
        """Units whose tracks are to be kept, or are no longer."""
        self._wrong_devices: Counter[tuple[str, str, str]] = Counter()
        self._for_us = int(rule.for_s * 1e6)
        self._calendar = calendar
        self._cause_known = cause_known
        self._listener = listener
        self._needs_news = needs_news
        self._due: list[tuple[int, int, Track]] = []
        self._numbers = count()

    def wrong(self, track: Track, since_us: int, not_before_us: int = 0) -> None:
        if track.verdict is Verdict.RIGHT:
            track.verdict = Verdict.PENDING
            track.since_us = since_us
            self._wrong_devices[track.unit[:3]] += 1
            self._again(track, max(since_us + self._for_us, not_before_us))
            self.changed.add(track.unit)

    def right(self, track: Track) -> None:
        if track.verdict is not Verdict.RIGHT:
            if track.verdict is Verdict.TRUE:
                self._listener.ends(track.unit)
            track.verdict = Verdict.RIGHT
            track.due_us = 0
            self.changed.add(track.unit)
            self._wrong_devices[track.unit[:3]] -= 1
            if not self._wrong_devices[track.unit[:3]]:
                del self._wrong_devices[track.unit[:3]]

    def is_device_wrong(self, unit: Unit) -> bool:
        """Anything of the same device."""
        return unit[:3] in self._wrong_devices

    def is_wrong(self, unit: Unit) -> bool:
        """It may not have been for long."""
        track = self.tracks.get(unit)
        return track is not None and track.verdict is not Verdict.RIGHT

    def forget(self, unit: Unit) -> None:
        track = self.tracks.pop(unit, None)
        if track is not None:
            self.right(track)

    def tick(self, now_us: int, resumed_us: int) -> None:
        """`resumed_us`: before that nobody looked for a while: nothing says that it has been wrong all along."""
        while self._due and self._due[0][0] <= now_us:
            due_us, _, track = heapq.heappop(self._due)
            if track.verdict is not Verdict.PENDING or track.due_us != due_us:
                continue
            opens_us = self._calendar.opens_us(self.rule.schedule, now_us)
            if track.since_us < resumed_us and resumed_us + self._for_us > now_us:
                self._again(track, resumed_us + self._for_us)
            elif opens_us > now_us:
                self._again(track, opens_us)
            elif self._cause_known(self.rule, track.unit, now_us) or (
                self._needs_news and track.last_us < track.since_us + self._for_us // 2
            ):
                self._again(track, now_us + LOOK_AGAIN_US)
            else:
                track.verdict = Verdict.TRUE
                track.due_us = 0
                self.changed.add(track.unit)
                self._listener.holds(track.unit, track.since_us, shown(track.value), track.simulated)

    def rewind(self, now_us: int) -> None:
        """The centre's clock was ahead, and is set back."""
        self._due.clear()
        for track in self.tracks.values():
            track.heard_us = min(track.heard_us, now_us)
            track.since_us = min(track.since_us, now_us)
            if track.verdict is Verdict.PENDING:
                self._again(track, min(track.due_us, now_us + self._for_us))

    def restore(self, unit: Unit, text: str, memory: Memory | None) -> Track | None:
        """A track as `keep` wrote it; None if it cannot be read."""
        try:
            kept = msgspec.json.decode(text, type=_Kept)
            verdict = Verdict(kept.verdict)
        except (msgspec.DecodeError, ValueError):
            return None
        track = self.tracks[unit] = Track(unit, memory)
        track.last_us, track.since_us = kept.last_us, kept.since_us
        track.value, track.simulated = kept.value, kept.simulated
        if memory is not None:
            memory.same, memory.same_since_us = kept.same, kept.same_since_us
        track.verdict = verdict
        if verdict is not Verdict.RIGHT:
            self._wrong_devices[unit[:3]] += 1
        if verdict is Verdict.PENDING:
            self._again(track, kept.since_us + self._for_us)
        elif verdict is Verdict.TRUE:
            self._listener.holds(unit, kept.since_us, shown(track.value), track.simulated)
        return track

    def keep(self, remembered: Container[Unit] = ()) -> Iterator[tuple[Unit, str | None]]:
        """What has changed since the last time, as `restore` reads it; None: nothing need be kept of it."""
        for unit in self.changed:
            track = self.tracks.get(unit)
            if track is None:
                yield unit, None
                continue
            memory = track.memory
            same, same_since_us = (None, 0) if memory is None else (memory.same, memory.same_since_us)
            if track.verdict is Verdict.RIGHT and unit not in remembered:
                yield unit, None
                continue
            kept = _Kept(
                int(track.verdict), track.since_us, track.last_us, track.value, track.simulated, same, same_since_us
            )
            yield unit, msgspec.json.encode(kept).decode()
        self.changed = set()

    def _again(self, track: Track, due_us: int) -> None:
        track.due_us = due_us
        heapq.heappush(self._due, (due_us, next(self._numbers), track))


def shown(value: Value) -> str:
    """As it stands in the words of an alarm."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
