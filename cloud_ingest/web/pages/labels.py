"""Labels to print and stick on devices: a QR code that opens the device's page, and its names beside it."""

import asyncio

import segno
from markupsafe import Markup

from cloud_ingest.operations.rows import DeviceRow
from cloud_ingest.web import cells
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, filters, join, note, pages
from cloud_ingest.web.pages.equipment import ROLES
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell

SHEET = 24
"""Labels on a page of A4: three by eight."""


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("labels"), "equipment", [("/equipment", seat.say("way.equipment"))]):
        await region(seat, sheet, every_s=None)


async def sheet(seat: Seat, asked: Asked) -> Markup:
    say, city = seat.say, seat.centre.city
    wanted = cells.wanted(asked, "", limit=SHEET)
    found = await asyncio.to_thread(city.devices, seat.who, wanted)
    choice = Choice("role", say("kind"), [(role, say.of("role", role)) for role in ROLES])
    print_it = Markup('<button type="button" class="button primary" data-print>{}</button>').format(say("print"))
    labels = join(label(seat, row) for row in found.rows)
    return (
        filters(say, asked, [choice], say("find_devices"), print_it)
        + (Markup('<ul class="labels">{}</ul>').format(labels) if found.rows else note("hint", say("none")))
        + pages(say, asked, wanted.offset // SHEET + 1, SHEET, found.total or 0)
    )


def label(seat: Seat, row: DeviceRow) -> Markup:
    """The code holds the page's address on the centre that printed it."""
    href = cells.item_href(row.school, row.room, row.device)
    item = seat.centre.register.item(row.school, row.room, row.device)
    code = segno.make(seat.origin + href, error="m", micro=False)
    drawn = Markup(code.svg_inline(scale=2, border=2, omitsize=True, svgclass="qr"))  # noqa: S704 - our own address
    name = cells.school_name(seat.centre.city.snapshot, row.school)
    serial = Markup("<small>S/N {}</small>").format(item.serial) if item and item.serial else ""
    return Markup('<li class="label">{}<span><b>{}</b><span>{} · {}</span><small>{}</small>{}</span></li>').format(
        drawn, name, row.room, seat.say.of("role", row.role), row.device, serial
    )


PAGE = Page("/equipment/labels", build)
