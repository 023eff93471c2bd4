"""Keeps what the robot kits were made to do, and what they were last seen to hold, through kill -9 and power cuts."""

import msgspec

from edge_agent.fleet_work import Held, Job, Work
from edge_agent.kept_value import KeptValue


class Kept(msgspec.Struct, frozen=True):
    """What is on the disk."""

    job: Job | None = None
    works: dict[str, Work] = {}
    """Kit to what it was made to do last."""
    holds: dict[str, tuple[Held, ...]] = {}


class FleetStore(KeptValue[Kept]):
    table = "fleet"

    def encode(self, value: Kept) -> bytes:
        return msgspec.json.encode(value)

    def decode(self, content: bytes) -> Kept:
        """Raises ValueError."""
        return msgspec.json.decode(content, type=Kept)
