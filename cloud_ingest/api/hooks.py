"""Routes: webhooks, for admins: where alarms are posted to, and from which severity on."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.webhooks import Webhook as KeptWebhook
from cloud_ingest.alarms.webhooks import Webhooks
from cloud_ingest.api import answers, shapes
from cloud_ingest.api.asked import SLUG
from cloud_ingest.api.paging import Listing
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.problem import documented
from cloud_ingest.api.right import Admin

routes = APIRouter(prefix="/webhooks")

Number = Annotated[int, Path(ge=1, le=2**53, description="The webhook's id.")]
_ACTS = documented(401, 403, 413, 422, 429, 503)


class AskedWebhook(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    url: str = Field(min_length=8, max_length=500, description="https://…; without a name, a password or a '#'.")
    severity: Literal["note", "warning", "major", "critical"] = Field("major", description="This and worse.")
    school: str | None = Field(None, pattern=SLUG, description="Only alarms that concern it.")
    after_s: float = Field(0.0, ge=0, le=604_800, description="Once nobody has acknowledged them for so long.")
    active: bool = True


@routes.get("", response_model=Listing[shapes.Webhook], responses=answers.reads())
async def webhooks(request: Request, who: Admin) -> Response:
    """All webhooks, without their secrets."""
    found = await asyncio.to_thread(_kept(request).list)
    return answers.json(request, Listing[shapes.Webhook](items=[shapes.Webhook.of(hook) for hook in found], next=None))


@routes.post("", status_code=201, response_model=shapes.NewWebhook, responses=_ACTS)
async def make_webhook(request: Request, who: Admin, body: AskedWebhook) -> Response:
    """Make one. The secret that signs what is posted is in this answer, and nowhere else ever again."""
    kept = _kept(request)
    hook, secret = await asyncio.to_thread(
        kept.add, body.name, body.url, Severity.of(body.severity), body.school, body.after_s
    )
    if not body.active:
        hook = await asyncio.to_thread(kept.change, _changed(hook.id, body))
    await _write_down(request, who, "webhook.add", hook)
    shown = shapes.NewWebhook(**shapes.Webhook.of(hook).model_dump(), secret=secret)
    return Response(shown.model_dump_json(), 201, {"Cache-Control": "no-store"}, answers.JSON)


@routes.put("/{number}", response_model=shapes.Webhook, responses={**_ACTS, **documented(404)})
async def change_webhook(request: Request, who: Admin, number: Number, body: AskedWebhook) -> Response:
    """Change all of it but its secret."""
    hook = await asyncio.to_thread(_kept(request).change, _changed(number, body))
    await _write_down(request, who, "webhook.change", hook)
    return Response(shapes.Webhook.of(hook).model_dump_json(), media_type=answers.JSON)


@routes.delete("/{number}", status_code=204, responses=documented(401, 403, 404, 422, 429, 503))
async def remove_webhook(request: Request, who: Admin, number: Number) -> Response:
    """Remove it, with what it has not been told yet."""
    hook = await asyncio.to_thread(_kept(request).one, number)
    await asyncio.to_thread(_kept(request).remove, number)
    await _write_down(request, who, "webhook.remove", hook)
    return Response(status_code=204)


def _kept(request: Request) -> Webhooks:
    return Webhooks(centre_of(request).inbox)


def _changed(number: int, body: AskedWebhook) -> KeptWebhook:
    return KeptWebhook(number, body.name, body.url, Severity.of(body.severity), body.school, body.after_s, body.active)


async def _write_down(request: Request, who: Admin, act: str, hook: KeptWebhook) -> None:
    detail = {"name": hook.name, "url": hook.url, "severity": hook.severity.word, "active": str(hook.active).lower()}
    await asyncio.to_thread(centre_of(request).audit.write, who, act, str(hook.id), detail, hook.school)
