"""People with an account: who they are, what they may do, and which school is theirs."""

import asyncio
from collections.abc import Awaitable, Callable

from markupsafe import Markup

from cloud_ingest.accounts.account_file import AccountsUnavailable
from cloud_ingest.accounts.accounts import Person
from cloud_ingest.accounts.who import Act, Role, WrongAccount
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.dialogs import Answers, Dialogs, Field
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Column, filters, mark, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import LoggedOut, Seat
from cloud_ingest.web.shell import shell

_Again = Callable[[], Awaitable[None]]


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.accounts"), "accounts"):

        async def do(act: str, name: str) -> None:
            person = await asyncio.to_thread(seat.centre.accounts.person, name) if name else None
            _ask(seat, dialogs, act, person, again)

        again = await region(seat, listed, every_s=None, do=do)
        dialogs = Dialogs(seat)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say = seat.say
    people = await asyncio.to_thread(seat.centre.accounts.people, asked.text("q"))
    columns: list[Column[Person]] = [
        Column("name", say("name"), lambda one: one.name, sorts=False, is_main=True),
        Column("shown", say("shown_name"), lambda one: one.shown or "–", sorts=False),
        Column("role", say("rank"), lambda one: say.of("rank", one.role.value), sorts=False),
        Column("school", say("school"), lambda one: one.school or say("whole_city"), sorts=False),
        Column("how", say("logs_in"), lambda one: _how(seat, one), sorts=False),
        Column("enabled", say("state"), lambda one: _state(seat, one), sorts=False),
        Column("seen", say("last_log_in"), lambda one: when(one.seen_us, seat.now_us, say("never")), sorts=False),
        Column("acts", say("change"), lambda one: _acts(seat, one), sorts=False),
    ]
    add = Markup('<button type="button" class="button primary" data-act="add">{}</button>').format(say("add_person"))
    return filters(say, asked, (), say("find_people"), add) + table(say, asked, columns, people, say("way.accounts"))


def _how(seat: Seat, one: Person) -> str:
    ways = [seat.say("by_password")] if one.has_password else []
    return ", ".join([*ways, seat.say("by_city")] if one.has_subject else ways)


def _state(seat: Seat, one: Person) -> Markup:
    return mark("working", seat.say("enabled")) if one.enabled else mark("off", seat.say("disabled"))


def _acts(seat: Seat, one: Person) -> Markup:
    say = seat.say
    acts = [
        ("change", "change"),
        ("password", "new_password"),
        ("disable", "disable") if one.enabled else ("enable", "enable"),
        ("remove", "remove"),
    ]
    return Markup("").join(
        Markup(
            '<button type="button" class="button small" data-act="{0}" data-on="{1}" aria-label="{2}: {1}">{2}</button>'
        ).format(act, one.name, say(words))
        for act, words in acts
    )


def _ask(seat: Seat, dialogs: Dialogs, act: str, person: Person | None, again: _Again) -> None:
    say = seat.say
    ranks = [(role.value, say.of("rank", role.value)) for role in Role]
    rank = Field("role", say("rank"), "choice", person.role.value if person else "viewer", ranks)
    school = Field("school", say("school"), value=(person.school or "") if person else "", hint=say("school_hint"))
    shown = Field("shown", say("shown_name"), value=person.shown if person else "")
    password = Field("password", say("password"), "password")
    name = person.name if person else ""
    match act, person:
        case "add", None:
            fields, words = [Field("name", say("name")), shown, rank, school, password], "add_person"
        case "change", Person():
            fields, words = [shown, rank, school], "change"
        case "password", Person():
            fields, words = [password], "new_password"
        case (("disable" | "enable" | "remove"), Person()):
            fields, words = [Field("sure", say(f"sure.{act}", name=name), "note")], act
        case _:
            return

    async def do(answers: Answers) -> str | None:
        wrong = await _done(seat, act, name or answers.get("name", ""), answers)
        if wrong is None:
            await again()
        return wrong

    title = f"{say(words)}: {name}" if name else say(words)
    dialogs.ask(title, fields, say(words), do, is_harsh=act == "remove")


async def _done(seat: Seat, act: str, name: str, answers: Answers) -> str | None:
    """What is wrong with it; None if it was done."""
    say, accounts = seat.say, seat.centre.accounts
    school, password = answers.get("school") or None, answers.get("password") or None
    role = Role(answers["role"]) if answers.get("role") in set(Role) else None
    detail: dict[str, str] = {}
    try:
        who = await seat.still(Act.ADMINISTER)
        match act:
            case "add":
                await asyncio.to_thread(
                    accounts.add_person, name, role or Role.VIEWER, school, password, answers.get("shown", "")
                )
                detail = {"role": (role or Role.VIEWER).value, "school": school or ""}
            case "change":
                before = await asyncio.to_thread(accounts.person, name)
                change = lambda: accounts.change_person(name, role=role, school=school, shown=answers.get("shown", ""))  # noqa: E731
                await asyncio.to_thread(change)
                if before is not None:
                    detail = {
                        "role": f"{before.role} → {role or before.role}",
                        "school": f"{before.school or ''} → {school or ''}",
                    }
            case "password":
                if password is None:
                    return say("wrong.password")
                await asyncio.to_thread(lambda: accounts.change_person(name, password=password))
            case "remove":
                await asyncio.to_thread(accounts.remove_person, name)
            case _:
                await asyncio.to_thread(lambda: accounts.change_person(name, enabled=act == "enable"))
    except LoggedOut:
        return say("logged_out")
    except WrongAccount as wrong:
        return say(f"wrong.{wrong.field}") if say.language == "vi" else str(wrong)
    except AccountsUnavailable:
        return say("unavailable")
    await asyncio.to_thread(seat.centre.audit.write, who, f"account.{act}", name, detail, school)
    return None


PAGE = Page("/accounts", build, Act.ADMINISTER)
