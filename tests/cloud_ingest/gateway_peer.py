"""A gateway that shares no code with ours beyond the wire: publishes batches, keeps what was answered."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Ack, Measurement, Point, Series, decode_ack, digest, encode
from classroom_profiles.topics import Address

BASE_US = 1_790_000_000_000_000


class Gateway:
    """Sends bytes as they are, again and again until they are answered if asked to."""

    def __init__(self, broker_url: str, address: Address) -> None:
        self.address = address
        self.acks: list[Ack] = []
        self._answered = threading.Condition()
        self._subscribed = threading.Event()
        parts = urlsplit(broker_url)
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(0.1, 1.0)  # type: ignore[arg-type]  # seconds, fractions work
        self._client.on_connect = lambda client, *_: client.subscribe(address.topic("ack"), 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._answer
        self._client.connect(parts.hostname or "", parts.port or 1883)

    def send(self, payload: bytes, topic: str | None = None, qos: int = 1) -> None:
        self._client.publish(topic or self.address.topic("up"), payload, qos)

    def answers(self, payload: bytes, timeout_s: float = 60.0, again_s: float = 1.0) -> Ack:
        """Send `payload` until it is answered. Raises TimeoutError."""
        return self.deliver([payload], timeout_s, again_s, window=1)[digest(payload)]

    def deliver(
        self, payloads: list[bytes], timeout_s: float = 60.0, again_s: float = 1.0, window: int = 8
    ) -> dict[str, Ack]:
        """Send all, at most `window` unanswered at a time, again what has no answer. Raises TimeoutError."""
        until = time.monotonic() + timeout_s
        waiting = {digest(payload): payload for payload in payloads}
        sent: dict[str, float] = {}
        found: dict[str, Ack] = {}
        seen = len(self.acks)
        while waiting:
            now = time.monotonic()
            if now > until:
                raise TimeoutError(f"{len(waiting)} of {len(payloads)} batches have no answer")
            for name in list(waiting)[:window]:
                if now - sent.get(name, -again_s) >= again_s:
                    sent[name] = now
                    self.send(waiting[name])
            with self._answered:
                if len(self.acks) == seen:
                    self._answered.wait(0.1)
                new, seen = self.acks[seen:], len(self.acks)
            for ack in new:
                if not ack.busy and waiting.pop(ack.batch, None) is not None:
                    found[ack.batch] = ack
        return found

    def wait_answers(self, count: int, timeout_s: float = 60.0) -> None:
        """Until so many acks came, counting copies."""
        with self._answered:
            assert self._answered.wait_for(lambda: len(self.acks) >= count, timeout_s), f"{len(self.acks)} acks"

    def wait_answers_to(self, digests: set[str], timeout_s: float = 60.0) -> None:
        """Until each of them is answered."""
        with self._answered:
            answered = lambda: digests <= {ack.batch for ack in self.acks}  # noqa: E731 - read again at each answer
            assert self._answered.wait_for(answered, timeout_s), "some have no answer"

    def _answer(self, _: Client, __: Any, message: MQTTMessage) -> None:
        with self._answered:
            self.acks.append(decode_ack(bytes(message.payload)))
            self._answered.notify_all()

    def _run(self) -> None:
        self._client.loop_start()
        assert self._subscribed.wait(30.0), "no subscription"

    def _close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def gateway(broker_url: str, school: str = "thcs-nguyen-du", name: str = "gw-1") -> Iterator[Gateway]:
    peer = Gateway(broker_url, Address(school, name))
    try:
        peer._run()
        yield peer
    finally:
        peer._close()


def batch(number: int, size: int = 100, room: str = "a101") -> bytes:
    """`size` points of three kinds that no other `number` has."""
    points = []
    for place in range(size):
        device = f"sensor-{place % 10}"
        time_us = BASE_US + number * 1_000_000 + place
        kind = place % 10
        metric = ("co2_ppm", "power", "state")[kind % 3]
        value: Value = (400.0 + place, place % 20 < 10, f"step {place}")[kind % 3]
        series = Series(Measurement.READING, room, device, "sensor", metric)
        points.append(Point(series, time_us, value, kind == 9))
    return encode("boot-1", True, number * size, number * size + size - 1, points)
