"""Receive, validate, store, acknowledge: the order that makes a gateway's word 'stored' true.

    broker --up--> inbox --decode, check--> one large write --confirmed, durable--> our ack

MQTT's own acknowledgement says only that there is room for more: it is what slows a broker down while a store is
away. RabbitMQ, which gives what one worker left unacknowledged to another, is acknowledged after our ack. Batches
come in on one connection and acks go out on another, since a client that does both on one connection waits for
delayed TCP acknowledgements. `Sink.writers` threads write, so that one formats while another's write is away.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from classroom_profiles.telemetry import Layouts, digest
from classroom_profiles.topics import Address
from cloud_ingest.checking import AHEAD_S
from cloud_ingest.counts import Counts
from cloud_ingest.inbox import Inbox, Message
from cloud_ingest.link import AnyBroker, links
from cloud_ingest.mqtt_wire import Delivery
from cloud_ingest.quarantine import Quarantine
from cloud_ingest.series_bound import SERIES, SeriesBound
from cloud_ingest.store import Portion, Sink
from cloud_ingest.suspects import Suspects
from cloud_ingest.writer import Answers, Writer

_GATEWAYS = 100_000

_log = logging.getLogger("lophoc.ingest")


def _nothing(*_: object) -> None:
    """Nobody listens."""


class Receiver:
    """Between `start` and `stop` it runs by itself; `failed` is set if it cannot go on."""

    def __init__(
        self,
        broker: AnyBroker,
        store: Sink,
        quarantine: Quarantine,
        suspects: Suspects,
        *,
        share: str = "",
        inbox: Inbox | None = None,
        ahead_s: float = AHEAD_S,
        series: int = SERIES,
        on_status: Callable[[Address, bytes], None] = _nothing,
        on_received: Callable[[Address, Portion], None] = _nothing,
        on_batch: Callable[[Address, Portion], None] = _nothing,
    ) -> None:
        """`series`: how many a gateway may have.

        `on_status` hears each gateway's status as it comes, `on_batch` each batch once it is stored; `on_received` what
        was found good in a batch, before it is stored. A batch that is not stored then is heard of again.

        They are called in threads of the receiver, and must be quick.
        """
        self.counts = Counts()
        self.last_seen: dict[Address, float] = {}
        """When each gateway was last heard of, seconds since 1970."""
        self.failure: BaseException | None = None
        self.failed = threading.Event()
        self.inbox = Inbox(answer_first=broker.redelivers) if inbox is None else inbox
        self._on_status = on_status
        self._senders: dict[bytes, tuple[Address, bool]] = {}
        self._receive, self._answer = links(
            broker, share, self._received, self._fail, held_back=store.durable_after_s > 0
        )
        self._answers = Answers(store, self.inbox, self._answer, self.counts, self._let_more_come)
        self._stopping = threading.Event()
        layouts, bound = Layouts(), SeriesBound(series)
        writers = [
            Writer(
                store, self.inbox, self._answers, self.counts, quarantine, suspects, in_hand, layouts,
                stopping=self._stopping, ahead_s=ahead_s, bound=bound, on_received=on_received,
                on_batch=on_batch,
            )
            for in_hand in suspects.in_hand
        ]  # fmt: skip
        self._writers = [
            threading.Thread(target=self._write_on, args=(writer,), name=f"writer {number}")
            for number, writer in enumerate(writers)
        ]

    def start(self) -> None:
        """The store is open already, or will be when it can: see `StoreUnavailable`."""
        self._answers.start()
        self._answer.start()
        for thread in self._writers:
            thread.start()
        if self._answer.ready.wait(2.0):  # acks can go out before the first batch comes in
            _log.debug("acks can go out")
        self._receive.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """True once batches come in and acks go out."""
        until = time.monotonic() + timeout_s
        return self._receive.ready.wait(timeout_s) and self._answer.ready.wait(max(0.0, until - time.monotonic()))

    @property
    def store_is_away(self) -> bool:
        return self._answers.store_lost.is_set()

    def stop(self) -> None:
        """Finish the write in hand and its acks; the rest is sent again by its gateways."""
        self._stopping.set()
        self.inbox.close()
        for thread in self._writers:
            if thread.is_alive():
                thread.join()
        self._answers.close()
        self._answer.close()
        self._receive.close()

    def _received(self, deliveries: Sequence[Delivery], connection: int) -> None:
        """What one read of the network brought."""
        messages: list[Message] = []
        at_once: list[int] = []
        foreign = 0
        now = time.time()
        for topic, payload, qos, mid in deliveries:
            known = self._senders.get(topic) or self._sender(topic)
            if known is None:
                foreign += 1
                if qos:
                    at_once.append(mid)
                continue
            sender, is_batch = known
            self.last_seen[sender] = now
            if is_batch:
                messages.append(Message(sender, digest(payload), payload, connection, mid))
            else:
                self._on_status(sender, payload)
                if qos:
                    at_once.append(mid)
        copies, let_go = self.inbox.put(messages)
        if foreign or copies or let_go:
            self.counts.add(foreign=foreign, copies=copies, let_go=len(let_go))
        self._answers.busy(let_go)
        self._receive.acknowledge(connection, at_once)
        self._let_more_come()

    def _sender(self, topic: bytes) -> tuple[Address, bool] | None:
        """Whose topic it is, and whether it is for batches."""
        try:
            name = topic.decode()
        except UnicodeDecodeError:
            return None
        sender = Address.of(name)
        if sender is None:
            return None
        known = (sender, name.endswith("/up"))
        if len(self._senders) >= _GATEWAYS:
            self._senders.clear()
            self.last_seen.clear()
        self._senders[topic] = known
        return known

    def _let_more_come(self) -> None:
        for connection, mids in self.inbox.payable().items():
            self._receive.acknowledge(connection, mids)

    def _write_on(self, writer: Writer) -> None:
        try:
            writer.run()
        except BaseException as failure:
            self._fail(failure)
            raise

    def _fail(self, failure: BaseException) -> None:
        """A defect: stop, so that whoever supervises us starts afresh; nothing unacknowledged is lost."""
        self.failure = failure
        self.failed.set()
        self._stopping.set()
        self.inbox.close()
