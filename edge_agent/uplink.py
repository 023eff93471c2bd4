"""The uplink: sends what the journal holds and lets go of it when the centre says that it is stored.

    journal ─parcels─► feed ─► lanes ─publish, QoS 1─► broker ─► centre
       ▲                         │ again, when an ack is late           │
       └────────settle───────────┴◄────────────── ack ◄─────────────────┘

Some parcels are on their way at a time, one in each lane: what is new has lanes of its own, the backlog others, and
both get more the longer the centre's answers take (`uplink_window`). Neither the broker's word nor a lost connection
counts: a parcel is sent again, with its layout or without, until the centre's own ack names the bytes of one of the
two; when, is learned from how long acks take (`ack_wait`). While the centre answers, points are gathered for a second.
Each connection has a status topic, kept by the broker: `online`, and `offline` by the last will.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import aiomqtt

from classroom_profiles.telemetry import Ack, Unreadable, decode_ack, digest, with_layout
from classroom_profiles.topics import EVERYBODY, Address
from edge_agent.ack_wait import AckWait
from edge_agent.backoff import delays
from edge_agent.journal import Journal
from edge_agent.known_layouts import KnownLayouts
from edge_agent.uplink_client import client_of, status
from edge_agent.uplink_feed import Feed
from edge_agent.uplink_lanes import Lanes, Sent
from edge_agent.uplink_window import LEAST, Window
from firmware_bridge.transports.mqtt import Broker, WrongBroker
from firmware_bridge.transports.mqtt_client import Client, entered

PASSWORD = "LOPHOC_UPLINK_PASSWORD"  # noqa: S105 - where it is, not what it is
BACKLOG_PARCELS_PER_S = 20.0
_BACKLOG_PARCELS = 256
_LIVE_PARCELS_PER_S = 5.0
_LIVE_PARCELS = 64
_LIVE_AT_FIRST = 16
_ASKING = LEAST + _LIVE_AT_FIRST
"""Parcels that are sent again and again while the centre is silent."""
_GOODBYE_S = 1.0
_STEADY_S = 10.0
_AT_THE_BROKER = 8
"""Parcels of the backlog that the broker has not confirmed: on a slow line live ones go between them."""
_LOOK_S = 0.1
_ASK_AGAIN_S = (600.0, 86_400.0)
_TELL_S = 1.0
_STATUS_S = 30.0
_LONGEST_SLOW_S = 60.0
_ACK_BYTES = 64 * 1024
_REFUSED_QOS = 0x80

_log = logging.getLogger("lophoc.uplink")


class Uplink:
    """Runs for as long as the agent does. It has a connection of its own, to the centre's broker."""

    def __init__(
        self, url: str, address: Address, journal: Journal, changed: Callable[[], None], *, answer_s: float = 15.0,
        published: Callable[[bytes], None] | None = None, backlog_parcels_per_s: float = BACKLOG_PARCELS_PER_S,
    ) -> None:  # fmt: skip
        """`changed` is called, at most about once a second, when what a person sees of it has changed.

        `answer_s`: how long the centre may take before a parcel is sent again, until it is known how long it takes.
        `published`: is given what the centre publishes to the whole school. `backlog_parcels_per_s`: how fast a backlog
        is sent, up to 4,000 points a parcel, where answers take long. The password of the URL's user is
        $LOPHOC_UPLINK_PASSWORD. Raises WrongBroker.
        """
        if urlsplit(url).password is not None:
            raise WrongBroker(f"a password does not belong in the uplink's URL: put it in {PASSWORD}")
        self._broker = replace(Broker.of(url), password=os.environ.get(PASSWORD))
        self._address = address
        self._journal = journal
        self._changed = changed
        self._ack_wait = AckWait(answer_s)
        self._published = published
        self._for_everybody = Address(address.school, EVERYBODY).topic("cmd")
        self._linked = False
        self._silent = False
        self._feed = Feed(journal)
        self._layouts = KnownLayouts()
        self._quiet_until = 0.0
        self._lanes = Lanes()
        self._backlog = Window(backlog_parcels_per_s, _BACKLOG_PARCELS)
        self._live = Window(_LIVE_PARCELS_PER_S, _LIVE_PARCELS, _LIVE_AT_FIRST)
        self._freed = asyncio.Event()
        self._at_the_broker = asyncio.Semaphore(_AT_THE_BROKER)
        self._ask_at = 0.0
        self._ask_waits = delays(*_ASK_AGAIN_S)
        self._complained: set[str] = set()

    @property
    def connected(self) -> bool:
        """True while the broker is there and the centre answers what is sent."""
        return self._linked and not self._silent

    async def run(self) -> None:
        """Forever. A broker or a centre that is away is waited for."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_changes(), name="uplink: changes")
            tasks.create_task(self._stay_connected(), name="uplink: connection")

    async def _tell_changes(self) -> None:
        told: object = None
        while True:
            now = (self.connected, self._journal.backlog, self._journal.stored)
            if now != told:
                told = now
                self._changed()
            await asyncio.sleep(_TELL_S)

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        waits, lost = delays(0.2, 15.0), False
        while True:
            linked_at = None
            try:
                async with entered(self._client()) as client:
                    await self._greet(client)
                    linked_at = loop.time()
                    if lost:
                        _log.info("%s is back; %d points wait", self._where(), self._journal.backlog)
                        lost = False
                    self._link(True)
                    await self._session(client)
            except (aiomqtt.MqttError, OSError) as why:
                if not lost:
                    _log.warning("no uplink by %s, trying again: %s", self._where(), why)
                lost = True
            finally:
                self._link(False)
                self._take_back()
            if linked_at is not None and loop.time() - linked_at > _STEADY_S:
                waits = delays(0.2, 15.0)
            await asyncio.sleep(next(waits))

    async def _greet(self, client: aiomqtt.Client) -> None:
        """Acks can be heard before anything is sent; then the centre may know that we are there."""
        # QoS 0: a lost ack is asked for again, and RabbitMQ ties a subscription of QoS 1 to the node it was made at, so
        # that after that node's death no other would let us in.
        granted = await client.subscribe(self._address.topic("ack"), qos=0)
        if any(qos == _REFUSED_QOS for qos in granted):
            raise aiomqtt.MqttError("the broker does not let us hear the centre's acks")
        await client.publish(self._address.topic("status"), self._status("online"), qos=1, retain=True)

    async def _session(self, client: aiomqtt.Client) -> None:
        """Until the connection is lost: raises MqttError. When cancelled it says goodbye."""
        try:
            await self._converse(client)
        except asyncio.CancelledError:
            with suppress(aiomqtt.MqttError):
                topic = self._address.topic("status")
                await client.publish(topic, self._status("off"), qos=1, retain=True, timeout=_GOODBYE_S)
            raise

    async def _converse(self, client: aiomqtt.Client) -> None:
        why: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hear(client), name="uplink: acks")
                tasks.create_task(self._tell_status(client), name="uplink: status")
                tasks.create_task(self._ask_for_published(client), name="uplink: published")
                tasks.create_task(self._send(client, tasks), name="uplink: parcels")
        except* aiomqtt.MqttError as lost:
            why = lost.exceptions[0]
        if why is not None:
            raise why

    async def _ask_for_published(self, client: aiomqtt.Client) -> None:
        """Not everybody may hear it, and some brokers end the connection of who asks: telemetry goes on without."""
        loop, denied = asyncio.get_running_loop(), False
        while self._published is not None:
            if denied or loop.time() < self._ask_at:
                self._complain("the broker does not let us hear what is published under %s", self._for_everybody)
            await asyncio.sleep(self._ask_at - loop.time())
            self._ask_at = loop.time() + next(self._ask_waits)
            granted = await client.subscribe(self._for_everybody, qos=0)
            denied = any(qos == _REFUSED_QOS for qos in granted)
            if not denied:
                self._ask_at, self._ask_waits = 0.0, delays(*_ASK_AGAIN_S)
                return

    async def _send(self, client: aiomqtt.Client, lanes: asyncio.TaskGroup) -> None:
        """Everything, what is new first, as far as there is room for it."""
        while True:
            await self._keep_quiet()  # before one is taken: what comes meanwhile goes first
            self._freed.clear()
            window = self._live
            parcel = await self._feed.live() if window.open else None
            if parcel is None and self._backlog.open:
                window = self._backlog
                parcel = await self._feed.waiting()
            if parcel is not None:
                sent = Sent(parcel, window)
                self._lanes.add(sent)
                lanes.create_task(self._lane(client, sent), name=f"uplink: parcel {parcel.id}")
            elif self._live.open and self._backlog.open:
                await self._feed.more()
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S if self._live.open else None):
                        await self._freed.wait()

    async def _lane(self, client: aiomqtt.Client, sent: Sent) -> None:
        """One parcel, until it is answered."""
        loop, size = asyncio.get_running_loop(), len(sent.parcel.payload)
        sent.window.enter(size)
        try:
            while not sent.answered:
                async with self._at_the_broker if sent.window is self._backlog else nullcontext():
                    await self._keep_quiet()
                    if sent.answered:
                        return
                    sent.news.clear()
                    sent.times += 1
                    sent.sent_at = loop.time()
                    await client.publish(self._address.topic("up"), self._bytes(sent), qos=1)
                try:
                    async with asyncio.timeout(self._ack_wait.of(sent.times)):
                        await sent.news.wait()
                except TimeoutError:
                    self._late(sent)
                while self._silent and not sent.answered and not self._lanes.is_among_first(sent, _ASKING):
                    sent.news.clear()
                    await sent.news.wait()  # a few ask for all whether the centre is back
        finally:
            sent.window.leave(size)
            self._freed.set()

    def _late(self, sent: Sent) -> None:
        sent.late = True
        self._ack_wait.passed(sent.times)
        for window in (self._backlog, self._live):
            window.cut(asyncio.get_running_loop().time())
        self._hush(True)

    async def _keep_quiet(self) -> None:
        """For as long as the centre has asked us to."""
        await asyncio.sleep(max(0.0, self._quiet_until - asyncio.get_running_loop().time()))

    def _bytes(self, sent: Sent) -> bytes:
        parcel = sent.parcel
        if not self._layouts.travels(parcel.layout):
            return parcel.payload
        whole = with_layout(parcel.payload, parcel.layout)
        if not sent.whole:
            self._lanes.sent_whole(sent, digest(whole))
        return whole

    async def _tell_status(self, client: aiomqtt.Client) -> None:
        """Now and then, so that the centre sees a backlog grow or go, and how old it is."""
        while True:
            await asyncio.sleep(_STATUS_S)
            await client.publish(self._address.topic("status"), self._status("online"), qos=1, retain=True)

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if not isinstance(message.payload, bytes):
                continue
            if message.topic.value == self._for_everybody:
                if self._published is not None and message.payload:
                    self._published(message.payload)
                continue
            if len(message.payload) > _ACK_BYTES:
                self._complain("an answer from the centre %s", "is too large to be one")
                continue
            try:
                ack = decode_ack(message.payload)
            except Unreadable as why:
                self._complain("an answer from the centre cannot be read: %.200s", str(why))
                continue
            self._heard(ack)

    def _heard(self, ack: Ack) -> None:
        now_s = asyncio.get_running_loop().time()
        if ack.slow_s:
            slow_s = min(ack.slow_s, _LONGEST_SLOW_S)
            self._quiet_until = max(self._quiet_until, now_s + slow_s)
            self._backlog.cut(now_s)
        named = self._lanes.named(ack.batch)
        if not named:
            return  # a second answer, or one to an earlier process: what it names is gone, or is sent again
        if not ack.settles:
            self._send_again(named[0], ack)
            return
        if not ack.unreadable and ack.stored + sum(ack.refused.values()) != named[0].parcel.points:
            self._complain("an answer from the centre %s", "does not account for every point, so it is none")
            return
        if ack.unreadable:
            self._complain("the centre cannot read a batch, it is set aside: %.200s", ack.unreadable)
        elif ack.batch == named[0].whole:
            self._layouts.acknowledged(named[0].parcel.layout)
        if named[0].times == 1 and not ack.unreadable:  # such an answer waits for no store
            took_s = now_s - named[0].sent_at
            self._ack_wait.measured(took_s)
            for window in (self._backlog, self._live):
                window.measured(took_s)
        if not ack.slow_s:
            named[0].window.answered()
        for sent in named:  # two, if the parcel was rescued from a damaged file while it was on its way
            self._lanes.remove(sent)
            self._journal.settle(sent.parcel, ack if sent is named[0] else Ack(ack.batch, 0))
            sent.answered = True
            sent.news.set()
        self._is_there()

    def _send_again(self, sent: Sent, ack: Ack) -> None:
        """The centre is there, and has not stored it: it wants the layout, or some time."""
        self._is_there()
        if ack.need_layout and ack.batch == sent.parcel.digest:
            self._layouts.asked_for(sent.parcel.layout)
            sent.times = 0
            sent.news.set()
        elif ack.busy and ack.slow_s:
            sent.times = 0
            sent.news.set()  # it waits with all the others

    def _is_there(self) -> None:
        if self._silent:
            self._hush(False)
            before = asyncio.get_running_loop().time() - self._ack_wait.usual_s
            for other in self._lanes:
                if other.late and other.sent_at < before:
                    other.news.set()  # the centre is back: what it has not heard is sent again at once

    def _take_back(self) -> None:
        """What was on its way when the connection went is sent first on the next."""
        self._feed.take_back([sent.parcel for sent in self._lanes])
        self._lanes.clear()

    def _link(self, linked: bool) -> None:
        self._set(linked, silent=False)

    def _hush(self, silent: bool) -> None:
        if silent and not self._silent:
            _log.warning("the centre does not answer; %d points wait", self._journal.backlog)
        if self._silent and not silent:
            _log.info("the centre answers again")
        self._set(self._linked, silent)

    def _set(self, linked: bool, silent: bool) -> None:
        before = self.connected
        self._linked, self._silent = linked, silent
        self._journal.attend(self.connected)
        if self.connected is not before:
            self._changed()

    def _complain(self, what: str, why: str) -> None:
        """Once each: a broken centre shall not fill the disk with warnings."""
        if what not in self._complained:
            self._complained.add(what)
            _log.warning(what, why)

    def _where(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    def _client(self) -> Client:
        client = client_of(self._broker, self._address, self._status("offline"))
        client.pending_calls_threshold = 2 * (_AT_THE_BROKER + _LIVE_PARCELS)
        return client

    def _status(self, state: str) -> bytes:
        return status(state, self._journal)
