"""How answers are sent: JSON or CSV, with an ETag, and 304 to whoever has it already."""

import hashlib
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from cloud_ingest.api import csv_table
from cloud_ingest.api.problem import documented

JSON = "application/json"
CSV = "text/csv; charset=utf-8"
_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "Send it as If-None-Match to be told only of a change."}}
_NOT_MODIFIED = {"description": "Nothing has changed since that ETag.", "headers": _ETAG}


def reads(*more: int) -> dict[int | str, dict[str, Any]]:
    """What a route that reads may answer besides 200."""
    return {200: {"headers": _ETAG}, 304: _NOT_MODIFIED, **documented(401, 403, 422, 429, 503, *more)}


def reads_table(*more: int) -> dict[int | str, dict[str, Any]]:
    """As `reads`, with the same table as CSV."""
    found = reads(*more)
    link = {"Link": {"schema": {"type": "string"}, "description": "RFC 8288: the next page, as rel=next."}}
    found[200] = {
        "headers": {**_ETAG, **link},
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
    return found


def wants_csv(request: Request) -> bool:
    """By `.csv` at the end of the path, or because CSV is what it accepts."""
    if request.url.path.endswith(".csv"):
        return True
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    return "text/csv" in accepted and JSON not in accepted and "*/*" not in accepted


def json(request: Request, shown: BaseModel, headers: dict[str, str] | None = None) -> Response:
    return tagged(request, shown.model_dump_json().encode(), JSON, headers)


def rows(request: Request, model: type[BaseModel], shown: Sequence[BaseModel], next_url: str = "") -> Response:
    """A CSV with a column for each field of `model`."""
    columns = list(model.model_fields)
    text = csv_table.written(columns, ([getattr(row, column) for column in columns] for row in shown))
    headers = {"Content-Disposition": f'attachment; filename="{request.url.path.split("/")[-1].split(".")[0]}.csv"'}
    return tagged(request, text.encode(), CSV, {**headers, **linked(next_url)})


def linked(next_url: str) -> dict[str, str]:
    return {"Link": f'<{next_url}>; rel="next"'} if next_url else {}


def tagged(
    request: Request, body: bytes, media_type: str, headers: dict[str, str] | None = None, tag: str = ""
) -> Response:
    """`tag`: what is different whenever the body is, if it is known without looking at the body."""
    etag = f'W/"{tag or hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    sent = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization, Cookie",
        **(headers or {}),
    }
    if has_it(request.headers.get("if-none-match", ""), etag):
        sent.pop("Content-Encoding", None)
        return Response(status_code=304, headers=sent)
    return Response(body, media_type=media_type, headers=sent)


def has_it(if_none_match: str, etag: str) -> bool:
    """RFC 9110, 13.1.2: compared weakly."""
    if if_none_match.strip() == "*":
        return True
    return etag.removeprefix("W/") in [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
