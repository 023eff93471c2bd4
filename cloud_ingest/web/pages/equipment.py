"""The equipment register: every device, what it says of itself, and what people have written down of it."""

import asyncio
from datetime import date

from markupsafe import Markup

from cloud_ingest.operations.register import Item, Place
from cloud_ingest.operations.rows import DeviceRow
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import moment
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, link, mark, pages, quantity, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell
from cloud_ingest.web.words import WORDS

ROLES = tuple(key.removeprefix("role.") for key in WORDS if key.startswith("role."))


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.equipment"), "equipment"):
        await region(seat, listed, every_s=15.0)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say, centre = seat.say, seat.centre
    wanted = cells.wanted(asked, "")
    found = await asyncio.to_thread(centre.city.devices, seat.who, wanted)
    schools = {row.school for row in found.rows}
    written = await asyncio.to_thread(_written, seat, schools)
    choices = [
        Choice("role", say("kind"), [(role, say.of("role", role)) for role in ROLES]),
        Choice("health", say("health"), cells.healths(say)),
    ]
    labels = link("/equipment/labels" + asked.search(page=None, sort=None, desc=None), say("labels"), class_="button")
    return (
        filters(say, asked, choices, say("find_devices"), labels + links.csv(say, "equipment", asked))
        + table(
            say, asked, _columns(seat, written), found.rows, say("way.equipment"),
            lambda row: cells.item_href(row.school, row.room, row.device),
            sort=wanted.sort, descending=wanted.descending,
        )
        + pages(say, asked, wanted.offset // cells.PAGE + 1, cells.PAGE, found.total or 0)
    )  # fmt: skip


def _written(seat: Seat, schools: set[str]) -> dict[Place, Item]:
    return {item.place: item for school in schools for item in seat.centre.register.items(school)}


def _columns(seat: Seat, written: dict[Place, Item]) -> list[Column[DeviceRow]]:
    say, snapshot, language = seat.say, seat.centre.city.snapshot, seat.language

    def item(row: DeviceRow) -> Item:
        return written.get((row.school, row.room, row.device)) or Item(row.school, row.room, row.device)

    return [
        Column("device", say("device"), lambda row: _name(seat, row), is_main=True),
        Column("role", say("kind"), lambda row: say.of("role", row.role)),
        Column("school", say("school"), lambda row: cells.school_link(snapshot, row.school)),
        Column("room", say("room"), lambda row: link(cells.room_href(row.school, row.room), row.room)),
        Column("health", say("health"), lambda row: cells.device_health(say, row)),
        Column("model", say("model"), lambda row: item(row).model or "–", sorts=False),
        Column("serial", say("serial"), lambda row: item(row).serial or "–", sorts=False),
        Column("firmware", say("firmware"), lambda row: row.firmware or "–"),
        Column("lamp_h", say("lamp_h"), lambda row: quantity(row.lamp_h, language, "h", 0), is_number=True),
        Column("filter_h", say("filter_h"), lambda row: quantity(row.filter_h, language, "h", 0), is_number=True),
        Column("warranty", say("warranty"), lambda row: warranty(seat, item(row).warranty_until), sorts=False),
        Column("seen_us", say("seen"), lambda row: when(row.seen_us, seat.now_us, say("never"))),
    ]


def _name(seat: Seat, row: DeviceRow) -> Markup:
    simulated = Markup(' <span class="chip">{}</span>').format(seat.say("simulated")) if row.simulated else ""
    return link(cells.item_href(row.school, row.room, row.device), row.device) + simulated


def warranty(seat: Seat, until: date | None) -> Markup:
    if until is None:
        return Markup('<span class="quiet">–</span>')
    text = until.strftime("%d/%m/%Y")
    if until < moment(seat.now_us).date():
        return mark("off", f"{text} ({seat.say('warranty_over')})")
    return Markup('<time datetime="{}">{}</time>').format(until.isoformat(), text)


PAGE = Page("/equipment", build)
