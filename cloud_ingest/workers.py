"""Several ingest processes on one shared subscription: started, started again when they die, stopped together."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cloud_ingest.backoff import delays

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_STOP_S = 15.0
_SENT_BY = (0, 0x80, -1, -6)
"""SI_USER, SI_KERNEL, SI_QUEUE and SI_TKILL of sigaction(2)."""


@dataclass(slots=True)
class _Worker:
    command: Sequence[str]
    waits: Iterator[float]
    process: subprocess.Popen[bytes] | None = None
    said: bytes = b""
    ready: bool = False
    start_at: float = 0.0

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.said, self.ready = b"", False

    def listen(self) -> None:
        if self.process is not None and self.process.stdout is not None and not self.ready:
            self.said = (self.said + (self.process.stdout.read() or b""))[-4096:]
            if b"ready" in self.said:
                self.ready, self.waits = True, delays()


def is_asked_to_stop(within_s: float) -> bool:
    """True if one of STOP_SIGNALS, blocked by the caller, comes within so many seconds.

    A process that was suspended until its time was over (by its terminal, a debugger, a sleeping machine) is given by
    Python a record that nobody wrote, as if a signal had come: only one that a stop signal can have filled is believed.
    """
    came = signal.sigtimedwait(STOP_SIGNALS, within_s)
    return came is not None and came.si_signo in STOP_SIGNALS and came.si_errno == 0 and came.si_code in _SENT_BY


def supervise(commands: Sequence[Sequence[str]], on_ready: Callable[[], None], poll_s: float = 0.2) -> int:
    """Run a process for each command until SIGTERM, SIGINT or SIGHUP (blocked by the caller); the exit code.

    A worker that ends before it was ever ready has a wrong option, so all are stopped and its exit code is ours.
    """
    team = [_Worker(command, delays()) for command in commands]
    was_ready: set[int] = set()
    announced = False
    try:
        while True:
            now = time.monotonic()
            for number, worker in enumerate(team):
                if worker.process is None:
                    if now >= worker.start_at:
                        worker.start()
                    continue
                worker.listen()
                if worker.ready:
                    was_ready.add(number)
                code = worker.process.poll()
                if code is None:
                    continue
                if number not in was_ready and code > 0:
                    return code
                _reap(worker)
                worker.start_at = now + next(worker.waits)
            if not announced and len(was_ready) == len(team):
                announced = True
                on_ready()
            if is_asked_to_stop(poll_s):
                return 0
    finally:
        _stop(team)


def _stop(team: Sequence[_Worker]) -> None:
    running = [worker for worker in team if worker.process is not None]
    for worker in running:
        if worker.process is not None:
            worker.process.terminate()
    until = time.monotonic() + _STOP_S
    for worker in running:
        if worker.process is None:
            continue
        try:
            worker.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        _reap(worker)


def _reap(worker: _Worker) -> None:
    if worker.process is not None and worker.process.stdout is not None:
        worker.process.stdout.close()
    worker.process = None
