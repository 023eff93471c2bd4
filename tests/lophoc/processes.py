"""Waiting until processes of others are gone, even where nobody collects them."""

import time
from collections.abc import Sequence

import psutil


def left_of(processes: Sequence[psutil.Process], timeout_s: float = 15.0) -> list[psutil.Process]:
    """Those that still run at the end of the time."""
    until = time.monotonic() + timeout_s
    while (left := [process for process in processes if _runs(process)]) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
