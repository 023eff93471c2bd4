"""Who someone is to the room: four ranks, each of which may do all that the ones before it may."""

from enum import StrEnum


class Rank(StrEnum):
    OPEN = "open"
    """Anyone."""
    VIEWER = "viewer"
    """Anyone who may look."""
    TEACHER = "teacher"
    TECHNICIAN = "technician"

    def may(self, needed: "Rank") -> bool:
        ranks = list(Rank)
        return ranks.index(self) >= ranks.index(needed)


HOLDERS = (Rank.TEACHER, Rank.TECHNICIAN)
"""The ranks that have a PIN."""
