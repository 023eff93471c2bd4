"""Published profiles and timetables: what the centre gives to gateways, and how far each has come with it."""

from markupsafe import Markup

from cloud_ingest.web import cells
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import number
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Column, note, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Published, Seat
from cloud_ingest.web.shell import shell


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.catalogue"), "catalogue"):
        await region(seat, listed, every_s=15.0, always=True)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say, catalogue = seat.say, seat.catalogue
    if catalogue is None:
        return note("hint", say("no_catalogue"))
    found = await seat.centre.city.ask(catalogue.published, seat.who)
    columns: list[Column[Published]] = [
        Column("name", say("name"), lambda one: say.of("profile", one.name), sorts=False, is_main=True),
        Column("kind", say("kind"), lambda one: say(f"catalogue.{one.kind}"), sorts=False),
        Column("for", say("school"), lambda one: _for(seat, one), sorts=False),
        Column("version", say("version"), lambda one: str(one.version), sorts=False, is_number=True),
        Column(
            "applied",
            say("applied"),
            lambda one: f"{number(one.applied, say.language, 0)} / {number(one.wanted, say.language, 0)}",
            sorts=False,
            is_number=True,
        ),
        Column(
            "refused", say("refused"), lambda one: number(one.refused, say.language, 0), sorts=False, is_number=True
        ),
        Column(
            "at",
            say("published"),
            lambda one: Markup("{} {}").format(one.by, when(one.at_us, seat.now_us)),
            sorts=False,
        ),
    ]
    return table(say, asked, columns, found, say("way.catalogue"), empty=say("nothing_published"))


def _for(seat: Seat, one: Published) -> Markup | str:
    return cells.school_link(seat.centre.city.snapshot, one.school) if one.school else seat.say("whole_city")


PAGE = Page("/catalogue", build)
