"""Who may ask for what: each route declares the right that it needs, and how often somebody may ask."""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_ingest.accounts.accounts import Accounts
from cloud_ingest.accounts.asking import ForeignSite, who_asks
from cloud_ingest.accounts.tries import place
from cloud_ingest.accounts.who import Act, Who
from cloud_ingest.api.problem import Refused

PER_MINUTE = 600
"""Of one key, or of one person."""
STRANGERS_PER_MINUTE = 60
"""Of one address, without a key or session that holds."""


class Limits:
    """In memory: a restart forgives."""

    def __init__(self, per_minute: int = PER_MINUTE, strangers_per_minute: int = STRANGERS_PER_MINUTE) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._known = RateLimitItemPerMinute(per_minute)
        self._strangers = RateLimitItemPerMinute(strangers_per_minute)

    def count(self, request: Request, who: Who | None) -> None:
        """Raises Refused if it is one too many."""
        if who is None:
            name, item = place(request.client.host if request.client else ""), self._strangers
        else:
            name, item = f"{'key' if who.is_key else 'person'} {who.name}", self._known
        fits = self._windows.hit(item, name)
        reset_at, remaining = self._windows.get_window_stats(item, name)
        wait_s = max(1, math.ceil(reset_at - time.time()))
        request.state.limit_headers = _headers(item, remaining, wait_s)
        if not fits:
            raise Refused(
                429,
                f"at most {item.amount} requests a minute: try again in {wait_s} s",
                headers={"Retry-After": str(wait_s)},
            )


def _headers(item: RateLimitItem, remaining: int, wait_s: int) -> dict[str, str]:
    """As draft-ietf-httpapi-ratelimit-headers-10 has them."""
    return {
        "RateLimit-Policy": f'"minute";q={item.amount};w={item.get_expiry()}',
        "RateLimit": f'"minute";r={remaining};t={wait_s}',
    }


class LimitHeaders:
    """Tells with each answer how many are left. Plain ASGI."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(state.get("limit_headers", {}))
            await send(message)

        await self._app(scope, receive, sending)


@dataclass(frozen=True, slots=True)
class Right:
    """A dependency: answers who asks, if they may do this."""

    act: Act

    async def __call__(self, request: Request) -> Who:
        accounts: Accounts = request.app.state.centre.accounts
        limits: Limits = request.app.state.limits
        try:
            who = await asyncio.to_thread(who_asks, accounts, request.method, request.headers, request.cookies)
        except ForeignSite as why:
            raise Refused(403, "a page of another site asks for a change") from why
        limits.count(request, who)
        if who is None:
            raise Refused(401, "log in, or send 'Authorization: Bearer lh_…'", headers={"WWW-Authenticate": "Bearer"})
        if not who.may(self.act):
            raise Refused(403, f"it needs the right {self.act.value}")
        return who


Reader = Annotated[Who, Depends(Right(Act.READ))]
Handler = Annotated[Who, Depends(Right(Act.HANDLE_ALARMS))]
Editor = Annotated[Who, Depends(Right(Act.EDIT_EQUIPMENT))]
Publisher = Annotated[Who, Depends(Right(Act.PUBLISH))]
Exporter = Annotated[Who, Depends(Right(Act.EXPORT))]
Admin = Annotated[Who, Depends(Right(Act.ADMINISTER))]
