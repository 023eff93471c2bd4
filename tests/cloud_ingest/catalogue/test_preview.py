"""A timetable's week by room, and what was left out of it, as people look at it before it is published."""

from datetime import date, datetime

from classroom_profiles.timetable import Entry
from cloud_ingest.catalogue.ics import Skipped
from cloud_ingest.catalogue.preview import LeftOut, RoomWeek, end_of_school_year, left_out, week_of
from cloud_ingest.catalogue.progress import of_city, of_school
from cloud_ingest.catalogue.shelf import Serial
from cloud_ingest.gateways import State
from cloud_ingest.operations.rows import GatewayRow

SEPTEMBER_7 = datetime(2026, 9, 7, 7, 15)  # noqa: DTZ001 - local; a Monday
WEEKLY = "FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20270531T235959"


def test_the_first_week_that_has_lessons_is_shown() -> None:
    entries = (
        Entry("1", "a101", "Toán", SEPTEMBER_7, 45, rule=WEEKLY, without=(date(2026, 9, 11),)),
        Entry("2", "b2", "Lí", SEPTEMBER_7.replace(day=9), 45),
    )
    summer = week_of(entries, date(2026, 7, 1), {"a101"})
    assert summer.monday == date(2026, 9, 7)
    assert summer.rooms == (RoomWeek("a101", (1, 0, 0, 0, 0, 0, 0), True), RoomWeek("b2", (0, 0, 1, 0, 0, 0, 0), False))
    assert week_of(entries, date(2026, 12, 2)).rooms[0].lessons == (1, 0, 0, 0, 1, 0, 0)
    assert week_of((), date(2026, 9, 1)).monday is None
    assert week_of(entries, date(2028, 1, 1)).monday is None


def test_what_was_left_out_is_counted_by_its_reason() -> None:
    skipped = [Skipped("1", "Họp", "whole days"), Skipped("2", "Lễ", "no location"), Skipped("3", "Nghỉ", "whole days")]
    assert left_out(skipped) == (LeftOut("whole days", 2, ("Họp", "Nghỉ")), LeftOut("no location", 1, ("Lễ",)))


def test_a_school_year_ends_in_may() -> None:
    assert end_of_school_year(date(2026, 9, 5)) == end_of_school_year(date(2027, 5, 31)) == date(2027, 5, 31)


def gateway(holds: int, staged: int = 0, problem: str = "", state: State = State.WORKING) -> GatewayRow:
    return GatewayRow(
        "a", "gw", state, ("r1",), "0.1.0", False, 0, 0.0, 0, True, None, None, None, None, holds, staged, problem, 1, 1
    )


def test_each_gateway_counts_once() -> None:
    gateways = [
        gateway(9, problem="old"), gateway(8, staged=9), gateway(8, problem="signature"), gateway(8),
        gateway(0, state=State.OFF), gateway(0, problem="key"), gateway(0, problem="key"),
    ]  # fmt: skip
    found = of_school("a", Serial(9, 1, True), gateways)
    assert (found.gateways, found.applied, found.staged, found.refused, found.away, found.behind) == (7, 1, 1, 3, 1, 1)
    assert found.problems == (("key", 2), ("signature", 1))
    assert found.serials == ((9, 1), (8, 3), (0, 3))


def test_where_something_is_wrong_comes_first_and_where_nothing_was_published_not_at_all() -> None:
    found = of_city(
        {"a": Serial(9, 1, True), "b": Serial(9, 1, True)},
        {"a": [gateway(9)], "b": [gateway(0, problem="key")], "c": [gateway(0)]},
    )
    assert [one.school for one in found] == ["b", "a"]
