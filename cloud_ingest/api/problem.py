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
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers


def answer(
    status: int, detail: str = "", errors: Sequence[tuple[str, str]] = (), headers: Mapping[str, str] | None = None
) -> Response:
    found = [FieldProblem(field=field, detail=text) for field, text in errors]
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=found)
    return JSONResponse(
        problem.model_dump(), status, {"Cache-Control": "no-store", **(headers or {})}, media_type=MEDIA_TYPE
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}} for status in statuses}
