"""What every answer of the operations centre tells a browser not to do, and how large a request may be: plain ASGI."""

import contextlib
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MOST = 1024 * 1024
"""Bytes of a request: timetables and pictures of labels are the largest."""
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_OF_API = "default-src 'none'; frame-ancestors 'none'"


class Headers:
    """Sets headers that are not set already, and refuses bodies that are too large."""

    def __init__(self, app: ASGIApp, tiles: str = "") -> None:
        """`tiles`: the address of map tiles, if there are any: the only foreign place that a page may load from."""
        self._app = app
        parts = urlsplit(tiles)
        pictures = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
        # The pages' framework compiles its templates in the browser: hence unsafe-eval.
        self._of_pages = (
            "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
            f"img-src 'self' data: blob:{pictures}; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
            "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = _OF_API if scope["path"].startswith("/api/") else self._of_pages
        is_tls = scope.get("scheme") == "https"

        is_too_large = _length(scope) > BODY_MOST
        taken = 0

        async def sending(message: Message) -> None:
            if is_too_large:
                return  # what the application makes of a request that was cut off
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", policy)
                if is_tls:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        async def receiving() -> Message:
            nonlocal taken, is_too_large
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BODY_MOST:
                is_too_large = True
                raise _TooLarge
            return message

        if not is_too_large:
            with contextlib.suppress(_TooLarge):
                await self._app(scope, receiving, sending)
        if is_too_large:
            said = {
                "type": "about:blank", "title": "Content Too Large", "status": 413,
                "detail": f"a request has at most {BODY_MOST} bytes", "errors": [],
            }  # fmt: skip
            headers = {**_ALWAYS, "Content-Security-Policy": _OF_API}
            await JSONResponse(said, 413, headers, "application/problem+json")(scope, receive, send)


class _TooLarge(Exception):
    pass


def _length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
