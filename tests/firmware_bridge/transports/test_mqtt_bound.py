"""A broker that is broken or hostile makes the gateway hold a few megabytes at most, and ends nothing."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from firmware_bridge.transports.mqtt import QUEUED_BYTES, Connection, Listener, Message, MqttLink
from firmware_bridge.transports.mqtt_bound import HELD_BYTES, PACKET_BYTES, Held
from firmware_bridge.transports.mqtt_client import Client, entered
from tests.servers import Mosquitto

SECONDS = 20.0
MIB = 1024 * 1024
CONNACK, SUBACK = bytes([0x20, 2, 0, 0]), bytes([0x90, 3, 0, 1, 0])
Says = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def head(kind: int, length: int) -> bytes:
    """The fixed header of MQTT 3.1.1, section 2.2."""
    found = bytes([kind])
    while True:
        length, low = divmod(length, 128)
        found += bytes([low | (0x80 if length else 0)])
        if not length:
            return found


def begin(topic: bytes, mid: int, qos: int, payload_bytes: int) -> bytes:
    """A PUBLISH as far as its payload."""
    about = len(topic).to_bytes(2) + topic + (mid.to_bytes(2) if qos else b"")
    return head(0x30 | qos << 1, len(about) + payload_bytes) + about


async def large(writer: asyncio.StreamWriter, kind: bytes, size: int) -> None:
    """Some at a time, so that it is not the test that takes the memory."""
    writer.write(kind)
    some = bytes(64 * 1024)
    for start in range(0, size, len(some)):
        writer.write(some[: size - start])
        await writer.drain()


@asynccontextmanager
async def broker(says: Says) -> AsyncIterator[int]:
    """Takes connections; after CONNECT it says what a test wants. Its port."""
    failed: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1000)
            writer.write(CONNACK)
            await says(reader, writer)
            while await reader.read(1000):
                pass
        except ConnectionError:
            pass
        except BaseException as wrong:
            failed.append(wrong)
            raise
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        assert not failed


def client_of(port: int) -> Client:
    return Client("127.0.0.1", port, timeout=SECONDS)


async def next_of(client: aiomqtt.Client) -> tuple[str, bytes]:
    async with asyncio.timeout(SECONDS):
        message = await anext(client.messages)
    return message.topic.value, message.payload


async def test_a_message_of_64_mib_is_passed_over_acknowledged_and_takes_no_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    acks: list[bytes] = []

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await large(writer, begin(b"a/large", 7, 1, 64 * MIB), 64 * MIB)
        acks.append(await reader.readexactly(4))
        await large(writer, begin(b"a/large", 0, 0, MIB), MIB)
        writer.write(begin(b"a", 8, 1, 2) + b"on")

    async with broker(says) as port:
        tracemalloc.start()
        try:
            async with entered(client_of(port)) as client:
                assert await next_of(client) == ("a", b"on")
                assert isinstance(client, Client)
                assert client.passed_over == 2
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert acks == [bytes([0x40, 2, 0, 7])], "else it would come again"
    assert peak < 8 * MIB
    said = [record.getMessage() for record in caplog.records if "too large" in record.getMessage()]
    assert said == [f"a message of {64 * MIB + 11} bytes on b'a/large' is too large: passed over"], "said once"


async def test_what_is_just_small_enough_is_heard_whole_and_what_is_one_byte_more_is_not() -> None:
    fits = PACKET_BYTES - 3

    async def says(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await large(writer, begin(b"a", 0, 0, fits + 1), fits + 1)
        await large(writer, begin(b"a", 0, 0, fits), fits)

    async with broker(says) as port, entered(client_of(port)) as client:
        assert await next_of(client) == ("a", bytes(fits))


async def test_a_packet_that_comes_byte_by_byte_is_read_as_well() -> None:
    async def says(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in begin(b"topic", 3, 1, 4) + b"slow":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with broker(says) as port, entered(client_of(port)) as client:
        assert await next_of(client) == ("topic", b"slow")


@pytest.mark.parametrize(
    "attack",
    [
        head(0x90, 200 * MIB),  # a SUBACK
        head(0x30, 2 * MIB) + b"\xff\xff",  # a topic that is longer than the packet would be without a payload
        begin(b"a", 5, 2, 4) + b"keep",  # QoS 2, which nobody asked for
        begin(b"a", 5, 2, 4 * MIB),
        bytes([0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),  # a length of five bytes
    ],
    ids=["suback", "topic", "qos-2", "large-qos-2", "length"],
)
async def test_what_no_broker_may_send_ends_the_connection_or_is_waited_for_in_little_room(attack: bytes) -> None:
    closed = asyncio.Event()

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await large(writer, attack, 5 * MIB)
            writer.write_eof()
            while await reader.read(1000):
                pass
        finally:
            closed.set()

    async with broker(says) as port:
        async with entered(client_of(port)) as client:
            with pytest.raises(aiomqtt.MqttError):
                await next_of(client)
            assert len(client._client._in_messages) == 0
        async with asyncio.timeout(SECONDS):
            await closed.wait()
        assert len(client._client._in_packet["packet"]) <= PACKET_BYTES


async def test_a_retained_message_that_is_too_large_ends_no_link_however_often_it_comes(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    async with aiomqtt.Client("127.0.0.1", mosquitto.port, timeout=SECONDS) as other:
        await other.publish("a/1", bytes(MIB), qos=1, retain=True)
        async with MqttLink(mosquitto.url) as link, link.listen("a/#") as listener:
            async with asyncio.timeout(SECONDS):
                await link.until(connected=True)
            await other.publish("a/2", b"on", qos=1)
            assert [await heard(listener) for _ in range(2)] == [Connection.UP, Message("a/2", b"on", retain=False)]
            async with link.listen("a/1") as again:
                await other.publish("a/1", b"small", qos=1)
                assert [await heard(again), await heard(again)] == [
                    Connection.UP,
                    Message("a/1", b"small", retain=False),
                ]
    assert [record.levelname for record in caplog.records if "too large" in record.getMessage()] == ["WARNING"]
    assert "trying again" not in caplog.text


async def heard(listener: Listener) -> Message | Connection:
    async with asyncio.timeout(SECONDS):
        return await anext(listener)


def test_a_slow_listener_keeps_few_bytes_and_the_newest_message_whatever_it_weighs() -> None:
    listener = Listener(Connection.UP)
    quarter = QUEUED_BYTES // 4
    for number in range(8):
        listener.put(Message("a", bytes([number]) * quarter, retain=False))
    kept = [one.payload[0] for one in listener._queue if isinstance(one, Message)]
    assert (kept, listener.dropped) == ([5, 6, 7], 5)
    listener.put(Message("a", bytes(2 * QUEUED_BYTES), retain=False))
    assert [len(one.payload) for one in listener._queue if isinstance(one, Message)] == [2 * QUEUED_BYTES]


async def test_a_slow_listener_that_has_taken_all_has_room_again() -> None:
    listener = Listener(Connection.UP)
    for _ in range(3):
        for number in range(3):
            listener.put(Message("a", bytes([number]) * (QUEUED_BYTES // 4), retain=False))
        while listener._queue:
            await anext(listener)
    assert (listener.dropped, listener._bytes) == (0, 0)


async def test_what_waits_to_be_taken_is_bounded_by_what_it_weighs() -> None:
    queue = Held()
    message = aiomqtt.Message("a", bytes(HELD_BYTES // 4), 0, False, 0, None)
    for _ in range(8):
        queue.put_nowait(message)
    assert (queue.qsize(), queue.dropped) == (3, 5)
    for _ in range(3):
        queue.get_nowait()
    queue.put_nowait(aiomqtt.Message("a", bytes(2 * HELD_BYTES), 0, False, 0, None))
    assert queue.qsize() == 1, "one is always taken"
    empty = Held()
    for _ in range(10_000):
        empty.put_nowait(aiomqtt.Message("a", b"", 0, False, 0, None))
    assert empty.qsize() < 5_000, "messages of nothing take room, too"
