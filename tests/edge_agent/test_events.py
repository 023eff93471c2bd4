"""The stream of what happens in the room: all of it at once, then what changes, bounded, and until one may look."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_agent.api import COOKIE
from edge_agent.events import MOST_OF_KNOWN
from tests.edge_agent.served_room import TEACHER, Served, served


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as one:
        yield one


class Listening:
    """A browser's EventSource."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        """The next event. Raises StopAsyncIteration when the stream has ended."""
        async with asyncio.timeout(10):
            name = await anext(self._lines)
            data = await anext(self._lines)
            assert await anext(self._lines) == ""
        assert name.startswith("event: "), name
        assert data.startswith("data: "), data
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    async def until(self, wanted: str) -> Any:
        while True:
            name, content = await self.next()
            if name == wanted:
                return content

    async def until_switched(self, device: str, is_on: bool) -> None:
        """What else is told of devices, such as one that is tried again, does not matter."""
        while True:
            told = await self.until("device")
            if told["id"] == device and told["values"].get("switch", {}).get("value") is is_on:
                return

    async def ends(self) -> None:
        async with asyncio.timeout(10):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def listening(there: Served, pin: str | None = None) -> AsyncIterator[Listening]:
    async with there.client(pin) as client, client.stream("GET", "/api/events") as answer:
        assert answer.status_code == 200
        yield Listening(answer)


async def none_left(there: Served) -> None:
    """The server hears of it only when it next looks at the connection, and tells nobody."""
    async with asyncio.timeout(30):
        while there.events.open:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_it_begins_with_the_whole_room_as_it_is_asked_for(there: Served) -> None:
    async with listening(there) as events, there.client() as client:
        assert events.answer.headers["content-type"].startswith("text/event-stream")
        name, room = await events.next()
        asked = (await client.get("/api/room")).json()
        assert name == "room"
        assert room | {"time": 0, "uplink": None} == asked | {"time": 0, "uplink": None}


async def test_it_tells_of_the_device_and_of_the_lesson_that_changes(there: Served) -> None:
    async with listening(there, TEACHER) as events, there.client(TEACHER) as teacher:
        await events.next()
        there.lamps["lamp"].press(True)
        await events.until_switched("lamp", True)
        there.lamps["lamp"].press(False)
        await events.until_switched("lamp", False)
        await teacher.post("/api/lesson", json={"profile": "bright"})
        states: list[str] = []
        while not states or states[-1] != "ready":
            states.append((await events.until("lesson"))["state"])
        assert set(states) <= {"preflight", "running", "ready"}
        there.changes.uplink()
        assert set(await events.until("uplink")) == {"connected", "backlog", "stored"}


async def test_what_changes_often_is_told_as_it_is_then(there: Served) -> None:
    """A hundred changes at once are one or a few events, of which the last is true."""
    async with listening(there) as events:
        await events.next()
        for number in range(101):
            there.lamps["lamp"].press(number % 2 == 0)
        there.lamps["fan"].press(True)
        now: dict[str, bool] = {}
        told = 0
        while now != {"lamp": True, "fan": True}:
            device = await events.until("device")
            if device["id"] in ("lamp", "fan"):
                now[device["id"]] = device["values"]["switch"]["value"]
                told += 1
        assert told <= 6


async def test_a_heart_beats_where_nothing_happens(tmp_path: Path) -> None:
    async with served(tmp_path, heartbeat_s=0.01) as there, listening(there) as events:
        assert await events.until("heartbeat") == {}
        assert await events.until("heartbeat") == {}


async def test_one_who_goes_is_forgotten(there: Served) -> None:
    async with listening(there) as events:
        await events.next()
        assert there.events.open == 1
    there.lamps["lamp"].press(True)
    await none_left(there)


async def test_more_than_can_be_served_are_told_to_come_again(tmp_path: Path) -> None:
    async with served(tmp_path, most=2) as there:
        async with listening(there) as one, listening(there) as other, there.client() as client:
            await one.next()
            await other.next()
            answer = await client.get("/api/events")
            assert (answer.status_code, answer.json()["error"]) == (503, "too-many-listeners")
            assert int(answer.headers["retry-after"]) > 0
        await none_left(there)
        async with listening(there) as again:
            assert (await again.next())[0] == "room"


async def test_one_address_cannot_take_all(there: Served) -> None:
    async with AsyncExitStack() as stack, there.client() as client:
        streams = [await stack.enter_async_context(listening(there)) for _ in range(8)]
        for events in streams:
            assert (await events.next())[0] == "room"
        assert (await client.get("/api/events")).status_code == 503


async def test_a_class_that_looks_on_does_not_take_the_teachers_place(tmp_path: Path) -> None:
    async with served(tmp_path, most=2) as there, AsyncExitStack() as stack, there.client() as client:
        onlookers = [await stack.enter_async_context(listening(there)) for _ in range(2)]
        for onlooker in onlookers:
            await onlooker.next()
        assert (await client.get("/api/events")).status_code == 503
        teacher = await stack.enter_async_context(listening(there, TEACHER))
        assert (await teacher.next())[0] == "room"
        panel_by_the_teacher = await stack.enter_async_context(listening(there))
        assert (await panel_by_the_teacher.next())[0] == "room"
    await none_left(there)


async def test_those_whom_the_room_knows_are_bounded_too(there: Served) -> None:
    async with AsyncExitStack() as stack, there.client(TEACHER) as client:
        streams = [await stack.enter_async_context(listening(there)) for _ in range(MOST_OF_KNOWN)]
        for events in streams:
            assert (await events.next())[0] == "room"
        assert (await client.get("/api/events")).status_code == 503
    await none_left(there)


async def test_it_ends_when_its_listener_may_look_no_longer(tmp_path: Path) -> None:
    async with served(tmp_path, open_view=False, heartbeat_s=0.01) as there, there.client(TEACHER) as client:
        async with client.stream("GET", "/api/events") as answer:
            events = Listening(answer)
            await events.next()
            await events.until("heartbeat")
            await client.delete("/api/session", headers={"cookie": f"{COOKIE}={client.cookies[COOKIE]}"})
            await events.ends()
        await none_left(there)


async def test_a_listener_that_takes_nothing_holds_up_nobody(there: Served) -> None:
    host, port = there.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1)
    writer.write(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await writer.drain()
    async with listening(there) as events:
        await events.next()
        for number in range(20):
            there.lamps["lamp"].press(number % 2 == 0)
            await events.until("device")
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    there.changes.uplink()
    await none_left(there)
