"""The receiver's bounds and words, in this process, over a real broker and a store that a test holds in its hand."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from classroom_profiles.telemetry import Clock, Layout, Measurement, Point, Run, Series, encode, pack, with_layout
from classroom_profiles.topics import Address
from cloud_ingest.broker_link import Broker
from cloud_ingest.checking import AHEAD_S
from cloud_ingest.inbox import Inbox
from cloud_ingest.metrics import served
from cloud_ingest.quarantine import Quarantine
from cloud_ingest.receiver import Receiver
from cloud_ingest.store import Portion, Stored, StoreUnavailable
from cloud_ingest.suspects import Suspects
from cloud_ingest.writer import slow_down_s
from tests.cloud_ingest.gateway_peer import BASE_US, batch, gateway
from tests.servers import Mosquitto
from tests.waiting import until


class HandStore:
    """Keeps the points of each write; `away` makes it fail, `gate` makes it wait."""

    points_per_write = 10_000

    def __init__(self, durable_after_s: float = 0.0) -> None:
        self.writers = 2
        self.durable_after_s = durable_after_s
        self.away = False
        self.name = "first"
        self.tries = 0
        self.tried_at = 0.0
        """The last time, by the monotonic clock."""
        self.points: set[tuple[str, Series, int]] = set()
        self.gate = threading.Event()
        self.gate.set()

    def open(self, *, create: bool = True) -> None:
        if self.away:
            raise StoreUnavailable("away")

    def close(self) -> None:
        return

    def write(self, portions: Sequence[Portion]) -> list[int]:
        self.tries += 1
        self.tried_at = time.monotonic()
        self.gate.wait(60)
        if self.away:
            raise StoreUnavailable("away")
        for portion in portions:
            for run in portion.runs:
                self.points |= {(portion.school, run.series, time_us) for time_us in run.times_us}
        return [0] * len(portions)

    def era(self) -> str:
        return self.name

    def latest(self, school: str, room: str, since_us: int = 0) -> list[Stored]:
        return []

    def count(self, school: str, room: str | None = None, since_us: int = 0) -> int:
        return len(self.points)


@contextmanager
def receiving(
    broker: Mosquitto,
    store: HandStore,
    folder: Path,
    inbox: Inbox | None = None,
    on_status: Callable[[Address, bytes], None] = lambda *_: None,
    on_received: Callable[[Address, Portion], None] = lambda *_: None,
    on_batch: Callable[[Address, Portion], None] = lambda *_: None,
    share: str = "",
) -> Iterator[Receiver]:
    suspects = Suspects(folder, store.writers)
    receiver = Receiver(
        Broker.of(broker.url), store, Quarantine(folder / "set-aside"), suspects,
        inbox=inbox, on_status=on_status, on_received=on_received, on_batch=on_batch, share=share,
    )  # fmt: skip
    receiver.start()
    try:
        assert receiver.wait_ready(30)
        yield receiver
    finally:
        store.gate.set()
        receiver.stop()
        suspects.close()
    assert receiver.failure is None


def test_a_point_more_than_a_year_ahead_is_refused_and_counted(mosquitto: Mosquitto, tmp_path: Path) -> None:
    series = Series(Measurement.READING, "a101", "co2", "air", "co2_ppm")
    ahead_us = int((time.time() + AHEAD_S + 86_400) * 1e6)
    payload = encode("boot-1", True, 0, 1, [Point(series, BASE_US, 1.0), Point(series, ahead_us, 2.0)])
    store = HandStore()
    with receiving(mosquitto, store, tmp_path) as receiver, gateway(mosquitto.url) as peer:
        ack = peer.answers(payload)
        assert (ack.stored, ack.refused) == (1, {"time-range": 1})
        assert receiver.counts.refused == {"time-range": 1}
    assert {time_us for _, _, time_us in store.points} == {BASE_US}


def test_a_store_that_is_away_fills_the_inbox_only_to_its_bound_and_loses_nothing(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    store, inbox = HandStore(), Inbox(messages=20)
    store.away = True
    payloads = [batch(number, size=10) for number in range(200)]
    with receiving(mosquitto, store, tmp_path, inbox) as receiver, gateway(mosquitto.url) as peer:
        for payload in payloads:
            peer.send(payload)
        until(lambda: inbox.crowded and receiver.counts.store_failures > 2)
        assert len(inbox) <= 30
        assert all(ack.busy for ack in peer.acks)
        store.away = False
        found = peer.deliver(payloads)
        assert sum(ack.stored for ack in found.values()) == len(store.points) == 2_000
        assert receiver.counts.store_failures > 0
        until(lambda: len(inbox) == 0)
        assert inbox.size_bytes == 0


def test_a_crowded_centre_asks_its_broker_for_no_more(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Mosquitto has a window of 20 messages: no more than about that come beyond the bound."""
    store, inbox = HandStore(), Inbox(messages=20)
    store.gate.clear()
    with receiving(mosquitto, store, tmp_path, inbox) as receiver, gateway(mosquitto.url) as peer:
        for number in range(100):
            peer.send(batch(number, size=10))
        until(lambda: inbox.crowded)
        with gateway(mosquitto.url, name="gw-2") as other:  # the broker still takes what others send
            other.send(batch(1))
        assert len(inbox) + receiver.counts.let_go < 60
        store.gate.set()
        until(lambda: len(store.points) + 10 * receiver.counts.let_go >= 1_000)


def test_gateways_are_slowed_down_from_half_full_on(mosquitto: Mosquitto, tmp_path: Path) -> None:
    store, inbox = HandStore(), Inbox(messages=10)
    store.gate.clear()
    with receiving(mosquitto, store, tmp_path, inbox), gateway(mosquitto.url) as peer:
        for number in range(9):
            peer.send(batch(number, size=10))
        until(lambda: len(inbox) == 9)
        store.gate.set()
        peer.wait_answers(9)
        assert max(ack.slow_s for ack in peer.acks) == 4.0
        assert peer.answers(batch(20)).slow_s == 0.0
    assert [slow_down_s(fill) for fill in (0.0, 0.5, 0.6, 1.0, 1.5)] == [0.0, 0.0, 1.0, 5.0, 5.0]


def test_what_is_not_durable_yet_is_not_acknowledged_yet(mosquitto: Mosquitto, tmp_path: Path) -> None:
    store = HandStore(durable_after_s=2.0)
    with receiving(mosquitto, store, tmp_path) as receiver, gateway(mosquitto.url) as peer:
        peer.send(batch(1))
        until(lambda: len(store.points) == 100)
        assert peer.acks == []
        peer.send(batch(1))  # its gateway is impatient
        peer.wait_answers(1)
        assert time.monotonic() - store.tried_at >= 2.0
        until(lambda: len(receiver.inbox) == 0)
        assert (store.tries, receiver.counts.copies) == (1, 1)


def test_a_store_that_was_started_again_before_it_was_durable_gets_the_batch_again(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    store = HandStore(durable_after_s=2.0)
    with receiving(mosquitto, store, tmp_path) as receiver, gateway(mosquitto.url) as peer:
        peer.send(batch(1))
        until(lambda: len(store.points) == 100)
        store.points.clear()  # what a kill does to it
        store.name = "second"
        until(lambda: len(receiver.inbox) == 0)
        assert peer.acks == []
        assert peer.answers(batch(1)).stored == len(store.points) == 100


def test_a_store_that_goes_away_before_it_was_durable_gets_all_of_it_again(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    store = HandStore(durable_after_s=600.0)
    with receiving(mosquitto, store, tmp_path) as receiver, gateway(mosquitto.url) as peer:
        peer.send(batch(1))
        until(lambda: len(store.points) == 100)
        store.away = True
        peer.send(batch(2))
        until(lambda: receiver.counts.store_failures > 0 and len(receiver.inbox) == 1)  # the first is forgotten
        store.away = False
        peer.send(batch(1))
        until(lambda: receiver.counts.batches == 3)
        assert peer.acks == []


def test_a_layout_that_is_not_known_is_asked_for_and_then_known(mosquitto: Mosquitto, tmp_path: Path) -> None:
    series = Series(Measurement.READING, "a101", "co2", "air", "co2_ppm")
    layout = Layout.of("boot-1", [(series, False)])
    bare = [pack(layout, Clock.TRUSTED, n, n, [Run(series, False, [BASE_US + n], [1.0])]) for n in range(2)]
    store = HandStore()
    with receiving(mosquitto, store, tmp_path) as receiver, gateway(mosquitto.url) as peer:
        assert peer.answers(bare[0]).need_layout
        assert peer.answers(with_layout(bare[0], layout)).stored == 1
        assert peer.answers(bare[1]).stored == 1
        assert receiver.counts.layouts_asked == 1
        with gateway(mosquitto.url, name="gw-2") as other:  # another gateway's layout is not its own
            assert other.answers(bare[1]).need_layout


def test_statuses_are_handed_on_and_the_broker_keeps_more_of_them_than_a_queue_holds(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Retained ones never come by a shared subscription, and Mosquitto's queue of QoS 1 messages ends at 1,000."""
    publisher = Client(CallbackAPIVersion.VERSION2)
    publisher.connect("127.0.0.1", mosquitto.port)
    publisher.loop_start()
    for number in range(3_000):
        publisher.publish(f"lophoc/1/thcs/gw-{number}/status", b'{"state":"online"}', retain=True)
    publisher.publish("lophoc/1/thcs/gw-0/status", b'{"state":"offline"}', qos=1, retain=True).wait_for_publish(30)
    publisher.disconnect()
    publisher.loop_stop()
    heard: dict[Address, bytes] = {}
    with receiving(mosquitto, HandStore(), tmp_path, on_status=heard.__setitem__, share="lophoc") as receiver:
        until(lambda: len(heard) == 3_000)
        assert heard[Address("thcs", "gw-0")] == b'{"state":"offline"}'
        assert len(receiver.last_seen) == 3_000


def test_a_batch_is_handed_on_once_it_is_stored(mosquitto: Mosquitto, tmp_path: Path) -> None:
    heard: list[tuple[Address, int]] = []
    with (
        receiving(mosquitto, HandStore(), tmp_path, on_batch=lambda who, what: heard.append((who, what.points))),
        gateway(mosquitto.url) as peer,
    ):
        peer.answers(batch(1))
    assert heard == [(Address("thcs-nguyen-du", "gw-1"), 100)]


def test_what_was_received_is_known_before_a_slow_store_has_it_and_acknowledged_after(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    heard: list[int] = []
    told: list[int] = []
    store = HandStore()
    store.gate.clear()
    with (
        receiving(
            mosquitto, store, tmp_path,
            on_received=lambda _, portion: heard.append(portion.points),
            on_batch=lambda _, portion: told.append(portion.points),
        ) as receiver,
        gateway(mosquitto.url) as peer,
    ):  # fmt: skip
        peer.send(batch(1))
        until(lambda: store.tries == 1)
        assert heard == [100]
        assert (told, store.points, peer.acks, receiver.counts.stored) == ([], set(), [], 0)
        store.gate.set()
        peer.wait_answers(1)
        assert (heard, told, len(store.points)) == ([100], [100], 100)


def test_a_message_without_end_ends_neither_memory_nor_connection(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with receiving(mosquitto, HandStore(), tmp_path) as receiver, gateway(mosquitto.url) as peer:
        before = receiver.inbox.fill
        peer.send(b"x" * 8 * 1024 * 1024)
        assert peer.answers(batch(1)).stored == 100
        until(lambda: receiver.inbox.fill == before)
        assert receiver.counts.unreadable == 1


def test_prometheus_reads_what_was_counted(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with receiving(mosquitto, HandStore(), tmp_path) as receiver, gateway(mosquitto.url) as peer:
        peer.answers(batch(1))
        peer.answers(b"garbage")
        with served(receiver, 0) as port:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                said = answer.read().decode().splitlines()
            for line in (
                "lophoc_ingest_stored_points_total 100.0", "lophoc_ingest_batches_total 1.0",
                "lophoc_ingest_unreadable_batches_total 1.0", "lophoc_ingest_connected 1.0",
                "lophoc_ingest_gateways 1.0",
            ):  # fmt: skip
                assert line in said
            assert any(line.startswith("process_resident_memory_bytes") for line in said)
        with pytest.raises(URLError):
            urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)


def test_a_port_that_is_taken_says_so(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with (
        receiving(mosquitto, HandStore(), tmp_path) as receiver,
        served(receiver, 0) as port,
        pytest.raises(OSError),
        served(receiver, port),
    ):
        raise AssertionError("it was served twice")
