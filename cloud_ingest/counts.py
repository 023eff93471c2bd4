"""What a receiver did since its start, counted."""

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Points unless it says otherwise. Read them at any time; change them by `add` and `refuse` only."""

    batches: int = 0
    """Batches that were answered as stored."""
    stored: int = 0
    """Points that the store confirmed, replays included."""
    refused: Counter[str] = field(default_factory=Counter)
    """Points refused, by reason."""
    unreadable: int = 0
    """Batches that could not be read."""
    layouts_asked: int = 0
    """Batches whose layout was not known here, and was asked for."""
    quarantined: int = 0
    """Batches set aside for a technician."""
    foreign: int = 0
    """Messages whose topic names no gateway."""
    copies: int = 0
    """Messages that were copies of what waited."""
    let_go: int = 0
    """Messages that came while there was no room, or that could not be set aside: their gateways send them again."""
    unsent_acks: int = 0
    store_failures: int = 0
    """Writes that the store did not take."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **more: int) -> None:
        with self._lock:
            for name, number in more.items():
                setattr(self, name, getattr(self, name) + number)

    def refuse(self, reasons: dict[str, int]) -> None:
        with self._lock:
            self.refused.update(reasons)
