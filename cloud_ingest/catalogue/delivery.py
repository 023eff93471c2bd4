"""Gives the broker what was published, by itself: soon after a change, and again until the broker has it."""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from classroom_profiles.catalogue import WrongCatalogue
from cloud_ingest.broker_link import Broker
from cloud_ingest.catalogue import sending
from cloud_ingest.catalogue.sending import NotSent
from cloud_ingest.catalogue.shelf import Shelf, ShelfUnavailable, ToSend
from cloud_ingest.catalogue.signing_key import WrongSigningKey, signing_key
from cloud_ingest.store import wall_us

PERIOD_S = 2.0
"""How often it is looked if anything was published."""
RETRY_S = (1.0, 60.0)
"""The first wait for a broker that is away, and the longest."""
_A_TIME = 20
"""Bundles between two looks if it is time to stop."""
_TIMEOUT_S = 5.0

_log = logging.getLogger("lophoc.ops.catalogue")
Send = Callable[[Broker, list[ToSend]], list[ToSend]]


class Step(StrEnum):
    OFF = "off"
    """No broker was named: `lophoc catalogue send` does it."""
    STARTING = "starting"
    SENT = "sent"
    """The broker has all of it."""
    WAITING = "waiting"
    """It is being sent."""
    AWAY = "away"
    """The broker cannot be reached; it is tried again."""
    NO_KEY = "no-key"
    """There is no key to sign with."""
    STUCK = "stuck"
    """Something cannot be sent as it is."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """`waiting`: bundles that the broker does not have yet; `why`: what hinders, in words."""

    step: Step
    waiting: int = 0
    since_us: int = 0
    why: str = ""


class Delivery:
    """`run` it as a task; from then on it is at work until the task is cancelled."""

    def __init__(
        self,
        shelf: Shelf,
        folder: Path,
        broker: Broker | None,
        schools: Callable[[], Iterable[str]],
        *,
        send: Send | None = None,
        clock_us: Callable[[], int] = wall_us,
        period_s: float = PERIOD_S,
        retry_s: tuple[float, float] = RETRY_S,
    ) -> None:
        """`folder`: where the signing key is. `schools`: those there are, since what is for all is sent to each."""
        self._shelf = shelf
        self._folder = folder
        self._broker = broker
        self._schools = schools
        self._send = send or (lambda to, bundles: sending.send(to, bundles, _TIMEOUT_S))
        self._clock_us = clock_us
        self._period_s = period_s
        self._retry_s = retry_s
        self._stopping = threading.Event()
        self._done: tuple[tuple[int, int], tuple[str, ...]] | None = None
        self.state = Delivered(Step.OFF if broker is None else Step.STARTING)

    async def run(self) -> None:
        if self._broker is None:
            return
        failed = 0
        try:
            while True:
                before = self.state
                await asyncio.to_thread(self.turn)
                _told(before, self.state)
                failed = failed + 1 if self.state.step in (Step.AWAY, Step.STUCK) else 0
                await asyncio.sleep(_wait_s(failed, self._retry_s) if failed else self._period_s)
        finally:
            self._stopping.set()

    def turn(self) -> None:
        """Look what is new, and send it. Blocking; raises nothing that time can heal."""
        assert self._broker is not None
        waiting: list[ToSend] = []
        try:
            schools = tuple(sorted({*self._schools(), *self._shelf.schools()}))
            wanted = (self._shelf.revision(), schools)
            if wanted == self._done:
                return
            waiting, too_large = self._sealed(schools)
            while waiting and not self._stopping.is_set():
                self._say(Step.WAITING, len(waiting))
                self._give(waiting[:_A_TIME])
                waiting = waiting[_A_TIME:]
        except WrongSigningKey as why:
            self._say(Step.NO_KEY, why=str(why))
        except (NotSent, ShelfUnavailable) as why:
            self._say(Step.AWAY if isinstance(why, NotSent) else Step.STUCK, len(waiting), str(why))
        else:
            if too_large:
                self._say(Step.STUCK, len(too_large), too_large[0])
            elif not waiting:
                self._done = wanted
                self._say(Step.SENT)

    def _sealed(self, schools: Iterable[str]) -> tuple[list[ToSend], list[str]]:
        """What the broker does not have, and what cannot be sealed."""
        key = signing_key(self._folder)
        waiting: list[ToSend] = []
        wrong: list[str] = []
        for school in schools:
            if self._stopping.is_set():
                break
            try:
                bundle = self._shelf.bundle(school, key)
            except WrongCatalogue as why:
                wrong.append(f"{school}: {why}")
                continue
            if bundle is not None and not bundle.is_sent:
                waiting.append(bundle)
        return waiting, wrong

    def _give(self, bundles: list[ToSend]) -> None:
        """Raises NotSent."""
        assert self._broker is not None
        taken = self._send(self._broker, bundles)
        for one in taken:
            self._shelf.was_sent(one.school, one.serial)
        if len(taken) < len(bundles):
            raise NotSent("the broker did not acknowledge all of it")

    def _say(self, step: Step, waiting: int = 0, why: str = "") -> None:
        since_us = self.state.since_us if step is self.state.step else self._clock_us()
        self.state = Delivered(step, waiting, since_us, why)


def _wait_s(failed: int, between_s: tuple[float, float]) -> float:
    """Twice as long each time, and never at the same moment as other centres."""
    least_s, most_s = between_s
    return min(most_s, least_s * 2.0 ** min(failed - 1, 30)) * random.uniform(0.5, 1.0)  # noqa: S311 - it hides nothing


def _told(before: Delivered, now: Delivered) -> None:
    """Once for each change that somebody may want to know of."""
    if before.step is now.step and before.why == now.why:
        return
    if now.step in (Step.AWAY, Step.NO_KEY, Step.STUCK):
        _log.warning("what was published is not sent yet: %s", now.why)
    elif now.step is Step.SENT and before.step is not Step.STARTING:
        _log.info("the broker has all that was published")
