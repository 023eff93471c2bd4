"""Laboratories: robots, experiments, benches and printers, and how each is now."""

import asyncio
from collections import Counter

from markupsafe import Markup

from cloud_ingest.operations.choosing import Wanted
from cloud_ingest.operations.rows import DeviceRow, Health
from cloud_ingest.web import cells
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import number
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, join, link, pages, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell

LAB_ROLES = ("robot-kit", "experiment", "printer-3d", "bench-power", "gas-valve")


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.labs"), "labs"):
        await region(seat, listed, every_s=15.0)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say, snapshot = seat.say, seat.centre.city.snapshot
    wanted = cells.wanted(asked, "")
    found = await asyncio.to_thread(_devices, seat, asked, wanted)
    counted = Counter(row.role for row in found)
    bad = Counter(row.role for row in found if row.health in (Health.FAULTY, Health.DOWN))
    tiles = join(
        Markup('<a class="tile plain" href="{}" data-want><b>{}</b><span>{}</span><small>{}</small></a>').format(
            asked.href(role=role, page=None), number(counted[role], say.language, 0), say.of("role", role),
            say("not_well", count=bad[role]) if bad[role] else say("all_well"),
        )
        for role in LAB_ROLES if counted[role]
    )  # fmt: skip
    columns: list[Column[DeviceRow]] = [
        Column(
            "device",
            say("device"),
            lambda row: link(cells.item_href(row.school, row.room, row.device), row.device),
            is_main=True,
        ),
        Column("role", say("kind"), lambda row: say.of("role", row.role)),
        Column("school", say("school"), lambda row: cells.school_link(snapshot, row.school)),
        Column("room", say("room"), lambda row: link(cells.room_href(row.school, row.room), row.room)),
        Column("health", say("health"), lambda row: cells.device_health(say, row)),
        Column("firmware", say("firmware"), lambda row: row.firmware or "–"),
        Column("seen_us", say("seen"), lambda row: when(row.seen_us, seat.now_us, say("never"))),
    ]
    choices = [
        Choice("role", say("kind"), [(role, say.of("role", role)) for role in LAB_ROLES]),
        Choice("health", say("health"), cells.healths(say)),
    ]
    at = wanted.offset
    return (
        Markup('<section class="tiles" aria-label="{}">{}</section>').format(say("way.labs"), tiles)
        + filters(say, asked, choices, say("find_devices"))
        + table(
            say, asked, columns, found[at : at + cells.PAGE], say("way.labs"),
            lambda row: cells.room_href(row.school, row.room), say("no_labs"), wanted.sort, wanted.descending,
        )
        + pages(say, asked, at // cells.PAGE + 1, cells.PAGE, len(found))
    )  # fmt: skip


def _devices(seat: Seat, asked: Asked, wanted: Wanted) -> list[DeviceRow]:
    rows: list[DeviceRow] = []
    for role in LAB_ROLES if wanted.role not in LAB_ROLES else (wanted.role,):
        of_role = Wanted(
            find=wanted.find,
            school=wanted.school,
            health=wanted.health,
            role=role,
            sort=wanted.sort,
            descending=wanted.descending,
        )
        rows += seat.centre.city.devices(seat.who, of_role).rows
    return rows


PAGE = Page("/labs", build)
