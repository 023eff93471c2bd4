"""Our place at RabbitMQ's one durable quorum queue, in an asyncio loop in a thread of its own.

    gateway ─MQTT─► amq.topic ──► lophoc-ingest ─► worker: store
       ▲                              ▲               │ 1. our ack, confirmed by RabbitMQ
       └────MQTT◄── amq.topic ◄───────┼───────────────┤
                                      └───────────────┘ 2. AMQP's acknowledgement of the delivery

Batches come in on one connection and acks go out on another, since RabbitMQ stops reading from connections that
publish when its memory runs full, and then acknowledgements still have to get through. Both go to the same node; when
that is lost, to the next one of the list.
"""

import asyncio
import logging
import os
import random
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress

import aio_pika
import aiormq
from aio_pika.abc import AbstractConnection
from pamqp.commands import Basic

from cloud_ingest.amqp_place import BINDINGS, EXCHANGE, QUEUE, AmqpBroker, routing_key, topic_of
from cloud_ingest.backoff import delays
from cloud_ingest.broker_link import OnMessages
from cloud_ingest.mqtt_wire import Delivery

REPLICAS = 3
DELIVERIES = 20
"""How often a message may be given out before RabbitMQ lets go of it: more often than a worker may die of it."""
QUEUE_BYTES = 1024 * 1024 * 1024
"""While no worker is there the queue grows so far; then its oldest go, which their gateways send again."""

_ARGUMENTS: dict[str, aiormq.abc.FieldValue] = {
    "x-queue-type": "quorum",
    "x-quorum-initial-group-size": REPLICAS,
    "x-delivery-limit": DELIVERIES,
    "x-max-length-bytes": QUEUE_BYTES,
}
_CONNECT_S = 10.0
_HEARTBEAT_S = 10
_CONFIRM_S = 5.0
_FLUSH_S = 2.0
_UNCONFIRMED = 20_000

_Lost = (OSError, EOFError, TimeoutError, aiormq.exceptions.AMQPError, aiormq.exceptions.ChannelInvalidStateError)
"""All that AMQP and the network may do to us."""

_log = logging.getLogger("lophoc.ingest.broker")


class AmqpLink:
    """Both a receiver's links in one: `on_messages` is called in the link's thread, with the connection's number."""

    def __init__(
        self,
        broker: AmqpBroker,
        on_messages: OnMessages,
        on_failure: Callable[[BaseException], None],
        window: int,
    ) -> None:
        """`window`: how many messages may be on their way to us, or unanswered."""
        self.ready = threading.Event()
        self.connection = 0
        self._broker = broker
        self._on_messages = on_messages
        self._on_failure = on_failure
        self._window = window
        self._session: _Session | None = None
        self._complained = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="broker amqp")

    def start(self) -> None:
        """Once is enough: it may be called for both links that it is."""
        if self._thread.ident is None:
            _quieten()
            self._thread.start()
            self._started.wait()

    def close(self) -> None:
        """Acks that were published get two seconds to be confirmed; what is unanswered goes back to the queue."""
        self._stopping.set()
        if self._thread.ident is None:
            return
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> bool:
        session = self._session
        if session is None or not self.ready.is_set() or session.unconfirmed > _UNCONFIRMED:
            return False
        return self._soon(session.publish, messages)

    def acknowledge(self, connection: int, mids: Sequence[int]) -> None:
        """After everything that was published before it is confirmed, or will not be."""
        session = self._session
        if not mids or session is None or connection != session.number:
            return
        if threading.current_thread() is self._thread:
            session.acknowledge(mids)
        else:
            self._soon(session.acknowledge, mids)

    def _soon(self, do: Callable[..., None], what: object) -> bool:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(do, what)
        except RuntimeError:  # its loop has just ended: we are being closed
            return False
        return True

    def _run(self) -> None:
        try:
            asyncio.run(self._stay_connected())
        except BaseException as failure:
            self._on_failure(failure)
            raise
        finally:
            self.ready.clear()
            self._started.set()

    async def _stay_connected(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = stop = asyncio.Event()
        self._started.set()
        waits = delays()
        places = list(self._broker.places)
        random.shuffle(places)  # so that workers spread over the nodes
        turn = 0
        while not stop.is_set():
            host, port = places[turn % len(places)]
            turn += 1
            was_ready = await self._session_at(host, port, stop)
            if was_ready:
                waits = delays()
            elif turn % len(places):
                continue  # each node is tried once before we wait
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), next(waits))

    async def _session_at(self, host: str, port: int, stop: asyncio.Event) -> bool:
        """One pair of connections, from its beginning to its end; True if it was ready in between."""
        session = _Session(self.connection + 1, self._on_messages)
        was_ready = False
        try:
            async with AsyncExitStack() as open_things:
                await _within(_CONNECT_S, session.open(self._broker, host, port, self._window, open_things))
                if self._complained:
                    _log.info("connected again, to %s:%d", host, port)
                    self._complained = False
                self.connection = session.number
                self._session = session
                self.ready.set()
                was_ready = True
                await session.keep(stop)
                self.ready.clear()
        except _Lost as wrong:
            self._complain(f"no connection to {host}:{port}: {_plainly(wrong)}")
        finally:
            self.ready.clear()
            self._session = None
        if session.failure is not None:
            raise session.failure
        return was_ready

    def _complain(self, why: str) -> None:
        """Once when it is lost; it is said again when it is back."""
        if not self._complained and not self._stopping.is_set():
            _log.warning("%s; trying again", why)
            self._complained = True


class _Session:
    """What happens between a connection's beginning and its end; all in the loop."""

    def __init__(self, number: int, on_messages: OnMessages) -> None:
        self.number = number
        self.failure: BaseException | None = None
        self.unconfirmed = 0
        self._on_messages = on_messages
        self._lost = asyncio.Event()
        self._came: list[Delivery] = []
        self._unanswered: dict[int, None] = {}
        """Delivery tags in the order of their coming."""
        self._publishing: set[asyncio.Task[None]] = set()
        self._acknowledging: set[asyncio.Task[None]] = set()
        self._incoming: aiormq.Channel
        self._outgoing: aiormq.Channel

    async def open(self, broker: AmqpBroker, host: str, port: int, window: int, open_things: AsyncExitStack) -> None:
        incoming = await self._connect(broker, host, port, "lophoc batches", open_things)
        outgoing = await self._connect(broker, host, port, "lophoc acks", open_things)
        # The channels below aio-pika's own: its `consume` makes two tasks and a larger object of each message, and its
        # `publish` waits for the network with each.
        self._outgoing = await self._channel(outgoing, publisher_confirms=True)
        await _make_queue(incoming)
        self._incoming = await self._channel(incoming, publisher_confirms=False)
        await self._incoming.basic_qos(prefetch_count=window)
        self._incoming.on_consumer_cancel_callbacks.add(lambda _: self._lost.set())  # its queue was deleted
        await self._incoming.basic_consume(QUEUE, self._arrived)

    async def keep(self, stop: asyncio.Event) -> None:
        """Until it is lost (raises what `_Lost` names), or we stop."""
        stopping = asyncio.create_task(stop.wait(), name="amqp: stop")
        lost = asyncio.create_task(self._lost.wait(), name="amqp: lost")
        try:
            await asyncio.wait((stopping, lost), return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set() and not self._lost.is_set():
                await self._flush()
        finally:
            left = {stopping, lost, *self._publishing, *self._acknowledging}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        if self._lost.is_set():
            raise ConnectionError("the connection is lost")

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        self.unconfirmed += len(messages)
        self._task(self._publishing, self._publish(messages))

    def acknowledge(self, mids: Sequence[int]) -> None:
        before = tuple(self._publishing)
        self._task(self._acknowledging, self._acknowledge(mids, before))

    async def _publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        try:
            async with asyncio.timeout(_CONFIRM_S):
                await asyncio.gather(*(self._publish_one(topic, payload) for topic, payload in messages))
        except _Lost as wrong:
            # Their gateways send again, and are answered again.
            _log.debug("acks were not confirmed: %s", _plainly(wrong))
        finally:
            self.unconfirmed -= len(messages)

    async def _publish_one(self, topic: str, payload: bytes) -> None:
        properties = Basic.Properties(delivery_mode=1)
        # Not mandatory: a gateway that is away has no queue, and asks again when it is back.
        await self._outgoing.basic_publish(
            payload, exchange=EXCHANGE, routing_key=routing_key(topic), properties=properties, wait=False
        )

    async def _acknowledge(self, mids: Sequence[int], before: Sequence[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        for mid in mids:
            self._unanswered.pop(mid, None)
        oldest = next(iter(self._unanswered), None)
        together = max((mid for mid in mids if oldest is None or mid < oldest), default=0)
        try:
            if together:
                await self._incoming.basic_ack(together, multiple=True, wait=False)
            for mid in mids:
                if mid > together:
                    await self._incoming.basic_ack(mid, wait=False)
        except _Lost as wrong:
            _log.debug("deliveries were not acknowledged: %s", _plainly(wrong))
            self._lost.set()

    async def _arrived(self, message: aiormq.abc.DeliveredMessage) -> None:
        mid = message.delivery_tag
        key = message.routing_key
        if mid is None or key is None:
            return
        self._unanswered[mid] = None
        if not self._came:
            asyncio.get_running_loop().call_soon(self._hand_on)
        self._came.append(Delivery(topic_of(key), message.body, 1, mid))

    def _hand_on(self) -> None:
        """All that came in one turn of the loop."""
        came, self._came = self._came, []
        try:
            self._on_messages(came, self.number)
        except BaseException as failure:  # noqa: BLE001 - a defect: it ends the link, which raises it
            self.failure = failure
            self._lost.set()

    async def _flush(self) -> None:
        left = {*self._publishing, *self._acknowledging}
        if left:
            await asyncio.wait(left, timeout=_FLUSH_S)

    async def _connect(
        self, broker: AmqpBroker, host: str, port: int, name: str, open_things: AsyncExitStack
    ) -> AbstractConnection:
        connection = await aio_pika.connect(
            host=host,
            port=port,
            login=broker.user,
            password=broker.password,
            ssl=broker.tls,
            ssl_context=_context(broker),
            heartbeat=_HEARTBEAT_S,
            client_properties={"connection_name": name},
        )
        open_things.push_async_callback(_close, connection)
        connection.close_callbacks.add(lambda *_: self._lost.set())
        return connection

    async def _channel(self, connection: AbstractConnection, *, publisher_confirms: bool) -> aiormq.Channel:
        channel = await (await connection.channel(publisher_confirms=publisher_confirms)).get_underlay_channel()
        assert isinstance(channel, aiormq.Channel)
        channel.closing.add_done_callback(lambda _: self._lost.set())
        return channel

    def _task(self, among: set[asyncio.Task[None]], do: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(do)
        among.add(task)
        task.add_done_callback(among.discard)


async def _within(timeout_s: float, opening: Coroutine[None, None, None]) -> None:
    """In a task of its own, since aiormq cancels whoever waits for a channel when that is closed."""
    task = asyncio.create_task(opening, name="amqp: opening")
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.wait({task})
    finally:
        task.cancel()
        await asyncio.wait({task})
    if task.cancelled():
        raise ConnectionError("the connection is lost")
    task.result()


async def _make_queue(connection: AbstractConnection) -> None:
    """The queue as it is, whoever made it; ours if there is none. It is bound to our topics."""
    try:
        async with connection.channel() as channel:
            await channel.declare_queue(QUEUE, passive=True)
    except aiormq.exceptions.ChannelNotFoundEntity:
        async with connection.channel() as channel:
            await channel.declare_queue(QUEUE, durable=True, arguments=_ARGUMENTS)
            _log.info("made the queue %s", QUEUE)
    async with connection.channel() as channel:
        queue = await channel.get_queue(QUEUE, ensure=False)
        for key in BINDINGS:
            await queue.bind(EXCHANGE, key)


async def _close(connection: AbstractConnection) -> None:
    try:
        async with asyncio.timeout(_FLUSH_S):
            await connection.close()
    except _Lost as wrong:
        _log.debug("the connection did not close in order: %s", _plainly(wrong))


def _context(broker: AmqpBroker) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=os.environ.get("LOPHOC_BROKER_CA") or None) if broker.tls else None


def _plainly(wrong: BaseException) -> str:
    return str(wrong) or type(wrong).__name__


def _quieten() -> None:
    """What they log as an error is a broker that is away, which we say ourselves, once."""
    for name in ("aiormq", "aio_pika"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
