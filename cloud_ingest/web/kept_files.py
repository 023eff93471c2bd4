"""The framework's scripts and styles, compressed once and kept in memory: they never change while a process lives.

Compressing half a megabyte for each visitor takes a core for longer than everything else that a page needs.
"""

import asyncio
import gzip
from dataclasses import dataclass
from typing import Final

from nicegui import __version__
from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FRAMEWORK: Final = f"/_nicegui/{__version__}/"
_PLACES: Final = ("static/", "components/", "libraries/", "esm/", "resources/")
_MOST_BYTES: Final = 16 * 1024 * 1024
_WORTH_IT: Final = 500
_ASKS_MORE: Final = ("range", "if-none-match", "if-modified-since", "if-range")
_TEXTS: Final = ("text/", "application/javascript", "application/json", "image/svg+xml")

_Lines = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Kept:
    headers: _Lines
    body: bytes


class KeptFiles:
    """In place of the framework's GZipMiddleware: it compresses the rest as that does, and is asked first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._others = GZipMiddleware(app, compresslevel=5)
        self._kept: dict[str, _Kept] = {}
        self._bytes = 0
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept = await self._file(scope) if scope["type"] == "http" and _is_whole_file(scope) else None
        if kept is None:
            await self._others(scope, receive, send)
            return
        # A new list each time, since whoever is before it adds headers.
        await send({"type": "http.response.start", "status": 200, "headers": [*kept.headers]})
        await send({"type": "http.response.body", "body": kept.body})

    async def _file(self, scope: Scope) -> _Kept | None:
        """None if it is none to be kept."""
        path: str = scope["path"]
        if path not in self._kept:
            async with self._making:  # a crowd that comes at once waits for one of it
                if path not in self._kept:
                    made = await self._made(scope)
                    if made is None or self._bytes + len(made.body) > _MOST_BYTES:
                        return None
                    self._bytes += len(made.body)
                    self._kept[path] = made
        return self._kept[path]

    async def _made(self, scope: Scope) -> _Kept | None:
        """Asked for as by nobody: an answer that its visitor did not wait for would be cut off, and kept so."""
        heard: list[Message] = []
        asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Message:
            for message in asked:
                return message
            gone: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            return await gone  # nobody leaves

        async def hear(message: Message) -> None:
            heard.append(message)

        lines = [(name, value) for name, value in scope["headers"] if name in (b"host", b"user-agent")]
        await self._app({**scope, "headers": lines, "state": {}}, receive, hear)
        if not heard or heard[0]["type"] != "http.response.start":
            return None
        start, body = heard[0], b"".join(message.get("body", b"") for message in heard[1:])
        headers = Headers(raw=start["headers"])
        if start["status"] != 200 or headers.get("content-length") != str(len(body)) or "set-cookie" in headers:
            return None
        kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        if len(body) >= _WORTH_IT and headers.get("content-type", "").startswith(_TEXTS):
            body = await asyncio.to_thread(gzip.compress, body, 9, mtime=0)
            kept += [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
        return _Kept([*kept, (b"content-length", str(len(body)).encode())], body)


def _is_whole_file(scope: Scope) -> bool:
    path: str = scope["path"]
    if scope["method"] != "GET" or not path.startswith(FRAMEWORK) or not path[len(FRAMEWORK) :].startswith(_PLACES):
        return False
    headers = Headers(scope=scope)
    return "gzip" in headers.get("accept-encoding", "") and not any(name in headers for name in _ASKS_MORE)
