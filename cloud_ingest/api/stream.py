"""Routes: what changes, as server-sent events: the city's rooms and alarms, and the values of one room."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from cloud_ingest.accounts.who import Who
from cloud_ingest.api import shapes
from cloud_ingest.api.asked import SLUG, Question, RoomName, SchoolName
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.problem import Refused, documented
from cloud_ingest.api.right import Reader
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.feed import LastValue
from cloud_ingest.operations.snapshot import Snapshot

_log = logging.getLogger("lophoc.ops.api")

HEARTBEAT_S = 15.0
LONGEST_S = 600.0
"""Then it ends; whoever still may asks again: a key that was removed sees no more."""
MOST = 400
MOST_OF_ONE = 20
_MEDIA_TYPE = "text/event-stream"
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["ready", "school", "room", "alarm", "values", "heartbeat"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events until the listener leaves.", "content": {_MEDIA_TYPE: {"schema": _EVENT}}},
    **documented(401, 403, 404, 422, 429, 503),
}

routes = APIRouter()


class Streams:
    """How many are open, and whose. `once`: each ends after its first events, as a test wants it."""

    def __init__(self, heartbeat_s: float = HEARTBEAT_S, *, once: bool = False) -> None:
        self.heartbeat_s = heartbeat_s
        self.once = once
        self._open: Counter[str] = Counter()
        self._pumps: set[asyncio.Task[None]] = set()

    def begin(self, who: Who) -> None:
        """Raises Refused."""
        if self._open.total() >= MOST or self._open[who.name] >= MOST_OF_ONE:
            raise Refused(429, f"at most {MOST_OF_ONE} streams at a time", headers={"Retry-After": "30"})
        self._open[who.name] += 1

    def start(self, pump: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(pump, name="stream")
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)
        return task

    def end(self, who: Who) -> None:
        self._open[who.name] -= 1
        self._open += Counter()


class OfStream(Question):
    school: str | None = Field(None, pattern=SLUG, description="Only this school.")


@routes.get("/stream", responses=_EVENTS, response_class=StreamingResponse)
async def stream(request: Request, who: Reader, question: Annotated[OfStream, Query()]) -> Response:
    """`room`, `school` and `alarm` for each that has become another; `heartbeat` in between."""
    centre = centre_of(request)
    if question.school is not None:
        centre.city.school(who, question.school)
    return _events(request, who, _changes(centre, who, question.school))


@routes.get("/schools/{school}/rooms/{room}/stream", responses=_EVENTS, response_class=StreamingResponse)
async def room_stream(request: Request, who: Reader, school: SchoolName, room: RoomName) -> Response:
    """`values`: all values of a room, and then those that are new; `heartbeat` in between."""
    centre = centre_of(request)
    centre.city.room(who, school, room)
    return _events(request, who, _values(centre, who, school, room))


def _events(request: Request, who: Who, told: AsyncGenerator[str, None]) -> Response:
    streams: Streams = request.app.state.streams
    streams.begin(who)
    return StreamingResponse(
        _beating(streams, who, told),
        media_type=_MEDIA_TYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _beating(streams: Streams, who: Who, told: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    """With a heartbeat whenever nothing was told for a while, so that both ends notice a dead connection."""
    queue: asyncio.Queue[str | None] = asyncio.Queue(1)
    pump = streams.start(_pump(told, queue))
    now = asyncio.get_running_loop().time
    until = now() + LONGEST_S
    try:
        yield "retry: 3000\n\n"
        while now() < until:
            try:
                async with asyncio.timeout(streams.heartbeat_s):
                    text = await queue.get()
            except TimeoutError:
                text = "event: heartbeat\ndata: {}\n\n"
            if text is None:
                return
            yield text
            if streams.once:
                return
    finally:
        pump.cancel()  # and nothing is waited for: whoever has gone cancels each wait of ours again
        streams.end(who)


async def _pump(told: AsyncGenerator[str, None], queue: asyncio.Queue[str | None]) -> None:
    """In a task of its own, which alone runs `told` and closes it. None: it has ended; the listener comes again."""
    try:
        async with aclosing(told):
            async for text in told:
                await queue.put(text)
    except Exception as why:  # noqa: BLE001 - whatever is away: the stream ends, and is asked for again
        _log.warning("a stream ended: %s", why)
    await queue.put(None)


async def _changes(centre: Centre, who: Who, school: str | None) -> AsyncGenerator[str, None]:
    """Whoever reconnects asks for the rows first, and listens then."""
    before = centre.city.snapshot
    yield event("ready", {"revision": before.revision})
    while True:
        now = await centre.city.changed(before.revision)
        text = "".join(_changed(before, now, who, school))
        if now.alarms_revision != before.alarms_revision:
            _, alarms = await centre.city.ask(centre.inbox.changed_since, before.alarms_revision, who)
            text += "".join(
                event("alarm", shapes.Alarm.of(alarm).model_dump(mode="json"))
                for alarm in alarms
                if school in (None, alarm.school)
            )
        before = now
        if text:
            yield text


def _changed(before: Snapshot, now: Snapshot, who: Who, school: str | None) -> list[str]:
    """A room's `seen` alone is no news."""
    told = []
    for slug, view in now.schools.items():
        was = before.schools.get(slug)
        if view is was or not who.sees(slug) or school not in (None, slug):
            continue
        row = shapes.School.of(view.row).model_dump(mode="json")
        if was is None or {**shapes.School.of(was.row).model_dump(mode="json"), "seen": None} != {**row, "seen": None}:
            told.append(event("school", row))
        for name, room in view.rooms.items():
            old = None if was is None else was.rooms.get(name)
            if room is old:
                continue
            shown = shapes.Room.of(room).model_dump(mode="json")
            if old is None or {**shapes.Room.of(old).model_dump(mode="json"), "seen": None} != {**shown, "seen": None}:
                told.append(event("room", shown))
    return told


async def _values(centre: Centre, who: Who, school: str, room: str) -> AsyncGenerator[str, None]:
    async with aclosing(centre.watches.watch(who, school, room)) as news:
        async for values in news:
            yield event("values", _shown(values))


def _shown(values: Sequence[LastValue]) -> list[dict[str, Any]]:
    return [shapes.LatestValue.of(last).model_dump(mode="json") for last in values]


def event(name: str, content: object) -> str:
    """JSON has no line breaks of its own, so that one line is enough."""
    return f"event: {name}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n"
