"""Who changed what: the audit, each line sealed to the one before."""

import asyncio

from markupsafe import Markup

from cloud_ingest.accounts.audit import Entry
from cloud_ingest.accounts.who import Act
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Column, filters, link, note, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell

_SIZE = 100


async def build(seat: Seat) -> None:
    with shell(seat, seat.say("way.audit"), "audit"):
        await region(seat, listed, every_s=None)


async def listed(seat: Seat, asked: Asked) -> Markup:
    say = seat.say
    before = asked.number("before", 0, 0, 10**15) or None
    found = await asyncio.to_thread(
        seat.centre.audit.read, _SIZE, before, None, None, asked.slug("school"), asked.text("q")
    )
    broken = await asyncio.to_thread(seat.centre.audit.broken_at) if before is None else None
    columns: list[Column[Entry]] = [
        Column("id", "#", lambda entry: str(entry.id), sorts=False, is_number=True),
        Column("at", say("time"), lambda entry: when(entry.at_us, seat.now_us), sorts=False),
        Column("who", say("who"), lambda entry: entry.who, sorts=False, is_main=True),
        Column("role", say("rank"), lambda entry: say.of("rank", entry.role), sorts=False),
        Column("action", say("action"), lambda entry: Markup("<code>{}</code>").format(entry.action), sorts=False),
        Column("on", say("on_what"), lambda entry: entry.on, sorts=False),
        Column(
            "detail",
            say("detail"),
            lambda entry: "; ".join(f"{name}: {value}" for name, value in entry.detail.items()),
            sorts=False,
        ),
    ]
    seal = (
        note("trouble", say("seal_broken", line=broken))
        if broken
        else note("good", say("seal_whole"))
        if before is None
        else ""
    )
    more = (
        link(asked.href(before=found[-1].id), say("older"), class_="button", data_want="")
        if len(found) == _SIZE
        else ""
    )
    lines = table(say, asked, columns, found, say("way.audit"), empty=say("no_changes"))
    return filters(say, asked, (), say("find_audit")) + seal + lines + more


PAGE = Page("/audit", build, Act.ADMINISTER)
