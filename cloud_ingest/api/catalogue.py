"""Routes: profiles that are published to gateways, and how far each school has come with them."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from cloud_ingest.accounts.who import Who
from cloud_ingest.api import answers, asked, cursor, paging, times
from cloud_ingest.api.asked import SLUG
from cloud_ingest.api.paging import Listing
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.problem import documented
from cloud_ingest.api.right import Publisher, Reader
from cloud_ingest.api.shapes import Shape
from cloud_ingest.catalogue import progress as pure
from cloud_ingest.catalogue.delivery import Step
from cloud_ingest.catalogue.shelf import NotPublished, Published
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.choosing import NotFound, named

routes = APIRouter(prefix="/catalogue")

ProfileName = Annotated[str, Path(pattern=SLUG, description="A profile's id.")]
YAML = "application/yaml"
MOST_LETTERS = 100_000


class Version(Shape):
    """One version of a profile. A version never changes."""

    profile: str
    version: int
    school: str | None = Field(description="The only school that it is for; null: all.")
    note: str
    published: str | None
    published_by: str
    withdrawn: str | None

    @classmethod
    def of(cls, one: Published) -> "Version":
        return cls(
            profile=one.id, version=one.version, school=one.school or None, note=one.note,
            published=times.shown(one.published_us), published_by=one.published_by,
            withdrawn=times.shown(one.withdrawn_us),
        )  # fmt: skip


class Sending(Shape):
    """How what is published comes to the broker."""

    state: Step = Field(description="`off`: by `lophoc catalogue send`; else the centre does it.")
    waiting: int = Field(description="Bundles that the broker does not have yet.")
    since: str | None
    why: str


class Progress(Shape):
    """How far the gateways of a school have come: each counts once."""

    school: str
    serial: int = Field(description="What they shall hold; 0: nothing was made for this school yet.")
    is_sent: bool = Field(description="The broker has it.")
    gateways: int
    applied: int
    staged: int = Field(description="They wait for the end of a lesson.")
    refused: int
    away: int = Field(description="Off or out of reach: they find it when they come back.")
    behind: int = Field(description="They could have it, and have not.")
    problems: dict[str, int] = Field(description="Why it was refused, and by how many.")
    serials: dict[str, int] = Field(description="Which serial how many hold; 0 is none.")

    @classmethod
    def of(cls, one: pure.Progress) -> "Progress":
        return cls(
            school=one.school, serial=one.serial, is_sent=one.is_sent, gateways=one.gateways, applied=one.applied,
            staged=one.staged, refused=one.refused, away=one.away, behind=one.behind, problems=dict(one.problems),
            serials={str(serial): count for serial, count in one.serials},
        )  # fmt: skip


class ToPublish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=MOST_LETTERS, description="The profile as its YAML file is written.")
    school: str | None = Field(None, pattern=SLUG, description="The only school that it is for; null: all.")
    note: str = Field("", max_length=200, description="What has changed, for colleagues.")
    dry_run: bool = Field(False, description="Only check it.")


@routes.get("/profiles.csv", response_model=Listing[Version], responses=answers.reads_table(404))
@routes.get("/profiles", response_model=Listing[Version], responses=answers.reads_table(404))
async def profiles(request: Request, who: Reader, question: Annotated[asked.OfProfiles, Query()]) -> Response:
    """All versions that were published, by profile and school, the newest of each first."""
    centre = centre_of(request)
    if question.school is not None:
        centre.city.school(who, question.school)
    found = await asyncio.to_thread(centre.desk.profiles, who, question.school)
    return _part(request, question, Version, [Version.of(one) for one in found])


@routes.get(
    "/profiles/{profile}/{version}",
    response_class=Response,
    responses={**answers.reads(404), 200: {"content": {YAML: {"schema": {"type": "string"}}}}},
)
async def text(
    request: Request, who: Reader, profile: ProfileName, version: Annotated[int, Path(ge=1, le=2**31)],
    question: Annotated[asked.OfSchool, Query()],
) -> Response:  # fmt: skip
    """The text of a version."""
    found = await asyncio.to_thread(_versions, centre_of(request), who, profile, question.school)
    for one in found:
        if one.version == version:
            return answers.tagged(request, one.text.encode(), YAML)
    raise NotFound(f"version {version} of profile {profile}")


@routes.post("/profiles", status_code=201, response_model=Version,
             responses={200: {"model": Version, "description": "It was a dry run."},
                        **documented(401, 403, 404, 413, 422, 429, 503)})  # fmt: skip
async def publish(request: Request, who: Publisher, body: ToPublish) -> Response:
    """Publish a version of a profile. What is wrong in its text is said with line and column."""
    centre = centre_of(request)
    if body.school is not None:
        centre.city.school(who, body.school)
    if body.dry_run:
        checked = await asyncio.to_thread(centre.desk.check, who, body.text, body.school or "")
        return Response(Version.of(checked.profile).model_dump_json(), 200, media_type=answers.JSON)
    made = await asyncio.to_thread(centre.desk.publish, who, body.text, body.school or "", body.note)
    return Response(Version.of(made).model_dump_json(), 201, media_type=answers.JSON)


@routes.delete("/profiles/{profile}", status_code=204, responses=documented(401, 403, 404, 422, 429, 503))
async def withdraw(
    request: Request, who: Publisher, profile: ProfileName, question: Annotated[asked.OfSchool, Query()]
) -> Response:
    """Withdraw a profile: the one that gateways were installed with holds again."""
    centre = centre_of(request)
    if question.school is not None:
        centre.city.school(who, question.school)
    try:
        await asyncio.to_thread(centre.desk.withdraw, who, profile, question.school or "")
    except NotPublished as none:
        raise NotFound(f"published profile {profile}") from none
    return Response(status_code=204)


@routes.get("/sending", response_model=Sending, responses=answers.reads())
async def sending(request: Request, who: Reader) -> Response:
    """Does the broker have what was published?"""
    now = centre_of(request).delivery.state
    why = now.why if who.school is None else ""  # it may name another school
    return answers.json(request, Sending(state=now.step, waiting=now.waiting, since=times.shown(now.since_us), why=why))


@routes.get("/progress.csv", response_model=Listing[Progress], responses=answers.reads_table(404))
@routes.get("/progress", response_model=Listing[Progress], responses=answers.reads_table(404))
async def progress(request: Request, who: Reader, question: Annotated[asked.OfProgress, Query()]) -> Response:
    """How far each school's gateways have come, those that refused something first."""
    found = await centre_of(request).city.ask(of_schools, centre_of(request), who, question.school, question.find)
    shown = [Progress.of(one) for one in found if not question.troubled or one.refused or one.behind]
    return _part(request, question, Progress, shown)


def of_schools(centre: Centre, who: Who, school: str | None = None, find: str = "") -> list[pure.Progress]:
    """Blocking. Raises NotFound, ShelfUnavailable."""
    only = school or who.school
    if school is not None:
        centre.city.school(who, school)
    sought, fitting = find.strip().lower(), named(centre.city.snapshot, who, find)
    some = {
        name: view.gateways
        for name, view in centre.city.snapshot.schools.items()
        if (only is None or name == only) and (not sought or sought in name or name in fitting)
    }
    return pure.of_city(centre.desk.serials(only), some)


def _versions(centre: Centre, who: Who, profile: str, school: str | None) -> list[Published]:
    if school is not None:
        centre.city.school(who, school)
    return centre.desk.versions(who, profile, school or "")


def _part(request: Request, question: asked.Paged, model: type[Shape], shown: Sequence[Shape]) -> Response:
    """A page of what is all known."""
    limit, offset = question.rows(is_csv=answers.wants_csv(request)), cursor.offset(question.cursor)
    following = cursor.written((str(offset + limit),)) if offset + limit < len(shown) else None
    url = paging.next_url(request, following)
    if answers.wants_csv(request):
        return answers.rows(request, model, shown[offset : offset + limit], url)
    listed = Listing[model](items=shown[offset : offset + limit], next=following)  # type: ignore[valid-type]
    return answers.json(request, listed, answers.linked(url))
