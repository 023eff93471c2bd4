"""The nightly export: which days are whole, and how large they are."""

from markupsafe import Markup

from cloud_ingest.accounts.who import Act
from cloud_ingest.warehouse.manifests import ExportedDay, ExportUnavailable, days_in
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import number
from cloud_ingest.web.links import API, download
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Column, mark, note, quantity, table
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell

MOST = 60


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.warehouse"), "warehouse"):
        await region(seat, listed, every_s=60.0, always=True)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say, centre = seat.say, seat.centre
    if centre.export is None:
        return note("hint", say("no_export"), Markup("<code>lophoc ops --export</code>"))
    try:
        found = await centre.city.ask(days_in, centre.export, MOST)
    except ExportUnavailable:
        return note("trouble", say("unavailable"), say("unavailable_try"))
    language = say.language
    columns: list[Column[ExportedDay]] = [
        Column("day", say("day"), lambda one: one.day.strftime("%d/%m/%Y"), sorts=False, is_main=True),
        Column("whole", say("state"), lambda one: _whole(seat, one), sorts=False),
        Column(
            "schools", say("way.schools"), lambda one: number(one.schools, language, 0), sorts=False, is_number=True
        ),
        Column("files", say("files"), lambda one: number(one.files, language, 0), sorts=False, is_number=True),
        Column("rows", say("lines"), lambda one: number(one.rows, language, 0), sorts=False, is_number=True),
        Column("size", say("size"), lambda one: quantity(one.bytes / 1e6, language, "MB"), sorts=False, is_number=True),
        Column("made", say("exported"), lambda one: one.made or "–", sorts=False),
    ]
    ways = Markup('<p class="ways-on">{}</p>').format(download(say, f"{API}/warehouse/days.csv"))
    return (
        note("hint", say("export_means"))
        + ways
        + table(say, asked, columns, found, say("way.warehouse"), empty=say("no_days"))
    )


def _whole(seat: Seat, one: ExportedDay) -> Markup:
    return mark("working", seat.say("whole")) if one.is_whole else mark("faulty", seat.say("not_whole"))


PAGE = Page("/warehouse", build, Act.EXPORT)
