"""What is wrong in a file that a person wrote: where it is, and what would be right."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

Loc = tuple[str | int, ...]
"""The way to a value: keys of mappings and numbers (from 0) in lists."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. Its text is one line."""

    file: str
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    field: str
    """As `devices[2].role`; empty for the whole file."""
    message: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}:{self.column}: {field}{self.message}"


class DocumentError(ValueError):
    """The file cannot be used; `problems` has all that was found, in the order of the file. Its text is a line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def field_name(loc: Loc) -> str:
    """`('devices', 2, 'options', 'a b')` is `devices[2].options['a b']`."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isascii() and part.replace("_", "a").replace("-", "a").replace(".", "a").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{shown(part)}]"
    return text


def shown(value: object, most: int = 40) -> str:
    """A value as it can stand in a line of text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value if len(value) <= most else value[:most]) if isinstance(value, str) else repr(value)[:most]
    return text + ("…" if isinstance(value, str) and len(value) > most else "")


def near(word: object, known: Iterable[str]) -> str | None:
    """What someone who wrote `word` may have meant."""
    lower, names = str(word)[:64].lower(), list(known)
    for written in (lower, lower.replace("_", "-"), lower.replace("-", "_")):
        if found := get_close_matches(written, names, n=1):
            return found[0]
    return None


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """`; did you mean 'x'? one of: x, y`."""
    known = list(choices)
    if not known:
        return "; there are none"
    meant = near(word, known)
    return (f"; did you mean '{meant}'?" if meant else ";") + f" one of: {', '.join(known)}"
