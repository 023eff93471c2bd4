"""The inbox: which alarms hold, the worst and widest first."""

import asyncio

from markupsafe import Markup

from cloud_ingest.alarms.alarm import Alarm, AlarmState, Severity
from cloud_ingest.alarms.inbox import Wanted
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, link, mark, pages, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell

_HOLD = frozenset((AlarmState.OPEN, AlarmState.ACKNOWLEDGED))
_SHOWN = {"hold": _HOLD, "open": {AlarmState.OPEN}, "acknowledged": {AlarmState.ACKNOWLEDGED},
          "cleared": {AlarmState.CLEARED}, "every": frozenset(AlarmState)}  # fmt: skip


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.alarms"), "alarms"):
        await region(seat, listed, every_s=2.0, always=True)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say, inbox = seat.say, seat.alarms
    page = asked.number("page", 1, 1, 10_000)
    shown = asked.one_of("state", _SHOWN, "hold")
    severities = [severity for severity in Severity if severity.word == asked.text("severity")]
    muted = {"yes": True, "no": False}.get(asked.text("muted"))
    wanted = Wanted(
        states=frozenset(_SHOWN[shown]),
        severities=frozenset(severities or Severity),
        school=asked.slug("school"),
        room=asked.slug("room"),
        assigned_to=asked.text("to") or None,
        muted=muted,
        find=asked.text("q"),
        newest_first=shown in ("cleared", "every"),
        limit=cells.PAGE,
        offset=(page - 1) * cells.PAGE,
    )
    found = await asyncio.to_thread(inbox.list, seat.who, wanted)
    choices = [
        Choice(
            "state",
            say("state"),
            [(code, say(f"alarms.{code}")) for code in ("open", "acknowledged", "cleared", "every")],
            say("alarms.hold"),
        ),
        Choice("severity", say("severity"), [(one.word, say.of("severity", one.word)) for one in reversed(Severity)]),
        Choice("muted", say("muted"), [("yes", say("yes")), ("no", say("no_answer"))]),
        Choice("to", say("assigned"), [(seat.who.name, say("to_me"))]),
    ]
    return (
        filters(say, asked, choices, say("find_alarms"), links.alarms_csv(say, asked))
        + table(
            say,
            asked,
            _columns(seat),
            found.alarms,
            say("way.alarms"),
            lambda alarm: f"/alarms/{alarm.id}",
            say("no_alarms"),
        )
        + pages(say, asked, page, cells.PAGE, found.total)
    )


def text_of(seat: Seat, alarm: Alarm) -> str:
    return alarm.text_vi if seat.language == "vi" else alarm.text_en


def _columns(seat: Seat) -> list[Column[Alarm]]:
    say = seat.say
    return [
        Column(
            "text",
            say("alarm"),
            lambda alarm: link(f"/alarms/{alarm.id}", text_of(seat, alarm)),
            sorts=False,
            is_main=True,
        ),
        Column(
            "severity",
            say("severity"),
            lambda alarm: mark(alarm.severity.word, say.of("severity", alarm.severity.word)),
            sorts=False,
        ),
        Column("state", say("state"), lambda alarm: state_of(seat, alarm), sorts=False),
        Column("where", say("where"), lambda alarm: where_of(seat, alarm), sorts=False),
        Column("cause_of", say("stands_for"), lambda alarm: str(alarm.cause_of), sorts=False, is_number=True),
        Column("since_us", say("since"), lambda alarm: when(alarm.since_us, seat.now_us), sorts=False),
        Column("assigned_to", say("assigned"), lambda alarm: alarm.assigned_to or "–", sorts=False),
    ]


def state_of(seat: Seat, alarm: Alarm) -> Markup:
    say = seat.say
    code = {AlarmState.OPEN: "faulty", AlarmState.ACKNOWLEDGED: "off", AlarmState.CLEARED: "working"}[alarm.state]
    muted = Markup(' <span class="chip">{}</span>').format(say("muted")) if alarm.muted_until_us else ""
    return mark(code, say.of("alarm", alarm.state.value)) + muted


def where_of(seat: Seat, alarm: Alarm) -> Markup | str:
    if alarm.school is None:
        return seat.say("many_schools", count=alarm.in_schools) if alarm.in_schools else seat.say("centre")
    school = cells.school_link(seat.centre.city.snapshot, alarm.school)
    return (
        school + Markup(" · ") + link(cells.room_href(alarm.school, alarm.room), alarm.room) if alarm.room else school
    )


PAGE = Page("/alarms", build)
