"""A school's timetable: which room has which lesson when, in local time, and what of it is on a day. Pure.

Repetition is iCalendar's RRULE (RFC 5545, section 3.3.10), read by dateutil. Vietnam has one time zone and no summer
time, so local times need no zone. No teacher, class list or pupil is in it: a title such as "Vật lí 10A3" at most.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

import msgspec
from dateutil.rrule import rrule, rrulestr

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""One time for the whole country, without summer time since 1975: a machine without zone files knows it, too."""
MOST_ENTRIES = 5_000
MOST_MINUTES = 24 * 60

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
_RULE = re.compile(
    r"FREQ=(DAILY|WEEKLY|MONTHLY)(;(INTERVAL|BYDAY|BYMONTH|BYMONTHDAY|WKST)=[A-Z0-9,+-]{1,100}){0,5};UNTIL=(\d{8}T\d{6})"
)
_YEARS = range(2020, 2100)
_ONE_DAY = timedelta(days=1)


class WrongTimetable(ValueError):
    """It cannot be so; the text names the entry and what would be right."""


class Entry(msgspec.Struct, frozen=True):
    """A lesson that is held once, or again and again."""

    id: str
    room: str
    title: str
    starts: datetime
    """Local, without a zone."""
    minutes: int
    profile: str | None = None
    rule: str | None = None
    """RRULE without its name; None: once."""
    without: tuple[date, ...] = ()
    """Days on which it is not held (EXDATE)."""

    def check(self) -> None:
        """Raises WrongTimetable."""
        name = f"entry {self.id[:40]!r}"
        if not 1 <= len(self.id) <= 120 or not self.id.isprintable():
            raise WrongTimetable(f"{name}: an id is 1 to 120 printable characters")
        if _SLUG.fullmatch(self.room) is None:
            raise WrongTimetable(f"{name}: a room is its slug, not {self.room[:40]!r}")
        if self.profile is not None and _SLUG.fullmatch(self.profile) is None:
            raise WrongTimetable(f"{name}: a profile is its id, not {self.profile[:40]!r}")
        if len(self.title) > 80 or not self.title.isprintable():
            raise WrongTimetable(f"{name}: a title is at most 80 printable characters")
        if self.starts.tzinfo is not None:
            raise WrongTimetable(f"{name}: it starts at a local time, without a zone")
        if self.starts.year not in _YEARS:
            raise WrongTimetable(f"{name}: it starts in {_YEARS.start} to {_YEARS.stop - 1}, not {self.starts.year}")
        if not 1 <= self.minutes <= MOST_MINUTES:
            raise WrongTimetable(f"{name}: it takes 1 to {MOST_MINUTES} minutes, not {self.minutes}")
        if len(self.without) > 400:
            raise WrongTimetable(f"{name}: at most 400 days are left out")
        self.times()

    def times(self) -> rrule | None:
        """When it starts; None if it is held once. Raises WrongTimetable."""
        if self.rule is None:
            return None
        found = _RULE.fullmatch(self.rule)
        if found is None or int(found[4][:4]) not in range(self.starts.year, self.starts.year + 4):
            example = "FREQ=WEEKLY;BYDAY=MO;UNTIL=20270531T235959"
            raise WrongTimetable(f"entry {self.id[:40]!r}: a rule such as {example}, that ends within three years")
        try:
            made = rrulestr(self.rule, dtstart=self.starts)
        except (ValueError, TypeError, OverflowError) as wrong:
            raise WrongTimetable(f"entry {self.id[:40]!r}: {wrong}") from wrong
        if not isinstance(made, rrule):
            raise WrongTimetable(f"entry {self.id[:40]!r}: one rule")
        return made


@dataclass(frozen=True, slots=True)
class Lesson:
    """One that is held."""

    entry: Entry
    starts: datetime

    @property
    def ends(self) -> datetime:
        return self.starts + timedelta(minutes=self.entry.minutes)


def on_day(entries: Iterable[Entry], day: date, room: str | None = None) -> list[Lesson]:
    """The lessons that start on a day, in order of time. Entries that cannot be read have none."""
    found = [
        Lesson(entry, starts)
        for entry in entries
        if room is None or entry.room == room
        for starts in _starts(entry, day)
    ]
    return sorted(found, key=lambda lesson: (lesson.starts, lesson.entry.room, lesson.entry.id))


def now_and_next(entries: Iterable[Entry], now: datetime, room: str) -> tuple[Lesson | None, Lesson | None]:
    """What is on in a room, and what comes next today or tomorrow."""
    entries = tuple(entries)
    near = [
        lesson
        for day in (now.date() - _ONE_DAY, now.date(), now.date() + _ONE_DAY)
        for lesson in on_day(entries, day, room)
    ]
    is_on = [lesson for lesson in near if lesson.starts <= now < lesson.ends]
    to_come = [lesson for lesson in near if lesson.starts > now]
    return (is_on[-1] if is_on else None), (to_come[0] if to_come else None)


def _starts(entry: Entry, day: date) -> Iterator[datetime]:
    if day in entry.without:
        return
    if entry.rule is None:
        if entry.starts.date() == day:
            yield entry.starts
        return
    if day < entry.starts.date():
        return
    try:
        times = entry.times()
    except WrongTimetable:
        return
    if times is not None:
        yield from times.between(datetime.combine(day, time.min), datetime.combine(day, time.max), inc=True)
