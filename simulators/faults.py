"""How a simulated device can be injured: a set of named faults that may be switched while it lives."""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSet

import click


class UnknownFault(ValueError):
    """The device has no such fault; the text says which it has."""


class Faults(MutableSet[str]):
    """The faults that a device has now, out of those that it can have."""

    def __init__(
        self, known: Mapping[str, str], given: Iterable[str] = (), changed: Callable[[], None] = lambda: None
    ) -> None:
        """`known` maps each possible fault to what it does. Raises UnknownFault."""
        self.known = known
        self._now: set[str] = set()
        self._changed = changed
        for fault in given:
            self._now.add(self._checked(fault))

    def __contains__(self, fault: object) -> bool:
        return fault in self._now

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._now))

    def __len__(self) -> int:
        return len(self._now)

    def add(self, value: str) -> None:
        """Injure the device. Raises UnknownFault."""
        self._now.add(self._checked(value))
        self._changed()

    def discard(self, value: str) -> None:
        """Heal it."""
        self._now.discard(value)
        self._changed()

    def _checked(self, fault: str) -> str:
        if fault not in self.known:
            raise UnknownFault(f"no fault '{fault}'; one of: {', '.join(self.known)}")
        return fault


def fault_option(known: Mapping[str, str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option `--fault`, its help taken from `known`; it arrives as `faults`."""
    words = "; ".join(f"{fault}: {what}" for fault, what in known.items())
    return click.option(
        "--fault",
        "faults",
        multiple=True,
        metavar="FAULT",
        type=click.Choice(list(known)),
        help=f"Injure the device; may be given several times. {words}.",
    )
