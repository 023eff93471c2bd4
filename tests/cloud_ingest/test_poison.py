"""One batch that no worker survives, or that makes every write fail: set aside, and all others are stored."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from classroom_profiles.telemetry import Measurement, Point, Series, digest, encode
from cloud_ingest.sqlite_store import SqliteStore
from tests.cloud_ingest.gateway_peer import BASE_US, batch, gateway
from tests.cloud_ingest.poisoned_ingest import POISON
from tests.servers import Mosquitto

SCHOOL = "thcs-nguyen-du"


class Watchdog:
    """Starts it again whenever it dies, as systemd does."""

    def __init__(self, *arguments: str) -> None:
        self.deaths = 0
        self._command = [sys.executable, "-m", "tests.cloud_ingest.poisoned_ingest", *arguments]
        self._stopping = False
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        self._stopping = True
        self._process.terminate()
        self._thread.join(60)
        return self._process.wait(60)

    def _start(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as said:
            assert said.readline() == b"ready\n"
        return process

    def _watch(self) -> None:
        while True:
            self._process.wait()
            if self._stopping:
                return
            self.deaths += 1
            self._process = self._start()


@contextmanager
def watched(*arguments: str) -> Iterator[Watchdog]:
    watchdog = Watchdog(*arguments)
    try:
        yield watchdog
    finally:
        code = watchdog.stop()
    assert code == 0


def poison() -> bytes:
    series = Series(Measurement.READING, "a101", POISON, "air", "co2_ppm")
    return encode("boot-1", True, 0, 0, [Point(series, BASE_US, 1.0)])


def stored(path: Path) -> int:
    store = SqliteStore(str(path))
    store.open(create=False)
    try:
        return store.count(SCHOOL)
    finally:
        store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_batch_that_kills_workers_is_set_aside_after_a_few(
    mosquitto: Mosquitto, tmp_path: Path, folder: Path
) -> None:
    path = tmp_path / "store.sqlite"
    payloads = [batch(number, size=10) for number in range(30)]
    with watched(mosquitto.url, str(path), str(folder), "kill") as watchdog, gateway(mosquitto.url) as peer:
        found = peer.deliver([poison(), *payloads], again_s=0.5)
        assert found[digest(poison())].unreadable
        assert sum(ack.stored for ack in found.values()) == 300
        assert 2 <= watchdog.deaths <= 8
        before = watchdog.deaths
        peer.send(poison())  # its gateway has not heard
        peer.answers(batch(100, size=10))
        assert watchdog.deaths == before
    assert stored(path) == 310
    assert [file.read_bytes() for file in (folder / "set-aside").glob("*.batch")] == [poison()]


def test_a_batch_that_makes_a_write_fail_costs_its_neighbours_nothing(
    mosquitto: Mosquitto, tmp_path: Path, folder: Path
) -> None:
    path = tmp_path / "store.sqlite"
    payloads = [batch(number, size=10) for number in range(20)]
    with watched(mosquitto.url, str(path), str(folder), "raise") as watchdog, gateway(mosquitto.url) as peer:
        found = peer.deliver([*payloads[:10], poison(), *payloads[10:]], window=21)
        assert found[digest(poison())].unreadable
        assert sum(ack.stored for ack in found.values()) == 200
        assert watchdog.deaths == 0
    assert stored(path) == 200
    (why,) = (folder / "set-aside").glob("*.txt")
    assert "ZeroDivisionError" in why.read_text()


def test_a_full_quarantine_loses_nothing_since_it_is_not_answered(
    mosquitto: Mosquitto, tmp_path: Path, folder: Path
) -> None:
    folder.mkdir()
    (folder / "set-aside").write_text("a file where the folder should be")
    path = tmp_path / "store.sqlite"
    with watched(mosquitto.url, str(path), str(folder), "raise"), gateway(mosquitto.url) as peer:
        peer.send(poison())
        assert peer.answers(batch(1)).stored == 100
        assert peer.answers(batch(2)).stored == 100
        assert digest(poison()) not in {ack.batch for ack in peer.acks}
