"""Points on their way to the disk: in memory, bounded, in the lots in which they become durable."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from classroom_profiles.telemetry import Measurement, Point
from edge_agent.clock import Moment
from edge_agent.drop_order import DROP_ORDER

LOT_POINTS = 1_000
STEP_US = 10_000  # the clock was set, not slewed: 500 ppm take 20 s for that


@dataclass(slots=True)
class Lot:
    """Points that came together under one clock, by measurement, each in order of coming."""

    number: int
    moment: Moment
    began_s: float
    points: dict[Measurement, list[Point]] = field(default_factory=dict)
    count: int = 0

    def suits(self, moment: Moment) -> bool:
        return (
            self.count < LOT_POINTS
            and moment.trusted is self.moment.trusted
            and abs(moment.offset_us - self.moment.offset_us) < STEP_US
        )


class Intake:
    """At most `limit` points, beyond which the drop order applies. Whoever shares it guards it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lots: deque[Lot] = deque()
        self.count = 0
        self.opened = 0
        """The number of the newest lot."""
        self.gone = 0
        """The number of the last lot that is not here any more."""

    def put(self, points: Iterable[Point], moment: Moment) -> dict[Measurement, int]:
        """What had to be dropped for it, by measurement: nothing unless the disk has not kept up for long."""
        for point in points:
            if not self._lots or not self._lots[-1].suits(moment):
                self.opened += 1
                self._lots.append(Lot(self.opened, moment, time.monotonic()))
            lot = self._lots[-1]
            lot.points.setdefault(point.series.measurement, []).append(point)
            lot.count += 1
            self.count += 1
        return self._make_room() if self.count > self._limit else {}

    def oldest_s(self) -> float | None:
        """When the oldest lot began (monotonic seconds)."""
        return self._lots[0].began_s if self._lots else None

    def take(self, most: int) -> list[Lot]:
        """The oldest lots, about `most` points."""
        taken: list[Lot] = []
        while self._lots and most > 0:
            lot = self._lots.popleft()
            self.gone = lot.number
            taken.append(lot)
            most -= lot.count
            self.count -= lot.count
        return taken

    def _make_room(self) -> dict[Measurement, int]:
        dropped: dict[Measurement, int] = {}
        for measurement in DROP_ORDER:
            for lot in self._lots:
                excess = self.count - self._limit
                if excess <= 0:
                    break
                held = lot.points.get(measurement, [])
                gone = min(excess, len(held))
                del held[:gone]
                lot.count -= gone
                self.count -= gone
                if gone:
                    dropped[measurement] = dropped.get(measurement, 0) + gone
        while self._lots and not self._lots[0].count:
            self.gone = self._lots.popleft().number
        return dropped
