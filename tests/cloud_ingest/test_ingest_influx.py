"""Nothing lost, nothing twice: a real broker, a real InfluxDB, and everything in between killed."""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from classroom_profiles.telemetry import Ack, digest
from cloud_ingest.influx1_store import Influx1Store
from tests.cloud_ingest.gateway_peer import BASE_US, Gateway, batch, gateway
from tests.cloud_ingest.influx2_shim import TOKEN, influx2_shim
from tests.cloud_ingest.ingest_process import IngestProcess, ingest
from tests.cloud_ingest.victoria import victoria_metrics
from tests.servers import InfluxDB, Mosquitto

SCHOOL = "thcs-nguyen-du"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ingest.log"


@pytest.fixture
def database() -> str:
    return f"lophoc_{secrets.token_hex(4)}"


@contextmanager
def opened(influxdb: InfluxDB, database: str) -> Iterator[Influx1Store]:
    store = Influx1Store(f"http://127.0.0.1:{influxdb.port}", database)
    try:
        store.open()
        yield store
    finally:
        store.close()


@contextmanager
def delivering(peer: Gateway, payloads: list[bytes]) -> Iterator[dict[str, Ack]]:
    """Deliver meanwhile; at the end every batch has its answer in the dictionary."""
    found: dict[str, Ack] = {}
    work = threading.Thread(target=lambda: found.update(peer.deliver(payloads, timeout_s=90.0, again_s=0.5, window=4)))
    work.start()
    try:
        yield found
    finally:
        work.join(50.0)


def test_killed_three_times_and_the_broker_restarted_every_point_is_stored_once(
    mosquitto: Mosquitto, influxdb: InfluxDB, database: str, log: Path
) -> None:
    arguments = ("--broker", mosquitto.url, "--store", f"influx1://127.0.0.1:{influxdb.port}/{database}")
    payloads = [batch(number, size=20) for number in range(500)]
    with gateway(mosquitto.url) as peer:
        process = IngestProcess(log, *arguments)
        try:
            process.wait_ready()
            with delivering(peer, payloads) as found:
                for answers in (60, 160, 260):
                    peer.wait_answers(answers)
                    process.kill()
                    process.close()
                    process = IngestProcess(log, *arguments)
                peer.wait_answers(360)
                mosquitto.stop()
                mosquitto.start()
            assert process.stop() == 0
        finally:
            process.close()
    assert sum(ack.stored for ack in found.values()) == 10_000
    with opened(influxdb, database) as store:
        assert store.count(SCHOOL) == 10_000


def test_a_store_that_stops_in_the_middle_is_waited_for_and_caught_up_with(
    mosquitto: Mosquitto, influxdb: InfluxDB, database: str, log: Path
) -> None:
    payloads = [batch(number) for number in range(60)]
    target = f"influx1://127.0.0.1:{influxdb.port}/{database}"
    with ingest(log, mosquitto.url, target) as process, gateway(mosquitto.url) as peer:
        with delivering(peer, payloads) as found:
            peer.wait_answers(20)
            influxdb.stop()
            before = len(peer.acks)
            peer.send(batch(1000))
            while "the store is away" not in process.said():
                time.sleep(0.02)
            assert all(ack.batch != digest(batch(1000)) for ack in peer.acks[before:])
            influxdb.start()
        assert sum(ack.stored for ack in found.values()) == 6_000
        assert peer.answers(batch(1000)).stored == 100
        assert process.stop() == 0
    assert process.said().count("the store is back") == 1
    with opened(influxdb, database) as store:
        assert store.count(SCHOOL) == 6_100


def test_a_store_that_is_away_at_the_start_stops_nothing(
    mosquitto: Mosquitto, influxdb: InfluxDB, database: str, log: Path
) -> None:
    influxdb.stop()
    with ingest(log, mosquitto.url, f"influx1://127.0.0.1:{influxdb.port}/{database}") as process:
        assert "the store is away" in process.said()
        influxdb.start()
        with gateway(mosquitto.url) as peer:
            assert peer.answers(batch(1)).stored == 100


def test_a_batch_of_which_half_was_written_is_completed(
    mosquitto: Mosquitto, influxdb: InfluxDB, database: str, log: Path
) -> None:
    target = f"influx1://127.0.0.1:{influxdb.port}/{database}"
    with gateway(mosquitto.url) as peer:
        with ingest(log, mosquitto.url, target):
            peer.answers(batch(1))
        with opened(influxdb, database) as store:
            half = f"DELETE WHERE time >= {BASE_US + 1_000_050}u"
            answer = httpx.post(
                f"http://127.0.0.1:{influxdb.port}/query", params={"db": database, "q": half}, trust_env=False
            )
            assert answer.status_code == 200
            assert store.count(SCHOOL) == 50
        with ingest(log, mosquitto.url, target):
            assert peer.answers(batch(1)).stored == 100
    with opened(influxdb, database) as store:
        assert store.count(SCHOOL) == 100


def test_points_that_the_store_will_not_take_are_refused_and_the_others_stored(
    mosquitto: Mosquitto, influxdb: InfluxDB, database: str, log: Path
) -> None:
    """Someone else wrote `value` as an integer before us: a field never changes its type."""
    with opened(influxdb, database):
        answer = httpx.post(
            f"http://127.0.0.1:{influxdb.port}/write",
            params={"db": database}, content=f"reading,school=other value=1i {BASE_US}000", trust_env=False,
        )  # fmt: skip
        assert answer.status_code == 204
    target = f"influx1://127.0.0.1:{influxdb.port}/{database}"
    with ingest(log, mosquitto.url, target), gateway(mosquitto.url) as peer:
        ack = peer.answers(batch(1))
        assert (ack.stored, ack.refused) == (60, {"store": 40})
    with opened(influxdb, database) as store:
        assert store.count(SCHOOL) == 60


def test_a_database_that_was_dropped_is_made_again(
    mosquitto: Mosquitto, influxdb: InfluxDB, database: str, log: Path
) -> None:
    target = f"influx1://127.0.0.1:{influxdb.port}/{database}"
    with ingest(log, mosquitto.url, target), gateway(mosquitto.url) as peer:
        peer.answers(batch(1))
        httpx.post(
            f"http://127.0.0.1:{influxdb.port}/query", params={"q": f'DROP DATABASE "{database}"'}, trust_env=False
        )
        assert peer.answers(batch(2)).stored == 100
    with opened(influxdb, database) as store:
        assert store.count(SCHOOL) == 100


def test_influxdb_clients_own_writes_are_acknowledged_too(
    mosquitto: Mosquitto, influxdb: InfluxDB, database: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(influxdb, database) as store, influx2_shim(f"http://127.0.0.1:{influxdb.port}") as address:
        target = f"influx2+http://{address}/city/{database}"
        with gateway(mosquitto.url) as peer:
            monkeypatch.setenv("LOPHOC_STORE_TOKEN", "wrong-token")
            with ingest(log, mosquitto.url, target) as process:
                peer.send(batch(1))
                while "the store is away" not in process.said():
                    time.sleep(0.02)
                assert peer.acks == []
                assert "wrong-token" not in process.said()
            monkeypatch.setenv("LOPHOC_STORE_TOKEN", TOKEN)
            with ingest(log, mosquitto.url, target):
                assert sum(ack.stored for ack in peer.deliver([batch(n) for n in range(30)]).values()) == 3_000
        assert store.count(SCHOOL) == 3_000


def test_victoria_metrics_takes_what_influxdb_client_writes(mosquitto: Mosquitto, log: Path, tmp_path: Path) -> None:
    """Its `/api/v2/write` is its own. Texts become 0 there, and flags 0 or 1; nothing is durable for some seconds."""
    with victoria_metrics(tmp_path) as address:
        target = f"influx2+http://{address}/city/lophoc"
        with ingest(log, mosquitto.url, target), gateway(mosquitto.url) as peer:
            assert peer.answers(batch(1)).stored == 100
        httpx.get(f"http://{address}/internal/force_flush", trust_env=False, timeout=10.0)  # else seconds later
        exported = httpx.get(
            f"http://{address}/api/v1/export", params={"match[]": f'reading_value{{school="{SCHOOL}"}}'},
            trust_env=False, timeout=10.0,
        )  # fmt: skip
        series = [line for line in exported.text.splitlines() if line]
        assert len(series) == 4
        assert all(f'"school":"{SCHOOL}"' in line and '"metric":"co2_ppm"' in line for line in series)
