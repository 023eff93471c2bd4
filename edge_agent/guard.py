"""The outermost layer of the HTTP server: turns strangers' pages away, bounds what is sent to us, ends what still runs.

Nobody's page but our own may speak for a person's browser: the cookie is SameSite=Strict, contents are JSON, a foreign
`Origin` is refused, and so is a `Host` that somebody else's DNS could have pointed at us (DNS rebinding).
"""

import asyncio
import ipaddress
import json
import socket
from collections.abc import Collection
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

_FAREWELL_S = 0.3
_OURS = (".local", ".lan", ".home.arpa", ".internal")
"""Endings of names that no public DNS gives."""


class Guard:
    """An ASGI application round another."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        """`names`: what else the gateway is called, such as `a101.school.edu.vn`."""
        self._app = app
        self._names = {name.lower() for name in (*names, socket.gethostname(), "localhost")}
        self._running: set[asyncio.Timeout] = set()
        self._ending = False

    def end(self) -> None:
        """Answer what still runs, and all that comes, with 503; end the streams."""
        if self._ending:
            return
        self._ending = True
        for until in self._running:
            until.reschedule(asyncio.get_running_loop().time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the server does not speak {scope['type']}")
        answer = _Answer(scope["path"], send)
        if wrong := self._wrong(scope["method"], Headers(scope=scope)):
            await answer.error(*wrong)
            return
        try:
            async with asyncio.timeout(None) as until:
                self._running.add(until)
                await self._app(scope, receive, answer.send)
        except TimeoutError:
            if not until.expired():
                raise
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await answer.end()
        finally:
            self._running.discard(until)

    def _wrong(self, method: str, headers: Headers) -> tuple[int, str, str] | None:
        """Status, code and detail."""
        if self._ending:
            return 503, "stopping", "the agent is being stopped"
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 400, "invalid", "this gateway is not known by that name; see `lophoc agent --name`"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return 403, "not-allowed", "another site's page may not use this API"
        if "transfer-encoding" in headers:
            return 411, "invalid", "say how long the content is"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return 413, "invalid", f"a content has at most {MOST_BYTES} bytes"
        if length != "0" and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "invalid", "contents are application/json"
        return None

    def _is_ours(self, host: str) -> bool:
        name = host.lower()
        if name.startswith("["):
            name = name[1:].partition("]")[0]
        elif name.count(":") == 1:
            name = name.partition(":")[0]
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        name = name.removesuffix(".")
        return bool(name) and ("." not in name or name in self._names or name.endswith(_OURS))


class _Answer:
    """One answer on its way, with the headers that all have."""

    def __init__(self, path: str, send: Send) -> None:
        self._is_panel = not path.startswith("/api/") and path != "/openapi.json"
        self._send = send
        self._begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            headers["X-Frame-Options"] = "DENY"
            headers["Referrer-Policy"] = "no-referrer"
            headers["Cache-Control"] = "no-cache" if self._is_panel else "no-store"
        await self._send(message)

    async def error(self, status: int, error: str, detail: str) -> None:
        content = json.dumps({"error": error, "detail": detail, "device": None}).encode()
        kind, length = (b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())
        await self.send({"type": "http.response.start", "status": status, "headers": [kind, length]})
        await self.send({"type": "http.response.body", "body": content})

    async def end(self) -> None:
        if self._begun:
            await self.send({"type": "http.response.body", "body": b""})
        else:
            await self.error(503, "stopping", "the agent is being stopped")
