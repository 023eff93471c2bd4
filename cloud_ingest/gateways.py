"""What state a gateway is in, from what it said and when it was last heard of: pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

import msgspec

SILENT_AFTER_S = 300.0
"""A gateway that works sends something every minute."""
BUFFERING_AFTER_S = 60.0
_OVERTAKEN_US = 5_000_000  # a last will comes after the last batch, however late that one was handled

_PLAIN = re.compile(r"[!-~]{1,40}")


class State(StrEnum):
    """The first of these that holds is the state."""

    OFF = "off"
    """It said goodbye."""
    UNREACHABLE = "unreachable"
    """The broker lost it: no power, or no network. What it measures comes later."""
    SILENT = "silent"
    """Connected, as far as the broker knows, but nothing comes."""
    BUFFERING = "buffering"
    """It sends, but has more than it could send so far."""
    CLOCK_UNTRUSTED = "clock untrusted"
    """It does not know the true time, so its points may have a wrong one."""
    WORKING = "working"


class Said(msgspec.Struct, frozen=True):
    """A gateway's status message. What a later version says beside is left alone."""

    state: str
    version: str = ""
    boot: str = ""
    clock: str = ""
    """`trusted`, `untrusted`, `retimed`; empty if it did not say."""
    backlog_points: int = 0
    backlog_age_s: float = 0.0
    dropped_points: int = 0
    journal_writable: bool = True

    @property
    def what(self) -> str:
        """`online`, `off` (a goodbye) or `unreachable` (a last will)."""
        return "unreachable" if self.state == "offline" else self.state


_said = msgspec.json.Decoder(Said, strict=True)


def said_of(payload: bytes) -> Said | None:
    """None if it is no status."""
    try:
        said = _said.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    texts = (said.version, said.boot, said.clock)
    numbers = (said.backlog_points, said.dropped_points)
    if said.state not in ("online", "off", "offline"):
        return None
    if not all(text == "" or _PLAIN.fullmatch(text) for text in texts) or not all(0 <= n < 2**53 for n in numbers):
        return None
    return said if 0 <= said.backlog_age_s < 1e10 else None


class Gateway(msgspec.Struct, frozen=True, gc=False):
    """What is known of one. Times are microseconds since 1970 by the centre's clock; 0 is never.

    A struct and not a dataclass, since all of a city are read every few seconds.
    """

    school: str
    name: str
    said: Said | None
    said_us: int
    """When it began to say that."""
    heard_us: int
    """When its last batch was stored."""
    newest_us: int
    """The time of its newest point, by its own clock."""
    points: int
    rooms: tuple[str, ...]

    def seen_us(self) -> int:
        return max(self.said_us, self.heard_us)


@dataclass(frozen=True, slots=True)
class Condition:
    """A gateway's state, and what else holds."""

    state: State
    buffering_min: float
    """How old the oldest point is that it could not send; 0 if it has none."""
    clock_untrusted: bool


def is_well(gateway: Gateway, now_us: int, silent_after_s: float = SILENT_AFTER_S) -> bool:
    """True if it can be seen at once that it works and nothing is to be said of it."""
    said = gateway.said
    return (
        said is None
        or (said.state == "online" and not said.backlog_points and said.clock != "untrusted" and said.journal_writable)
    ) and now_us - gateway.seen_us() <= silent_after_s * 1e6


def condition(gateway: Gateway, now_us: int, silent_after_s: float = SILENT_AFTER_S) -> Condition:
    """`now_us`: the centre's."""
    said = gateway.said
    what = said.what if said else "online"
    if what != "online" and gateway.heard_us > gateway.said_us + _OVERTAKEN_US:
        what = "online"  # it is back, and its batches came before its word
    since_said_s = max(0.0, (now_us - gateway.said_us) / 1e6)
    backlog_s = said.backlog_age_s + since_said_s if said and said.backlog_points else 0.0
    if what == "online" and said and said.backlog_points and gateway.heard_us > gateway.said_us:
        # It has sent since: what is late now is what its newest point says.
        backlog_s = min(backlog_s, max(0.0, (gateway.heard_us - gateway.newest_us) / 1e6))
    untrusted = said is not None and said.clock == "untrusted"
    if what == "off":
        state = State.OFF
    elif what == "unreachable":
        state = State.UNREACHABLE
    elif now_us - gateway.seen_us() > silent_after_s * 1e6:
        state = State.SILENT
    elif backlog_s > BUFFERING_AFTER_S:
        state = State.BUFFERING
    else:
        state = State.CLOCK_UNTRUSTED if untrusted else State.WORKING
    return Condition(state, backlog_s / 60, untrusted)
