"""The map: the whole city at a glance, what is worst, and which alarms hold."""

import asyncio

from markupsafe import Markup
from nicegui import ui

from cloud_ingest.alarms.alarm import Alarm
from cloud_ingest.alarms.inbox import Wanted as WantedAlarms
from cloud_ingest.operations.rows import Counts, Health, SchoolRow
from cloud_ingest.web import ahead, cells
from cloud_ingest.web.asked import Asked, address
from cloud_ingest.web.city_map import CityMap
from cloud_ingest.web.clock import number
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import join, link, mark, note, shape, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell

WORST = 8


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.overview"), "overview"):
        await region(seat, tiles)
        with ui.element("div").classes("overview"):
            CityMap(seat)
            ui.add_head_html(ahead.of_map())
            with ui.element("div").classes("beside"):
                await region(seat, worst)
                await region(seat, open_alarms)


async def tiles(seat: Seat, _: Asked) -> Markup:
    say, city = seat.say, seat.centre.city
    rows = city.schools(seat.who).rows
    rooms = Counts(*map(sum, zip(*(row.by_health for row in rows), strict=True))) if rows else Counts()
    parts = [
        Markup('<a class="tile {code}" href="{href}">{shape}<b>{count}</b><span>{words}</span></a>').format(
            code=code, href=address("/rooms", {"health": code}), shape=shape(code),
            count=number(count, say.language, 0), words=say.of("health", code),
        )
        for code, count in reversed(rooms._asdict().items())
    ]  # fmt: skip
    total = say("tiles_total", rooms=number(sum(rooms), say.language, 0), schools=number(len(rows), say.language, 0))
    return Markup('<section class="tiles" aria-label="{}"><p>{}</p>{}</section>').format(
        say("tiles"), total, join(parts)
    )


async def worst(seat: Seat, _: Asked) -> Markup:
    say = seat.say
    bad = [row for row in seat.centre.city.schools(seat.who).rows if row.health in (Health.DOWN, Health.FAULTY)]
    bad.sort(key=lambda row: (-row.by_health.down, -row.by_health.faulty, row.school))
    lines = join(_school(seat, row) for row in bad[:WORST])
    more = link(address("/schools", {"sort": "health"}), say("all_of_them", count=len(bad))) if bad else ""
    return Markup('<section class="card"><h2>{}</h2><ul class="lines">{}</ul>{}</section>').format(
        say("worst"), lines, more if bad else note("good", say("no_worst"))
    )


def _school(seat: Seat, row: SchoolRow) -> Markup:
    return Markup('<li>{}<span class="line-main">{}<small>{}</small></span>{}</li>').format(
        shape(row.health.value),
        link(cells.school_href(row.school), row.name),
        row.ward or seat.say("no_place"),
        cells.counts(seat.say, row.by_health),
    )


async def open_alarms(seat: Seat, _: Asked) -> Markup:
    say, inbox = seat.say, seat.alarms
    found = await asyncio.to_thread(inbox.list, seat.who, WantedAlarms(limit=WORST))
    lines = join(alarm_line(seat, alarm) for alarm in found.alarms)
    more = link("/alarms", say("all_of_them", count=found.total)) if found.total else note("good", say("no_alarms"))
    return Markup('<section class="card" data-alarms="{}"><h2>{}</h2><ul class="lines">{}</ul>{}</section>').format(
        found.total, say("open_alarms"), lines, more
    )


def alarm_line(seat: Seat, alarm: Alarm) -> Markup:
    say = seat.say
    text = alarm.text_vi if say.language == "vi" else alarm.text_en
    return Markup('<li>{}<span class="line-main">{}<small>{} · {}</small></span></li>').format(
        shape(alarm.severity.word),
        link(f"/alarms/{alarm.id}", text),
        mark(alarm.severity.word, say.of("severity", alarm.severity.word)),
        when(alarm.since_us, seat.now_us),
    )


PAGE = Page("/", build)
