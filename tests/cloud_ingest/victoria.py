"""A real VictoriaMetrics from Debian: the one server here that takes `/api/v2/write` by itself."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest


@contextmanager
def victoria_metrics(directory: Path, dedup: str = "1ms", retention: str = "100y") -> Iterator[str]:
    """`host:port`. Skips the test where the package `victoria-metrics` is not installed."""
    program = shutil.which("victoria-metrics")
    if program is None:
        pytest.skip("Debian's victoria-metrics is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with (directory / "victoria.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program, f"-httpListenAddr={address}", f"-storageDataPath={directory / 'victoria'}",
                f"-dedup.minScrapeInterval={dedup}", "-search.latencyOffset=0s", f"-retentionPeriod={retention}",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(20.0)


def _wait(address: str, process: subprocess.Popen[bytes], timeout_s: float = 20.0) -> None:
    until = time.monotonic() + timeout_s
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(f"http://{address}/health", trust_env=False, timeout=2.0).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError("VictoriaMetrics does not answer")
