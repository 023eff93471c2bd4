"""What is round every page: the skip link, the header, the way to the other pages, language and colours."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from markupsafe import Markup
from nicegui import ui

from cloud_ingest.accounts.who import Act
from cloud_ingest.web.live import Region
from cloud_ingest.web.markup import join, link
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.words import Words

_ICONS = {
    "overview": '<path d="M3 6l6-3 6 3 6-3v15l-6 3-6-3-6 3zM9 3v15m6-12v15"/>',
    "schools": '<path d="M3 21V9l9-6 9 6v12M9 21v-6h6v6"/>',
    "rooms": '<path d="M4 4h16v12H4zM8 20h8m-4-4v4"/>',
    "alarms": '<path d="M12 3a6 6 0 0 1 6 6v5l2 3H4l2-3V9a6 6 0 0 1 6-6zm-2 17h4"/>',
    "equipment": '<path d="M4 7h16v13H4zM9 7V4h6v3m-6 6h6"/>',
    "lessons": '<path d="M4 5h7v15H4zm9 0h7v15h-7z"/>',
    "attendance": '<path d="M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zm8 0a3 3 0 1 0 0-6M2 20c0-4 3-6 6-6s6 2 6 6'
    'm2-6c3 0 6 2 6 6"/>',
    "labs": '<path d="M9 3h6m-5 0v6l-5 9a2 2 0 0 0 2 3h10a2 2 0 0 0 2-3l-5-9V3M7 16h10"/>',
    "quality": '<path d="M3 17h4V9m4 8V5m6 12v-4m4 4h-4"/>',
    "gateways": '<path d="M4 6h16v5H4zm0 8h16v5H4zm3-5.5v.1m0 7.9v.1"/>',
    "forecasts": '<path d="M3 17l6-6 4 4 8-9m0 0h-5m5 0v5M3 21h18"/>',
    "warehouse": '<path d="M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zm0 0c0 4 16 4 16 0M4 12c0 4 16 4 16 0"/>',
    "catalogue": '<path d="M5 3h12a2 2 0 0 1 2 2v16H7a2 2 0 0 1-2-2zm4 5h6m-6 4h6"/>',
    "accounts": '<path d="M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-8 9c0-4 4-6 8-6s8 2 8 6"/>',
    "keys": '<path d="M8 15a4 4 0 1 1 3.5-6H21v4h-3v3h-4v-3h-2.5A4 4 0 0 1 8 15z"/>',
    "audit": '<path d="M6 3h9l4 4v14H6zm3 8h7m-7 4h7M15 3v4h4"/>',
}


@dataclass(frozen=True, slots=True)
class Way:
    """A page in the list of all pages."""

    name: str
    path: str
    act: Act = Act.READ


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    ways: Sequence[Way]


WAYS = (
    Group("city", (Way("overview", "/"), Way("schools", "/schools"), Way("rooms", "/rooms"), Way("alarms", "/alarms"))),
    Group(
        "things",
        (
            Way("equipment", "/equipment"),
            Way("forecasts", "/forecasts"),
            Way("gateways", "/gateways"),
            Way("quality", "/quality"),
            Way("warehouse", "/warehouse", Act.EXPORT),
        ),
    ),
    Group(
        "use",
        (
            Way("lessons", "/lessons"),
            Way("attendance", "/attendance"),
            Way("labs", "/labs"),
            Way("catalogue", "/catalogue"),
        ),
    ),
    Group(
        "ruling",
        (
            Way("accounts", "/accounts", Act.ADMINISTER),
            Way("keys", "/keys", Act.ADMINISTER),
            Way("audit", "/audit", Act.ADMINISTER),
        ),
    ),
)


@contextmanager
def shell(seat: Seat, title: str, here: str, crumbs: Sequence[tuple[str, str]] = ()) -> Iterator[None]:
    """`here`: the name of the way that leads here. What is made within is the page's own."""
    begin(seat.language, f"{title} · {seat.say('centre')}")
    with ui.element("div").classes("shell"):
        Region(_header(seat, here))
        with ui.element("main").props("id=main tabindex=-1"):
            Region(_top(seat, title, crumbs))
            yield


def begin(language: str, title: str) -> None:
    """The document's head."""
    ui.page_title(title)
    around = ui.context.client.content.parent_slot
    if around is not None:  # the framework's own <main>; ours begins behind the list of pages
        around.parent.props("role=presentation")
    say = Words(language)
    lost = json.dumps([say("lost"), say("lost_trying"), say("too_long"), say("too_long_means")])
    ui.add_head_html(f'<script>document.documentElement.lang="{language}";window.lophocLost={lost}</script>')


def _header(seat: Seat, here: str) -> Markup:
    say, who = seat.say, seat.who
    groups = []
    for group in WAYS:
        ways = [way for way in group.ways if seat.may(way.act)]
        if ways:
            groups.append(
                Markup('<h2 class="way-group">{}</h2><ul>{}</ul>').format(
                    say(f"group.{group.name}"), join(_way(seat, way, here) for way in ways)
                )
            )
    other = "en" if say.language == "vi" else "vi"
    scope = who.school or say("whole_city")
    return Markup(
        '<a class="skip" href="#main">{skip}</a>'
        '<header class="top"><a class="brand" href="/"><svg viewBox="0 0 32 32" aria-hidden="true">'
        '<rect x="2" y="4" width="28" height="20" rx="3"/><path d="M9 16l4 4 10-10"/></svg>'
        "<span><b>lophoc</b> <span class=\"brand-name\">{centre}</span></span></a>"
        '<span class="scope" title="{sees}">{scope}</span>'
        '<span class="tools">'
        '<button type="button" class="tool" data-theme-turn title="{turn}" aria-label="{turn}">'
        '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z"/></svg></button>'
        '<a class="tool" href="/web/language/{other}" lang="{other}" hreflang="{other}" data-here>{other_name}</a>'
        '<span class="me" title="{rank}">{name}</span>'
        '<button type="button" class="tool" data-log-out>{out}</button></span></header>'
        '<details class="ways"{open}><summary>{menu}</summary><nav aria-label="{menu}">{groups}</nav></details>'
    ).format(
        skip=say("skip"), centre=say("centre"), scope=scope, sees=say("sees"), turn=say("turn_theme"), other=other,
        other_name=say("other_language"), rank=say.of("rank", who.role.value), name=who.name, out=say("log_out"),
        menu=say("menu"), groups=join(groups), open=Markup(" open"),
    )  # fmt: skip


def _way(seat: Seat, way: Way, here: str) -> Markup:
    icon = Markup('<svg viewBox="0 0 24 24" aria-hidden="true">{}</svg>').format(Markup(_ICONS[way.name]))  # noqa: S704
    current = {"aria_current": "page"} if way.name == here else {}
    count = Markup('<span class="count" data-alarm-count></span>') if way.name == "alarms" else ""
    return Markup("<li>{}</li>").format(
        link(way.path, Markup("{}<span>{}</span>{}").format(icon, seat.say(f"way.{way.name}"), count), **current)
    )


def _top(seat: Seat, title: str, crumbs: Sequence[tuple[str, str]]) -> Markup:
    way = join(Markup("<li>{}</li>").format(link(href, words)) for href, words in crumbs)
    trail = (
        Markup('<nav class="crumbs" aria-label="{}"><ol>{}</ol></nav>').format(seat.say("crumbs"), way)
        if crumbs
        else ""
    )
    troubles = seat.centre.city.troubles
    late = Markup('<p class="note trouble" role="alert">{}</p>').format(seat.say("stale")) if troubles else ""
    return Markup("{}<h1>{}</h1>{}").format(trail, title, late)
