"""Receive, validate, store, acknowledge: the order that makes a gateway's word 'stored' true.

    broker --up--> inbox --decode, check--> one large write --confirmed--> our ack --> MQTT's ack

Batches come in on one connection and acks go out on another, since a client that does both on one connection waits
for delayed TCP acknowledgements. `Store.writers` threads write, so that one formats while another's write is away.
"""

import logging
import threading
import time
from dataclasses import dataclass, field

from paho.mqtt.client import MQTTMessage

from classroom_profiles.telemetry import Ack, Layouts, NeedLayout, Unreadable, decode, digest, encode_ack, runs
from classroom_profiles.topics import EVERY_STATUS, EVERY_UP, Address
from cloud_ingest.backoff import delays
from cloud_ingest.broker_link import Broker, BrokerLink
from cloud_ingest.inbox import Inbox, Message
from cloud_ingest.store import Portion, Store, StoreUnavailable, WrongStore

_GATEWAYS = 20_000

_log = logging.getLogger("lophoc.ingest")


@dataclass(slots=True)
class Counts:
    """Since the start."""

    batches: int = 0
    stored: int = 0
    """Points that the store confirmed, replays included."""
    refused: int = 0
    unreadable: int = 0
    layouts_asked: int = 0
    """Batches whose layout was not known here, and was asked for."""
    foreign: int = 0
    """Messages whose topic names no gateway."""
    turned_away: int = 0
    """Messages that were copies of what waited, or came while there was no room: their gateways send them again."""
    unsent_acks: int = 0


@dataclass(frozen=True, slots=True)
class _Checked:
    """A readable batch on its way to the store."""

    message: Message
    portion: Portion
    refused: dict[str, int] = field(default_factory=dict)


class Receiver:
    """Between `start` and `stop` it runs by itself; `failed` is set if it cannot go on."""

    def __init__(self, broker: Broker, store: Store, share: str = "", inbox: Inbox | None = None) -> None:
        group = f"$share/{share}/" if share else ""
        self.counts = Counts()
        self.last_seen: dict[Address, float] = {}
        """When each gateway was last heard of, seconds since 1970."""
        self.failure: BaseException | None = None
        self.failed = threading.Event()
        self._store = store
        self._inbox = Inbox() if inbox is None else inbox
        self._stopping = threading.Event()
        self._counting = threading.Lock()
        self._store_lost = False
        self._warned: set[Address] = set()
        self._layouts = Layouts()
        self._receive = BrokerLink(broker, "up", [group + EVERY_UP, group + EVERY_STATUS], self._received, self._fail)
        self._answer = BrokerLink(broker, "acks")
        self._writers = [
            threading.Thread(target=self._write_on, name=f"writer {number}") for number in range(store.writers)
        ]

    def start(self) -> None:
        """The store is open already, or will be when it can: see `StoreUnavailable`."""
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

    def stop(self) -> None:
        """Finish the write in hand and its acks; the rest is sent again by its gateways."""
        self._stopping.set()
        self._inbox.close()
        for thread in self._writers:
            if thread.is_alive():
                thread.join()
        self._answer.close()
        self._receive.close()

    def _received(self, came: MQTTMessage, connection: int) -> None:
        try:
            sender = Address.of(came.topic)
        except UnicodeDecodeError:
            sender = None
        if sender is None:
            self._count(foreign=1)
            self._receive.acknowledge(connection, came.mid, came.qos)
            return
        if sender in self.last_seen or len(self.last_seen) < _GATEWAYS:
            self.last_seen[sender] = time.time()
        if not came.topic.endswith("/up"):
            self._receive.acknowledge(connection, came.mid, came.qos)
            return
        payload = bytes(came.payload)
        message = Message(sender, digest(payload), payload, connection, came.mid, came.qos)
        if not self._inbox.put(message):
            self._count(turned_away=1)
            self._receive.acknowledge(connection, came.mid, came.qos)

    def _write_on(self) -> None:
        try:
            while (message := self._inbox.take(wait=True)) is not None:
                work = self._gather(message)
                if work:
                    self._write(work)
        except BaseException as failure:
            self._fail(failure)
            raise

    def _gather(self, message: Message | None) -> list[_Checked]:
        """Everything that waits, up to what the store likes in one write."""
        work: list[_Checked] = []
        points = 0
        while message is not None:
            checked = self._check(message)
            if checked is not None:
                work.append(checked)
                points += checked.portion.points
            message = self._inbox.take(wait=False) if points < self._store.points_per_write else None
        return work

    def _check(self, message: Message) -> _Checked | None:
        """None if the batch cannot be read, or not without its layout, which is answered at once."""
        try:
            batch = decode(message.payload, self._layouts.of(message.sender))
        except NeedLayout:
            self._count(layouts_asked=1)
            self._reply(message, Ack(message.digest, 0, need_layout=True))
            return None
        except Unreadable as why:
            self._count(unreadable=1)
            level = logging.DEBUG if message.sender in self._warned else logging.WARNING
            _log.log(level, "unreadable batch from %s: %s", message.sender, why)
            if len(self._warned) < _GATEWAYS:  # one broken gateway shall not fill the disk with warnings
                self._warned.add(message.sender)
            self._reply(message, Ack(message.digest, 0, unreadable=str(why)))
            return None
        self._layouts.learn(message.sender, batch.layout)
        good, refused = runs(batch)
        return _Checked(message, Portion(message.sender.school, good), {str(why): n for why, n in refused.items()})

    def _write(self, work: list[_Checked]) -> None:
        by_store = self._stored([checked.portion for checked in work])
        for place, checked in enumerate(work):
            if by_store is None:
                self._inbox.done(checked.message)
                continue
            refused = dict(checked.refused)
            if by_store[place]:
                refused["store"] = by_store[place]
            stored = checked.portion.points - by_store[place]
            self._count(batches=1, stored=stored, refused=sum(refused.values()))
            self._reply(checked.message, Ack(checked.message.digest, stored, refused))

    def _stored(self, portions: list[Portion]) -> list[int] | None:
        """What the store refused of each portion, once it confirmed the rest; None if we were stopped before that."""
        if not any(portion.runs for portion in portions):
            return [0] * len(portions)
        for wait_s in delays():
            try:
                if self._store_lost:
                    self._store.open()
                refused = self._store.write(portions)
            except (StoreUnavailable, WrongStore) as why:
                if not self._store_lost:
                    self._store_lost = True
                    _log.warning("the store is away, nothing is acknowledged until it is back: %s", why)
                if self._stopping.wait(wait_s):
                    return None
                continue
            if self._store_lost:
                self._store_lost = False
                _log.info("the store is back; %d batches wait", len(self._inbox))
            return refused
        raise AssertionError("delays() does not end")

    def _reply(self, message: Message, ack: Ack) -> None:
        """Our ack first: if we die between the two, the gateway already knows."""
        if not self._answer.publish(message.sender.topic("ack"), encode_ack(ack)):
            self._count(unsent_acks=1)
        self._receive.acknowledge(message.connection, message.mid, message.qos)
        self._inbox.done(message)

    def _count(self, **more: int) -> None:
        with self._counting:
            for name, number in more.items():
                setattr(self.counts, name, getattr(self.counts, name) + number)

    def _fail(self, failure: BaseException) -> None:
        """A defect: stop, so that whoever supervises us starts afresh; nothing unacknowledged is lost."""
        self.failure = failure
        self.failed.set()
        self._stopping.set()
        self._inbox.close()
