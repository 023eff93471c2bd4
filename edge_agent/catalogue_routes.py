"""What the centre has published, and today's lessons: two routes, each with its declared rank."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from classroom_profiles.timetable import VIETNAM, Lesson, now_and_next, on_day
from edge_agent.api import Parts
from edge_agent.catalogue import Catalogue
from edge_agent.rank import Rank
from edge_agent.route import ApiError, GuardedRoute, declared, of_parts
from edge_agent.views import CatalogueView, View

router = APIRouter(route_class=GuardedRoute)


class LessonTimeView(View):
    title: str
    profile: str | None
    starts: datetime
    ends: datetime


class TimetableView(View):
    """Of this room, on one day."""

    day: date
    lessons: tuple[LessonTimeView, ...]
    now: LessonTimeView | None
    next: LessonTimeView | None
    """Today or tomorrow."""


def _catalogue(request: Request) -> Catalogue:
    catalogue = of_parts(request).catalogue
    if catalogue is None:
        raise ApiError(404, "not-found", "this agent has no catalogue")
    return catalogue


_Parts = Annotated[Parts, Depends(of_parts)]
_Catalogue = Annotated[Catalogue, Depends(_catalogue)]


@router.get("/api/catalogue", **declared(Rank.VIEWER, 404))
async def published(parts: _Parts, _: _Catalogue) -> CatalogueView:
    """Which catalogue of the centre holds, and if one waits or was refused."""
    shown = parts.views.catalogue()
    assert shown is not None
    return shown


@router.get("/api/timetable", **declared(Rank.VIEWER, 404, 422))
async def timetable(
    parts: _Parts, catalogue: _Catalogue, day: Annotated[date | None, Query(description="today where left out")] = None
) -> TimetableView:
    """This room's lessons of a day, by the timetable that the centre has published; none without one."""
    room, now = parts.room.room.room, datetime.now(VIETNAM).replace(tzinfo=None)
    is_on, to_come = now_and_next(catalogue.timetable, now, room)
    asked = day or now.date()
    return TimetableView(
        day=asked,
        lessons=tuple(_shown(lesson) for lesson in on_day(catalogue.timetable, asked, room)),
        now=None if is_on is None else _shown(is_on),
        next=None if to_come is None else _shown(to_come),
    )


def _shown(lesson: Lesson) -> LessonTimeView:
    return LessonTimeView(
        title=lesson.entry.title,
        profile=lesson.entry.profile,
        starts=lesson.starts.replace(tzinfo=VIETNAM),
        ends=lesson.ends.replace(tzinfo=VIETNAM),
    )
