"""`lophoc ingest` at a real RabbitMQ: gateways speak MQTT to it, workers share one quorum queue by AMQP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from classroom_profiles.telemetry import Ack, digest
from tests.cloud_ingest.gateway_peer import batch, gateway
from tests.cloud_ingest.ingest_process import ingest
from tests.cloud_ingest.test_ingest import stored
from tests.rabbitmq import PASSWORD, RabbitMQ


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """One node for the tests of this file: it takes seconds to start."""
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPHOC_BROKER_PASSWORD", PASSWORD)


def test_a_batch_that_came_by_mqtt_is_stored_and_acknowledged_by_mqtt(rabbit: RabbitMQ, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with (
        ingest(tmp_path / "ingest.log", rabbit.url, f"sqlite:///{path}") as process,
        gateway(rabbit.nodes[0].mqtt_url) as peer,
    ):
        assert peer.answers(batch(1)) == Ack(digest(batch(1)), 100)
        assert stored(path) == 100
        assert process.stop() == 0
