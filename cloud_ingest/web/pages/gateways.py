"""The fleet: what each gateway runs, what it could not send yet, its clock, its heat and its disk."""

from markupsafe import Markup

from cloud_ingest.operations.rows import GatewayRow
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import number
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, join, link, mark, pages, quantity, shape, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell

HOT_C = 75.0
"""From here a small board slows itself down."""
FULL_PERCENT = 90.0


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.gateways"), "gateways"):
        await region(seat, listed)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say, city = seat.say, seat.centre.city
    wanted = cells.wanted(asked, "")
    found = city.gateways(seat.who, wanted)
    return (
        filters(
            say, asked, [Choice("state", say("state"), cells.states(say))], say("find_gateways"),
            links.csv(say, "gateways", asked),
        )
        + table(
            say, asked, columns(seat), found.rows, say("way.gateways"), sort=wanted.sort,
            descending=wanted.descending,
        )
        + pages(say, asked, wanted.offset // cells.PAGE + 1, cells.PAGE, found.total or 0)
    )  # fmt: skip


def columns(seat: Seat) -> list[Column[GatewayRow]]:
    say, snapshot, language = seat.say, seat.centre.city.snapshot, seat.language
    return [
        Column("gateway", say("gateway"), lambda row: row.gateway, is_main=True),
        Column("school", say("school"), lambda row: cells.school_link(snapshot, row.school)),
        Column("state", say("state"), lambda row: cells.condition(say, row.state)),
        Column("rooms", say("rooms"), lambda row: _rooms(row), sorts=False),
        Column("version", say("version"), lambda row: row.version or "–"),
        Column("backlog_points", say("backlog"), lambda row: _backlog(seat, row), is_number=True),
        Column("clock_untrusted", say("clock"), lambda row: _clock(seat, row)),
        Column(
            "cpu_temperature_c", say("temperature"), lambda row: _hot(row.cpu_temperature_c, language), is_number=True
        ),
        Column(
            "memory_used_percent", say("memory"), lambda row: _used(row.memory_used_percent, language), is_number=True
        ),
        Column("disk_used_percent", say("disk"), lambda row: _disk(seat, row), is_number=True),
        Column("seen_us", say("seen"), lambda row: when(row.seen_us, seat.now_us, say("never"))),
    ]


def _rooms(row: GatewayRow) -> Markup:
    shown = join((link(cells.room_href(row.school, room), room) for room in row.rooms[:3]), ", ")
    return shown + (f" +{len(row.rooms) - 3}" if len(row.rooms) > 3 else "")


def _backlog(seat: Seat, row: GatewayRow) -> Markup:
    say = seat.say
    late = say("late_min", count=number(row.buffering_min, say.language, 0)) if row.buffering_min >= 1 else ""
    lost = say("lost_points", count=number(row.dropped_points, say.language, 0)) if row.dropped_points else ""
    return Markup("{} <small>{}</small>").format(
        number(row.backlog_points, say.language, 0), " · ".join(filter(None, (late, lost)))
    )


def _clock(seat: Seat, row: GatewayRow) -> Markup:
    say = seat.say
    if row.clock_untrusted:
        return mark("clock untrusted", say("clock_wrong"), say.of("state-means", "clock untrusted"))
    return mark("working", say("clock_right"))


def _hot(temperature_c: float | None, language: str) -> Markup:
    shown = quantity(temperature_c, language, "°C", 0)
    return shape("faulty") + " " + shown if temperature_c is not None and temperature_c >= HOT_C else shown


def _used(percent: float | None, language: str) -> Markup:
    shown = quantity(percent, language, "%", 0)
    return shape("faulty") + " " + shown if percent is not None and percent >= FULL_PERCENT else shown


def _disk(seat: Seat, row: GatewayRow) -> Markup:
    if not row.journal_writable:
        return mark("down", seat.say("journal_stuck"))
    shown = _used(row.disk_used_percent, seat.language)
    if row.disk_wear_percent is None:
        return shown
    wear = seat.say("wear", percent=number(row.disk_wear_percent, seat.language, 0))
    return Markup("{} <small>{}</small>").format(shown, wear)


PAGE = Page("/gateways", build)
