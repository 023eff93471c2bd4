"""How many series a gateway may have: a bound, so that ever new names cannot fill the memory and the store's index."""

import threading
from collections import OrderedDict

from classroom_profiles.telemetry import Layout, Series
from classroom_profiles.topics import Address

SERIES = 20_000
"""Of one gateway. A room has some dozens, a school that one gateway serves some thousands."""
_GATEWAYS = 50_000


class SeriesBound:
    """Counts what each gateway has had since this process began. Threads may share it.

    Most gateways have one layout as long as they run, of which only the length is remembered.
    """

    def __init__(self, most: int = SERIES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._had: OrderedDict[Address, Layout | set[int]] = OrderedDict()
        """A gateway's only layout so far, or the hashes of all series that it had."""

    def beyond(self, gateway: Address, layout: Layout) -> frozenset[Series]:
        """Those of a layout, seen for the first time, that are too many."""
        with self._lock:
            had = self._had.pop(gateway, None)
            if len(self._had) >= _GATEWAYS:
                self._had.popitem(last=False)
            if (had is None or (isinstance(had, Layout) and had.packed == layout.packed)) and (
                len(layout.series) <= self._most
            ):
                self._had[gateway] = layout
                return frozenset()
            if not isinstance(had, set):
                had = set() if had is None else set(map(hash, had.series))
            self._had[gateway] = had
            too_many = []
            for series in layout.series:
                if hash(series) in had:
                    continue
                if len(had) < self._most:
                    had.add(hash(series))
                else:
                    too_many.append(series)
            return frozenset(too_many)
