"""MQTT's packets, however the network cuts them, and whatever a broken broker sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_ingest import mqtt_wire
from cloud_ingest.mqtt_wire import Delivery, Kind, Packet, Splitter, Version, WrongWire

versions = st.sampled_from(list(Version))


def published(version: Version, topic: bytes, payload: bytes, qos: int, mid: int, properties: bytes = b"") -> bytes:
    """A PUBLISH as the specification writes it (3.1.1 and 5.0, section 3.3), by another way than ours."""
    content = len(topic).to_bytes(2, "big") + topic
    content += mid.to_bytes(2, "big") if qos else b""
    content += bytes([len(properties)]) + properties if version is Version.V5 else b""
    content += payload
    size, length = b"", len(content)
    while True:
        length, digit = divmod(length, 128)
        size += bytes([digit | (128 if length else 0)])
        if not length:
            return bytes([0x30 | qos << 1]) + size + content


messages = st.tuples(st.binary(min_size=1, max_size=40), st.binary(max_size=400), st.integers(1, 65535))


@given(versions, st.lists(messages, max_size=6), st.lists(st.integers(1, 300), max_size=30))
def test_any_cut_gives_the_same_messages(
    version: Version, sent: list[tuple[bytes, bytes, int]], cuts: list[int]
) -> None:
    stream = b"".join(published(version, topic, payload, 1, mid) for topic, payload, mid in sent)
    splitter, found, at = Splitter(), [], 0
    for size in [*cuts, len(stream)]:
        found += [mqtt_wire.delivery(version, packet) for packet in splitter.feed(stream[at : at + size])]
        at += size
    assert found == [Delivery(topic, payload, 1, mid) for topic, payload, mid in sent]


def test_byte_by_byte() -> None:
    stream = published(Version.V311, b"a/b", b"x" * 300, 1, 7) + b"\xd0\x00" + published(Version.V311, b"c", b"", 0, 0)
    splitter, found = Splitter(), []
    for byte in stream:
        found += list(splitter.feed(bytes([byte])))
    assert [packet.kind for packet in found] == [Kind.PUBLISH, Kind.PINGRESP, Kind.PUBLISH]
    assert mqtt_wire.delivery(Version.V311, found[2]) == Delivery(b"c", b"", 0, 0)


def test_properties_of_version_5_are_passed_over() -> None:
    (packet,) = Splitter().feed(published(Version.V5, b"a", b"payload", 1, 9, bytes([0x01, 1])))
    assert mqtt_wire.delivery(Version.V5, packet) == Delivery(b"a", b"payload", 1, 9)


def test_an_endless_message_is_cut_and_the_next_one_is_whole() -> None:
    long = published(Version.V311, b"up", b"x" * (3 * mqtt_wire.LONGEST), 1, 5)
    stream = long + published(Version.V311, b"up", b"next", 1, 6)
    splitter, found = Splitter(), []
    for at in range(0, len(stream), 100_000):
        found += [mqtt_wire.delivery(Version.V311, packet) for packet in splitter.feed(stream[at : at + 100_000])]
    assert [(each.mid, len(each.payload) < mqtt_wire.LONGEST) for each in found] == [(5, True), (6, True)]
    assert found[1].payload == b"next"


@given(st.binary(max_size=200), versions)
def test_no_bytes_do_worse_than_wrong_wire(stream: bytes, version: Version) -> None:
    try:
        for packet in Splitter().feed(stream):
            for read in (mqtt_wire.delivery, mqtt_wire.refusal, mqtt_wire.granted):
                try:
                    read(version, packet)
                except WrongWire:
                    continue
    except WrongWire:
        return


def test_a_length_of_five_bytes_is_no_mqtt() -> None:
    with pytest.raises(WrongWire, match="four bytes"):
        list(Splitter().feed(b"\x30\xff\xff\xff\xff\x01"))


@pytest.mark.parametrize(
    ("version", "wire"),
    [
        # [MQTT-3.1.2]: protocol name, level, flags (clean session), keep alive, client
        (Version.V311, "10 11 0004 4d515454 04 02 001e 0005 6c2d312d32"),
        # with the properties' length and Receive Maximum (0x21) 100
        (Version.V5, "10 15 0004 4d515454 05 02 001e 03 21 0064 0005 6c2d312d32"),
    ],
)
def test_connect_is_as_specified(version: Version, wire: str) -> None:
    assert mqtt_wire.connect(version, "l-1-2", 30, "", "", 100) == bytes.fromhex(wire)


def test_user_and_password_follow_the_client() -> None:
    made = mqtt_wire.connect(Version.V311, "c", 30, "u", "pw", 100)
    assert (made[9], made[-7:]) == (0xC2, b"\0\x01u\0\x02pw")
    assert mqtt_wire.connect(Version.V311, "c", 30, "u", "", 100)[9] == 0x82


def test_subscribe_publish_and_puback_are_as_specified() -> None:
    assert mqtt_wire.subscribe(Version.V311, 1, [("a/+", 1)]) == bytes.fromhex("82 08 0001 0003 612f2b 01")
    assert mqtt_wire.subscribe(Version.V5, 1, [("a/+", 0)]) == bytes.fromhex("82 09 0001 00 0003 612f2b 00")
    assert mqtt_wire.publish(Version.V311, "a", b"x") == bytes.fromhex("30 04 0001 61 78")
    assert mqtt_wire.publish(Version.V5, "a", b"x") == bytes.fromhex("30 05 0001 61 00 78")
    assert mqtt_wire.pubacks([1, 258]) == bytes.fromhex("4002 0001 4002 0102")


@pytest.mark.parametrize(
    ("version", "content", "says"),
    [
        (Version.V311, b"\0\0", ""),
        (Version.V311, b"\0\x05", "password"),
        (Version.V311, b"\0\x01", "does not know MQTT 3.1.1"),
        (Version.V5, b"\0\x84\0", "does not know MQTT 5"),
        (Version.V5, b"\0\x97\0", "code 151"),
    ],
)
def test_a_refusal_says_why(version: Version, content: bytes, says: str) -> None:
    said = mqtt_wire.refusal(version, Packet(Kind.CONNACK, 0, content))
    assert says in said
    assert bool(said) is bool(says)


def test_one_subscription_that_is_refused_is_enough() -> None:
    assert mqtt_wire.granted(Version.V311, Packet(Kind.SUBACK, 0, b"\0\x01\x01\x00"))
    assert not mqtt_wire.granted(Version.V311, Packet(Kind.SUBACK, 0, b"\0\x01\x01\x80"))
    assert not mqtt_wire.granted(Version.V5, Packet(Kind.SUBACK, 0, b"\0\x01\x00\x87"))
    with pytest.raises(WrongWire):
        mqtt_wire.granted(Version.V311, Packet(Kind.SUBACK, 0, b"\0\x01"))
