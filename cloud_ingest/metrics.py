"""What Prometheus reads of a receiver: its counters, as they are when it asks."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cloud_ingest.receiver import Receiver


class ReceiverCollector(Collector):
    """Counting costs the hot path nothing: it is read from the receiver's own counts."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def collect(self) -> Iterable[Metric]:
        counts, inbox = self._receiver.counts, self._receiver.inbox
        yield _counter("stored_points", "Points that the store confirmed, replays included.", counts.stored)
        refused = CounterMetricFamily("lophoc_ingest_refused_points", "Points refused.", labels=["reason"])
        for reason, number in sorted(counts.refused.copy().items()):
            refused.add_metric([reason], number)
        yield refused
        yield _counter("batches", "Batches answered as stored.", counts.batches)
        yield _counter("unreadable_batches", "Batches that could not be read.", counts.unreadable)
        yield _counter("layouts_asked", "Batches whose layout was asked for.", counts.layouts_asked)
        yield _counter("quarantined_batches", "Batches set aside for a technician.", counts.quarantined)
        yield _counter("foreign_messages", "Messages whose topic names no gateway.", counts.foreign)
        yield _counter("copies", "Messages that were copies of what waited.", counts.copies)
        yield _counter("let_go_messages", "Messages for which there was no room.", counts.let_go)
        yield _counter("unsent_acks", "Acks that could not go out.", counts.unsent_acks)
        yield _counter("store_failures", "Writes that the store did not take.", counts.store_failures)
        yield _gauge("held_batches", "Batches that wait, are written or held back.", len(inbox))
        yield _gauge("held_bytes", "Bytes of the batches that wait or are written.", inbox.size_bytes)
        yield _gauge("fill_ratio", "How much of the inbox is taken: from 1 on it is crowded.", inbox.fill)
        yield _gauge("gateways", "Gateways heard of since the start.", len(self._receiver.last_seen))
        yield _gauge("connected", "1 while batches come in and acks go out.", self._receiver.wait_ready(0.0))


@contextmanager
def served(receiver: Receiver, port: int, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve `/metrics` meanwhile; the port, which is a free one for 0. Raises OSError."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ReceiverCollector(receiver))
    ProcessCollector(registry=registry)  # its memory, its processor time
    server, thread = start_http_server(port, host, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(f"lophoc_ingest_{name}", says, value=value)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"lophoc_ingest_{name}", says, value=value)
