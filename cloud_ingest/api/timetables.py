"""Routes: a school's timetable, taken from an iCalendar file."""

import asyncio
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from classroom_profiles.timetable import VIETNAM, Entry
from cloud_ingest.accounts.who import SCHOOL_NAME
from cloud_ingest.api import answers, asked, times
from cloud_ingest.api.asked import SchoolName
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.problem import documented
from cloud_ingest.api.right import Publisher, Reader
from cloud_ingest.api.shapes import Shape
from cloud_ingest.catalogue import ics, preview
from cloud_ingest.operations.choosing import WrongQuestion

routes = APIRouter()

_ICS = "text/calendar"


class Lesson(Shape):
    """Held once, or again and again by its rule."""

    id: str
    room: str
    title: str
    starts: datetime = Field(description="In Viet Nam's time.")
    minutes: int
    profile: str | None
    rule: str | None = Field(description="RRULE of iCalendar (RFC 5545).")
    without: list[date]

    @classmethod
    def of(cls, entry: Entry) -> "Lesson":
        return cls(
            id=entry.id, room=entry.room, title=entry.title, starts=entry.starts.replace(tzinfo=VIETNAM),
            minutes=entry.minutes, profile=entry.profile, rule=entry.rule, without=list(entry.without),
        )  # fmt: skip


class KeptTimetable(Shape):
    school: str
    source: str = Field(description="The name of its file, if it had one.")
    published: str | None = Field(description="null: there is none.")
    published_by: str
    lessons: list[Lesson]


class RoomWeek(Shape):
    room: str
    lessons: list[int] = Field(description="How many from Monday to Sunday.")
    is_known: bool = Field(description="A gateway has said that there is such a room.")


class LeftOut(Shape):
    why: str
    count: int
    titles: list[str] = Field(description="Some of them.")


class TakenTimetable(Shape):
    """What was published, or would be."""

    school: str
    is_published: bool
    lessons: int
    week_of: date | None = Field(description="The Monday of the week that is shown.")
    rooms: list[RoomWeek]
    left_out: list[LeftOut] = Field(description="Events that are no lessons, and why.")


@routes.get("/schools/{school}/timetable", response_model=KeptTimetable, responses=answers.reads(404))
async def timetable(request: Request, who: Reader, school: SchoolName) -> Response:
    """The timetable that is published."""
    centre = centre_of(request)
    centre.city.school(who, school)
    found = await asyncio.to_thread(centre.desk.timetable, school)
    if found is None:
        shown = KeptTimetable(school=school, source="", published=None, published_by="", lessons=[])
    else:
        shown = KeptTimetable(
            school=school, source=found.source, published=times.shown(found.published_us),
            published_by=found.published_by, lessons=[Lesson.of(entry) for entry in found.entries],
        )  # fmt: skip
    return answers.json(request, shown)


@routes.put(
    "/schools/{school}/timetable",
    response_model=TakenTimetable,
    responses=documented(401, 403, 404, 413, 422, 429, 503),
    openapi_extra={
        "requestBody": {"required": True, "content": {_ICS: {"schema": {"type": "string", "minLength": 1}}}}
    },
)
async def put_timetable(
    request: Request, who: Publisher, school: SchoolName, question: Annotated[asked.OfTimetable, Query()]
) -> Response:
    """Put an iCalendar file in the place of the timetable before; `dry_run`: only say what would be in it."""
    centre = centre_of(request)
    view = centre.city.school(who, school)
    today = datetime.now(VIETNAM).date()
    ends = question.ends or preview.end_of_school_year(today)
    found = await asyncio.to_thread(
        centre.desk.read_timetable, school, await request.body(), ends, _rooms(question.location or [])
    )
    if not question.dry_run:
        await asyncio.to_thread(centre.desk.put_timetable, who, school, found, "API")
    week = await asyncio.to_thread(preview.week_of, found.entries, today, view.rooms.keys())
    return Response(_taken(school, found, week, not question.dry_run).model_dump_json(), media_type=answers.JSON)


def _taken(school: str, found: ics.Read, week: preview.Week, is_published: bool) -> TakenTimetable:
    return TakenTimetable(
        school=school,
        is_published=is_published,
        lessons=len(found.entries),
        week_of=week.monday,
        rooms=[RoomWeek(room=one.room, lessons=list(one.lessons), is_known=one.is_known) for one in week.rooms],
        left_out=[
            LeftOut(why=one.why, count=one.count, titles=list(one.titles)) for one in preview.left_out(found.skipped)
        ],
    )


def _rooms(written: list[str]) -> dict[str, str]:
    """Raises WrongQuestion."""
    found: dict[str, str] = {}
    for one in written:
        name, equals, slug = one.rpartition("=")
        if not equals or SCHOOL_NAME.fullmatch(slug) is None:
            raise WrongQuestion("location", "LOCATION=room, such as `Phòng 101=a101`")
        found[name] = slug
    return found
