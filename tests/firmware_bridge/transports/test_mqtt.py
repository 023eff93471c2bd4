"""The link to the room's broker: heard, said, lost and back, on a real Mosquitto."""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import DeviceError, Refused, Timeout, Unreachable
from firmware_bridge.transports.mqtt import Broker, Connection, Listener, Message, MqttLink, WrongBroker
from firmware_bridge.transports.mqtt_client import Client, entered
from tests.servers import Mosquitto, free_port

SECONDS = 8.0


@contextlib.asynccontextmanager
async def linked(mosquitto: Mosquitto) -> AsyncIterator[MqttLink]:
    async with MqttLink(mosquitto.url) as link:
        await until(link, connected=True)
        yield link


@contextlib.asynccontextmanager
async def other(mosquitto: Mosquitto) -> AsyncIterator[aiomqtt.Client]:
    """Anybody else on the same broker."""
    async with aiomqtt.Client("127.0.0.1", mosquitto.port, timeout=SECONDS) as client:
        yield client


async def until(link: MqttLink, connected: bool) -> None:
    async with asyncio.timeout(SECONDS):
        await link.until(connected)


async def heard(listener: Listener) -> Message | Connection:
    async with asyncio.timeout(SECONDS):
        return await anext(listener)


async def message(listener: Listener) -> tuple[str, bytes]:
    """The next message, whatever is said of the link before it."""
    while True:
        one = await heard(listener)
        if isinstance(one, Message):
            return one.topic, one.payload


async def test_what_one_publishes_another_hears(mosquitto: Mosquitto) -> None:
    async with linked(mosquitto) as link, link.listen("a/b") as first, link.listen("a/b", "c") as second:
        await link.publish("a/b", b"1")
        assert await heard(first) is Connection.UP
        assert await heard(first) == Message("a/b", b"1", retain=False)
        assert await message(second) == ("a/b", b"1")
        await link.publish("c", "2", qos=0)
        assert await message(second) == ("c", b"2")


async def test_a_listener_gets_nothing_that_it_did_not_ask_for(mosquitto: Mosquitto) -> None:
    async with linked(mosquitto) as link, link.listen("a/+/state") as wild, link.listen("a/1/state") as exact:
        for topic in ("a/2/state", "a/1/else", "b", "a/1/state"):
            await link.publish(topic, topic.encode())
        assert await message(exact) == ("a/1/state", b"a/1/state")
        assert await message(wild) == ("a/2/state", b"a/2/state")
        assert await message(wild) == ("a/1/state", b"a/1/state")


async def test_what_was_kept_comes_marked_as_kept(mosquitto: Mosquitto) -> None:
    async with linked(mosquitto) as link:
        await link.publish("tele/lights/LWT", b"Online", retain=True)
        async with link.listen("tele/lights/LWT") as listener:
            assert await heard(listener) is Connection.UP
            assert await heard(listener) == Message("tele/lights/LWT", b"Online", retain=True)


async def test_who_stopped_listening_costs_the_broker_nothing_more(mosquitto: Mosquitto) -> None:
    async with linked(mosquitto) as link:
        async with link.listen("a", "b/#"), link.listen("a"):
            pass
        async with link.listen("end") as listener:
            await link.publish("a", b"")
            await link.publish("b/c", b"")
            await link.publish("end", b"")
            assert await message(listener) == ("end", b"")
        assert link._filters() == set()


async def test_the_link_is_there_before_the_broker_is(mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lophoc.broker")
    mosquitto.stop()
    async with MqttLink(mosquitto.url) as link, link.listen("a") as listener:
        assert await heard(listener) is Connection.LOST
        with pytest.raises(Unreachable):
            await link.publish("a", b"1")
        mosquitto.start()
        assert await heard(listener) is Connection.UP
        await link.publish("a", b"2")
        assert await message(listener) == ("a", b"2")


async def test_it_listens_again_after_the_broker_was_restarted_and_says_so_once(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lophoc.broker")
    async with linked(mosquitto) as link, link.listen("a", "w/#") as listener:
        assert await heard(listener) is Connection.UP
        mosquitto.kill()
        assert await heard(listener) is Connection.LOST
        assert not link.connected
        mosquitto.start()
        assert await heard(listener) is Connection.UP
        async with other(mosquitto) as client:
            await client.publish("a", b"1", qos=1)
            await client.publish("w/x", b"2", qos=1)
        assert [await message(listener), await message(listener)] == [("a", b"1"), ("w/x", b"2")]
    said = [(record.levelname, record.getMessage().split()[0:2]) for record in caplog.records]
    assert said == [("WARNING", ["no", "broker"]), ("INFO", ["the", "broker"])]


async def test_a_slow_listener_loses_the_oldest_and_knows_how_many(mosquitto: Mosquitto) -> None:
    async with (
        linked(mosquitto) as link,
        link.listen("n", queued=4) as slow,
        link.listen("n", "end") as quick,
    ):
        for number in range(20):
            await link.publish("n", str(number))
        await link.publish("end", b"")
        while (await message(quick))[0] != "end":
            pass
        assert (slow.dropped, quick.dropped) == (17, 0)
        assert await heard(slow) is Connection.UP
        assert [await message(slow) for _ in range(3)] == [("n", b"17"), ("n", b"18"), ("n", b"19")]


class Mute:
    """A broker that takes connections and says what it is told to, once each, and nothing more."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers
        self.connections = 0
        self.tried_again = asyncio.Event()
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Mute":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.connections > 1:
            self.tried_again.set()
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError):
            for answer in self.answers:
                await reader.read(1000)
                writer.write(answer)
            while await reader.read(1000):
                pass


CONNACK = bytes([0x20, 2, 0, 0])


async def test_a_message_that_nobody_takes_is_an_error_in_time_and_ends_that_connection() -> None:
    async with Mute(CONNACK) as mute, MqttLink(mute.url, answer_s=1.0) as link:
        await until(link, connected=True)
        with pytest.raises(Timeout, match=r"did not take a message in 1 s"):
            await link.publish("a", b"1")
        await until(link, connected=False)
        await until(link, connected=True)
        assert mute.connections == 4


async def test_a_broker_that_freezes_is_noticed_although_nobody_commands_anything(mosquitto: Mosquitto) -> None:
    async with MqttLink(mosquitto.url, keepalive_s=1) as link, link.listen("a") as listener:
        async with asyncio.timeout(20):
            await link.until(connected=True)
            assert await anext(listener) is Connection.UP
            with mosquitto.frozen():
                assert await anext(listener) is Connection.LOST
            assert await anext(listener) is Connection.UP


async def test_who_waits_for_a_broker_that_goes_away_is_told_at_once() -> None:
    async with Mute(CONNACK) as mute, MqttLink(mute.url, answer_s=60) as link:
        await until(link, connected=True)
        telling = asyncio.create_task(link.publish("a", b"1"))
        await asyncio.sleep(0)
        for writer in mute._writers:
            writer.close()
        with pytest.raises(Unreachable):
            async with asyncio.timeout(SECONDS):
                await telling


@pytest.mark.parametrize("answer", [bytes([0x20, 2, 0, 5]), b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_a_broker_that_refuses_us_or_is_none_is_tried_again(answer: bytes) -> None:
    async with Mute(answer) as mute, MqttLink(mute.url, answer_s=1.0) as link, link.listen("a") as listener:
        assert await heard(listener) is Connection.LOST
        async with asyncio.timeout(SECONDS):
            await mute.tried_again.wait()
        assert not link.connected


async def test_a_topic_that_the_broker_forbids_is_refused_by_name(mosquitto: Mosquitto) -> None:
    suback = bytes([0x90, 4, 0, 1, 1, 0x80])
    async with Mute(CONNACK, suback) as mute, MqttLink(mute.url, answer_s=1.0) as link:
        await until(link, connected=True)
        with pytest.raises(Refused, match="let us listen to secret/#"):
            async with link.listen("open", "secret/#"):
                pass


@pytest.mark.parametrize(
    ("url", "is_"),
    [
        ("mqtt://127.0.0.1", ("127.0.0.1", 1883, False, None, None)),
        ("mqtts://gateway@broker.school:9000", ("broker.school", 9000, True, "gateway", "hush")),
        ("mqtts://[::1]", ("::1", 8883, True, None, None)),
    ],
)
def test_a_broker_is_read_from_its_url(url: str, is_: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPHOC_BROKER_PASSWORD", "hush")
    broker = Broker.of(url)
    assert (broker.host, broker.port, broker.tls, broker.user, broker.password) == is_
    assert "hush" not in repr(broker)


async def test_a_connection_that_closes_before_the_broker_has_answered_is_given_up_at_once() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server, asyncio.timeout(SECONDS):
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(aiomqtt.MqttError, match="closed before the broker answered"):
            async with entered(Client("127.0.0.1", port, timeout=math.inf)):
                raise AssertionError("nobody answered")


async def test_what_is_said_as_the_connection_ends_leaves_nothing_behind_in_the_loop(mosquitto: Mosquitto) -> None:
    loop = asyncio.get_running_loop()
    wrong: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: wrong.append(context))
    async with entered(Client("127.0.0.1", mosquitto.port, timeout=SECONDS)) as client:
        client._client.publish("a", b"1")
        client._client._sock_close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert wrong == []


@pytest.mark.parametrize(
    "url", ["127.0.0.1:1883", "http://x", "mqtt://", "mqtt://a:99999", "mqtt://u:p@x", "mqtt://x/y"]
)
def test_a_url_that_can_never_work_is_said_to_be_wrong(url: str) -> None:
    with pytest.raises(WrongBroker) as wrong:
        MqttLink(url)
    assert ":p@" not in str(wrong.value)


@given(st.lists(st.one_of(st.sampled_from(Connection), st.integers(0, 99)), max_size=60), st.integers(1, 8))
def test_however_slow_a_listener_is_it_keeps_few_and_knows_how_the_link_is(
    said: list[Connection | int], queued: int
) -> None:
    listener = Listener(Connection.LOST, queued)
    for one in said:
        listener.put(one if isinstance(one, Connection) else Message("n", str(one).encode(), retain=False))
    kept = list(listener._queue)
    messages = [one for one in kept if isinstance(one, Message)]
    numbers = [str(one).encode() for one in said if not isinstance(one, Connection)]
    assert len(messages) <= queued
    assert len(kept) <= 2 * queued + 1
    assert [one.payload for one in messages] == numbers[len(numbers) - len(messages) :]
    assert listener.dropped == len(numbers) - len(messages)
    assert [one for one in kept if isinstance(one, Connection)][-1:] == [
        ([Connection.LOST] + [one for one in said if isinstance(one, Connection)])[-1]
    ]


def test_every_error_of_the_link_is_one_that_a_driver_may_raise() -> None:
    assert all(issubclass(one, DeviceError) for one in (Refused, Timeout, Unreachable))
