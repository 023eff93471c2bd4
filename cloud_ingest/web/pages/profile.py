"""One published profile: its versions, and what each changed."""

import asyncio

from markupsafe import Markup

from cloud_ingest.accounts.who import Act
from cloud_ingest.catalogue.desk import Before
from cloud_ingest.catalogue.shelf import Published
from cloud_ingest.operations.choosing import NotFound
from cloud_ingest.web.asked import Asked, address
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Column, link, table
from cloud_ingest.web.pages.catalogue import by, name, whose
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell
from cloud_ingest.web.text_changes import changes
from cloud_ingest.web.words import Words


async def build(seat: Seat) -> None:
    found = await _versions(seat, seat.asked)
    with shell(seat, name(seat, found[0]), "catalogue", [("/catalogue", seat.say("way.catalogue"))]):
        await region(seat, shown, every_s=None)


async def shown(seat: Seat, asked: Asked) -> Markup:
    say = seat.say
    found = await _versions(seat, asked)
    wanted = asked.number("version", found[0].version, 1, 2**31)
    chosen = next((one for one in found if one.version == wanted), found[0])
    before = await asyncio.to_thread(seat.centre.desk.before, chosen)
    columns: list[Column[Published]] = [
        Column("version", say("version"), lambda one: _version(asked, one, chosen), sorts=False, is_main=True),
        Column("for", say("school"), lambda one: whose(seat, one.school), sorts=False),
        Column("note", say("note"), lambda one: one.note or "–", sorts=False),
        Column("at", say("published"), lambda one: by(seat, one), sorts=False),
    ]
    publish = Markup("")
    if seat.may(Act.PUBLISH):
        where = address("/catalogue/publish", {"profile": chosen.id, "school": chosen.school or None})
        publish = Markup('<p class="ways-on">{}</p>').format(link(where, say("publish_profile"), class_="button"))
    return Markup("<section><h2>{}</h2>{}{}</section>{}<section><h2>{}</h2>{}</section>").format(
        say("versions"), publish, table(say, asked, columns, found, say("versions")),
        difference(say, before, chosen.text), say("text_yaml"),
        Markup('<pre class="text" tabindex="0">{}</pre>').format(chosen.text),
    )  # fmt: skip


def difference(say: Words, before: Before | None, now: str) -> Markup:
    if before is None:
        return Markup('<section><p class="empty">{}</p></section>').format(say("no_text_before"))
    title = say("changes_from", version=before.version) if before.version else say("changes_from_built_in")
    return Markup("<section><h2>{}</h2>{}</section>").format(title, changes(say, before.text, now))


async def _versions(seat: Seat, asked: Asked) -> list[Published]:
    """Raises NotFound."""
    profile, school = seat.places["profile"], asked.slug("school") or ""
    found = await asyncio.to_thread(seat.centre.desk.versions, seat.who, profile, school)
    if not found:
        raise NotFound(f"published profile {profile}")
    return found


def _version(asked: Asked, one: Published, chosen: Published) -> Markup:
    current = {"aria_current": "true"} if one is chosen else {}
    return link(asked.href(version=one.version), str(one.version), data_want="", **current)


PAGE = Page("/catalogue/profiles/{profile}", build)
