"""A gateway of one room that measures when it is told to and sends at once, so that a number's way can be timed.

As a real one it sends again what has no answer: a crowded centre lets batches go, a crowded broker does so in silence.
"""

import threading
import time
from typing import Self
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from classroom_profiles.telemetry import (
    Clock,
    Layout,
    Measurement,
    Run,
    Series,
    decode_ack,
    digest,
    pack,
    with_layout,
)
from classroom_profiles.topics import Address
from simulators.city_batches import series_of

METRIC = "co2_ppm"
_AGAIN_S = 6.0
_STORED_WITHIN_S = 60.0


class LiveGateway:
    """Connected between enter and exit."""

    def __init__(self, broker_url: str, address: Address, room: str, metrics: int = 20) -> None:
        self._address = address
        self._series = series_of(room, metrics)
        self._extra = [
            Series(Measurement.DEVICE, room, device, role, "health") for device, role in _devices(self._series)
        ]
        self._layout = Layout.of("live-1", [(series, False) for series in (*self._series, *self._extra)])
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "lophoc-bench-live")
        self._where = urlsplit(broker_url)
        self._up = threading.Event()
        self._acked = threading.Event()
        self._acked_s = 0.0
        self._payload = b""
        self._closing = threading.Event()
        self._again = threading.Thread(target=self._send_again, name="live gateway")
        self._next = 0

    def __enter__(self) -> Self:
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._up.set()
        self._client.on_message = self._heard
        self._client.connect(self._where.hostname or "", self._where.port or 1883)
        self._client.loop_start()
        assert self._up.wait(10.0), "no connection to the broker"
        said = b'{"state":"online","version":"1.0","clock":"trusted"}'
        self._client.publish(self._address.topic("status"), said, qos=1, retain=True)
        self._again.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._again.join()
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, co2_ppm: int) -> int:
        """Measure now, send now; when it was measured, in microseconds."""
        time_us = time.time_ns() // 1000
        runs = [
            *(Run(series, False, [time_us], [_value(series, co2_ppm)]) for series in self._series),
            *(Run(series, False, [time_us], ["online"]) for series in self._extra),
        ]
        batch = pack(self._layout, Clock.TRUSTED, self._next, self._next + len(runs) - 1, runs)
        self._next += len(runs)
        self._payload = with_layout(batch, self._layout)
        self._acked.clear()
        self._send()
        return time_us

    def wait_stored(self) -> float:
        """When the centre said that it is stored, in seconds."""
        assert self._acked.wait(_STORED_WITHIN_S), "the centre did not answer"
        return self._acked_s

    def _send(self) -> None:
        self._client.publish(self._address.topic("up"), self._payload, qos=1)

    def _send_again(self) -> None:
        while not self._closing.wait(_AGAIN_S):
            if self._payload and not self._acked.is_set():
                self._send()

    def _heard(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        ack = decode_ack(bytes(message.payload))
        if ack.batch == digest(self._payload) and not ack.busy:
            self._acked_s = time.time()
            self._acked.set()

    def _connected(self, *_: object) -> None:
        self._client.subscribe(self._address.topic("ack"), qos=1)


def _devices(series: list[Series]) -> list[tuple[str, str]]:
    return sorted({(one.device, one.role) for one in series})


def _value(series: Series, co2_ppm: int) -> bool | float:
    if series.metric == METRIC:
        return float(co2_ppm)
    return True if series.metric in ("power", "switch", "down", "open") else 20.0
