"""How many people are counted in each room: numbers, never who."""

from markupsafe import Markup

from classroom_profiles.telemetry import Measurement
from cloud_ingest.operations.feed import LastValue
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, link, note, quantity, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.attendance"), "attendance"):
        await region(seat, counted, every_s=15.0)


async def counted(seat: Seat, asked: Asked) -> Markup:
    say, city = seat.say, seat.centre.city
    school = asked.slug("school") or seat.who.school
    lead = Markup('<p class="lead">{}</p>').format(say("attendance_means"))
    names = [
        (view.row.school, view.row.name) for view in city.snapshot.schools.values() if seat.who.sees(view.row.school)
    ]
    choice = Choice("school", say("school"), sorted(names, key=lambda one: one[1]))
    more = links.download(say, links.attendance_csv(school)) if school else ""
    form = filters(say, asked, [choice], more=more)
    if school is None:
        return lead + form + note("hint", say("choose_school"))
    rows = [
        last for last in await city.latest(seat.who, school)
        if last.measurement is Measurement.ATTENDANCE and not isinstance(last.value, str)
    ]  # fmt: skip
    columns: list[Column[LastValue]] = [
        Column(
            "room",
            say("room"),
            lambda last: link(cells.room_href(last.school, last.room), last.room),
            sorts=False,
            is_main=True,
        ),
        Column("metric", say("counted"), lambda last: say.metric(last.metric), sorts=False),
        Column(
            "value",
            say("people"),
            lambda last: quantity(float(last.value), say.language, "", 0),
            sorts=False,
            is_number=True,
        ),
        Column("time", say("seen"), lambda last: when(last.time_us, seat.now_us), sorts=False),
    ]
    return lead + form + table(say, asked, columns, rows, say("way.attendance"), empty=say("nothing_counted"))


PAGE = Page("/attendance", build)
