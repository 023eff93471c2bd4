"""Routes: API keys, for admins. A key's secret is shown once, when it is made."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from cloud_ingest.accounts.accounts import Key as KeptKey
from cloud_ingest.accounts.who import Act, WrongAccount
from cloud_ingest.api import answers, shapes, times
from cloud_ingest.api.asked import SLUG
from cloud_ingest.api.paging import Listing
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.problem import documented
from cloud_ingest.api.right import Admin
from cloud_ingest.operations.choosing import NotFound
from cloud_ingest.windows import DAY_US

routes = APIRouter(prefix="/keys")


class AskedKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    label: str = Field(min_length=1, max_length=64, description="What it is for.")
    scopes: list[Act] = Field([Act.READ], min_length=1, max_length=10)
    school: str | None = Field(None, pattern=SLUG, description="The only school that it sees.")
    days: int | None = Field(None, ge=1, le=3650, description="It ends after so many days.")


@routes.get("", response_model=Listing[shapes.Key], responses=answers.reads())
async def keys(request: Request, who: Admin) -> Response:
    """All keys, without their secrets."""
    found = await asyncio.to_thread(centre_of(request).accounts.api_keys)
    return answers.json(request, Listing[shapes.Key](items=[shapes.Key(**_shown(key)) for key in found], next=None))


@routes.post("", status_code=201, response_model=shapes.NewKey,
             responses=documented(401, 403, 413, 422, 429, 503))  # fmt: skip
async def make_key(request: Request, who: Admin, body: AskedKey) -> Response:
    """Make a key. It is in this answer, and nowhere else ever again."""
    centre = centre_of(request)
    until_us = None if body.days is None else centre_of(request).city.now_us() + body.days * DAY_US
    made, written = await asyncio.to_thread(
        centre.accounts.add_key, body.label, frozenset(body.scopes), who.name, body.school, until_us
    )
    detail = {"label": body.label, "scopes": " ".join(sorted(body.scopes))}
    await asyncio.to_thread(centre.audit.write, who, "key.add", made, detail, body.school)
    kept = next((key for key in await asyncio.to_thread(centre.accounts.api_keys) if key.id == made), None)
    if kept is None:
        raise WrongAccount("id", "it was removed at once by somebody else")
    shown = shapes.NewKey(**_shown(kept), key=written)
    return Response(shown.model_dump_json(), 201, {"Cache-Control": "no-store"}, answers.JSON)


@routes.delete("/{key}", status_code=204, responses=documented(401, 403, 404, 422, 429, 503))
async def remove_key(
    request: Request, who: Admin, key: Annotated[str, Path(pattern="^[0-9a-f]{8}$", description="Its id.")]
) -> Response:
    """Remove a key: it is refused from now on."""
    centre = centre_of(request)
    try:
        await asyncio.to_thread(centre.accounts.remove_key, key)
    except WrongAccount as wrong:
        raise NotFound(f"key {key}") from wrong
    await asyncio.to_thread(centre.audit.write, who, "key.remove", key)
    return Response(status_code=204)


def _shown(key: KeptKey) -> dict[str, object]:
    return {
        "id": key.id, "label": key.label, "school": key.school, "scopes": sorted(key.scopes), "made_by": key.made_by,
        "made": times.shown(key.made_us), "until": times.shown(key.until_us), "used": times.shown(key.used_us),
    }  # fmt: skip
