"""The real servers that tests talk to, each on a loopback port of its own, that a test can stop and start again."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
import pytest

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_READY_S = 60.0
_STOPPED_S = 30.0


class Mosquitto:
    """A broker without persistence, as the demo's: what it has not delivered is lost when it stops."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        config = directory / f"mosquitto-{self.port}.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n"
        )
        self._server = Server([program("mosquitto"), "-c", str(config)], config.with_suffix(".log"))

    def start(self) -> None:
        self._server.start(lambda: listens(self.port))

    def stop(self) -> None:
        self._server.stop(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut would."""
        self._server.stop(signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Its connections stay open, and it says nothing."""
        self._server.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._server.send(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class InfluxDB:
    """InfluxDB 1.6.7 from Debian; each test makes databases of its own in it."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        config = directory / "influxdb.conf"
        config.write_text(
            f"""\
reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{directory / "meta"}"
[data]
dir = "{directory / "data"}"
wal-dir = "{directory / "wal"}"
index-version = "tsi1"
[http]
bind-address = "{self.address}"
log-enabled = false
"""
        )
        self._server = Server([program("influxd"), "-config", str(config)], directory / "influxd.log")

    def start(self) -> None:
        self._server.start(self._answers)

    def stop(self) -> None:
        self._server.stop(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut would."""
        self._server.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, as a machine that swaps."""
        self._server.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._server.send(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/ping", trust_env=False, timeout=2.0).status_code == 204
        except httpx.HTTPError:
            return False


def free_port() -> int:
    """Below the ports that the kernel lends to outgoing connections, one of which could take it while its server is
    down: a client that knocks at a lent port of its own machine may even be connected to itself.
    """
    while True:
        port = random.randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """One child process with a log; in a process `group` of its own if it starts others."""

    def __init__(
        self,
        command: list[str],
        log: Path,
        env: dict[str, str] | None = None,
        ready_s: float = _READY_S,
        group: bool = False,
    ) -> None:
        self._command, self._log, self._env, self._ready_s, self._group = command, log, env, ready_s, group
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was not started"
        return self._process.pid

    def start(self, ready: Callable[[], bool]) -> None:
        assert self._process is None, "it runs already"
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=self._env, start_new_session=self._group,
            )  # fmt: skip
        self.wait(ready)

    def wait(self, ready: Callable[[], bool]) -> None:
        assert self._process is not None, "it was not started"
        until = time.monotonic() + self._ready_s
        while not ready():
            said = self._log.read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, f"{self._command[0]} stopped: {said}"
            assert time.monotonic() < until, f"{self._command[0]} is not ready after {self._ready_s:.0f} s: {said}"
            time.sleep(0.02)

    def kill(self) -> None:
        """As a power cut would."""
        self.stop(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(number)

    def stop(self, number: signal.Signals) -> None:
        """Idempotent. Asked again and again: Mosquitto forgets a signal that comes just after it began to listen."""
        if self._process is None:
            return
        until = time.monotonic() + _STOPPED_S
        while True:
            if self._group and self._process.poll() is None:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)
            try:
                self._process.wait(1.0)
                break
            except subprocess.TimeoutExpired:
                assert time.monotonic() < until, f"{self._command[0]} does not stop"
        self._process = None


def program(name: str, path: str = _PATH) -> str:
    """Skips the test where it is not installed."""
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed: scripts/setup installs it")
    return found


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
