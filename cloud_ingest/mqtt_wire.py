"""The dozen MQTT packets that a receiver needs, as bytes: no I/O, a whole read of the network at a time.

    byte 0    type << 4 | flags (in PUBLISH: DUP 8, QoS 6, RETAIN 1)
    byte 1..  remaining length, 7 bits a byte, lowest first, at most 4 bytes
    then      variable header, in MQTT 5 with properties, and payload

MQTT 3.1.1 (OASIS, 2014) and 5.0 (2019). Why not a client from the field: `docs/decisions/2026-11-24-mqtt-codec.md`.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

_CONNECT, _PUBLISH, _PUBACK, _SUBSCRIBE = 0x10, 0x30, 0x40, 0x82
_RECEIVE_MAXIMUM = 0x21
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
_REFUSED = 0x80
LONGEST = 1024 * 1024
"""Bytes. One gateway's endless message shall not fill our memory, nor end the connection that all others share."""


class Version(IntEnum):
    """The protocol level that CONNECT carries."""

    V311 = 4
    V5 = 5


class Kind(IntEnum):
    """The packets that a broker sends us."""

    CONNACK = 2
    PUBLISH = 3
    SUBACK = 9
    PINGRESP = 13
    DISCONNECT = 14


class Packet(NamedTuple):
    """One whole packet."""

    kind: int
    flags: int
    content: bytes


class Delivery(NamedTuple):
    """One message that was published to us."""

    topic: bytes
    payload: bytes
    qos: int
    mid: int


class WrongWire(ValueError):
    """What came is not MQTT, or not what a broker may send: the connection is of no use any more."""


def connect(version: Version, client: str, keepalive_s: int, user: str, password: str, window: int) -> bytes:
    """CONNECT with a clean session; `window` is how many messages a broker of MQTT 5 may have on their way to us."""
    flags = 0x02
    payload = _text(client)
    if user:
        flags |= 0xC0 if password else 0x80
        payload += _text(user) + (_text(password) if password else b"")
    properties = b""
    if version is Version.V5:
        limit = bytes([_RECEIVE_MAXIMUM]) + window.to_bytes(2, "big")
        properties = bytes([len(limit)]) + limit
    header = _text("MQTT") + bytes([version, flags]) + keepalive_s.to_bytes(2, "big") + properties
    return _packet(_CONNECT, header + payload)


def subscribe(version: Version, mid: int, topics: Sequence[tuple[str, int]]) -> bytes:
    """SUBSCRIBE to topic filters, each with the QoS wanted."""
    properties = b"\x00" if version is Version.V5 else b""
    wanted = b"".join(_text(topic) + bytes([qos]) for topic, qos in topics)
    return _packet(_SUBSCRIBE, mid.to_bytes(2, "big") + properties + wanted)


def publish(version: Version, topic: str, payload: bytes) -> bytes:
    """PUBLISH with QoS 0."""
    properties = b"\x00" if version is Version.V5 else b""
    return _packet(_PUBLISH, _text(topic) + properties + payload)


def pubacks(mids: Sequence[int]) -> bytes:
    """One PUBACK for each; the same bytes in both versions (5.0, section 3.4.2.1: success is left out)."""
    return b"".join([b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids])


def refusal(version: Version, connack: Packet) -> str:
    """Why the broker refuses us; empty if it does not. Raises WrongWire."""
    if len(connack.content) < 2:
        raise WrongWire("a short CONNACK")
    code = connack.content[1]
    if code == 0:
        return ""
    if code in (1, 0x84):
        return f"it does not know MQTT {'5' if version is Version.V5 else '3.1.1'}"
    if code in (4, 5, 0x86, 0x87):
        return "it does not accept our user and password"
    return f"code {code}"


def granted(version: Version, suback: Packet) -> bool:
    """True if the broker lets us have every subscription asked for. Raises WrongWire."""
    start = 2
    if version is Version.V5:
        length, start = _number(suback.content, 2)
        start += length
    codes = suback.content[start:]
    if not codes:
        raise WrongWire("a short SUBACK")
    return all(code < _REFUSED for code in codes)


def delivery(version: Version, packet: Packet) -> Delivery:
    """What a PUBLISH carries. Raises WrongWire."""
    content = packet.content
    qos = packet.flags >> 1 & 3
    start = 2 + int.from_bytes(content[:2], "big")
    topic = content[2:start]
    mid = 0
    if qos:
        mid = int.from_bytes(content[start : start + 2], "big")
        start += 2
    if version is Version.V5:
        length, start = _number(content, start)
        start += length
    if start > len(content) or qos > 1 or (qos and not mid):
        raise WrongWire("a broken PUBLISH")
    return Delivery(topic, content[start:], qos, mid)


class Splitter:
    """Cuts a stream into packets, however its bytes arrive. Of a packet longer than LONGEST only its start is kept."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0

    def feed(self, received: bytes) -> Iterator[Packet]:
        """The packets that are whole now; iterate to the end. Raises WrongWire."""
        stream = self._rest + received if self._rest else received
        self._rest = b""
        end = len(stream)
        at = min(self._skip, end)
        self._skip -= at
        while at + 2 <= end:
            length = stream[at + 1]
            start = at + 2
            if length > 127:
                length &= 127
                for shift in (7, 14, 21):
                    if start == end:
                        break
                    byte = stream[start]
                    start += 1
                    length |= (byte & 127) << shift
                    if byte < 128:
                        break
                else:
                    raise WrongWire("a length of more than four bytes")
                if stream[start - 1] > 127:
                    break  # the length itself is not whole yet
            kept = length if length <= LONGEST else LONGEST
            if start + kept > end:
                break
            first = stream[at]
            at = min(start + length, end)
            self._skip = start + length - at
            yield Packet(first >> 4, first & 15, stream[start : start + kept])
        self._rest = stream[at:]


def _packet(first: int, content: bytes) -> bytes:
    length = len(content)
    size = bytearray([first])
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    size.append(length)
    return bytes(size) + content


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _number(content: bytes, at: int) -> tuple[int, int]:
    """A variable byte integer and where it ends."""
    number = 0
    for shift in (0, 7, 14, 21):
        if at >= len(content):
            break
        byte = content[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
    raise WrongWire("a broken variable byte integer")
