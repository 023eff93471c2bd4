"""What is said of a row of the journal outside its file."""

from dataclasses import dataclass, field

from classroom_profiles.telemetry import Layout, Measurement


@dataclass(frozen=True, slots=True)
class Parcel:
    """A row as the uplink sends it: always the same bytes, with their layout or without."""

    id: int
    measurement: Measurement
    points: int
    digest: str
    layout: Layout = field(compare=False)
    payload: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is, and what it weighs."""

    measurement: Measurement
    id: int
    points: int


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a row without its bytes."""

    place: Place
    untrusted: bool
    handed: bool
    """The uplink has had it: if it is untrusted, its times stay as they are."""
    last_us: int
    last_seq: int
    boot: str
    """Empty if its layout is not there any more."""
