"""The room's HTTP API and wall panel. A route without a declared rank cannot be made: see `GuardedRoute`."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import Field
from starlette.exceptions import HTTPException

from classroom_profiles.capability import Command, WrongValue
from classroom_profiles.model import Model
from classroom_profiles.profile import Profile
from edge_agent.access import Access, TooManyTries, WrongPin
from edge_agent.catalogue import Catalogue
from edge_agent.events import Events, TooManyStreams
from edge_agent.lab import Lab
from edge_agent.lessons import Busy, Lessons, NoLesson, UnknownProfile
from edge_agent.live_room import LiveRoom
from edge_agent.rank import Rank
from edge_agent.route import COOKIE, ApiError, GuardedRoute, lease_keys, of_parts
from edge_agent.route import declared as _for
from edge_agent.views import (
    DeviceView,
    Error,
    Health,
    LessonView,
    ProfileView,
    RoomView,
    Session,
    SessionState,
    Views,
    lesson_view,
    profile_views,
)
from firmware_bridge.errors import DeviceError

__all__ = ["COMMAND_S", "COOKIE", "PANEL", "ApiError", "GuardedRoute", "Parts", "Start", "Tell", "make_api"]

PANEL = Path(__file__).parent / "panel"
COMMAND_S = 200.0
"""How long a device may take to confirm: a projector may have to cool down before it warms up."""
_SAID_S = 0.5
"""How long to wait for the reading that goes with a confirmation."""

_CODES = {
    HTTPStatus.UNAUTHORIZED: "not-allowed",
    HTTPStatus.FORBIDDEN: "not-allowed",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.SERVICE_UNAVAILABLE: "too-many-listeners",
}

_log = logging.getLogger("lophoc.api")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the API is the outside of."""

    room: LiveRoom
    lessons: Lessons
    profiles: Mapping[str, Profile]
    """By id, in the order to show them."""
    views: Views
    events: Events
    access: Access
    settled: Callable[[], bool]
    """True once every device has been tried."""
    panel: Path = PANEL
    catalogue: Catalogue | None = None
    """What the centre has published."""
    lab: Lab | None = None
    """Benches, their runs, and who holds what."""
    began_s: float = field(default_factory=time.monotonic)


_Parts = Annotated[Parts, Depends(of_parts)]


def make_api(parts: Parts, *more: APIRouter) -> FastAPI:
    """`more`: routers of further routes, each guarded like our own."""
    api = FastAPI(
        title="lophoc: a room",
        version=version("lophoc"),
        description=f"School {parts.room.room.school}, room {parts.room.room.room}. "
        "Each operation says in `x-role` who may: open, viewer, teacher or technician.",
        openapi_url=None,  # a route of our own below, declared like all others
        docs_url=None,
        redoc_url=None,
    )
    api.state.parts = parts
    further = [route for router in more for route in router.routes]
    api.router.routes[:] = [
        *further,
        *_router.routes,
    ]  # each to be seen as itself, so that a test can ask each for its rank
    api.add_exception_handler(ApiError, _say_api_error)
    api.add_exception_handler(HTTPException, _say_http_error)
    api.add_exception_handler(RequestValidationError, _say_invalid)
    api.add_exception_handler(Exception, _say_internal)
    return api


_router = APIRouter(route_class=GuardedRoute)


class LogIn(Model):
    pin: str = Field(min_length=1, max_length=32, description="4 to 12 digits")


class Start(Model):
    profile: str = Field(max_length=48, description="a profile's id, of GET /api/profiles")
    dry_run: bool = Field(False, description="only say how it would run, and what the devices say to it")
    without: tuple[str, ...] = Field((), max_length=256, description="ids of devices to leave out")


class Tell(Model):
    target: str = Field(max_length=48, description="one of the device's controls: 'power', 'switch.fan'")
    value: bool | float | str = Field(description="the state that it shall have")


@_router.get("/api/health", **_for(Rank.OPEN))
async def health(parts: _Parts) -> Health:
    """Is the agent there, and has it tried every device?"""
    uptime_s = round(time.monotonic() - parts.began_s, 3)
    return Health(version=version("lophoc"), uptime_s=uptime_s, ready=parts.settled())


@_router.get("/api/session", **_for(Rank.OPEN))
async def who_am_i(request: Request, parts: _Parts) -> SessionState:
    """What the caller may do now."""
    return _session_state(parts, request.cookies.get(COOKIE))


@_router.post("/api/session", **_for(Rank.OPEN, 401, 422, 429))
async def log_in(asked: LogIn, request: Request, response: Response, parts: _Parts) -> Session:
    """A PIN for a session, as a cookie."""
    try:
        token, standing = await parts.access.log_in(asked.pin, _address(request))
    except WrongPin:
        raise ApiError(401, "wrong-pin", "no such PIN") from None
    except TooManyTries as why:
        raise ApiError(429, "too-many-tries", str(why), Retry_After=str(why.wait_s)) from None
    parts.access.log_out(request.cookies.get(COOKIE))
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/")
    return Session(role=standing.rank, expires_s=standing.expires_s)


@_router.delete("/api/session", **_for(Rank.OPEN))
async def log_out(request: Request, response: Response, parts: _Parts) -> SessionState:
    """End the session, if there is one."""
    parts.access.log_out(request.cookies.get(COOKIE))
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", path="/")
    return _session_state(parts, None)


@_router.get("/api/room", **_for(Rank.VIEWER))
async def room(parts: _Parts) -> RoomView:
    """The whole room as it is now."""
    return parts.views.room()


@_router.get("/api/profiles", **_for(Rank.VIEWER))
async def profiles(parts: _Parts) -> list[ProfileView]:
    """The lessons that can be started, in the order to show them."""
    return profile_views(parts.profiles.values())


_STREAM = {
    "description": "`event: room` with the whole room first, and `leases`; then `device`, `lesson` (or null), "
    "`uplink`, `bench` and `leases` as they change, each with its JSON in one line of `data:`; "
    "and `heartbeat` every 5 s.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@_router.get(
    "/api/events",
    response_class=StreamingResponse,
    **_for(Rank.VIEWER, 503, responses={200: _STREAM}),
)
async def events(request: Request, parts: _Parts) -> StreamingResponse:
    """What happens in the room, as server-sent events."""
    address, token = _address(request), request.cookies.get(COOKIE)
    known = parts.access.knows(token, address)
    try:
        parts.events.check(address, known=known)
    except TooManyStreams:
        raise ApiError(503, "too-many-listeners", "too many streams are open", Retry_After="5") from None
    stream = parts.events.stream(address, lambda: parts.access.standing(token).rank.may(Rank.VIEWER), known=known)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@_router.post(
    "/api/lesson",
    status_code=202,
    **_for(Rank.TEACHER, 404, 409, 422, responses={200: {"model": LessonView, "description": "As it would run"}}),
)
async def start_lesson(asked: Start, response: Response, parts: _Parts) -> LessonView:
    """Start a lesson, or ask how it would run."""
    for device in asked.without:
        _known(parts, device)
    try:
        if asked.dry_run:
            response.status_code = 200
            return lesson_view(await parts.lessons.preview(asked.profile, asked.without))
        return lesson_view(await parts.lessons.start(asked.profile, asked.without))
    except UnknownProfile:
        raise ApiError(404, "unknown-profile", f"no profile {asked.profile!r}") from None
    except Busy:
        raise ApiError(409, "busy", "a lesson is being prepared or undone") from None


@_router.delete("/api/lesson", status_code=202, **_for(Rank.TEACHER, 404))
async def end_lesson(parts: _Parts) -> LessonView:
    """Cancel a lesson that is being prepared, and put back what it or a finished one changed."""
    try:
        return lesson_view(await parts.lessons.end())
    except NoLesson:
        raise ApiError(404, "no-lesson", "there is no lesson to end") from None


@_router.post("/api/devices/{device}/commands", **_for(Rank.TEACHER, 404, 409, 422, 504))
async def command(device: str, asked: Tell, request: Request, parts: _Parts) -> DeviceView:
    """Bring one device to one state; answered once the device itself has confirmed it."""
    _known(parts, device)
    try:
        told = Command.parse(asked.target, asked.value)
        if parts.lab is not None:
            parts.lab.leases.check(device, lease_keys(request))
        await parts.room.command(device, told, COMMAND_S)
    except WrongValue as wrong:
        raise ApiError(422, "invalid", str(wrong), device) from None
    except DeviceError as why:
        raise ApiError.of_device(why, device) from None
    await parts.room.until(lambda: told.holds(parts.room.value(device, told.target.metric)), _SAID_S)
    return parts.views.device(device)


@_router.get("/openapi.json", include_in_schema=False, **_for(Rank.OPEN))
async def openapi(request: Request) -> JSONResponse:
    """This API, described."""
    return JSONResponse(request.app.openapi())


@_router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False, **_for(Rank.OPEN))
async def panel(request: Request, parts: _Parts) -> Response:
    """The wall panel."""
    return await _file(request, parts, "index.html")


@_router.api_route("/{name}", methods=["GET", "HEAD"], include_in_schema=False, **_for(Rank.OPEN))
async def panel_file(name: str, request: Request, parts: _Parts) -> Response:
    """A file of the wall panel, all of which are in one folder."""
    return await _file(request, parts, name)


async def _file(request: Request, parts: Parts, name: str) -> Response:
    return await StaticFiles(directory=parts.panel).get_response(name, request.scope)


def _session_state(parts: Parts, token: str | None) -> SessionState:
    standing = parts.access.standing(token)
    return SessionState(role=standing.rank, expires_s=standing.expires_s, pins_set=parts.access.pins_set)


def _known(parts: Parts, device: str) -> None:
    if parts.room.room.device(device) is None:
        raise ApiError(404, "unknown-device", "the room has no such device", device[:48])


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


async def _say_api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.content.model_dump(), error.status, error.headers)


async def _say_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    content = Error(error=_CODES.get(HTTPStatus(error.status_code), "invalid"), detail=error.detail)
    return JSONResponse(content.model_dump(), error.status_code, error.headers)


async def _say_invalid(_: Request, error: Exception) -> Response:
    """Where and what, never the value: it may be a PIN."""
    assert isinstance(error, RequestValidationError)
    said = [f"{'.'.join(str(part) for part in one['loc'][1:]) or 'body'}: {one['msg']}" for one in error.errors()]
    return JSONResponse(Error(error="invalid", detail="; ".join(said)[:500]).model_dump(), 422)


async def _say_internal(_: Request, __: Exception) -> Response:
    """The server logs it with its traceback."""
    return JSONResponse(Error(error="internal", detail="a mistake in the agent; its log says more").model_dump(), 500)
