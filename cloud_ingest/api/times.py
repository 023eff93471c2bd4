"""Times in questions and answers: ISO 8601 with an offset, shown as in Viet Nam. Pure."""

from datetime import UTC, datetime, timedelta

from classroom_profiles.timetable import VIETNAM
from cloud_ingest.operations.choosing import WrongQuestion
from cloud_ingest.query import seconds
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, HOUR_US, MINUTE_US, Span

"""It has had no summer time since 1975."""
LONGEST_US = 3660 * DAY_US
LENGTHS = {"1m": MINUTE_US, "5m": FIVE_MINUTES_US, "15m": 15 * MINUTE_US, "1h": HOUR_US, "6h": 6 * HOUR_US,
           "1d": DAY_US}  # fmt: skip
"""What a window may be long."""
_CHART = 2000
_EXAMPLE = "a time such as 2026-11-25T07:30:00+07:00, or how long ago: 90s, 15m, 24h, 365d"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def shown(time_us: int | None) -> str | None:
    """To the millisecond; None for never."""
    if not time_us:
        return None
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).astimezone(VIETNAM).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError):  # a gateway's clock is out by eight thousand years
        return None


def read(field: str, text: str, now_us: int) -> int:
    """Microseconds since 1970. Raises WrongQuestion."""
    try:
        return max(0, now_us - seconds(text) * 1_000_000)
    except ValueError:
        pass
    try:
        # In a query a plus sign that was not escaped comes as a space.
        found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if found.tzinfo is None:
            raise WrongQuestion(field, f"say the offset: {_EXAMPLE}")
        time_us = (found - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as wrong:
        if isinstance(wrong, WrongQuestion):
            raise
        raise WrongQuestion(field, _EXAMPLE) from wrong
    if time_us < 0:
        raise WrongQuestion(field, "at or after 1970")
    return time_us


def span(since: str, until: str | None, now_us: int) -> Span:
    """Raises WrongQuestion."""
    since_us = read("since", since, now_us)
    until_us = now_us if until is None else read("until", until, now_us)
    if since_us >= until_us:
        raise WrongQuestion("since", "before until")
    if until_us - since_us > LONGEST_US:
        raise WrongQuestion("since", "at most ten years before until")
    return Span(since_us, until_us)


def window_us(length: str | None, of: Span) -> int:
    """What was asked for, or the shortest that a chart of two thousand points can show. Raises WrongQuestion."""
    if length is None:
        return next((us for us in LENGTHS.values() if len(of.starts(us)) <= _CHART), DAY_US)
    if length not in LENGTHS:
        raise WrongQuestion("window", f"one of {', '.join(LENGTHS)}")
    return LENGTHS[length]
