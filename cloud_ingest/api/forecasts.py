"""Routes: what will wear out, and when, as `lophoc forecast` said last."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from cloud_ingest.accounts.who import Who
from cloud_ingest.api import answers, asked, cursor, paging
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.right import Reader
from cloud_ingest.api.shapes import Shape
from cloud_ingest.forecasts.forecast import Forecast, Wear
from cloud_ingest.forecasts.forecast_file import Wanted
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.choosing import named

routes = APIRouter(prefix="/forecasts")


class Foretold(Shape):
    """When one series reaches its limit. Days are null where that is beyond the horizon."""

    school: str
    room: str
    device: str
    role: str
    metric: str
    wear: Wear
    made: date
    value: float
    limit: float
    unit: str = Field(description="Of value, limit and errors.")
    expected: date | None = Field(description="The median.")
    early: date | None
    late: date | None = Field(description="Between early and late with a probability of `level`.")
    level: float
    horizon: date
    observed_days: int
    method: str
    ahead_days: int | None = Field(description="The back-test looked so many days ahead; null if there was too little.")
    folds: int | None = Field(description="So many times.")
    error: float | None = Field(description="Its mean absolute error.")
    naive_error: float | None = Field(description='Of "as in the last 28 days".')
    last_week_error: float | None = Field(description='Of "as in the last 7 days".')
    covered: float | None = Field(description="Share of the folds whose truth was inside the interval.")
    notes: list[str] = Field(description="Codes of what to bear in mind, such as `gaps` or `replaced`.")

    @classmethod
    def of(cls, one: Forecast) -> "Foretold":
        test = one.back_test
        return cls(
            school=one.school, room=one.series.room, device=one.series.device, role=one.series.role,
            metric=one.series.metric, wear=one.wear, made=one.made, value=one.value, limit=one.limit, unit=one.unit,
            expected=one.expected, early=one.early, late=one.late, level=one.level, horizon=one.horizon,
            observed_days=one.observed_days, method=one.method,
            ahead_days=None if test is None else test.ahead_days, folds=None if test is None else test.folds,
            error=None if test is None else test.error, naive_error=None if test is None else test.naive_error,
            last_week_error=None if test is None else test.last_week_error,
            covered=None if test is None else test.covered, notes=list(one.notes),
        )  # fmt: skip


class Forecasts(Shape):
    items: list[Foretold]
    next: str | None = Field(description="Cursor of the next page; null if this is the last.")
    made: date | None = Field(description="When the newest of all was made; null: none ever were.")


@routes.get(".csv", response_model=Forecasts, responses=answers.reads_table(404))
@routes.get("", response_model=Forecasts, responses=answers.reads_table(404))
async def forecasts(request: Request, who: Reader, question: Annotated[asked.OfForecasts, Query()]) -> Response:
    """What wears out next: the soonest first, those beyond their horizon last."""
    centre = centre_of(request)
    limit, offset = question.rows(is_csv=answers.wants_csv(request)), cursor.offset(question.cursor)
    found = await centre.city.ask(centre.forecasts.find, wanted(centre, who, question), limit, offset)
    following = cursor.written((str(offset + limit),)) if offset + limit < found.total else None
    shown = [Foretold.of(one) for one in found.rows]
    url = paging.next_url(request, following)
    if answers.wants_csv(request):
        return answers.rows(request, Foretold, shown, url)
    return answers.json(request, Forecasts(items=shown, next=following, made=found.made), answers.linked(url))


def wanted(centre: Centre, who: Who, question: asked.OfForecasts) -> Wanted:
    """Raises NotFound for a school that they do not see."""
    if question.school is not None:
        centre.city.school(who, question.school)
    return Wanted(
        school=question.school or who.school, wear=question.wear, until=question.until, find=question.find,
        named=named(centre.city.snapshot, who, question.find),
    )  # fmt: skip
