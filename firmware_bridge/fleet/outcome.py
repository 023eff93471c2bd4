"""What became of each kit, and how far it is while it goes on: one line a kit, never one failure for all."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    DONE = "done"
    UNCHANGED = "unchanged"
    """It was so already."""
    SKIPPED = "skipped"
    """It is not for this kit; `words` says why."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """A kit is at this point."""

    kit: str
    phase: str
    """opening, checking, sending, starting, waiting, stopping, writing, verifying, done, failed …"""
    percent: int | None = None
    words: str = ""


Told = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended for one kit."""

    kit: str
    state: State
    words: str = ""
    """Why it was skipped or failed, and what to do; empty if all is well."""
    code: str = ""
    """Of a failure, as DeviceError has it."""
    reason: str = ""
    """Of a failure, where more is known than its code says: `board-full`, `other-firmware`, `unplugged` …"""
    program: str = ""
    """What the kit confirmed to have, as `line-follower 1.2.0`; empty if that is not known, or nothing."""
    running: str = ""
    """What the kit confirmed to run; `ready` for a kit without programs that is ready."""
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """All kits, in the room's order."""

    outcomes: tuple[Outcome, ...] = field(default_factory=tuple)

    @property
    def ok(self) -> bool:
        return all(one.state is not State.FAILED for one in self.outcomes)

    @property
    def retries(self) -> int:
        return sum(max(0, one.attempts - 1) for one in self.outcomes)

    def of(self, kit: str) -> Outcome:
        """Raises KeyError."""
        return {one.kit: one for one in self.outcomes}[kit]

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "kits": [asdict(one) for one in self.outcomes]}
