"""The rules of leases: each ends by itself, by a clock that nobody sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles import lease as rules
from classroom_profiles.lease import Ending, Lease, NotAllowed, Staff


def lease(until_s: float = 100.0, silence_s: float = 30.0, heard_s: float = 0.0, rank: Staff = Staff.TEACHER) -> Lease:
    return Lease("l", "bench", frozenset({"a", "b"}), "tablet-1", rank, "key", until_s, silence_s, heard_s)


@pytest.mark.parametrize(
    ("now_s", "ending"), [(29.9, None), (30.0, Ending.SILENT), (99.0, Ending.SILENT), (100.0, Ending.EXPIRED)]
)
def test_it_ends_when_nothing_is_heard_and_when_its_time_is_up(now_s: float, ending: Ending | None) -> None:
    assert [why for _, why in rules.ended([lease()], now_s)] == ([] if ending is None else [ending])


def test_being_heard_of_ends_the_silence_and_not_the_time() -> None:
    assert rules.ended([rules.heard(lease(), 90)], 99) == []
    assert [why for _, why in rules.ended([rules.heard(lease(), 99)], 100)] == [Ending.EXPIRED]


@pytest.mark.parametrize(
    ("rank", "holder", "may"),
    [
        (Staff.TEACHER, Staff.TEACHER, True), (Staff.TEACHER, Staff.TECHNICIAN, False),
        (Staff.TECHNICIAN, Staff.TEACHER, True), (Staff.TECHNICIAN, Staff.TECHNICIAN, True),
    ],
)  # fmt: skip
def test_who_may_take_over_from_whom(rank: Staff, holder: Staff, may: bool) -> None:
    held = [lease(rank=holder)]
    if may:
        rules.check_take_over(rank, held)
    else:
        with pytest.raises(NotAllowed):
            rules.check_take_over(rank, held)


@pytest.mark.parametrize("rank", Staff)
def test_nobody_holds_longer_than_the_rank_may(rank: Staff) -> None:
    assert rules.bounded_s(rank, 1e9) == rules.LONGEST_S[rank]
    assert rules.bounded_s(rank, 0) == rules.SHORTEST_S
    assert rules.renewed(lease(rank=rank), 1e9, 50.0).until_s == 50 + rules.LONGEST_S[rank]


def test_after_a_restart_of_the_agent_its_time_went_on_and_the_silence_begins_anew() -> None:
    back = rules.restored(lease(), saved_s=10, same_boot=True, now_s=60)
    assert (back.until_s, back.heard_s) == (100, 60)


def test_after_a_restart_of_the_machine_it_has_what_was_left_when_it_was_written() -> None:
    back = rules.restored(lease(), saved_s=40, same_boot=False, now_s=3)
    assert (back.until_s, back.heard_s, back.ends_s()) == (63, 3, 33)


@given(
    until=st.floats(0, 1e9), saved=st.floats(0, 1e9), now=st.floats(0, 1e9), same=st.booleans(),
    silence=st.floats(10, 3600), rank=st.sampled_from(Staff),
)  # fmt: skip
def test_whatever_the_clocks_said_it_ends(
    until: float, saved: float, now: float, same: bool, silence: float, rank: Staff
) -> None:
    back = rules.restored(lease(until, silence, rank=rank), saved, same, now)
    assert back.ends_s() <= now + min(silence, rules.LONGEST_S[rank])


def test_what_overlaps_conflicts() -> None:
    held = lease()
    assert rules.conflicting([held], frozenset({"b", "c"})) == (held,)
    assert rules.conflicting([held], frozenset({"c"})) == ()
    assert rules.holder_of([held], "a") is held
    assert rules.holder_of([held], "c") is None
