"""What a broker lets a gateway do: no more than its own, and whatever it is denied besides, telemetry goes on."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from classroom_profiles.topics import Address
from edge_agent.uplink import Uplink
from tests.edge_agent.centre_peer import centre
from tests.edge_agent.gateway_child import ADDRESS
from tests.edge_agent.journal_peer import opened, some
from tests.edge_agent.test_journal import until
from tests.servers import Mosquitto

_EVERYBODY = f"lophoc/1/{ADDRESS.school}/all/cmd"
_USERS = (f"{ADDRESS.school}/{ADDRESS.gateway}", "centre", "catalogue")


def acl_of_the_docs() -> str:
    page = (Path(__file__).parents[2] / "docs/security.md").read_text()
    return page.partition("## The centre's broker")[2].split("```")[1]


class Guarded(Mosquitto):
    """Set up as docs/security.md says. Everybody's password is "x"."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        passwords, acl = directory / "passwords", directory / "acl"
        passwords.touch()
        for user in _USERS:
            subprocess.run(["mosquitto_passwd", "-b", passwords, user, "x"], check=True)
        acl.write_text(acl_of_the_docs())
        config = directory / f"mosquitto-{self.port}.conf"
        barred = f"allow_anonymous false\npassword_file {passwords}\nacl_file {acl}\nuser root"
        config.write_text(config.read_text().replace("allow_anonymous true", barred))

    def client(self, user: str) -> aiomqtt.Client:
        return aiomqtt.Client("127.0.0.1", self.port, username=user, password="x")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    with Guarded(tmp_path) as broker:
        yield broker


@asynccontextmanager
async def uplink(url: str, path: Path, heard: list[bytes]) -> AsyncIterator[Uplink]:
    """With five points to send."""
    async with opened(path / "journal.sqlite") as journal:
        journal.write(some(5))
        running = Uplink(url, ADDRESS, journal, lambda: None, published=heard.append)
        task = asyncio.create_task(running.run(), name="uplink")
        try:
            yield running
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_the_acl_of_the_docs_lets_a_gateway_hear_its_school_and_write_only_as_itself(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPHOC_UPLINK_PASSWORD", "x")
    heard: list[bytes] = []
    largest = bytes(256 * 1024)
    async with guarded.client("catalogue") as catalogue, guarded.client("centre") as ingest:
        await catalogue.publish(_EVERYBODY, largest, qos=1, retain=True)
        await ingest.subscribe("lophoc/1/+/+/up", qos=1)
        async with guarded.client(_USERS[0]) as gateway:
            await gateway.publish(Address("other", "gw-1").topic("up"), b"in another's name", qos=1)
            await gateway.publish(_EVERYBODY, b"in the centre's name", qos=1, retain=True)
        url = guarded.url.replace("//", f"//{_USERS[0].replace('/', '%2F')}@")
        async with uplink(url, tmp_path, heard) as running, asyncio.timeout(10):
            first = await anext(aiter(ingest.messages))
            assert first.topic.value == ADDRESS.topic("up")
            await until(lambda: bool(heard))
            assert running.connected
    assert heard == [largest]


@asynccontextmanager
async def touchy(broker_port: int, word: bytes) -> AsyncIterator[tuple[int, list[int]]]:
    """The port of a broker that ends the connection of whoever says that word, and how often it did so.

    RabbitMQ does so with who subscribes to what it may not read.
    """
    ended: list[int] = []
    serving: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65_536):
            if word in piece:
                ended.append(len(ended))
                return
            writer.write(piece)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        onward_reader, onward = await asyncio.open_connection("127.0.0.1", broker_port)
        pumps = {asyncio.create_task(pump(reader, onward)), asyncio.create_task(pump(onward_reader, writer))}
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in pumps:
                each.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            onward.close()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], ended
    finally:
        server.close()
        await asyncio.gather(*serving, return_exceptions=True)


async def test_a_broker_that_ends_the_connection_of_who_asks_for_what_is_published_costs_no_point(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[bytes] = []
    async with (
        touchy(mosquitto.port, b"all/cmd") as (port, ended),
        centre(mosquitto.url) as peer,
        uplink(f"mqtt://127.0.0.1:{port}", tmp_path, heard) as running,
    ):
        await peer.until(lambda: len(peer.came) > 0 and bool(ended))
        await until(lambda: "does not let us hear what is published" in caplog.text)
        assert running.connected
        await until(lambda: peer.values == [0.0, 1.0, 2.0, 3.0, 4.0])
    assert len(ended) == 1
    assert heard == []
