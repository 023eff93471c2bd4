"""A batch is sent again when its answer is late for this centre: not before, and not for ever."""

import random

import pytest

from edge_agent.ack_wait import AckWait


def test_before_anything_is_known_it_is_patient() -> None:
    assert all(15.0 <= AckWait(15.0, seed).of(1) <= 15.0 * 1.25 for seed in range(50))


@pytest.mark.parametrize(
    ("low_s", "high_s"), [(0.01, 0.1), (0.5, 3.0), (0.0, 12.0), (12.0, 12.5), (11.0, 16.0), (30, 31)]
)
def test_no_batch_is_sent_twice_to_a_centre_that_answers_in_its_usual_time(low_s: float, high_s: float) -> None:
    chance = random.Random(1)
    wait, twice = AckWait(15.0, seed=1), 0
    for _ in range(5000):
        took_s = chance.uniform(low_s, high_s)
        if took_s > wait.of(1):
            wait.passed(1)
            twice += 1  # and Karn: not measured
        else:
            wait.measured(took_s)
    assert twice <= (8 if low_s > 15.0 else 0)


def test_it_follows_rfc_6298() -> None:
    """Sections 2.2 and 2.3 by hand: R = 10, then R' = 18."""
    wait = AckWait(15.0, seed=1)
    wait.measured(10.0)  # SRTT 10, RTTVAR 5
    assert wait.usual_s == 10.0
    assert 30.0 <= wait.of(1) <= 30.0 * 1.25
    wait.measured(18.0)  # RTTVAR 3/4 * 5 + 1/4 * 8 = 5.75, SRTT 7/8 * 10 + 1/8 * 18 = 11
    assert wait.usual_s == 11.0
    assert 34.0 <= wait.of(1) <= 34.0 * 1.25


def test_a_centre_that_answers_always_after_the_same_time_is_given_some_more() -> None:
    wait = AckWait(15.0, seed=1)
    for _ in range(1000):
        wait.measured(12.0)
    assert wait.of(1) >= 13.0


def test_a_quick_centre_is_given_a_third_of_the_first_wait_all_the_same() -> None:
    wait = AckWait(15.0, seed=1)
    for _ in range(100):
        wait.measured(0.02)
    assert 5.0 <= wait.of(1) <= 6.25


def test_each_time_it_waits_twice_as_long_up_to_a_bound() -> None:
    wait = AckWait(15.0, seed=1)
    for _ in range(100):
        wait.measured(0.1)
    assert [round(wait.of(times) / 1.25) <= 30 for times in range(1, 6)] == [True] * 5
    assert 10.0 <= wait.of(2) <= 12.5
    assert 20.0 <= wait.of(3) <= 25.0
    assert 30.0 <= wait.of(4) <= 37.5
    assert 30.0 <= wait.of(400) <= 37.5


def test_what_comes_next_waits_as_long_until_an_answer_is_measured() -> None:
    """Else a centre that has become slow is never measured: each of its answers would come after the batch's second."""
    wait = AckWait(15.0, seed=1)
    for _ in range(50):
        wait.measured(0.1)
    for _ in range(8):  # a whole window at once doubles once
        wait.passed(1)
    assert 10.0 <= wait.of(1) <= 12.5
    wait.passed(2)
    assert 20.0 <= wait.of(1) <= 25.0
    wait.measured(16.0)
    assert wait.of(1) >= 18.0


def test_gateways_that_lost_the_same_centre_do_not_come_back_together() -> None:
    waits = {AckWait(15.0, seed).of(1) for seed in range(100)}
    assert len(waits) == 100
    assert max(waits) - min(waits) > 3.0
