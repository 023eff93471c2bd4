"""What has changed between two texts, and where mistakes are in one, as HTML. Pure."""

from collections.abc import Iterable
from difflib import unified_diff

from markupsafe import Markup

from classroom_profiles.problem import Problem
from cloud_ingest.web.markup import join
from cloud_ingest.web.words import Words

_NEAR = 3


def changes(say: Words, before: str, now: str) -> Markup:
    """Lines that are gone and lines that are new, with those around them."""
    lines = list(unified_diff(before.splitlines(), now.splitlines(), n=_NEAR, lineterm=""))[2:]
    if not lines:
        return Markup('<p class="empty">{}</p>').format(say("no_difference"))
    return Markup('<pre class="text" tabindex="0">{}</pre>').format(join(map(_changed, lines)))


def mistakes(say: Words, text: str, problems: Iterable[Problem]) -> Markup:
    """Each with its line, and what would be right."""
    found = list(problems)
    lines = text.splitlines()
    shown = join(_mistake(say, one, lines) for one in found)
    return Markup('<div class="note trouble" role="alert"><b>{}</b><ol class="mistakes">{}</ol></div>').format(
        say("mistakes", count=len(found)), shown
    )


def _changed(line: str) -> Markup:
    sign, rest = line[:1], line[1:]
    if sign == "+":
        return Markup("<ins>+ {}\n</ins>").format(rest)
    if sign == "-":
        return Markup("<del>− {}\n</del>").format(rest)
    if sign == "@":
        return Markup('<span class="quiet">{}\n</span>').format(line)
    return Markup("  {}\n").format(rest)


def _mistake(say: Words, one: Problem, lines: list[str]) -> Markup:
    written = lines[one.line - 1] if 0 < one.line <= len(lines) else ""
    at = say("at_line", line=one.line, column=one.column)
    what = f"{one.field}: {one.message}" if one.field else one.message
    pointed = " " * (min(one.column, len(written) + 1) - 1) + "▲"
    return Markup('<li><b>{}</b> {}<pre class="text" tabindex="0">{}\n{}</pre></li>').format(at, what, written, pointed)
