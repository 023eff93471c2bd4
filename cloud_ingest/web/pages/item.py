"""One device: what it says, and what people write down of it: model, serial, warranty."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

from markupsafe import Markup

from cloud_ingest.accounts.who import Act
from cloud_ingest.forecasts.forecast_file import ForecastsUnavailable, Wanted
from cloud_ingest.operations.choosing import NotFound
from cloud_ingest.operations.register import Item, RegisterUnavailable
from cloud_ingest.operations.rows import DeviceRow
from cloud_ingest.web import cells
from cloud_ingest.web.asked import Asked, address
from cloud_ingest.web.dialogs import Answers, Dialogs, Field
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import join, link, note, quantity, when
from cloud_ingest.web.pages import forecasts
from cloud_ingest.web.pages.equipment import warranty
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import LoggedOut, Seat
from cloud_ingest.web.shell import shell

_WRITTEN = ("model", "serial", "bought", "warranty_until", "note")


async def build(seat: Seat) -> None:
    row = device(seat)
    name = f"{seat.say.of('role', row.role)} · {row.device}"
    with shell(seat, name, "equipment", [("/equipment", seat.say("way.equipment"))]):

        async def do(act: str, _: str) -> None:
            item = await asyncio.to_thread(seat.centre.register.item, row.school, row.room, row.device)
            if act == "edit":
                _edit(seat, dialogs, item or Item(row.school, row.room, row.device), again)

        again = await region(seat, shown, do=do)
        dialogs = Dialogs(seat)


def device(seat: Seat) -> DeviceRow:
    """Raises NotFound."""
    school, room, name = (seat.places[part] for part in ("school", "room", "device"))
    for row in seat.centre.city.school(seat.who, school).devices.get(room, ()):
        if row.device == name:
            return row
    raise NotFound(f"device {school}/{room}/{name}")


async def shown(seat: Seat, _: Asked) -> Markup:
    say, row = seat.say, device(seat)
    item = await asyncio.to_thread(seat.centre.register.item, row.school, row.room, row.device)
    kept = item or Item(row.school, row.room, row.device)
    where = (
        cells.school_link(seat.centre.city.snapshot, row.school)
        + " · "
        + link(cells.room_href(row.school, row.room), row.room)
    )
    says = [
        (say("health"), cells.device_health(say, row)),
        (say("where"), where),
        (say("firmware"), Markup("{}").format(row.firmware or "–")),
        (say("lamp_h"), quantity(row.lamp_h, say.language, "h", 0)),
        (say("filter_h"), quantity(row.filter_h, say.language, "h", 0)),
        (say("battery"), quantity(row.battery_percent, say.language, "%", 0)),
        (say("seen"), when(row.seen_us, seat.now_us, say("never"))),
    ]
    written = [
        (say("model"), Markup("{}").format(kept.model or "–")),
        (say("serial"), Markup("{}").format(kept.serial or "–")),
        (say("bought"), Markup("{}").format(kept.bought.strftime("%d/%m/%Y") if kept.bought else "–")),
        (say("warranty"), warranty(seat, kept.warranty_until)),
        (say("note"), Markup("{}").format(kept.note or "–")),
    ]
    by = say("changed_by", by=kept.changed_by) if kept.changed_by else say("nothing_written")
    edit = Markup('<button type="button" class="button primary" data-act="edit">{}</button>').format(say("edit"))
    labels = link(
        address("/equipment/labels", {"school": row.school, "room": row.room, "q": row.device}),
        say("label"),
        class_="button",
    )
    return Markup(
        '<section><h2>{}</h2><dl class="facts">{}</dl></section>'
        '<section class="card"><h2>{}</h2><dl class="facts">{}</dl>'
        '<p class="quiet">{} {}</p><p class="ways-on">{}{}</p></section>'
    ).format(
        say("it_says"), _facts(says), say("written"), _facts(written), by, when(kept.changed_us, seat.now_us, ""),
        edit if seat.may(Act.EDIT_EQUIPMENT) else note("hint", say("look_only")), labels,
    ) + await _foretold(seat, row)  # fmt: skip


async def _foretold(seat: Seat, row: DeviceRow) -> Markup:
    """When it wears out, as far as that can be said."""
    say = seat.say
    try:
        found = await seat.centre.city.ask(
            seat.centre.forecasts.find, Wanted(school=row.school, room=row.room, device=row.device)
        )
    except ForecastsUnavailable:
        return note("trouble", say("unavailable"), say("unavailable_try"))
    if not found.rows:
        return Markup('<section class="card"><h2>{}</h2><p class="quiet">{}</p></section>').format(
            say("way.forecasts"), say("no_forecast_here")
        )
    return join(
        Markup('<section class="card"><h2>{}: {}</h2><dl class="facts">{}</dl></section>').format(
            say("way.forecasts"), forecasts.what(seat, one),
            _facts([
                (say("expected"), forecasts.expected(seat, one)), (say("value_of_limit"), forecasts.value(seat, one)),
                (say("method"), Markup("{}").format(one.method)), (say("back_test"), forecasts.tested(seat, one)),
                (say("bear_in_mind"), forecasts.notes(seat, one)),
            ]),
        )
        for one in found.rows
    )  # fmt: skip


def _facts(facts: list[tuple[str, Markup]]) -> Markup:
    return join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value) for name, value in facts)


def _edit(seat: Seat, dialogs: Dialogs, item: Item, again: Callable[[], Awaitable[None]]) -> None:
    say = seat.say
    fields = [
        Field("model", say("model"), value=item.model),
        Field("serial", say("serial"), value=item.serial),
        Field("bought", say("bought"), "date", item.bought.isoformat() if item.bought else ""),
        Field(
            "warranty_until", say("warranty"), "date", item.warranty_until.isoformat() if item.warranty_until else ""
        ),
        Field("note", say("note"), "long", item.note),
    ]

    async def do(answers: Answers) -> str | None:
        wrong = await _write(seat, item, answers)
        if wrong is None:
            await again()
        return wrong

    dialogs.ask(say("edit"), fields, say("save"), do)


async def _write(seat: Seat, before: Item, answers: Answers) -> str | None:
    say = seat.say
    try:
        days = {
            name: date.fromisoformat(answers[name]) if answers[name] else None for name in ("bought", "warranty_until")
        }
    except ValueError:
        return say("wrong_day")
    texts = {
        name: "".join(filter(str.isprintable, answers[name]))[:most]
        for name, most in (("model", 100), ("serial", 100), ("note", 1000))
    }
    item = Item(
        before.school,
        before.room,
        before.device,
        texts["model"],
        texts["serial"],
        days["bought"],
        days["warranty_until"],
        texts["note"],
    )
    try:
        who = await seat.still(Act.EDIT_EQUIPMENT)
        if not who.sees(item.school):
            return say("not_found")
        await asyncio.to_thread(seat.centre.register.write, item, who.name)
    except LoggedOut:
        return say("logged_out")
    except RegisterUnavailable:
        return say("unavailable")
    detail = {
        name: f"{getattr(before, name) or ''} → {getattr(item, name) or ''}"
        for name in _WRITTEN if (getattr(before, name) or "") != (getattr(item, name) or "")
    }  # fmt: skip
    place = "/".join(item.place)
    await asyncio.to_thread(seat.centre.audit.write, who, "equipment.write", place, detail, item.school)
    return None


PAGE = Page("/equipment/{school}/{room}/{device}", build)
