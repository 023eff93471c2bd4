"""Sends bundles to the broker, which keeps each for gateways that connect later (retained, QoS 1)."""

import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from classroom_profiles.topics import EVERYBODY, Address
from cloud_ingest.catalogue.shelf import ToSend

TIMEOUT_S = 15.0


class NotSent(Exception):
    """The broker has not taken it; the text says why. Those before it were sent."""


class WrongBroker(ValueError):
    """The URL can never work."""


@dataclass(frozen=True, slots=True)
class Broker:
    host: str
    port: int
    user: str | None
    tls: bool

    @classmethod
    def of(cls, url: str) -> "Broker":
        """`mqtt[s]://[user@]host[:port]`. Raises WrongBroker."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            raise WrongBroker("the broker's port is a number from 1 to 65535") from None
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/"):
            raise WrongBroker("write mqtt://host:1883 or mqtts://host:8883")
        if parts.password is not None:
            raise WrongBroker("a password does not belong in the URL: put it in LOPHOC_BROKER_PASSWORD")
        tls = parts.scheme == "mqtts"
        return cls(parts.hostname, port or (8883 if tls else 1883), unquote(parts.username or "") or None, tls)


def send(
    broker: Broker, bundles: Sequence[ToSend], password: str | None = None, ca: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> list[ToSend]:  # fmt: skip
    """One after the other; returns those that the broker has acknowledged. Raises NotSent if it cannot be reached."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if broker.user is not None:
        client.username_pw_set(broker.user, password)
    if broker.tls:
        client.tls_set_context(ssl.create_default_context(cafile=ca))
    connected, refused = threading.Event(), []

    def on_connect(_: paho.Client, __: object, ___: object, code: ReasonCode, ____: object) -> None:
        if code.is_failure:
            refused.append(str(code))
        connected.set()

    client.on_connect = on_connect
    try:
        client.connect(broker.host, broker.port, keepalive=30)
    except (OSError, ValueError) as why:
        raise NotSent(f"{broker.host}:{broker.port} cannot be reached: {why}") from why
    client.loop_start()
    try:
        if not connected.wait(timeout_s):
            raise NotSent(f"{broker.host}:{broker.port} does not answer")
        if refused:
            raise NotSent(f"{broker.host}:{broker.port} does not let us in: {refused[0]}")
        return [bundle for bundle in bundles if _is_taken(client, bundle, timeout_s)]
    finally:
        client.disconnect()
        client.loop_stop()


def _is_taken(client: paho.Client, bundle: ToSend, timeout_s: float) -> bool:
    sent = client.publish(Address(bundle.school, EVERYBODY).topic("cmd"), bundle.sealed, qos=1, retain=True)
    if sent.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
        return False
    try:
        sent.wait_for_publish(timeout_s)
    except (RuntimeError, ValueError):
        return False
    return sent.is_published()
