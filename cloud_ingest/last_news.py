"""What came in since the last values were written down: cheap to add to, by room when it is taken."""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

from classroom_profiles.series import Run, Series
from classroom_profiles.telemetry import Layout
from cloud_ingest.last_rows import Heard, Name, Names, joined
from cloud_ingest.store import Portion, Stored

ROOMS = 100_000
"""Of so many at most it keeps what cannot be written now; of a room it keeps the newest of each series."""

_SAME = 30_000

_Cell = TypeVar("_Cell")
Room = tuple[str, str]
"""School, room."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One room of a layout."""

    room: str
    names: Names
    places: Sequence[int] | None
    """None if it is the only one."""
    simulated: Sequence[bool]

    def chosen(self, column: list[_Cell]) -> Sequence[_Cell]:
        return column if self.places is None else [column[place] for place in self.places]


class LastNews:
    """Several threads may add to it, one takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole: dict[tuple[str, Layout], list[tuple[str, Heard]]] = {}
        """Of each layout, by room, the newest batch that has all of its series: the ones before need no look."""
        self._runs: dict[Room, dict[tuple[Name, bool], Run]] = {}
        """The newest of all other batches."""
        self._held: dict[Room, Heard] = {}
        self._layouts: WeakKeyDictionary[Layout, list[_Part]] = WeakKeyDictionary()
        self._same: dict[tuple[Names, tuple[bool, ...]], tuple[Names, tuple[bool, ...]]] = {}

    def add(self, portion: Portion) -> None:
        """The last point of each of its series, if it is news."""
        runs = portion.runs
        if not runs:
            return
        if portion.layout is not None:
            self._add_whole((portion.school, portion.layout), runs)
            return
        with self._lock:
            for run in runs:
                newest = self._runs.setdefault((portion.school, run.series.room), {})
                entry = _name(run.series), run.simulated
                earlier = newest.get(entry)
                if earlier is None or earlier.times_us[-1] <= run.times_us[-1]:
                    newest[entry] = run

    def _add_whole(self, of: tuple[str, Layout], runs: Sequence[Run]) -> None:
        """It is packed now, while it is near: a second later, much has come between."""
        times_us = [run.times_us[-1] for run in runs]
        values = [run.values[-1] for run in runs]
        heard = [
            (part.room, Heard.of(part.names, part.chosen(times_us), part.chosen(values), part.simulated))
            for part in self._parts(of[1])
        ]
        with self._lock:
            before = self._whole.get(of)
            if before is None or before[0][1].newest_us <= heard[0][1].newest_us:
                self._whole[of] = heard

    def add_stored(self, school: str, stored: Sequence[Stored]) -> None:
        """What a store says of a school."""
        by_room: dict[str, list[Stored]] = defaultdict(list)
        for one in stored:
            by_room[one.room].append(one)
        for room, some in by_room.items():
            names = tuple((one.measurement.value, one.device, one.role, one.metric) for one in some)
            times_us = [one.time_us for one in some]
            heard = Heard.of(names, times_us, [one.value for one in some], [one.simulated for one in some])
            self.hold({(school, room): [heard]})

    def hold(self, news: Mapping[Room, Sequence[Heard]]) -> None:
        """What could not be written is news again."""
        with self._lock:
            for of, some in news.items():
                for heard in some:
                    before = self._held.get(of)
                    if before is not None:
                        self._held[of] = joined(before, heard)
                    elif len(self._held) < ROOMS:
                        self._held[of] = heard

    def take(self) -> dict[Room, list[Heard]]:
        """All of it, which is news no longer."""
        with self._lock:
            whole, self._whole = self._whole, {}
            runs, self._runs = self._runs, {}
            held, self._held = self._held, {}
        news: dict[Room, list[Heard]] = defaultdict(list)
        for of, heard in held.items():
            news[of].append(heard)
        for (school, _), by_room in whole.items():
            for room, heard in by_room:
                news[school, room].append(heard)
        for of, newest in runs.items():
            names = tuple([name for name, _ in newest])
            times_us = [run.times_us[-1] for run in newest.values()]
            values = [run.values[-1] for run in newest.values()]
            news[of].append(Heard.of(names, times_us, values, [simulated for _, simulated in newest]))
        return news

    def _parts(self, layout: Layout) -> list[_Part]:
        found = self._layouts.get(layout)
        if found is None:
            by_room: dict[str, list[int]] = defaultdict(list)
            for place, series in enumerate(layout.series):
                by_room[series.room].append(place)
            found = self._layouts[layout] = [self._part(layout, room, places) for room, places in by_room.items()]
        return found

    def _part(self, layout: Layout, room: str, places: list[int]) -> _Part:
        """Most rooms have the same names: they are kept once."""
        if len(self._same) >= _SAME:
            self._same.clear()
        made = tuple([_name(layout.series[place]) for place in places]), tuple([layout.simulated[p] for p in places])
        names, simulated = self._same.setdefault(made, made)
        return _Part(room, names, None if len(places) == len(layout.series) else tuple(places), simulated)


def _name(series: Series) -> Name:
    return series.measurement._value_, series.device, series.role, series.metric
