"""Where a RabbitMQ is, and how our MQTT topics read there. No I/O, and no AMQP library."""

import os
import re
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from classroom_profiles.topics import EVERY_STATUS, EVERY_UP
from cloud_ingest.broker_link import WrongBroker

EXCHANGE = "amq.topic"
"""Where RabbitMQ's MQTT plugin publishes to, and subscribes at."""
QUEUE = "lophoc-ingest"
"""The one queue of all workers."""
WINDOW = 1_000
"""Messages that a worker may have on their way to it, or unanswered; the inbox bounds their bytes."""
WINDOW_HELD_BACK = 20_000
"""The same while answers are held back until a store's word holds."""

_PORT, _TLS_PORT = 5672, 5671
_SHAPE = "write RabbitMQ as amqp://user@host:5672 or amqps://user@host:5671,other:5671"
_PLACE = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


def routing_key(topic: str) -> str:
    """As the MQTT plugin has it: levels are parted by dots, one level of any name is a star."""
    return topic.replace("/", ".").replace("+", "*")


def topic_of(key: str) -> bytes:
    """The MQTT topic of a message; a dot within a level cannot be told from a level, so our names have none."""
    return key.replace(".", "/").encode()


BINDINGS = (routing_key(EVERY_UP), routing_key(EVERY_STATUS))


@dataclass(frozen=True, slots=True)
class AmqpBroker:
    """The nodes of a RabbitMQ, any of which will do, and who we are to it."""

    places: tuple[tuple[str, int], ...]
    user: str
    tls: bool = False
    password: str = field(default="", repr=False)

    redelivers: ClassVar[bool] = True
    """What a worker has not acknowledged when it dies is given to another."""

    @property
    def where(self) -> str:
        return ",".join(f"{host}:{port}" for host, port in self.places)

    @classmethod
    def of(cls, url: str) -> "AmqpBroker":
        """`amqp[s]://user@host[:port][,host[:port]...]`; the password is LOPHOC_BROKER_PASSWORD. Raises WrongBroker."""
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        if parts.scheme not in ("amqp", "amqps") or parts.path.strip("/") or parts.query or parts.fragment:
            raise WrongBroker(_SHAPE)
        if ":" in user:
            raise WrongBroker("a password does not belong in the broker's URL: put it in LOPHOC_BROKER_PASSWORD")
        if not at or not user:
            raise WrongBroker(f"RabbitMQ wants to know who we are: {_SHAPE}")
        tls = parts.scheme == "amqps"
        places = tuple(_place(host, _TLS_PORT if tls else _PORT) for host in hosts.split(","))
        return cls(places, unquote(user), tls, os.environ.get("LOPHOC_BROKER_PASSWORD", ""))


def _place(host: str, default: int) -> tuple[str, int]:
    match = _PLACE.fullmatch(host)
    if match is None:
        raise WrongBroker(_SHAPE)
    port = int(match[2]) if match[2] else default
    if not 0 < port < 65536:
        raise WrongBroker("the broker's port is a number from 1 to 65535")
    return match[1].strip("[]"), port
