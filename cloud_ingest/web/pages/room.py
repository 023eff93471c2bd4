"""One room, as it is this second: what it does, each device with its values, its lessons and charts."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

from markupsafe import Markup
from nicegui import ui

from classroom_profiles.metrics import unit
from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.accounts.account_file import AccountsUnavailable
from cloud_ingest.operations import usage
from cloud_ingest.operations.choosing import NotFound
from cloud_ingest.operations.feed import LastValue
from cloud_ingest.operations.rows import DeviceRow, RoomRow
from cloud_ingest.web import ahead, cells, links
from cloud_ingest.web.asked import Asked, address
from cloud_ingest.web.live import Region, region
from cloud_ingest.web.markup import Column, join, link, mark, note, quantity, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import LoggedOut, Seat
from cloud_ingest.web.series_charts import SeriesCharts
from cloud_ingest.web.shell import shell
from cloud_ingest.windows import DAY_US, Span

_HIDDEN = frozenset({"health", "health_reason", "firmware"})
"""What the device's own line says already."""
_SHOWN_FIRST = ("co2_ppm", "temperature_c", "humidity_percent", "illuminance_lux", "power_w", "noise_db", "pm25_ugm3")
_NOT_CHARTED = frozenset({Measurement.LESSON, Measurement.EVENT, Measurement.GATEWAY})
_HISTORY_DAYS = 7


async def build(seat: Seat) -> None:
    school, room = seat.places["school"], seat.places["room"]
    seat.centre.city.room(seat.who, school, room)
    name = cells.school_name(seat.centre.city.snapshot, school)
    values = list(await _live(seat))
    crumbs = [("/schools", seat.say("way.schools")), (cells.school_href(school), name)]
    with shell(seat, seat.say("room_of", room=room), "rooms", crumbs):
        await region(seat, head, every_s=1.0)
        _follow(seat, values)
        with ui.element("section").props("aria-labelledby=charts"):
            Region(Markup('<h2 id="charts">{}</h2>').format(seat.say("charts")))
            charted = _charted(values)
            if charted:
                ui.add_head_html(ahead.of_charts())
                SeriesCharts(seat, school, [_series(last) for last in charted])
            else:
                Region(note("hint", seat.say("no_charts")))
        await region(seat, lessons, every_s=15.0)
        await region(seat, ways, every_s=None)


async def head(seat: Seat, _: Asked) -> Markup:
    say = seat.say
    row = seat.centre.city.room(seat.who, seat.places["school"], seat.places["room"])
    gateway = Markup("<div><dt>{}</dt><dd>{} <small>{}</small></dd></div>").format(
        say("gateway"), cells.condition(say, row.condition), row.gateway
    )
    means = say.of("state-means", row.condition.value if row.condition else "unknown")
    warn = note("hint", means) if row.condition is None or row.condition.value != "working" else ""
    simulated = Markup('<span class="chip">{}</span>').format(say("simulated")) if row.simulated else ""
    facts = [
        Markup("<div><dt>{}</dt><dd>{} {}</dd></div>").format(say("health"), cells.health(say, row), simulated),
        gateway,
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(say("lesson"), _lesson(seat, row)),
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(say("faults"), f"{row.faults} / {row.devices}"),
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(say("seen"), when(row.seen_us, seat.now_us, say("never"))),
    ]  # fmt: skip
    return Markup('<dl class="facts">{}</dl>{}').format(join(facts), warn)


def _lesson(seat: Seat, row: RoomRow) -> Markup:
    say = seat.say
    if not row.lesson:
        return Markup('<span class="quiet">{}</span>').format(say("idle"))
    return Markup("{} <small>{} {}</small>").format(
        say.of("profile", row.lesson),
        say.of("lesson", row.lesson_state).lower(),
        when(row.lesson_since_us, seat.now_us),
    )


async def _live(seat: Seat) -> Sequence[LastValue]:
    try:
        return await seat.centre.city.live(seat.who, seat.places["school"], seat.places["room"])
    except Exception:  # noqa: BLE001 - the page is shown without; the part that follows says why
        return []


def _follow(seat: Seat, first: Sequence[LastValue]) -> None:
    """Devices and their values, made anew whenever the room has said something new."""
    school, room = seat.places["school"], seat.places["room"]
    known = {_name(last): last for last in first}
    shown = Region(devices(seat, known.values()))
    client = ui.context.client
    task: asyncio.Task[None] | None = None

    async def follow() -> None:
        while True:
            with contextlib.suppress(ConnectionError):
                async with contextlib.aclosing(seat.centre.watches.watch(seat.who, school, room)) as watched:
                    try:
                        async for news in watched:
                            await _still_theirs(seat)
                            known.update((_name(last), last) for last in news)
                            shown.show(devices(seat, known.values()))
                    except (LoggedOut, NotFound):
                        return  # the page's other parts send them to log in
                    except Exception:  # noqa: BLE001 - the store is away: said in place, and tried again
                        shown.show(devices(seat, known.values(), late=True))
            await asyncio.sleep(2.0)

    def begin() -> None:
        nonlocal task
        if task is None or task.done():
            task = asyncio.create_task(follow(), name=f"page of {school}/{room}")

    def end() -> None:
        if task is not None:
            task.cancel()

    client.on_connect(begin)
    client.on_disconnect(end)
    client.on_delete(end)


async def _still_theirs(seat: Seat) -> None:
    """Raises LoggedOut, NotFound."""
    with contextlib.suppress(AccountsUnavailable):
        await seat.still()
    seat.centre.city.room(seat.who, seat.places["school"], seat.places["room"])


def _name(last: LastValue) -> tuple[str, str, str, str]:
    return last.measurement.value, last.device, last.role, last.metric


def devices(seat: Seat, values: Iterable[LastValue], late: bool = False) -> Markup:
    say = seat.say
    school, room = seat.places["school"], seat.places["room"]
    rows = seat.centre.city.school(seat.who, school).devices.get(room, ())
    by_device: dict[tuple[str, str], list[LastValue]] = {}
    for last in values:
        by_device.setdefault((last.device, last.role), []).append(last)
    cards = [_device(seat, row, by_device.get((row.device, row.role), [])) for row in rows]
    trouble = note("trouble", say("live_late")) if late else ""
    empty = "" if cards else note("hint", say("no_devices"))
    return Markup(
        '<section aria-labelledby="devices" data-live><h2 id="devices">{}</h2>{}{}'
        '<div class="devices">{}</div></section>'
    ).format(say("devices"), trouble, empty, join(cards))


def _device(seat: Seat, row: DeviceRow, values: Sequence[LastValue]) -> Markup:
    say = seat.say
    shown = [last for last in values if last.metric not in _HIDDEN]
    shown.sort(key=lambda last: (last.metric not in _SHOWN_FIRST, last.metric))
    lines = join(
        Markup('<tr data-metric="{}"><th scope="row">{}</th><td>{}</td><td>{}</td></tr>').format(
            last.metric, say.metric(last.metric), _value(seat, last), when(last.time_us, seat.now_us)
        )
        for last in shown
    )
    firmware = Markup(" · {} {}").format(say("firmware").lower(), row.firmware) if row.firmware else ""
    body = (
        Markup('<table><caption class="unseen">{}</caption><tbody>{}</tbody></table>').format(row.device, lines)
        if lines
        else ""
    )
    return Markup('<article class="device {}" data-key="{}/{}"><h3>{} {}</h3>'
                  '<p class="quiet">{}{}</p>{}</article>').format(
        row.health.value, row.device, row.role,
        link(cells.item_href(row.school, row.room, row.device), say.of("role", row.role)),
        cells.device_health(say, row), row.device, firmware, body,
    )  # fmt: skip


def _value(seat: Seat, last: LastValue) -> Markup | str:
    value, say = last.value, seat.say
    if isinstance(value, bool):
        return (
            say("on" if value else "off")
            if last.metric in ("power", "switch", "camera")
            else say.of("value", str(value).lower())
        )
    if isinstance(value, int | float):
        return quantity(float(value), say.language, unit(last.metric), 2)
    return value or "–"


def _charted(values: Sequence[LastValue]) -> list[LastValue]:
    numbers = (last for last in values if isinstance(last.value, int | float) and not isinstance(last.value, bool))
    found = [last for last in numbers if last.measurement not in _NOT_CHARTED]
    order = {metric: at for at, metric in enumerate(_SHOWN_FIRST)}
    return sorted(found, key=lambda last: (order.get(last.metric, 99), last.metric, last.device))


def _series(last: LastValue) -> Series:
    return Series(last.measurement, last.room, last.device, last.role, last.metric)


async def lessons(seat: Seat, asked: Asked) -> Markup:
    say, centre = seat.say, seat.centre
    school, room = seat.places["school"], seat.places["room"]
    until_us = seat.now_us
    span = Span(until_us - _HISTORY_DAYS * DAY_US, until_us)
    found = list(await centre.city.ask(usage.history, centre.usage.store, school, room, span))
    columns: list[Column[usage.Lesson]] = [
        Column("started", say("started"), lambda one: when(one.started_us, seat.now_us), sorts=False, is_main=True),
        Column("profile", say("profile"), lambda one: say.of("profile", one.profile), sorts=False),
        Column("outcome", say("outcome"), lambda one: _outcome(seat, one), sorts=False),
        Column(
            "ready_s", say("ready_s"), lambda one: quantity(one.ready_s, say.language, "s"), sorts=False, is_number=True
        ),
        Column("ended", say("ended"), lambda one: when(one.ended_us or 0, seat.now_us), sorts=False),
    ]
    shown = table(say, asked, columns, found[::-1][:20], say("lessons_of_room"), empty=say("no_lessons"))
    return Markup('<section aria-labelledby="lessons"><h2 id="lessons">{} <small>{}</small></h2>{}</section>').format(
        say("lessons_of_room"), links.download(say, links.lessons_csv(school, room, f"{_HISTORY_DAYS}d")), shown
    )


def _outcome(seat: Seat, one: usage.Lesson) -> Markup:
    code = {"ready": "working", "failed": "down", "blocked": "faulty"}.get(one.outcome, "unknown")
    return mark(code, seat.say.of("lesson", one.state))


async def ways(seat: Seat, _: Asked) -> Markup:
    say, where = seat.say, {"school": seat.places["school"], "room": seat.places["room"]}
    return Markup('<p class="ways-on">{}</p>').format(
        join(
            link(address(path, where), words, class_="button")
            for path, words in (
                ("/quality", say("gaps_of_room")), ("/equipment", say("way.equipment")), ("/alarms", say("way.alarms")),
                ("/equipment/labels", say("labels")),
            )
        )
    )  # fmt: skip


PAGE = Page("/schools/{school}/rooms/{room}", build)
