"""What the uplink has on its way, in the order of setting out, and found at once by what the centre's ack names.

Acks come from outside, as many as somebody likes to send: one that names nothing costs a look into a dict, however
much is on its way.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from edge_agent.journal_places import Parcel
from edge_agent.uplink_window import Window


@dataclass(eq=False, slots=True)
class Sent:
    """A parcel in a lane."""

    parcel: Parcel
    window: Window
    whole: str = ""
    """The digest of the bytes that have the layout in them, once they were sent."""
    sent_at: float = 0.0
    times: int = 0
    """Sent since the centre last answered it with anything."""
    answered: bool = False
    late: bool = False
    """Its answer has not come in time."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """It is answered, or should be sent again at once."""


class Lanes:
    def __init__(self) -> None:
        self._all: dict[Sent, None] = {}
        self._named: dict[str, dict[Sent, None]] = {}
        """By each digest that an ack may name. Mostly one each: see `named`."""

    def __iter__(self) -> Iterator[Sent]:
        """The first to set out first. They may not change meanwhile."""
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, sent: Sent) -> None:
        self._all[sent] = None
        self._name(sent, sent.parcel.digest)

    def sent_whole(self, sent: Sent, whole: str) -> None:
        """From now on an ack may also name the bytes that have the layout in them."""
        if not sent.whole and sent in self._all:
            sent.whole = whole
            self._name(sent, whole)

    def named(self, digest: str) -> Sequence[Sent]:
        """Two, if a parcel was rescued from a damaged file while it was on its way; none for an empty digest."""
        return tuple(self._named.get(digest, ())) if digest else ()

    def is_among_first(self, sent: Sent, first: int) -> bool:
        return sent in islice(self._all, first)

    def remove(self, sent: Sent) -> None:
        """It is answered."""
        del self._all[sent]
        for digest in {sent.parcel.digest, sent.whole}:
            of_that_name = self._named.get(digest, {})
            of_that_name.pop(sent, None)
            if not of_that_name:
                self._named.pop(digest, None)

    def clear(self) -> None:
        self._all.clear()
        self._named.clear()

    def _name(self, sent: Sent, digest: str) -> None:
        self._named.setdefault(digest, {})[sent] = None
