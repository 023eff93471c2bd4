"""What all InfluxDB versions share as a store: lines in, InfluxQL out, rollups beside."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from classroom_profiles.telemetry import Series
from cloud_ingest.bad_lines import Rejected
from cloud_ingest.influx_http import InfluxQueries
from cloud_ingest.influx_rollups import InfluxRollups
from cloud_ingest.line_store import write_portions
from cloud_ingest.store import Portion, Sample, SchoolTotals, Stored
from cloud_ingest.tending import Tending
from cloud_ingest.windows import FIVE_MINUTES_US, Span, Window, asked


class InfluxStore(ABC):
    """A version adds how to open, how to write lines, and what its answers mean."""

    writers = 2
    points_per_write = 10_000
    durable_after_s = 0.0

    def __init__(self, queries: InfluxQueries, rolled: InfluxQueries, clock_us: Callable[[], int]) -> None:
        self._reads = queries
        self._rollups = InfluxRollups(queries, rolled, self._post_rollups, clock_us)
        self._tending = Tending(self.tend, clock_us)

    @abstractmethod
    def open(self, *, create: bool = True) -> None: ...

    @abstractmethod
    def _post(self, content: bytes) -> Rejected | None:
        """Write lines of points. Raises StoreUnavailable."""

    @abstractmethod
    def _post_rollups(self, content: bytes) -> bool:
        """Write lines to the rollups' database; False if there is none. Raises StoreUnavailable."""

    def close(self) -> None:
        self._tending.stop()

    def tend(self, now_us: int) -> bool:
        """One step of what need not be done at once; False if there is none left for now. Raises StoreUnavailable."""
        return self._rollups.tend(now_us)

    def write(self, portions: Sequence[Portion]) -> list[int]:
        self._rollups.mark(portions)
        refused = write_portions(portions, self._post)
        self._tending.start()
        return refused

    def latest(self, school: str, room: str | None = None, since_us: int = 0) -> list[Stored]:
        return self._reads.latest(school, room, since_us)

    def points(self, school: str, series: Series, span: Span, limit: int = 10_000) -> list[Sample]:
        return self._reads.points(school, series, span, limit)

    def windows(self, school: str, series: Series, span: Span, window_us: int) -> list[Window]:
        return self._rollups.windows(school, series, asked(span, window_us), window_us)

    def by_school(self, metric: str, span: Span) -> list[SchoolTotals]:
        return self._rollups.by_school(metric, span.widened(FIVE_MINUTES_US))

    def count(self, school: str, room: str | None = None, since_us: int = 0) -> int:
        return self._reads.count(school, room, since_us)
