"""What a receiver needs of a broker: batches come in, acks go out, and a broker that waits is told to go on.

`mqtt[s]://` is any MQTT broker, `amqp[s]://` a RabbitMQ, alone or a cluster.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from classroom_profiles.topics import EVERY_STATUS, EVERY_UP
from cloud_ingest.amqp_place import WINDOW, WINDOW_HELD_BACK, AmqpBroker
from cloud_ingest.broker_link import Broker, BrokerLink, OnMessages, WrongBroker
from cloud_ingest.mqtt_wire import Version


class Link(Protocol):
    """A way to the broker that is built again whenever it is lost. All may be called from any thread."""

    ready: threading.Event
    """Set while messages come in and can go out."""

    def start(self) -> None: ...

    def close(self) -> None:
        """Send what was published, then disconnect."""

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> bool:
        """Send all, each to its topic. False if the broker is away, or takes nothing."""

    def acknowledge(self, connection: int, mids: Sequence[int]) -> None:
        """The broker's own acknowledgement of these messages, if the connection that brought them is still there."""


AnyBroker = Broker | AmqpBroker


def broker_of(url: str) -> AnyBroker:
    """Raises WrongBroker."""
    scheme = urlsplit(url).scheme
    if scheme not in ("mqtt", "mqtts", "amqp", "amqps"):
        raise WrongBroker("write the broker as mqtt://host:1883, mqtts://user@host:8883 or amqp://user@host:5672")
    return AmqpBroker.of(url) if scheme.startswith("amqp") else Broker.of(url)


def links(
    broker: AnyBroker,
    share: str,
    on_messages: OnMessages,
    on_failure: Callable[[BaseException], None],
    *,
    held_back: bool,
) -> tuple[Link, Link]:
    """The link that batches come by, and the one that acks go out by; they may be the same.

    `held_back`: answers come seconds after their batches, so that many have to be under way.
    """
    if isinstance(broker, AmqpBroker):
        from cloud_ingest.amqp_link import AmqpLink  # aio-pika is there with the extra `amqp` only

        both: Link = AmqpLink(broker, on_messages, on_failure, WINDOW_HELD_BACK if held_back else WINDOW)
        return both, both
    # Shared subscriptions are MQTT 5; retained messages never come by one (5.0, section 4.8.2).
    version = Version.V5 if share else Version.V311
    up = f"$share/{share}/{EVERY_UP}" if share else EVERY_UP
    receive: Link = BrokerLink(broker, "up", version, [(up, 1), (EVERY_STATUS, 0)], on_messages, on_failure)
    answer: Link = BrokerLink(broker, "acks", version, on_failure=on_failure)
    return receive, answer
