"""API keys of other systems: what each may do, and when it was used last."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from markupsafe import Markup

from cloud_ingest.accounts.account_file import AccountsUnavailable
from cloud_ingest.accounts.accounts import Key
from cloud_ingest.accounts.who import SCOPES, Act, WrongAccount
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.dialogs import Answers, Dialogs, Field
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Column, note, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import LoggedOut, Seat
from cloud_ingest.web.shell import shell

_DAYS = {"30": 30, "365": 365, "1095": 1095, "never": 0}
_Again = Callable[[], Awaitable[None]]


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.keys"), "keys"):

        async def do(act: str, key_id: str) -> None:
            _ask(seat, dialogs, act, key_id, again)

        again = await region(seat, listed, every_s=None, do=do)
        dialogs = Dialogs(seat)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say = seat.say
    keys = await asyncio.to_thread(seat.centre.accounts.api_keys)
    columns: list[Column[Key]] = [
        Column("label", say("key_for"), lambda key: key.label, sorts=False, is_main=True),
        Column("id", say("key_id"), lambda key: Markup("<code>lh_{}…</code>").format(key.id), sorts=False),
        Column(
            "scopes",
            say("may_do"),
            lambda key: ", ".join(say.of("act", scope.value) for scope in sorted(key.scopes)),
            sorts=False,
        ),
        Column("school", say("school"), lambda key: key.school or say("whole_city"), sorts=False),
        Column(
            "made",
            say("made_by"),
            lambda key: Markup("{} {}").format(key.made_by, when(key.made_us, seat.now_us)),
            sorts=False,
        ),
        Column("until", say("ends"), lambda key: when(key.until_us or 0, seat.now_us, say("no_end")), sorts=False),
        Column("used", say("used_last"), lambda key: when(key.used_us, seat.now_us, say("never")), sorts=False),
        Column("acts", say("change"), lambda key: _remove(seat, key), sorts=False),
    ]
    add = Markup(
        '<p class="ways-on"><button type="button" class="button primary" data-act="add">{}</button></p>'
    ).format(say("add_key"))
    return (
        note("hint", say("keys_mean")) + add + table(say, asked, columns, keys, say("way.keys"), empty=say("no_keys"))
    )


def _remove(seat: Seat, key: Key) -> Markup:
    words = seat.say("remove")
    return Markup(
        '<button type="button" class="button small" data-act="remove" data-on="{}" aria-label="{}: {}">{}</button>'
    ).format(key.id, words, key.label, words)


def _ask(seat: Seat, dialogs: Dialogs, act: str, key_id: str, again: _Again) -> None:
    say = seat.say
    if act == "add":
        fields = [
            Field("label", say("key_for")),
            Field(
                "scopes",
                say("may_do"),
                "choices",
                answers=[(scope.value, say.of("act", scope.value)) for scope in sorted(SCOPES)],
            ),
            Field("school", say("school"), hint=say("school_hint")),
            Field("days", say("ends"), "choice", "365", [(code, say(f"days.{code}")) for code in _DAYS]),
        ]
        dialogs.ask(say("add_key"), fields, say("add_key"), lambda answers: _add(seat, dialogs, answers, again))
    elif act == "remove":
        sure = Field("sure", say("sure.remove_key"), "note")
        dialogs.ask(say("remove"), [sure], say("remove"), lambda _: _gone(seat, key_id, again), is_harsh=True)


async def _add(seat: Seat, dialogs: Dialogs, answers: Answers, again: _Again) -> str | None:
    say, accounts = seat.say, seat.centre.accounts
    scopes = frozenset(Act(scope) for scope in answers["scopes"].split() if scope in {one.value for one in SCOPES})
    days, school = _DAYS.get(answers["days"], 365), answers["school"] or None
    until_us = time.time_ns() // 1000 + days * 86_400_000_000 if days else None
    try:
        who = await seat.still(Act.ADMINISTER)
        made, secret = await asyncio.to_thread(accounts.add_key, answers["label"], scopes, who.name, school, until_us)
    except LoggedOut:
        return say("logged_out")
    except WrongAccount as wrong:
        return say(f"wrong.{wrong.field}") if say.language == "vi" else str(wrong)
    except AccountsUnavailable:
        return say("unavailable")
    detail = {"label": answers["label"], "scopes": " ".join(sorted(scopes))}
    await asyncio.to_thread(seat.centre.audit.write, who, "key.add", made, detail, school)
    await again()
    dialogs.show(say("key_made"), say("key_once"), secret)
    return None


async def _gone(seat: Seat, key_id: str, again: _Again) -> str | None:
    try:
        who = await seat.still(Act.ADMINISTER)
        await asyncio.to_thread(seat.centre.accounts.remove_key, key_id)
    except LoggedOut:
        return seat.say("logged_out")
    except WrongAccount:
        return seat.say("not_found")
    except AccountsUnavailable:
        return seat.say("unavailable")
    await asyncio.to_thread(seat.centre.audit.write, who, "key.remove", key_id)
    await again()
    return None


PAGE = Page("/keys", build, Act.ADMINISTER)
