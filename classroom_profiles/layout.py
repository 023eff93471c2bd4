"""A layout: the names of a gateway's series, in an order, so that its batches need not repeat them.

A batch carries four bytes, the layout's key. The layout itself travels inside a batch until the centre has
acknowledged one with it, and again when a worker that does not know it asks. It is
zlib(msgpack([boot, [[measurement, room, device, role, metric, simulated], ...]])); its key is BLAKE2b of that.
"""

import hashlib
import sys
import zlib
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property, lru_cache

import msgspec

from classroom_profiles.series import Measurement, Series

MAX_SERIES = 4_096
KEY_BYTES = 4
_MAX_UNPACKED = 1024 * 1024
_LAYOUTS_OF_ONE = 32
_SERIES_OF_ONE = 2 * MAX_SERIES
"""In all of its layouts that are kept together: some 5 MB of a gateway that makes them as large as it can."""

Entry = tuple[Series, bool]
"""A series, and whether its points are simulated."""


class Layout:
    """Equal only to itself, so that a centre can keep what it prepared for a layout under the layout."""

    def __init__(self, boot: str, entries: tuple[Entry, ...], packed: bytes) -> None:
        self.boot = boot
        """The boot of the gateway during which it was made."""
        self.entries = entries
        self.series = tuple(series for series, _ in entries)
        self.simulated = tuple(simulated for _, simulated in entries)
        self.packed = packed
        """Its bytes inside a batch."""
        self.key = hashlib.blake2b(packed, digest_size=KEY_BYTES).digest()
        self.checksum = zlib.crc32(packed)
        """Goes into the checksum of every batch that uses it: another layout under the same key cannot be taken."""
        self.bad = frozenset(series for series, _ in entries if not series.named_well)
        """Series with a tag that is none."""

    @classmethod
    def of(cls, boot: str, entries: Iterable[Entry]) -> "Layout":
        """Raises ValueError if there are too many, or one is there twice."""
        made = tuple(entries)
        _raise_if_wrong(made)
        rows = [
            (each.measurement.value, each.room, each.device, each.role, each.metric, simulated)
            for each, simulated in made
        ]
        return cls(boot, made, zlib.compress(_encoder.encode((boot, rows)), 9))

    @classmethod
    def read(cls, packed: bytes) -> "Layout":
        """Raises ValueError."""
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(packed, _MAX_UNPACKED)
        except zlib.error:
            raise ValueError("its layout is damaged") from None
        if not unpacker.eof or unpacker.unused_data or unpacker.unconsumed_tail:
            raise ValueError("its layout is cut off, or too large")
        try:
            boot, rows = _decoder.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ValueError("its layout is none") from None
        entries = tuple((_series(row), row[-1]) for row in rows)
        _raise_if_wrong(entries)
        return cls(boot, entries, packed)

    def with_more(self, entries: Iterable[Entry]) -> "Layout":
        """This one, and behind it the `entries` that it does not have. Raises ValueError if that are too many."""
        more = [entry for entry in dict.fromkeys(entries) if entry not in self.places]
        return Layout.of(self.boot, (*self.entries, *more)) if more else self

    @cached_property
    def places(self) -> Mapping[Entry, int]:
        """Where each series is."""
        return {entry: place for place, entry in enumerate(self.entries)}


class Layouts:
    """What one worker of the centre knows: the newest layouts of the gateways that were heard of last.

    Threads may share it: if two learn at the same moment and one is forgotten, it is asked for again.
    """

    def __init__(self, gateways: int = 50_000) -> None:
        self._gateways = gateways
        self._known: OrderedDict[Hashable, dict[bytes, Layout]] = OrderedDict()

    def of(self, gateway: Hashable) -> Mapping[bytes, Layout]:
        """Key to layout."""
        return self._known.get(gateway, {})

    def learn(self, gateway: Hashable, layout: Layout) -> None:
        """Call it with the layout of every batch that was read; only what is new costs anything."""
        of_one = self._known.get(gateway, {})
        if of_one.get(layout.key) is layout:
            return
        newest = list(of_one.items())[1 - _LAYOUTS_OF_ONE :]
        while newest and sum(len(each.series) for _, each in newest) + len(layout.series) > _SERIES_OF_ONE:
            del newest[0]
        self._known.pop(gateway, None)
        self._known[gateway] = {**dict(newest), layout.key: layout}
        while len(self._known) > self._gateways:
            self._known.popitem(last=False)


_Row = tuple[Measurement, str, str, str, str, bool]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, list[_Row]])


def _series(row: _Row) -> Series:
    return _same_series(*row[:5])


@lru_cache(maxsize=100_000)
def _same_series(measurement: Measurement, room: str, device: str, role: str, metric: str) -> Series:
    """Shared by all that are equal, and its words by all others: the schools of a city have half a million series, but
    rooms and devices of the same names, and what is near in memory costs a centre less than what is not."""
    return Series(measurement, *map(sys.intern, (room, device, role, metric)))


def _raise_if_wrong(entries: tuple[Entry, ...]) -> None:
    if len(entries) > MAX_SERIES:
        raise ValueError(f"a layout has at most {MAX_SERIES} series")
    if len(set(entries)) < len(entries):
        raise ValueError("a layout names a series twice")
