"""One connection to the broker in a thread of its own: connected again when lost, subscribed again each time.

A clean session: what a broker still held for us is sent again by its gateway, which waits for our ack and not for the
broker's. Whatever one read of the network brought is handed on together, and what goes out together is one write.
"""

import asyncio
import logging
import os
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from cloud_ingest import mqtt_wire
from cloud_ingest.backoff import delays
from cloud_ingest.mqtt_wire import Delivery, Kind, Version, WrongWire

KEEPALIVE_S = 30
WINDOW = 100
"""Messages that a broker of MQTT 5 may have on their way to us: at most 25 MiB."""

_CONNECT_S = 5.0
_UNSENT = 16 * 1024 * 1024

_log = logging.getLogger("lophoc.ingest.broker")

OnMessages = Callable[[list[Delivery], int], None]


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

    redelivers: ClassVar[bool] = False
    """What a worker has not acknowledged when it dies is lost with the broker, and comes again from its gateway."""

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def of(cls, url: str) -> "Broker":
        """`mqtt[s]://[user@]host[:port]`; the password comes from LOPHOC_BROKER_PASSWORD. Raises WrongBroker."""
        parts = urlsplit(url)
        if (
            parts.scheme not in ("mqtt", "mqtts")
            or not parts.hostname
            or parts.path.strip("/")
            or parts.query
            or parts.fragment
        ):
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
    """`on_messages` is called in the link's thread with what one read brought and the number of its connection."""

    def __init__(
        self,
        broker: Broker,
        name: str,
        version: Version = Version.V311,
        subscriptions: Sequence[tuple[str, int]] = (),
        on_messages: OnMessages | None = None,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.ready = threading.Event()
        """Set while connected, and subscribed to everything."""
        self.connection = 0
        """Counts connections: a message id means something on its own connection only."""
        self._broker = broker
        self._name = name
        self._version = version
        self._subscriptions = subscriptions
        self._on_messages = on_messages
        self._on_failure = on_failure
        self._complained = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._session: _Session | None = None
        self._thread = threading.Thread(target=self._run, name=f"broker {name}")

    def start(self) -> None:
        self._thread.start()
        self._started.wait()

    def close(self) -> None:
        """Send what was published, then disconnect."""
        self._stopping.set()
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread.is_alive():
            self._thread.join()

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> bool:
        """Send all with QoS 0, from any thread. False if the broker is away, or takes nothing."""
        session = self._session
        if not self.ready.is_set() or session is None or session.is_stuck():
            return False
        packets = b"".join([mqtt_wire.publish(self._version, topic, payload) for topic, payload in messages])
        return self._soon(session, packets)

    def acknowledge(self, connection: int, mids: Sequence[int]) -> None:
        """MQTT's own PUBACKs, if the connection that brought the messages is still there. From any thread."""
        session = self._session
        if mids and session is not None and connection == self.connection and self.ready.is_set():
            if threading.current_thread() is self._thread:
                session.send(mqtt_wire.pubacks(mids))
            else:
                self._soon(session, mqtt_wire.pubacks(mids))

    def _soon(self, session: "_Session", packets: bytes) -> bool:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(session.send, packets)
        except RuntimeError:  # its loop has just ended: we are being closed
            return False
        return True

    def _run(self) -> None:
        try:
            asyncio.run(self._stay_connected())
        except BaseException as failure:
            if self._on_failure is not None:
                self._on_failure(failure)
            raise
        finally:
            self._started.set()

    async def _stay_connected(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = stop = asyncio.Event()
        self._started.set()
        waits = delays()
        while not self._stopping.is_set():
            was_ready = await self._session_on(stop)
            if was_ready:
                waits = delays()
            try:
                await asyncio.wait_for(stop.wait(), next(waits))
            except TimeoutError:
                continue

    async def _session_on(self, stop: asyncio.Event) -> bool:
        """One connection, from its beginning to its end; True if it was ready in between."""
        loop = asyncio.get_running_loop()
        session = _Session(self._version, self._deliver)
        broker = self._broker
        try:
            connecting = loop.create_connection(lambda: session, broker.host, broker.port, ssl=tls_context(broker))
            async with asyncio.timeout(_CONNECT_S):
                await connecting
                await self._greet(session)
        except (OSError, TimeoutError, WrongWire, _Refused) as wrong:
            self._complain(f"no connection to {broker.host}:{broker.port}: {str(wrong) or 'no answer'}")
            await session.end()
            return False
        if self._complained:
            _log.info("%s: connected again", self._name)
            self._complained = False
        self.connection += 1
        self._session = session
        self.ready.set()
        await self._keep(session, stop)
        self.ready.clear()
        self._session = None
        await session.end()
        if session.failure is not None:
            raise session.failure
        if not self._stopping.is_set():
            self._complain(f"the connection is lost: {session.why or 'it was closed'}")
        return True

    async def _greet(self, session: "_Session") -> None:
        name = f"lophoc-{self._name}-{secrets.token_hex(4)}"
        user = self._broker
        session.send(mqtt_wire.connect(self._version, name, KEEPALIVE_S, user.user, user.password, WINDOW))
        refused = mqtt_wire.refusal(self._version, await session.answer(Kind.CONNACK))
        if refused:
            raise _Refused(f"the broker refuses us: {refused}")
        if self._subscriptions:
            # What comes from now on is for the connection that is about to be counted.
            session.send(mqtt_wire.subscribe(self._version, 1, self._subscriptions))
            if not mqtt_wire.granted(self._version, await session.answer(Kind.SUBACK)):
                raise _Refused("the broker does not let us subscribe")

    async def _keep(self, session: "_Session", stop: asyncio.Event) -> None:
        """Until it is lost, or we stop."""
        stopping = asyncio.create_task(stop.wait(), name="broker link: stop")
        lost = asyncio.create_task(session.lost.wait(), name="broker link: lost")
        session.open()
        try:
            while not stop.is_set() and not session.lost.is_set():
                heard = session.heard
                session.send(mqtt_wire.PINGREQ)
                await asyncio.wait((stopping, lost), timeout=KEEPALIVE_S / 2, return_when=asyncio.FIRST_COMPLETED)
                if session.heard == heard and not stop.is_set() and not session.lost.is_set():
                    session.why = "it does not answer"
                    return
        finally:
            for task in (stopping, lost):
                task.cancel()
            await asyncio.gather(stopping, lost, return_exceptions=True)

    def _deliver(self, messages: list[Delivery]) -> None:
        if self._on_messages is not None:
            self._on_messages(messages, self.connection)

    def _complain(self, why: str) -> None:
        """Once when it is lost; it is said again when it is back."""
        if not self._complained and not self._stopping.is_set():
            _log.warning("%s: %s; trying again", self._name, why)
            self._complained = True


def tls_context(broker: Broker) -> ssl.SSLContext | None:
    """None without TLS. Certificates are those of LOPHOC_BROKER_CA, else the system's. Raises OSError."""
    return ssl.create_default_context(cafile=os.environ.get("LOPHOC_BROKER_CA") or None) if broker.tls else None


class _Refused(Exception):
    """The broker said no; it may say yes later."""


class _Session(asyncio.Protocol):
    """What happens on one connection."""

    def __init__(self, version: Version, deliver: Callable[[list[Delivery]], None]) -> None:
        self.lost = asyncio.Event()
        self.why = ""
        self.failure: BaseException | None = None
        self.heard = 0
        """Counts reads."""
        self._version = version
        self._deliver = deliver
        self._splitter = mqtt_wire.Splitter()
        self._transport: asyncio.Transport | None = None
        self._closed = asyncio.Event()
        self._answers: asyncio.Queue[mqtt_wire.Packet | None] = asyncio.Queue()
        self._opened = False
        self._early: list[Delivery] = []

    def open(self) -> None:
        """Messages are handed on from now on, those that came before SUBACK first."""
        self._opened = True
        if self._early:
            self._hand_on(self._early)
            self._early = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        opened = transport.get_extra_info("socket")
        if opened is not None:  # else each small packet may wait 40 ms for the acknowledgement of the one before it
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        came: list[Delivery] = []
        try:
            for packet in self._splitter.feed(data):
                if packet.kind == Kind.PUBLISH:
                    came.append(mqtt_wire.delivery(self._version, packet))
                elif packet.kind in (Kind.CONNACK, Kind.SUBACK):
                    self._answers.put_nowait(packet)
                elif packet.kind == Kind.DISCONNECT:
                    code = packet.content[0] if packet.content else 0
                    self._give_up(f"the broker ends it (code {code})")
                elif packet.kind != Kind.PINGRESP:
                    raise WrongWire(f"a packet of type {packet.kind}")
        except WrongWire as wrong:
            self._give_up(str(wrong))
        if came:
            if self._opened:
                self._hand_on(came)
            else:
                self._early += came

    def connection_lost(self, exc: Exception | None) -> None:
        self.why = self.why or (str(exc) if exc else "")
        self._answers.put_nowait(None)
        self.lost.set()
        self._closed.set()

    async def answer(self, kind: Kind) -> mqtt_wire.Packet:
        """The next packet that is no message. Raises WrongWire, ConnectionError."""
        packet = await self._answers.get()
        if packet is None:
            raise ConnectionError(self.why or "it was closed")
        if packet.kind != kind:
            raise WrongWire(f"a packet of type {packet.kind}")
        return packet

    def send(self, packets: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(packets)

    def is_stuck(self) -> bool:
        return self._transport is None or self._transport.get_write_buffer_size() > _UNSENT

    async def end(self) -> None:
        """Say goodbye and close; what was sent before goes out first, if the broker takes it soon."""
        if self._transport is None:
            return
        self.send(mqtt_wire.DISCONNECT)
        self._transport.close()
        try:
            async with asyncio.timeout(2.0):
                await self._closed.wait()
        except TimeoutError:
            self._transport.abort()
            await self._closed.wait()

    def _hand_on(self, messages: list[Delivery]) -> None:
        try:
            self._deliver(messages)
        except Exception as failure:  # noqa: BLE001 - a defect: raised again where the link ends
            self.failure = failure
            self._give_up("a defect")

    def _give_up(self, why: str) -> None:
        self.why = self.why or why
        self.lost.set()
