"""`/auth`: log in, log out, and who one is."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from cloud_ingest.accounts.account_file import AccountsUnavailable
from cloud_ingest.accounts.accounts import COOKIE, SESSION_S, Accounts, WrongPassword
from cloud_ingest.accounts.asking import ForeignSite, who_asks
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.oidc import NotConfirmed, Oidc, ProviderUnavailable, local
from cloud_ingest.accounts.tries import TooManyTries
from cloud_ingest.accounts.who import Act, Who

STATE_COOKIE = "lophoc_ops_state"
LOGIN_PAGE = "/login"


class LogIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=256)


class Me(BaseModel):
    """Who asks. `school`: the only one that they see."""

    name: str
    role: str
    school: str | None
    may: list[Act]

    @classmethod
    def of(cls, who: Who) -> "Me":
        return cls(name=who.name, role=who.role, school=who.school, may=[act for act in Act if who.may(act)])


class Problem(BaseModel):
    """RFC 9457."""

    title: str
    status: int
    detail: str = ""


class _Discreet(APIRoute):
    """What was sent is not sent back in an error: it may be a password."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        ask = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await ask(request)
            except RequestValidationError as wrong:
                where = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong.errors())
                return _problem(422, where)

        return answer


def router(accounts: Accounts, audit: Audit, oidc: Oidc | None = None) -> APIRouter:
    """The routes below `/auth`."""
    made = APIRouter(prefix="/auth", tags=["auth"], route_class=_Discreet)
    refused = {"model": Problem, "content": {"application/problem+json": {}}}

    @made.post("/login", status_code=204, responses=dict.fromkeys((401, 403, 422, 429, 503), refused))
    async def log_in(request: Request, body: LogIn) -> Response:
        """Sets the session's cookie. 401 for no such account or a wrong password, 429 after too many."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _problem(403, "asked for by another site")
        address = request.client.host if request.client is not None else ""
        try:
            token, _ = await asyncio.to_thread(accounts.log_in, body.name, body.password.get_secret_value(), address)
        except WrongPassword:
            return _problem(401, "no such account, or not its password")
        except TooManyTries as why:
            return _problem(429, str(why), {"Retry-After": str(why.wait_s)})
        except AccountsUnavailable as why:
            return _problem(503, str(why))
        return _with_session(Response(status_code=204), request, token)

    @made.post("/logout", status_code=204, responses={503: refused})
    async def log_out(request: Request) -> Response:
        """Ends the session."""
        try:
            await asyncio.to_thread(accounts.log_out, request.cookies.get(COOKIE))
        except AccountsUnavailable as why:
            return _problem(503, str(why))
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    @made.get("/me", responses={401: refused, 503: refused}, response_model=Me)
    async def me(request: Request) -> Response:
        """Who asks, and what they may do."""
        try:
            who = await asyncio.to_thread(who_asks, accounts, request.method, request.headers, request.cookies)
        except (ForeignSite, AccountsUnavailable) as why:
            return _problem(503, str(why))
        if who is None:
            return _problem(401, "log in first")
        return JSONResponse(Me.of(who).model_dump(), headers={"Cache-Control": "no-store"})

    if oidc is not None:
        made.add_api_route("/oidc", _begin(oidc), methods=["GET"], include_in_schema=False)
        made.add_api_route("/oidc/callback", _end(oidc, accounts, audit), methods=["GET"], include_in_schema=False)
    return made


def _begin(oidc: Oidc) -> Callable[[Request], Awaitable[Response]]:
    async def begin(request: Request) -> Response:
        try:
            url, state = await oidc.begin(request.query_params.get("next", "/"))
        except ProviderUnavailable:
            return RedirectResponse(f"{LOGIN_PAGE}?why=provider", 303)
        answer = RedirectResponse(url, 303)
        answer.set_cookie(
            STATE_COOKIE, state, max_age=600, path="/auth/oidc", httponly=True, samesite="lax",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return answer

    return begin


def _end(oidc: Oidc, accounts: Accounts, audit: Audit) -> Callable[[Request], Awaitable[Response]]:
    async def end(request: Request) -> Response:
        asked = request.query_params
        try:
            subject, back_to = await oidc.end(
                asked.get("state", ""), request.cookies.get(STATE_COOKIE), asked.get("code", "")
            )
            token, _ = await asyncio.to_thread(accounts.log_in_as, subject)
        except NotConfirmed:
            return RedirectResponse(f"{LOGIN_PAGE}?why=not-confirmed", 303)
        except ProviderUnavailable:
            return RedirectResponse(f"{LOGIN_PAGE}?why=provider", 303)
        except WrongPassword:
            return RedirectResponse(f"{LOGIN_PAGE}?why=no-account", 303)
        except AccountsUnavailable:
            return RedirectResponse(f"{LOGIN_PAGE}?why=accounts", 303)
        answer = _with_session(RedirectResponse(local(back_to), 303), request, token)
        answer.delete_cookie(STATE_COOKIE, path="/auth/oidc")
        return answer

    return end


def _with_session(answer: Response, request: Request, token: str) -> Response:
    # Lax, not Strict: whoever comes back from the identity provider, or by a link in an alarm's mail, is logged in.
    # Changes are guarded by Fetch Metadata and by JSON bodies that no other site's form can send.
    answer.set_cookie(
        COOKIE, token, max_age=SESSION_S, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    shown = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(shown.model_dump(), status, headers, media_type="application/problem+json")
