"""Rooms that somebody looks at now: each is asked for its newest values four times a second, however many look."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field

from cloud_ingest.accounts.who import Who
from cloud_ingest.operations.city import City
from cloud_ingest.operations.feed import LastValue

PERIOD_S = 0.25
MOST = 500
"""Rooms at a time."""

_Name = tuple[str, str, str, str]


class TooManyRooms(Exception):
    """So many are looked at already that no further one can be."""


@dataclass(slots=True)
class _Watched:
    values: dict[_Name, LastValue] = field(default_factory=dict)
    turn: int = 0
    told: asyncio.Event = field(default_factory=asyncio.Event)
    lookers: int = 0
    task: asyncio.Task[None] | None = None
    failed: Exception | None = None


class RoomWatches:
    """Shared by all streams and pages."""

    def __init__(self, city: City, period_s: float = PERIOD_S) -> None:
        self._city = city
        self._period_s = period_s
        self._rooms: dict[tuple[str, str], _Watched] = {}

    async def watch(self, who: Who, school: str, room: str) -> AsyncGenerator[Sequence[LastValue], None]:
        """All values of a room, and then those that are new, until the caller leaves (close the iterator).

        Raises NotFound, TooManyRooms, and what the feed raises.
        """
        self._city.room(who, school, room)
        async with self._looking(who, (school, room)) as watched:
            shown: dict[_Name, int] = {}
            turn = 0
            while True:
                if watched.failed is not None:
                    raise watched.failed
                if watched.turn == turn:
                    await watched.told.wait()
                    continue
                first, turn = turn == 0, watched.turn
                news = [last for name, last in watched.values.items() if shown.get(name) != last.time_us]
                if news or first:
                    shown.update((_name(last), last.time_us) for last in news)
                    yield news

    @contextlib.asynccontextmanager
    async def _looking(self, who: Who, of: tuple[str, str]) -> AsyncIterator[_Watched]:
        watched = self._rooms.get(of)
        if watched is None:
            if len(self._rooms) >= MOST:
                raise TooManyRooms
            watched = self._rooms[of] = _Watched()
        watched.lookers += 1
        if watched.task is None:
            watched.task = asyncio.create_task(self._follow(who, of, watched), name=f"watch {of[0]}/{of[1]}")
        try:
            yield watched
        finally:
            watched.lookers -= 1
            if not watched.lookers:
                self._rooms.pop(of, None)
                watched.task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watched.task

    async def _follow(self, who: Who, of: tuple[str, str], watched: _Watched) -> None:
        while True:
            try:
                found = {_name(last): last for last in await self._city.live(who, *of)}
            except Exception as why:  # noqa: BLE001 - it is theirs who look, who then say so
                watched.failed, found = why, watched.values
            if watched.failed is not None or found != watched.values or not watched.turn:
                watched.values = found
                watched.turn += 1
                watched.told.set()
                watched.told = asyncio.Event()
            if watched.failed is not None:
                return
            await asyncio.sleep(self._period_s)


def _name(last: LastValue) -> _Name:
    return last.measurement, last.device, last.role, last.metric
