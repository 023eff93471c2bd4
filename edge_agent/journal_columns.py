"""What the journal keeps of a row beside its bytes, and the checksum that tells if the disk has changed any of it.

The payload has a digest, which is one of the columns; the checksum is of all columns. So a row can be looked through
without its bytes, and whatever is read of it has been checked.
"""

import zlib
from typing import Any, NamedTuple, Self

import msgspec

from classroom_profiles.telemetry import Measurement
from edge_agent.stamping import Row

NAMES = "measurement, id, points, clock, handed, offset_us, last_us, last_seq, digest, layout"
"""In SQL, in the order of `Columns`; the checksum is behind them, as `checked`."""


class Columns(NamedTuple):
    measurement: str
    id: int
    points: int
    clock: str
    handed: int
    """1 once the uplink has had the row."""
    offset_us: int
    last_us: int
    last_seq: int
    digest: str
    layout: int

    @classmethod
    def of(cls, row_id: int, row: Row, layout: int) -> Self:
        return cls(
            row.measurement.value, row_id, row.points, row.clock.value, 0, row.offset_us, row.last_us, row.last_seq,
            row.digest, layout,
        )  # fmt: skip

    @property
    def checksum(self) -> int:
        return zlib.crc32(_encoder.encode(self))

    @property
    def of_measurement(self) -> Measurement:
        return Measurement(self.measurement)


def sound(found: tuple[Any, ...]) -> Columns | None:
    """The columns in a row of `NAMES, checked`; None if they are not what was written."""
    columns = Columns(*found[:-1])
    return columns if columns.checksum == found[-1] else None


_encoder = msgspec.msgpack.Encoder()
