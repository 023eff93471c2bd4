"""Whether a store was started again: what it had confirmed and not made durable may be gone then."""

from typing import Protocol, runtime_checkable

from cloud_ingest.store import Sink, StoreUnavailable


@runtime_checkable
class TellsEra(Protocol):
    """A store that is not durable at once should tell which of its processes answers."""

    def era(self) -> str:
        """Another name after each restart. Raises StoreUnavailable."""


def era_of(store: Sink) -> str:
    """The store's era; the same for ever if it tells none, empty if it does not answer."""
    if not isinstance(store, TellsEra):
        return "only"
    try:
        return store.era()
    except StoreUnavailable:
        return ""
