"""The real agent's API over real simulated benches, in a thread of its own beside a browser: benches, runs, leases."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from classroom_profiles.documents import builtin_profiles
from classroom_profiles.room import Room
from edge_agent.lab import Lab
from simulators.experiments import find
from simulators.lab.served_bench import ServedBench
from tests.edge_agent.served_room import Served, served

BENCHES = ("pendulum", "titration", "predator-prey")
_PATIENCE_S = 20.0


class LabServer:
    """At `url` while it is entered. `run` does something in its loop, `told` waits there for it."""

    def __init__(
        self, data: Path, benches: tuple[str, ...] = BENCHES, speed: float = 1.0, open_view: bool = True,
        interlocks: tuple[dict[str, Any], ...] = (),
    ) -> None:  # fmt: skip
        self._data, self._names, self._speed, self._open_view = data, benches, speed, open_view
        self._interlocks = interlocks
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="lab server")
        self._ready = threading.Event()
        self._over: asyncio.Event | None = None
        self.there: Served | None = None
        self.benches: dict[str, ServedBench] = {}

    @property
    def url(self) -> str:
        assert self.there is not None
        return f"{self.there.url}/lab"

    @property
    def lab(self) -> Lab:
        assert self.there is not None
        assert self.there.parts.lab is not None
        return self.there.parts.lab

    def call(self, what: Callable[[], Any]) -> Any:
        """In the loop of the server."""

        async def once() -> Any:
            return what()

        return self.run(once())

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(_PATIENCE_S)

    def lose(self, bench: str, count: int) -> None:
        """So many samples of a bench reach no listener, though they are recorded: as a line that is too slow loses."""

        async def lose() -> None:
            stream, lost = self.lab.stream, 0
            with self.lab.runs.listen(lambda *_: heard.set()):
                while lost < count:
                    await heard.wait()
                    heard.clear()
                    lost += len(stream._benches[bench].fresh)
                    stream._benches[bench].fresh = []

        heard = asyncio.Event()
        self.run(lose())

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_PATIENCE_S)
        assert self.there is not None
        return self

    def __exit__(self, *_: object) -> None:
        over = self._over
        assert over is not None
        self._loop.call_soon_threadsafe(over.set)
        self._thread.join(_PATIENCE_S)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        try:
            self._loop.run_until_complete(self._served())
        finally:
            self._loop.close()
            self._ready.set()

    async def _served(self) -> None:
        self._over = asyncio.Event()
        async with AsyncExitStack() as stack:
            for name in self._names:
                bench = ServedBench(find(name), speed=self._speed, seed=7)
                self.benches[name] = await stack.enter_async_context(bench)
            profiles = tuple(one for one in builtin_profiles() if one.id == "emergency")
            self.there = await stack.enter_async_context(
                served(self._data, real=self._room(), profiles=profiles, open_view=self._open_view)
            )
            self._ready.set()
            await self._over.wait()

    def _room(self) -> Room:
        devices = [
            {
                "id": name,
                "role": "experiment",
                "driver": "experiment",
                "name": dict(zip(("vi", "en"), (f"Bàn {number}", f"Bench {number}"), strict=True)),
                "options": {"host": one.host, "port": one.port, "poll_s": 0.05},
            }
            for number, (name, one) in enumerate(self.benches.items(), 1)
        ]
        name = {"vi": "Phòng thí nghiệm B203", "en": "Laboratory B203"}
        room = {"school": "thcs-thu", "room": "b203", "name": name, "devices": devices}
        return Room.model_validate(room | {"interlocks": list(self._interlocks)})
