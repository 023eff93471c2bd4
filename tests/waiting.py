"""Waiting for something that another process brings about and that has no event."""

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
