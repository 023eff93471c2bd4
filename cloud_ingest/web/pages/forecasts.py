"""Forecasts: what wears out next, how sure that is, and how far off the same method was before."""

from datetime import date, timedelta

from markupsafe import Markup

from cloud_ingest.forecasts.forecast import Forecast, Wear
from cloud_ingest.forecasts.forecast_file import Wanted
from cloud_ingest.operations.choosing import named
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import moment, number
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, join, link, mark, note, pages, table
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell

SOON_DAYS = 30
_WITHIN = ("30", "90", "365")


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.forecasts"), "forecasts"):
        await region(seat, listed, every_s=None)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say, centre = seat.say, seat.centre
    page = asked.number("page", 1, 1, 10_000)
    found = await centre.city.ask(centre.forecasts.find, wanted(seat, asked), cells.PAGE, (page - 1) * cells.PAGE)
    if found.made is None:
        return note("hint", say("no_forecasts_yet"), Markup("<code>lophoc forecast make</code>"))
    choices = [
        Choice("wear", say("wears"), [(one.value, say.of("wear", one.value)) for one in Wear]),
        Choice("within", say("within"), [(days, say(f"within.{days}")) for days in _WITHIN]),
    ]
    made = Markup('<span class="quiet">{}</span>').format(say("forecasts_made", day=shown(found.made)))
    until = _until(seat, asked)
    csv = links.forecasts_csv(say, asked, None if until is None else until.isoformat())
    return (
        note("hint", say("forecasts_mean"))
        + filters(say, asked, choices, say("find_forecasts"), made + csv)
        + table(say, asked, _columns(seat), found.rows, say("way.forecasts"), lambda one: href(one))
        + pages(say, asked, page, cells.PAGE, found.total)
    )


def wanted(seat: Seat, asked: Asked) -> Wanted:
    """Raises NotFound for a school that they do not see."""
    school = asked.slug("school")
    if school is not None:
        seat.centre.city.school(seat.who, school)
    return Wanted(
        school=school or seat.who.school, wear=next(iter(asked.choices("wear", Wear) or ()), None),
        until=_until(seat, asked), find=asked.text("q"),
        named=named(seat.centre.city.snapshot, seat.who, asked.text("q")),
    )  # fmt: skip


def _until(seat: Seat, asked: Asked) -> date | None:
    days = asked.one_of("within", _WITHIN, "")
    return moment(seat.now_us).date() + timedelta(days=int(days)) if days else None


def href(one: Forecast) -> str:
    if one.series.role == "gateway":
        return cells.room_href(one.school, one.series.room)
    return cells.item_href(one.school, one.series.room, one.series.device)


def shown(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def expected(seat: Seat, one: Forecast) -> Markup:
    """The day with its interval; soon is marked by a shape and not only by a colour."""
    say = seat.say
    if one.expected is None:
        return Markup('<span class="quiet">{}</span>').format(say("beyond", day=shown(one.horizon)))
    text = shown(one.expected)
    left = (one.early or one.expected) - moment(seat.now_us).date()
    name = mark("warning", text) if left.days <= SOON_DAYS else Markup("{}").format(text)
    early = shown(one.early) if one.early else say("nobody_knows")
    late = shown(one.late) if one.late else say("beyond", day=shown(one.horizon))
    return Markup("{} <small>{} ({} %)</small>").format(
        name, say("between", early=early, late=late), number(100 * one.level, say.language, 0)
    )


def value(seat: Seat, one: Forecast) -> Markup:
    language = seat.language
    return Markup('{} / {} <span class="unit">{}</span>').format(
        number(one.value, language), number(one.limit, language), one.unit
    )


def tested(seat: Seat, one: Forecast) -> Markup:
    say, test = seat.say, one.back_test
    if test is None:
        return Markup('<span class="quiet">{}</span>').format(say("no_back_test"))
    language = say.language
    error = say("error_of", error=number(test.error, language, 2), unit=one.unit, days=test.ahead_days)
    naive = say("naive_of", error=number(test.naive_error, language, 2), week=number(test.last_week_error, language, 2))
    return Markup("{} <small>{}</small>").format(error, naive)


def notes(seat: Seat, one: Forecast) -> Markup:
    words = [seat.say.of("forecast-note", code) for code in one.notes]
    return join(words, ", ") if words else Markup('<span class="quiet">–</span>')


def what(seat: Seat, one: Forecast) -> Markup:
    return Markup("{} <small>{}</small>").format(
        seat.say.of("wear", one.wear.value), seat.say.metric(one.series.metric)
    )


def _columns(seat: Seat) -> list[Column[Forecast]]:
    say, snapshot = seat.say, seat.centre.city.snapshot
    return [
        Column("device", say("device"), lambda one: link(href(one), one.series.device), sorts=False, is_main=True),
        Column("wear", say("wears"), lambda one: what(seat, one), sorts=False),
        Column("school", say("school"), lambda one: cells.school_link(snapshot, one.school), sorts=False),
        Column(
            "room",
            say("room"),
            lambda one: link(cells.room_href(one.school, one.series.room), one.series.room),
            sorts=False,
        ),
        Column("expected", say("expected"), lambda one: expected(seat, one), sorts=False),
        Column("value", say("value_of_limit"), lambda one: value(seat, one), sorts=False, is_number=True),
        Column("method", say("method"), lambda one: one.method, sorts=False),
        Column("back_test", say("back_test"), lambda one: tested(seat, one), sorts=False),
        Column("notes", say("bear_in_mind"), lambda one: notes(seat, one), sorts=False),
    ]


PAGE = Page("/forecasts", build)
