"""Is this point wrong? One look for each kind of rule. What is wrong stays so until it is clearly right.

A look sees the points of one series in order of time, none twice. What it has to remember of a series is in its Memory.
"""

from collections import deque
from typing import Protocol

from classroom_profiles.capability import Value as PointValue
from cloud_ingest.alarms.rules import Rate, SeriesRule, Stuck, Threshold, Value

_IN_WINDOW = 8
"""So many points of a window are kept, evenly spread: a rate needs no more."""


class Memory:
    """What a look remembers of one series. Most remember nothing."""

    __slots__ = ("same", "same_since_us", "window")

    def __init__(self) -> None:
        self.window: deque[tuple[int, float]] | None = None
        self.same: float | None = None
        self.same_since_us = 0


class Look(Protocol):
    limit: float | None

    def __call__(self, memory: Memory, time_us: int, value: PointValue, was_wrong: bool) -> bool: ...


class _TooHigh:
    def __init__(self, limit: float, clear: float) -> None:
        self.limit: float | None = limit
        self._above, self._clear = limit, clear

    def __call__(self, memory: Memory, time_us: int, value: PointValue, was_wrong: bool) -> bool:
        if isinstance(value, (str, bool)):
            return was_wrong
        return value > self._above or (was_wrong and value > self._clear)


class _TooLow:
    def __init__(self, limit: float, clear: float) -> None:
        self.limit: float | None = limit
        self._below, self._clear = limit, clear

    def __call__(self, memory: Memory, time_us: int, value: PointValue, was_wrong: bool) -> bool:
        if isinstance(value, (str, bool)):
            return was_wrong
        return value < self._below or (was_wrong and value < self._clear)


class _OneOf:
    limit: float | None = None

    def __init__(self, wrong: tuple[bool | str | float, ...]) -> None:
        self._wrong = {(isinstance(each, bool), each) for each in wrong}  # 1 is not true

    def __call__(self, memory: Memory, time_us: int, value: PointValue, was_wrong: bool) -> bool:
        return (isinstance(value, bool), value) in self._wrong


class _TooFast:
    """By how much it has risen since its least, or fallen since its most, of the window."""

    def __init__(self, rule: Rate) -> None:
        self._sign = 1.0 if rule.rises is not None else -1.0
        self._most = rule.rises or rule.falls or 0.0
        self._clear = self._most * rule.clear_share
        self.limit: float | None = self._most
        self._over_us = int(rule.over_s * 1e6)

    def __call__(self, memory: Memory, time_us: int, value: PointValue, was_wrong: bool) -> bool:
        if isinstance(value, (str, bool)):
            return was_wrong
        height = self._sign * value
        window = memory.window
        if window is None:
            window = memory.window = deque()
        while window and window[0][0] < time_us - self._over_us:
            window.popleft()
        least = min((each for _, each in window), default=height)
        # A part of the window has one entry, its least: a rise is never missed, and memory stays bounded.
        if window and time_us - window[-1][0] < self._over_us // _IN_WINDOW:
            if height < window[-1][1]:
                window[-1] = (window[-1][0], height)
        else:
            window.append((time_us, height))
        rise = height - least
        return rise > self._most or (was_wrong and rise > self._clear)


class _Same:
    def __init__(self, rule: Stuck) -> None:
        self.limit: float | None = None
        self._after_us = int(rule.after_s * 1e6)
        self._within = rule.within

    def __call__(self, memory: Memory, time_us: int, value: PointValue, was_wrong: bool) -> bool:
        if isinstance(value, (str, bool)):
            return was_wrong
        if memory.same is None or abs(value - memory.same) > self._within:
            memory.same, memory.same_since_us = value, time_us
            return False
        return time_us - memory.same_since_us >= self._after_us


class _Happened:
    limit: float | None = None

    def __call__(self, memory: Memory, time_us: int, value: PointValue, was_wrong: bool) -> bool:
        return value not in ("", False)


class _Heard:
    """Whatever comes is right: it is silence that is wrong."""

    limit: float | None = None

    def __call__(self, memory: Memory, time_us: int, value: PointValue, was_wrong: bool) -> bool:
        return False


def look_of(rule: SeriesRule) -> Look:
    match rule:
        case Threshold(above=float(above)):
            return _TooHigh(above, above if rule.clear_below is None else rule.clear_below)
        case Threshold(below=float(below)):
            return _TooLow(below, below if rule.clear_above is None else rule.clear_above)
        case Value():
            return _OneOf(rule.one_of)
        case Rate():
            return _TooFast(rule)
        case Stuck():
            return _Same(rule)
    return _Happened() if rule.kind == "event" else _Heard()
