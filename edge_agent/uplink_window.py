"""How many parcels may be on their way at a time: as many as a steady rate needs while the centre takes its time.

A store whose word holds only after twelve seconds makes every answer late by design, so what is on its way has to grow
with the time that answers take, or eight parcels each twelve seconds would be all that a week's outage drains by:

    parcels = parcels/s × seconds an answer takes        between `least` and `most`, and `MOST_BYTES` at most

It is reached by two more for each answer, so threefold within the time that an answer takes, and is halved (RFC 5681,
section 3.1) when the centre asks for time or does not answer, once for all that were on their way together.
"""

import math
from collections import deque

LEAST = 8
MOST_BYTES = 8 * 1024 * 1024
_MORE = 2
_LOOKED_AT = 32


class Window:
    def __init__(self, parcels_per_s: float, most: int, least: int = LEAST) -> None:
        """`parcels_per_s`: what is aimed at."""
        self.size = self._least = least
        self._per_s = parcels_per_s
        self._most = most
        self._out = 0
        self._bytes = 0
        self._may_grow = 0
        """By so many answers: those to what was on its way when it was last full."""
        self._took_s: deque[float] = deque(maxlen=_LOOKED_AT)
        self._cut_at = -math.inf

    @property
    def open(self) -> bool:
        """One more may go."""
        return self._out < self.size and (self._bytes < MOST_BYTES or not self._out)

    def enter(self, size_bytes: int) -> None:
        self._out += 1
        self._bytes += size_bytes
        if self._out >= self.size:
            self._may_grow = self._out

    def leave(self, size_bytes: int) -> None:
        self._out -= 1
        self._bytes -= size_bytes

    def measured(self, took_s: float) -> None:
        """A parcel, of this window or another, was answered in this time."""
        self._took_s.append(took_s)

    def answered(self) -> None:
        """One of its parcels was. It does not grow unless it is what holds parcels back."""
        more = _MORE if self._may_grow else 0
        self._may_grow = max(0, self._may_grow - 1)
        self.size = min(self.size + more, self._aim())

    def cut(self, now_s: float) -> None:
        """The centre has too much to do, or is away."""
        if now_s - self._cut_at >= self._usual_s():
            self._cut_at = now_s
            self.size = max(self._least, self.size // 2)

    def _aim(self) -> int:
        return max(self._least, min(self._most, math.ceil(self._per_s * self._usual_s())))

    def _usual_s(self) -> float:
        """How long answers take that did not have to queue: the lower quartile."""
        return sorted(self._took_s)[len(self._took_s) // 4] if self._took_s else 0.0
