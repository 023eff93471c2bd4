"""What a device will have, as far as its driver knows that from the options alone, before anything is opened."""

from collections.abc import Callable
from dataclasses import dataclass

from classroom_profiles.capability import Capability, Target
from classroom_profiles.room import Device


@dataclass(frozen=True, slots=True)
class Offer:
    controls: frozenset[Target] | None = None
    """All that it might be told; None while that is not known."""
    metrics: frozenset[str] | None = None
    """All that it might measure, besides the states of its controls; None while that is not known."""
    capabilities: frozenset[Capability] | None = None
    """Of which kinds its controls may be, where these are not known; None while that is not known either."""


UNKNOWN = Offer()
OfferOf = Callable[[Device], Offer]
"""Never raises: what cannot be found out is not known."""


def nothing_known(_: Device) -> Offer:
    return UNKNOWN
