"""All schools: searched, filtered, in an order, page by page."""

from markupsafe import Markup

from cloud_ingest.operations.rows import SchoolRow
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import number
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, link, pages, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.schools"), "schools"):
        await region(seat, listed)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say, city = seat.say, seat.centre.city
    wanted = cells.wanted(asked, "health")
    found = city.schools(seat.who, wanted)
    choices = [
        Choice("health", say("health"), cells.healths(say)),
        Choice("ward", say("ward"), cells.wards(city.snapshot, seat.who)),
        Choice("level", say("level"), cells.levels(say, city.snapshot, seat.who)),
    ]
    total = found.total or 0
    return (
        filters(say, asked, choices, say("find_schools"), links.csv(say, "schools", asked))
        + table(
            say, asked, _columns(seat), found.rows, say("way.schools"), lambda row: cells.school_href(row.school),
            sort=wanted.sort, descending=wanted.descending,
        )
        + pages(say, asked, wanted.offset // cells.PAGE + 1, cells.PAGE, total)
    )  # fmt: skip


def _columns(seat: Seat) -> list[Column[SchoolRow]]:
    say = seat.say
    return [
        Column("name", say("school"), lambda row: link(cells.school_href(row.school), row.name), is_main=True),
        Column("health", say("health"), lambda row: cells.health(say, row)),
        Column("by_health", say("rooms"), lambda row: cells.counts(say, row.by_health)),
        Column("faults", say("faults"), lambda row: number(row.faults, say.language, 0), is_number=True),
        Column("open_alarms", say("alarms"), lambda row: _alarms(row), is_number=True),
        Column("ward", say("ward"), lambda row: row.ward or say("no_place")),
        Column("level", say("level"), lambda row: say.of("level", row.level) if row.level else "–"),
        Column("seen_us", say("seen"), lambda row: when(row.seen_us, seat.now_us, say("never"))),
    ]


def _alarms(row: SchoolRow) -> Markup | str:
    return link(f"/alarms?school={row.school}", str(row.open_alarms)) if row.open_alarms else "0"


PAGE = Page("/schools", build)
