"""The faults of a run: the same for the same seed, and all kinds of them."""

from collections import Counter

from tests.chaos.schedule import WAYS, Kind, schedule


def test_the_same_seed_draws_the_same_faults_and_another_draws_others() -> None:
    assert schedule(7, 50, 1.0, 60.0, 3) == schedule(7, 50, 1.0, 60.0, 3)
    assert schedule(7, 50, 1.0, 60.0, 3) != schedule(8, 50, 1.0, 60.0, 3)


def test_each_kind_comes_as_often_as_any_other_and_so_does_each_way_of_it() -> None:
    planned = schedule(1, 200, 1.0, 450.0, 4)
    kinds = Counter(fault.kind for fault in planned)
    assert kinds == dict.fromkeys(Kind, 25)
    for kind in Kind:
        ways = Counter(fault.way for fault in planned if fault.kind is kind)
        assert set(ways) == set(WAYS[kind])
        assert max(ways.values()) - min(ways.values()) <= 1


def test_they_come_in_order_within_the_time_at_what_there_is() -> None:
    planned = schedule(3, 100, 2.0, 30.0, 3)
    assert [fault.number for fault in planned] == list(range(1, 101))
    times = [fault.at_s for fault in planned]
    assert times == sorted(times)
    assert 2.0 <= times[0] <= times[-1] <= 30.0
    assert {fault.target for fault in planned} == {0, 1, 2}
