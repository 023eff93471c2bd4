"""One thread's work: take what waits, check it, write it together, answer it when the store's word holds."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from classroom_profiles.telemetry import Ack, LaterVersion, Layouts, NeedLayout, Unreadable, encode_ack
from classroom_profiles.topics import Address
from cloud_ingest.backoff import delays
from cloud_ingest.checking import Checked, check
from cloud_ingest.counts import Counts
from cloud_ingest.era import era_of
from cloud_ingest.hold_back import HoldBack
from cloud_ingest.inbox import Inbox, Message
from cloud_ingest.link import Link
from cloud_ingest.quarantine import Quarantine
from cloud_ingest.series_bound import SeriesBound
from cloud_ingest.store import Portion, Sink, StoreUnavailable, WrongStore
from cloud_ingest.suspects import InHand, Suspects

_MANY_GATEWAYS = 16
_LINGER_S = 0.05
_SILENCE_S = 0.005
_WARNED = 10_000
_ANY = 1_000_000
_SLOW_S = 10.0
_LATER_S = 60.0
_ERA_S = 1.0

_log = logging.getLogger("lophoc.ingest")


def slow_down_s(fill: float) -> float:
    """How long a gateway should send nothing: from a half-full inbox on longer and longer."""
    return round(_SLOW_S * (min(fill, 1.0) - 0.5), 1) if fill > 0.5 else 0.0


class Answers:
    """Acks on their way out: at once, or when the store's promise holds."""

    def __init__(self, store: Sink, inbox: Inbox, link: Link, counts: Counts, freed: Callable[[], None]) -> None:
        """`freed` is called after each: there may be room for more now."""
        self._inbox = inbox
        self._link = link
        self._counts = counts
        self._freed = freed
        self.store_lost = threading.Event()
        self._held: HoldBack[tuple[Message, Ack]] | None = None
        if store.durable_after_s > 0:
            self._held = HoldBack(store.durable_after_s, self.send, self._drop, lambda: era_of(store))
        self._store = store
        self._era = ""
        self._era_until = 0.0

    def start(self) -> None:
        if self._held is not None:
            self._held.start()

    def close(self) -> None:
        """What is held back is not answered: the gateways send it again."""
        if self._held is not None:
            self._held.close()

    def era(self) -> str:
        """The store's, to be had before a write whose answer is held back.

        A second old is good enough: if the store was started again since, the answer is dropped without need.
        """
        if self._held is None:
            return ""
        now = time.monotonic()
        if not self._era or now > self._era_until:
            self._era, self._era_until = era_of(self._store), now + _ERA_S
        return self._era

    def stored(self, answers: Sequence[tuple[Message, Ack]], era: str) -> None:
        """A store has confirmed them, in that era of its."""
        self._inbox.written(message for message, _ in answers)
        if self._held is not None:
            self._held.put(answers, era)
            self._freed()
        else:
            self.send(answers)

    def lost(self) -> None:
        """The store went away, and what it had not made durable perhaps with it."""
        if self._held is not None:
            self._held.forget()

    def send(self, answers: Sequence[tuple[Message, Ack]]) -> None:
        packets = [(message.sender.topic("ack"), encode_ack(ack)) for message, ack in answers]
        if not self._link.publish(packets):
            self._counts.add(unsent_acks=len(packets))
        self._drop(answers)

    def busy(self, messages: Sequence[Message]) -> None:
        """There was no room for them."""
        if messages:
            busy = [
                (message.sender.topic("ack"), encode_ack(Ack(message.digest, 0, busy=True, slow_s=_SLOW_S)))
                for message in messages
            ]
            self._link.publish(busy)

    def _drop(self, answers: Sequence[tuple[Message, Ack]]) -> None:
        self._inbox.done([message.name for message, _ in answers])
        self._freed()


class Writer:
    """Runs until the inbox is closed."""

    def __init__(
        self,
        store: Sink,
        inbox: Inbox,
        answers: Answers,
        counts: Counts,
        quarantine: Quarantine,
        suspects: Suspects,
        in_hand: InHand,
        layouts: Layouts,
        *,
        stopping: threading.Event,
        ahead_s: float,
        bound: SeriesBound,
        on_received: Callable[[Address, Portion], None],
        on_batch: Callable[[Address, Portion], None],
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._answers = answers
        self._counts = counts
        self._quarantine = quarantine
        self._suspects = suspects
        self._in_hand = in_hand
        self._layouts = layouts
        self._stopping = stopping
        self._ahead_s = ahead_s
        self._bound = bound
        self._on_received = on_received
        self._on_batch = on_batch
        self._next: Message | None = None
        self._many = False
        self._warned: set[Address] = set()

    def run(self) -> None:
        while (message := self._next or self._inbox.take(wait_s=None)) is not None:
            self._next = None
            work = self._gather(message)
            if work:
                self._write(work)
            self._in_hand.clear()

    def _gather(self, message: Message | None) -> list[Checked]:
        """Everything that waits, up to what the store likes in one write.

        While many gateways send, it waits a moment for more, since large writes cost less; but not through silence:
        then they wait for our answers.
        """
        self._suspects.refresh()
        work: list[Checked] = []
        senders: set[Address] = set()
        points = 0
        crowd = _ANY
        latest_us = int((time.time() + self._ahead_s) * 1e6)
        until = time.monotonic() + _LINGER_S if self._many else 0.0
        while message is not None:
            limit = self._suspects.crowd(message.digest)
            if limit is not None and min(limit, crowd) <= len(work) and limit:
                self._next = message  # it is tried in smaller company
                break
            if limit is not None:
                crowd = min(crowd, max(1, limit))
            if limit == 0:
                self._set_aside(message, "workers died with it in hand")  # and stays suspect: it may come again
            else:
                self._in_hand.add(message.digest)
                checked = self._check(message, latest_us)
                if checked is not None:
                    self._on_received(message.sender, checked.portion)
                    work.append(checked)
                    points += checked.points
            senders.add(message.sender)
            if points >= self._store.points_per_write or len(work) >= crowd:
                break
            message = self._inbox.take()
            if message is None and self._many and crowd == _ANY:
                message = self._inbox.take(wait_s=max(0.0, min(_SILENCE_S, until - time.monotonic())))
        self._many = len(senders) >= _MANY_GATEWAYS
        return work

    def _check(self, message: Message, latest_us: int) -> Checked | None:
        """None if the batch cannot be read, or not without its layout, which is answered at once."""
        try:
            checked = check(message, self._layouts.of(message.sender), latest_us, self._bound)
            self._layouts.learn(message.sender, checked.layout)
            return checked
        except NeedLayout:
            self._counts.add(layouts_asked=1)
            self._suspects.clear([message.digest])
            self._inbox.written([message])
            self._answers.send([(message, Ack(message.digest, 0, need_layout=True))])
        except LaterVersion as why:  # not settled: a gateway that was renewed before us shall lose nothing by it
            self._unreadable(message, Ack(message.digest, 0, busy=True, slow_s=_LATER_S), str(why))
        except Unreadable as why:
            self._unreadable(message, Ack(message.digest, 0, unreadable=str(why)), str(why))
        except Exception as defect:  # noqa: BLE001 - whatever one batch brings about must not stop all others
            _log.exception("a batch from %s was not digested", message.sender)
            self._set_aside(message, f"{type(defect).__name__}: {defect}")
        return None

    def _unreadable(self, message: Message, ack: Ack, why: str) -> None:
        self._counts.add(unreadable=1)
        level = logging.DEBUG if message.sender in self._warned else logging.WARNING
        _log.log(level, "unreadable batch from %s: %s", message.sender, why)
        if len(self._warned) < _WARNED:  # one broken gateway shall not fill the disk with warnings
            self._warned.add(message.sender)
        self._suspects.clear([message.digest])
        self._inbox.written([message])
        self._answers.send([(message, ack)])

    def _set_aside(self, message: Message, why: str) -> None:
        if not self._quarantine.set_aside(message, why):
            self._counts.add(let_go=1)
            self._inbox.give_up([message])
            return
        self._counts.add(quarantined=1)
        self._inbox.written([message])
        self._answers.send([(message, Ack(message.digest, 0, unreadable="the centre set it aside: look there"))])

    def _write(self, work: list[Checked]) -> None:
        era = self._answers.era()
        try:
            by_store = self._stored([checked.portion for checked in work])
        except Exception as defect:  # noqa: BLE001 - one batch's defect; which one is found by halving
            if len(work) == 1:
                _log.exception("a batch from %s could not be written", work[0].message.sender)
                self._set_aside(work[0].message, f"{type(defect).__name__}: {defect}")
                return
            middle = len(work) // 2
            self._write(work[:middle])
            self._write(work[middle:])
            return
        if by_store is None:
            self._inbox.give_up(checked.message for checked in work)
            return
        answers: list[tuple[Message, Ack]] = []
        points, slow_s = 0, slow_down_s(self._inbox.fill)
        for checked, unwanted in zip(work, by_store, strict=True):
            refused = checked.refused
            if unwanted:
                refused["store"] = unwanted
            if refused:
                self._counts.refuse(refused)
            stored = checked.points - unwanted
            points += stored
            answers.append((checked.message, Ack(checked.message.digest, stored, refused, slow_s=slow_s)))
            if stored:
                self._on_batch(checked.message.sender, checked.portion)
        self._counts.add(batches=len(work), stored=points)
        self._suspects.clear([checked.message.digest for checked in work])
        self._answers.stored(answers, era)

    def _stored(self, portions: list[Portion]) -> list[int] | None:
        """What the store refused of each portion, once it confirmed the rest; None if we were stopped before that."""
        if not any(portion.runs for portion in portions):
            return [0] * len(portions)
        for wait_s in delays():
            try:
                if self._answers.store_lost.is_set():
                    self._store.open()
                refused = self._store.write(portions)
            except (StoreUnavailable, WrongStore) as why:
                self._in_hand.clear()  # it is the store that is at fault
                self._counts.add(store_failures=1)
                self._answers.lost()
                if not self._answers.store_lost.is_set():
                    self._answers.store_lost.set()
                    _log.warning("the store is away, nothing is acknowledged until it is back: %s", why)
                if self._stopping.wait(wait_s):
                    return None
                continue
            if self._answers.store_lost.is_set():
                self._answers.store_lost.clear()
                _log.info("the store is back; %d batches wait", len(self._inbox))
            return refused
        raise AssertionError("delays() does not end")
