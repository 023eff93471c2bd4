"""What the journal has counted, and where its numbers and times go on when no row is left to tell."""

import msgspec

from classroom_profiles.telemetry import Measurement

LATEST_US = 7_258_118_400_000_000
"""2200-01-01: far enough from the wire's end to go on counting."""


class Tally(msgspec.Struct, kw_only=True):
    """Since the file was made."""

    stored: int = 0
    """Points that the centre's store confirmed."""
    dropped: dict[Measurement, int] = {}
    """Points given up because there was no room."""
    refused: dict[str, int] = {}
    """Points that no store would take, by reason; found here or by the centre."""
    set_aside: int = 0
    """Batches that could not be read, at the centre or because this disk changed them."""
    last_us: int = -1
    sure_us: int | None = None
    """The last time of all points whose times do not change any more."""
    next_seq: dict[Measurement, int] = {}
    retimed: int = 0
    """Points that were given the right time once it was known."""
    rescued: int = 0
    """The number of the last damaged file from which everything readable is in this one."""

    @property
    def plausible(self) -> bool:
        """False if it would put every point that comes after it beyond the end of time: a disk has changed it."""
        numbers = self.next_seq.values()
        return max(self.last_us, self.sure_us or 0) <= LATEST_US and all(0 <= number < 2**47 for number in numbers)

    def copy(self) -> "Tally":
        return msgspec.structs.replace(
            self, dropped=dict(self.dropped), refused=dict(self.refused), next_seq=dict(self.next_seq)
        )

    def add(self, other: "Tally") -> None:
        """Count what `other` has counted."""
        self.stored += other.stored
        self.set_aside += other.set_aside
        self.retimed += other.retimed
        for measurement, number in other.dropped.items():
            self.dropped[measurement] = self.dropped.get(measurement, 0) + number
        for why, number in other.refused.items():
            self.refused[why] = self.refused.get(why, 0) + number
