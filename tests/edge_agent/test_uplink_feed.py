"""Live points do not wait behind a backlog, the backlog goes oldest first, and no row is left out or sent twice."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.telemetry import Layout, Measurement
from edge_agent.journal import Journal
from edge_agent.journal_places import Parcel
from edge_agent.uplink_feed import LIVE, Feed
from tests.edge_agent.journal_peer import opened, some, stored, values


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with opened(tmp_path / "journal.sqlite") as found:
        found.attend(True)
        yield found


async def rows(journal: Journal, count: int, first: int = 0) -> None:
    """So many rows of one point each, sealed."""
    for number in range(first, first + count):
        before = journal.newest
        journal.write(some(1, first=number))
        await journal.flush()
        async with asyncio.timeout(10):
            while journal.newest == before:  # noqa: ASYNC110 - the writer thread has no event for it
                await asyncio.sleep(0.001)


async def next_of(feed: Feed) -> Parcel:
    """As the uplink takes them, with room for both."""
    while True:
        found = await feed.live() or await feed.waiting()
        if found is not None:
            return found
        await feed.more()


async def taken(feed: Feed, count: int) -> list[Parcel]:
    return [await next_of(feed) for _ in range(count)]


async def test_a_backlog_goes_oldest_first_and_what_is_new_goes_before_it(journal: Journal) -> None:
    await rows(journal, 40)
    feed = Feed(journal)
    assert values(await taken(feed, 5)) == [0.0, 1.0, 2.0, 3.0, 4.0]
    await rows(journal, 2, first=100)
    assert values(await taken(feed, 4)) == [100.0, 101.0, 5.0, 6.0]
    await rows(journal, 1, first=200)
    assert values(await taken(feed, 34)) == [200.0, *map(float, range(7, 40))]


async def test_a_second_backlog_waits_behind_the_first(journal: Journal) -> None:
    await rows(journal, 20)
    feed = Feed(journal)
    await next_of(feed)
    await rows(journal, LIVE + 4, first=100)
    got = values(await taken(feed, 19 + LIVE + 4))
    assert got == [*map(float, range(1, 20)), *map(float, range(100, 100 + LIVE + 4))]


async def test_when_all_is_sent_it_waits_for_the_next(journal: Journal) -> None:
    feed = Feed(journal)
    waiting = asyncio.create_task(next_of(feed))
    await journal.flush()
    assert not waiting.done()
    await rows(journal, 1)
    assert values([await waiting]) == [0.0]


async def test_what_was_not_answered_goes_first_on_the_next_connection(journal: Journal) -> None:
    await rows(journal, 30)
    feed = Feed(journal)
    sent = await taken(feed, 6)
    journal.settle(sent[0], stored(sent[0]))
    feed.take_back(sent[:0:-1])
    assert values(await taken(feed, 29)) == [float(number) for number in range(1, 30)]


class Rows:
    """A journal in memory, whose rows come and go as the test says."""

    def __init__(self) -> None:
        self.there: list[int] = []
        self.newest = 0

    async def parcels(self, after: int, most: int, until: int | None = None) -> list[Parcel]:
        ids = [row_id for row_id in self.there if row_id > after and (until is None or row_id <= until)][:most]
        if not ids and until is None:
            await asyncio.Event().wait()
        return [Parcel(row_id, Measurement.READING, 1, "", _LAYOUT, b"") for row_id in ids]


_LAYOUT = Layout.of("boot", [])


@settings(max_examples=200)
@given(
    steps=st.lists(
        st.tuples(st.just("come"), st.lists(st.integers(1, 30), max_size=40))
        | st.tuples(st.just("take"), st.integers(1, 30))
        | st.tuples(st.just("lose"), st.integers(0, 5)),
        max_size=20,
    )
)
async def test_every_row_is_sent_once_unless_it_was_taken_back(steps: Sequence[tuple[str, object]]) -> None:
    """Ids have holes, as they have where rows were joined."""
    journal = Rows()
    feed = Feed(journal)  # type: ignore[arg-type]
    answered: list[int] = []
    lane: list[Parcel] = []
    for what, how in steps:
        if what == "come":
            assert isinstance(how, list)
            for gap in how:
                journal.newest += gap
                journal.there.append(journal.newest)
            continue
        assert isinstance(how, int)
        if what == "lose":
            feed.take_back(lane[:how])
            answered += [parcel.id for parcel in lane[how:]]
            lane = []
            continue
        left = set(journal.there) - set(answered) - {parcel.id for parcel in lane}
        for _ in range(min(how, len(left))):
            async with asyncio.timeout(5):
                lane.append(await next_of(feed))
    answered += [parcel.id for parcel in lane]
    while len(answered) < len(journal.there):
        async with asyncio.timeout(5):
            answered.append((await next_of(feed)).id)
    assert sorted(answered) == journal.there
