"""What the journal has counted, and where its numbers and times go on when no row is left to tell."""

import zlib
from collections.abc import Mapping

import msgspec

from classroom_profiles.telemetry import Measurement

LATEST_US = 7_258_118_400_000_000
"""2200-01-01: far enough from the wire's end to go on counting."""
OTHER_REASON = "other"
_MOST_REASONS = 24
_REASON_CHARS = 32
_CHECKSUM_BYTES = 8
_UNCHECKED = b"{"  # what versions 1 and 2 wrote begins so, and has no checksum


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
    set_aside_points: int = 0
    """Points in those that the centre could not read; what the disk changed is in `damaged`."""
    damaged: int = 0
    """Points that were durable, and which the disk has changed beyond reading."""
    last_us: int = -1
    sure_us: int | None = None
    """The last time of all points whose times do not change any more."""
    next_seq: dict[Measurement, int] = {}
    gone: dict[Measurement, int] | None = None
    """How many of the numbers before `next_seq` no row has any more, for whatever reason: what should be there is
    the difference. None until it was looked at.
    """
    retimed: int = 0
    """Points that were given the right time once it was known."""
    rescued: int = 0
    """The number of the last damaged file from which everything readable is in this one."""

    @classmethod
    def read(cls, packed: object) -> "Tally":
        """Raises ValueError if it is not what was written, or would put all points to come beyond the end of time."""
        if not isinstance(packed, bytes):
            raise ValueError("they are of another kind")
        counts = packed
        if not packed.startswith(_UNCHECKED):
            counts = packed[_CHECKSUM_BYTES:]
            if packed[:_CHECKSUM_BYTES] != _checksum(counts):
                raise ValueError("they have changed on the disk")
        try:
            tally = msgspec.json.decode(counts, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise ValueError(str(wrong)) from None
        numbers = tally.next_seq.values()
        if max(tally.last_us, tally.sure_us or 0) > LATEST_US or not all(0 <= number < 2**47 for number in numbers):
            raise ValueError("there is a number that cannot be")
        return tally

    @property
    def packed(self) -> bytes:
        counts = msgspec.json.encode(self)
        return _checksum(counts) + counts

    def missing(self, there: Mapping[Measurement, int], next_seq: Mapping[Measurement, int]) -> dict[Measurement, int]:
        """Points that should wait in the rows and do not: `there` are so many, of which `next_seq` are the next
        numbers. Nothing if that cannot be known.
        """
        if self.gone is None:
            return {}
        return {
            measurement: missing
            for measurement in Measurement
            if (
                missing := max(self.next_seq.get(measurement, 0), next_seq.get(measurement, 0))
                - self.gone.get(measurement, 0)
                - there.get(measurement, 0)
            )
            > 0
        }

    @property
    def lost(self) -> int:
        """Points that the centre will never have, whatever comes: the disk was full or bad, or it cannot read them."""
        return sum(self.dropped.values()) + self.damaged + self.set_aside_points

    def refuse(self, refused: Mapping[str, int]) -> None:
        """Count them by reason. What the centre says there is bounded: it goes into every copy of the counts."""
        for why, number in refused.items():
            if why not in self.refused and (len(self.refused) >= _MOST_REASONS or len(why) > _REASON_CHARS):
                why = OTHER_REASON
            if number:
                self.refused[why] = self.refused.get(why, 0) + number

    def copy(self) -> "Tally":
        return msgspec.structs.replace(
            self,
            dropped=dict(self.dropped),
            refused=dict(self.refused),
            next_seq=dict(self.next_seq),
            gone=None if self.gone is None else dict(self.gone),
        )

    def add(self, other: "Tally") -> None:
        """Count what `other` has counted."""
        self.stored += other.stored
        self.set_aside += other.set_aside
        self.set_aside_points += other.set_aside_points
        self.damaged += other.damaged
        self.retimed += other.retimed
        for measurement, number in other.dropped.items():
            self.dropped[measurement] = self.dropped.get(measurement, 0) + number
        self.refuse(other.refused)


def _checksum(counts: bytes) -> bytes:
    return b"%08x" % zlib.crc32(counts)
