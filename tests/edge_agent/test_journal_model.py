"""The journal beside a model of ten lines, through whatever order of writes, answers, restarts and power cuts."""

import asyncio
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from classroom_profiles.telemetry import Ack, Measurement, Point, Series
from edge_agent.journal import Journal, Parcel
from tests.edge_agent.journal_peer import BASE_US, everything, held, opened, series, stored

_SERIES = [
    series("co2_ppm"),
    series("power", "projector"),
    series("health", "projector", Measurement.DEVICE),
    series("started", "gw-1", Measurement.EVENT),
]


class Beside(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="journal-model-"))
        self.runner = asyncio.Runner()
        self.lives = 0
        self.number = 0
        self.waiting: dict[Series, list[float]] = defaultdict(list)
        self.last_us: dict[Series, int] = {}
        self.stored = 0
        self.set_aside = self.set_aside_points = 0
        self.out: list[Parcel] = []
        self.journal = self.open()

    def open(self) -> Journal:
        return opened(self.path)

    @property
    def path(self) -> Path:
        return self.folder / f"life-{self.lives}.sqlite"

    def flush(self) -> None:
        self.runner.run(self.journal.flush())

    @rule(
        which=st.lists(st.sampled_from(_SERIES), min_size=1, max_size=30),
        offset_us=st.integers(-3_600_000_000, 3_600_000_000),
    )
    def write(self, which: list[Series], offset_us: int) -> None:
        came = []
        for one in which:
            self.number += 1
            self.waiting[one].append(float(self.number))
            came.append(Point(one, BASE_US + offset_us, float(self.number)))
        self.journal.write(came)

    @rule()
    def commit(self) -> None:
        self.flush()

    @precondition(lambda self: any(self.waiting.values()))
    @rule(most=st.integers(1, 5))
    def take(self, most: int) -> None:
        after = self.out[-1].id if self.out else 0
        if sum(parcel.points for parcel in self.out) < sum(map(len, self.waiting.values())):
            self.out += self.runner.run(self.journal.parcels(after, most))

    @precondition(lambda self: self.out)
    @rule(data=st.data(), readable=st.booleans())
    def answer(self, data: st.DataObject, readable: bool) -> None:
        parcel = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.journal.settle(parcel, stored(parcel) if readable else Ack(parcel.digest, 0, unreadable="no"))
        for point in held([parcel]):
            assert isinstance(point.value, float)
            self.waiting[point.series].remove(point.value)
        self.stored += parcel.points if readable else 0
        self.set_aside += 0 if readable else 1
        self.set_aside_points += 0 if readable else parcel.points

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.out = []
        self.journal = self.open()
        self.flush()

    @rule()
    def cut_the_power(self) -> None:
        """The next life has what was in the files when all that had been said was on the disk."""
        self.flush()
        before = self.path
        self.lives += 1
        for end in ("-wal", ""):
            if before.with_name(before.name + end).exists():
                shutil.copyfile(before.with_name(before.name + end), self.path.with_name(self.path.name + end))
        self.journal.close()
        self.out = []
        self.journal = self.open()
        self.flush()

    @rule()
    def look_at_all_of_it(self) -> None:
        found: dict[Series, list[Point]] = defaultdict(list)
        for point in held(self.runner.run(everything(self.journal))):
            found[point.series].append(point)
        assert {of: [point.value for point in points] for of, points in found.items()} == {
            of: values for of, values in self.waiting.items() if values
        }
        for points in found.values():
            times = [point.time_us for point in points]
            assert times == sorted(set(times))

    @invariant()
    def counts_agree(self) -> None:
        assert self.journal.backlog == sum(map(len, self.waiting.values()))
        assert (self.journal.stored, self.journal.set_aside) == (self.stored, self.set_aside)
        assert not any(self.journal.dropped.values())
        assert self.journal.lost == self.journal.set_aside_points == self.set_aside_points
        assert self.journal.corrupt == 0
        assert not self.journal.refused

    def teardown(self) -> None:
        self.journal.close()
        self.runner.close()
        shutil.rmtree(self.folder)


TestBesideTheModel = Beside.TestCase
TestBesideTheModel.settings = settings(max_examples=40, stateful_step_count=25)
