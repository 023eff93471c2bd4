"""Somebody on the broker who hears each gateway's batches, and can publish a half of one in its name."""

import contextlib
import math
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from classroom_profiles.topics import EVERY_UP, Address


class Eavesdropper:
    def __init__(self, port: int) -> None:
        self._last: dict[str, bytes] = {}
        self._own: set[bytes] = set()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(0.1, 0.5)  # type: ignore[arg-type]  # seconds, fractions work
        self._client.on_connect = lambda client, *_: client.subscribe(EVERY_UP, 0)
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", port)

    def publish_part(self, of: Address, share: float) -> bool:
        """The first `share` of the last batch that was heard of this gateway; False if none was."""
        batch = self._last.get(of.topic("up"))
        if batch is None:
            return False
        part = batch[: math.floor(len(batch) * share)]
        self._own.add(part)
        self._client.publish(of.topic("up"), part, qos=1)
        return True

    def _heard(self, _: Client, __: Any, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        if payload not in self._own:
            self._last[message.topic] = payload

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._client.disconnect()
        self._client.loop_stop()
