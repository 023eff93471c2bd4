"""Routes: how lessons and equipment are used: profiles, seconds until ready, what fails. Counts, never who."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from cloud_ingest.accounts.who import Who
from cloud_ingest.api import answers, asked, paging, shapes, times
from cloud_ingest.api.paging import Listing
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.right import Reader
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.choosing import Wanted
from cloud_ingest.operations.usage import day_of

routes = APIRouter(prefix="/usage")


@routes.get("/profiles.csv", response_model=Listing[shapes.ProfileUsage], responses=answers.reads_table(404))
@routes.get("/profiles", response_model=Listing[shapes.ProfileUsage], responses=answers.reads_table(404))
async def profiles(request: Request, who: Reader, question: Annotated[asked.OfUsage, Query()]) -> Response:
    """How often each profile was used and how it ended, over whole days of a school or of the city."""
    span = times.span(question.since, question.until, centre_of(request).city.now_us())
    centre = centre_of(request)
    school = question.school or who.school
    if school is not None:
        centre.city.school(who, school)
    found = await centre.city.ask(centre.usage.by_profile, day_of(span.since_us), day_of(span.until_us - 1), school)
    shown = [shapes.ProfileUsage.of(use) for use in found]
    return paging.listed(request, shapes.ProfileUsage, shown)


@routes.get("/failures.csv", response_model=Listing[shapes.ModelFailures], responses=answers.reads_table(404))
@routes.get("/failures", response_model=Listing[shapes.ModelFailures], responses=answers.reads_table(404))
async def failures(request: Request, who: Reader, question: Annotated[asked.OfFailures, Query()]) -> Response:
    """Which models of devices are out of order now, and why; those with the most first."""
    centre = centre_of(request)
    shown = await centre.city.ask(_failures, centre, who, question.school)
    return paging.listed(request, shapes.ModelFailures, shown)


def _failures(centre: Centre, who: Who, school: str | None) -> list[shapes.ModelFailures]:
    devices: Counter[tuple[str, str]] = Counter()
    reasons: dict[tuple[str, str], Counter[str]] = {}
    model = centre.register.model
    for row in centre.city.devices(who, Wanted(school=school, want_total=False)).rows:
        kind = (row.role, model((row.school, row.room, row.device)))
        devices[kind] += 1
        if row.says in ("fault", "unreachable"):
            reasons.setdefault(kind, Counter())[row.reason or row.says] += 1
    found = [
        shapes.ModelFailures(
            role=kind[0], model=kind[1], devices=count, out_of_order=reasons.get(kind, Counter()).total(),
            reasons=dict(reasons.get(kind, Counter()).most_common()),
        )
        for kind, count in devices.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-one.out_of_order, -one.devices, one.role, one.model))
