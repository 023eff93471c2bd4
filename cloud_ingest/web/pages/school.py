"""One school: how it is, its rooms, its gateways, the alarms that concern it."""

import asyncio

from markupsafe import Markup

from cloud_ingest.alarms.inbox import Wanted as WantedAlarms
from cloud_ingest.operations.rows import RoomRow
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked, address
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import join, link, mark, note, table, when
from cloud_ingest.web.pages import gateways
from cloud_ingest.web.pages.catalogue import timetable_href
from cloud_ingest.web.pages.overview import alarm_line
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell


async def build(seat: Seat) -> None:
    view = seat.centre.city.school(seat.who, seat.places["school"])
    with shell(seat, view.row.name, "schools", [("/schools", seat.say("way.schools"))]):
        await region(seat, head)
        await region(seat, rooms)
        await region(seat, alarms)
        await region(seat, its_gateways)


async def head(seat: Seat, _: Asked) -> Markup:
    say, school = seat.say, seat.places["school"]
    row = seat.centre.city.school(seat.who, school).row
    where = join([row.ward or say("no_place"), *([say.of("level", row.level)] if row.level else []), school], " · ")
    ways = join(
        link(address(path, {"school": school}), words, class_="button")
        for path, words in (
            ("/equipment", say("way.equipment")), ("/quality", say("way.quality")), ("/lessons", say("way.lessons")),
            ("/attendance", say("way.attendance")), ("/forecasts", say("way.forecasts")),
        )
    )  # fmt: skip
    return Markup('<div class="head"><p>{} <span class="quiet">{}</span></p>'
                  '<p>{} · {} {}</p><p class="ways-on">{}{}</p></div>').format(
        mark(row.health.value, say.of("health", row.health.value)), where,
        cells.counts(say, row.by_health), say("seen").lower(), when(row.seen_us, seat.now_us, say("never")), ways,
        link(timetable_href(school), say("catalogue.timetable"), class_="button"),
    )  # fmt: skip


async def rooms(seat: Seat, asked: Asked) -> Markup:
    say, school = seat.say, seat.places["school"]
    view = seat.centre.city.school(seat.who, school)
    cards = join(_card(seat, row) for row in view.rooms.values())
    more = links.csv(say, "rooms", Asked(asked.path, (("school", school),)))
    return Markup(
        '<section aria-labelledby="rooms"><h2 id="rooms">{} <small>{}</small></h2><ul class="cards">{}</ul></section>'
    ).format(say("rooms"), more, cards or Markup("<li>{}</li>").format(note("hint", say("no_rooms"))))


def _card(seat: Seat, row: RoomRow) -> Markup:
    say = seat.say
    state = row.condition.value if row.condition else "unknown"
    how = cells.health(say, row) if state in ("working", "unknown") else cells.condition(say, row.condition)
    faults = (
        say("faults_of", faults=row.faults, devices=row.devices) if row.faults else say("devices_of", count=row.devices)
    )
    return Markup('<li class="room {}" data-key="{}"><a href="{}"><b>{}</b></a>{}'
                  '<small>{}</small><small>{}</small></li>').format(
        row.health.value, row.room, cells.room_href(row.school, row.room), row.room, how, faults,
        cells.lesson(say, row) if row.lesson else when(row.seen_us, seat.now_us, say("never")),
    )  # fmt: skip


async def alarms(seat: Seat, _: Asked) -> Markup:
    say, school = seat.say, seat.places["school"]
    found = await asyncio.to_thread(seat.alarms.list, seat.who, WantedAlarms(school=school, limit=10))
    lines = join(alarm_line(seat, alarm) for alarm in found.alarms)
    more = link(address("/alarms", {"school": school}), say("all_of_them", count=found.total)) if found.total else ""
    return Markup('<section class="card"><h2>{}</h2><ul class="lines">{}</ul>{}</section>').format(
        say("open_alarms"), lines, more or note("good", say("no_alarms"))
    )


async def its_gateways(seat: Seat, asked: Asked) -> Markup:
    say = seat.say
    view = seat.centre.city.school(seat.who, seat.places["school"])
    columns = [column for column in gateways.columns(seat) if column.key != "school"]
    for_all = [
        type(column)(column.key, column.words, column.cell, False, column.is_number, column.is_main)
        for column in columns
    ]
    return Markup('<section aria-labelledby="gateways"><h2 id="gateways">{}</h2>{}</section>').format(
        say("way.gateways"), table(say, asked, for_all, view.gateways, say("way.gateways"))
    )


PAGE = Page("/schools/{school}", build)
