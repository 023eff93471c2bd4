"""`lophoc ingest` as a process, a real broker, a gateway that nobody made easy."""

import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import pytest
from click.testing import CliRunner

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import (
    MAX_BATCH_BYTES,
    VERSION,
    Ack,
    Clock,
    Layout,
    Measurement,
    Refusal,
    Run,
    Series,
    digest,
    pack,
    with_layout,
    without_layout,
)
from classroom_profiles.topics import Address
from cloud_ingest import cli
from cloud_ingest.sqlite_store import SqliteStore
from tests.cloud_ingest.gateway_peer import BASE_US, Gateway, batch, gateway
from tests.cloud_ingest.ingest_process import IngestProcess, ingest
from tests.servers import Mosquitto

_numbers = itertools.count()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ingest.log"


class Running(NamedTuple):
    """Broker and ingest of those tests that stop neither of them: each has a school of its own."""

    broker_url: str
    path: Path
    process: IngestProcess


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("running")
    path = folder / "store.sqlite"
    with Mosquitto(folder) as broker, ingest(folder / "ingest.log", broker.url, f"sqlite:///{path}") as process:
        yield Running(broker.url, path, process)


@pytest.fixture
def school() -> str:
    return f"thcs-{next(_numbers)}"


@pytest.fixture
def peer(running: Running, school: str) -> Iterator[Gateway]:
    with gateway(running.broker_url, school) as peer:
        yield peer


def stored(path: Path, school: str = "thcs-nguyen-du", room: str | None = None) -> int:
    store = SqliteStore(str(path))
    store.open(create=False)
    try:
        return store.count(school, room)
    finally:
        store.close()


def workers_of(process: IngestProcess) -> list[psutil.Process]:
    return psutil.Process(process.process.pid).children()


def column(times: list[int], values: list[Value], room: str = "a101", metric: str = "co2_ppm") -> Run:
    """Unchecked: only what the columns of a batch cannot say at all is impossible."""
    return Run(Series(Measurement.READING, room, "co2", "air", metric), False, [BASE_US + t for t in times], values)


def columns(*some: Run) -> bytes:
    layout = Layout.of("boot-1", [(run.series, run.simulated) for run in some])
    return with_layout(pack(layout, Clock.TRUSTED, 0, 20_000, some), layout)


def test_a_batch_is_acknowledged_after_it_was_stored(running: Running, peer: Gateway, school: str) -> None:
    assert peer.answers(batch(1)) == Ack(digest(batch(1)), 100)
    assert stored(running.path, school) == 100


def test_the_school_is_the_topics(running: Running) -> None:
    for school in ("thcs-a", "thcs-b"):
        with gateway(running.broker_url, school) as peer:
            peer.answers(batch(1))
    assert [stored(running.path, school) for school in ("thcs-a", "thcs-b")] == [100, 100]


def test_a_batch_that_comes_again_is_acknowledged_again_and_stored_once(
    running: Running, peer: Gateway, school: str
) -> None:
    for _ in range(3):
        assert peer.answers(batch(1)).stored == 100
    assert stored(running.path, school) == 100


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1 garbage",
        batch(1)[:-7],
        batch(1)[: len(batch(1)) // 2],
        b"x" * (MAX_BATCH_BYTES + 1),
        msgspec.msgpack.encode({"school": "another"}),
        msgspec.msgpack.encode([1, "boot-1", True, 0, 0, 0, []]),
        columns(column(list(range(10_001)), [1.0] * 10_001)),
    ],
    ids=["empty", "garbage", "cut", "half", "huge", "map", "version 1", "many"],
)
def test_what_cannot_be_read_is_answered_and_the_next_batch_is_stored(
    running: Running, peer: Gateway, school: str, payload: bytes
) -> None:
    ack = peer.answers(payload)
    assert (ack.stored, bool(ack.unreadable)) == (0, True)
    assert peer.answers(batch(1)).stored == 100
    assert stored(running.path, school) == 100


def test_a_batch_of_a_later_version_stays_with_its_gateway(running: Running, peer: Gateway) -> None:
    peer.send(bytes([VERSION + 1]) + batch(1)[1:])
    peer.wait_answers(1)
    ack = peer.acks[0]
    assert (ack.settles, ack.busy, ack.unreadable, ack.slow_s) == (False, True, "", 60.0)
    running.process.wait_for("this centre reads 2")
    assert peer.answers(batch(1)).stored == 100


def test_a_bad_point_does_not_cost_its_neighbours(running: Running, peer: Gateway, school: str) -> None:
    payload = columns(
        column([0, 1, 2], [400.0, float("nan"), 403.0]),
        column([0, 0, 1], [1.0, 2.0, 3.0], room="a102"),
        column([5], [1.0], room="a,school=other"),
        column([2**62], [1.0], room="a103"),
        column([1], ["tab\there"], room="a104"),
    )
    ack = peer.answers(payload)
    assert ack.stored == 4
    assert ack.refused == {
        Refusal.NOT_FINITE: 1, Refusal.TIME_ORDER: 1, Refusal.TAG: 1, Refusal.TIME_RANGE: 1,
        Refusal.TEXT: 1,
    }  # fmt: skip
    path = running.path
    assert (stored(path, school, "a101"), stored(path, school, "a102"), stored(path, school)) == (2, 2, 4)
    assert stored(path, "other") == 0


def test_a_layout_is_asked_for_once_and_then_known(running: Running, peer: Gateway, school: str) -> None:
    bare = [without_layout(batch(number))[0] for number in range(3)]
    assert peer.answers(bare[0]) == Ack(digest(bare[0]), 0, need_layout=True)
    assert peer.answers(batch(0)).stored == 100
    assert [peer.answers(payload).stored for payload in bare] == [100, 100, 100]
    assert stored(running.path, school) == 300


def test_a_topic_of_another_shape_changes_nothing(running: Running, peer: Gateway, school: str) -> None:
    for topic in ("lophoc/1/THCS/gw/up", "lophoc/1/a b/gw/up", "lophoc/1//gw/up", "lophoc/1/x,y=z/gw/up"):
        peer.send(batch(1), topic)
    peer.send(b"online", Address(school, "gw-1").topic("status"))
    assert peer.answers(batch(2)).stored == 100
    assert [ack.batch for ack in peer.acks] == [digest(batch(2))]
    assert stored(running.path, school) == 100
    assert running.process.process.poll() is None


def test_a_restarted_broker_is_found_again(mosquitto: Mosquitto, path: Path, log: Path) -> None:
    with ingest(log, mosquitto.url, f"sqlite:///{path}") as process, gateway(mosquitto.url) as peer:
        peer.answers(batch(1))
        mosquitto.stop()
        mosquitto.start()
        assert peer.answers(batch(2)).stored == 100
        assert process.process.poll() is None
    assert log.read_text().count("connection is lost") == 2  # once for each connection, not once for each try


def test_one_that_was_suspended_goes_on(running: Running, peer: Gateway) -> None:
    """Longer than it looks for a signal at a time."""
    for number in range(3):
        running.process.process.send_signal(signal.SIGSTOP)
        time.sleep(0.6)
        running.process.process.send_signal(signal.SIGCONT)
        assert peer.answers(batch(number)).stored == 100
        assert running.process.process.poll() is None


def test_a_broker_that_comes_late_is_waited_for(mosquitto: Mosquitto, path: Path, log: Path) -> None:
    mosquitto.stop()
    with IngestProcess(log, "--broker", mosquitto.url, "--store", f"sqlite:///{path}") as process:
        mosquitto.start()
        process.wait_ready()
        with gateway(mosquitto.url) as peer:
            assert peer.answers(batch(1)).stored == 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(mosquitto: Mosquitto, path: Path, log: Path, number: signal.Signals) -> None:
    with ingest(log, mosquitto.url, f"sqlite:///{path}") as process:
        process.process.send_signal(number)
        assert process.process.wait(30.0) == 0
    assert "Traceback" not in log.read_text()


def test_stopped_in_the_middle_everything_it_stored_is_acknowledged_or_sent_again(
    mosquitto: Mosquitto, path: Path, log: Path
) -> None:
    payloads = [batch(number) for number in range(60)]
    with gateway(mosquitto.url) as peer:
        with ingest(log, mosquitto.url, f"sqlite:///{path}") as process:
            for payload in payloads:
                peer.send(payload)
            assert process.stop() == 0
        with ingest(log, mosquitto.url, f"sqlite:///{path}"):
            assert sum(ack.stored for ack in peer.deliver(payloads).values()) == 6_000
    assert stored(path) == 6_000


def test_workers_share_the_work_and_a_dead_one_is_replaced(mosquitto: Mosquitto, path: Path, log: Path) -> None:
    with ingest(log, mosquitto.url, f"sqlite:///{path}", "--workers", "2") as process, gateway(mosquitto.url) as peer:
        first = workers_of(process)
        assert len(first) == 2
        peer.deliver([batch(number) for number in range(10)])
        first[0].send_signal(signal.SIGKILL)
        first[0].wait(5.0)
        peer.deliver([batch(number) for number in range(10, 40)])
        assert stored(path) == 4_000
        assert process.stop() == 0
        assert not any(worker.is_running() for worker in first)


def test_workers_do_not_outlive_a_killed_supervisor(mosquitto: Mosquitto, path: Path, log: Path) -> None:
    with ingest(log, mosquitto.url, f"sqlite:///{path}", "--workers", "2") as process:
        team = workers_of(process)
        process.kill()
        for worker in team:
            worker.wait(30.0)


def test_a_wrong_option_ends_all_workers_at_once(mosquitto: Mosquitto, tmp_path: Path, log: Path) -> None:
    with IngestProcess(
        log, "--broker", mosquitto.url, "--store", f"sqlite:///{tmp_path / 'none' / 'x.sqlite'}", "--workers", "2"
    ) as process:
        assert process.process.wait(30.0) == 1
    assert "no folder" in log.read_text()


@pytest.mark.parametrize(
    ("broker", "store", "says"),
    [
        ("http://host", "sqlite:///x", "mqtt://host"),
        ("mqtt://user:secret@host", "sqlite:///x", "LOPHOC_BROKER_PASSWORD"),
        ("mqtt://host:port", "sqlite:///x", "port"),
        ("mqtt://host", "nothing://x", "no store known"),
    ],
)
def test_wrong_use_is_exit_code_2(broker: str, store: str, says: str) -> None:
    told = CliRunner().invoke(cli.ingest, ["--broker", broker, "--store", store])
    assert told.exit_code == 2
    assert says in told.output
    assert "secret" not in told.output
