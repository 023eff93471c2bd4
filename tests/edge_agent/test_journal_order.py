"""Whatever clocks, restarts and the uplink do in whatever order: a series' times are in the order of its points."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from classroom_profiles.telemetry import Point
from edge_agent.clock import Moment
from edge_agent.journal import Journal
from tests.edge_agent.journal_peer import BASE_US, everything, held, series, stored

TRUE_US = BASE_US - 1_000_000_000
"""The true offset: wall time minus monotonic time."""
WRONG_S = [-400 * 86_400, -3_600, -60, 79, 3_500, 86_400]

Step = tuple[str, int]
WRITE, SEND, RESTART, BOOT, JUMP, RIGHT = "write", "send", "restart", "boot", "jump", "right"
steps = st.one_of(
    st.tuples(st.just(WRITE), st.integers(1, 8)),
    st.tuples(st.just(SEND), st.integers(1, 3)),
    st.tuples(st.just(RESTART), st.just(0)),
    st.tuples(st.just(BOOT), st.sampled_from(WRONG_S)),
    st.tuples(st.just(JUMP), st.sampled_from(WRONG_S)),
    st.tuples(st.just(RIGHT), st.just(0)),
)


@dataclass
class Gateway:
    """One series, written through lives and boots; what left the journal, and with which time."""

    path: Path
    now: Moment = field(default_factory=lambda: Moment(TRUE_US, True))
    boot: int = 0
    monotonic_us: int = 1_000_000_000
    written: int = 0
    came: list[Point] = field(default_factory=list)

    def journal(self) -> Journal:
        return Journal.open(self.path, f"boot-{self.boot}", seal_s=0.0, clock=lambda: self.now)

    async def live(self, some: list[Step]) -> list[Step]:
        """Until a restart; the steps that are left."""
        async with self.journal() as journal:
            for number, (what, how) in enumerate(some):
                if what in (RESTART, BOOT):
                    if what == BOOT:
                        self.boot += 1
                        self.now = Moment(TRUE_US + how * 1_000_000, False)
                    return some[number + 1 :]
                await self._do(journal, what, how)
            self.came += held(await everything(journal))
        return []

    async def _do(self, journal: Journal, what: str, how: int) -> None:
        if what == WRITE:
            for _ in range(how):
                self.monotonic_us += 30_000
                at_us = self.monotonic_us + self.now.offset_us
                journal.write([Point(series(), at_us, float(self.written))])
                self.written += 1
            await journal.flush()
        elif what == SEND and journal.backlog:
            for parcel in await journal.parcels(0, how):
                self.came += held([parcel])
                journal.settle(parcel, stored(parcel))
            await journal.flush()
        elif what == JUMP:
            self.now = Moment(TRUE_US + how * 1_000_000, self.now.trusted)
        elif what == RIGHT:
            self.now = Moment(TRUE_US, True)


@settings(max_examples=150)
@given(st.lists(steps, max_size=25))
@example([(JUMP, 79), (WRITE, 3), (SEND, 1), (BOOT, 79), (WRITE, 5), (RIGHT, 0), (WRITE, 3)])
@example([(JUMP, 79), (WRITE, 3), (SEND, 3), (BOOT, -3_600), (WRITE, 5), (RIGHT, 0), (WRITE, 3), (SEND, 3)])
@example(
    [(JUMP, 3_500), (WRITE, 8), (SEND, 3), (BOOT, -3_600), (WRITE, 8), (RESTART, 0), (WRITE, 8), (RIGHT, 0), (WRITE, 3)]
)
@example([(JUMP, 79), (WRITE, 3), (SEND, 3), (BOOT, -3_600), *[(WRITE, 1)] * 70, (RIGHT, 0), (WRITE, 3), (WRITE, 3)])
@example([(BOOT, 79), *[(WRITE, 1)] * 70, (RIGHT, 0), (WRITE, 3), (WRITE, 3)])
def test_times_are_in_the_order_of_the_points(some: list[Step]) -> None:
    with tempfile.TemporaryDirectory(prefix="journal-order-") as folder:
        gateway = Gateway(Path(folder) / "journal.sqlite")
        left = [*some, (RIGHT, 0), (WRITE, 1)]
        while left:
            left = asyncio.run(gateway.live(left))
    by_time = sorted(gateway.came, key=lambda point: point.time_us)
    assert [point.value for point in by_time] == [float(number) for number in range(gateway.written)]
    assert all(before.time_us < after.time_us for before, after in pairwise(by_time))
