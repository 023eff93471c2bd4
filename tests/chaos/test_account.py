"""The bookkeeper of the chaos run sees every point that is missing, doubled, invented or out of order."""

import pytest

from tests.chaos.account import Books, Life, Row, account, judge, ranges
from tests.chaos.series import KINDS, LIFE, Kind, number_of

TAGS = ("reading", "school", "room-0", "air", "air-sensor", "co2_ppm")


def lives() -> list[Life]:
    """Two, of which the second did not say that its last two are durable."""
    return [Life(0, durable=5, said=[(1.0, 2), (2.0, 5)]), Life(1, durable=3, said=[(4.0, 3)])]


def rows() -> list[Row]:
    numbers = [*range(5), *range(LIFE, LIFE + 5)]
    return [(1_000 + place, number) for place, number in enumerate(numbers)]


def test_all_is_well_when_everything_is_there_once_and_in_order() -> None:
    verdict = judge(lives(), rows()[::-1])
    assert verdict.clean
    assert (verdict.produced, verdict.stored) == (10, 10)


@pytest.mark.parametrize("lost", [0, 4, 5, 6, 8])
def test_a_hole_is_seen_wherever_it_is(lost: int) -> None:
    there = rows()
    _, number = there.pop(lost)
    verdict = judge(lives(), there)
    assert verdict.missing == [number]
    assert (verdict.produced, verdict.stored) == (10, 9)


def test_what_was_never_said_to_be_durable_may_be_missing_at_the_end_of_a_life() -> None:
    verdict = judge(lives(), rows()[:-1])
    assert verdict.clean
    assert verdict.produced == 9
    assert judge(lives(), rows()[:-2]).clean
    assert judge(lives(), rows()[:-3]).missing == [LIFE + 2]


def test_a_value_at_two_times_is_a_duplicate_even_next_to_itself() -> None:
    verdict = judge(lives(), [*rows(), (1_009, 3), (2_000, LIFE + 4)])
    assert (verdict.duplicates, verdict.twice) == (2, [3, LIFE + 4])
    assert verdict.stored == 10


def test_times_that_are_not_in_the_order_of_production_are_seen() -> None:
    swapped = rows()
    swapped[2], swapped[7] = (swapped[2][0], swapped[7][1]), (swapped[7][0], swapped[2][1])
    verdict = judge(lives(), swapped)
    assert not verdict.missing
    assert len(verdict.misordered) == 2


@pytest.mark.parametrize("number", [-1, 2 * LIFE, 7 * LIFE + 3])
def test_what_nobody_produced_is_seen(number: int) -> None:
    assert judge(lives(), [*rows(), (5_000, number)]).unknown == [(5_000, number)]


def test_the_account_names_the_series_the_values_and_the_faults_before() -> None:
    books = Books()
    books.add(TAGS, lives(), [row for row in rows() if row[1] not in (2, 3, LIFE)])
    told = "\n".join(account(books, {"room-0": lives()}, [(0.5, 0.9, "A"), (1.5, 2.5, "B"), (3.0, 3.5, "C")]))
    assert "series reading school room-0 air air-sensor co2_ppm" in told
    assert "missing 3: life 0: 2-3; life 1: 0" in told
    assert "durable at 2.00 s" in told
    assert "after  A" in told
    assert "during B" in told
    assert "C" not in told
    assert books.missing("room-0", "reading") == 3
    assert books.missing("room-1", "reading") == books.missing("room-0", "event") == 0


def test_series_that_suffered_alike_are_told_of_together() -> None:
    books = Books()
    other = (*TAGS[:5], "temperature_c")
    for tags in (TAGS, other):
        books.add(tags, lives(), rows()[1:])
    told = account(books, {"room-0": lives()}, [])
    assert told[:2] == ["series " + " ".join(TAGS), "series " + " ".join(other)]
    assert sum("missing" in line for line in told) == 1


def test_numbers_are_told_as_ranges() -> None:
    assert ranges([]) == ""
    assert ranges([5, 3, 4, 9, LIFE + 1, LIFE + 2]) == "life 0: 3-5, 9; life 1: 1-2"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.measurement}-{kind.metric}")
def test_every_value_can_be_read_back_as_its_number(kind: Kind) -> None:
    for number in (0, 17, 40 * LIFE + 123_456):
        assert number_of(kind.value(number)) == number


@pytest.mark.parametrize("value", ["", "no", "no x", "5", 1.5, -1, True, None])
def test_a_value_that_nobody_produced_has_no_number(value: object) -> None:
    assert number_of(value) == -1
