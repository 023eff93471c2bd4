"""A gap is from one point to the next, with what is known of why; what nobody can know is not claimed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_ingest.gaps import Gap, Reason, Spell, learned_period_us, report
from cloud_ingest.gateways import Condition, State
from cloud_ingest.windows import MINUTE_US, Span

S = 1_000_000
START = 1_790_000_000 * S
WORKING = Condition(State.WORKING, 0.0, False)


def at(*seconds: float) -> list[int]:
    return [START + round(second * S) for second in seconds]


def every(period_s: float, *spans: tuple[float, float]) -> list[int]:
    """Points of a period within each span of seconds."""
    return [START + n * S for begin, end in spans for n in range(int(begin), int(end), int(period_s))]


def gaps(
    times: list[int], until_s: float, spells: list[Spell] | None = None, now: Condition | None = WORKING
) -> list[Gap]:
    span = Span(START, START + round(until_s * S))
    return [*report(times, span, learned_period_us(times), spells or [], now).gaps]


def test_a_period_is_learned_although_some_points_are_missing_and_some_are_late() -> None:
    chance = random.Random(1)
    times = [START + n * 10 * S + chance.randrange(S) for n in range(500) if chance.random() > 0.1]
    assert learned_period_us(times) == pytest.approx(10 * S, rel=0.05)


@pytest.mark.parametrize("times", [[], at(0), at(0, 10, 20), at(0, 1, 50, 51, 300, 302, 900, 2000, 2001, 9000)])
def test_few_points_or_irregular_ones_have_no_period_and_no_gaps(times: list[int]) -> None:
    found = report(times, Span(START, START + 9000 * S), learned_period_us(times))
    assert (found.period_us, found.gaps, found.missing_s) == (None, (), 0.0)


def test_a_gap_is_from_the_last_point_before_to_the_first_after() -> None:
    assert gaps(every(10, (0, 600), (1200, 1800)), 1800) == [
        Gap(START + 590 * S, START + 1200 * S, Reason.UNKNOWN)
    ]  # fmt: skip


def test_a_point_that_is_late_or_lost_alone_is_no_gap() -> None:
    times = every(10, (0, 600))
    del times[30]
    times[40] += 9 * S
    assert gaps(times, 600) == []


def test_a_series_that_stopped_has_a_gap_that_is_open() -> None:
    assert gaps(every(10, (0, 600)), 900) == [Gap(START + 590 * S, START + 900 * S, Reason.UNKNOWN, open=True)]


def test_without_points_a_declared_period_makes_all_of_it_a_gap() -> None:
    span = Span(START, START + 900 * S)
    found = report([], span, 10 * S, declared=True)
    assert (found.gaps, found.missing_s) == ((Gap(span.since_us, span.until_us, Reason.UNKNOWN, open=True),), 900.0)


@pytest.mark.parametrize(
    ("said", "now", "expected"),
    [
        ("off", WORKING, Reason.OFF),
        ("unreachable", WORKING, Reason.UNREACHABLE),
        ("online", WORKING, Reason.UNKNOWN),
        ("unreachable", Condition(State.BUFFERING, 25.0, False), Reason.BUFFERING),
        ("unreachable", Condition(State.BUFFERING, 5.0, False), Reason.UNREACHABLE),
    ],
)
def test_a_closed_gap_has_the_reason_that_the_gateway_gave(said: str, now: Condition, expected: Reason) -> None:
    spells = [Spell(START, "online"), Spell(START + 595 * S, said), Spell(START + 1195 * S, "online")]
    (gap,) = gaps(every(10, (0, 600), (1200, 1800)), 1800, spells, now)
    assert gap.reason is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (Condition(State.OFF, 0.0, False), Reason.OFF),
        (Condition(State.UNREACHABLE, 0.0, False), Reason.MAY_COME),
        (Condition(State.SILENT, 0.0, False), Reason.SILENT),
        (Condition(State.BUFFERING, 30.0, False), Reason.BUFFERING),
        (WORKING, Reason.UNKNOWN),
    ],
)
def test_an_open_gap_has_the_reason_that_holds_now(now: Condition, expected: Reason) -> None:
    spells = [Spell(START, "online")]
    if now.state in (State.OFF, State.UNREACHABLE):
        spells.append(Spell(START + 600 * S, now.state.value))
    (gap,) = gaps(every(10, (0, 600)), 1800, spells, now)
    assert (gap.reason, gap.open) == (expected, True)


def test_windows_say_how_exactly_a_gap_is_known() -> None:
    starts = [START + n * MINUTE_US for n in range(60) if n not in (10, 11, 12)]
    found = report(starts, Span(START, START + 60 * MINUTE_US), 10 * S, resolution_us=MINUTE_US)
    assert found.gaps == (Gap(START + 10 * MINUTE_US, START + 13 * MINUTE_US, Reason.UNKNOWN),)
    assert found.resolution_us == MINUTE_US


@given(st.lists(st.integers(0, 100_000), unique=True).map(sorted), st.integers(1, 5000))
def test_gaps_and_points_never_overlap_and_missing_is_their_sum(offsets: list[int], period: int) -> None:
    times = [START + offset for offset in offsets]
    span = Span(START, START + 100_001)
    found = report(times, span, period)
    assert found.missing_s == pytest.approx(sum(gap.to_us - gap.from_us for gap in found.gaps) / 1e6)
    for gap in found.gaps:
        assert not any(gap.from_us < time < gap.to_us for time in times)
        assert gap.to_us - gap.from_us > 2 * period
