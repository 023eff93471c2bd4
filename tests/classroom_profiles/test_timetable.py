"""What is on in a room, day by day."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles.timetable import Entry, Lesson, WrongTimetable, now_and_next, on_day

MONDAY = datetime(2026, 9, 7, 7, 15)  # noqa: DTZ001 - local on purpose
PHYSICS = Entry(
    "p1", "a101", "Vật lí", MONDAY, 45, "lecture", "FREQ=WEEKLY;UNTIL=20270531T235959", (date(2026, 9, 21),)
)
CLUB = Entry("c1", "lab", "STEM", MONDAY.replace(hour=16), 90)


def test_a_week_and_the_days_that_are_left_out() -> None:
    assert [lesson.starts for lesson in on_day([CLUB, PHYSICS], MONDAY.date())] == [MONDAY, CLUB.starts]
    assert on_day([PHYSICS], date(2026, 9, 14), "a101") == [Lesson(PHYSICS, MONDAY + timedelta(days=7))]
    assert on_day([PHYSICS], date(2026, 9, 21)) == []  # EXDATE
    assert on_day([PHYSICS], date(2026, 9, 8)) == []
    assert on_day([PHYSICS], date(2026, 8, 31)) == []  # before it begins
    assert on_day([PHYSICS], date(2027, 6, 7)) == []  # after it ends
    assert on_day([PHYSICS], MONDAY.date(), "lab") == []


def test_now_and_next() -> None:
    both = [PHYSICS, Entry("p2", "a101", "Toán", MONDAY.replace(hour=8), 45)]
    is_on, to_come = now_and_next(both, MONDAY + timedelta(minutes=10), "a101")
    assert is_on is not None
    assert to_come is not None
    assert (is_on.entry.id, to_come.entry.id, is_on.ends) == ("p1", "p2", MONDAY + timedelta(minutes=45))
    assert now_and_next(both, MONDAY + timedelta(minutes=46), "a101")[0] is None
    assert now_and_next(both, MONDAY - timedelta(hours=8), "a101") == (None, Lesson(PHYSICS, MONDAY))
    night = Entry("n", "a101", "", MONDAY.replace(hour=23), 120)
    assert now_and_next([night], MONDAY.replace(hour=0) + timedelta(days=1), "a101")[0] is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": ""}, "an id"),
        ({"room": "A 101"}, "a room is its slug"),
        ({"profile": "Giảng bài"}, "a profile is its id"),
        ({"title": "x" * 81}, "a title"),
        ({"minutes": 0}, "1 to 1440 minutes"),
        ({"starts": MONDAY.replace(year=1)}, "it starts in 2020"),
        ({"rule": "FREQ=SECONDLY;UNTIL=20270531T000000"}, "a rule such as"),
        ({"rule": "FREQ=WEEKLY"}, "a rule such as"),  # it never ends
        ({"rule": "FREQ=WEEKLY;UNTIL=20990531T000000"}, "within three years"),
        ({"rule": "FREQ=WEEKLY;BYDAY=XX;UNTIL=20270531T000000"}, "entry 'p1'"),
        ({"rule": "FREQ=WEEKLY;UNTIL=20279931T000000"}, "entry 'p1'"),
        ({"without": (date(2026, 1, 1),) * 401}, "at most 400 days"),
    ],
)
def test_what_cannot_be_an_entry_says_what_would_be_right(change: dict[str, object], says: str) -> None:
    fields = {name: getattr(PHYSICS, name) for name in PHYSICS.__struct_fields__} | change
    with pytest.raises(WrongTimetable, match=says):
        Entry(**fields).check()


@given(st.text(max_size=60), st.dates(date(2020, 1, 1), date(2099, 12, 31)))
def test_whatever_a_rule_says_it_is_refused_or_read(rule: str, day: date) -> None:
    entry = Entry("x", "a101", "", MONDAY, 45, rule=rule)
    try:
        entry.check()
    except WrongTimetable:
        assert on_day([entry], day) == [] or day == MONDAY.date()
    else:
        assert all(lesson.starts.date() == day for lesson in on_day([entry], day))


@given(
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]), st.integers(1, 9), st.integers(1, 700), st.integers(0, 600),
)  # fmt: skip
def test_a_lesson_is_on_its_days_and_on_no_other(freq: str, interval: int, until_days: int, asked: int) -> None:
    until = MONDAY + timedelta(days=until_days)
    rule = f"FREQ={freq};INTERVAL={interval};UNTIL={until:%Y%m%dT%H%M%S}"
    day = MONDAY.date() + timedelta(days=asked)
    held = on_day([Entry("x", "a101", "", MONDAY, 45, rule=rule)], day)
    if freq == "DAILY":
        assert bool(held) == (asked % interval == 0 and asked <= until_days)
    if freq == "WEEKLY":
        assert bool(held) == (asked % (7 * interval) == 0 and asked <= until_days)
    assert len(held) <= 1
