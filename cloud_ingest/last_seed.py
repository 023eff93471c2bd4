"""Fills a new file of last values from the store, school by school, while what comes in goes on."""

import logging
import secrets
import threading
from collections.abc import Callable, Iterable

from cloud_ingest.last_values import LastValues, LastValuesUnavailable
from cloud_ingest.registry import RegistryUnavailable
from cloud_ingest.store import Store, StoreUnavailable

_CLAIM_US = 60_000_000

_log = logging.getLogger("lophoc.ingest.last-values")


class Seeding:
    """A thread that looks now and then whether the file is filled, by it or by another worker: it may be begun anew.

    `schools`: those that the registry knows, since a store cannot be asked for them.
    """

    def __init__(
        self, lasts: LastValues, store: Store, schools: Callable[[], Iterable[str]], again_s: float = 30.0
    ) -> None:
        self._lasts = lasts
        self._store = store
        self._schools = schools
        self._again_s = again_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="last values: seeding", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        wait_s = 0.0
        while not self._closing.wait(wait_s):
            wait_s = self._again_s
            try:
                seed(self._lasts, self._store, self._schools(), self._closing)
            except (LastValuesUnavailable, StoreUnavailable, RegistryUnavailable, ValueError) as why:
                _log.info("last values are not filled from the store yet: %s", why)


def seed(lasts: LastValues, store: Store, schools: Iterable[str], closing: threading.Event) -> bool:
    """True if there is nothing left to do. Raises LastValuesUnavailable, StoreUnavailable."""
    if lasts.is_seeded():
        return True
    mine = secrets.randbits(62)
    for school in schools:
        if closing.is_set() or not lasts.claim_seeding(mine, _CLAIM_US):
            return False
        lasts.on_stored(school, store.latest(school))
    lasts.flush()
    lasts.seeded()
    return True
