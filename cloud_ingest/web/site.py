"""The pages of the operations centre, put into its ASGI app. NiceGUI has one app for a process: attach it once."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import Client, ui
from nicegui import app as pages_app

from cloud_ingest.accounts.account_file import AccountsUnavailable
from cloud_ingest.accounts.oidc import local
from cloud_ingest.accounts.who import Act
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.choosing import NotFound
from cloud_ingest.web import wards
from cloud_ingest.web.asked import address
from cloud_ingest.web.kept_files import KeptFiles
from cloud_ingest.web.live import Region
from cloud_ingest.web.markup import note
from cloud_ingest.web.pages import ALL, login
from cloud_ingest.web.seat import LANGUAGE_COOKIE, Seat, language_of, seat_of
from cloud_ingest.web.shell import begin, shell
from cloud_ingest.web.words import LANGUAGES, Words

STATIC = Path(__file__).parent / "static"
_YEAR_S = 31_536_000


def attach(app: FastAPI, centre: Centre) -> None:
    """Puts the pages at `/`: routes of the app itself, such as `/api` and `/auth`, go first, so add them before."""

    @app.get("/web/wards.json", include_in_schema=False)
    async def ward_cells(request: Request) -> Response:
        body, etag = await asyncio.to_thread(_wards)
        headers = {"ETag": etag, "Cache-Control": "private, max-age=86400"}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    @app.get("/web/language/{language}", include_in_schema=False)
    async def choose_language(language: str, next: str = "/") -> Response:  # noqa: A002 - as addresses have it
        answer = RedirectResponse(local(next), 303)
        if language in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_S, httponly=True, samesite="lax")
        return answer

    @pages_app.exception_handler(404)
    async def not_here(request: Request, _: Exception) -> Response:
        with Client(ui.page(""), request=request) as client:
            _say(request, "not_found", 404)
        return client.build_response(request, 404)

    pages_app.add_static_files("/web/static", STATIC, max_cache_age=_YEAR_S)
    ui.add_head_html(_head(), shared=True)
    for one in ALL:
        _page(one.path, _guarded(centre, one.build, one.act))
    _page(login.PATH, lambda request: _login(request, centre))
    ui.run_with(
        app, title="lophoc", language="vi", favicon=STATIC / "favicon.svg", tailwind=False,
        dark=None, show_welcome_message=False,
        binding_refresh_interval=None, reconnect_timeout=10.0, gzip_middleware_factory=KeptFiles,  # type: ignore[arg-type]
    )  # fmt: skip


Shown = Callable[[Request], Awaitable[Response | None]]


def _page(path: str, shown: Shown) -> None:
    async def page(request: Request) -> Response | None:
        return await shown(request)

    ui.page(path, response_timeout=10.0)(page)


def _guarded(centre: Centre, build: Callable[[Seat], Awaitable[None]], act: Act) -> Shown:
    async def shown(request: Request) -> Response | None:
        try:
            seat = await seat_of(request, centre)
        except AccountsUnavailable:
            _say(request, "accounts_unavailable")
            return None
        if seat is None:
            return RedirectResponse(address(login.PATH, {"next": seat_address(request)}), 303)
        if not seat.may(act):
            _closed(seat, "not_allowed")
            return None
        seat.act = act
        try:
            await build(seat)
        except NotFound:
            _closed(seat, "not_found")
        return None

    return shown


def seat_address(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


async def _login(request: Request, centre: Centre) -> Response | None:
    return login.build(request, Words(language_of(request)), with_oidc=centre.oidc is not None)


def _closed(seat: Seat, why: str) -> None:
    ui.context.client.status_code = 404 if why == "not_found" else 403
    with shell(seat, seat.say(f"{why}_title"), ""):
        Region(note("trouble", seat.say(why)))


def _say(request: Request, why: str, status: int = 503) -> None:
    ui.context.client.status_code = status
    say = Words(language_of(request))
    begin(say.language, say("centre"))
    with ui.element("main").classes("alone"):
        Region(note("trouble", say(why)))


def _head() -> str:
    version = hashlib.blake2b(
        b"".join((STATIC / name).read_bytes() for name in ("shell.js", "style.css")), digest_size=6
    ).hexdigest()
    return (
        f'<script src="/web/static/shell.js?{version}"></script>'
        f'<link rel="stylesheet" href="/web/static/style.css?{version}">'
    )


@cache
def _wards() -> tuple[bytes, str]:
    found = wards.wards()
    shown = [
        {
            "name": ward.name,
            "at": [ward.latitude, ward.longitude],
            "cell": [[round(latitude, 4), round(longitude, 4)] for latitude, longitude in cell],
        }
        for ward, cell in zip(found, wards.cells(found), strict=True)
    ]
    body = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
    return body, f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
