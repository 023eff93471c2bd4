"""Which interlocks are latched, kept through kill -9 and power cuts: written before a latch is announced.

The command that cuts off never waits for it. A process that was killed between the two finds no record, and then what
the sensors say decides.
"""

from dataclasses import dataclass

import msgspec

from classroom_profiles.interlock_state import Seen
from edge_agent.kept_value import KeptValue


@dataclass(frozen=True, slots=True)
class Latch:
    """One rule that staff has not reset yet."""

    rule: str
    cause: Seen
    since_us: int
    """Wall clock, microseconds since 1970-01-01 UTC."""


@dataclass(frozen=True, slots=True)
class Latches:
    """All of a room."""

    latched: tuple[Latch, ...] = ()


class LatchStore(KeptValue[Latches]):
    """One room's."""

    table = "latches"

    def encode(self, value: Latches) -> bytes:
        return msgspec.json.encode(value)

    def decode(self, content: bytes) -> Latches:
        try:
            return msgspec.json.decode(content, type=Latches)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            raise ValueError(f"not latches: {wrong}") from wrong
