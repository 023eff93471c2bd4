"""Routes: the inbox of alarms, and what people do about them."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from cloud_ingest.accounts.who import Who
from cloud_ingest.alarms.alarm import Alarm, AlarmState, Severity
from cloud_ingest.alarms.inbox import Wanted
from cloud_ingest.api import answers, asked, cursor, paging, shapes, times
from cloud_ingest.api.paging import Listing
from cloud_ingest.api.places import centre_of
from cloud_ingest.api.problem import documented
from cloud_ingest.api.right import Handler, Reader
from cloud_ingest.operations.choosing import NotFound, WrongQuestion

routes = APIRouter(prefix="/alarms")

Number = Annotated[int, Path(ge=1, le=2**53, description="The alarm's id.")]
_HOLDING = frozenset((AlarmState.OPEN, AlarmState.ACKNOWLEDGED))
_ACTS = documented(401, 403, 404, 409, 413, 422, 429, 503)


class Comment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: str = Field("", max_length=1000)


class Assignment(Comment):
    to: str | None = Field(max_length=100, description="Somebody's name; null: nobody.")


class Muting(Comment):
    until: str | None = Field(max_length=40, description="ISO 8601 with an offset, at most a year ahead; null: unmute.")


@routes.get(".csv", response_model=Listing[shapes.Alarm], responses=answers.reads_table(404))
@routes.get("", response_model=Listing[shapes.Alarm], responses=answers.reads_table(404))
async def alarms(request: Request, who: Reader, question: Annotated[asked.OfAlarms, Query()]) -> Response:
    """Alarms that hold, the worst and widest first; or those asked for."""
    if question.school is not None and not who.sees(question.school):
        raise NotFound(f"school {question.school}")
    limit = question.rows(is_csv=answers.wants_csv(request))
    offset = cursor.offset(question.cursor)
    wanted = Wanted(
        states=_HOLDING if question.state is None else frozenset(question.state),
        severities=frozenset(Severity if question.severity is None else map(Severity.of, question.severity)),
        school=question.school,
        room=question.room,
        rule=question.rule,
        assigned_to=question.assigned_to,
        muted=question.muted,
        find=question.find,
        newest_first=question.newest_first,
        limit=limit,
        offset=offset,
    )
    found = await asyncio.to_thread(centre_of(request).inbox.list, who, wanted)
    behind = offset + limit
    following = cursor.written((str(behind),)) if behind < found.total else None
    shown = [shapes.Alarm.of(alarm) for alarm in found.alarms]
    url = paging.next_url(request, following)
    if answers.wants_csv(request):
        return answers.rows(request, shapes.Alarm, shown, url)
    return answers.json(request, Listing[shapes.Alarm](items=shown, next=following), answers.linked(url))


@routes.get("/{number}", response_model=shapes.Alarm, responses=answers.reads(404))
async def alarm(request: Request, who: Reader, number: Number) -> Response:
    """One alarm."""
    return answers.json(request, shapes.Alarm.of(await asyncio.to_thread(centre_of(request).inbox.one, who, number)))


@routes.get("/{number}/history", response_model=shapes.AlarmHistory, responses=answers.reads(404))
async def history(request: Request, who: Reader, number: Number) -> Response:
    """What became of it, and what people did, in order of time."""
    inbox = centre_of(request).inbox
    entries = await asyncio.to_thread(inbox.history, who, number)
    schools = await asyncio.to_thread(inbox.schools, who, number)
    shown = [
        shapes.AlarmEntry(time=times.shown(entry.at_us), by=entry.by, what=entry.what, comment=entry.comment)
        for entry in entries
    ]
    return answers.json(request, shapes.AlarmHistory(schools=list(schools), items=shown))


@routes.post("/{number}/acknowledge", response_model=shapes.Alarm, responses=_ACTS)
async def acknowledge(request: Request, who: Handler, number: Number, body: Comment) -> Response:
    """Say that you know. Twice is once."""
    inbox = centre_of(request).inbox
    return await _act(request, who, "acknowledge", {}, body, lambda: inbox.acknowledge(who, number, body.comment))


@routes.post("/{number}/assign", response_model=shapes.Alarm, responses=_ACTS)
async def assign(request: Request, who: Handler, number: Number, body: Assignment) -> Response:
    """Give it to somebody, or to nobody."""
    inbox = centre_of(request).inbox
    detail = {"to": body.to or ""}
    return await _act(request, who, "assign", detail, body, lambda: inbox.assign(who, number, body.to, body.comment))


@routes.post("/{number}/mute", response_model=shapes.Alarm, responses=_ACTS)
async def mute(request: Request, who: Handler, number: Number, body: Muting) -> Response:
    """Tell nobody of it until then, also if it clears and comes again."""
    inbox = centre_of(request).inbox
    until_us = None if body.until is None else times.read("until", body.until, centre_of(request).city.now_us())
    detail = {"until": body.until or ""}
    return await _act(request, who, "mute", detail, body, lambda: inbox.mute(who, number, until_us, body.comment))


@routes.post("/{number}/comment", response_model=shapes.Alarm, responses=_ACTS)
async def comment(request: Request, who: Handler, number: Number, body: Comment) -> Response:
    """Write something to its history."""
    inbox = centre_of(request).inbox
    return await _act(request, who, "comment", {}, body, lambda: inbox.comment(who, number, body.comment))


async def _act(
    request: Request, who: Who, name: str, detail: dict[str, str], body: Comment, act: Callable[[], Alarm]
) -> Response:
    try:
        changed = await asyncio.to_thread(act)
    except ValueError as wrong:
        raise WrongQuestion({"mute": "until", "assign": "to"}.get(name, "comment"), str(wrong)) from wrong
    written = {**detail, "comment": body.comment}
    audit = centre_of(request).audit
    await asyncio.to_thread(audit.write, who, f"alarm.{name}", str(changed.id), written, changed.school)
    return Response(shapes.Alarm.of(changed).model_dump_json(), media_type=answers.JSON)
