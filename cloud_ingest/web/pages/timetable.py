"""A school's timetable: what is published, and a new one from an iCalendar file, looked at before it is published."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from markupsafe import Markup

from classroom_profiles.catalogue import WrongCatalogue
from classroom_profiles.timetable import Entry
from cloud_ingest.accounts.who import SCHOOL_NAME, Act
from cloud_ingest.catalogue import ics, preview
from cloud_ingest.catalogue.preview import LeftOut, RoomWeek
from cloud_ingest.catalogue.shelf import NotPublished, ShelfUnavailable
from cloud_ingest.web import cells
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import moment, number
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Column, join, mark, note, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import LoggedOut, Seat
from cloud_ingest.web.shell import shell


@dataclass(slots=True)
class _Form:
    """Only what was looked at can be published."""

    ends: str
    rooms: str = ""
    source: str = ""
    wrong: Markup = field(default_factory=Markup)
    found: ics.Read | None = None
    is_published: bool = False


async def build(seat: Seat) -> None:
    school = seat.centre.city.school(seat.who, seat.places["school"]).row
    form = _Form(preview.end_of_school_year(moment(seat.now_us).date()).isoformat())
    crumbs = [("/catalogue", seat.say("way.catalogue")), (cells.school_href(school.school), school.name)]
    with shell(seat, seat.say("timetable_of", school=school.name), "catalogue", crumbs):

        async def render(seat: Seat, _: Asked) -> Markup:
            return await _form_shown(seat, school.school, form)

        async def kept(seat: Seat, asked: Asked) -> Markup:
            return await _kept(seat, asked, school.school)

        async def fill(act: str, _: str, fields: Mapping[str, str]) -> None:
            if act == "look":
                await _look(seat, school.school, form, fields)
            elif act == "publish" and form.found is not None:
                await _publish(seat, school.school, form)
                await again_kept()
            await again()

        if seat.may(Act.PUBLISH):
            again = await region(seat, render, every_s=None, fill=fill)
        again_kept = await region(seat, kept, every_s=None)


async def _kept(seat: Seat, asked: Asked, school: str) -> Markup:
    say = seat.say
    found = await asyncio.to_thread(seat.centre.desk.timetable, school)
    if found is None:
        shown = Markup('<p class="empty">{}</p>').format(say("no_timetable"))
    else:
        by = Markup('<p class="quiet">{} · {} {}</p>').format(
            found.source, found.published_by, when(found.published_us, seat.now_us)
        )
        shown = by + await _week(seat, asked, school, found.entries)
    return Markup("<section><h2>{}</h2>{}</section>").format(say("timetable_now"), shown)


async def _week(seat: Seat, asked: Asked, school: str, entries: Sequence[Entry]) -> Markup:
    """Lessons of each room by weekday."""
    say = seat.say
    known = seat.centre.city.school(seat.who, school).rooms.keys()
    week = await asyncio.to_thread(preview.week_of, entries, moment(seat.now_us).date(), known)
    columns: list[Column[RoomWeek]] = [
        Column("room", say("room"), lambda one: _room(seat, one), sorts=False, is_main=True),
        *(_weekday(seat, day) for day in range(7)),
    ]
    total = say("lessons_in_rooms", lessons=number(len(entries), say.language, 0), rooms=len(week.rooms))
    monday = f" · {say('week_from', day=week.monday.strftime('%d/%m/%Y'))}" if week.monday else ""
    return Markup("<p>{}{}</p>{}").format(
        total, monday, table(say, asked, columns, week.rooms, say("catalogue.timetable"), empty=say("no_lessons_in_it"))
    )


def _weekday(seat: Seat, day: int) -> Column[RoomWeek]:
    return Column(
        f"d{day}", seat.say(f"weekday.{day}"), lambda one: str(one.lessons[day] or "–"), sorts=False, is_number=True
    )


def _room(seat: Seat, one: RoomWeek) -> Markup:
    if one.is_known:
        return Markup("{}").format(one.room)
    return Markup("{} {}").format(one.room, mark("unknown", seat.say("room_unknown")))


async def _form_shown(seat: Seat, school: str, form: _Form) -> Markup:
    say = seat.say
    would_be, publish = Markup(""), Markup("")
    if form.found is not None:
        would_be = await _would_be(seat, school, form.found)
        publish = Markup('<button type="button" class="button primary" data-act="publish">{}</button>').format(
            say("put_timetable")
        )
    done = note("good", say("timetable_put")) if form.is_published else Markup("")
    return Markup(
        '<section><h2>{title}</h2>{done}{means}<form class="card writing" data-fields><div class="asks">'
        '<label class="field"><span>{file}</span><input type="file" name="file" accept=".ics,text/calendar"></label>'
        '<label class="field"><span>{ends_words}</span><input type="date" name="ends" value="{ends}"></label></div>'
        '<label class="field"><span>{rooms_words}</span><textarea name="rooms" rows="3" maxlength="20000" '
        'spellcheck="false">\n{rooms}</textarea></label>{wrong}<p class="ways-on">'
        '<button type="button" class="button{primary}" data-act="look">{look}</button></p></form>'
        "{would_be}<p class=\"ways-on\">{publish}</p></section>"
    ).format(
        title=say("take_timetable"), done=done, means=note("hint", say("timetable_means")), file=say("ics_file"),
        ends_words=say("year_ends"), ends=form.ends, rooms_words=say("room_names"), rooms=form.rooms, wrong=form.wrong,
        primary="" if form.found else " primary", look=say("show_first"), would_be=would_be, publish=publish,
    )  # fmt: skip


async def _would_be(seat: Seat, school: str, found: ics.Read) -> Markup:
    say, asked = seat.say, Asked("")
    skipped = preview.left_out(found.skipped)
    columns: list[Column[LeftOut]] = [
        Column("why", say("why"), lambda one: one.why, sorts=False, is_main=True),
        Column("count", say("how_many"), lambda one: number(one.count, say.language, 0), sorts=False, is_number=True),
        Column("titles", say("examples"), lambda one: join(one.titles, ", "), sorts=False),
    ]
    return Markup("<h3>{}</h3>{}<h3>{}</h3>{}").format(
        say("would_be"), await _week(seat, asked, school, found.entries), say("left_out"),
        table(say, asked, columns, skipped, say("left_out"), empty=say("nothing_left_out")),
    )  # fmt: skip


async def _look(seat: Seat, school: str, form: _Form, fields: Mapping[str, str]) -> None:
    say = seat.say
    form.found, form.is_published, form.wrong = None, False, Markup("")
    form.ends, form.rooms = fields.get("ends", "")[:10], fields.get("rooms", "").replace("\r\n", "\n")
    form.source = fields.get("file_name", "")[:120]
    if "file_large" in fields:
        form.wrong = note("trouble", say("too_large_file"))
        return
    if not fields.get("file"):
        form.wrong = note("trouble", say("nothing_given"))
        return
    try:
        ends, rooms = date.fromisoformat(form.ends), _rooms(form.rooms)
        await seat.still(Act.PUBLISH)
        found = await asyncio.to_thread(seat.centre.desk.read_timetable, school, fields["file"].encode(), ends, rooms)
    except (ics.WrongCalendar, WrongCatalogue) as wrong:
        form.wrong = note("trouble", str(wrong))
    except _WrongRooms:
        form.wrong = note("trouble", say("wrong_rooms"))
    except ValueError:
        form.wrong = note("trouble", say("wrong_day"))
    except LoggedOut:
        form.wrong = note("trouble", say("logged_out"))
    except ShelfUnavailable:
        form.wrong = note("trouble", say("unavailable"))
    else:
        form.found = found
        if not found.entries:
            form.wrong = note("trouble", say("no_lessons_in_it"))


async def _publish(seat: Seat, school: str, form: _Form) -> None:
    say, found = seat.say, form.found
    assert found is not None
    try:
        who = await seat.still(Act.PUBLISH)
        await asyncio.to_thread(seat.centre.desk.put_timetable, who, school, found, form.source)
    except NotPublished:
        form.wrong = note("trouble", say("no_lessons_in_it"))
    except LoggedOut:
        form.wrong = note("trouble", say("logged_out"))
    except ShelfUnavailable:
        form.wrong = note("trouble", say("unavailable"))
    else:
        form.found, form.is_published = None, True


class _WrongRooms(Exception):
    pass


def _rooms(written: str) -> dict[str, str]:
    """Raises _WrongRooms."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, written.splitlines())):
        name, equals, slug = line.rpartition("=")
        if not equals or SCHOOL_NAME.fullmatch(slug.strip()) is None:
            raise _WrongRooms
        found[name.strip()] = slug.strip()
    return found


PAGE = Page("/catalogue/timetables/{school}", build)
