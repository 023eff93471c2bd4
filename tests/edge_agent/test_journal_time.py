"""Time goes forward in each series whatever the clock does, and is put right once it is known: never twice a point."""

import asyncio
from pathlib import Path

import pytest

from classroom_profiles.telemetry import Clock, Point
from edge_agent.clock import SETTLING_S, Moment, moment_of
from edge_agent.journal import Journal
from tests.edge_agent.journal_peer import BASE_US, BOOT, batch_of, everything, held, opened, series, some, stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


async def test_time_only_goes_forward_in_a_series_even_over_a_restart_with_a_stale_clock(path: Path) -> None:
    async with opened(path) as journal:
        journal.write(some(10))
        (parcel,) = await everything(journal)
        journal.settle(parcel, stored(parcel))  # nothing is left in the file that could tell
    async with opened(path) as journal:
        journal.write(some(10, first=10, start_us=BASE_US - 3_600_000_000))
        times = [point.time_us for point in held(await everything(journal))]
    assert times == sorted(set(times))
    assert times[0] > some(10)[-1].time_us


async def test_sequence_numbers_go_on_over_a_restart(path: Path) -> None:
    async with opened(path) as journal:
        journal.write(some(10))
        (parcel,) = await everything(journal)
        journal.settle(parcel, stored(parcel))
    async with opened(path) as journal:
        journal.write(some(5))
        (parcel,) = await everything(journal)
    batch = batch_of(parcel)
    assert (batch.first_seq, batch.last_seq) == (10, 14)


async def test_points_under_an_untrusted_clock_say_so(path: Path) -> None:
    now = Moment(0, trusted=False)
    async with opened(path, clock=lambda: now) as journal:
        journal.write(some(2))
        sent = await everything(journal)
        now = Moment(1_700_000_000_000_000, trusted=True)
        journal.write(some(2, first=2))
        batches = [batch_of(parcel) for parcel in await everything(journal)]
        assert await journal.parcels(0, 1) == sent  # it keeps its bytes
    assert [(batch.boot, batch.clock) for batch in batches] == [(BOOT, Clock.UNTRUSTED), (BOOT, Clock.TRUSTED)]


STALE = Moment(offset_us=1_600_000_000_000_000, trusted=False)
TRUE = Moment(offset_us=1_790_000_000_000_000, trusted=True)


def at(monotonic_s: float, moment: Moment, value: float) -> Point:
    """As a driver stamps it: by the wall clock of that moment."""
    return Point(series(), int(monotonic_s * 1_000_000) + moment.offset_us, value)


async def test_points_that_wait_get_the_right_time_once_it_is_known(path: Path) -> None:
    now = STALE
    async with opened(path, clock=lambda: now) as journal:
        for second in range(10):
            journal.write([at(100.0 + second, now, float(second))])
            await journal.flush()
        now = TRUE
        journal.write([at(110.0, now, 10.0)])
        found = held(parcels := await everything(journal))
        assert found == [at(100.0 + second, TRUE, float(second)) for second in range(11)]
        assert {batch_of(parcel).clock for parcel in parcels} == {Clock.RETIMED, Clock.TRUSTED}
        assert journal.retimed == 10
    async with opened(path, clock=lambda: now) as journal:
        assert held(await everything(journal)) == found
        assert journal.retimed == 10


async def test_over_a_restart_within_the_boot_they_do_and_of_an_earlier_boot_they_do_not(path: Path) -> None:
    now = STALE
    async with Journal.open(path, "an-earlier-boot", seal_s=0.0, clock=lambda: now) as journal:
        journal.write([at(50.0, now, 0.0)])
        await journal.flush()
    async with opened(path, clock=lambda: now) as journal:
        journal.write([at(100.0, now, 1.0)])
        await journal.flush()
    async with opened(path, clock=lambda: now) as journal:
        journal.write([at(101.0, now, 2.0)])
        await journal.flush()
        now = TRUE
        assert held(await everything(journal)) == [at(50.0, STALE, 0.0), at(100.0, TRUE, 1.0), at(101.0, TRUE, 2.0)]


async def test_a_stale_clock_keeps_the_distances_between_its_points(path: Path) -> None:
    """Else what an earlier boot has written would push all of them to one microsecond each."""
    async with Journal.open(path, "an-earlier-boot", seal_s=0.0, clock=lambda: TRUE) as journal:
        journal.write([at(1_000.0, TRUE, 0.0)])
        await journal.flush()
    async with opened(path, clock=lambda: STALE) as journal:
        for second in range(5):
            journal.write([at(100.0 + second, STALE, float(second))])
            await journal.flush()
        _, *times = [point.time_us for point in held(await everything(journal))]
    assert times[0] > at(1_000.0, TRUE, 0.0).time_us
    assert [later - times[0] for later in times] == [second * 1_000_000 for second in range(5)]


async def test_a_clock_that_was_ahead_is_put_right_and_nothing_waits_for_the_future(path: Path) -> None:
    now = ahead = Moment(TRUE.offset_us + 86_400_000_000, trusted=False)
    async with opened(path, clock=lambda: now) as journal:
        journal.write([at(100.0, ahead, 0.0)])
        await journal.flush()
        now = TRUE
        journal.write([at(101.0, now, 1.0)])
        assert held(await everything(journal)) == [at(100.0, TRUE, 0.0), at(101.0, TRUE, 1.0)]


async def test_nor_over_a_restart(path: Path) -> None:
    now = ahead = Moment(TRUE.offset_us + 86_400_000_000, trusted=False)
    async with opened(path, clock=lambda: now) as journal:
        journal.write([at(100.0, ahead, 0.0)])
        await journal.flush()
    now = TRUE
    async with opened(path, clock=lambda: now) as journal:
        journal.write([at(101.0, now, 1.0)])
        assert held(await everything(journal)) == [at(100.0, TRUE, 0.0), at(101.0, TRUE, 1.0)]


async def test_what_was_sent_with_a_wrong_time_is_not_sent_again_with_another(path: Path) -> None:
    """Its ack may be on its way, and the point would be there twice."""
    now = ahead = Moment(TRUE.offset_us + 86_400_000_000, trusted=False)
    async with opened(path, clock=lambda: now) as journal:
        journal.write([at(100.0, ahead, 0.0)])
        sent = await everything(journal)
        journal.write([at(101.0, ahead, 1.0)])
        await journal.flush()
    async with opened(path, clock=lambda: now) as journal:
        await journal.flush()
        now = TRUE
        journal.write([at(102.0, now, 2.0)])
        found = held(parcels := await everything(journal))
        assert parcels[0] == sent[0]
        assert [point.value for point in found] == [0.0, 1.0, 2.0]
        times = [point.time_us for point in found]
        assert times == sorted(set(times))  # in order even so


async def test_just_after_a_boot_points_wait_for_the_time(path: Path) -> None:
    now = Moment(STALE.offset_us, trusted=False, settling=True)
    async with opened(path, clock=lambda: now) as journal:
        asking = asyncio.create_task(journal.parcels(0, 10))
        journal.write([at(10.0, now, 0.0)])
        await journal.flush()
        assert not asking.done()
        now = TRUE
        journal.write([at(11.0, now, 1.0)])
        assert held(await asking)[0] == at(10.0, TRUE, 0.0)


async def test_but_not_for_ever(path: Path) -> None:
    now = Moment(STALE.offset_us, trusted=False, settling=True)
    async with opened(path, clock=lambda: now) as journal:
        asking = asyncio.create_task(journal.parcels(0, 10))
        journal.write([at(10.0, now, 0.0)])
        await journal.flush()
        now = STALE
        assert held(await asking) == [at(10.0, STALE, 0.0)]


async def test_many_rows_get_the_right_time_some_at_a_time_and_none_is_sent_before(path: Path) -> None:
    now = STALE
    async with opened(path, clock=lambda: now) as journal:
        for second in range(300):
            journal.write([at(100.0 + second * 20, now, float(second))])
            now = Moment(now.offset_us + 20_000, trusted=False)  # rows of which no two go together
        await journal.flush()
        asking = asyncio.create_task(journal.parcels(0, 1_000))
        now = TRUE
        (*parcels,) = await asking
        assert {batch_of(parcel).clock for parcel in parcels} == {Clock.RETIMED}
        assert len(held(await everything(journal))) == 300


@pytest.mark.parametrize(
    ("wall_us", "uptime_s", "trusted", "settling"),
    [
        (BASE_US, SETTLING_S + 1, False, False),
        (BASE_US, SETTLING_S - 1, False, True),
        (BASE_US, SETTLING_S - 1, True, False),
        (3_600_000_000, SETTLING_S + 1, False, True),
        (3_600_000_000, SETTLING_S + 1, True, False),
    ],
    ids=["plausible", "just started", "known", "cannot be", "said to be right"],
)
def test_a_time_is_waited_for_just_after_a_boot_and_where_it_cannot_be_right(
    wall_us: int, uptime_s: float, trusted: bool, settling: bool
) -> None:
    assert moment_of(wall_us, int(uptime_s * 1e6), trusted=trusted).settling is settling
