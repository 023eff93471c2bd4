"""Wrong passwords have to wait: counted for each address and for each account, in moving windows."""

import ipaddress
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

PER_ADDRESS = "20/minute;200/hour"
"""A school's people share one."""
PER_ACCOUNT = "5/minute;20/hour"
"""From all addresses but those from which it was logged into: a stranger shall not be able to keep its owner out."""

_PLACES = 10_000


class TooManyTries(Exception):
    """Not looked at: too many were wrong before."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many wrong passwords; try again in {wait_s} s")
        self.wait_s = wait_s


@dataclass(slots=True)
class Attempt:
    right: bool = False


class Tries:
    """In memory: a restart forgives. Called from any thread."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._per_address, self._per_account = parse_many(PER_ADDRESS), parse_many(PER_ACCOUNT)
        self._known: dict[tuple[str, str], None] = {}
        self._looked_at: Counter[tuple[str, str]] = Counter()
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def attempt(self, name: str, address: str) -> Iterator["Attempt"]:
        """Look at a password inside. It counts as wrong until that ends, or many at once would all be looked at
        before the first is counted. What was wrong before stays counted when one is right, or one who knows a password
        could go on guessing others'. Raises TooManyTries.
        """
        where = place(address)
        with self._one_at_a_time:
            counted = self._counted(name, where)
            full = [each for each in counted if not self._windows.test(*each, cost=1 + self._looked_at[each[1:]])]
            if full:
                raise TooManyTries(max(1, *(self._frees_s(each) for each in full)))
            self._looked_at.update({each[1:] for each in counted})
        made = Attempt()
        try:
            yield made
        finally:
            with self._one_at_a_time:
                self._looked_at.subtract({each[1:] for each in counted})
                self._looked_at = +self._looked_at
                if made.right:
                    self._knows(name, where)
                else:
                    for each in counted:
                        self._windows.hit(*each)

    def _knows(self, name: str, where: str) -> None:
        self._known.pop((name, where), None)
        self._known[name, where] = None
        while len(self._known) > _PLACES:
            del self._known[next(iter(self._known))]

    def _frees_s(self, each: tuple[RateLimitItem, str, str]) -> int:
        """Until the oldest leaves its window; time.time() is the clock of `limits`."""
        return math.ceil(self._windows.get_window_stats(*each).reset_time - time.time())

    def _counted(self, name: str, where: str) -> list[tuple[RateLimitItem, str, str]]:
        known = (name, where) in self._known
        of_account = (name[:64], where) if known else (name[:64], "anywhere")
        return [
            *((each, "address", where) for each in self._per_address),
            *((each, *of_account) for each in self._per_account),
        ]


def place(address: str) -> str:
    """One subscriber: an IPv4 address, or the /64 of an IPv6 address, of which a host may take any."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
