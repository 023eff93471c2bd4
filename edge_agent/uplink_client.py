"""How a gateway introduces itself to the centre's broker: its connection, its last will and its status."""

import os
import socket
import ssl
import time
from hashlib import blake2b
from importlib.metadata import version

import aiomqtt
import msgspec

from classroom_profiles.telemetry import VERSION as WIRE_VERSION
from classroom_profiles.topics import Address
from edge_agent.journal import Journal
from firmware_bridge.transports.mqtt import Broker
from firmware_bridge.transports.mqtt_client import Client

CA = "LOPHOC_UPLINK_CA"

_BROKER_S = 10.0
_KEEPALIVE_S = 30
_NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


def client_of(broker: Broker, address: Address, will: bytes) -> Client:
    # Always the same name, so that the broker ends a connection that hangs, and tells its last will, before it
    # takes the next. 23 characters are what every MQTT 3.1.1 broker must take (section 3.1.3.1).
    name = blake2b(f"{address.school}/{address.gateway}".encode(), digest_size=8).hexdigest()
    return Client(
        broker.host,
        broker.port,
        username=broker.user,
        password=broker.password,
        identifier=f"lophoc-{name}",
        tls_context=ssl.create_default_context(cafile=os.environ.get(CA) or None) if broker.tls else None,
        will=aiomqtt.Will(address.topic("status"), will, qos=1, retain=True),
        timeout=_BROKER_S,
        keepalive=_KEEPALIVE_S,
        socket_options=_NO_DELAY,
    )


def status(state: str, journal: Journal) -> bytes:
    """See docs/telemetry.md. In the last will it is how things were when the connection began."""
    oldest_us = journal.oldest_us
    age_s = 0.0 if oldest_us is None else max(0.0, time.time() - oldest_us / 1e6)
    return msgspec.json.encode(
        {
            "state": state,
            "version": version("lophoc"),
            "wire": WIRE_VERSION,
            "boot": journal.boot,
            "clock": "trusted" if journal.clock.trusted else "untrusted",
            "backlog_points": max(0, journal.backlog),
            "backlog_age_s": round(age_s, 1),
            "dropped_points": journal.lost,
            "journal_writable": journal.writable,
        }
    )
