"""The pieces that all pages are made of, as HTML: marks with a shape and a word, tables, filters, pages. Pure.

`Markup.format` escapes whatever is filled in; nothing else makes HTML of what a gateway or a person has written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from markupsafe import Markup, escape

from cloud_ingest.web.asked import Asked
from cloud_ingest.web.clock import iso, number, short
from cloud_ingest.web.words import Words

Row = TypeVar("Row")

_SHAPES: Mapping[str, Markup] = {
    "working": Markup('<circle cx="12" cy="12" r="8"/>'),
    "faulty": Markup('<path d="M12 3 22 20H2Z"/>'),
    "down": Markup('<path d="M7 3h10l5 9-5 9H7l-5-9z"/><path class="mark" d="m8.5 8.5 7 7m0-7-7 7"/>'),
    "off": Markup('<rect x="4.5" y="4.5" width="15" height="15" rx="2"/>'),
    "unknown": Markup('<circle class="hollow" cx="12" cy="12" r="7.5"/>'),
    "unreachable": Markup('<path d="M7 3h10l5 9-5 9H7l-5-9z"/><path class="mark" d="m8.5 8.5 7 7m0-7-7 7"/>'),
    "silent": Markup('<path d="M7 3h10l5 9-5 9H7l-5-9z"/><path class="mark" d="M7 12h10"/>'),
    "buffering": Markup('<path d="M12 3 22 20H2Z"/><path class="mark" d="M12 9v7m-3-3 3 3 3-3"/>'),
    "clock untrusted": Markup('<path d="M12 3 22 20H2Z"/><path class="mark" d="M12 10v4l2.5 2"/>'),
    "note": Markup('<circle class="hollow" cx="12" cy="12" r="7.5"/>'),
    "warning": Markup('<path d="M12 3 22 20H2Z"/>'),
    "major": Markup('<path d="M12 2 22 12 12 22 2 12Z"/>'),
    "critical": Markup('<path d="M7 3h10l5 9-5 9H7l-5-9z"/><path class="mark" d="M12 7v6m0 3v1"/>'),
}
COLOURS: Mapping[str, str] = {
    "unreachable": "down", "silent": "down", "buffering": "faulty", "clock untrusted": "faulty",
    "note": "off", "warning": "faulty", "major": "major", "critical": "down",
}  # fmt: skip
"""What has no colour of its own looks like this health."""


def join(parts: Iterable[Markup | str], between: str = "") -> Markup:
    return escape(between).join(parts)


def shape(code: str) -> Markup:
    """Without words: it stands beside them."""
    colour = COLOURS.get(code, code if code in _SHAPES else "unknown")
    return Markup('<svg class="shape {}" viewBox="0 0 24 24" aria-hidden="true">{}</svg>').format(
        colour, _SHAPES.get(code, _SHAPES["unknown"])
    )


def mark(code: str, words: str, title: str = "") -> Markup:
    """A shape and its word."""
    colour = COLOURS.get(code, code if code in _SHAPES else "unknown")
    return Markup('<span class="state {}" title="{}">{}<span>{}</span></span>').format(
        colour, title or words, shape(code), words
    )


def link(href: str, words: str | Markup, **attributes: str) -> Markup:
    more = join(Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), value)
                for name, value in attributes.items())  # fmt: skip
    return Markup('<a href="{}"{}>{}</a>').format(href, more, words)


def when(time_us: int, now_us: int, never: str = "–") -> Markup:
    if not time_us:
        return Markup('<span class="quiet">{}</span>').format(never)
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso(time_us), short(time_us, now_us))


def quantity(value: float | None, language: str, unit: str = "", digits: int = 1) -> Markup:
    if value is None:
        return Markup('<span class="quiet">–</span>')
    text = number(value, language, digits)
    return Markup('{} <span class="unit">{}</span>').format(text, unit) if unit else Markup("{}").format(text)


def note(kind: str, text: str, more: Markup | str = "") -> Markup:
    """Something in the place where it belongs: `trouble`, `hint` or `good`."""
    role = "alert" if kind == "trouble" else "note"
    return Markup('<p class="note {}" role="{}">{} {}</p>').format(kind, role, text, more)


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """`key`: what it is sorted by and called in the address; `sorts` False: it is not."""

    key: str
    words: str
    cell: Callable[[Row], Markup | str]
    sorts: bool = True
    is_number: bool = False
    is_main: bool = False
    """The row's name, which stands on top of it where there is no room for a table."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter with some answers; the empty one is all of them."""

    name: str
    words: str
    answers: Sequence[tuple[str, str]]
    usual: str = ""
    """What it is called that none is chosen; empty: all."""


def filters(
    say: Words, asked: Asked, choices: Sequence[Choice] = (), sought: str = "", more: Markup | str = ""
) -> Markup:
    """A form that asks by the address; `sought`: what is searched in, as a hint."""
    parts: list[Markup] = []
    if sought:
        parts.append(
            Markup('<label class="field grow"><span>{}</span><input type="search" name="q" value="{}" placeholder="{}" '
                   'maxlength="80" autocomplete="off"></label>').format(say("find"), asked.text("q"), sought)
        )  # fmt: skip
    for choice in choices:
        now = asked.text(choice.name)
        answers = join(
            Markup('<option value="{}"{}>{}</option>').format(value, Markup(" selected") if value == now else "", words)
            for value, words in [("", choice.usual or say("all")), *choice.answers]
        )
        parts.append(
            Markup('<label class="field"><span>{}</span><select name="{}">{}</select></label>').format(
                choice.words, choice.name, answers
            )
        )
    kept = {"sort", "desc", "span", "tab"}
    hidden = join(
        Markup('<input type="hidden" name="{}" value="{}">').format(name, value)
        for name, value in asked.values if name in kept
    )  # fmt: skip
    button = Markup('<button class="quiet-button unseen">{}</button>').format(say("search"))
    return Markup(
        '<form class="filters" method="get" role="search" data-want>{}{}{}<span class="more">{}</span></form>'
    ).format(join(parts), hidden, button, more)


def table(
    say: Words, asked: Asked, columns: Sequence[Column[Any]], rows: Sequence[Any],
    caption: str, href: Callable[[Any], str] | None = None, empty: str = "", sort: str = "", descending: bool = False,
) -> Markup:  # fmt: skip
    """`sort`, `descending`: how the rows are in order now."""
    if not rows:
        return Markup('<p class="empty">{}</p>').format(empty or say("none"))
    heads = join(_head(asked, column, sort, descending) for column in columns)
    lines = join(_line(columns, row, href) for row in rows)
    return Markup(
        '<div class="table-frame" tabindex="0" role="group" aria-label="{0}"><table>'
        '<caption class="unseen">{0}</caption>'
        "<thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
    ).format(caption, heads, lines)


def _head(asked: Asked, column: Column[Any], sort: str, descending: bool) -> Markup:
    number = Markup(' class="number"') if column.is_number else Markup("")
    if not column.sorts:
        return Markup('<th scope="col"{}>{}</th>').format(number, column.words)
    is_sorted = column.key == sort
    turn = "1" if is_sorted and not descending else None
    now = Markup(' aria-sort="{}"').format("descending" if descending else "ascending") if is_sorted else Markup("")
    arrow = Markup('<span class="arrow" aria-hidden="true">{}</span>').format(
        ("▼" if descending else "▲") if is_sorted else ""
    )
    where = asked.href(sort=column.key, desc=turn, page=None)
    return Markup('<th scope="col"{}{}><a href="{}" data-want>{}{}</a></th>').format(
        number, now, where, column.words, arrow
    )


def _line(columns: Sequence[Column[Any]], row: Any, href: Callable[[Any], str] | None) -> Markup:
    cells = []
    for column in columns:
        name = "main" if column.is_main else "number" if column.is_number else ""
        tag, scope = (Markup("th"), Markup(' scope="row"')) if column.is_main else (Markup("td"), Markup(""))
        cells.append(
            Markup('<{0}{1} class="{2}" data-label="{3}"><span>{4}</span></{0}>').format(
                tag, scope, name, column.words, column.cell(row)
            )
        )
    where = Markup(' data-href="{}"').format(href(row)) if href else Markup("")
    return Markup("<tr{}>{}</tr>").format(where, join(cells))


def pages(say: Words, asked: Asked, page: int, size: int, total: int) -> Markup:
    """Where one is in a long list, and the way on."""
    last = max(1, -(-total // size))
    first_row, last_row = (page - 1) * size + 1, min(page * size, total)
    if not total:
        return Markup("")
    ways = []
    for to, words, is_there in ((page - 1, say("before"), page > 1), (page + 1, say("next"), page < last)):
        if is_there:
            ways.append(link(asked.href(page=to if to > 1 else None), words, class_="button", data_want=""))
    where = say("rows", first=number(first_row, say.language), last=number(last_row, say.language),
                total=number(total, say.language))  # fmt: skip
    return Markup('<nav class="pages" aria-label="{}"><span>{}</span>{}</nav>').format(say("pages"), where, join(ways))
