"""Was all that was produced stored, once, and in order? What was durable at the gateways against what the store has.

Produced is what a journal said was durable, and what is stored without that: a kill may come between the two.
Pure, and no code of the gateway or the centre is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from tests.chaos.series import LIFE

Tags = tuple[str, str, str, str, str, str]
"""measurement, school, room, device, role, metric"""
Row = tuple[int, int]
"""Time in microseconds, number."""


@dataclass(slots=True)
class Life:
    """One process of a gateway, from its start to its end."""

    number: int
    durable: int = 0
    """Every number of this life below it is on the disk, for every series."""
    said: list[tuple[float, int]] = field(default_factory=list)
    """When it said so (seconds of the run), and what."""

    def numbers(self, most: int) -> range:
        return range(self.number * LIFE, self.number * LIFE + most)

    def when(self, place: int) -> float | None:
        """By when the number at `place` was durable; None if this life never said so."""
        return next((at_s for at_s, durable in self.said if durable > place), None)


@dataclass(slots=True)
class Verdict:
    """Of one series."""

    produced: int = 0
    stored: int = 0
    """Different values."""
    duplicates: int = 0
    missing: list[int] = field(default_factory=list)
    misordered: list[tuple[Row, Row]] = field(default_factory=list)
    """Neighbours in time that were produced the other way round."""
    unknown: list[Row] = field(default_factory=list)
    """What is stored and was never produced."""
    twice: list[int] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.duplicates or self.missing or self.misordered or self.unknown)


def judge(lives: Sequence[Life], rows: Sequence[Row]) -> Verdict:
    """One series of a gateway with these lives; `rows` in any order."""
    verdict = Verdict()
    ordered = sorted(rows)
    by_life: dict[int, set[int]] = {life.number: set() for life in lives}
    seen: set[int] = set()
    for row in ordered:
        number = row[1]
        if number < 0 or number // LIFE not in by_life:
            verdict.unknown.append(row)
        elif number in seen:
            verdict.duplicates += 1
            verdict.twice.append(number)
        else:
            seen.add(number)
            by_life[number // LIFE].add(number)
    verdict.misordered = [(before, after) for before, after in pairwise(ordered) if after[1] < before[1]]
    verdict.stored = len(seen)
    for life in lives:
        found = by_life[life.number]
        most = max(life.durable, max(found, default=-1) % LIFE + 1 if found else 0)
        verdict.produced += most
        verdict.missing += [number for number in life.numbers(most) if number not in found]
    return verdict


@dataclass(slots=True)
class Books:
    """The whole run."""

    verdicts: dict[Tags, Verdict] = field(default_factory=dict)
    strangers: list[Tags] = field(default_factory=list)
    """Series in the store that nobody produced."""

    def add(self, tags: Tags, lives: Sequence[Life], rows: Sequence[Row]) -> None:
        self.verdicts[tags] = judge(lives, rows)

    @property
    def produced(self) -> int:
        return sum(verdict.produced for verdict in self.verdicts.values())

    @property
    def stored(self) -> int:
        return sum(verdict.stored for verdict in self.verdicts.values())

    @property
    def duplicates(self) -> int:
        return sum(verdict.duplicates for verdict in self.verdicts.values())

    @property
    def misordered(self) -> int:
        return sum(len(verdict.misordered) for verdict in self.verdicts.values())

    @property
    def unknown(self) -> int:
        return sum(len(verdict.unknown) for verdict in self.verdicts.values()) + len(self.strangers)

    def missing(self, room: str, measurement: str) -> int:
        """Of one gateway, in one measurement: what its journal has to have declared as dropped."""
        return sum(
            len(verdict.missing) for tags, verdict in self.verdicts.items() if (tags[0], tags[2]) == (measurement, room)
        )


def ranges(numbers: Sequence[int]) -> str:
    """Numbers as people read them: `life 2: 10-14, 17; life 3: 0`."""
    parts: list[str] = []
    for life, of_life in groupby(sorted(numbers), key=lambda number: number // LIFE):
        runs = groupby(enumerate(of_life), key=lambda each: each[1] - each[0])
        ends = [(run[0][1] % LIFE, run[-1][1] % LIFE) for run in (list(run) for _, run in runs)]
        texts = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ends)
        parts.append(f"life {life}: {texts}")
    return "; ".join(parts)


def account(books: Books, lives: Mapping[str, Sequence[Life]], faults: Sequence[tuple[float, float, str]]) -> list[str]:
    """Which series, which values, after which fault. `lives` by room; `faults` with begin and end (seconds)."""
    alike: dict[tuple[str, ...], list[Tags]] = {}
    for tags, verdict in books.verdicts.items():
        if not verdict.clean:
            alike.setdefault(tuple(_told(verdict, lives[tags[2]], faults)), []).append(tags)
    told: list[str] = []
    for lines, series in alike.items():
        told += [*("series " + " ".join(tags) for tags in series), *lines]
    return told + ["nobody produced the series " + " ".join(tags) for tags in books.strangers[:5]]


def _told(verdict: Verdict, lives: Sequence[Life], faults: Sequence[tuple[float, float, str]]) -> list[str]:
    told: list[str] = []
    if verdict.missing:
        told.append(f"  missing {len(verdict.missing)}: {ranges(verdict.missing)}")
    if verdict.twice:
        told.append(f"  stored twice {len(verdict.twice)}: {ranges(verdict.twice)}")
    told += [
        f"  out of order: {before[1]} at {before[0]} us, then {after[1]} at {after[0]} us"
        for before, after in verdict.misordered[:5]
    ]
    told += [f"  never produced: number {number} at {time_us} us" for time_us, number in verdict.unknown[:5]]
    wrong = [*verdict.missing, *verdict.twice, *(after[1] for _, after in verdict.misordered)]
    return told + _after(wrong, lives, faults)


def _after(wrong: Sequence[int], lives: Sequence[Life], faults: Sequence[tuple[float, float, str]]) -> list[str]:
    """The faults at work when the first of `wrong` was produced, and the last three before."""
    if not wrong:
        return []
    first = min(wrong)
    at_s = next((life.when(first % LIFE) for life in lives if life.number == first // LIFE), None)
    if at_s is None:
        return ["  the first of these was never said to be durable"]
    at_work = [text for begin, end, text in faults if begin <= at_s <= end]
    before = [text for _, end, text in faults if end < at_s][-3:]
    return [f"  the first was durable at {at_s:.2f} s", *(f"    after  {text}" for text in before),
            *(f"    during {text}" for text in at_work)]  # fmt: skip
