"""What the centre's benchmarks share: a broker, a store, `lophoc ingest` and `lophoc sim city` as real processes."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from tests.cloud_ingest.ingest_process import IngestProcess
from tests.cloud_ingest.victoria import victoria_metrics
from tests.servers import InfluxDB, Mosquitto, free_port

BROKER_OPTIONS = "max_inflight_messages 200\nmax_queued_messages 100000\n"
"""As docs/ingest.md advises for many gateways."""


@dataclass(frozen=True, slots=True)
class Place:
    """A store that runs, as it is written to with and without us."""

    url: str
    write_url: str
    """For line protocol in microseconds; empty if it is a file."""


@contextmanager
def store(kind: str, directory: Path) -> Iterator[Place]:
    """`influx1`, `victoria` or `sqlite`, fresh."""
    if kind == "sqlite":
        yield Place(f"sqlite:///{directory / 'store.sqlite'}", "")
    elif kind == "victoria":
        with victoria_metrics(directory) as address:
            yield Place(f"victoria://{address}", f"http://{address}/api/v2/write?precision=us")
    else:
        with InfluxDB(directory) as server:
            with urlopen(f"http://{server.address}/query", b"q=CREATE+DATABASE+bench", timeout=10):
                pass
            where = f"http://{server.address}/write?db=bench&precision=u"
            yield Place(f"influx1://{server.address}/bench", where)


class Centre:
    """A broker and a running ingest."""

    def __init__(self, broker: Mosquitto, ingest: IngestProcess, metrics_port: int) -> None:
        self.broker_url = broker.url
        self._ingest = psutil.Process(ingest.process.pid)
        (self._broker,) = [p for p in psutil.Process().children() if "mosquitto" in p.name()]
        self._metrics = f"http://127.0.0.1:{metrics_port}/metrics"

    def stored_points(self) -> float:
        return self.metric("lophoc_ingest_stored_points_total")

    def metric(self, name: str) -> float:
        with urlopen(self._metrics, timeout=5) as answer:  # noqa: S310 - loopback
            for line in answer.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        raise KeyError(name)

    def cpu_s(self) -> tuple[float, float]:
        """Processor time of the receiver, and of the broker."""
        return sum(map(_cpu_s, [self._ingest, *self._ingest.children(recursive=True)])), _cpu_s(self._broker)

    def all_cpu_s(self) -> dict[str, float]:
        """Processor time by program: receiver, broker, store if it is one, and the city while it runs."""
        receiver, broker = self.cpu_s()
        found = {"receiver": receiver, "broker": broker}
        for child in psutil.Process().children():
            name = "store" if child.name() in ("influxd", "victoria-metrics") else ""
            with suppress(psutil.Error):
                if not name and "city" in child.cmdline():
                    name = "city"
                if name:
                    found[name] = _cpu_s(child)
        return found

    @contextmanager
    def city(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """`lophoc sim city` with these options, ready."""
        command = [sys.executable, "-m", "lophoc", "sim", "city", "--broker", self.broker_url, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("ready"), "the city did not start"
            yield process
        finally:
            process.terminate()
            process.wait(10)
            process.stdout.close()


@contextmanager
def centre(place: Place, directory: Path, *options: str) -> Iterator[Centre]:
    with ExitStack() as running:
        broker = Mosquitto(directory)
        with (directory / f"mosquitto-{broker.port}.conf").open("a") as config:
            config.write(BROKER_OPTIONS)
        running.enter_context(broker)
        port = free_port()
        arguments = ("--broker", broker.url, "--store", place.url, "--metrics-port", str(port), *options)
        process = running.enter_context(IngestProcess(directory / "ingest.log", *arguments))
        process.wait_ready()
        yield Centre(broker, process, port)


def report(city: "subprocess.Popen[str]", timeout_s: float) -> dict[str, Any]:
    """The city's last line, once it ends."""
    until = time.monotonic() + timeout_s
    assert city.stdout is not None
    line = city.stdout.readline()
    city.wait(max(0.1, until - time.monotonic()))
    found: dict[str, Any] = json.loads(line)
    return found


def percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
