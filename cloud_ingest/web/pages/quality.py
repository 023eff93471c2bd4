"""Where points are missing that should be there: from when to when, and why as far as that is known."""

from markupsafe import Markup

from cloud_ingest.gap_report import SeriesGaps
from cloud_ingest.gaps import Gap
from cloud_ingest.gateways import State
from cloud_ingest.operations.choosing import Wanted
from cloud_ingest.operations.rows import RoomRow
from cloud_ingest.web import cells, links
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import number, short
from cloud_ingest.web.live import region
from cloud_ingest.web.markup import Choice, Column, filters, join, link, mark, note, pages, table, when
from cloud_ingest.web.pages.page import Page
from cloud_ingest.web.seat import Seat
from cloud_ingest.web.shell import shell
from cloud_ingest.windows import DAY_US, HOUR_US, Span

_LENGTHS = {"1h": HOUR_US, "24h": DAY_US, "7d": 7 * DAY_US}
_BAD = frozenset({State.OFF, State.UNREACHABLE, State.SILENT, State.BUFFERING, State.CLOCK_UNTRUSTED})


async def build(seat: Seat) -> None:
    of_room = seat.asked.slug("school") and seat.asked.slug("room")
    with shell(seat, seat.say("way.quality"), "quality"):
        if of_room:
            await region(seat, gaps, every_s=60.0, always=True)
        else:
            await region(seat, late, every_s=15.0)


async def late(seat: Seat, asked: Asked) -> Markup:
    """Rooms from which points are missing now."""
    say, city = seat.say, seat.centre.city
    wanted = cells.wanted(asked, "seen_us")
    state = wanted.state or _BAD
    found = city.rooms(
        seat.who,
        Wanted(find=wanted.find, school=wanted.school, state=state, sort=wanted.sort, descending=wanted.descending,
               offset=wanted.offset, limit=cells.PAGE),
    )  # fmt: skip
    snapshot = city.snapshot
    columns: list[Column[RoomRow]] = [
        Column("room", say("room"), lambda row: link(_href(row), row.room), is_main=True),
        Column("school", say("school"), lambda row: cells.school_link(snapshot, row.school)),
        Column("condition", say("why_missing"), lambda row: cells.condition(say, row.condition)),
        Column("seen_us", say("last_point"), lambda row: when(row.seen_us, seat.now_us, say("never"))),
    ]
    choices = [Choice("state", say("state"), [(one.value, say.of("state", one.value)) for one in State if one in _BAD])]
    csv = links.rooms_csv(say, wanted.find, wanted.school, sorted(one.value for one in state))
    legend = join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(
            mark(one.value, say.of("state", one.value)), say.of("state-means", one.value)
        )
        for one in State
    )
    return (
        Markup('<p class="lead">{}</p>').format(say("quality_means"))
        + filters(say, asked, choices, say("find_rooms"), csv)
        + table(
            say,
            asked,
            columns,
            found.rows,
            say("way.quality"),
            _href,
            say("nothing_missing"),
            wanted.sort,
            wanted.descending,
        )
        + pages(say, asked, wanted.offset // cells.PAGE + 1, cells.PAGE, found.total or 0)
        + Markup('<details class="card legend"><summary>{}</summary><dl>{}</dl></details>').format(
            say("legend"), legend
        )
    )


def _href(row: RoomRow) -> str:
    return Asked("/quality").href(school=row.school, room=row.room)


async def gaps(seat: Seat, asked: Asked) -> Markup:
    """Each series of one room, as a line of time with its holes."""
    say = seat.say
    school, room = asked.slug("school") or "", asked.slug("room") or ""
    length = asked.one_of("span", _LENGTHS, "24h")
    until_us = seat.now_us
    span = Span(until_us - _LENGTHS[length], until_us)
    found = await seat.centre.city.gaps(seat.who, school, room, span)
    spans = join(
        link(
            asked.href(span=code),
            say(f"span.{code}"),
            class_="button",
            data_want="",
            **({"aria_current": "true"} if code == length else {}),
        )
        for code in _LENGTHS
    )
    periodic = [one for one in found if one.report.period_us is not None]
    holed = sorted(periodic, key=lambda one: -one.report.missing_s)
    missing = sum(one.report.missing_s for one in periodic)
    whole = len(periodic) * (span.until_us - span.since_us) / 1e6
    share = f"{number(100 * (1 - missing / whole), say.language, 2)} %" if whole else "–"
    lines = join(_line(seat, one, span) for one in holed)
    where = Markup('<p class="lead">{} · {}</p>').format(
        cells.school_link(seat.centre.city.snapshot, school),
        link(cells.room_href(school, room), say("room_of", room=room)),
    )
    summary = say("quality_sum", share=share, series=len(periodic), others=len(found) - len(periodic))
    return (
        where
        + Markup('<p class="spans">{}</p><p>{}</p>').format(spans, summary)
        + (Markup('<ul class="gaps">{}</ul>').format(lines) if holed else note("hint", say("no_series")))
    )


def _line(seat: Seat, one: SeriesGaps, span: Span) -> Markup:
    say, whole = seat.say, span.until_us - span.since_us
    holes = join(
        Markup('<i class="hole" style="left:{}%;width:{}%" title="{}"></i>').format(
            f"{100 * max(0, gap.from_us - span.since_us) / whole:.3f}",
            f"{max(0.3, 100 * (gap.to_us - max(gap.from_us, span.since_us)) / whole):.3f}", _says(seat, gap),
        )
        for gap in one.report.gaps
    )  # fmt: skip
    each = join(Markup("<li>{}</li>").format(_says(seat, gap)) for gap in one.report.gaps[:10])
    title = f"{say.metric(one.series.metric)} · {say.of('role', one.series.role)} · {one.series.device}"
    count = len(one.report.gaps)
    summary = say("gap_sum", count=count, seconds=_length(seat, one.report.missing_s)) if count else say("gap_none")
    return Markup(
        '<li><h2>{0}</h2><div class="line-of-time" role="img" aria-label="{1}">{2}</div>'
        "<details{4}><summary>{1}</summary><ol>{3}</ol></details></li>"
    ).format(title, summary, holes, each, Markup(' class="bare"') if not count else "")


def _says(seat: Seat, gap: Gap) -> str:
    say = seat.say
    from_, to = (short(time_us, seat.now_us) for time_us in (gap.from_us, gap.to_us))
    end = say("still") if gap.open else to
    return f"{from_} – {end} ({_length(seat, gap.seconds)}): {say.of('gap', gap.reason.value)}"


def _length(seat: Seat, seconds: float) -> str:
    say = seat.say
    if seconds < 120:
        return say("seconds", count=number(seconds, say.language, 0))
    if seconds < 7200:
        return say("minutes", count=number(seconds / 60, say.language, 0))
    return say("hours", count=number(seconds / 3600, say.language, 1))


PAGE = Page("/quality", build)
