"""How lessons are used: which profiles, how they end, how long until they are ready. Counts by day, never who.

    feed: a lesson's state changed ─► the room is due ─► once the store has it, its lesson's points are read there, from
    where they were read last ─► one count more for its day, school, profile, outcome and bucket of seconds

Seconds until ready are kept as buckets 4 % wide, so that the percentiles of a year of a city are added up in
milliseconds, and are right within 2 %. Each lesson is counted for its school and for the whole city.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.operations.feed import LastValue
from cloud_ingest.own_file import OwnFile
from cloud_ingest.store import Sample, Store, wall_us
from cloud_ingest.windows import DAY_US, Span

FILE = "usage.sqlite"
LOOK_BACK_US = 31 * DAY_US
"""Of a room that was never read: how far back its lessons are counted."""
ZONE_US = 7 * 3_600_000_000
"""Days are those of Viet Nam, which has no summer time."""
_BURST = 200
_MOMENT_US = 1_000
"""Some stores keep milliseconds."""
_STORED_WITHIN_US = DAY_US
"""A state that the store still does not have then was refused by it."""
_WIDTH = math.log(1.04)
_ENDS = ("ready", "failed", "blocked")
_CITY = ""
_VERSION = 1
_SCHEMA = """
CREATE TABLE used (
    day INTEGER NOT NULL, school TEXT NOT NULL, profile TEXT NOT NULL, outcome TEXT NOT NULL, bucket INTEGER NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (school, day, profile, outcome, bucket)) WITHOUT ROWID;
CREATE TABLE read_until (school TEXT NOT NULL, room TEXT NOT NULL, time_us INTEGER NOT NULL,
    counted INTEGER NOT NULL, PRIMARY KEY (school, room)) WITHOUT ROWID;
"""
_COUNT = """
INSERT INTO used VALUES (?, ?, ?, ?, ?, 1)
ON CONFLICT (school, day, profile, outcome, bucket) DO UPDATE SET count = count + 1
"""


class UsageUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson of a room, as far as it has come."""

    profile: str
    started_us: int
    state: str
    """The last one: preflight, blocked, running, ready, failed, undoing, undone."""
    outcome: str
    """ready, failed or blocked; empty if it has not come so far."""
    ready_s: float | None
    ended_us: int | None


@dataclass(frozen=True, slots=True)
class ProfileUse:
    profile: str
    ready: int
    failed: int
    blocked: int
    ready_p50_s: float | None
    """None if none became ready."""
    ready_p95_s: float | None


class Usage:
    """Open it with `with`. Blocking; from any thread. All methods raise UsageUnavailable."""

    def __init__(self, path: Path, store: Store, clock_us: Callable[[], int] = wall_us) -> None:
        self._file = OwnFile(
            path, _SCHEMA, _VERSION, "the usage of lessons", UsageUnavailable, pragmas=("synchronous = NORMAL",)
        )
        self.store = store
        self._clock_us = clock_us
        self._read_until: dict[tuple[str, str], int] = {}
        self._counted: dict[tuple[str, str], bool] = {}
        """True if the lesson that begins there has been counted, though it goes on."""
        self._due: dict[tuple[str, str], int] = {}
        """When the newest state was measured that was heard of: perhaps before the store has it."""

    def __enter__(self) -> Self:
        self._file.__enter__()
        try:
            with self._file.reading() as kept:
                rows = kept.execute("SELECT school, room, time_us, counted FROM read_until").fetchall()
        except BaseException:
            self._file.__exit__()
            raise
        self._read_until = {(school, room): time_us for school, room, time_us, _ in rows}
        self._counted = {(school, room): bool(counted) for school, room, _, counted in rows}
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__()

    def notice(self, values: Iterable[LastValue]) -> None:
        """Newest values of the city: rooms whose lesson has changed are due."""
        for last in values:
            if last.measurement is Measurement.LESSON and last.metric == "state":
                of = (last.school, last.room)
                if last.time_us > self._read_until.get(of, -1):
                    self._due[of] = last.time_us

    def step(self) -> bool:
        """Count what some rooms have to tell; False if no other is. Raises StoreUnavailable too: they stay due."""
        some = list(self._due.items())[:_BURST]
        waiting = 0
        for (school, room), heard_us in some:
            if not self._is_stored(school, room, heard_us):
                waiting += 1
                heard_us = self._due.pop((school, room))
                self._due.setdefault((school, room), heard_us)  # behind those that are ready
                continue
            since_us = self._read_until.get((school, room), self._clock_us() - LOOK_BACK_US)
            lessons = history(self.store, school, room, Span(since_us, 2**62))
            before = self._counted.get((school, room), False)
            done = [lesson for lesson in lessons if lesson.outcome and not (before and lesson.started_us == since_us)]
            until_us, counted = since_us, before
            if lessons:  # one that has not ended is read again, from its beginning
                last = lessons[-1]
                is_over = last.ended_us is not None
                until_us = last.started_us if last.ended_us is None else last.ended_us + 1
                counted = bool(last.outcome) and not is_over
            self._write(school, room, done, until_us, counted)
            self._read_until[school, room] = until_us
            self._counted[school, room] = counted
            if self._due.get((school, room)) == heard_us:
                self._due.pop((school, room))
        return len(self._due) > waiting

    def by_profile(self, first_day: int, last_day: int, school: str | None = None) -> list[ProfileUse]:
        """Days since 1970 in Viet Nam, both counted; the most used first."""
        with self._file.reading() as kept:
            rows = kept.execute(
                "SELECT profile, outcome, bucket, sum(count) FROM used WHERE school = ? AND day BETWEEN ? AND ? "
                "GROUP BY profile, outcome, bucket ORDER BY profile, outcome, bucket",
                (_CITY if school is None else school, first_day, last_day),
            ).fetchall()  # fmt: skip
        found: dict[str, dict[str, list[tuple[int, int]]]] = {}
        for profile, outcome, bucket, count in rows:
            found.setdefault(profile, {}).setdefault(outcome, []).append((bucket, count))
        made = []
        for profile, ends in found.items():
            ready, failed, blocked = (sum(count for _, count in ends.get(outcome, ())) for outcome in _ENDS)
            p50, p95 = (percentile(ends.get("ready", ()), share) for share in (0.5, 0.95))
            made.append(ProfileUse(profile, ready, failed, blocked, p50, p95))
        return sorted(made, key=lambda use: (-(use.ready + use.failed + use.blocked), use.profile))

    def _is_stored(self, school: str, room: str, state_us: int) -> bool:
        """Or it will never be."""
        if self._clock_us() - state_us > _STORED_WITHIN_US:
            return True
        return bool(self.store.points(school, _of_lesson(room, "state"), Span(state_us - _MOMENT_US, 2**62), 1))

    def _write(self, school: str, room: str, lessons: Sequence[Lesson], until_us: int, counted: bool) -> None:
        rows = [
            (day_of(lesson.started_us), of, lesson.profile, lesson.outcome, bucket(lesson.ready_s))
            for lesson in lessons
            for of in (school, _CITY)
        ]
        with self._file.changing() as kept:
            kept.executemany(_COUNT, rows)
            kept.execute("INSERT OR REPLACE INTO read_until VALUES (?, ?, ?, ?)", (school, room, until_us, counted))


def history(store: Store, school: str, room: str, span: Span, most: int = 10_000) -> list[Lesson]:
    """The lessons of a room that began in `span`, in order of time. Raises StoreUnavailable."""

    def points(metric: str) -> list[Sample]:
        return store.points(school, _of_lesson(room, metric), span, most)

    states = points("state")
    return lessons_of(states, points("profile"), points("ready_s")) if states else []


def _of_lesson(room: str, metric: str) -> Series:
    return Series(Measurement.LESSON, room, "lesson", "lesson", metric)


def lessons_of(states: Sequence[Sample], profiles: Sequence[Sample], ready: Sequence[Sample]) -> list[Lesson]:
    """From the points of a room's lesson. A lesson begins with `preflight`, or with whatever comes first of it."""
    profile_at = {sample.time_us: str(sample.value) for sample in profiles}
    ready_at = {sample.time_us: float(sample.value) for sample in ready if not isinstance(sample.value, str)}
    found: list[Lesson] = []
    profile = ""
    for sample in states:
        state, at_us = str(sample.value), sample.time_us
        profile_before, profile = profile, profile_at.get(at_us, profile)
        is_over = not found or found[-1].ended_us is not None
        if is_over or state == "preflight" or profile != profile_before:
            if not is_over:
                found[-1] = _ended(found[-1], at_us)
            if state == "undone" and is_over:
                continue  # the end of one that began before
            found.append(Lesson(profile, at_us, state, "", None, None))
        last = found[-1]
        outcome = last.outcome or (state if state in _ENDS else "")
        ready_s = ready_at.get(at_us) if state == "ready" and last.ready_s is None else last.ready_s
        is_end = state in ("undone", "failed", "blocked")
        found[-1] = Lesson(last.profile, last.started_us, state, outcome, ready_s, at_us if is_end else None)
    return found


def _ended(lesson: Lesson, at_us: int) -> Lesson:
    return Lesson(lesson.profile, lesson.started_us, lesson.state, lesson.outcome, lesson.ready_s, at_us)


def day_of(time_us: int) -> int:
    return (time_us + ZONE_US) // DAY_US


def bucket(ready_s: float | None) -> int:
    """-1 for none."""
    return -1 if ready_s is None else max(0, math.ceil(math.log(max(ready_s, 0.01) / 0.01) / _WIDTH))


def percentile(buckets: Sequence[tuple[int, int]], share: float) -> float | None:
    """Of buckets in order, each with how many are in it. None if there are none."""
    known = [(number, count) for number, count in buckets if number >= 0]
    wanted = math.ceil(share * sum(count for _, count in known))
    for number, count in known:
        wanted -= count
        if wanted <= 0:
            return round(0.01 * math.exp((number - 0.5) * _WIDTH), 2)
    return None
