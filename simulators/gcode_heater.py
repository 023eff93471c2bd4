"""A heater of a simulated printer: it takes real time to become hot, and longer to become cold."""

import math
import time

_CLOSE_C = 1.0


class Heater:
    """Rises at a steady rate to its target; without power it falls towards the room's temperature."""

    def __init__(self, rate_c_s: float, cooling_s: float, room_c: float = 25.0) -> None:
        """`cooling_s`: in this time the difference to the room becomes a third."""
        self.target_c = 0.0
        self._rate_c_s = rate_c_s
        self._cooling_s = cooling_s
        self._room_c = room_c
        self._from_c, self._since = room_c, time.monotonic()

    @property
    def now_c(self) -> float:
        passed_s = time.monotonic() - self._since
        fallen_c = self._room_c + (self._from_c - self._room_c) * math.exp(-passed_s / self._cooling_s)
        if self.target_c > self._from_c:
            return min(self.target_c, self._from_c + self._rate_c_s * passed_s)
        return max(self.target_c, fallen_c)

    @property
    def is_there(self) -> bool:
        """At its target, or with nothing to reach."""
        return self.target_c <= 0 or self.now_c >= self.target_c - _CLOSE_C

    def set(self, target_c: float) -> None:
        self._from_c, self._since = self.now_c, time.monotonic()
        self.target_c = target_c

    def get_there(self) -> None:
        """At once, as a test wants it."""
        self._from_c = max(self._room_c, self.target_c)
        self._since = time.monotonic()

    def run_away(self) -> None:
        """The thermistor has come off: what it reads falls while it is heated."""
        self._from_c, self._since = self._room_c, time.monotonic()
