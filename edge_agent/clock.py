"""The gateway's two clocks, and whether the one on the wall can be believed."""

import ctypes
import time
from dataclasses import dataclass

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_ASK_AGAIN_S = 1.0
SETTLING_S = 120.0
"""For so long after a boot it is likely that the time will be known in a moment."""
PLAUSIBLE_US = 1_735_689_600_000_000
"""2025-01-01: a clock that shows less was never set. The centre refuses such times, so points rather wait."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How the wall clock stands to the monotonic clock of this boot."""

    offset_us: int
    """Wall time minus monotonic time: what turns one into the other."""
    trusted: bool
    """True once the kernel has said, since this process began, that time is synchronised (NTP, PTP, GPS)."""
    settling: bool = False
    """Not trusted yet, and worth waiting for: the machine has only just been started, or its time cannot be."""


class SystemClock:
    """Trust, once gained, stays: a clock that was set keeps good time through an outage of its source."""

    def __init__(self) -> None:
        self._trusted = False
        self._ask_at = 0.0

    def __call__(self) -> Moment:
        monotonic_ns = time.monotonic_ns()  # on Linux: since the boot
        if not self._trusted and monotonic_ns >= self._ask_at:
            self._ask_at = monotonic_ns + _ASK_AGAIN_S * 1e9
            self._trusted = _synchronised()
        return moment_of(time.time_ns() // 1000, monotonic_ns // 1000, trusted=self._trusted)


def moment_of(wall_us: int, monotonic_us: int, *, trusted: bool) -> Moment:
    """`monotonic_us`: since the boot."""
    just_started = monotonic_us < SETTLING_S * 1_000_000
    return Moment(wall_us - monotonic_us, trusted, not trusted and (just_started or wall_us < PLAUSIBLE_US))


def _synchronised() -> bool:
    """What adjtimex(2) says; it only reads while `modes`, the first field of its `struct timex`, is 0."""
    timex = ctypes.create_string_buffer(512)  # more than any platform's struct timex
    try:
        state: int = ctypes.CDLL(None).adjtimex(timex)
    except AttributeError:  # not Linux
        return False
    return 0 <= state < _TIME_ERROR
