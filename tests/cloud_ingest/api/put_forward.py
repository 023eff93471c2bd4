"""What the centre foretells of a room, and publishes to its school."""

from datetime import date
from pathlib import Path

from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.accounts.who import Role, Who
from cloud_ingest.catalogue.desk import Desk
from cloud_ingest.catalogue.ics import Read
from cloud_ingest.forecasts.forecast import BackTest, Forecast, Wear
from cloud_ingest.forecasts.forecast_file import FILE, ForecastFile

LAN = Who("lan", Role.OPERATOR)
PROFILE = """\
id: quiet-reading
version: {version}
name: {{vi: Đọc thầm, en: Quiet reading}}
description: {{vi: Phòng yên tĩnh., en: A quiet room.}}
steps:
  - {{role: lights, set: {{level: {level}}}}}
"""
WEEK = b"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//vi
BEGIN:VEVENT
UID:1
SUMMARY:To\xc3\xa1n 10A1
LOCATION:%s
DTSTART:20260907T070000
DURATION:PT45M
RRULE:FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20270531T000000
CATEGORIES:lecture
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:H\xe1\xbb\x8dp
DTSTART;VALUE=DATE:20260908
END:VEVENT
END:VCALENDAR
""".replace(b"\n", b"\r\n")
MADE = date(2026, 11, 24)


def a_forecast(school: str, room: str, expected: date | None = date(2027, 3, 1), **more: object) -> Forecast:
    said: dict[str, object] = {
        "school": school,
        "series": Series(Measurement.READING, room, "may-chieu", "projector", "lamp_h"),
        "wear": Wear.LAMP, "made": MADE, "value": 4210.0, "limit": 5000.0, "unit": "h", "expected": expected,
        "early": None if expected is None else date(2027, 2, 10), "late": None if expected is None else
        date(2027, 3, 28), "horizon": date(2028, 11, 24), "level": 0.8, "observed_days": 180, "method": "ETS(A,N,A)",
        "back_test": BackTest(28, 12, 4.4, 24.7, 14.1, 0.87), "notes": ("gaps",),
    }  # fmt: skip
    return Forecast(**{**said, **more})  # type: ignore[arg-type]


def foretell(folder: Path, *forecasts: Forecast) -> None:
    with ForecastFile(folder / FILE) as file:
        file.put(forecasts)


def put_forward(folder: Path, desk: Desk, school: str, room: str) -> None:
    """A forecast, a profile and a timetable, all of one school."""
    foretell(folder, a_forecast(school, room))
    desk.publish(LAN, PROFILE.format(version=1, level=60), school, "thử")
    read: Read = desk.read_timetable(school, WEEK % room.encode(), date(2027, 5, 31))
    desk.put_timetable(LAN, school, read, "tuan.ics")
