"""Routes: what was measured: newest values, points, windows, gaps, and figures of schools."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from classroom_profiles.metrics import unit
from classroom_profiles.telemetry import Measurement
from cloud_ingest.api import answers, asked, cursor, paging, shapes, times
from cloud_ingest.api.asked import MetricName, RoomName, SchoolName
from cloud_ingest.api.paging import Listing
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.right import Reader
from cloud_ingest.operations import usage
from cloud_ingest.operations.choosing import WrongQuestion
from cloud_ingest.store import Sample
from cloud_ingest.windows import DAY_US, Span

routes = APIRouter()
_ROOM = "/schools/{school}/rooms/{room}"


@routes.get(f"{_ROOM}/series.csv", response_model=shapes.LatestValues, responses=answers.reads_table(404))
@routes.get(f"{_ROOM}/series", response_model=shapes.LatestValues, responses=answers.reads_table(404))
async def series(request: Request, who: Reader, school: SchoolName, room: RoomName) -> Response:
    """Each series of a room with its newest value."""
    found = await centre_of(request).city.live(who, school, room)
    shown = [shapes.LatestValue.of(last) for last in found]
    if answers.wants_csv(request):
        return answers.rows(request, shapes.LatestValue, shown)
    return answers.json(request, shapes.LatestValues(items=shown))


@routes.get(f"{_ROOM}/points.csv", response_model=shapes.Points, responses=answers.reads_table(404))
@routes.get(f"{_ROOM}/points", response_model=shapes.Points, responses=answers.reads_table(404))
async def points(
    request: Request, who: Reader, school: SchoolName, room: RoomName, question: Annotated[asked.OfPoints, Query()]
) -> Response:
    """The points of one series, in order of time."""
    span = times.span(question.since, question.until, centre_of(request).city.now_us())
    after = cursor.read(question.cursor, 1)
    if after is not None:
        span = Span(max(span.since_us, _time(after)), span.until_us)
    limit = question.rows(is_csv=answers.wants_csv(request))
    city = centre_of(request).city
    if span.since_us >= span.until_us:
        city.room(who, school, room)
        found: Sequence[Sample] = ()
    else:
        found = await city.points(who, school, question.series(room), span, limit + 1)
    shown = [shapes.Point.of(sample) for sample in found[:limit]]
    behind = cursor.written((str(found[limit].time_us),)) if len(found) > limit else None
    url = paging.next_url(request, behind)
    if answers.wants_csv(request):
        return answers.rows(request, shapes.Point, shown, url)
    made = shapes.Points(unit=unit(question.metric), items=shown, next=behind)
    return answers.json(request, made, answers.linked(url))


@routes.get(f"{_ROOM}/windows.csv", response_model=shapes.Windows, responses=answers.reads_table(404))
@routes.get(f"{_ROOM}/windows", response_model=shapes.Windows, responses=answers.reads_table(404))
async def windows(
    request: Request, who: Reader, school: SchoolName, room: RoomName, question: Annotated[asked.OfWindows, Query()]
) -> Response:
    """One series by windows, for charts: a year as well as an hour. A gap is null, and never filled in."""
    span = times.span(question.since, question.until, centre_of(request).city.now_us())
    window_us = times.window_us(question.window, span)
    try:
        found = await centre_of(request).city.windows(who, school, question.series(room), span, window_us)
    except WrongQuestion:
        raise
    except ValueError as wrong:
        raise WrongQuestion("window", str(wrong)) from wrong
    if answers.wants_csv(request):
        by_start = {window.start_us: window for window in found}
        rows = []
        for start in span.starts(window_us):
            one = by_start.get(start)
            rows.append(
                shapes.WindowRow(
                    start=times.shown(start), count=one.count if one else 0, mean=one.mean if one else None,
                    minimum=one.minimum if one else None, maximum=one.maximum if one else None,
                    last=one.last if one else None,
                )
            )  # fmt: skip
        return answers.rows(request, shapes.WindowRow, rows)
    return answers.json(request, shapes.Windows.of(question.metric, span, window_us, list(found)))


@routes.get(f"{_ROOM}/gaps", response_model=shapes.GapReport, responses=answers.reads(404))
async def gaps(
    request: Request, who: Reader, school: SchoolName, room: RoomName, question: Annotated[asked.OfGaps, Query()]
) -> Response:
    """Where the series of a room have no points although they should, and why as far as that is known."""
    span = times.span(question.since, None, centre_of(request).city.now_us())
    if span.until_us - span.since_us > 31 * DAY_US:
        raise WrongQuestion("since", "at most 31 days ago")
    period_us = None if question.period_s is None else round(question.period_s * 1e6)
    found = await centre_of(request).city.gaps(who, school, room, span, period_us)
    return answers.json(
        request,
        shapes.GapReport(
            since=times.shown(span.since_us),
            until=times.shown(span.until_us),
            items=[shapes.SeriesGapReport.of(one) for one in found],
        ),
    )


@routes.get(f"{_ROOM}/lessons.csv", response_model=Listing[shapes.RoomLesson], responses=answers.reads_table(404))
@routes.get(f"{_ROOM}/lessons", response_model=Listing[shapes.RoomLesson], responses=answers.reads_table(404))
async def lessons(
    request: Request, who: Reader, school: SchoolName, room: RoomName, question: Annotated[asked.OfTime, Query()]
) -> Response:
    """The lessons of a room, in order of time: which profile, how it went, how long until it was ready."""
    span = times.span(question.since, question.until, centre_of(request).city.now_us())
    centre = centre_of(request)
    centre.city.room(who, school, room)
    found = await centre.city.ask(usage.history, centre.usage.store, school, room, span)
    shown = [shapes.RoomLesson.of(lesson) for lesson in found]
    return paging.listed(request, shapes.RoomLesson, shown)


@routes.get("/aggregates/{metric}.csv", response_model=Listing[shapes.SchoolTotal],
                responses=answers.reads_table())  # fmt: skip
@routes.get("/aggregates/{metric}", response_model=Listing[shapes.SchoolTotal], responses=answers.reads_table())
async def aggregates(
    request: Request, who: Reader, metric: MetricName, question: Annotated[asked.OfTime, Query()]
) -> Response:
    """One metric by school: how many points, their mean, and when the last was measured."""
    span = times.span(question.since, question.until, centre_of(request).city.now_us())
    found = await centre_of(request).city.by_school(who, metric, span)
    shown = [shapes.SchoolTotal.of(metric, totals) for totals in found]
    return paging.listed(request, shapes.SchoolTotal, shown)


@routes.get("/aggregates/{metric}/now.csv", response_model=Listing[shapes.SchoolTotal],
                responses=answers.reads_table())  # fmt: skip
@routes.get("/aggregates/{metric}/now", response_model=Listing[shapes.SchoolTotal], responses=answers.reads_table())
async def aggregates_now(
    request: Request, who: Reader, metric: MetricName, question: Annotated[asked.OfNow, Query()]
) -> Response:
    """One metric by school as it is now: how many series, the mean of their newest values, and when the last came."""
    city = centre_of(request).city
    span = times.span(question.since, None, city.now_us())
    shown = [shapes.SchoolTotal.of(metric, one) for one in await city.by_school_now(who, metric, span.since_us)]
    return paging.listed(request, shapes.SchoolTotal, shown)


@routes.get("/schools/{school}/attendance.csv", response_model=Listing[shapes.AttendanceCount],
                responses=answers.reads_table(404))  # fmt: skip
@routes.get("/schools/{school}/attendance", response_model=Listing[shapes.AttendanceCount],
                responses=answers.reads_table(404))  # fmt: skip
async def attendance(request: Request, who: Reader, school: SchoolName) -> Response:
    """How many people each room of a school counted last. Their course is in `windows` of measurement `attendance`."""
    shown = [
        shapes.AttendanceCount(
            school=last.school, room=last.room, device=last.device, metric=last.metric, count=float(last.value),
            time=times.shown(last.time_us), simulated=last.simulated,
        )
        for last in await centre_of(request).city.latest(who, school)
        if last.measurement is Measurement.ATTENDANCE and not isinstance(last.value, str)
    ]  # fmt: skip
    return paging.listed(request, shapes.AttendanceCount, shown)


def _time(key: tuple[str, ...]) -> int:
    """Raises WrongQuestion."""
    if not key[0].isascii() or not key[0].isdigit() or len(key[0]) > 18:
        raise WrongQuestion("cursor", "what `next` of the page before said, of the same question")
    return int(key[0])
