"""All rooms of the city: which work, which do not, and what is going on in them."""

import asyncio

from markupsafe import Markup

from cloud_ingest.operations.rows import RoomRow
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, link, pages, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell
from cloud_ingest.web.words import WORDS

PROFILES = tuple(key.removeprefix("profile.") for key in WORDS if key.startswith("profile."))


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.rooms"), "rooms"):
        await region(seat, listed, every_s=10.0)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say, city = seat.say, seat.centre.city
    wanted = cells.wanted(asked, "")
    found = await asyncio.to_thread(city.rooms, seat.who, wanted)
    choices = [
        Choice("health", say("health"), cells.healths(say)),
        Choice("state", say("gateway"), cells.states(say)),
        Choice("lesson", say("lesson"), [(profile, say.of("profile", profile)) for profile in PROFILES]),
    ]
    return (
        filters(say, asked, choices, say("find_rooms"), links.csv(say, "rooms", asked))
        + table(
            say, asked, columns(seat), found.rows, say("way.rooms"),
            lambda row: cells.room_href(row.school, row.room), sort=wanted.sort, descending=wanted.descending,
        )
        + pages(say, asked, wanted.offset // cells.PAGE + 1, cells.PAGE, found.total or 0)
    )  # fmt: skip


def columns(seat: Seat, with_school: bool = True) -> list[Column[RoomRow]]:
    say, snapshot = seat.say, seat.centre.city.snapshot
    made: list[Column[RoomRow]] = [
        Column("room", say("room"), lambda row: _name(seat, row), is_main=True),
        Column("school", say("school"), lambda row: cells.school_link(snapshot, row.school)),
        Column("health", say("health"), lambda row: cells.health(say, row)),
        Column("condition", say("gateway"), lambda row: cells.condition(say, row.condition)),
        Column("lesson", say("lesson"), lambda row: cells.lesson(say, row)),
        Column("faults", say("faults"), lambda row: f"{row.faults} / {row.devices}", is_number=True),
        Column("seen_us", say("seen"), lambda row: when(row.seen_us, seat.now_us, say("never"))),
    ]
    return made if with_school else [column for column in made if column.key != "school"]


def _name(seat: Seat, row: RoomRow) -> Markup:
    simulated = Markup(' <span class="chip">{}</span>').format(seat.say("simulated")) if row.simulated else ""
    return link(cells.room_href(row.school, row.room), row.room) + simulated


PAGE = Page("/rooms", build)
