"""A school's timetable from an iCalendar file (RFC 5545), as timetable programs export it.

LOCATION is the room's slug, or a name that `rooms` maps to one; the profile is X-LOPHOC-PROFILE, or a category that is
a profile's id. Of people nothing is taken: no ATTENDEE, ORGANIZER, CONTACT or DESCRIPTION.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from dateutil.rrule import rrulestr
from icalendar import Calendar

from classroom_profiles.timetable import MOST_ENTRIES, VIETNAM, Entry, WrongTimetable

MOST_BYTES = 8 * 1024 * 1024

_KEPT = ("INTERVAL", "BYDAY", "BYMONTH", "BYMONTHDAY", "WKST")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")


class WrongCalendar(ValueError):
    """The file cannot be read at all."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An event that is not in the timetable, and why."""

    uid: str
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Read:
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]


class _NotALesson(Exception):
    """The text says why."""


def read(content: bytes, ends: date, profiles: Collection[str] = (), rooms: Mapping[str, str] | None = None) -> Read:
    """`ends`: the last day of the school year, for rules that have no end. `rooms`: a LOCATION to a room's slug.

    Raises WrongCalendar.
    """
    if len(content) > MOST_BYTES:
        raise WrongCalendar(f"more than {MOST_BYTES // 1024 // 1024} MiB; is this the right file?")
    try:
        calendar = Calendar.from_ical(content.decode("utf-8-sig"))
    except (ValueError, IndexError, KeyError, RecursionError) as wrong:
        raise WrongCalendar(f"it is no iCalendar file: {str(wrong)[:200]}") from wrong
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    moved: dict[str, list[date]] = {}
    for event in cast("list[Mapping[str, Any]]", calendar.walk("VEVENT")):
        uid, title = str(event.get("UID", ""))[:120], _title(event)
        try:
            if (instead_of := event.get("RECURRENCE-ID")) is not None:
                moved.setdefault(uid, []).append(_local(instead_of.dt).date())
                uid = f"{uid}@{_local(instead_of.dt):%Y%m%dT%H%M}"[:120]
            if str(event.get("STATUS", "")).upper() == "CANCELLED":
                continue
            entry = _entry(event, uid, title, ends, profiles, rooms or {})
            entry.check()
            entries.append(entry)
        except (_NotALesson, WrongTimetable) as why:
            skipped.append(Skipped(uid, title, str(why)))
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as wrong:
            skipped.append(Skipped(uid, title, f"it cannot be read: {str(wrong)[:120]}"))
    if len(entries) > MOST_ENTRIES:
        raise WrongCalendar(f"{len(entries)} lessons; at most {MOST_ENTRIES} are published of one school")
    found = tuple(_without(entry, moved.get(entry.id, ())) for entry in entries)
    return Read(tuple(sorted(found, key=lambda one: (one.room, one.starts, one.id))), tuple(skipped))


def _entry(
    event: Mapping[str, Any], uid: str, title: str, ends: date, profiles: Collection[str], rooms: Mapping[str, str]
) -> Entry:
    starts = event["DTSTART"].dt
    if not isinstance(starts, datetime):
        raise _NotALesson("it is on for whole days")
    begins = _local(starts)
    if "DTEND" in event:
        minutes = round((_local(event["DTEND"].dt) - begins).total_seconds() / 60)
    elif "DURATION" in event:
        minutes = round(event["DURATION"].dt.total_seconds() / 60)
    else:
        raise _NotALesson("it has neither an end nor a duration")
    written = str(event.get("LOCATION", "")).strip()
    room = rooms.get(written, written.casefold())
    if _SLUG.fullmatch(room) is None:
        raise _NotALesson(f"its location {written[:40]!r} is no room's slug" if written else "it has no location")
    rule = None if "RRULE" not in event else _rule(event["RRULE"], starts, begins, ends)
    return Entry(uid, room, title, begins, minutes, _profile(event, profiles), rule, _left_out(event))


def _rule(found: Any, starts: datetime, begins: datetime, ends: date) -> str:
    """With UNTIL in local time in the place of COUNT, or of no end at all."""
    parts = {key.upper(): values for key, values in found.items()}
    until = datetime.combine(ends, datetime.max.time().replace(microsecond=0))
    if "COUNT" in parts:
        times = list(rrulestr(found.to_ical().decode(), dtstart=begins).xafter(begins, count=1000, inc=True))
        until = times[-1]
    elif "UNTIL" in parts:
        last = parts["UNTIL"][0]
        until = min(until, _local(last) if isinstance(last, datetime) else datetime.combine(last, datetime.max.time()))
    kept = {key: values for key, values in parts.items() if key in _KEPT}
    strange = set(parts) - set(kept) - {"FREQ", "COUNT", "UNTIL"}
    if strange:
        raise _NotALesson(f"its rule has {', '.join(sorted(strange))}, which no timetable here can")
    text = "".join(f";{key}={','.join(map(str, values))}" for key, values in kept.items())
    return f"FREQ={parts['FREQ'][0]}{text};UNTIL={until:%Y%m%dT%H%M%S}"


def _left_out(event: Mapping[str, Any]) -> tuple[date, ...]:
    found = event.get("EXDATE", [])
    lists = found if isinstance(found, list) else [found]
    return tuple(sorted({_local(one.dt).date() for each in lists for one in each.dts}))


def _without(entry: Entry, days: Collection[date]) -> Entry:
    """A lesson that was moved is not held at its usual time that day."""
    if not days or entry.rule is None:
        return entry
    return Entry(
        entry.id, entry.room, entry.title, entry.starts, entry.minutes, entry.profile, entry.rule,
        tuple(sorted({*entry.without, *days})),
    )  # fmt: skip


def _profile(event: Mapping[str, Any], profiles: Collection[str]) -> str | None:
    if (said := str(event.get("X-LOPHOC-PROFILE", "")).strip()) != "":
        return said
    categories = event.get("CATEGORIES", [])
    words = [str(word) for each in (categories if isinstance(categories, list) else [categories]) for word in each.cats]
    return next((word for word in words if word in profiles), None)


def _title(event: Mapping[str, Any]) -> str:
    return "".join(sign for sign in str(event.get("SUMMARY", "")) if sign.isprintable()).strip()[:80]


def _local(at: date | datetime) -> datetime:
    """Vietnam's time; a time without a zone is meant so."""
    if not isinstance(at, datetime):
        return datetime(at.year, at.month, at.day)  # noqa: DTZ001 - local on purpose
    return at if at.tzinfo is None else at.astimezone(VIETNAM).replace(tzinfo=None)
