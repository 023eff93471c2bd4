"""What the centre publishes to gateways, whether it is sent, and how far each school has come with it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from markupsafe import Markup

from cloud_ingest.accounts.who import Act
from cloud_ingest.api.catalogue import of_schools
from cloud_ingest.catalogue.delivery import Step
from cloud_ingest.catalogue.progress import Progress
from cloud_ingest.catalogue.shelf import NotPublished, Published, ShelfUnavailable
from cloud_ingest.web import cells
from cloud_ingest.web.asked import Asked, address
from cloud_ingest.web.clock import number
from cloud_ingest.web.dialogs import Dialogs, Field
from cloud_ingest.web.links import API, download
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, join, link, mark, note, pages, shape, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import LoggedOut, Seat
from cloud_ingest.web.shell import shell

_BY_HAND = Markup("<code>lophoc catalogue send</code>")
_KEY = Markup("<code>lophoc catalogue key</code>")


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.catalogue"), "catalogue"):

        async def do(act: str, on: str) -> None:
            if act == "withdraw":
                profile, _, school = on.partition("/")
                _withdraw(seat, dialogs, profile, school, again)

        await region(seat, sending, every_s=5.0, always=True)
        again = await region(seat, profiles, every_s=30.0, do=do, always=True)
        await region(seat, progress, every_s=15.0, always=True)
        dialogs = Dialogs(seat)


async def sending(seat: Seat, _: Asked) -> Markup:
    """Does the broker have all of it?"""
    say, now = seat.say, seat.centre.delivery.state
    waiting = say("sending_waits", count=number(now.waiting, say.language, 0)) if now.waiting else ""
    why = now.why if seat.who.school is None else ""
    match now.step:
        case Step.OFF:
            shown = note("hint", say("send_by_hand"), _BY_HAND)
        case Step.NO_KEY:
            shown = note("trouble", say("make_key"), _KEY)
        case Step.AWAY | Step.STUCK:
            shown = note("trouble", say(f"delivery.{now.step.value}"), f"{waiting} {why}")
        case Step.SENT | Step.WAITING | Step.STARTING:
            shown = note("good", say(f"delivery.{now.step.value}"), waiting)
    return Markup("<section><h2>{}</h2>{}</section>").format(say("sending"), shown)


async def profiles(seat: Seat, asked: Asked) -> Markup:
    say = seat.say
    found = await asyncio.to_thread(seat.centre.desk.profiles, seat.who)
    newest = [one for at, one in enumerate(found) if not at or (found[at - 1].id, found[at - 1].school) != _of(one)]
    columns: list[Column[Published]] = [
        Column("name", say("name"), lambda one: link(profile_href(one), name(seat, one)), sorts=False, is_main=True),
        Column("for", say("school"), lambda one: whose(seat, one.school), sorts=False),
        Column("version", say("version"), lambda one: str(one.version), sorts=False, is_number=True),
        Column("note", say("note"), lambda one: one.note or "–", sorts=False),
        Column("at", say("published"), lambda one: by(seat, one), sorts=False),
    ]
    ways = Markup("")
    if seat.may(Act.PUBLISH):
        columns.append(Column("acts", say("change"), lambda one: _acts(seat, one), sorts=False))
        ways = Markup('<p class="ways-on">{}</p>').format(
            link("/catalogue/publish", say("publish_profile"), class_="button primary")
        )
    return Markup("<section><h2>{}</h2>{}{}</section>").format(
        say("profiles"), ways, table(say, asked, columns, newest, say("profiles"), empty=say("nothing_published"))
    )


async def progress(seat: Seat, asked: Asked) -> Markup:
    say = seat.say
    rows: Sequence[Progress] = await seat.centre.city.ask(of_schools, seat.centre, seat.who, None, asked.text("q"))
    if asked.text("troubled"):
        rows = [one for one in rows if one.refused or one.behind]
    page = asked.number("page", 1, 1, 10_000)
    some = rows[(page - 1) * cells.PAGE : page * cells.PAGE]
    choices = [Choice("troubled", say("troubled"), [("1", say("troubled_only"))])]
    kept = {"find": asked.text("q"), "troubled": "true" if asked.text("troubled") else ""}
    csv = download(say, address(f"{API}/catalogue/progress.csv", kept))
    return Markup("<section><h2>{}</h2>{}{}{}</section>").format(
        say("progress"),
        filters(say, asked, choices, say("find_progress"), csv),
        table(say, asked, _progress_columns(seat), some, say("progress"), empty=say("no_progress")),
        pages(say, asked, page, cells.PAGE, len(rows)),
    )


def _progress_columns(seat: Seat) -> list[Column[Progress]]:
    say, snapshot = seat.say, seat.centre.city.snapshot

    def count(key: str, words: str, of: Callable[[Progress], int], code: str = "") -> Column[Progress]:
        def cell(one: Progress) -> Markup:
            text = number(of(one), say.language, 0)
            return shape(code) + " " + text if code and of(one) else Markup("{}").format(text)

        return Column(key, words, cell, sorts=False, is_number=True)

    return [
        Column("school", say("school"), lambda one: cells.school_link(snapshot, one.school), sorts=False, is_main=True),
        Column("serial", say("serial_no"), lambda one: _serial(seat, one), sorts=False, is_number=True),
        count("refused", say("refused"), lambda one: one.refused, "down"),
        Column("why", say("why"), lambda one: _why(seat, one), sorts=False),
        count("behind", say("behind"), lambda one: one.behind, "faulty"),
        count("away", say("away"), lambda one: one.away),
        count("staged", say("staged"), lambda one: one.staged),
        Column(
            "applied",
            say("holds"),
            lambda one: f"{number(one.applied, say.language, 0)} / {number(one.gateways, say.language, 0)}",
            sorts=False,
            is_number=True,
        ),
        Column(
            "timetable",
            say("catalogue.timetable"),
            lambda one: link(timetable_href(one.school), say("timetables")),
            sorts=False,
        ),
    ]


def _serial(seat: Seat, one: Progress) -> Markup:
    if not one.serial:
        return Markup('<span class="quiet">–</span>')
    waits = "" if one.is_sent else seat.say("not_sent")
    return Markup("{} <small>{}</small>").format(one.serial, waits)


def _why(seat: Seat, one: Progress) -> Markup:
    words = [f"{count} × {seat.say.of('refusal', code)}" for code, count in one.problems]
    return join(words, ", ") if words else Markup('<span class="quiet">–</span>')


def profile_href(one: Published) -> str:
    return address(f"/catalogue/profiles/{one.id}", {"school": one.school or None})


def timetable_href(school: str) -> str:
    return f"/catalogue/timetables/{school}"


def name(seat: Seat, one: Published) -> str:
    return seat.say.of("profile", one.id)


def whose(seat: Seat, school: str) -> Markup | str:
    return cells.school_link(seat.centre.city.snapshot, school) if school else seat.say("whole_city")


def by(seat: Seat, one: Published) -> Markup:
    shown = Markup("{} {}").format(one.published_by, when(one.published_us, seat.now_us))
    if one.withdrawn_us is None:
        return shown
    return mark("off", seat.say("withdrawn")) + " " + shown


def _of(one: Published) -> tuple[str, str]:
    return one.id, one.school


def _acts(seat: Seat, one: Published) -> Markup:
    if one.withdrawn_us is not None:
        return Markup('<span class="quiet">–</span>')
    words = seat.say("withdraw")
    return Markup(
        '<button type="button" class="button small" data-act="withdraw" data-on="{}/{}" aria-label="{}: {}">{}</button>'
    ).format(one.id, one.school, words, one.id, words)


def _withdraw(seat: Seat, dialogs: Dialogs, profile: str, school: str, again: Callable[[], Awaitable[None]]) -> None:
    say = seat.say

    async def do(_: dict[str, str]) -> str | None:
        try:
            who = await seat.still(Act.PUBLISH)
            await asyncio.to_thread(seat.centre.desk.withdraw, who, profile, school)
        except LoggedOut:
            return say("logged_out")
        except NotPublished:
            return say("not_found")
        except ShelfUnavailable:
            return say("unavailable")
        await again()
        return None

    called = f"{say.of('profile', profile)} ({school or say('whole_city')})"
    sure = Field("sure", say("sure_withdraw", name=called), "note")
    dialogs.ask(say("withdraw"), [sure], say("withdraw"), do, is_harsh=True)


PAGE = Page("/catalogue", build)
