"""The inbox keeps what rules found and people did, and shows a school only its own."""

import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud_ingest.alarms.alarm import AlarmState, Everything, Severity
from cloud_ingest.alarms.inbox import (
    Alarms,
    HasCleared,
    InboxUnavailable,
    NoSuchAlarm,
    NotTheirs,
    Wanted,
)
from cloud_ingest.alarms.transition import Changed, Cleared, Finding, Raised

_S = 1_000_000
_CITY = Everything()
_BOTH = frozenset(("thcs-a", "thcs-b"))


@dataclass
class Clock:
    now_us: int = 1_000 * _S

    def __call__(self) -> int:
        return self.now_us


@dataclass(frozen=True)
class Person:
    name: str = "cô Hoa"
    school: str | None = None

    def sees(self, school: str) -> bool:
        return self.school is None or self.school == school


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def alarms(tmp_path: Path, clock: Clock) -> Iterator[Alarms]:
    with Alarms(tmp_path / "alarms.sqlite", create=True, clock_us=clock) as opened:
        yield opened


def _lamp(school: str = "thcs-a", severity: Severity = Severity.WARNING) -> Finding:
    return Finding(
        f"lamp {school}/r1/projector", "lamp", severity, "Đèn chiếu sắp hết tuổi thọ", "The lamp wears out", school,
        "r1", "projector",
    )  # fmt: skip


_OUTAGE = Finding(
    "outage 1", "gateway", Severity.CRITICAL, "3 trường mất kết nối", "3 schools are unreachable", cause_of=90,
    schools=frozenset(("thcs-a", "thcs-b", "thcs-c")),
)  # fmt: skip


def _raise(alarms: Alarms, finding: Finding, at_s: int = 1000) -> int:
    alarms.apply([Raised(finding, at_s * _S)])
    _, changed = alarms.changed_since(0, _CITY)
    return changed[-1].id


def test_the_worst_and_widest_stands_first(alarms: Alarms) -> None:
    _raise(alarms, _lamp("thcs-a"))
    _raise(alarms, _OUTAGE)
    _raise(alarms, _lamp("thcs-b", Severity.CRITICAL))
    listed = alarms.list(_CITY)
    assert [each.rule for each in listed.alarms] == ["gateway", "lamp", "lamp"]
    assert listed.total == 3
    assert alarms.list(_CITY, Wanted(limit=1, offset=1)).alarms == listed.alarms[1:2]


def test_twice_raised_is_one_alarm_and_soon_after_it_is_the_same(alarms: Alarms) -> None:
    number = _raise(alarms, _lamp())
    assert _raise(alarms, _lamp(), 1010) == number
    alarms.apply([Cleared(_lamp().key, 1020 * _S)])
    assert alarms.one(_CITY, number).state is AlarmState.CLEARED
    assert _raise(alarms, _lamp(), 1500) == number
    again = alarms.one(_CITY, number)
    assert (again.state, again.repeats, again.cleared_us) == (AlarmState.OPEN, 1, None)
    alarms.apply([Cleared(_lamp().key, 1600 * _S)])
    assert _raise(alarms, _lamp(), 9000) != number
    assert [entry.what for entry in alarms.history(_CITY, number)] == ["raised", "cleared", "reopened", "cleared"]


def test_people_acknowledge_assign_mute_and_comment(alarms: Alarms, clock: Clock) -> None:
    number, who = _raise(alarms, _lamp()), Person()
    assert alarms.acknowledge(who, number, "đã biết").state is AlarmState.ACKNOWLEDGED
    assert alarms.acknowledge(who, number).acknowledged_by == "cô Hoa"
    assert alarms.assign(who, number, "thầy Nam").assigned_to == "thầy Nam"
    assert alarms.mute(who, number, clock() + 60 * _S, "chờ bóng đèn").muted_until_us == clock() + 60 * _S
    assert alarms.list(_CITY, Wanted(muted=False)).total == 0
    alarms.comment(who, number, "gọi hãng rồi")
    assert [entry.what for entry in alarms.history(_CITY, number)] == [
        "raised", "acknowledged", "assigned", "muted", "commented",
    ]  # fmt: skip
    clock.now_us += 61 * _S
    assert alarms.one(_CITY, number).muted_until_us is None


def test_a_mute_outlives_the_alarm_that_clears_and_comes_again(alarms: Alarms, clock: Clock) -> None:
    number = _raise(alarms, _lamp())
    alarms.mute(Person(), number, clock() + 86_400 * _S)
    alarms.apply([Cleared(_lamp().key, 1010 * _S)])
    later = _raise(alarms, _lamp(), 20_000)
    assert later != number
    assert alarms.one(_CITY, later).muted_until_us is not None
    assert alarms.mute(Person(), later, None).muted_until_us is None


def test_what_has_cleared_takes_a_comment_only(alarms: Alarms, clock: Clock) -> None:
    number = _raise(alarms, _lamp())
    alarms.apply([Cleared(_lamp().key, 1010 * _S)])
    with pytest.raises(HasCleared):
        alarms.acknowledge(Person(), number)
    with pytest.raises(HasCleared):
        alarms.mute(Person(), number, clock() + _S)
    alarms.comment(Person(), number, "quạt đã được thay")


@pytest.mark.parametrize("until_s", [999, 1000, 1000 + 367 * 86_400])
def test_a_mute_ends_within_a_year(alarms: Alarms, until_s: int) -> None:
    number = _raise(alarms, _lamp())
    with pytest.raises(ValueError, match="at most a year"):
        alarms.mute(Person(), number, until_s * _S)


@pytest.mark.parametrize("comment", ["x" * 1001, "bad \x1b[2J", " "])
def test_a_comment_is_short_and_printable(alarms: Alarms, comment: str) -> None:
    number = _raise(alarms, _lamp())
    with pytest.raises(ValueError):
        alarms.comment(Person(), number, comment)


def test_a_school_sees_its_own_and_never_that_others_exist(alarms: Alarms) -> None:
    theirs, own = _raise(alarms, _lamp("thcs-b")), _raise(alarms, _lamp("thcs-a"))
    school = Person("bảo vệ", "thcs-a")
    assert [each.id for each in alarms.list(school).alarms] == [own]
    with pytest.raises(NoSuchAlarm):
        alarms.one(school, theirs)
    with pytest.raises(NoSuchAlarm):
        alarms.acknowledge(school, theirs)
    assert [each.id for each in alarms.changed_since(0, school)[1]] == [own]


def test_a_school_sees_its_part_of_an_incident_of_many(alarms: Alarms) -> None:
    number = _raise(alarms, _OUTAGE)
    alarms.comment(Person(), number, "nhà mạng X đang sửa")
    school = Person("bảo vệ", "thcs-a")
    part = alarms.one(school, number)
    assert (part.school, part.cause_of, part.in_schools) == ("thcs-a", 1, 1)
    assert "3" not in part.text_vi + part.text_en
    assert [(entry.what, entry.comment) for entry in alarms.history(school, number)] == [("raised", "")]
    assert alarms.schools(school, number) == ["thcs-a"]
    assert alarms.list(school, Wanted(find="schools")).total == 0
    with pytest.raises(NotTheirs):
        alarms.acknowledge(school, number)
    assert alarms.list(Person("khác", "thcs-z")).total == 0
    assert alarms.open_by_school() == {"thcs-a": 1, "thcs-b": 1, "thcs-c": 1}


def test_no_question_of_a_school_tells_what_is_hidden_of_an_incident(alarms: Alarms) -> None:
    """Which other schools have a part in it, and who of the centre handles it."""
    alarms.apply([Raised(Finding("region", "out", Severity.CRITICAL, "vi", "en", schools=_BOTH), 0)])
    alarms.assign(_CITY, 1, "anh Nam")
    hoa = Person(school="thcs-a")
    assert alarms.list(hoa, Wanted(school="thcs-a")).total == 1
    assert alarms.list(hoa, Wanted(school="thcs-b")).total == 0
    assert alarms.list(hoa, Wanted(assigned_to="anh Nam")).total == 0
    assert alarms.list(_CITY, Wanted(school="thcs-b", assigned_to="anh Nam")).total == 1


def test_an_alarm_that_grows_stays_the_same_alarm(alarms: Alarms) -> None:
    number = _raise(alarms, _OUTAGE)
    wider = Finding(
        "outage 1", "gateway", Severity.CRITICAL, "4", "4", cause_of=120, schools=_OUTAGE.schools | {"thcs-d"}
    )
    alarms.apply([Changed(wider, 1010 * _S)])
    assert alarms.one(_CITY, number).in_schools == 4
    assert list(alarms.schools(_CITY, number)) == ["thcs-a", "thcs-b", "thcs-c", "thcs-d"]


def test_it_finds_vietnamese_words_in_any_case_and_no_pattern(alarms: Alarms) -> None:
    _raise(alarms, _lamp())
    for words, found in (("ĐÈN CHIẾU", 1), ("thcs-a lamp", 1), ("%", 0), ("_", 0), ("quạt", 0)):
        assert alarms.list(_CITY, Wanted(find=words)).total == found, words


def test_changes_come_in_pages_that_lose_nothing(alarms: Alarms) -> None:
    alarms.apply([Raised(_lamp(f"s{n}"), 1000 * _S) for n in range(7)])
    for n in range(5):
        alarms.apply([Raised(_lamp(f"t{n}"), 1000 * _S)])
    seen, revision = [], 0
    while True:
        revision, changed = alarms.changed_since(revision, _CITY, limit=3)
        if not changed:
            break
        seen += [each.id for each in changed]
    assert sorted(seen) == list(range(1, 13))
    assert revision == alarms.revision()


def test_what_the_engine_keeps_is_written_with_what_it_found(alarms: Alarms) -> None:
    alarms.apply([Raised(_lamp(), 1000 * _S)], {"a": "1", "b": "2"})
    alarms.apply([], {"a": "3"}, ["b"])
    assert alarms.kept() == {"a": "3"}
    assert alarms.holding() == {_lamp().key: 1000 * _S}
    alarms.apply([Cleared(_lamp().key, 1001 * _S)])
    assert alarms.holding() == {}
    assert alarms.forget(1002 * _S) == 1
    assert alarms.list(_CITY, Wanted(states=frozenset(AlarmState))).total == 0


def test_it_is_nobody_elses_to_read(alarms: Alarms, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "alarms.sqlite").stat().st_mode) == 0o600


def test_a_file_that_is_deleted_is_said_once_and_then_begun_anew(alarms: Alarms, tmp_path: Path) -> None:
    """Whoever goes on from what they knew of it has to hear of it, or alarms that hold would never come again."""
    _raise(alarms, _lamp())
    for behind in ("", "-wal", "-shm"):
        Path(f"{tmp_path / 'alarms.sqlite'}{behind}").unlink(missing_ok=True)
    with pytest.raises(InboxUnavailable, match="another file"):
        alarms.list(_CITY)
    assert alarms.list(_CITY).alarms == []
    _raise(alarms, _lamp())
    with Alarms(tmp_path / "alarms.sqlite") as reader:
        assert reader.list(_CITY).total == 1


def test_files_that_are_none_of_ours_are_left_alone(tmp_path: Path) -> None:
    later, other, text = tmp_path / "later", tmp_path / "other", tmp_path / "text"
    with sqlite3.connect(later) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    text.write_text("no database, but long enough to be one" * 100)
    for path, why in ((later, "version 99"), (other, "something else"), (text, "not a SQLite file")):
        before = path.read_bytes()
        with pytest.raises(InboxUnavailable, match=why), Alarms(path, create=True):
            pass
        assert path.read_bytes() == before
    with pytest.raises(InboxUnavailable, match="lophoc ingest makes them"), Alarms(tmp_path / "none"):
        pass
