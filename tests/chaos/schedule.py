"""Which fault comes when: drawn from a seed, so that a run can be had again. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    GATEWAY_KILLED = "gateway-killed"
    INGEST_KILLED = "ingest-killed"
    BROKER_KILLED = "broker-killed"
    STORE_STOPPED = "store-stopped"
    LINK_CUT = "link-cut"
    DISK_FULL = "disk-full"
    CLOCK_JUMP = "clock-jump"
    HALF_BATCH = "half-batch"


WAYS: dict[Kind, Sequence[str]] = {
    Kind.GATEWAY_KILLED: ("kill -9",),
    Kind.INGEST_KILLED: ("all", "one worker"),
    Kind.BROKER_KILLED: ("kill -9",),
    Kind.STORE_STOPPED: ("kill -9", "frozen"),
    Kind.LINK_CUT: ("cut in a packet", "silent", "late"),
    Kind.DISK_FULL: ("no room", "no writes"),
    Kind.CLOCK_JUMP: ("forward", "back", "unknown"),
    Kind.HALF_BATCH: ("torn log", "half published"),
}

_LASTS_S: dict[Kind, tuple[float, float]] = {
    Kind.GATEWAY_KILLED: (0.0, 1.0),
    Kind.INGEST_KILLED: (0.0, 1.0),
    Kind.BROKER_KILLED: (0.0, 1.5),
    Kind.STORE_STOPPED: (1.0, 3.0),
    Kind.LINK_CUT: (0.3, 4.0),
    Kind.DISK_FULL: (0.5, 3.0),
    Kind.CLOCK_JUMP: (1.0, 6.0),
    Kind.HALF_BATCH: (0.0, 0.5),
}
_JUMPS_S = (2, 90, 3_600, 5 * 3_600, 3 * 86_400)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; where there are several of a kind of thing, `target` says which."""

    number: int
    at_s: float
    """Since the run began."""
    kind: Kind
    way: str
    target: int
    lasts_s: float
    jump_s: int
    """How far a clock jumps."""
    share: float
    """Where in a batch, a page or a list it happens, from 0 to 1."""

    def __str__(self) -> str:
        what = f"{self.kind} ({self.way})"
        return f"fault {self.number} at {self.at_s:.2f} s: {what}, target {self.target}, for {self.lasts_s:.2f} s"


def schedule(seed: int, faults: int, first_s: float, last_s: float, gateways: int) -> list[Fault]:
    """`faults` of them from `first_s` to `last_s`: each kind, and each way of it, as often as any other, give or take
    one. They overlap where they happen to.
    """
    draw = random.Random(seed)
    times = sorted(draw.uniform(first_s, last_s) for _ in range(faults))
    ways: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    planned: list[Fault] = []
    for number, (at_s, kind) in enumerate(zip(times, _dealt(draw, list(Kind), faults), strict=True), 1):
        if not ways[kind]:
            ways[kind] = draw.sample(WAYS[kind], len(WAYS[kind]))
        planned.append(
            Fault(
                number=number,
                at_s=round(at_s, 3),
                kind=kind,
                way=ways[kind].pop(),
                target=draw.randrange(gateways),
                lasts_s=round(draw.uniform(*_LASTS_S[kind]), 3),
                jump_s=draw.choice(_JUMPS_S),
                share=round(draw.uniform(0.02, 0.98), 3),
            )
        )
    return planned


def _dealt(draw: random.Random, kinds: list[Kind], count: int) -> list[Kind]:
    """`count` kinds in random order, from a shuffled pack that is shuffled anew when it is used up."""
    dealt: list[Kind] = []
    while len(dealt) < count:
        dealt += draw.sample(kinds, len(kinds))
    return dealt[:count]
