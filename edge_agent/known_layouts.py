"""Which layouts the centre knows, as far as a gateway can tell: the others travel inside their batches."""

from classroom_profiles.telemetry import Layout

_MOST = 256
_MOST_OWED = 64


class KnownLayouts:
    """One worker of the centre may know what another does not: each time one asks, more batches bring the layout."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._owed: dict[bytes, int] = {}
        """How many more acknowledged batches are to bring a layout that was asked for."""
        self._asked: dict[bytes, int] = {}

    def travels(self, layout: Layout) -> bool:
        """True if the next batch is to bring it."""
        return layout.packed not in self._known or layout.packed in self._owed

    def acknowledged(self, layout: Layout) -> None:
        """A batch that brought it has been stored."""
        if len(self._known) >= _MOST:
            self._known, self._owed, self._asked = set(), {}, {}
        self._known.add(layout.packed)
        left = self._owed.get(layout.packed, 0) - 1
        if left > 0:
            self._owed[layout.packed] = left
        else:
            self._owed.pop(layout.packed, None)

    def asked_for(self, layout: Layout) -> None:
        times = self._asked.get(layout.packed, 0) + 1
        self._asked[layout.packed] = times
        self._owed[layout.packed] = min(2**times, _MOST_OWED)
