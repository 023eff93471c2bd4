"""The city's API, version 1: OpenAPI 3.1, problems as RFC 9457, each route with the right that it needs."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from classroom_profiles.catalogue import WrongCatalogue
from classroom_profiles.problem import DocumentError
from cloud_ingest.accounts.account_file import AccountsUnavailable
from cloud_ingest.accounts.who import WrongAccount
from cloud_ingest.alarms.inbox import HasCleared, InboxUnavailable, NoSuchAlarm, NotTheirs
from cloud_ingest.alarms.webhooks import NoSuchWebhook, WrongWebhook
from cloud_ingest.api import (
    alarms,
    catalogue,
    exports,
    forecasts,
    history,
    hooks,
    keys,
    places,
    stream,
    timetables,
    use,
)  # fmt: skip
from cloud_ingest.api.map_file import MapFile
from cloud_ingest.api.problem import FieldProblem, Problem, Refused, answer
from cloud_ingest.api.right import LimitHeaders, Limits
from cloud_ingest.api.stream import Streams
from cloud_ingest.catalogue.ics import WrongCalendar
from cloud_ingest.catalogue.shelf import NotPublished, ShelfUnavailable
from cloud_ingest.forecasts.forecast_file import ForecastsUnavailable
from cloud_ingest.last_file import LastValuesUnavailable
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.choosing import NotFound, WrongQuestion
from cloud_ingest.operations.register import RegisterUnavailable
from cloud_ingest.operations.usage import UsageUnavailable
from cloud_ingest.operations.watching import TooManyRooms
from cloud_ingest.registry import RegistryUnavailable
from cloud_ingest.store import StoreUnavailable
from cloud_ingest.warehouse.manifests import ExportUnavailable

DESCRIPTION = """
Rooms, equipment and measurements of a city's schools, for its dashboards and its data warehouse.

* **Who asks**: `Authorization: Bearer lh_…`, a key that an admin made, or a session.
* **Who sees what**: a key or account of one school sees that school; others are not there for it (404).
* **Times** are ISO 8601 with an offset, shown in Viet Nam's. Units are at the end of names, as in `lamp_h`.
* **Gaps** are null and never filled in.
* **Lists** are paged: `next` is the `cursor` of the next page. As CSV: `.csv`, or `Accept: text/csv`.
* **ETag**: send it as `If-None-Match`; 304 if nothing has changed.
* **Limits**: `RateLimit` says how many requests are left; 429 and `Retry-After` if none.
* **Problems** are RFC 9457, and name the field and what would be right.
"""

_log = logging.getLogger("lophoc.ops.api")


def make_api(centre: Centre, limits: Limits | None = None, streams: Streams | None = None) -> FastAPI:
    """To be mounted below /api/v1."""
    api = _Api(
        title="lophoc: the city's API",
        version="1.0.0",
        description=DESCRIPTION,
        openapi_url="/openapi.json",
        docs_url=None,  # they would load their script from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.centre = centre
    api.state.limits = limits or Limits()
    api.state.streams = streams or Streams()
    api.state.map_file = MapFile()
    for part in (places, history, use, alarms, forecasts, catalogue, timetables, exports, hooks, keys, stream):
        api.router.routes.extend(part.routes.routes)  # as they are, so that a test finds each with its right
    api.add_middleware(LimitHeaders)
    api.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=3)
    _tell_problems(api)
    return api


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            made = get_openapi(
                title=self.title, version=self.version, openapi_version="3.1.0", description=self.description,
                routes=self.routes, servers=[{"url": "/api/v1"}],
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )  # fmt: skip
            parts = made.setdefault("components", {})
            schemas = parts.setdefault("schemas", {})
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            parts["securitySchemes"] = {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: lh_…"},
                "session": {"type": "apiKey", "in": "cookie", "name": "lophoc_ops"},
            }
            made["security"] = [{"key": []}, {"session": []}]
            self.openapi_schema = made
        return self.openapi_schema


def _text(one: dict[str, Any]) -> str:
    """Pydantic's word on one field."""
    if one["type"] == "extra_forbidden":
        return "there is no such field; the OpenAPI page lists those there are"
    return str(one["msg"])


def _tell_problems(api: FastAPI) -> None:
    @api.exception_handler(Refused)
    async def refused(_: Request, why: Refused) -> Response:
        return answer(why.status, why.detail, why.errors, why.headers)

    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, why: RequestValidationError) -> Response:
        errors = [(".".join(map(str, one["loc"][1:])) or str(one["loc"][0]), _text(one)) for one in why.errors()]
        return answer(422, "; ".join(f"{field}: {text}" for field, text in errors), errors)

    @api.exception_handler(WrongQuestion)
    @api.exception_handler(WrongAccount)
    async def wrong(_: Request, why: WrongQuestion | WrongAccount) -> Response:
        return answer(422, f"{why.field}: {why}", [(why.field, str(why))])

    @api.exception_handler(NotFound)
    async def none(_: Request, why: NotFound) -> Response:
        return answer(404, f"there is no {why}")

    @api.exception_handler(HTTPException)
    async def other(_: Request, why: HTTPException) -> Response:
        return answer(why.status_code, "" if why.status_code in (404, 405) else str(why.detail), (), why.headers)

    @api.exception_handler(NoSuchAlarm)
    async def no_alarm(_: Request, why: NoSuchAlarm) -> Response:
        return answer(404, "there is no such alarm")

    @api.exception_handler(NoSuchWebhook)
    async def no_webhook(_: Request, why: NoSuchWebhook) -> Response:
        return answer(404, str(why))

    @api.exception_handler(WrongWebhook)
    async def wrong_webhook(_: Request, why: WrongWebhook) -> Response:
        return answer(422, str(why), [("url", str(why))])

    @api.exception_handler(DocumentError)
    async def wrong_document(_: Request, why: DocumentError) -> Response:
        errors = [
            FieldProblem(field="text", detail=f"{one.field}: {one.message}" if one.field else one.message,
                         line=one.line, column=one.column)
            for one in why.problems
        ]  # fmt: skip
        return answer(422, f"{len(errors)} mistakes in the text, the first in line {errors[0].line}", errors)

    @api.exception_handler(NotPublished)
    @api.exception_handler(WrongCatalogue)
    @api.exception_handler(WrongCalendar)
    async def not_so(_: Request, why: Exception) -> Response:
        return answer(422, str(why), [("text", str(why))])

    @api.exception_handler(NotTheirs)
    async def not_theirs(_: Request, why: NotTheirs) -> Response:
        return answer(403, str(why))

    @api.exception_handler(HasCleared)
    async def has_cleared(_: Request, why: HasCleared) -> Response:
        return answer(409, str(why))

    async def away(_: Request, why: Exception) -> Response:
        _log.warning("the API could not answer: %s", why)
        return answer(503, str(why), (), {"Retry-After": "10"})

    for kind in (StoreUnavailable, RegistryUnavailable, RegisterUnavailable, UsageUnavailable, AccountsUnavailable,
                 InboxUnavailable, LastValuesUnavailable, TooManyRooms, ForecastsUnavailable, ShelfUnavailable,
                 ExportUnavailable):  # fmt: skip
        api.add_exception_handler(kind, away)
