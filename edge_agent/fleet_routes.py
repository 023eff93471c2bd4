"""The robot kits' routes: the fleet as it is, and what it can be made to do. Each declares its rank like all others."""

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.staticfiles import StaticFiles
from pydantic import Field

from classroom_profiles.model import Model, Slug
from edge_agent.api import Parts
from edge_agent.fleet import Fleet
from edge_agent.fleet_desk import NothingToRepeat
from edge_agent.fleet_views import FleetView, JobView, job_view
from edge_agent.fleet_work import Job, Kind
from edge_agent.program_shelf import WrongLibrary
from edge_agent.rank import Rank
from edge_agent.route import COOKIE, ApiError, GuardedRoute, declared, lease_keys, of_parts
from firmware_bridge.fleet.flash import ToolMissing
from firmware_bridge.fleet.kits import Kit, NoSuchKit
from firmware_bridge.fleet.library import NotInLibrary

router = APIRouter(route_class=GuardedRoute)


def _fleet(request: Request) -> Fleet:
    fleet = of_parts(request).fleet
    if fleet is None or not fleet.views:
        raise ApiError(404, "no-robots", "the room has no robot kits")
    return fleet


_Parts = Annotated[Parts, Depends(of_parts)]
_Fleet = Annotated[Fleet, Depends(_fleet)]


class Kits(Model):
    """Which kits: those of the groups and those named, all where neither is said."""

    groups: tuple[Slug, ...] = Field((), max_length=64, description="all kits of these groups")
    kits: tuple[Slug, ...] = Field((), max_length=256, description="and these")


class Deploy(Kits):
    program: Slug = Field(description="of the library")
    run: bool = Field(False, description="run it once it is there")


class Run(Kits):
    program: Slug = Field(description="what the kits have already under this name")


class Flash(Kits):
    firmware: Slug = Field(description="of the library")


@router.get("/api/robots", **declared(Rank.VIEWER, 404))
async def robots(fleet: _Fleet) -> FleetView:
    """Every kit as it is, what can be put on them, and the last job."""
    return fleet.views.fleet()


@router.post("/api/robots/check", status_code=202, **declared(Rank.TEACHER, 404, 422))
async def check(asked: Kits, request: Request, fleet: _Fleet) -> JobView:
    """Before the bell: does each kit answer, is all that it holds whole? Stops what runs."""
    return _said(fleet.desk.check(_kits(fleet, asked), lease_keys(request)))


@router.post("/api/robots/deploy", status_code=202, **declared(Rank.TEACHER, 404, 409, 422))
async def deploy(asked: Deploy, request: Request, fleet: _Fleet) -> JobView:
    """Give kits a program of the library, all at once; answered when it has begun, the events tell the rest."""
    return _said(
        await _from_library(fleet.desk.deploy(_kits(fleet, asked), asked.program, asked.run, lease_keys(request)))
    )


@router.post("/api/robots/run", status_code=202, **declared(Rank.TEACHER, 404, 422))
async def run(asked: Run, request: Request, fleet: _Fleet) -> JobView:
    """Run what the kits have already."""
    return _said(fleet.desk.start(_kits(fleet, asked), asked.program, lease_keys(request)))


@router.post("/api/robots/stop", status_code=202, **declared(Rank.TEACHER, 404, 422))
async def stop(asked: Kits, fleet: _Fleet) -> JobView:
    """Stop kits, whoever holds them, and whatever they are being given; no kit waits for another."""
    return _said(fleet.desk.stop(_kits(fleet, asked, back_s=0.0)))


@router.post("/api/robots/flash", status_code=202, **declared(Rank.TECHNICIAN, 404, 409, 422, 503))
async def flash(asked: Flash, request: Request, fleet: _Fleet) -> JobView:
    """Write firmware of the library to kits, and verify it. They are named: the kits of a room may be of many kinds."""
    if not asked.groups and not asked.kits:
        raise ApiError(422, "invalid", "say which kits or groups")
    return _said(await _from_library(fleet.desk.flash(_kits(fleet, asked), asked.firmware, lease_keys(request))))


@router.post("/api/robots/retry", status_code=202, **declared(Rank.TEACHER, 404, 409, 422, 503))
async def retry(request: Request, parts: _Parts, fleet: _Fleet) -> JobView:
    """The last job again, for those of its kits that did not do it."""
    job = fleet.desk.job
    if job is not None and job.kind is Kind.FLASH:
        rank = parts.access.standing(request.cookies.get(COOKIE)).rank
        if not rank.may(Rank.TECHNICIAN):
            raise ApiError(403, "not-allowed", "the technician's PIN is needed")
    try:
        return _said(await _from_library(fleet.desk.again(lease_keys(request))))
    except NothingToRepeat:
        raise ApiError(409, "nothing-failed", "no kit of the last job has failed") from None


@router.api_route("/robots", methods=["GET", "HEAD"], include_in_schema=False, **declared(Rank.OPEN))
async def page(request: Request, parts: _Parts) -> Response:
    """The page of the robot kits."""
    return await StaticFiles(directory=parts.panel).get_response("robots.html", request.scope)


# --- inside ---


def _kits(fleet: Fleet, asked: Kits, back_s: float | None = None) -> tuple[Kit, ...]:
    try:
        return fleet.desk.kits(asked.groups, asked.kits, back_s)
    except NoSuchKit as none:
        raise ApiError(404, "unknown-kit", str(none)) from None


async def _from_library(beginning: Awaitable[Job]) -> Job:
    try:
        return await beginning
    except NotInLibrary as none:
        raise ApiError(404, "not-in-library", str(none)) from None
    except WrongLibrary as wrong:
        raise ApiError(409, "wrong-library", str(wrong)[:500]) from None
    except ToolMissing as missing:
        raise ApiError(503, "tool-missing", str(missing)) from None


def _said(job: Job) -> JobView:
    view = job_view(job)
    assert view is not None
    return view
