"""When alarms may be raised: hours of the week and holidays, in the city's time. Pure, but for the holidays' file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cloud_ingest.alarms.rules import Holiday, Hours, RuleSet

CITY = ZoneInfo("Asia/Ho_Chi_Minh")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LOOK_AHEAD_DAYS = 400


class WrongHolidays(ValueError):
    """The holidays cannot be read: edit the file."""


@dataclass(slots=True)
class Calendar:
    schedules: Mapping[str, Hours]
    holidays: frozenset[date]
    _known: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    """Of each schedule: from when until when it is open, or closed."""

    @classmethod
    def of(cls, rules: RuleSet, beside: Path | None = None) -> "Calendar":
        """`beside`: the rules' own file, for `holidays_file`. Raises WrongHolidays."""
        days = set(_days(rules.holidays))
        if rules.holidays_file is not None:
            path = Path(rules.holidays_file) if beside is None else beside.parent / rules.holidays_file
            days |= holidays_in(path)
        return cls(rules.schedules, frozenset(days))

    def opens_us(self, schedule: str | None, now_us: int) -> int:
        """When it is open next: `now_us` if it is open now."""
        if schedule is None:
            return now_us
        known = self._known.get(schedule)
        if known is None or not known[0] <= now_us < known[1]:
            known = self._known[schedule] = self._around(self.schedules[schedule], now_us)
        return now_us if known[2] else known[1]

    def _around(self, hours: Hours, now_us: int) -> tuple[int, int, bool]:
        now = datetime.fromtimestamp(now_us / 1e6, UTC).astimezone(CITY)
        before_us = _us(datetime.combine(now.date(), time(), CITY))
        for ahead in range(_LOOK_AHEAD_DAYS):
            day = now.date() + timedelta(days=ahead)
            if _DAYS[day.weekday()] not in hours.days or (day in self.holidays and not hours.holidays):
                continue
            start_us, end_us = (
                _us(datetime.combine(day, time.fromisoformat(at), CITY)) for at in (hours.start, hours.end)
            )
            if now_us < start_us:
                return min(before_us, now_us), start_us, False
            if now_us < end_us:
                return start_us, end_us, True
            before_us = end_us
        return now_us, now_us + 86_400_000_000, False  # nothing but holidays


def holidays_in(path: Path) -> set[date]:
    """The days of all-day events in an iCalendar file (RFC 5545). Raises WrongHolidays."""
    try:
        from icalendar import Calendar as Icalendar  # part of lophoc[ops]
    except ImportError as wrong:
        raise WrongHolidays("an iCalendar file of holidays needs lophoc[ops]") from wrong
    try:
        if path.stat().st_size > 4 * 1024 * 1024:
            raise WrongHolidays(f"{path} is longer than 4 MiB")
        events = Icalendar.from_ical(path.read_bytes()).walk("VEVENT")
        days: set[date] = set()
        for event in events:
            first = event.decoded("DTSTART")
            if isinstance(first, datetime):
                continue  # an hour of a day is no holiday
            end = event.decoded("DTEND") if "DTEND" in event else first + timedelta(days=1)  # the day after the last
            days |= set(_from_to(first, (end.date() if isinstance(end, datetime) else end) - timedelta(days=1)))
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise WrongHolidays(f"{path}: {wrong}") from wrong
    return days


def _days(holidays: Iterable[Holiday]) -> Iterable[date]:
    for holiday in holidays:
        try:
            first = date.fromisoformat(holiday.first)
            last = date.fromisoformat(holiday.last or holiday.first)
        except ValueError as wrong:
            raise WrongHolidays(f"holiday {holiday.first}: {wrong}") from wrong
        if last < first:
            raise WrongHolidays(f"holiday {holiday.first}: its last day is before its first")
        yield from _from_to(first, last)


def _from_to(first: date, last: date) -> Iterable[date]:
    for ahead in range(min((last - first).days, _LOOK_AHEAD_DAYS) + 1):
        yield first + timedelta(days=ahead)


def _us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000
