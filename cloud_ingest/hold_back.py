"""Answers that wait until what they promise is durable, for stores that confirm a write before it would survive.

If the store went away in between, what it had confirmed may be gone with it: the answers that wait are dropped then,
and the gateways, which have heard nothing, send their batches again.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

_Answer = TypeVar("_Answer")


class HoldBack(Generic[_Answer]):
    """Between `start` and `close` it calls `release` and `drop` in a thread of its own.

    `era` names the store's process that runs now; empty if it does not answer.
    """

    def __init__(
        self,
        after_s: float,
        release: Callable[[list[_Answer]], None],
        drop: Callable[[list[_Answer]], None],
        era: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._after_s = after_s
        self._release = release
        self._drop = drop
        self._era = era
        self._clock = clock
        self._waiting: deque[tuple[float, str, list[_Answer]]] = deque()
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="acks held back")

    def start(self) -> None:
        self._thread.start()

    def put(self, answers: Sequence[_Answer], era: str) -> None:
        """They are due `after_s` from now, if the store that took them in `era` still runs then."""
        with self._changed:
            self._waiting.append((self._clock() + self._after_s, era, list(answers)))
            self._changed.notify()

    def forget(self) -> None:
        """The store was away: drop all that wait."""
        with self._changed:
            lost = [answer for _, _, answers in self._waiting for answer in answers]
            self._waiting.clear()
        if lost:
            self._drop(lost)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._due():
                    self._changed.wait(self._wait_s())
                if self._closed:
                    return
                due: list[tuple[str, list[_Answer]]] = []
                while self._due():
                    _, era, answers = self._waiting.popleft()
                    due.append((era, answers))
            now = self._era()
            kept = [answer for era, answers in due if now and era == now for answer in answers]
            lost = [answer for era, answers in due if not now or era != now for answer in answers]
            if kept:
                self._release(kept)
            if lost:
                self._drop(lost)

    def _due(self) -> bool:
        return bool(self._waiting) and self._waiting[0][0] <= self._clock()

    def _wait_s(self) -> float | None:
        return max(0.0, self._waiting[0][0] - self._clock()) if self._waiting else None
