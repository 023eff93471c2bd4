"""The uplink: sends what the journal holds, oldest first, and lets go of it when the centre says that it is stored.

    journal ─parcels─► lanes ─publish, QoS 1─► broker ─► centre
       ▲                 │ again after 5 to 20 s                │
       └────settle───────┴◄────────────── ack ◄─────────────────┘

A few parcels are on their way at a time, one in each lane. Neither the broker's word nor a lost connection counts:
a parcel is sent again, in the same bytes, until the centre's own ack names them. Each connection has a status topic,
kept by the broker: `online`, and `offline` by the last will.
"""

import asyncio
import json
import logging
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from importlib.metadata import version
from urllib.parse import urlsplit

import aiomqtt

from classroom_profiles.telemetry import Ack, Unreadable, decode_ack
from classroom_profiles.topics import Address
from edge_agent.backoff import delays
from edge_agent.journal import Journal
from edge_agent.journal_file import Parcel
from firmware_bridge.transports.mqtt import Broker, WrongBroker, entered

PASSWORD = "LOPHOC_UPLINK_PASSWORD"  # noqa: S105 - where it is, not what it is
CA = "LOPHOC_UPLINK_CA"
WINDOW = 8
"""Parcels on their way at a time."""

_BROKER_S = 10.0
_GOODBYE_S = 1.0
_KEEPALIVE_S = 30
_STEADY_S = 10.0
_TELL_S = 1.0
_REFUSED_QOS = 0x80
_NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)

_log = logging.getLogger("lophoc.uplink")


@dataclass(eq=False, slots=True)
class _Sent:
    """A parcel in a lane."""

    parcel: Parcel
    answered: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """It is answered, or should be sent again at once."""


class Uplink:
    """Runs for as long as the agent does. It has a connection of its own, to the centre's broker."""

    def __init__(
        self, url: str, address: Address, journal: Journal, changed: Callable[[], None], *, answer_s: float = 5.0
    ) -> None:
        """`changed` is called, at most about once a second, when what a person sees of it has changed.

        `answer_s`: how long the centre may take before a parcel is sent again. The password of the URL's user is
        $LOPHOC_UPLINK_PASSWORD. Raises WrongBroker.
        """
        if urlsplit(url).password is not None:
            raise WrongBroker(f"a password does not belong in the uplink's URL: put it in {PASSWORD}")
        self._broker = replace(Broker.of(url), password=os.environ.get(PASSWORD))
        self._address = address
        self._journal = journal
        self._changed = changed
        self._answer_s = answer_s
        self._linked = False
        self._silent = False
        self._after = 0
        self._ahead: deque[Parcel] = deque()
        self._feeding = asyncio.Lock()
        self._lanes: list[_Sent] = []
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
        await client.publish(self._address.topic("status"), _status("online"), qos=1, retain=True)

    async def _session(self, client: aiomqtt.Client) -> None:
        """Until the connection is lost: raises MqttError. When cancelled it says goodbye."""
        try:
            await self._converse(client)
        except asyncio.CancelledError:
            with suppress(aiomqtt.MqttError):
                status = self._address.topic("status")
                await client.publish(status, _status("offline"), qos=1, retain=True, timeout=_GOODBYE_S)
            raise

    async def _converse(self, client: aiomqtt.Client) -> None:
        why: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hear(client), name="uplink: acks")
                for number in range(WINDOW):
                    tasks.create_task(self._lane(client), name=f"uplink: lane {number}")
        except* aiomqtt.MqttError as lost:
            why = lost.exceptions[0]
        if why is not None:
            raise why

    async def _lane(self, client: aiomqtt.Client) -> None:
        """One parcel after the other, each until it is answered."""
        while True:
            sent = _Sent(await self._next())
            self._lanes.append(sent)
            waits = delays(self._answer_s, 4 * self._answer_s)
            while not sent.answered:
                sent.news.clear()
                await client.publish(self._address.topic("up"), sent.parcel.payload, qos=1)
                try:
                    async with asyncio.timeout(next(waits)):
                        await sent.news.wait()
                except TimeoutError:
                    self._hush(True)

    async def _next(self) -> Parcel:
        async with self._feeding:
            if not self._ahead:
                self._ahead.extend(await self._journal.parcels(self._after, WINDOW))
                self._after = self._ahead[-1].id
            return self._ahead.popleft()

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if not isinstance(message.payload, bytes):
                continue
            try:
                ack = decode_ack(message.payload)
            except Unreadable as why:
                self._complain("an answer from the centre cannot be read: %s", str(why))
                continue
            self._heard(ack)

    def _heard(self, ack: Ack) -> None:
        named = [sent for sent in self._lanes if sent.parcel.digest == ack.batch]
        if not named:
            return  # a second answer, or one to an earlier process: what it names is gone, or is sent again
        if not ack.unreadable and ack.stored + sum(ack.refused.values()) != named[0].parcel.points:
            self._complain("an answer from the centre %s", "does not account for every point, so it is none")
            return
        if ack.unreadable:
            self._complain("the centre cannot read a batch, it is set aside: %s", ack.unreadable)
        for sent in named:  # two, if the parcel was rescued from a damaged file while it was on its way
            self._lanes.remove(sent)
            self._journal.settle(sent.parcel, ack if sent is named[0] else Ack(ack.batch, 0))
            sent.answered = True
            sent.news.set()
        if self._silent:
            self._hush(False)
            for other in self._lanes:
                other.news.set()  # the centre is back: what it has not heard is sent again at once

    def _take_back(self) -> None:
        """What was on its way when the connection went is sent first on the next."""
        unanswered = [sent.parcel for sent in self._lanes]
        self._lanes.clear()
        self._ahead = deque(sorted([*unanswered, *self._ahead], key=lambda parcel: parcel.id))

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
        if self.connected is not before:
            self._changed()

    def _complain(self, what: str, why: str) -> None:
        """Once each: a broken centre shall not fill the disk with warnings."""
        if what not in self._complained:
            self._complained.add(what)
            _log.warning(what, why)

    def _where(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    def _client(self) -> aiomqtt.Client:
        broker = self._broker
        # Always the same name, so that the broker ends a connection that hangs, and tells its last will, before it
        # takes the next. 23 characters are what every MQTT 3.1.1 broker must take (section 3.1.3.1).
        name = blake2b(f"{self._address.school}/{self._address.gateway}".encode(), digest_size=8).hexdigest()
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            identifier=f"lophoc-{name}",
            tls_context=ssl.create_default_context(cafile=os.environ.get(CA) or None) if broker.tls else None,
            will=aiomqtt.Will(self._address.topic("status"), _status("offline"), qos=1, retain=True),
            timeout=_BROKER_S,
            keepalive=_KEEPALIVE_S,
            socket_options=_NO_DELAY,
        )
        client.pending_calls_threshold = 2 * WINDOW
        return client


def _status(state: str) -> bytes:
    return json.dumps({"state": state, "version": version("lophoc")}).encode()
