"""The gateway's one link to the room's broker, shared by every device on it: connected again when lost.

Two connections, one that only receives, at QoS 0, and one that only publishes: any other way waits for delayed TCP
acknowledgements with a broker that keeps `set_tcp_nodelay` off (trigger to command, 100 a second, p99: 45 ms at QoS 1,
1.1 ms at QoS 0). Nothing more is lost by it: sessions are clean, so that at QoS 1 too what comes while we are away is
gone, and devices are asked for their state anew.

This is the one transport that tries again by itself, because nobody who uses it owns it. Devices hear of a loss, and of
the return, in the stream of what they listen to.
"""

import asyncio
import logging
import os
import random
import secrets
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import aiomqtt
from paho.mqtt.matcher import MQTTMatcher

from firmware_bridge.errors import Refused, Timeout, Unreachable
from firmware_bridge.transports.mqtt_client import Client, entered

PASSWORD = "LOPHOC_BROKER_PASSWORD"  # noqa: S105 - where it is, not what it is
CA = "LOPHOC_BROKER_CA"
QUEUED = 256
"""Messages that wait for one slow listener; then the oldest goes."""

QUEUED_BYTES = 1024 * 1024
"""What these may weigh: a gateway has some dozens of listeners."""

ANSWER_S = 5.0
"""How long a broker may take to answer anything."""
KEEPALIVE_S = 5
"""A broker that freezes is asked after so long, and given up after twice that, though nobody commands anything."""

_QOS = 0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 10.0
_REFUSED_QOS = 0x80
_NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)

_log = logging.getLogger("lophoc.broker")


class WrongBroker(ValueError):
    """The URL can never work: a person has to correct it."""


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    retain: bool
    """True if it had been kept by the broker: it tells a state, not an event of now."""


class Connection(StrEnum):
    """What a listener hears of the link itself."""

    UP = "up"
    """Connected and subscribed: what is said from now on is heard."""
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and who we are to it."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, password: str | None = None) -> Self:
        """`mqtt[s]://[user@]host[:port]`; the password is `password` or $LOPHOC_BROKER_PASSWORD. Raises WrongBroker."""
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
            raise WrongBroker(f"a password does not belong in the broker's URL: put it in {PASSWORD}")
        tls = parts.scheme == "mqtts"
        try:
            port = parts.port or (8883 if tls else 1883)
        except ValueError:
            raise WrongBroker("the broker's port is a number from 1 to 65535") from None
        user = unquote(parts.username) if parts.username else None
        return cls(parts.hostname, port, tls, user, (password or os.environ.get(PASSWORD)) if user else None)


class Listener:
    """What one device hears: first how the link is, then messages, and each loss and return of the link.

    A message comes once for each subscription that overlaps with it, so that the same state may be heard twice.
    """

    def __init__(self, connection: Connection, queued: int = QUEUED) -> None:
        self.dropped = 0
        """Messages lost because nobody took them in time."""
        self._queue: deque[Message | Connection] = deque([connection])
        self._queued = queued
        self._bytes = 0
        self._more = asyncio.Event()
        self._more.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message | Connection:
        """Never ends by itself."""
        while not self._queue:
            self._more.clear()
            await self._more.wait()
        heard = self._queue.popleft()
        self._bytes -= _size(heard)
        return heard

    def put(self, heard: Message | Connection) -> None:
        """Called by the link."""
        queue = self._queue
        if isinstance(heard, Connection):
            if queue and isinstance(queue[-1], Connection):
                queue.pop()  # who has not heard of the loss needs only the return
        elif len(queue) >= self._queued:
            self._drop_oldest()
        self._bytes += _size(heard)
        while self._bytes > QUEUED_BYTES and self._drop_oldest():
            pass
        queue.append(heard)
        self._more.set()

    def _drop_oldest(self) -> bool:
        """False if there was none."""
        for place, heard in enumerate(self._queue):
            if isinstance(heard, Message):
                del self._queue[place]
                self._bytes -= _size(heard)
                self.dropped += 1
                if 0 < place < len(self._queue) and isinstance(self._queue[place], Connection):
                    del self._queue[place - 1]  # two of the link in a row: the later one says it all
                return True
        return False


class MqttLink:
    """Listens and publishes for all devices of a room. `async with` starts it, and does not wait for the broker."""

    def __init__(
        self, url: str, password: str | None = None, *, name: str = "agent", answer_s: float = ANSWER_S,
        keepalive_s: int = KEEPALIVE_S,
    ) -> None:  # fmt: skip
        """`password`: where left out, that of the environment. Raises WrongBroker."""
        self.broker = Broker.of(url, password)
        self._answer_s = answer_s
        self._keepalive_s = keepalive_s
        self._name = f"lophoc-{name}-{secrets.token_hex(4)}"
        self._exact: dict[str, list[Listener]] = {}
        self._wild: Any = MQTTMatcher()  # type: ignore[no-untyped-call]
        self._wildcards: dict[str, list[Listener]] = {}
        self._receiver: aiomqtt.Client | None = None
        self._publisher: aiomqtt.Client | None = None
        self._broken = asyncio.Event()
        self._changed = asyncio.Event()
        self._publishing: set[asyncio.Timeout] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """True while messages are heard and can be published."""
        return self._publisher is not None

    async def until(self, connected: bool = True) -> None:
        """Return once the link is (or is not) connected. Whoever waits bounds it."""
        while self.connected is not connected:
            changed = self._changed
            await changed.wait()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._stay_connected(), name="mqtt link")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    @asynccontextmanager
    async def listen(self, *filters: str, queued: int = QUEUED) -> AsyncIterator[Listener]:
        """Subscribe to topics, with or without wildcards, now and after each return of the broker.

        Retained messages come each time. Raises Refused if the broker does not let us listen there.
        """
        listener = Listener(Connection.UP if self.connected else Connection.LOST, queued)
        for one in filters:
            self._listeners(one).append(listener)
        try:
            if self._receiver is not None:
                await self._subscribe(self._receiver, filters)
            yield listener
        finally:
            for one in filters:
                self._leave(one, listener)
            await self._unsubscribe([one for one in filters if one not in self._filters()])

    async def publish(self, topic: str, payload: bytes | str, qos: int = 1, retain: bool = False) -> None:
        """Returns when the broker has it (at QoS 0: when it is on its way). Raises Unreachable or Timeout."""
        publisher = self._publisher
        if publisher is None:
            raise Unreachable("the broker is away")
        try:
            async with asyncio.timeout(self._answer_s) as limit:
                self._publishing.add(limit)
                await publisher.publish(topic, payload, qos, retain, timeout=float("inf"))
        except aiomqtt.MqttError as lost:
            raise Unreachable(f"the broker is away: {lost}") from lost
        except TimeoutError as late:
            if self._publisher is not publisher:
                raise Unreachable("the broker went away") from late
            self._reconnect(publisher)
            raise Timeout(f"the broker did not take a message in {self._answer_s:g} s") from late
        finally:
            self._publishing.discard(limit)

    # --- who listens to what ---

    def _filters(self) -> set[str]:
        return {*self._exact, *self._wildcards}

    def _listeners(self, topic_filter: str) -> list[Listener]:
        if not _has_wildcard(topic_filter):
            return self._exact.setdefault(topic_filter, [])
        if topic_filter not in self._wildcards:
            self._wild[topic_filter] = self._wildcards[topic_filter] = []
        return self._wildcards[topic_filter]

    def _leave(self, topic_filter: str, listener: Listener) -> None:
        listeners = self._listeners(topic_filter)
        listeners.remove(listener)
        if not listeners:
            self._exact.pop(topic_filter, None)
            if self._wildcards.pop(topic_filter, None) is not None:
                del self._wild[topic_filter]

    def _deliver(self, heard: aiomqtt.Message) -> None:
        topic = heard.topic.value
        message = Message(topic, heard.payload, heard.retain)
        for listener in self._exact.get(topic, ()):
            listener.put(message)
        if self._wildcards:
            for listeners in self._wild.iter_match(topic):
                for listener in listeners:
                    listener.put(message)

    def _say(self, connection: Connection) -> None:
        everyone = {id(one): one for ones in (*self._exact.values(), *self._wildcards.values()) for one in ones}
        for listener in everyone.values():
            listener.put(connection)
        self._changed.set()
        self._changed = asyncio.Event()

    # --- the connections ---

    async def _stay_connected(self) -> None:
        waits, complained = _delays(), False
        while True:
            try:
                async with (
                    entered(self._client("publish")) as publisher,
                    entered(self._client("receive")) as receiver,
                ):
                    await self._open(receiver, publisher)
                    if complained:
                        _log.info("the broker at %s:%d is back", self.broker.host, self.broker.port)
                    waits, complained = _delays(), False
                    await self._until_lost(receiver, publisher)
            except (aiomqtt.MqttError, OSError) as lost:
                if not complained:
                    _log.warning("no broker at %s:%d, trying again: %s", self.broker.host, self.broker.port, lost)
                complained = True
            finally:
                self._close()
            await asyncio.sleep(next(waits))

    async def _open(self, receiver: aiomqtt.Client, publisher: aiomqtt.Client) -> None:
        self._broken = asyncio.Event()
        subscribed: set[str] = set()
        while missing := self._filters() - subscribed:  # others may come while we wait
            await receiver.subscribe([(one, _QOS) for one in sorted(missing)], timeout=self._answer_s)
            subscribed |= missing
        self._receiver, self._publisher = receiver, publisher
        self._say(Connection.UP)

    async def _until_lost(self, *clients: aiomqtt.Client) -> None:
        """Raises MqttError when one of the connections is lost, or said not to answer."""
        tasks = [asyncio.create_task(_ended(client), name="mqtt connection") for client in clients]
        tasks.append(asyncio.create_task(self._broken.wait(), name="mqtt broken"))  # type: ignore[arg-type]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        raise next((end for end in ends if isinstance(end, aiomqtt.MqttError)), aiomqtt.MqttError("it does not answer"))

    def _close(self) -> None:
        if self._publisher is None:
            return
        self._receiver = self._publisher = None
        for limit in self._publishing:
            if not limit.expired():
                limit.reschedule(0.0)  # what was not confirmed will not be
        self._say(Connection.LOST)

    def _client(self, part: str) -> aiomqtt.Client:
        broker = self.broker
        client = Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            identifier=f"{self._name}-{part}",
            tls_context=ssl.create_default_context(cafile=os.environ.get(CA) or None) if broker.tls else None,
            timeout=self._answer_s,
            keepalive=self._keepalive_s,
            socket_options=_NO_DELAY,
            queue_type=_handing_on(self._deliver),
        )
        client.pending_calls_threshold = 1000
        return client

    async def _subscribe(self, receiver: aiomqtt.Client, filters: tuple[str, ...]) -> None:
        try:
            granted = await receiver.subscribe([(one, _QOS) for one in filters], timeout=self._answer_s)
        except aiomqtt.MqttError:
            self._reconnect(receiver)  # then it subscribes again
            return
        refused = [one for one, qos in zip(filters, granted, strict=True) if qos == _REFUSED_QOS]
        if refused:
            raise Refused(f"the broker does not let us listen to {', '.join(refused)}")

    async def _unsubscribe(self, filters: list[str]) -> None:
        receiver = self._receiver
        if receiver is None or not filters:
            return
        try:
            await receiver.unsubscribe(filters, timeout=self._answer_s)
        except aiomqtt.MqttError:
            self._reconnect(receiver)

    def _reconnect(self, client: aiomqtt.Client) -> None:
        """A connection that does not answer is over, unless it is lost already."""
        if client in (self._receiver, self._publisher):
            self._broken.set()


async def _ended(client: aiomqtt.Client) -> None:
    """Raises MqttError when the connection is lost. Nothing comes here: messages are handed on before."""
    async for _ in client.messages:
        pass


def _handing_on(deliver: Callable[[aiomqtt.Message], None]) -> type[asyncio.Queue[aiomqtt.Message]]:
    """A queue that keeps nothing: aiomqtt's own way makes a task for each message, which costs more than the rest."""

    class HandingOn(asyncio.Queue[aiomqtt.Message]):
        def put_nowait(self, item: aiomqtt.Message) -> None:
            deliver(item)

    return HandingOn


def _delays() -> Iterator[float]:
    """Seconds between two attempts, without end: each between half and all of a bound that doubles."""
    bound = _FIRST_WAIT_S
    while True:
        yield bound * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load; nothing is secret
        bound = min(bound * 2, _LONGEST_WAIT_S)


def _size(heard: Message | Connection) -> int:
    return len(heard.payload) + len(heard.topic) if isinstance(heard, Message) else 0


def _has_wildcard(topic_filter: str) -> bool:
    return "+" in topic_filter or "#" in topic_filter
