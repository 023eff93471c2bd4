"""A thread that does a store's small jobs, one after the other with a breath between, and waits when there are none."""

import logging
import threading
import time
from collections.abc import Callable

from cloud_ingest.store import StoreUnavailable

_IDLE_S = 30.0
_BREATH_S = 0.02

_log = logging.getLogger("lophoc.ingest.store")


class Tending:
    """`step` takes the time (microseconds since 1970) and says whether there is more to do. It may be unavailable.

    `rest`: how many times as long as a step took it waits before the next one, if that is longer than a breath.
    """

    def __init__(self, step: Callable[[int], bool], clock_us: Callable[[], int], *, rest: float = 0.0) -> None:
        self._step = step
        self._rest = rest
        self._clock_us = clock_us
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Idempotent."""
        if self._thread is None and not self._closing.is_set():
            self._thread = threading.Thread(target=self._run, name="store: rollups", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """After the step in hand. It can be started again."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._closing.clear()

    def _run(self) -> None:
        wait_s, lost = _IDLE_S, False
        while not self._closing.wait(wait_s):
            try:
                began = time.monotonic()
                more = self._step(self._clock_us())
                wait_s = max(_BREATH_S, self._rest * (time.monotonic() - began)) if more else _IDLE_S
                lost = False
            except StoreUnavailable as why:
                if not lost:
                    _log.warning("rollups wait, reading is slower meanwhile: %s", why)
                wait_s, lost = _IDLE_S, True
