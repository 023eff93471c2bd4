"""`lophoc ingest` as it really runs: a process of its own, which can be killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


class IngestProcess:
    """One running `lophoc ingest`."""

    def __init__(self, log: Path, *arguments: str, within: tuple[str, ...] = ()) -> None:
        """`within`: what to put before the command."""
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*within, sys.executable, "-m", "cloud_ingest", "ingest", *arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "XDG_STATE_HOME": str(log.parent / "state")},
            )  # fmt: skip
        self._line = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_ready(self, timeout_s: float = 60.0) -> str:
        self._reader.join(timeout_s)
        assert self._line.startswith(b"ready"), f"not ready: {self._line!r}\n{self.said()}"
        return self._line.decode().strip()

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait(30.0)

    def stop(self) -> int:
        """As systemd would; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30.0)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str, timeout_s: float = 60.0) -> None:
        """Until it has said `text` on standard error."""
        until = time.monotonic() + timeout_s
        while text not in self.said():
            assert time.monotonic() < until, f"it never said {text!r}: {self.said()}"
            assert self.process.poll() is None, f"it ended: {self.said()}"
            time.sleep(0.05)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._reader.join(30.0)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self._line = self.process.stdout.readline()

    def __enter__(self) -> "IngestProcess":
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.close()


@contextmanager
def ingest(log: Path, broker_url: str, store_url: str, *more: str) -> Iterator[IngestProcess]:
    """One that is ready."""
    with IngestProcess(log, "--broker", broker_url, "--store", store_url, *more) as process:
        process.wait_ready()
        yield process
