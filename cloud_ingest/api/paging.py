"""A page of rows as JSON or CSV, with the way to the next one."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from cloud_ingest.api import answers, cursor
from cloud_ingest.operations.choosing import Page, Row

Shown = TypeVar("Shown", bound=BaseModel)


class Listing(BaseModel, Generic[Shown]):
    items: list[Shown]
    next: str | None = Field(description="Cursor of the next page; null if this is the last.")


def page(
    request: Request,
    found: Page[Row],
    model: type[Shown],
    of: Callable[[Row], Shown],
    key: Callable[[Row], tuple[str, ...]],
) -> Response:
    shown = [of(row) for row in found.rows]
    behind = cursor.written(key(found.rows[-1])) if found.more and found.rows else None
    return listed(request, model, shown, behind)


def listed(request: Request, model: type[Shown], shown: Sequence[Shown], behind: str | None = None) -> Response:
    """As JSON or CSV. `behind`: the cursor of the next page; without it this is all."""
    url = next_url(request, behind)
    if answers.wants_csv(request):
        return answers.rows(request, model, shown, url)
    return answers.json(request, Listing[model](items=shown, next=behind), answers.linked(url))  # type: ignore[valid-type]


def next_url(request: Request, behind: str | None) -> str:
    """The same question from there on; empty if there is none."""
    if behind is None:
        return ""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*asked, ('cursor', behind)])}"
