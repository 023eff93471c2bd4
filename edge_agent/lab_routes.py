"""The lab's routes: benches and their stream, recorded runs, leases. Each declares its rank like all others."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from classroom_profiles import lease as rules
from classroom_profiles.capability import Command, WrongValue
from classroom_profiles.lease import Held, NotAllowed, Reason, Staff
from classroom_profiles.model import Model, Slug
from edge_agent.api import COMMAND_S, SAID_S, Parts, Tell
from edge_agent.events import TooManyStreams
from edge_agent.lab import Lab
from edge_agent.lab_views import (
    BenchView,
    LeaseView,
    NoteView,
    OwnLeaseView,
    RunView,
    SamplesView,
    WholeRunView,
    note_view,
    run_views,
)
from edge_agent.leases import NoSuchLease, NotLeasable
from edge_agent.rank import Rank
from edge_agent.route import COOKIE, ApiError, GuardedRoute, declared, lease_keys, of_parts
from edge_agent.run import Note
from edge_agent.run_export import Format
from edge_agent.run_export_process import ExportFailed, contents, exported
from edge_agent.run_file import NoSuchRun, TooManyNotes
from edge_agent.run_store import Unwritable
from edge_agent.runs import EXPERIMENT
from firmware_bridge.errors import DeviceError

_KINDS = {Format.CSV: "text/csv; charset=utf-8", Format.PARQUET: "application/vnd.apache.parquet"}
_exporting = "a run is being exported; try again in a moment"
_Result = TypeVar("_Result")

router = APIRouter(route_class=GuardedRoute)


def _lab(request: Request) -> Lab:
    lab = of_parts(request).lab
    if lab is None:
        raise ApiError(404, "not-found", "this agent has no lab")
    return lab


_Parts = Annotated[Parts, Depends(of_parts)]
_Lab = Annotated[Lab, Depends(_lab)]
_STREAM: dict[str, Any] = {
    "description": "`event: samples`, with what came since the last one: `bench`, `run`, `n`, `time`, `t_s` and "
    "`values` by column; first the last 600 samples of each bench; and `heartbeat` every 5 s.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
_FILE: dict[str, Any] = {
    "description": "the file",
    "content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in _KINDS.values()},
}


class Wanted(Model):
    target: Slug = Field(description="a bench, or a robot kit, experiment or printer")
    holder: Slug = Field(description="which tablet or desk this is, such as 'tablet-3'; never a person's name")
    for_s: float = Field(rules.USUAL_S, ge=rules.SHORTEST_S, le=86_400, description="how long at most")
    silence_s: float = Field(
        rules.USUAL_SILENCE_S, ge=10, le=3600, description="end it when this device was not heard of for so long"
    )


class TakeOver(Wanted):
    reason: Reason = Field(description="told to the centre, and kept in the log")


class Renew(Model):
    for_s: float = Field(rules.USUAL_S, ge=rules.SHORTEST_S, le=86_400, description="from now on")


class Annotate(Model):
    n: int = Field(ge=0, le=2**53, description="the number of the sample")
    text: str = Field(min_length=1, max_length=200, description="what was seen there; no names of pupils")


# --- benches ---


@router.get("/api/benches", **declared(Rank.VIEWER, 404))
async def benches(lab: _Lab) -> list[BenchView]:
    """Every bench of the room as it is now."""
    return lab.views.benches()


@router.get("/api/benches/stream", response_class=StreamingResponse,
            **declared(Rank.VIEWER, 404, 503, responses={200: _STREAM}))  # fmt: skip
async def stream_of_all(request: Request, parts: _Parts, lab: _Lab) -> StreamingResponse:
    """The samples of all benches, as server-sent events over one connection."""
    return _stream(request, parts, lab, None)


@router.get("/api/bench/{bench}", **declared(Rank.VIEWER, 404, 422))
async def bench(bench: str, lab: _Lab) -> BenchView:
    """One bench as it is now."""
    return lab.views.bench(_known(lab, bench))


@router.get("/api/bench/{bench}/stream", response_class=StreamingResponse,
            **declared(Rank.VIEWER, 404, 422, 503, responses={200: _STREAM}))  # fmt: skip
async def stream_of_one(bench: str, request: Request, parts: _Parts, lab: _Lab) -> StreamingResponse:
    """The samples of one bench, as server-sent events."""
    return _stream(request, parts, lab, _known(lab, bench))


@router.post("/api/bench/{bench}/commands", **declared(Rank.TEACHER, 404, 409, 422, 504))
async def command(bench: str, asked: Tell, request: Request, lab: _Lab) -> BenchView:
    """Start, pause or reset a bench, or set a parameter: the same for a simulated experiment and for sensors."""
    found, keys = lab.runs.benches[_known(lab, bench)], lease_keys(request)
    lab.leases.heard(keys)
    try:
        told = Command.parse(asked.target, asked.value)
        for device in found.devices:
            lab.leases.check(device.id, keys)
        await lab.runs.command(bench, told, COMMAND_S)
        if told.target == EXPERIMENT:
            await of_parts(request).room.until(lambda: lab.runs.state(bench) == told.value, SAID_S)
    except WrongValue as wrong:
        raise ApiError(422, "invalid", str(wrong), bench) from None
    except DeviceError as why:
        raise ApiError.of_device(why, bench) from None
    return lab.views.bench(bench)


# --- runs ---


@router.get("/api/runs", **declared(Rank.VIEWER, 404, 422, 503))
async def runs(
    lab: _Lab,
    bench: Annotated[str | None, Query(max_length=48, description="only of this bench")] = None,
    most: Annotated[int, Query(ge=1, le=1000, description="the newest so many")] = 100,
) -> list[RunView]:
    """Recorded runs, the newest first."""
    return run_views(await _read(lambda: lab.store.archive.runs(bench, most)))


@router.get("/api/runs/{run}", **declared(Rank.VIEWER, 404, 422, 503))
async def one_run(run: str, lab: _Lab) -> WholeRunView:
    """All of a run but its samples: what it takes to repeat it, what was turned, and what people wrote."""
    return await _read(lambda: lab.views.run(lab.store.archive.run(run)))


@router.get("/api/runs/{run}/samples", **declared(Rank.VIEWER, 404, 422, 503))
async def samples(
    run: str,
    lab: _Lab,
    from_n: Annotated[int, Query(ge=0, le=2**53, description="the first sample wanted")] = 0,
    to_n: Annotated[int | None, Query(ge=0, le=2**53, description="the last; of the run, where left out")] = None,
    most: Annotated[int, Query(ge=1, le=5000, description="so many at most, evenly")] = 1000,
) -> SamplesView:
    """A run's samples for a chart, thinned out evenly where there are many."""

    def read() -> SamplesView:
        found = lab.store.archive.run(run)
        last = found.last_n if to_n is None else min(to_n, found.last_n)
        return lab.views.samples(found, from_n, last, most)

    return await _read(read)


@router.get("/api/runs/{run}/export", response_class=StreamingResponse,
            **declared(Rank.TEACHER, 404, 409, 422, 503, responses={200: _FILE}))  # fmt: skip
async def export(
    run: str, lab: _Lab, parts: _Parts, form: Annotated[Format, Query(alias="format", description="which file")]
) -> StreamingResponse:
    """A run as a file with units, written by a process of its own, so that the room does not feel it."""
    found = await _read(lambda: lab.store.archive.run(run))
    if lab.exporting.locked():
        raise ApiError(409, "busy", _exporting)
    async with lab.exporting:
        try:
            path = await exported(lab.store.archive.path.parent, found, form)
        except ExportFailed as why:
            raise ApiError(503, "export-failed", str(why)) from None
    name = f"{found.about.bench}-{found.id}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(contents(path), media_type=_KINDS[form], headers=headers)


@router.post("/api/runs/{run}/notes", status_code=201, **declared(Rank.TEACHER, 404, 409, 422, 503))
async def annotate(run: str, asked: Annotate, lab: _Lab) -> NoteView:
    """Write something at a sample of a run. It stays on this gateway."""
    note = Note(asked.n, time.time_ns() // 1000, asked.text)
    await lab.runs.commit()
    try:
        await lab.store.note(run, note)
    except NoSuchRun:
        raise ApiError(404, "unknown-run", "there is no such run") from None
    except TooManyNotes as why:
        raise ApiError(409, "too-many-notes", str(why)) from None
    except Unwritable as why:
        raise ApiError(503, "unwritable", f"the disk takes nothing now: {why}") from None
    return note_view(note)


# --- leases ---


@router.get("/api/leases", **declared(Rank.VIEWER, 404))
async def leases(request: Request, lab: _Lab) -> list[LeaseView]:
    """Who holds what. Asked with a lease's key, it also says that its holder's device lives."""
    lab.leases.heard(lease_keys(request))
    return lab.views.leases()


@router.post("/api/leases", status_code=201, **declared(Rank.TEACHER, 404, 409, 422))
async def take(asked: Wanted, request: Request, parts: _Parts, lab: _Lab) -> OwnLeaseView:
    """Hold a bench, a robot or an experiment; answered once it would survive a restart."""
    try:
        held = await lab.leases.take(
            asked.target, asked.holder, _staff(request, parts), asked.for_s, asked.silence_s, lease_keys(request)
        )
    except NotLeasable:
        raise ApiError(404, "not-leasable", "it is no bench, robot, experiment or printer", asked.target) from None
    except Held as other:
        raise ApiError(409, "leased", str(other), asked.target) from None
    return lab.views.own_lease(*held)


@router.post("/api/leases/take-over", status_code=201, **declared(Rank.TEACHER, 404, 422))
async def take_over(asked: TakeOver, request: Request, parts: _Parts, lab: _Lab) -> OwnLeaseView:
    """Hold what somebody else holds. A teacher may from a teacher, a technician from anybody; the reason is logged."""
    try:
        held = await lab.leases.take_over(
            asked.target, asked.holder, _staff(request, parts), asked.for_s, asked.silence_s, asked.reason
        )
    except NotLeasable:
        raise ApiError(404, "not-leasable", "it is no bench, robot, experiment or printer", asked.target) from None
    except NotAllowed as why:
        raise ApiError(403, "not-allowed", str(why), asked.target) from None
    return lab.views.own_lease(*held)


@router.post("/api/leases/{lease}/renew", **declared(Rank.VIEWER, 404, 422))
async def renew(lease: str, asked: Renew, request: Request, lab: _Lab) -> LeaseView:
    """Hold it longer. The lease's key is the right to it, so that no PIN is asked in the middle of a lesson."""
    try:
        return lab.views.lease(await lab.leases.renew(lease, lease_keys(request), asked.for_s))
    except NoSuchLease:
        raise _no_lease() from None


@router.delete("/api/leases/{lease}", **declared(Rank.VIEWER, 404, 422))
async def release(lease: str, request: Request, lab: _Lab) -> LeaseView:
    """Let go. The lease's key is the right to it."""
    try:
        return lab.views.lease(await lab.leases.release(lease, lease_keys(request)))
    except NoSuchLease:
        raise _no_lease() from None


# --- inside ---


def _known(lab: Lab, bench: str) -> str:
    if bench not in lab.runs.benches:
        raise ApiError(404, "unknown-bench", "the room has no such bench", bench[:48])
    return bench


def _staff(request: Request, parts: Parts) -> Staff:
    return Staff(parts.access.standing(request.cookies.get(COOKIE)).rank.value)


def _no_lease() -> ApiError:
    return ApiError(404, "no-lease", "it is over, or the key is not its own")


def _stream(request: Request, parts: Parts, lab: Lab, bench: str | None) -> StreamingResponse:
    address = request.client.host if request.client else "unknown"
    token, keys = request.cookies.get(COOKIE), lease_keys(request)
    try:
        lab.stream.check(address)
    except TooManyStreams:
        raise ApiError(503, "too-many-listeners", "too many streams are open", Retry_After="5") from None
    stream = lab.stream.stream(
        address,
        bench,
        lambda: parts.access.standing(token).rank.may(Rank.VIEWER),
        lambda: lab.leases.heard(keys),
    )
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _read(read: Callable[[], _Result]) -> _Result:
    """From the disk, beside the loop."""
    try:
        return await asyncio.to_thread(read)
    except NoSuchRun:
        raise ApiError(404, "unknown-run", "there is no such run") from None
    except (sqlite3.Error, ValueError) as why:
        raise ApiError(503, "unreadable", f"the runs cannot be read now: {why}") from None
