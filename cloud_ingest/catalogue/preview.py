"""What a timetable would be, before it is published: lessons by room and weekday, and what was left out. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from dateutil.rrule import rrule

from classroom_profiles.timetable import Entry, WrongTimetable
from cloud_ingest.catalogue.ics import Skipped

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RoomWeek:
    """`lessons`: how many there are from Monday to Sunday. `is_known`: a gateway has said that there is such a room."""

    room: str
    lessons: tuple[int, ...]
    is_known: bool


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Events that are no lessons, for one reason; `titles` has some of them."""

    why: str
    count: int
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """The first one from a day on that has lessons. `monday` is None if there is none."""

    monday: date | None
    rooms: tuple[RoomWeek, ...]


def week_of(entries: Sequence[Entry], today: date, rooms: Collection[str] = ()) -> Week:
    """`rooms`: those that gateways have said there are."""
    monday = _first_week(entries, today)
    names = sorted({entry.room for entry in entries})
    counts = {room: [0] * 7 for room in names}
    if monday is not None:
        for entry in entries:
            for day in _days(entry, monday):
                counts[entry.room][day] += 1
    return Week(monday, tuple(RoomWeek(room, tuple(counts[room]), room in rooms) for room in names))


def left_out(skipped: Iterable[Skipped]) -> tuple[LeftOut, ...]:
    """The most frequent reason first."""
    counts: Counter[str] = Counter()
    titles: dict[str, list[str]] = {}
    for one in skipped:
        counts[one.why] += 1
        some = titles.setdefault(one.why, [])
        if one.title and one.title not in some and len(some) < 3:
            some.append(one.title)
    return tuple(LeftOut(why, count, tuple(titles[why])) for why, count in counts.most_common())


def end_of_school_year(today: date) -> date:
    """31 May."""
    return date(today.year + (today.month >= 6), 5, 31)


def _first_week(entries: Iterable[Entry], today: date) -> date | None:
    first: datetime | None = None
    since = datetime.combine(today - timedelta(days=today.weekday()), time.min)
    for entry in entries:
        found = _next(entry, since)
        if found is not None and (first is None or found < first):
            first = found
    return None if first is None else first.date() - timedelta(days=first.weekday())


def _next(entry: Entry, since: datetime) -> datetime | None:
    if entry.starts >= since:
        return entry.starts
    times = _times(entry)
    return None if times is None else times.after(since, inc=True)


def _days(entry: Entry, monday: date) -> list[int]:
    """Weekdays on which it is held, from 0."""
    begin = datetime.combine(monday, time.min)
    times = _times(entry)
    if times is None:
        held = [entry.starts] if begin <= entry.starts < begin + _WEEK else []
    else:
        held = [at for at in times.between(begin, begin + _WEEK, inc=True) if at < begin + _WEEK]
    return [at.weekday() for at in held if at.date() not in entry.without]


def _times(entry: Entry) -> rrule | None:
    try:
        return entry.times()
    except WrongTimetable:
        return None
