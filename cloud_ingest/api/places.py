"""Routes: schools, rooms, gateways and equipment, as they are now."""

import asyncio
from importlib import metadata
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from cloud_ingest.accounts.who import Act
from cloud_ingest.api import answers, asked, cursor, paging, shapes
from cloud_ingest.api.asked import DeviceName, RoomName, SchoolName
from cloud_ingest.api.map_file import MEDIA_TYPE, MapFile
from cloud_ingest.api.paging import Listing
from cloud_ingest.api.problem import documented
from cloud_ingest.api.right import Editor, Reader
from cloud_ingest.api.times import shown
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.choosing import NotFound
from cloud_ingest.operations.register import Item
from cloud_ingest.operations.rows import DeviceRow

routes = APIRouter()


def centre_of(request: Request) -> Centre:
    centre: Centre = request.app.state.centre
    return centre


@routes.get("/about", response_model=shapes.About, responses=answers.reads())
async def about(request: Request, who: Reader) -> Response:
    """What this centre is, who asks, and how new its figures are."""
    city = centre_of(request).city
    seen = [view for school, view in city.snapshot.schools.items() if who.sees(school)]
    return answers.json(
        request,
        shapes.About(
            name="lophoc",
            version=metadata.version("lophoc"),
            who=who.name,
            role=who.role,
            school=who.school,
            may=[act.value for act in Act if who.may(act)],
            schools=len(seen),
            rooms=sum(view.row.rooms for view in seen),
            as_of=shown(city.snapshot.at_us),
            troubles=list(city.troubles),
        ),
    )


@routes.get("/schools.csv", response_model=Listing[shapes.School], responses=answers.reads_table(404))
@routes.get("/schools", response_model=Listing[shapes.School], responses=answers.reads_table(404))
async def schools(request: Request, who: Reader, question: Annotated[asked.OfSchools, Query()]) -> Response:
    """Schools, in order of slugs."""
    wanted = asked.wanted(question, is_csv=answers.wants_csv(request), after=cursor.read(question.cursor, 1))
    found = centre_of(request).city.schools(who, wanted)
    return paging.page(request, found, shapes.School, shapes.School.of, lambda row: (row.school,))


_GEOJSON: dict[int | str, dict[str, Any]] = answers.reads()
_GEOJSON[200] = {**_GEOJSON[200], "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}


@routes.get("/schools.geojson", responses=_GEOJSON, response_class=Response)
async def schools_geojson(request: Request, who: Reader) -> Response:
    """Schools for a map (RFC 7946), with their health and counts; those without a place have no geometry."""
    map_file: MapFile = request.app.state.map_file
    snapshot = centre_of(request).city.snapshot
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    body = map_file.of(snapshot, who, compressed=compressed)
    headers = {"Vary": "Accept-Encoding, Authorization, Cookie"} | ({"Content-Encoding": "gzip"} if compressed else {})
    return answers.tagged(request, body, MEDIA_TYPE, headers)


@routes.get("/schools/{school}", response_model=shapes.School, responses=answers.reads(404))
async def school(request: Request, who: Reader, school: SchoolName) -> Response:
    """One school."""
    return answers.json(request, shapes.School.of(centre_of(request).city.school(who, school).row))


@routes.get("/rooms.csv", response_model=Listing[shapes.Room], responses=answers.reads_table(404))
@routes.get("/rooms", response_model=Listing[shapes.Room], responses=answers.reads_table(404))
async def rooms(request: Request, who: Reader, question: Annotated[asked.OfRooms, Query()]) -> Response:
    """Rooms, in order of school and room."""
    wanted = asked.wanted(question, is_csv=answers.wants_csv(request), after=cursor.read(question.cursor, 2))
    found = await asyncio.to_thread(centre_of(request).city.rooms, who, wanted)
    return paging.page(request, found, shapes.Room, shapes.Room.of, lambda row: (row.school, row.room))


@routes.get("/schools/{school}/rooms/{room}", response_model=shapes.Room, responses=answers.reads(404))
async def room(request: Request, who: Reader, school: SchoolName, room: RoomName) -> Response:
    """One room."""
    return answers.json(request, shapes.Room.of(centre_of(request).city.room(who, school, room)))


@routes.get("/gateways.csv", response_model=Listing[shapes.Gateway], responses=answers.reads_table(404))
@routes.get("/gateways", response_model=Listing[shapes.Gateway], responses=answers.reads_table(404))
async def gateways(request: Request, who: Reader, question: Annotated[asked.OfGateways, Query()]) -> Response:
    """The fleet of gateways, in order of school and name."""
    wanted = asked.wanted(question, is_csv=answers.wants_csv(request), after=cursor.read(question.cursor, 2))
    found = await asyncio.to_thread(centre_of(request).city.gateways, who, wanted)
    return paging.page(request, found, shapes.Gateway, shapes.Gateway.of, lambda row: (row.school, row.gateway))


@routes.get("/equipment.csv", response_model=Listing[shapes.Equipment], responses=answers.reads_table(404))
@routes.get("/equipment", response_model=Listing[shapes.Equipment], responses=answers.reads_table(404))
async def equipment(request: Request, who: Reader, question: Annotated[asked.OfEquipment, Query()]) -> Response:
    """Devices as they are, and what the register says of them, in order of school, room and device."""
    centre = centre_of(request)
    wanted = asked.wanted(question, is_csv=answers.wants_csv(request), after=cursor.read(question.cursor, 4))
    found = await asyncio.to_thread(centre.city.devices, who, wanted)
    items = {item.place: item for item in await asyncio.to_thread(centre.register.items, who.school or question.school)}
    return paging.page(
        request,
        found,
        shapes.Equipment,
        lambda row: shapes.Equipment.of(row, items.get((row.school, row.room, row.device))),
        lambda row: (row.school, row.room, row.device, row.role),
    )


@routes.put(
    "/schools/{school}/rooms/{room}/equipment/{device}",
    response_model=shapes.Equipment,
    responses=documented(401, 403, 404, 413, 422, 429, 503),
)
async def write_register(
    request: Request, who: Editor, school: SchoolName, room: RoomName, device: DeviceName, body: shapes.RegisterEntry
) -> Response:
    """Write down what a device cannot say itself, instead of what was written before."""
    centre = centre_of(request)
    row = _device(centre, who, school, room, device)
    item = Item(school, room, device, body.model, body.serial, body.bought, body.warranty_until, body.note)
    before = await asyncio.to_thread(centre.register.item, school, room, device)
    kept = await asyncio.to_thread(centre.register.write, item, who.name)
    detail = {
        name: f"{getattr(before, name, '') or ''} → {getattr(kept, name) or ''}"
        for name in ("model", "serial", "bought", "warranty_until", "note")
        if (getattr(before, name, None) or "") != (getattr(kept, name) or "")
    }
    await asyncio.to_thread(centre.audit.write, who, "equipment.write", f"{school}/{room}/{device}", detail, school)
    return Response(shapes.Equipment.of(row, kept).model_dump_json(), media_type=answers.JSON)


@routes.delete(
    "/schools/{school}/rooms/{room}/equipment/{device}",
    status_code=204,
    responses=documented(401, 403, 404, 422, 429, 503),
)
async def clear_register(
    request: Request, who: Editor, school: SchoolName, room: RoomName, device: DeviceName
) -> Response:
    """Take out what was written down of a device."""
    centre = centre_of(request)
    if not who.sees(school) or not await asyncio.to_thread(centre.register.remove, school, room, device):
        raise NotFound(f"register entry {school}/{room}/{device}")
    await asyncio.to_thread(centre.audit.write, who, "equipment.clear", f"{school}/{room}/{device}", None, school)
    return Response(status_code=204)


def _device(centre: Centre, who: Editor, school: str, room: str, device: str) -> DeviceRow:
    """Raises NotFound."""
    some = centre.city.school(who, school).devices.get(room, ())
    found = next((row for row in some if row.device == device), None)
    if found is None:
        raise NotFound(f"device {school}/{room}/{device}")
    return found
