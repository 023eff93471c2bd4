"""A bench: one experiment that starts, pauses, resets, keeps time and tells its samples to whoever listens."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

from simulators.changes import Changes
from simulators.experiments import Found
from simulators.lab import requests
from simulators.lab.experiment import Effect
from simulators.lab.motion import Diverged
from simulators.lab.run import DEFAULT_RATE_HZ, Run

KEPT_SAMPLES = 12_000
"""Ten minutes at 20 Hz: a client whose connection broke asks for what it missed."""
_AT_ONCE = 200
"""A bench that is late catches up in turns of so many, so that others get theirs."""

Listener = Callable[[bytes], None]
State = Literal["idle", "running", "paused"]


class Bench:
    """Lives in a running event loop. It needs no task: a timer that is set for the next sample."""

    def __init__(
        self,
        found: Found,
        settings: Mapping[str, object] | None = None,
        seed: int = 0,
        rate_hz: float = DEFAULT_RATE_HZ,
        speed: float = 1.0,
        ideal: bool = False,
    ) -> None:
        """`speed`: seconds of the experiment in a second of ours. Raises WrongParameter."""
        self.found, self.speed = found, speed
        self.run = Run(found.experiment, settings, seed, rate_hz, ideal)
        self.state: State = "idle"
        self.number = 1
        """The run's number: each reset begins another."""
        self.fault = ""
        """Why the model cannot go on, until the next reset."""
        self.changes = Changes()
        self.listeners: set[Listener] = set()
        self._kept: deque[bytes] = deque(maxlen=KEPT_SAMPLES)
        self._timer: asyncio.TimerHandle | None = None
        self._began_s, self._began_n = 0.0, 0

    def status(self) -> dict[str, Any]:
        run = self.run
        waiting = {name: value for name, value in run.wanted.values.items() if run.settings.values[name] != value}
        told: dict[str, Any] = {
            "state": self.state, "run": self.number, "next_n": run.next_n, "t_s": run.t_s, "seed": run.seed,
            "parameters": dict(run.settings.values), "at_reset": waiting,
        }  # fmt: skip
        return {**told, "fault": self.fault} if self.fault else told

    def start(self) -> None:
        """Go on, or begin: the next sample comes at once. A bench with a fault stays as it is until it is reset."""
        if self.state == "running" or self.fault:
            return
        self.state = "running"
        self._began_s, self._began_n = asyncio.get_running_loop().time(), self.run.next_n
        self._wait()
        self._told()

    def pause(self) -> None:
        if self.state == "running":
            self._stop()
            self._told()

    def reset(self, seed: int | None = None) -> None:
        """Begin anew, idle."""
        self._stop()
        self.run.reset(seed)
        self.state, self.fault = "idle", ""
        self.number += 1
        self._kept.clear()
        self._told()

    def set(self, values: Mapping[str, object]) -> dict[str, Effect]:
        """All of them or none; says when each counts. Raises WrongParameter."""
        for name, value in values.items():
            self.run.experiment.parameter(name).checked(value)
        effects = {}
        try:
            for name, value in values.items():
                effects[name] = self.run.set(name, value)
        except Diverged as diverged:
            self._fail(diverged)
        self._told()
        return effects

    def samples_from(self, n: int) -> tuple[int, list[bytes]]:
        """The samples of this run from the n-th on, or from the first that is still kept, and its number."""
        next_n, kept = self.run.next_n, len(self._kept)
        first = min(max(n, next_n - kept), next_n)
        return first, list(self._kept)[kept - (next_n - first) :]

    def close(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.state == "running":
            self.state = "paused"

    def _wait(self) -> None:
        """Until the next sample is due: reckoned from the start, so that no delay adds up."""
        due_s = self._began_s + (self.run.next_n - self._began_n) / (self.run.rate_hz * self.speed)
        self._timer = asyncio.get_running_loop().call_at(due_s, self._turn)

    def _turn(self) -> None:
        now_s = asyncio.get_running_loop().time()
        due_n = self._began_n + int((now_s - self._began_s) * self.run.rate_hz * self.speed) + 1
        try:
            for _ in range(min(max(1, due_n - self.run.next_n), _AT_ONCE)):
                sample = self.run.sample()
                line = requests.sample(self.number, sample.n, sample.t_s, sample.values)
                self._kept.append(line)
                self._say(line)
        except Diverged as diverged:
            self._fail(diverged)
            self._told()
            return
        self._wait()
        self.changes.tell()

    def _fail(self, diverged: Diverged) -> None:
        self.fault = str(diverged)
        self._stop()

    def _told(self) -> None:
        self._say(requests.notice(self.status()))
        self.changes.tell()

    def _say(self, line: bytes) -> None:
        for listener in tuple(self.listeners):
            listener(line)
