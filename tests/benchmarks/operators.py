"""Operators of the centre as light clients: each opens real pages by HTTP and NiceGUI's own socket, without a browser.

    GET page ─► its client id ─► socket.io handshake ─► updates come, acks go ─► another page after a while

They ask what the page's own scripts would: the map's GeoJSON with its ETag every 5 s, a chart every 15 s. So the server
works as for as many browsers, and this machine does not have to run those too.
"""

import ast
import asyncio
import contextlib
import random
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
import socketio

from cloud_ingest.accounts.accounts import COOKIE

_QUERY = re.compile(r"^\s*query: (\{.*\}),$", re.MULTILINE)
_CHART = re.compile(r'(/api/v1/schools/[^"?]+/windows\?[^"&]+(?:&(?:amp;)?[^"&]+)*)')
_STAYS_S = (8.0, 16.0)
_MAP_S, _CHART_S, _ACK_S = 5.0, 15.0, 3.0
_CONNECT_S = 20.0


@dataclass(slots=True)
class Seen:
    """What all operators together have seen."""

    pages: int = 0
    page_ms: list[float] = field(default_factory=list)
    """From asking for a page to its socket's handshake."""
    questions: int = 0
    question_ms: list[float] = field(default_factory=list)
    updates: int = 0
    update_bytes: int = 0
    connected: int = 0
    most_connected: int = 0
    failures: list[str] = field(default_factory=list)


class Operators:
    """Between enter and exit, in a thread of their own. They arrive over the first `arrive_s` seconds."""

    def __init__(self, url: str, tokens: Sequence[str], paths: Sequence[str], arrive_s: float = 4.0) -> None:
        """A session for each; `paths`: of which pages they choose."""
        self.seen = Seen()
        self._url = url
        self._tokens = tokens
        self._paths = paths
        self._arrive_s = arrive_s
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="operators")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30.0)

    def wait_for_all(self, timeout_s: float = 40.0) -> None:
        """Until each has had its first page."""
        until = time.monotonic() + timeout_s
        while self.seen.most_connected < len(self._tokens) * 0.9 or self.seen.pages < len(self._tokens):
            assert time.monotonic() < until, f"{self.seen.connected} connected; {self.seen.failures[:3]}"
            time.sleep(0.05)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._all())
        self._loop.close()

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._operate(number, token, self._arrive_s * number / len(self._tokens)))
                for number, token in enumerate(self._tokens)
            ]
            await self._stopped.wait()
            for task in tasks:
                task.cancel()

    async def _operate(self, number: int, token: str, after_s: float) -> None:
        chance = random.Random(number)
        await asyncio.sleep(after_s)
        async with aiohttp.ClientSession(self._url, cookies={COOKIE: token}) as session:
            while True:
                path = self._paths[(number + chance.randrange(len(self._paths))) % len(self._paths)]
                try:
                    async with asyncio.timeout(_STAYS_S[1] + 2 * _CONNECT_S):
                        await self._open(session, token, path, chance.uniform(*_STAYS_S))
                except (
                    TimeoutError,
                    OSError,
                    ValueError,
                    aiohttp.ClientError,
                    socketio.exceptions.SocketIOError,
                ) as why:
                    self.seen.failures.append(f"{path}: {type(why).__name__}: {why}")
                    await asyncio.sleep(1.0)

    async def _open(self, session: aiohttp.ClientSession, token: str, path: str, stays_s: float) -> None:
        """One page, and its socket for so long."""
        began = time.monotonic()
        async with session.get(path) as answer:
            page = await answer.text()
            if answer.status != 200:
                raise ValueError(f"{answer.status}")
        query = _query(page)
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=session)
        heard = 0

        @client.on("*")  # type: ignore[untyped-decorator]
        def hear(event: str, message: Any = None) -> None:
            nonlocal heard
            heard += 1
            if event == "update":
                self.seen.updates += 1
                self.seen.update_bytes += len(str(message))

        asked = "&".join(f"{name}={str(value).lower()}" for name, value in query.items())
        await client.connect(
            f"{self._url}?{asked}", {"Cookie": f"{COOKIE}={token}"}, ["websocket"],
            socketio_path="_nicegui_ws/socket.io", wait_timeout=_CONNECT_S,
        )  # fmt: skip
        try:
            if not query.get("implicit_handshake") and not await client.call("handshake", query, timeout=_CONNECT_S):
                raise ValueError("no handshake")
            self.seen.pages += 1
            self.seen.page_ms.append((time.monotonic() - began) * 1000)
            self.seen.connected += 1
            self.seen.most_connected = max(self.seen.most_connected, self.seen.connected)
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(stays_s), asyncio.TaskGroup() as group:
                        group.create_task(self._ack(client, query, lambda: heard))
                        if path == "/":
                            group.create_task(self._ask(session, "/api/v1/schools.geojson", _MAP_S))
                        for chart in sorted(set(_CHART.findall(page)))[:4]:
                            group.create_task(self._ask(session, chart.replace("&amp;", "&"), _CHART_S))
            finally:
                self.seen.connected -= 1
        finally:
            await client.disconnect()

    async def _ack(self, client: socketio.AsyncClient, query: dict[str, Any], heard: Any) -> None:
        while True:
            await asyncio.sleep(_ACK_S)
            await client.emit("ack", {"client_id": query["client_id"], "next_message_id": heard()})

    async def _ask(self, session: aiohttp.ClientSession, url: str, every_s: float) -> None:
        etag = ""
        while True:
            began = time.monotonic()
            async with session.get(url, headers={"If-None-Match": etag} if etag else {}) as answer:
                await answer.read()
                etag = answer.headers.get("ETag", "")
                if answer.status not in (200, 304):
                    self.seen.failures.append(f"{url}: {answer.status}")
            self.seen.questions += 1
            self.seen.question_ms.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(every_s)


def _query(page: str) -> dict[str, Any]:
    """As the page's own script sends it. Raises ValueError."""
    found = _QUERY.search(page)
    if found is None:
        raise ValueError("no client in the page")
    written = re.sub(r"\b(true|false)\b", lambda word: word[0].title(), found[1])
    query: dict[str, Any] = ast.literal_eval(written)
    return query | {"document_id": f"bench-{random.getrandbits(64):x}", "tab_id": f"{random.getrandbits(64):x}",
                    "old_tab_id": "", "next_message_id": query.get("next_message_id", 0)}  # fmt: skip
