"""The last values of one room as a row of a file, and how news is merged into them. Pure.

A row is columns that are as long as the room's names, packed as msgpack: how long before the row's newest time each
value was measured, the values, which of them are simulated, and how far behind the row's revision each changed.
So a value takes about a dozen bytes and a room one write, whatever of it changed.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from classroom_profiles.capability import Value
from classroom_profiles.metrics import unit
from classroom_profiles.series import Measurement

SERIES_OF_ROOM = 4_096
"""The last values of more than that are not kept: those that were heard of longest ago go."""

Name = tuple[str, str, str, str]
"""Measurement, device, role, metric: a series of a room."""
Names = tuple[Name, ...]


class Last(msgspec.Struct, frozen=True, gc=False):
    """The newest point of one series.

    A struct and not a dataclass, since a city has half a million.
    """

    school: str
    room: str
    measurement: Measurement
    device: str
    role: str
    metric: str
    value: Value
    time_us: int
    simulated: bool

    @property
    def unit(self) -> str:
        """As people read it; empty if the metric has none."""
        return unit(self.metric)


class Heard(NamedTuple):
    """What came in of some series of one room, packed as in a row in which all of it is new."""

    names: Names
    oldest_us: int
    newest_us: int
    columns: bytes

    @classmethod
    def of(cls, names: Names, times_us: Sequence[int], values: Sequence[Value], simulated: Sequence[bool]) -> "Heard":
        """Columns as long as `names`, of which there is at least one."""
        newest_us = max(times_us)
        ago_us = [newest_us - time_us for time_us in times_us]
        packed = _encoder.encode((ago_us, values, simulated, _zeros(len(ago_us))))
        return cls(names, newest_us - max(ago_us), newest_us, packed)


class _Packed(msgspec.Struct, array_like=True, gc=False):
    ago_us: list[int]
    values: list[bool | float | str]
    simulated: list[bool]
    behind: list[int]

    def all(self) -> tuple[list[int], list[bool | float | str], list[bool], list[int]]:
        return self.ago_us, self.values, self.simulated, self.behind


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)
_names_decoder = msgspec.msgpack.Decoder(tuple[Name, ...])


class RoomLasts:
    """Columns, in the order of `names`."""

    __slots__ = ("names", "revisions", "simulated", "times_us", "values")

    def __init__(self) -> None:
        self.names: Names = ()
        self.times_us: list[int] = []
        self.values: list[Value] = []
        self.simulated: list[bool] = []
        self.revisions: list[int] = []
        """When each changed."""

    @classmethod
    def unpacked(cls, names: Names, newest_us: int, revision: int, packed: bytes) -> "RoomLasts":
        """Raises ValueError."""
        columns = _decoder.decode(packed)
        if any(len(column) != len(names) for column in columns.all()):
            raise ValueError("its columns are not as long as its names")
        made = cls()
        made.names = names
        made.times_us = [newest_us - ago_us for ago_us in columns.ago_us]
        made.values = list(columns.values)
        made.simulated = columns.simulated
        made.revisions = [revision - behind for behind in columns.behind]
        return made

    def packed(self) -> tuple[int, int, bytes]:
        """Its newest time, its newest revision, and the columns."""
        newest_us, revision = max(self.times_us), max(self.revisions)
        columns = (
            [newest_us - time_us for time_us in self.times_us],
            self.values,
            self.simulated,
            [revision - changed for changed in self.revisions],
        )
        return newest_us, revision, _encoder.encode(columns)

    def take(self, heard: Heard, revision: int) -> bool:
        """Keep what is newer than what is there; true if anything was. Of two at one time the one that comes last."""
        places: Sequence[int] = range(len(self.names)) if heard.names == self.names else self._places(heard.names)
        columns, newest_us = _decoder.decode(heard.columns), heard.newest_us
        times_us, values, simulated, revisions = self.times_us, self.values, self.simulated, self.revisions
        changed = False
        for place, ago_us, value, is_simulated in zip(
            places, columns.ago_us, columns.values, columns.simulated, strict=True
        ):
            time_us, before_us = newest_us - ago_us, times_us[place]
            if time_us > before_us or (time_us == before_us and value != values[place]):
                times_us[place] = time_us
                values[place] = value
                simulated[place] = is_simulated
                revisions[place] = revision
                changed = True
        return changed

    def _places(self, names: Names) -> list[int]:
        """Those that are new get a place behind the others."""
        known = {name: place for place, name in enumerate(self.names)}
        places = [known.setdefault(name, len(known)) for name in names]
        more = len(known) - len(self.names)
        self.names = tuple(known)
        self.times_us += [-1] * more
        self.values += [False] * more
        self.simulated += [False] * more
        self.revisions += [0] * more
        return places

    def bound(self) -> None:
        """Let go of what was heard of longest ago, if it is too many."""
        if len(self.names) <= SERIES_OF_ROOM:
            return
        newest = sorted(range(len(self.names)), key=self.times_us.__getitem__)[-SERIES_OF_ROOM:]
        newest.sort()
        self.names = tuple(self.names[place] for place in newest)
        for column in ("times_us", "values", "simulated", "revisions"):
            setattr(self, column, [getattr(self, column)[place] for place in newest])


def pack_names(names: Names) -> bytes:
    return _encoder.encode(names)


def unpack_names(packed: bytes) -> Names:
    """Raises ValueError."""
    return _names_decoder.decode(packed)


def joined(older: Heard, newer: Heard) -> Heard:
    """What both bring, for when it cannot be written yet."""
    lasts = RoomLasts()
    for heard in (older, newer):
        lasts.take(heard, 0)
    lasts.bound()
    return Heard.of(lasts.names, lasts.times_us, lasts.values, lasts.simulated)


@lru_cache(maxsize=256)
def _zeros(number: int) -> tuple[int, ...]:
    return (0,) * number
