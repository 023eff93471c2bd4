"""Publishing a profile: its text is checked, mistakes are said in their place, the one before is shown beside it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from classroom_profiles.catalogue import WrongCatalogue
from classroom_profiles.problem import DocumentError
from cloud_ingest.accounts.who import Act
from cloud_ingest.catalogue.desk import Checked
from cloud_ingest.catalogue.shelf import NotPublished, Published, ShelfUnavailable
from cloud_ingest.operations.choosing import NotFound
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import link, note
from cloud_ingest.web.pages.catalogue import profile_href
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.pages.profile import difference
from cloud_ingest.web.seat import LoggedOut, Seat
from cloud_ingest.web.shell import shell
from cloud_ingest.web.text_changes import mistakes

MOST_LETTERS = 100_000


@dataclass(slots=True)
class _Form:
    """What is in it now, and what came of it. Only what was checked can be published."""

    text: str = ""
    school: str = ""
    note: str = ""
    wrong: Markup = field(default_factory=Markup)
    checked: Checked | None = None
    published: Published | None = None


async def build(seat: Seat) -> None:
    form = _Form(text=await _start(seat), school=seat.asked.slug("school") or "")
    with shell(seat, seat.say("publish_profile"), "catalogue", [("/catalogue", seat.say("way.catalogue"))]):

        async def render(seat: Seat, _: Asked) -> Markup:
            return _shown(seat, form)

        async def fill(act: str, _: str, fields: Mapping[str, str]) -> None:
            if act == "check":
                await _check(seat, form, fields)
            elif act == "publish" and form.checked is not None:
                await _publish(seat, form)
            await again()

        again = await region(seat, render, every_s=None, fill=fill)


async def _start(seat: Seat) -> str:
    """The text of the version before, to go on from."""
    profile, school = seat.asked.slug("profile"), seat.asked.slug("school") or ""
    found = [] if profile is None else await asyncio.to_thread(seat.centre.desk.versions, seat.who, profile, school)
    return found[0].text if found else ""


def _shown(seat: Seat, form: _Form) -> Markup:
    say = seat.say
    done = Markup("")
    if form.published is not None:
        words = say("was_published", name=form.published.id, version=form.published.version)
        done = note("good", words, link(profile_href(form.published), say("versions")))
    check = Markup('<button type="button" class="button{}" data-act="check">{}</button>').format(
        "" if form.checked else " primary", say("check")
    )
    publish, changed = Markup(""), Markup("")
    if form.checked is not None:
        made = form.checked.profile
        changed = difference(say, form.checked.before, form.text)
        publish = Markup('<button type="button" class="button primary" data-act="publish">{}</button>').format(
            say("publish_it", name=made.id, version=made.version)
        )
    return Markup(
        '{done}{means}<form class="card writing" data-fields><label class="field"><span>{text}</span>'
        '<textarea name="text" rows="16" maxlength="{most}" spellcheck="false">\n{now}</textarea></label>'
        '<div class="asks"><label class="field"><span>{file}</span><input type="file" name="file" '
        'accept=".yaml,.yml,text/yaml"></label>'
        '<label class="field"><span>{school_words}</span><input name="school" value="{school}" maxlength="48" '
        'placeholder="{all}" autocomplete="off"></label>'
        '<label class="field grow"><span>{note_words}</span><input name="note" value="{note}" maxlength="200" '
        'autocomplete="off"></label></div>{wrong}<p class="ways-on">{check}{publish}</p></form>{changed}'
    ).format(
        done=done, means=note("hint", say("publish_means")), text=say("text_yaml"), most=MOST_LETTERS, now=form.text,
        file=say("choose_file"), school_words=say("for_school"), school=form.school, all=say("for_all"),
        note_words=say("what_changed"), note=form.note, wrong=form.wrong, check=check, publish=publish,
        changed=changed,
    )  # fmt: skip


async def _check(seat: Seat, form: _Form, fields: Mapping[str, str]) -> None:
    say = seat.say
    form.checked, form.published, form.wrong = None, None, Markup("")
    form.school, form.note = fields.get("school", "").strip(), fields.get("note", "").strip()[:200]
    form.text = (fields.get("file") or fields.get("text", "")).replace("\r\n", "\n")
    if "file_large" in fields or len(form.text) > MOST_LETTERS:
        form.wrong = note("trouble", say("too_large_file"))
        return
    if not form.text.strip():
        form.wrong = note("trouble", say("nothing_given"))
        return
    try:
        who = await seat.still(Act.PUBLISH)
        if form.school:
            seat.centre.city.school(who, form.school)
        form.checked = await asyncio.to_thread(seat.centre.desk.check, who, form.text, form.school)
    except DocumentError as wrong:
        form.wrong = mistakes(say, form.text, wrong.problems)
    except (NotPublished, WrongCatalogue) as wrong:
        form.wrong = note("trouble", str(wrong))
    except NotFound:
        form.wrong = note("trouble", say("wrong.school"))
    except LoggedOut:
        form.wrong = note("trouble", say("logged_out"))
    except ShelfUnavailable:
        form.wrong = note("trouble", say("unavailable"))


async def _publish(seat: Seat, form: _Form) -> None:
    """What was checked, whatever is in the form now."""
    say = seat.say
    form.checked = None
    try:
        who = await seat.still(Act.PUBLISH)
        form.published = await asyncio.to_thread(seat.centre.desk.publish, who, form.text, form.school, form.note)
    except (NotPublished, WrongCatalogue, DocumentError) as wrong:  # somebody else was quicker
        form.wrong = note("trouble", str(wrong))
    except LoggedOut:
        form.wrong = note("trouble", say("logged_out"))
    except ShelfUnavailable:
        form.wrong = note("trouble", say("unavailable"))


PAGE = Page("/catalogue/publish", build, Act.PUBLISH)
