"""What every route of the API has: a declared rank, asked for before anything of a request is read, and its errors."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie

from edge_agent.rank import Rank
from edge_agent.views import Error
from firmware_bridge.errors import DeviceError

if TYPE_CHECKING:
    from edge_agent.api import Parts

COOKIE = "lophoc_session"
LEASE_HEADER = "x-lophoc-lease"
_MOST_KEYS = 16

_STATUS_OF_DEVICE = {
    "not-now": HTTPStatus.CONFLICT,
    "leased": HTTPStatus.CONFLICT,
    "interlocked": HTTPStatus.CONFLICT,
    "refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unreachable": HTTPStatus.GATEWAY_TIMEOUT,
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "bad-reply": HTTPStatus.GATEWAY_TIMEOUT,
}
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="set by POST /api/session")


class ApiError(Exception):
    """Becomes an answer as in docs/api.md."""

    def __init__(self, status: int, error: str, detail: str = "", device: str | None = None, **headers: str) -> None:
        super().__init__(error, detail)
        self.status = status
        self.content = Error(error=error, detail=detail, device=device)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @classmethod
    def of_device(cls, why: DeviceError, device: str) -> Self:
        return cls(_STATUS_OF_DEVICE.get(why.code, HTTPStatus.GATEWAY_TIMEOUT), why.code, str(why), device)


class GuardedRoute(APIRoute):
    """Asks for its rank before anything of the request is read. Raises KeyError when made without `x-role`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.rank = Rank((options.get("openapi_extra") or {})["x-role"])
        super().__init__(*arguments, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            access, token = of_parts(request).access, request.cookies.get(COOKIE)
            rank = access.standing(token).rank
            if not rank.may(self.rank):
                known = rank.may(Rank.TEACHER)
                status = HTTPStatus.FORBIDDEN if known else HTTPStatus.UNAUTHORIZED
                raise ApiError(status, "not-allowed", f"the {self.rank}'s PIN is needed")
            if request.method not in ("GET", "HEAD"):
                access.renew(token)  # a person did this; what a page asks by itself it asks by GET
            return await answer(request)

        return guarded


def of_parts(request: Request) -> "Parts":
    parts: Parts = request.app.state.parts
    return parts


def lease_keys(request: Request) -> tuple[str, ...]:
    """The keys of the leases that whoever asks holds; told in a header, which no other site's page can send."""
    given = request.headers.get(LEASE_HEADER, "")
    return tuple(key for written in given.split(",")[:_MOST_KEYS] if 0 < len(key := written.strip()) <= 64)


def declared(rank: Rank, *errors: int, **more: Any) -> dict[str, Any]:
    """What a route declares: who may, and which errors it may answer."""
    statuses = {*errors, *((401, 403) if rank is not Rank.OPEN else ())}
    return {
        "openapi_extra": {"x-role": rank.value},
        "responses": {status: {"model": Error, "description": HTTPStatus(status).phrase} for status in sorted(statuses)}
        | more.pop("responses", {}),
        "dependencies": [Depends(_cookie)] if rank is not Rank.OPEN else [],
        **more,
    }
