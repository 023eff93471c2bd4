"""A centre that does as the test says: hears batches and statuses, answers or not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import aiomqtt

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import (
    Ack,
    Layout,
    NeedLayout,
    Unreadable,
    decode,
    digest,
    encode_ack,
    points,
    without_layout,
)
from classroom_profiles.topics import EVERY_STATUS, EVERY_UP, Address

Answer = Callable[[bytes], Ack | None]


class Knowing:
    """A centre that learns layouts and asks for those it does not know."""

    def __init__(self) -> None:
        self.known: dict[bytes, Layout] = {}
        self.asked = 0

    def __call__(self, payload: bytes) -> Ack | None:
        try:
            batch = decode(payload, self.known)
        except NeedLayout:
            self.asked += 1
            return Ack(digest(payload), 0, need_layout=True)
        self.known[batch.layout.key] = batch.layout
        return Ack(digest(payload), len(points(batch)[0]))


def all_is_well(payload: bytes) -> Ack | None:
    return Knowing()(payload)


def silence(_: bytes) -> Ack | None:
    return None


class Centre:
    def __init__(self, client: aiomqtt.Client, answer: Answer) -> None:
        self.answer = answer
        self.came: list[bytes] = []
        """Every batch, copies included."""
        self.statuses: list[Any] = []
        """The state in each status that came."""
        self.status: dict[str, Any] = {}
        """The newest."""
        self._client = client
        self._more = asyncio.Event()

    async def say(self, address: Address, payload: bytes) -> None:
        await self._client.publish(address.topic("ack"), payload, qos=1)

    async def until(self, condition: Callable[[], bool]) -> None:
        """`condition` is looked at whenever something came."""
        async with asyncio.timeout(30):
            while not condition():
                self._more.clear()
                await self._more.wait()

    @property
    def values(self) -> list[Value]:
        """Of all points, in the order of their first coming, whether with their layout or without."""
        known: dict[bytes, Layout] = {}
        bare: dict[bytes, bytes] = {}
        for payload in self.came:
            with suppress(Unreadable):
                payload, packed = without_layout(payload)
                layout = Layout.read(packed)
                known[layout.key] = layout
            bare.setdefault(payload, payload)
        return [point.value for payload in bare for point in points(decode(payload, known))[0]]

    async def _hear(self) -> None:
        with suppress(aiomqtt.MqttError):  # the broker is killed, as the test wanted
            await self._hear_on()

    async def _hear_on(self) -> None:
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            sender = Address.of(message.topic.value)
            assert sender is not None
            if message.topic.value.endswith("/status"):
                self.status = json.loads(message.payload)
                self.statuses.append(self.status["state"])
            else:
                self.came.append(message.payload)
                ack = self.answer(message.payload)
                if ack is not None:
                    await self.say(sender, encode_ack(ack))
            self._more.set()


@asynccontextmanager
async def centre(broker_url: str, answer: Answer = all_is_well) -> AsyncIterator[Centre]:
    parts = urlsplit(broker_url)
    async with aiomqtt.Client(parts.hostname or "", parts.port or 1883) as client:
        peer = Centre(client, answer)
        await client.subscribe([(EVERY_UP, 1), (EVERY_STATUS, 1)])
        hearing = asyncio.create_task(peer._hear(), name="centre")
        try:
            yield peer
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])
            if not hearing.cancelled() and (wrong := hearing.exception()) is not None:
                raise wrong
