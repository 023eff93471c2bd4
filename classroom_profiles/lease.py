"""A lease: somebody's exclusive hold on a bench, a robot or an experiment, which always ends by itself. Pure.

Who may do what, by rank of staff:

    hold, renew, let go     teacher, technician; renewing and letting go by whoever has the lease's key
    take over               a teacher from a teacher, a technician from anybody, each with a reason
    not held up by any      emergency profiles ('preempts: yes') and interlocks

Time is monotonic seconds of one boot. A wall clock that is set changes nothing; over a restart of the machine a lease
keeps what was left of it when it was written last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

SHORTEST_S, USUAL_S = 30.0, 45 * 60.0
USUAL_SILENCE_S = 60.0


class Staff(StrEnum):
    TEACHER = "teacher"
    TECHNICIAN = "technician"


LONGEST_S: Mapping[Staff, float] = {Staff.TEACHER: 4 * 3600.0, Staff.TECHNICIAN: 24 * 3600.0}
"""For how long from now one may hold something."""
MAY_TAKE_OVER_FROM: Mapping[Staff, frozenset[Staff]] = {
    Staff.TEACHER: frozenset({Staff.TEACHER}),
    Staff.TECHNICIAN: frozenset(Staff),
}


class Reason(StrEnum):
    """Why somebody's hold was ended. A closed set, so that no name gets into what the centre is told."""

    SAFETY = "safety"
    ABANDONED = "abandoned"
    NEXT_CLASS = "next-class"
    REPAIR = "repair"
    MISTAKE = "mistake"
    OTHER = "other"


class Ending(StrEnum):
    RELEASED = "released"
    EXPIRED = "expired"
    SILENT = "silent"
    """The device of its holder was not heard of for as long as it had said."""
    TAKEN_OVER = "taken-over"


@dataclass(frozen=True, slots=True)
class Lease:
    id: str
    target: str
    """The bench or the device."""
    devices: frozenset[str]
    """All that it keeps from others."""
    holder: str
    """Which tablet or desk, never who."""
    rank: Staff
    key: str
    """The digest of what proves that one is its holder."""
    until_s: float
    silence_s: float
    """It ends when its holder was not heard of for so long."""
    heard_s: float

    def ends_s(self) -> float:
        """When, if nothing is heard."""
        return min(self.until_s, self.heard_s + self.silence_s)


class Held(Exception):
    """Somebody else has it."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"{lease.target} is held by {lease.holder}")
        self.lease = lease


class NotAllowed(Exception):
    """This rank may not; the text says what it may."""


def conflicting(leases: Iterable[Lease], devices: frozenset[str]) -> tuple[Lease, ...]:
    """Those that hold one of the devices."""
    return tuple(lease for lease in leases if lease.devices & devices)


def holder_of(leases: Iterable[Lease], device: str) -> Lease | None:
    return next((lease for lease in leases if device in lease.devices), None)


def check_take_over(rank: Staff, leases: Iterable[Lease]) -> None:
    """Raises NotAllowed."""
    for lease in leases:
        if lease.rank not in MAY_TAKE_OVER_FROM[rank]:
            raise NotAllowed(f"a {rank} may not take over what a {lease.rank} holds")


def bounded_s(rank: Staff, for_s: float) -> float:
    """For how long it may be held: not longer than the rank may."""
    return min(max(for_s, SHORTEST_S), LONGEST_S[rank])


def renewed(lease: Lease, for_s: float, now_s: float) -> Lease:
    return replace(lease, until_s=now_s + bounded_s(lease.rank, for_s), heard_s=now_s)


def heard(lease: Lease, now_s: float) -> Lease:
    return replace(lease, heard_s=max(now_s, lease.heard_s))


def ended(leases: Iterable[Lease], now_s: float) -> list[tuple[Lease, Ending]]:
    """Those that are over by now, and why."""
    return [
        (lease, Ending.EXPIRED if now_s >= lease.until_s else Ending.SILENT)
        for lease in leases
        if now_s >= lease.ends_s()
    ]


def restored(lease: Lease, saved_s: float, same_boot: bool, now_s: float) -> Lease:
    """As it is after a restart. Its holder could not be heard meanwhile: the silence is counted anew.

    `saved_s`: when it was written, by the clock of its boot.
    """
    left_s = lease.until_s - (now_s if same_boot else saved_s)
    return replace(lease, until_s=now_s + min(left_s, LONGEST_S[lease.rank]), heard_s=now_s)
