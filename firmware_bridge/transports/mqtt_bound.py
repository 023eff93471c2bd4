"""How much a broker may make the gateway hold: what is larger is let go of while it comes, and nobody hears of it.

MQTT 5 has a Maximum Packet Size in CONNECT (5.0, section 3.1.2.11.4). Gateways speak 3.1.1, where a broker may send up
to 256 MiB (section 2.2.3) and cannot be told to send less. To end the connection would help nobody: a retained message
comes again with the next subscription, for ever. So such a message is read to its end, acknowledged, and counted.
"""

import asyncio
from collections.abc import Callable

import aiomqtt
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MessageType, MQTTErrorCode

PACKET_BYTES = 512 * 1024
"""Of one packet: twice the largest that is meant for a gateway, a catalogue of 256 KiB."""
HELD_BYTES = 4 * 1024 * 1024
"""Of all messages that wait to be taken."""

_HEAD_BYTES = 2 + 65_535 + 2
"""The longest topic, its length and a message id: enough to acknowledge it."""
_READ_BYTES = 64 * 1024
_EACH_BYTES = 1024
"""What a message takes beside its payload, about."""
_KIND, _QOS, _QOS_2 = 0xF0, 0x06, 0x04

OnTooLarge = Callable[[bytes, int], None]
"""Is given the topic and how many bytes there were."""


def bound(client: Client, on_too_large: OnTooLarge) -> None:
    """paho gathers all of a packet before it looks at it; from now on only as much as may be."""
    receive, handle = client._sock_recv, client._packet_handle

    def too_large() -> bool:
        return client._in_packet["remaining_length"] > PACKET_BYTES

    def receive_some(bufsize: int) -> bytes:
        if too_large():
            del client._in_packet["packet"][_HEAD_BYTES:]
        return receive(min(bufsize, _READ_BYTES))  # Python would make room for all of it at once

    def handle_packet() -> MQTTErrorCode:
        packet = client._in_packet
        command, size = packet["command"], packet["remaining_length"]
        is_message = command & _KIND == MessageType.PUBLISH
        if (
            is_message and command & _QOS == _QOS_2
        ):  # we never ask for it, and paho would keep each until it is released
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        if not too_large():
            return handle()
        if not is_message:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

        def pass_over(message: MQTTMessage) -> None:
            on_too_large(message._topic, size)

        client._handle_on_message = pass_over  # type: ignore[method-assign]
        try:
            return handle()
        finally:
            del client._handle_on_message

    client._sock_recv = receive_some  # type: ignore[method-assign]
    client._packet_handle = handle_packet  # type: ignore[method-assign]


class Held(asyncio.Queue[aiomqtt.Message]):
    """Messages that come faster than they are taken: some, whatever they weigh together, and no more than that."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.dropped = 0
        self._bytes = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """The newest is let go of: what it would have said is said again."""
        if self._bytes and self._bytes + _size(item) > HELD_BYTES:
            self.dropped += 1
        else:
            super().put_nowait(item)

    def _put(self, item: aiomqtt.Message) -> None:
        self._bytes += _size(item)
        super()._put(item)

    def _get(self) -> aiomqtt.Message:
        item = super()._get()
        self._bytes -= _size(item)
        return item


def _size(message: aiomqtt.Message) -> int:
    payload = message.payload
    return _EACH_BYTES + len(message.topic.value) + (len(payload) if isinstance(payload, bytes) else 0)
