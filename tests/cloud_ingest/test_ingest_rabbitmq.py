"""`lophoc ingest` at a real RabbitMQ: gateways speak MQTT to it, workers share one quorum queue by AMQP."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from click.testing import CliRunner

from classroom_profiles.telemetry import Ack, digest
from cloud_ingest import cli
from cloud_ingest.amqp_place import QUEUE
from tests.cloud_ingest.gateway_peer import batch, gateway
from tests.cloud_ingest.ingest_process import IngestProcess, ingest
from tests.cloud_ingest.test_ingest import stored, workers_of
from tests.rabbitmq import PASSWORD, USER, RabbitMQ
from tests.waiting import until

_T = TypeVar("_T")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """One node for all tests of this file, since it takes seconds to start."""
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture
def rabbit(node: RabbitMQ, monkeypatch: pytest.MonkeyPatch) -> Iterator[RabbitMQ]:
    """It, without what an earlier test left."""
    monkeypatch.setenv("LOPHOC_BROKER_PASSWORD", PASSWORD)
    yield node
    by_amqp(node, lambda channel: channel.queue_delete(QUEUE))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ingest.log"


def by_amqp(rabbit: RabbitMQ, do: Callable[[AbstractChannel], Awaitable[_T]]) -> _T:
    async def connected() -> _T:
        port = rabbit.nodes[0].amqp_port
        connection = await aio_pika.connect(host="127.0.0.1", port=port, login=USER, password=PASSWORD)
        async with connection:
            return await do(await connection.channel())

    return asyncio.run(connected())


def waiting(rabbit: RabbitMQ) -> int:
    """Messages in the queue that no worker holds."""

    async def count(channel: AbstractChannel) -> int:
        queue = await channel.declare_queue(QUEUE, passive=True)
        return queue.declaration_result.message_count or 0

    return by_amqp(rabbit, count)


def mqtt(rabbit: RabbitMQ) -> str:
    return rabbit.nodes[0].mqtt_url


def test_a_batch_that_came_by_mqtt_is_stored_and_acknowledged_by_mqtt(rabbit: RabbitMQ, path: Path, log: Path) -> None:
    with ingest(log, rabbit.url, f"sqlite:///{path}") as process, gateway(mqtt(rabbit)) as peer:
        assert peer.answers(batch(1)) == Ack(digest(batch(1)), 100)
        assert stored(path) == 100
        assert process.stop() == 0
    assert waiting(rabbit) == 0
    assert "Traceback" not in log.read_text()


def test_by_tls_with_an_authority_of_ones_own(
    rabbit: RabbitMQ, path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = rabbit.nodes
    monkeypatch.setenv("LOPHOC_BROKER_CA", str(node.authority))
    url = f"amqps://{USER}@127.0.0.1:{node.amqps_port}"
    with ingest(log, url, f"sqlite:///{path}") as process, gateway(mqtt(rabbit)) as peer:
        assert peer.answers(batch(1)) == Ack(digest(batch(1)), 100)
        assert process.stop() == 0
    assert stored(path) == 100


def test_a_broker_whose_certificate_nobody_vouches_for_is_not_talked_to(
    rabbit: RabbitMQ, path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = rabbit.nodes
    monkeypatch.delenv("LOPHOC_BROKER_CA", raising=False)
    url = f"amqps://{USER}@127.0.0.1:{node.amqps_port}"
    with IngestProcess(log, "--broker", url, "--store", f"sqlite:///{path}") as process:
        until(lambda: "certificate" in log.read_text().lower())
        assert process.stop() == 0
    assert PASSWORD + "@" not in log.read_text()


def test_a_killed_workers_batches_are_given_to_the_next_without_being_sent_again(
    rabbit: RabbitMQ, path: Path, log: Path
) -> None:
    payloads = [batch(number) for number in range(300)]
    with gateway(mqtt(rabbit)) as peer:
        with ingest(log, rabbit.url, f"sqlite:///{path}") as process:
            for payload in payloads:
                peer.send(payload)
            peer.wait_answers(20)
            process.kill()
        with ingest(log, rabbit.url, f"sqlite:///{path}") as process:
            peer.wait_answers_to({digest(payload) for payload in payloads})
            assert process.stop() == 0
    assert stored(path) == 30_000
    assert waiting(rabbit) == 0


def test_ingest_killed_in_the_middle_again_and_again_everything_arrives_once(
    rabbit: RabbitMQ, path: Path, log: Path
) -> None:
    payloads = [batch(number) for number in range(400)]
    with gateway(mqtt(rabbit)) as peer, ingest(log, rabbit.url, f"sqlite:///{path}", "--workers", "2") as process:
        for part in range(4):
            for payload in payloads[part * 100 : part * 100 + 100]:
                peer.send(payload)
            until(lambda: len(workers_of(process)) == 2)  # the one killed before is back
            workers_of(process)[part % 2].kill()
        assert sum(ack.stored for ack in peer.deliver(payloads).values()) == 40_000
        assert process.stop() == 0
    assert stored(path) == 40_000


def test_what_waits_while_no_worker_is_there_is_kept(rabbit: RabbitMQ, path: Path, log: Path) -> None:
    with ingest(log, rabbit.url, f"sqlite:///{path}") as process:
        assert process.stop() == 0
    with gateway(mqtt(rabbit)) as peer:
        for number in range(10):
            peer.send(batch(number))
        with ingest(log, rabbit.url, f"sqlite:///{path}"):
            peer.wait_answers(10)
    assert stored(path) == 1_000


def test_what_cannot_be_read_is_answered_and_leaves_the_queue(rabbit: RabbitMQ, path: Path, log: Path) -> None:
    with ingest(log, rabbit.url, f"sqlite:///{path}") as process, gateway(mqtt(rabbit)) as peer:
        for payload in (b"", b"\xc1 garbage", batch(1)[:-7]):
            assert peer.answers(payload).unreadable
        assert peer.answers(batch(1)).stored == 100
        assert process.stop() == 0
    assert waiting(rabbit) == 0


def test_a_topic_that_names_no_gateway_changes_nothing_and_leaves_the_queue(
    rabbit: RabbitMQ, path: Path, log: Path
) -> None:
    with ingest(log, rabbit.url, f"sqlite:///{path}") as process, gateway(mqtt(rabbit)) as peer:
        for topic in ("lophoc/1/THCS/gw/up", "lophoc/1/a b/gw/up", "lophoc/1/a.b/gw/up", "lophoc/1/a/b.c/up"):
            peer.send(batch(1), topic)
        peer.send(b"online", "lophoc/1/thcs-nguyen-du/gw-1/status")
        assert peer.answers(batch(2)).stored == 100
        assert process.stop() == 0
    assert stored(path) == 100
    assert waiting(rabbit) == 0


def test_a_queue_that_somebody_else_made_is_taken_as_it_is(rabbit: RabbitMQ, path: Path, log: Path) -> None:
    async def make(channel: AbstractChannel) -> None:
        await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 7})

    by_amqp(rabbit, make)
    with ingest(log, rabbit.url, f"sqlite:///{path}"), gateway(mqtt(rabbit)) as peer:
        assert peer.answers(batch(1)).stored == 100


def test_a_queue_that_is_deleted_under_us_is_made_again(rabbit: RabbitMQ, path: Path, log: Path) -> None:
    with ingest(log, rabbit.url, f"sqlite:///{path}"), gateway(mqtt(rabbit)) as peer:
        peer.answers(batch(1))
        by_amqp(rabbit, lambda channel: channel.queue_delete(QUEUE))
        assert peer.answers(batch(2)).stored == 100
    assert stored(path) == 200


def test_a_node_that_is_killed_and_comes_back_is_found_again(rabbit: RabbitMQ, path: Path, log: Path) -> None:
    with ingest(log, rabbit.url, f"sqlite:///{path}") as process, gateway(mqtt(rabbit)) as peer:
        peer.answers(batch(1))
        rabbit.nodes[0].wait_for_queues()
        rabbit.nodes[0].kill()
        rabbit.nodes[0].start()
        assert peer.answers(batch(2)).stored == 100
        assert process.stop() == 0
    assert stored(path) == 200
    assert log.read_text().count("; trying again") == 1  # once, not once for each try
    assert "Traceback" not in log.read_text()


def test_a_wrong_password_is_said_once_and_never_shown(
    rabbit: RabbitMQ, path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ingest(log, rabbit.url, f"sqlite:///{path}"):
        pass  # so that there is a queue
    monkeypatch.setenv("LOPHOC_BROKER_PASSWORD", "not-the-password")
    with IngestProcess(log, "--broker", rabbit.url, "--store", f"sqlite:///{path}") as process:
        process.wait_for("ACCESS_REFUSED")
        assert process.stop() == 0
    assert log.read_text().count("; trying again") == 1
    assert "not-the-password" not in log.read_text()


@pytest.mark.parametrize(
    ("broker", "says"),
    [
        ("amqp://host", "amqp://user@host"),
        ("amqp://user:secret@host", "LOPHOC_BROKER_PASSWORD"),
        ("amqp://user@host:port", "amqp://user@host"),
    ],
)
def test_wrong_use_is_exit_code_2(broker: str, says: str) -> None:
    told = CliRunner().invoke(cli.ingest, ["--broker", broker, "--store", "sqlite:///x"])
    assert told.exit_code == 2
    assert says in told.output
    assert "secret" not in told.output
