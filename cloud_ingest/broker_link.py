"""One connection to the broker in threads of its own: connected again when lost, subscribed again each time.

paho-mqtt neither spreads its reconnects nor subscribes again, so both are done here. MQTT 3.1.1 with a clean session:
what a broker still held for us is sent again by its gateway, which waits for our ack and not for the broker's.
"""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from cloud_ingest.backoff import delays

KEEPALIVE_S = 30
_QUEUED_ACKS = 5_000

_log = logging.getLogger("lophoc.ingest.broker")


class WrongBroker(ValueError):
    """The URL can never work: a person has to correct it."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is, and who we are to it."""

    host: str
    port: int
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> "Broker":
        """`mqtt[s]://[user@]host[:port]`; the password comes from LOPHOC_BROKER_PASSWORD. Raises WrongBroker."""
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/"):
            raise WrongBroker("write the broker as mqtt://host:1883 or mqtts://user@host:8883")
        if parts.password is not None:
            raise WrongBroker("a password does not belong in the broker's URL: put it in LOPHOC_BROKER_PASSWORD")
        tls = parts.scheme == "mqtts"
        try:
            port = parts.port or (8883 if tls else 1883)
        except ValueError:
            raise WrongBroker("the broker's port is a number from 1 to 65535") from None
        user = unquote(parts.username or "")
        return cls(parts.hostname, port, tls, user, os.environ.get("LOPHOC_BROKER_PASSWORD", "") if user else "")


class BrokerLink:
    """`on_message` is called in paho's thread with the message and the number of the connection that brought it.

    With `on_message`, messages are acknowledged by `acknowledge` only.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        subscriptions: Sequence[str] = (),
        on_message: Callable[[MQTTMessage, int], None] | None = None,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.ready = threading.Event()
        """Set while connected, and subscribed to everything."""
        self.connection = 0
        """Counts connections: a message id means something on its own connection only."""
        self._broker = broker
        self._name = name
        self._subscriptions = [(topic, 1) for topic in subscriptions]
        self._on_message = on_message
        self._on_failure = on_failure
        self._lost = threading.Event()
        self._stopping = threading.Event()
        self._complained = False
        self._was_ready = False
        self._last: MQTTMessageInfo | None = None
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._stay_connected, name=f"broker {name}")

    def start(self) -> None:
        self._thread.start()

    def close(self, flush_s: float = 2.0) -> None:
        """Give what was published `flush_s` to be confirmed, then disconnect."""
        if self._last is not None and self.ready.is_set():
            try:
                self._last.wait_for_publish(flush_s)
            except (RuntimeError, ValueError) as wrong:
                _log.debug("%s: the last message was not confirmed: %s", self._name, wrong)
        self._stopping.set()
        self._lost.set()
        if self._thread.is_alive():
            self._thread.join()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send with QoS 1; False if it could not even be queued. May be called from any thread."""
        if not self.ready.is_set():
            return False
        info = self._client.publish(topic, payload, qos=1)
        self._last = info
        return info.rc is not MQTTErrorCode.MQTT_ERR_QUEUE_SIZE

    def acknowledge(self, connection: int, mid: int, qos: int) -> None:
        """MQTT's own PUBACK, if the connection that brought the message is still there. From any thread."""
        if qos > 0 and connection == self.connection and self.ready.is_set():
            self._client.ack(mid, qos)

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            f"lophoc-{self._name}-{secrets.token_hex(4)}",
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=self._on_message is not None,
        )
        client.max_queued_messages_set(_QUEUED_ACKS)
        client.max_inflight_messages_set(200)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls:
            client.tls_set(os.environ.get("LOPHOC_BROKER_CA") or None)
        client.on_socket_open = _without_delay
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        return client

    def _stay_connected(self) -> None:
        waits = delays()
        while not self._stopping.is_set():
            self._lost.clear()
            try:
                self._client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
            except OSError as wrong:
                self._complain(f"no connection to {self._broker.host}:{self._broker.port}: {wrong}")
            else:
                self._was_ready = False
                self._client.loop_start()
                if self._stopping.is_set():
                    self._lost.set()
                self._lost.wait()
                if self._stopping.is_set():
                    self._client.disconnect()
                self._client.loop_stop()
                if self._was_ready:
                    waits = delays()
            self.ready.clear()
            self._stopping.wait(next(waits))

    def _connected(self, client: Client, _: Any, __: Any, reason: ReasonCode, ___: Any) -> None:
        if reason.is_failure:
            self._complain(f"the broker refuses us: {reason}")
            return
        self.connection += 1
        if self._subscriptions:
            client.subscribe(self._subscriptions)
        else:
            self._is_ready()

    def _subscribed(self, _: Client, __: Any, ___: int, reasons: list[ReasonCode], ____: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._complain("the broker does not let us subscribe")
            self._lost.set()
            return
        self._is_ready()

    def _is_ready(self) -> None:
        if self._complained:
            _log.info("%s: connected again", self._name)
            self._complained = False
        self._was_ready = True
        self.ready.set()

    def _disconnected(self, _: Client, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        self.ready.clear()
        if not self._stopping.is_set():
            self._complain(f"the connection is lost: {reason}")
        self._lost.set()

    def _received(self, _: Client, __: Any, message: MQTTMessage) -> None:
        if self._on_message is None:
            return
        try:
            self._on_message(message, self.connection)
        except BaseException as failure:
            if self._on_failure is not None:
                self._on_failure(failure)
            raise

    def _complain(self, why: str) -> None:
        """Once when it is lost; it is said again when it is back."""
        if not self._complained:
            _log.warning("%s: %s; trying again", self._name, why)
            self._complained = True


def _without_delay(_: Client, __: Any, opened: Any) -> None:
    """Else each small packet may wait 40 ms for the delayed acknowledgement of the one before it."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
