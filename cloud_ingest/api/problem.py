"""What went wrong, as RFC 9457 has it: which field it was, and what would be right."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One field of a request."""

    field: str = Field(description="Its name, such as `since`; in a body, dotted.")
    detail: str = Field(description="What would be right.")
    line: int | None = Field(None, description="In a text: where, from 1.")
    column: int | None = Field(None, description="From 1, in characters.")


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field("about:blank", description="Always `about:blank`: the status says what kind it is.")
    title: str
    status: int
    detail: str = ""
    errors: list[FieldProblem] = Field([], description="If fields are wrong: which.")


class Refused(Exception):
    """Becomes the answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[tuple[str, str] | FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers


def answer(
    status: int,
    detail: str = "",
    errors: Sequence[tuple[str, str] | FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    found = [
        one if isinstance(one, FieldProblem) else FieldProblem(field=one[0], detail=one[1], line=None, column=None)
        for one in errors
    ]
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=found)
    sent = {"Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(problem.model_dump(exclude_none=True), status, sent, media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}} for status in statuses}
