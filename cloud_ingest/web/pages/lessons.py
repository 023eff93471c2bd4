"""How lessons are used: which profiles, how they end, how long until a room is ready, and what fails."""

from collections import Counter

from markupsafe import Markup

from cloud_ingest.operations.choosing import Wanted
from cloud_ingest.operations.rows import RoomRow
from cloud_ingest.operations.usage import ProfileUse, day_of
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked, address
from cloud_ingest.web.clock import number
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Column, join, link, quantity, table
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell

_DAYS = {"24h": 1, "7d": 7, "30d": 30, "1y": 365}
_Failing = tuple[str, str, int, int, str]
"""Role, model, devices, out of order, the usual reasons."""


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.lessons"), "lessons"):
        await region(seat, now, every_s=10.0)
        await region(seat, used, every_s=60.0)
        await region(seat, failing, every_s=60.0)


async def now(seat: Seat, asked: Asked) -> Markup:
    say = seat.say
    rows = await seat.centre.city.ask(_running, seat, asked.slug("school"))
    counted = Counter(row.lesson for row in rows)
    tiles = join(
        Markup('<a class="tile plain" href="{}"><b>{}</b><span>{}</span></a>').format(
            address("/rooms", {"lesson": profile}), number(count, say.language, 0), say.of("profile", profile)
        )
        for profile, count in counted.most_common(8)
    )
    total = say("lessons_now", rooms=number(len(rows), say.language, 0))
    return Markup('<section class="tiles" aria-label="{0}"><p>{0}</p>{1}</section>').format(total, tiles)


def _running(seat: Seat, school: str | None) -> list[RoomRow]:
    found = seat.centre.city.rooms(seat.who, Wanted(school=school, want_total=False)).rows
    return [row for row in found if row.lesson]


async def used(seat: Seat, asked: Asked) -> Markup:
    say, centre = seat.say, seat.centre
    length = asked.one_of("span", _DAYS, "7d")
    school = asked.slug("school") or seat.who.school
    if school is not None:
        centre.city.school(seat.who, school)
    today = day_of(seat.now_us)
    found = await centre.city.ask(centre.usage.by_profile, today - _DAYS[length] + 1, today, school)
    spans = join(
        link(
            asked.href(span=code),
            say(f"span.{code}"),
            class_="button",
            data_want="",
            **({"aria_current": "true"} if code == length else {}),
        )
        for code in _DAYS
    )
    of = Markup(" · {}").format(cells.school_link(centre.city.snapshot, school)) if school else ""
    language = say.language
    columns: list[Column[ProfileUse]] = [
        Column("profile", say("profile"), lambda use: say.of("profile", use.profile), sorts=False, is_main=True),
        Column("ready", say("times_ready"), lambda use: number(use.ready, language, 0), sorts=False, is_number=True),
        Column("failed", say("times_failed"), lambda use: number(use.failed, language, 0), sorts=False, is_number=True),
        Column(
            "blocked", say("times_blocked"), lambda use: number(use.blocked, language, 0), sorts=False, is_number=True
        ),
        Column("share", say("share_ready"), lambda use: _share(seat, use), sorts=False, is_number=True),
        Column(
            "p50", say("ready_p50"), lambda use: quantity(use.ready_p50_s, language, "s"), sorts=False, is_number=True
        ),
        Column(
            "p95", say("ready_p95"), lambda use: quantity(use.ready_p95_s, language, "s"), sorts=False, is_number=True
        ),
    ]
    csv = links.download(say, links.usage_csv("profiles", since=f"{_DAYS[length]}d", school=school))
    return Markup(
        '<section aria-labelledby="used"><h2 id="used">{}{} <small>{}</small></h2><p class="spans">{}</p>{}</section>'
    ).format(say("used"), of, csv, spans, table(say, asked, columns, found, say("used"), empty=say("no_lessons")))


def _share(seat: Seat, use: ProfileUse) -> Markup:
    whole = use.ready + use.failed + use.blocked
    return quantity(100 * use.ready / whole if whole else None, seat.language, "%")


async def failing(seat: Seat, asked: Asked) -> Markup:
    say = seat.say
    found = await seat.centre.city.ask(_failing, seat, asked.slug("school"))
    columns: list[Column[_Failing]] = [
        Column("role", say("kind"), lambda one: say.of("role", one[0]), sorts=False, is_main=True),
        Column("model", say("model"), lambda one: one[1] or say("no_model"), sorts=False),
        Column("devices", say("devices"), lambda one: number(one[2], say.language, 0), sorts=False, is_number=True),
        Column("bad", say("faults"), lambda one: number(one[3], say.language, 0), sorts=False, is_number=True),
        Column(
            "share",
            say("share_bad"),
            lambda one: quantity(100 * one[3] / one[2], say.language, "%", 2),
            sorts=False,
            is_number=True,
        ),
        Column("why", say("why"), lambda one: one[4], sorts=False),
    ]
    csv = links.download(say, links.usage_csv("failures", school=asked.slug("school")))
    return Markup('<section aria-labelledby="failing"><h2 id="failing">{} <small>{}</small></h2>{}</section>').format(
        say("failing"), csv, table(say, asked, columns, found[:30], say("failing"), empty=say("nothing_fails"))
    )


def _failing(seat: Seat, school: str | None) -> list[_Failing]:
    devices: Counter[tuple[str, str]] = Counter()
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for row in seat.centre.city.devices(seat.who, Wanted(school=school, want_total=False)).rows:
        kind = (row.role, seat.centre.register.model((row.school, row.room, row.device)))
        devices[kind] += 1
        if row.says in ("fault", "unreachable"):
            reasons.setdefault(kind, Counter())[row.reason or row.says] += 1
    found = [
        (
            *kind,
            devices[kind],
            count.total(),
            ", ".join(f"{seat.say.of('reason', why)} ({often})" for why, often in count.most_common(3)),
        )
        for kind, count in reasons.items()
    ]
    return sorted(found, key=lambda one: (-one[3], one[0], one[1]))


PAGE = Page("/lessons", build)
