"""Cells that several pages have: a school's, a room's, a gateway's and a device's name and state. Pure."""

from collections.abc import Sequence
from urllib.parse import quote

from markupsafe import Markup

from cloud_ingest.accounts.who import Who
from cloud_ingest.gateways import State
from cloud_ingest.operations.choosing import Wanted
from cloud_ingest.operations.rows import Counts, DeviceRow, Health, RoomRow, SchoolRow
from cloud_ingest.operations.snapshot import Snapshot
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.markup import join, link, mark, shape
from cloud_ingest.web.words import Words

PAGE = 50


def school_href(school: str) -> str:
    return f"/schools/{quote(school, safe='')}"


def room_href(school: str, room: str) -> str:
    return f"{school_href(school)}/rooms/{quote(room, safe='')}"


def item_href(school: str, room: str, device: str) -> str:
    return f"/equipment/{quote(school, safe='')}/{quote(room, safe='')}/{quote(device, safe='')}"


def school_name(snapshot: Snapshot, school: str) -> str:
    view = snapshot.schools.get(school)
    return view.row.name if view else school


def school_link(snapshot: Snapshot, school: str) -> Markup:
    return link(school_href(school), school_name(snapshot, school))


def health(say: Words, row: SchoolRow | RoomRow) -> Markup:
    return mark(row.health.value, say.of("health", row.health.value))


def condition(say: Words, state: State | None) -> Markup:
    code = state.value if state else "unknown"
    return mark(code, say.of("state", code), say.of("state-means", code))


def device_health(say: Words, row: DeviceRow) -> Markup:
    words = say.of("health", row.health.value)
    if row.health is Health.WORKING and row.says:
        words = say.of("says", row.says)
    if row.reason:
        words = f"{words}: {say.of('reason', row.reason)}"
    return mark(row.health.value, words)


def lesson(say: Words, row: RoomRow) -> Markup:
    if not row.lesson:
        return Markup('<span class="quiet">–</span>')
    return Markup('{} <span class="quiet">{}</span>').format(
        say.of("profile", row.lesson), say.of("lesson", row.lesson_state).lower()
    )


def counts(say: Words, by_health: Counts) -> Markup:
    """How many rooms are how, as a bar and in words."""
    total = sum(by_health)
    if not total:
        return Markup('<span class="quiet">–</span>')
    pairs = [(code, count) for code, count in by_health._asdict().items() if count]
    words = ", ".join(f"{count} {say.of('health', code).lower()}" for code, count in pairs)
    parts = join(Markup('<i class="{}" style="flex:{}"></i>').format(code, count) for code, count in pairs)
    return Markup(
        '<span class="bar" role="img" aria-label="{0}" title="{0}">{1}</span><span class="bar-words">{2}</span>'
    ).format(words, parts, _troubled(say, by_health))


def _troubled(say: Words, by_health: Counts) -> Markup:
    bad = [(code, count) for code, count in by_health._asdict().items() if count and code in ("down", "faulty")]
    if not bad:
        return Markup("{}").format(sum(by_health))
    return join((Markup('<span class="mini">{}{}</span>').format(shape(code), count) for code, count in bad), " ")


def wanted(asked: Asked, usual_sort: str, usual_descending: bool = False, limit: int = PAGE) -> Wanted:
    """What a list's address wants; the sort that it has if none is asked for."""
    page = asked.number("page", 1, 1, 10_000)
    sort = asked.text("sort") or usual_sort
    descending = asked.text("desc") == "1" if asked.text("sort") else usual_descending
    return Wanted(
        find=asked.text("q"),
        school=asked.slug("school"),
        room=asked.slug("room"),
        health=asked.choices("health", Health),
        state=asked.choices("state", State),
        ward=asked.text("ward") or None,
        level=asked.text("level") or None,
        role=asked.text("role") or None,
        lesson=asked.text("lesson") or None,
        sort=sort,
        descending=descending,
        offset=(page - 1) * limit,
        limit=limit,
    )


def healths(say: Words) -> Sequence[tuple[str, str]]:
    return [(one.value, say.of("health", one.value)) for one in Health]


def states(say: Words) -> Sequence[tuple[str, str]]:
    return [(one.value, say.of("state", one.value)) for one in State]


def wards(snapshot: Snapshot, who: Who) -> Sequence[tuple[str, str]]:
    found = sorted({view.row.ward for view in snapshot.schools.values() if view.row.ward and who.sees(view.row.school)})
    return [(ward, ward) for ward in found]


def levels(say: Words, snapshot: Snapshot, who: Who) -> Sequence[tuple[str, str]]:
    found = sorted(
        {view.row.level for view in snapshot.schools.values() if view.row.level and who.sees(view.row.school)}
    )
    return [(level, say.of("level", level)) for level in found]
