"""The framework's scripts and styles, compressed once and kept in memory: they never change while a process lives.

Compressing half a megabyte for each visitor takes a core for longer than everything else that a page needs.
"""

from typing import Final

from nicegui import __version__
from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FRAMEWORK: Final = f"/_nicegui/{__version__}/"
_PLACES: Final = ("static/", "components/", "libraries/", "esm/", "resources/")
_MOST_BYTES: Final = 24 * 1024 * 1024
_ASKS_MORE: Final = ("range", "if-none-match", "if-modified-since", "if-range")


class KeptFiles:
    """In place of the framework's GZipMiddleware: it compresses the rest as that does, and is asked first."""

    def __init__(self, app: ASGIApp) -> None:
        self._pages = GZipMiddleware(app, compresslevel=5)
        self._files = GZipMiddleware(app, compresslevel=9)
        self._kept: dict[tuple[str, bool], tuple[Message, Message]] = {}
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_file(scope):
            await self._pages(scope, receive, send)
            return
        headers = Headers(scope=scope)
        key = scope["path"], "gzip" in headers.get("accept-encoding", "")
        kept = self._kept.get(key)
        if kept is not None:
            start, body = kept
            await send({**start, "headers": [*start["headers"]]})  # whoever is before it adds to them
            await send({**body})
            return
        if any(name in headers for name in _ASKS_MORE):
            await self._files(scope, receive, send)
            return
        heard: list[Message] = []

        async def sending(message: Message) -> None:
            heard.append({**message, "headers": [*message["headers"]]} if "headers" in message else message)
            await send(message)

        await self._files(scope, receive, sending)
        self._keep(key, heard)

    def _keep(self, key: tuple[str, bool], heard: list[Message]) -> None:
        if not heard or heard[0]["type"] != "http.response.start" or heard[0]["status"] != 200:
            return
        body = b"".join(message.get("body", b"") for message in heard[1:])
        if self._bytes + len(body) > _MOST_BYTES or any(name == b"set-cookie" for name, _ in heard[0]["headers"]):
            return
        self._bytes += len(body)
        start = heard[0]
        lines = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        lines.append((b"content-length", str(len(body)).encode()))
        self._kept[key] = (
            {"type": "http.response.start", "status": 200, "headers": lines},
            {"type": "http.response.body", "body": body},
        )


def _is_file(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["method"] == "GET" and path.startswith(FRAMEWORK) and path[len(FRAMEWORK) :].startswith(_PLACES)
