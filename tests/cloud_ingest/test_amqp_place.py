"""Where a RabbitMQ is, from its URL; how our topics read there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles.topics import Address
from cloud_ingest.amqp_place import BINDINGS, AmqpBroker, routing_key, topic_of
from cloud_ingest.broker_link import Broker, WrongBroker
from cloud_ingest.link import broker_of

_SLUGS = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("url", "places", "tls"),
    [
        ("amqp://centre@rabbit", (("rabbit", 5672),), False),
        ("amqp://centre@rabbit:5673/", (("rabbit", 5673),), False),
        ("amqps://centre@a,b:5,10.0.0.3:65535", (("a", 5671), ("b", 5), ("10.0.0.3", 65535)), True),
        ("amqp://centre@[::1]:5673,[fd00::2]", (("::1", 5673), ("fd00::2", 5672)), False),
    ],
)
def test_a_url_names_one_node_or_several(url: str, places: tuple[tuple[str, int], ...], tls: bool) -> None:
    broker = AmqpBroker.of(url)
    assert (broker.places, broker.user, broker.tls) == (places, "centre", tls)


def test_the_password_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPHOC_BROKER_PASSWORD", "a secret")
    broker = AmqpBroker.of("amqp://centre@rabbit")
    assert broker.password == "a secret"
    assert "a secret" not in repr(broker)


@pytest.mark.parametrize(
    "url",
    [
        "amqp://rabbit",
        "amqp://@rabbit",
        "amqp://centre@",
        "amqp://centre@rabbit,",
        "amqp://centre@rabbit,,other",
        "amqp://centre@rabbit:port",
        "amqp://centre@rabbit:0",
        "amqp://centre@rabbit:65536",
        "amqp://centre@rab bit",
        "amqp://centre@rabbit/vhost",
        "amqp://centre@rabbit?heartbeat=1",
    ],
)
def test_a_url_that_can_never_work_is_refused(url: str) -> None:
    with pytest.raises(WrongBroker):
        AmqpBroker.of(url)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(WrongBroker, match="LOPHOC_BROKER_PASSWORD") as refusal:
        AmqpBroker.of("amqp://centre:secret@rabbit")
    assert "secret" not in str(refusal.value)


def test_the_scheme_chooses_the_link() -> None:
    assert isinstance(broker_of("amqps://centre@rabbit"), AmqpBroker)
    assert isinstance(broker_of("mqtt://broker"), Broker)


def test_amqp_is_offered_only_where_it_works() -> None:
    with pytest.raises(WrongBroker, match="amqp://"):
        broker_of("http://broker")
    with pytest.raises(WrongBroker, match="mqtts://") as refusal:
        Broker.of("http://broker")
    assert "amqp" not in str(refusal.value)


def test_the_queue_is_bound_to_every_gateways_topics() -> None:
    assert BINDINGS == ("lophoc.1.*.*.up", "lophoc.1.*.*.status")


@given(_SLUGS, _SLUGS)
def test_a_gateways_topic_comes_back_from_its_routing_key(school: str, gateway: str) -> None:
    topic = Address(school, gateway).topic("up")
    assert topic_of(routing_key(topic)) == topic.encode()
