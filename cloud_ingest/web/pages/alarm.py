"""One alarm: what it is, what was done about it, and what can be done."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from markupsafe import Markup

from cloud_ingest.accounts.who import Act, Who
from cloud_ingest.alarms.alarm import Alarm, AlarmState
from cloud_ingest.alarms.inbox import Alarms, HasCleared, InboxUnavailable, NoSuchAlarm, NotTheirs
from cloud_ingest.operations.choosing import NotFound
from cloud_ingest.web import cells
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.dialogs import Answers, Dialogs, Field
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import join, mark, note, when
from cloud_ingest.web.pages.alarms import state_of, text_of, where_of
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import LoggedOut, Seat
from cloud_ingest.web.shell import shell

_MUTES = {"1h": 3600, "8h": 28_800, "24h": 86_400, "7d": 604_800, "30d": 2_592_000}
_Change = Callable[[Alarms, Who], Alarm]


async def build(seat: Seat) -> None:
    number = _number(seat)
    inbox = seat.alarms
    try:
        alarm = await asyncio.to_thread(inbox.one, seat.who, number)
    except NoSuchAlarm as none:
        raise NotFound(str(none)) from none
    with shell(seat, text_of(seat, alarm), "alarms", [("/alarms", seat.say("way.alarms"))]):

        async def do(act: str, _: str) -> None:
            _ask(seat, dialogs, inbox, number, act, refresh)

        refresh = await region(seat, shown, every_s=2.0, do=do, always=True)
        dialogs = Dialogs(seat)


def _number(seat: Seat) -> int:
    """Raises NotFound."""
    text = seat.places["alarm"]
    if not text.isdecimal() or len(text) > 15:
        raise NotFound(f"alarm {text}")
    return int(text)


async def shown(seat: Seat, _: Asked) -> Markup:
    say, inbox, number = seat.say, seat.alarms, _number(seat)
    alarm = await asyncio.to_thread(inbox.one, seat.who, number)
    history = await asyncio.to_thread(inbox.history, seat.who, number)
    schools = await asyncio.to_thread(inbox.schools, seat.who, number)
    now_us = seat.now_us
    facts = [
        (say("severity"), mark(alarm.severity.word, say.of("severity", alarm.severity.word))),
        (say("state"), state_of(seat, alarm)),
        (say("where"), where_of(seat, alarm)),
        (say("since"), when(alarm.since_us, now_us)),
        (say("stands_for"), Markup("{}").format(say("things", count=alarm.cause_of))),
        (say("assigned"), Markup("{}").format(alarm.assigned_to or "–")),
    ]
    if alarm.cleared_us:
        facts.append((say.of("alarm", "cleared"), when(alarm.cleared_us, now_us)))
    if alarm.muted_until_us:
        facts.append((say("muted_until"), when(alarm.muted_until_us, now_us)))
    lines = join(
        Markup("<li>{} <b>{}</b> {}{}</li>").format(
            when(entry.at_us, now_us), say.of("did", entry.what), entry.by,
            Markup('<p>{}</p>').format(entry.comment) if entry.comment else "",
        )
        for entry in history
    )  # fmt: skip
    concerned = join(
        Markup("<li>{}</li>").format(cells.school_link(seat.centre.city.snapshot, school)) for school in schools[:200]
    )
    many = Markup('<details class="card"><summary>{}</summary><ul class="columns">{}</ul></details>').format(
        say("concerned", count=len(schools)), concerned
    ) if len(schools) > 1 else ""  # fmt: skip
    return Markup('<dl class="facts">{}</dl>{}{}<section class="card"><h2>{}</h2>'
                  '<ol class="history">{}</ol></section>').format(
        join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value) for name, value in facts),
        _buttons(seat, alarm), many, say("history"), lines,
    )  # fmt: skip


def _buttons(seat: Seat, alarm: Alarm) -> Markup:
    say = seat.say
    if not seat.may(Act.HANDLE_ALARMS):
        return note("hint", say("look_only"))
    acts = ["comment"]
    if alarm.state is not AlarmState.CLEARED:
        acts = ["assign", "unmute" if alarm.muted_until_us else "mute", "comment"]
    if alarm.state is AlarmState.OPEN:
        acts.insert(0, "acknowledge")
    return Markup('<p class="ways-on">{}</p>').format(
        join(
            Markup('<button type="button" class="button{}" data-act="{}">{}</button>').format(
                " primary" if act == "acknowledge" else "", act, say(f"do.{act}")
            )
            for act in acts
        )
    )


def _ask(
    seat: Seat, dialogs: Dialogs, inbox: Alarms, number: int, act: str, refresh: Callable[[], Awaitable[None]]
) -> None:
    say = seat.say
    comment = Field("comment", say("comment"), "long")
    lengths = [(code, say(f"mute.{code}")) for code in _MUTES]
    fields = {
        "acknowledge": [comment],
        "assign": [Field("to", say("assign_to"), value=seat.who.name, hint=say("assign_hint")), comment],
        "mute": [Field("for", say("mute_for"), "choice", "8h", lengths), comment],
        "unmute": [comment],
        "comment": [comment],
    }.get(act)  # fmt: skip
    if fields is None:
        return

    async def do(answers: Answers) -> str | None:
        wrong = await _done(seat, inbox, number, act, answers)
        if wrong is None:
            await refresh()
        return wrong

    dialogs.ask(say(f"do.{act}"), fields, say(f"do.{act}"), do)


async def _done(seat: Seat, inbox: Alarms, number: int, act: str, answers: Answers) -> str | None:
    """What is wrong with it; None if it was done."""
    say, comment = seat.say, answers.get("comment", "")
    now_us = time.time_ns() // 1000
    change: _Change
    match act:
        case "acknowledge":
            change = lambda inbox, who: inbox.acknowledge(who, number, comment)  # noqa: E731
        case "assign":
            change = lambda inbox, who: inbox.assign(who, number, answers.get("to") or None, comment)  # noqa: E731
        case "mute":
            until_us = now_us + _MUTES.get(answers.get("for", ""), 3600) * 1_000_000
            change = lambda inbox, who: inbox.mute(who, number, until_us, comment)  # noqa: E731
        case "unmute":
            change = lambda inbox, who: inbox.mute(who, number, None, comment)  # noqa: E731
        case _:
            change = lambda inbox, who: inbox.comment(who, number, comment)  # noqa: E731
    try:
        who = await seat.still(Act.HANDLE_ALARMS)
        alarm = await asyncio.to_thread(change, inbox, who)
    except LoggedOut:
        return say("logged_out")
    except HasCleared:
        return say("has_cleared")
    except NotTheirs:
        return say("not_theirs")
    except NoSuchAlarm:
        return say("not_found")
    except InboxUnavailable:
        return say("unavailable")
    except ValueError:
        return say("say_something")
    detail = {name: value for name, value in answers.items() if value}
    await asyncio.to_thread(seat.centre.audit.write, who, f"alarm.{act}", str(number), detail, alarm.school)
    return None


PAGE = Page("/alarms/{alarm}", build)
