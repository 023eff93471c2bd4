"""Windows of a series: many points as count, mean, least, most and last. Pure. A window without points is not there.

Windows begin at multiples of their length since 1970 UTC, so that each store, and each rollup in it, cuts time at the
same places. What is asked for is widened to whole windows.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from classroom_profiles.capability import Value

MINUTE_US = 60_000_000
FIVE_MINUTES_US = 5 * MINUTE_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
MOST = 20_000
"""Windows in one answer: more than any screen has pixels."""


@dataclass(frozen=True, slots=True)
class Window:
    """The points of one series from `start_us` on. Flags count as 0 and 1; of texts there is only the last."""

    start_us: int
    count: int
    total: float | None
    """None for texts; infinite if it is more than a float can hold."""
    minimum: float | None
    maximum: float | None
    last: Value

    @property
    def mean(self) -> float | None:
        """None for texts, and where the sum is more than a float can hold."""
        return mean(self.total, self.count)


@dataclass(frozen=True, slots=True)
class Span:
    """From `since_us` until just before `until_us`."""

    since_us: int
    until_us: int

    def widened(self, window_us: int) -> "Span":
        """To whole windows."""
        return Span(self.since_us // window_us * window_us, -(-self.until_us // window_us) * window_us)

    def starts(self, window_us: int) -> range:
        """The starts of all windows that it touches, empty ones too."""
        whole = self.widened(window_us)
        return range(whole.since_us, whole.until_us, window_us)


def asked(span: Span, window_us: int) -> Span:
    """`span` in whole windows. Raises ValueError if that is no question: backwards, no length, or too many windows."""
    if window_us < 1000:
        raise ValueError("a window is at least a millisecond long")
    if not 0 <= span.since_us < span.until_us:
        raise ValueError("a span begins at or after 1970 and ends after it began")
    if len(span.starts(window_us)) > MOST:
        raise ValueError(f"at most {MOST} windows: ask for longer ones")
    return span.widened(window_us)


def regrouped(windows: Iterable[Window], window_us: int) -> list[Window]:
    """Shorter windows, in order of time, as longer ones (or the same, if two parts of one window are among them)."""
    found: list[Window] = []
    for window in windows:
        start_us = window.start_us // window_us * window_us
        if found and found[-1].start_us == start_us:
            found[-1] = _joined(found[-1], window)
        else:
            found.append(window if window.start_us == start_us else replace(window, start_us=start_us))
    return found


def mean(total: float | None, count: int) -> float | None:
    """None if there is none."""
    return total / count if total is not None and math.isfinite(total) else None


def number(value: Value | None) -> float | None:
    """How a value counts in sums; None for texts."""
    return None if value is None or isinstance(value, str) else float(value)


def _joined(first: Window, then: Window) -> Window:
    return Window(
        first.start_us,
        first.count + then.count,
        _both(first.total, then.total, float.__add__),
        _both(first.minimum, then.minimum, min),
        _both(first.maximum, then.maximum, max),
        then.last,
    )


def _both(one: float | None, other: float | None, join: Callable[[float, float], float]) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return join(one, other)
