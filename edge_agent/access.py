"""Who may do what: PINs become sessions, sessions end by themselves, and wrong PINs have to wait."""

import asyncio
import hashlib
import ipaddress
import logging
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from edge_agent.known_places import KnownPlaces
from edge_agent.pins import Pins, WrongPins
from edge_agent.rank import HOLDERS, Rank

SESSION_S = 15 * 60.0
PER_ADDRESS = "5/minute;20/hour"
PER_ROOM = "20/10minutes;200/day"
"""Wrong PINs from all addresses together, but for those from which someone has logged in: a stranger in the network
shall not be able to keep the teacher at the wall panel out."""

_SESSIONS = 64

_log = logging.getLogger("lophoc.access")


class WrongPin(Exception):
    """No such PIN."""


class TooManyTries(Exception):
    """Not looked at: too many were wrong before."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many wrong PINs; try again in {wait_s} s")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Standing:
    """What someone may do now."""

    rank: Rank
    expires_s: float | None = None
    """None without a session."""


@dataclass(frozen=True, slots=True)
class _Session:
    rank: Rank
    until_s: float
    pin_edition: bytes


class Access:
    """Sessions live in memory: after a restart everyone is asked again. Where someone has logged in is remembered."""

    def __init__(
        self,
        pins: Pins,
        open_view: bool,
        clock: Callable[[], float] = time.monotonic,
        known: KnownPlaces | None = None,
    ) -> None:
        self._pins = pins
        self._anyone = Rank.VIEWER if open_view else Rank.OPEN
        self._clock = clock
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._known = known or KnownPlaces()
        self._tries = _Tries(self._known)

    @property
    def pins_set(self) -> bool:
        try:
            return self._pins.any_set()
        except WrongPins as wrong:
            _log.error("nobody can log in: %s", wrong)
            return False

    async def log_in(self, pin: str, address: str) -> tuple[str, Standing]:
        """A new session's token. Raises WrongPin or TooManyTries."""
        place = _place(address)
        async with self._one_at_a_time:  # or many at once would all be looked at before the first is counted
            if (wait_s := self._tries.wait_s(place)) is not None:
                raise TooManyTries(wait_s)
            try:
                rank = await asyncio.to_thread(self._pins.rank, pin)
                edition = b"" if rank is None else self._pins.edition(rank)
            except WrongPins as wrong:
                _log.error("nobody can log in: %s", wrong)
                rank = None
            if rank is None:
                self._tries.wrong(place)
                _log.warning("a wrong PIN from %s", address)
                raise WrongPin
            # what was wrong before stays counted, or one who knows a PIN could go on guessing the other
            await self._known.add(place)
        token = secrets.token_urlsafe(32)
        self._sessions[_key(token)] = _Session(rank, self._clock() + SESSION_S, edition)
        while len(self._sessions) > _SESSIONS:
            self._sessions.popitem(last=False)
        return token, Standing(rank, SESSION_S)

    def log_out(self, token: str | None) -> None:
        if token is not None:
            self._sessions.pop(_key(token), None)

    def standing(self, token: str | None) -> Standing:
        """What the holder of `token` may do; looking does not renew the session."""
        session = None if token is None else self._alive(_key(token))
        if session is None:
            return Standing(self._anyone)
        return Standing(session.rank, session.until_s - self._clock())

    def knows(self, token: str | None, address: str) -> bool:
        """Is it someone who has logged in, or an address from which someone has, such as the wall panel's?"""
        return self.standing(token).rank in HOLDERS or _place(address) in self._known

    def renew(self, token: str | None) -> None:
        """A person has used it."""
        if token is not None and (session := self._alive(_key(token))) is not None:
            self._sessions[_key(token)] = replace(session, until_s=self._clock() + SESSION_S)
            self._sessions.move_to_end(_key(token))

    def _alive(self, key: bytes) -> _Session | None:
        session = self._sessions.get(key)
        if session is None:
            return None
        try:
            same_pin = session.pin_edition == self._pins.edition(session.rank)
        except WrongPins:
            same_pin = False
        if same_pin and self._clock() < session.until_s:
            return session
        del self._sessions[key]
        return None


class _Tries:
    """Wrong PINs in moving windows: of each address, and of all that are strangers."""

    def __init__(self, known: KnownPlaces) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._per_address, self._per_room = parse_many(PER_ADDRESS), parse_many(PER_ROOM)
        self._known = known

    def wait_s(self, place: str) -> int | None:
        """How long it has to wait; None if it need not."""
        full = [each for each in self._counted(place) if not self._windows.test(*each)]
        if not full:
            return None
        # the oldest of the window leaves then; time.time() is the clock of `limits`
        return max(1, math.ceil(max(self._windows.get_window_stats(*each).reset_time for each in full) - time.time()))

    def wrong(self, place: str) -> None:
        for each in self._counted(place):
            self._windows.hit(*each)

    def _counted(self, place: str) -> list[tuple[RateLimitItem, str]]:
        room = [] if place in self._known else [(each, "room") for each in self._per_room]
        return [*((each, f"address {place}") for each in self._per_address), *room]


def _place(address: str) -> str:
    """One subscriber: an IPv4 address, or the /64 of an IPv6 address, of which a host may take any."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _key(token: str) -> bytes:
    """Looked up by hash, so that neither memory nor timing shows a token."""
    return hashlib.sha256(token.encode()).digest()
