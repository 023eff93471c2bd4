"""Timetables as programs export them."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles.timetable import on_day
from cloud_ingest.catalogue import ics

ENDS = date(2027, 5, 31)


def calendar(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


WEEKLY = """
UID:p1
SUMMARY:Vật lí 10A3
DESCRIPTION:Giáo viên: Nguyễn Văn A
ORGANIZER;CN=Nguyen Van A:mailto:a@example.vn
LOCATION:A101
DTSTART;TZID=Asia/Ho_Chi_Minh:20260907T071500
DTEND;TZID=Asia/Ho_Chi_Minh:20260907T080000
RRULE:FREQ=WEEKLY;BYDAY=MO
EXDATE;TZID=Asia/Ho_Chi_Minh:20260921T071500
CATEGORIES:lecture
"""


def test_a_weekly_lesson_without_any_person_in_it() -> None:
    found = ics.read(calendar(WEEKLY), ENDS, {"lecture"})
    assert found.skipped == ()
    (entry,) = found.entries
    assert (entry.room, entry.title, entry.minutes, entry.profile) == ("a101", "Vật lí 10A3", 45, "lecture")
    assert entry.rule == "FREQ=WEEKLY;BYDAY=MO;UNTIL=20270531T235959"
    assert entry.without == (date(2026, 9, 21),)
    assert "Nguy" not in str(entry)
    assert [len(on_day([entry], date(2026, 9, day))) for day in (7, 14, 21, 28)] == [1, 1, 0, 1]


def test_times_of_other_zones_are_local_ones() -> None:
    event = "UID:u\nLOCATION:lab\nDTSTART:20260907T001500Z\nDURATION:PT90M\nRRULE:FREQ=DAILY;UNTIL=20260909T001500Z"
    (entry,) = ics.read(calendar(event), ENDS).entries
    assert (entry.starts, entry.minutes) == (datetime(2026, 9, 7, 7, 15), 90)  # noqa: DTZ001 - local
    assert [bool(on_day([entry], date(2026, 9, day))) for day in (7, 8, 9, 10)] == [True, True, True, False]


def test_so_many_times_becomes_until_then() -> None:
    event = "UID:u\nLOCATION:lab\nDTSTART:20260907T071500\nDTEND:20260907T080000\nRRULE:FREQ=WEEKLY;COUNT=3;BYDAY=MO,WE"
    (entry,) = ics.read(calendar(event), ENDS).entries
    assert entry.rule == "FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20260914T071500"


def test_a_lesson_that_was_moved_is_held_once_and_one_that_was_cancelled_not_at_all() -> None:
    moved = """
UID:p1
LOCATION:a102
RECURRENCE-ID;TZID=Asia/Ho_Chi_Minh:20260914T071500
DTSTART;TZID=Asia/Ho_Chi_Minh:20260915T090000
DTEND;TZID=Asia/Ho_Chi_Minh:20260915T094500
"""
    off = """
UID:p1
STATUS:CANCELLED
LOCATION:a101
RECURRENCE-ID;TZID=Asia/Ho_Chi_Minh:20260928T071500
DTSTART;TZID=Asia/Ho_Chi_Minh:20260928T071500
DTEND;TZID=Asia/Ho_Chi_Minh:20260928T080000
"""
    entries = ics.read(calendar(WEEKLY, moved, off), ENDS).entries
    assert [len(on_day(entries, date(2026, 9, day))) for day in (7, 14, 15, 28)] == [1, 0, 1, 0]
    assert on_day(entries, date(2026, 9, 15))[0].entry.room == "a102"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ("UID:u\nLOCATION:lab\nDTSTART;VALUE=DATE:20260907", "whole days"),
        ("UID:u\nLOCATION:Phòng 1\nDTSTART:20260907T071500\nDTEND:20260907T080000", "no room's slug"),
        ("UID:u\nDTSTART:20260907T071500\nDTEND:20260907T080000", "no location"),
        ("UID:u\nLOCATION:lab\nDTSTART:20260907T071500", "neither an end"),
        ("UID:u\nLOCATION:lab\nDTSTART:20260907T071500\nDTEND:20260907T061500", "1 to 1440 minutes"),
        ("UID:u\nLOCATION:lab\nDTSTART:20260907T071500\nDTEND:20260907T080000\nRRULE:FREQ=YEARLY", "a rule such as"),
        (
            "UID:u\nLOCATION:lab\nDTSTART:20260907T071500\nDTEND:20260907T080000\nRRULE:FREQ=WEEKLY;BYHOUR=1",
            "BYHOUR",
        ),
        ("UID:u\nLOCATION:lab\nDTEND:20260907T080000", "cannot be read"),
    ],
)
def test_what_is_no_lesson_is_left_out_aloud(event: str, why: str) -> None:
    found = ics.read(calendar(event, WEEKLY), ENDS)
    assert len(found.entries) == 1
    assert why in found.skipped[0].why


def test_a_location_can_have_another_name() -> None:
    event = "UID:u\nLOCATION:Phòng 1\nDTSTART:20260907T071500\nDTEND:20260907T080000\nX-LOPHOC-PROFILE:exam"
    (entry,) = ics.read(calendar(event), ENDS, (), {"Phòng 1": "p1"}).entries
    assert (entry.room, entry.profile) == ("p1", "exam")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", b"x" * (9 << 20)])
def test_what_is_no_calendar_says_so(content: bytes) -> None:
    with pytest.raises(ics.WrongCalendar):
        ics.read(content, ENDS)


@given(st.lists(st.sampled_from(WEEKLY.strip().splitlines()), max_size=12), st.text(max_size=40))
def test_whatever_is_in_it_is_read_or_left_out(lines: list[str], more: str) -> None:
    content = calendar("\n".join(lines) + f"\nSUMMARY:{more}")
    try:
        found = ics.read(content, ENDS)
    except ics.WrongCalendar:
        return
    for entry in found.entries:
        entry.check()
