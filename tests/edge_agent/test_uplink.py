"""Nothing leaves the journal but on the centre's own word, whatever broker, centre and network do meanwhile."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from itertools import pairwise
from pathlib import Path

import pytest

from classroom_profiles.telemetry import Ack, decode, digest, encode_ack
from classroom_profiles.topics import Address
from edge_agent.journal import Journal
from edge_agent.uplink import PASSWORD, Uplink
from edge_agent.uplink_window import LEAST
from firmware_bridge.transports.mqtt import WrongBroker
from tests.cloud_ingest.ingest_process import ingest
from tests.edge_agent.centre_peer import Knowing, all_is_well, centre, silence
from tests.edge_agent.gateway_child import ADDRESS
from tests.edge_agent.journal_peer import BOOT, opened, some
from tests.edge_agent.test_journal import until
from tests.edge_agent.test_journal_disk import child, durable
from tests.servers import Mosquitto


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with opened(tmp_path / "journal.sqlite") as found:
        yield found


class Changes:
    """What the agent is told."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._event.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._event.clear()
                await self._event.wait()


@asynccontextmanager
async def running(
    url: str, journal: Journal, answer_s: float = 20.0, address: Address = ADDRESS, parcels_per_s: float = 20.0
) -> AsyncIterator[tuple[Uplink, Changes]]:
    changes = Changes()
    uplink = Uplink(url, address, journal, changes, answer_s=answer_s, backlog_parcels_per_s=parcels_per_s)
    task = asyncio.create_task(uplink.run(), name="uplink")
    try:
        yield uplink, changes
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


async def test_what_is_written_arrives_and_is_forgotten_on_the_ack(mosquitto: Mosquitto, journal: Journal) -> None:
    async with centre(mosquitto.url) as peer, running(mosquitto.url, journal) as (uplink, changes):
        journal.write(some(2500))
        await changes.until(lambda: journal.stored == 2500)
        assert journal.backlog == 0
        assert peer.values == [float(number) for number in range(2500)]
        assert uplink.connected


async def test_what_was_written_before_the_centre_could_be_reached_arrives_oldest_first(
    mosquitto: Mosquitto, journal: Journal
) -> None:
    mosquitto.stop()
    async with running(mosquitto.url, journal) as (uplink, changes):
        for number in range(20):
            journal.write(some(1000, first=number * 1000))
            await journal.flush()
        assert not uplink.connected
        mosquitto.start()
        async with centre(mosquitto.url) as peer:
            await changes.until(lambda: journal.stored == 20_000)
            assert peer.values == [float(number) for number in range(20_000)]


async def test_without_an_ack_nothing_is_forgotten_and_the_same_bytes_are_sent_again(
    mosquitto: Mosquitto, journal: Journal
) -> None:
    async with centre(mosquitto.url, silence) as peer, running(mosquitto.url, journal, 0.1) as (uplink, changes):
        journal.write(some(10))
        await peer.until(lambda: len(peer.came) >= 3)
        assert len(set(peer.came)) == 1
        assert (journal.backlog, journal.stored) == (10, 0)
        assert not uplink.connected  # to the broker, but not to the centre
        peer.answer = all_is_well
        await changes.until(lambda: uplink.connected)
        assert (journal.backlog, journal.stored) == (0, 10)


async def test_only_the_batch_whose_answer_is_late_is_sent_again(mosquitto: Mosquitto, journal: Journal) -> None:
    """The others are on their way: that the centre answers again is no reason to send those twice."""
    silent: list[bytes] = []

    def not_the_first(payload: bytes) -> Ack | None:
        if not silent:
            silent.append(payload)
            return None
        return all_is_well(payload)

    async with centre(mosquitto.url, not_the_first) as peer, running(mosquitto.url, journal, 3.0) as (_, changes):
        for number in range(3 * LEAST):
            journal.write(some(1000, first=number * 1000))
        await changes.until(lambda: journal.stored == 3 * LEAST * 1000)
        again = [payload for payload in set(peer.came) if peer.came.count(payload) > 1]
        assert again == silent


async def test_an_answer_that_is_far_too_large_is_none(
    mosquitto: Mosquitto, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    def large(payload: bytes) -> Ack | None:
        return Ack(digest(payload), 10, {f"made-up-{number}": 0 for number in range(10_000)})

    async with centre(mosquitto.url, large) as peer, running(mosquitto.url, journal, 0.2) as (_, changes):
        journal.write(some(10))
        await peer.until(lambda: len(peer.came) >= 2)
        assert (journal.backlog, journal.refused) == (10, {})
        peer.answer = all_is_well
        await changes.until(lambda: journal.backlog == 0)
    assert "too large to be one" in caplog.text


async def test_while_a_centre_is_silent_no_more_than_its_windows_are_on_their_way(
    mosquitto: Mosquitto, journal: Journal
) -> None:
    for number in range(5 * LEAST):
        journal.write(some(1000, first=number * 1000))
        await journal.flush()
    async with centre(mosquitto.url, silence) as peer, running(mosquitto.url, journal, 0.1) as (_, changes):
        for number in range(5 * LEAST, 10 * LEAST):
            journal.write(some(1000, first=number * 1000))
            await journal.flush()
        await peer.until(lambda: len(peer.came) >= 8 * LEAST)
        assert len(set(peer.came)) <= 3 * LEAST
        peer.answer = all_is_well
        await changes.until(lambda: journal.backlog == 0)


async def test_the_longer_answers_take_by_design_the_more_is_on_its_way_and_live_points_do_not_wait(
    mosquitto: Mosquitto, journal: Journal
) -> None:
    """As at VictoriaMetrics, whose acks are held back: all take long, and none is missing."""
    journal.attend(True)  # rows of a thousand points
    for number in range(100):
        journal.write(some(1000, first=number * 1000))
        await journal.flush()
    loop, knowing, most = asyncio.get_running_loop(), Knowing(), 0
    held: list[bytes] = []
    said: list[asyncio.Task[None]] = []
    async with centre(mosquitto.url) as peer:

        def answer() -> None:
            said.append(loop.create_task(peer.say(ADDRESS, held.pop(0))))

        def hold(payload: bytes) -> None:
            nonlocal most
            ack = knowing(payload)
            assert ack is not None
            held.append(encode_ack(ack))
            most = max(most, len(held))
            loop.call_later(0.3, answer)

        peer.answer = hold
        async with running(mosquitto.url, journal, parcels_per_s=100.0) as (_, changes):
            await peer.until(lambda: len(peer.came) >= 20)
            journal.write(some(7, first=100_000))
            await changes.until(lambda: journal.backlog == 0)
        await asyncio.gather(*said)
        assert len(peer.came) == len(set(peer.came)) == 101
        assert peer.values.index(100_000.0) < 100_000
    assert LEAST < most <= 40 + 2 * LEAST


async def test_answers_that_are_none_are_ignored(
    mosquitto: Mosquitto, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    async with centre(mosquitto.url, silence) as peer, running(mosquitto.url, journal, 0.1) as (_, changes):
        journal.write(some(10))
        await peer.until(lambda: len(peer.came) == 1)
        name = digest(peer.came[0])
        for answer in (
            b"",
            b"\xff\x00",
            b'{"batch": 7}',
            b'{"batch": "%s", "stored": -1}' % name.encode(),
            b'{"batch": "%s", "stored": 9}' % name.encode(),  # one point is not accounted for
            b'{"batch": "%s", "stored": 10, "refused": {"tag": 1}}' % name.encode(),
            b'{"batch": "0123456789abcdef", "stored": 10}',  # of no batch that we know
            b'{"batch": "", "stored": 10}',
        ):
            await peer.say(ADDRESS, answer)
        await peer.until(lambda: len(peer.came) >= 3)
        assert (journal.backlog, journal.stored) == (10, 0)
        await peer.say(ADDRESS, b'{"batch": "%s", "stored": 8, "refused": {"store": 2}}' % name.encode())
        await changes.until(lambda: journal.backlog == 0)
        await peer.say(ADDRESS, b'{"batch": "%s", "stored": 10}' % name.encode())  # once more, and late
        journal.write(some(5, first=10))
        peer.answer = all_is_well
        await changes.until(lambda: journal.backlog == 0)
        assert (journal.stored, journal.refused) == (13, {"store": 2})
    warnings = [record.getMessage() for record in caplog.records if "answer from the centre" in record.getMessage()]
    assert len(warnings) == 2  # one of each kind, however many come


async def test_an_answer_that_names_no_batch_settles_none(mosquitto: Mosquitto, journal: Journal) -> None:
    """Also where the layout is known, so that no batch has a second name."""
    async with centre(mosquitto.url) as peer, running(mosquitto.url, journal, 0.3) as (_, changes):
        journal.write(some(10))
        await changes.until(lambda: journal.stored == 10)
        peer.answer = silence
        for first in (10, 20):
            journal.write(some(10, first=first))
            await peer.until(lambda: len(set(peer.came)) > first // 10)  # noqa: B023 - waited for at once
        await peer.say(ADDRESS, b'{"batch": "", "stored": 10}')
        before = len(peer.came)
        await peer.until(lambda: len(peer.came) >= before + 4)
        assert (journal.backlog, journal.stored) == (20, 10)


async def test_the_layout_travels_once_and_again_for_a_centre_that_forgot_it(
    mosquitto: Mosquitto, journal: Journal
) -> None:
    knowing = Knowing()
    async with centre(mosquitto.url, knowing) as peer, running(mosquitto.url, journal):
        for number in range(4):
            journal.write(some(10, first=number * 10))
            await until(lambda: journal.backlog == 0)
        assert [bool(payload[1] & 8) for payload in peer.came] == [True, False, False, False]
        assert len(peer.came[1]) < len(peer.came[0]) / 1.5
        knowing.known.clear()  # it was restarted
        journal.write(some(10, first=40))
        await until(lambda: journal.backlog == 0)
        assert knowing.asked == 1
        assert [bool(payload[1] & 8) for payload in peer.came[4:]] == [False, True]
        assert peer.values == [float(number) for number in range(50)]
        assert journal.stored == 50


async def test_workers_that_take_turns_are_taught_one_after_the_other(mosquitto: Mosquitto, journal: Journal) -> None:
    workers = [Knowing(), Knowing(), Knowing()]

    def in_turn(payload: bytes) -> Ack | None:
        workers.append(workers.pop(0))
        return workers[-1](payload)

    async with centre(mosquitto.url, in_turn) as peer, running(mosquitto.url, journal):
        for number in range(30):
            journal.write(some(1, first=number))
            await peer.until(lambda: len(peer.values) > number)  # noqa: B023 - waited for at once
        assert peer.values == [float(number) for number in range(30)]
        assert sum(worker.asked for worker in workers) < 10
        assert not any(payload[1] & 8 for payload in peer.came[-10:])


async def test_a_centre_that_asks_for_a_layout_which_it_was_just_given_does_not_make_a_storm(
    mosquitto: Mosquitto, journal: Journal
) -> None:
    def broken(payload: bytes) -> Ack | None:
        return Ack(digest(payload), 0, need_layout=True)

    async with centre(mosquitto.url, broken) as peer, running(mosquitto.url, journal, 0.2) as (_, changes):
        journal.write(some(10))
        await peer.until(lambda: len(peer.came) >= 4)
        assert journal.backlog == 10
        peer.answer = all_is_well
        await changes.until(lambda: journal.backlog == 0)
        assert len(peer.came) < 8


async def test_a_centre_that_is_busy_gets_the_same_batch_after_the_time_it_asked_for(
    mosquitto: Mosquitto, journal: Journal
) -> None:
    loop = asyncio.get_running_loop()
    came: list[float] = []

    def busy_twice(payload: bytes) -> Ack | None:
        came.append(loop.time())
        return Ack(digest(payload), 0, busy=True, slow_s=0.3) if len(came) < 3 else all_is_well(payload)

    async with centre(mosquitto.url, busy_twice) as peer, running(mosquitto.url, journal) as (uplink, changes):
        journal.write(some(10))
        await changes.until(lambda: journal.stored == 10)
        assert len(set(peer.came)) == 1
        assert all(later - earlier >= 0.29 for earlier, later in pairwise(came))
        assert uplink.connected


async def test_slow_down_holds_for_everything(mosquitto: Mosquitto, journal: Journal) -> None:
    loop = asyncio.get_running_loop()
    came: list[float] = []

    def slow_first(payload: bytes) -> Ack | None:
        came.append(loop.time())
        good = all_is_well(payload)
        assert good is not None
        return Ack(good.batch, good.stored, slow_s=0.5) if len(came) == 1 else good

    async with centre(mosquitto.url, slow_first), running(mosquitto.url, journal) as (_, changes):
        journal.write(some(10))
        await changes.until(lambda: journal.stored == 10)
        journal.write(some(10, first=10))
        await changes.until(lambda: journal.stored == 20)
        assert came[1] - came[0] >= 0.49


async def test_the_status_says_what_waits_and_how_the_clock_is(mosquitto: Mosquitto, journal: Journal) -> None:
    journal.write(some(1500))
    await journal.flush()
    async with centre(mosquitto.url, silence) as peer, running(mosquitto.url, journal):
        await peer.until(lambda: peer.statuses == ["online"])
        assert set(peer.status) == {
            "state", "version", "wire", "boot", "clock", "backlog_points", "backlog_age_s", "dropped_points",
            "journal_writable",
        }  # fmt: skip
        assert (peer.status["wire"], peer.status["boot"], peer.status["clock"]) == (2, BOOT, "trusted")
        assert (peer.status["backlog_points"], peer.status["dropped_points"]) == (1500, 0)
        assert peer.status["journal_writable"] is True


async def test_the_status_counts_what_the_disk_has_changed_as_lost(mosquitto: Mosquitto, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    async with opened(path) as journal:
        journal.write(some(700))
        await journal.flush()
        journal.write(some(10, first=700))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE entry SET payload = zeroblob(length(payload)) WHERE id = 1")
        connection.commit()
    async with opened(path) as journal:
        assert [parcel.points for parcel in await journal.parcels(0, 10)] == [10]
        async with centre(mosquitto.url, silence) as peer, running(mosquitto.url, journal):
            await peer.until(lambda: peer.statuses == ["online"])
            assert (peer.status["backlog_points"], peer.status["dropped_points"]) == (10, 700)


async def test_what_the_centre_cannot_read_is_set_aside_and_the_next_goes_on(
    mosquitto: Mosquitto, journal: Journal
) -> None:
    def not_the_first(payload: bytes) -> Ack | None:
        first = decode(payload).first_seq == 0
        return Ack(digest(payload), 0, unreadable="version 1") if first else all_is_well(payload)

    async with centre(mosquitto.url, not_the_first) as peer, running(mosquitto.url, journal) as (_, changes):
        for number in range(3):
            journal.write(some(1000, first=number * 1000))
            await journal.flush()
        await changes.until(lambda: journal.backlog == 0)
        assert (journal.stored, journal.set_aside, journal.lost) == (2000, 1, 1000)
        assert len(peer.came) == 3


async def test_a_broker_that_restarts_costs_nothing(mosquitto: Mosquitto, journal: Journal) -> None:
    async with running(mosquitto.url, journal) as (uplink, changes):
        async with centre(mosquitto.url, silence) as before:
            journal.write(some(3000))
            await before.until(lambda: len(before.came) >= 3)
            mosquitto.kill()
            await changes.until(lambda: not uplink.connected)
        mosquitto.start()
        async with centre(mosquitto.url) as after:
            await changes.until(lambda: journal.stored == 3000)
            assert after.values == before.values  # the same bytes, oldest first
            assert journal.backlog == 0


async def test_the_broker_keeps_whether_a_gateway_is_there(mosquitto: Mosquitto, journal: Journal) -> None:
    async with running(mosquitto.url, journal) as (uplink, changes):
        await changes.until(lambda: uplink.connected)
        async with centre(mosquitto.url) as peer:
            await peer.until(lambda: peer.statuses == ["online"])
    async with centre(mosquitto.url) as peer:
        await peer.until(lambda: peer.statuses == ["off"])


async def test_a_gateway_that_is_killed_is_said_to_be_offline(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with centre(mosquitto.url) as peer:
        with child("gateway_child", str(tmp_path / "journal.sqlite"), "0", mosquitto.url) as process:
            await peer.until(lambda: peer.statuses == ["online"])
            process.kill()
            await peer.until(lambda: peer.statuses == ["online", "offline"])


async def test_the_agent_hears_of_changes_but_not_of_each_point(mosquitto: Mosquitto, journal: Journal) -> None:
    async with centre(mosquitto.url), running(mosquitto.url, journal) as (_, changes):
        for number in range(50):
            journal.write(some(100, first=number * 100))
            await journal.flush()
        await changes.until(lambda: journal.stored == 5000)
        assert changes.count < 15


class Broker:
    """One that speaks as the test says, on a socket of its own."""

    def __init__(self, *replies: bytes) -> None:
        self.came: list[bytes] = []
        """What each reply was to."""
        self._replies = replies
        self._more = asyncio.Event()

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for reply in self._replies:
                self.came.append(await reader.read(4096))
                self._more.set()
                writer.write(reply)
            await reader.read()
        finally:
            writer.close()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.came) < count:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def a_broker_that_says(*replies: bytes) -> AsyncIterator[tuple[str, Broker]]:
    broker = Broker(*replies)
    async with await asyncio.start_server(broker.greet, "127.0.0.1", 0) as server:
        yield f"mqtt://gw-1@127.0.0.1:{server.sockets[0].getsockname()[1]}", broker


NOT_AUTHORISED = b"\x20\x02\x00\x05"
ACCEPTED = b"\x20\x02\x00\x00"
NO_SUBSCRIPTION = b"\x90\x03\x00\x01\x80"


async def test_a_gateway_without_a_broker_says_so_once(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    async with a_broker_that_says(NOT_AUTHORISED) as (url, broker), running(url, journal) as (uplink, _):
        await broker.until(4)
        assert not uplink.connected
    assert len([record for record in caplog.records if "no uplink" in record.getMessage()]) == 1


async def test_the_password_comes_from_the_environment_and_is_never_logged(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(PASSWORD, "hoa-phuong-1975")
    async with a_broker_that_says(NOT_AUTHORISED) as (url, broker), running(url, journal):
        await broker.until(2)
    assert b"\x00\x04gw-1\x00\x0fhoa-phuong-1975" in broker.came[0]
    assert "no uplink" in caplog.text
    assert "hoa-phuong" not in caplog.text


async def test_every_broker_takes_the_gateways_name(journal: Journal) -> None:
    """MQTT 3.1.1, section 3.1.3.1: brokers must take 23 letters and digits, and no more."""
    long = Address("truong-trung-hoc-co-so-" + "x" * 20, "gateway-" + "y" * 20)
    async with a_broker_that_says(NOT_AUTHORISED) as (url, broker), running(url, journal, address=long):
        await broker.until(1)
    connect = broker.came[0]
    after_header = connect[connect.index(b"\x00\x04MQTT") + 10 :]
    assert int.from_bytes(after_header[:2], "big") == 23


async def test_a_broker_that_says_nothing_does_not_keep_the_agent_from_stopping(journal: Journal) -> None:
    async with a_broker_that_says(b"") as (url, broker), asyncio.timeout(20), running(url, journal):
        await broker.until(1)


async def test_a_broker_that_lets_nobody_hear_acks_is_no_connection(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_broker_that_says(ACCEPTED, NO_SUBSCRIPTION) as (url, broker), running(url, journal) as (uplink, _):
        await broker.until(4)
        assert not uplink.connected
    assert "does not let us hear" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://broker",
        "mqtt://",
        "mqtt://broker:99999",
        "mqtt://gw:secret-word@broker",
        "mqtt://broker?password=secret-word",
    ],
)
async def test_a_url_that_can_never_work_is_wrong_use(url: str, journal: Journal) -> None:
    with pytest.raises(WrongBroker) as wrong:
        Uplink(url, ADDRESS, journal, lambda: None)
    assert "secret-word" not in str(wrong.value)


async def test_points_stored_are_points_written_though_everything_is_killed(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """With the real ingest. The gateway is killed three times, the ingest once, the broker once."""
    path, file, log = tmp_path / "journal.sqlite", tmp_path / "store.sqlite", tmp_path / "ingest.log"
    store = f"sqlite:///{file}"
    sure: list[int] = []
    for life in range(3):
        first = life * 1_000_000
        with (
            ingest(log, mosquitto.url, store) as centre_process,
            child("gateway_child", str(path), str(first), mosquitto.url) as gateway,
        ):
            sure.append(await asyncio.to_thread(durable, gateway, first + 1500))
            if life == 1:
                mosquitto.kill()
            if life == 2:
                centre_process.kill()
            if life > 0:
                sure[-1] = await asyncio.to_thread(durable, gateway, sure[-1] + 1500)
            gateway.kill()
            gateway.wait(10)
            if life == 1:
                mosquitto.start()
    with ingest(log, mosquitto.url, store):
        async with opened(path) as journal, running(mosquitto.url, journal, 1.0) as (_, changes):
            await changes.until(lambda: journal.stored > 0 and journal.backlog == 0)
            counted = journal.stored
    stored = _values(file)
    for life in range(3):
        found = [value - life * 1_000_000 for value in stored if value // 1_000_000 == life]
        assert found == [float(number) for number in range(len(found))]  # each once, in order, and no hole
        assert len(found) >= sure[life] - life * 1_000_000
    assert counted <= len(stored)


def _values(store: Path) -> list[float]:
    connection = sqlite3.connect(store)
    try:
        return [value for (value,) in connection.execute("SELECT value FROM point ORDER BY time")]
    finally:
        connection.close()
