"""Routes: which days the nightly export has. The files themselves are on its disk, where the city's warehouse reads."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from cloud_ingest.api import answers, asked, cursor, paging
from cloud_ingest.api.paging import Listing
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.right import Exporter
from cloud_ingest.api.shapes import Shape
from cloud_ingest.operations.choosing import WrongQuestion
from cloud_ingest.warehouse.manifests import ExportedDay, days_in

routes = APIRouter(prefix="/warehouse")


class Day(Shape):
    day: date
    is_whole: bool = Field(description="It has a manifest, and each file is there and as long as that says.")
    schools: int
    rows: int
    files: int
    bytes: int
    missing: int = Field(description="Files that are not there, or are of another length.")
    made: str | None

    @classmethod
    def of(cls, one: ExportedDay) -> "Day":
        return cls(
            day=one.day, is_whole=one.is_whole, schools=one.schools, rows=one.rows, files=one.files, bytes=one.bytes,
            missing=one.missing, made=one.made or None,
        )  # fmt: skip


@routes.get("/days.csv", response_model=Listing[Day], responses=answers.reads_table())
@routes.get("/days", response_model=Listing[Day], responses=answers.reads_table())
async def days(request: Request, who: Exporter, question: Annotated[asked.OfDays, Query()]) -> Response:
    """The days of the export, the newest first; none if the centre was not told where it is."""
    centre = centre_of(request)
    limit, before = question.rows(is_csv=answers.wants_csv(request)), _before(question.cursor)
    found: list[ExportedDay] = []
    if centre.export is not None:
        found = await centre.city.ask(days_in, centre.export, limit + 1, before)
    shown = [Day.of(one) for one in found[:limit]]
    following = cursor.written((shown[-1].day.isoformat(),)) if len(found) > limit else None
    url = paging.next_url(request, following)
    if answers.wants_csv(request):
        return answers.rows(request, Day, shown, url)
    return answers.json(request, Listing[Day](items=shown, next=following), answers.linked(url))


def _before(text: str | None) -> date | None:
    """Raises WrongQuestion."""
    key = cursor.read(text, 1)
    if key is None:
        return None
    try:
        return date.fromisoformat(key[0])
    except ValueError:
        raise WrongQuestion("cursor", "what `next` of the page before said, of the same question") from None
