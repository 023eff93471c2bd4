"""One metric by school as it is now: totals of its newest values, which nobody has to ask a store for. Pure."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from classroom_profiles.capability import Value
from cloud_ingest.store import SchoolTotals


class Newest(Protocol):
    """The newest point of one series."""

    @property
    def school(self) -> str: ...
    @property
    def value(self) -> Value: ...
    @property
    def time_us(self) -> int: ...


def by_school(newest: Iterable[Newest]) -> Sequence[SchoolTotals]:
    """Of one metric, in order of name: how many series, their mean (flags are 0 and 1), when the last was measured."""
    schools: dict[str, list[Newest]] = {}
    for one in newest:
        schools.setdefault(one.school, []).append(one)
    return [_totals(school, of_one) for school, of_one in sorted(schools.items())]


def _totals(school: str, newest: Sequence[Newest]) -> SchoolTotals:
    numbers = [float(one.value) for one in newest if not isinstance(one.value, str)]
    mean = sum(numbers) / len(numbers) if numbers else None
    return SchoolTotals(school, len(newest), mean, max(one.time_us for one in newest))
