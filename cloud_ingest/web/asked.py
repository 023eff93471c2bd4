"""What a page's address asks for: its filters, order and page, checked, and the address of a little other question.

Everything that a page shows is in its address, so that it can be sent to a colleague.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

_LONGEST = 120
_MOST = 20
_Choice = TypeVar("_Choice", bound=StrEnum)
_SLUG = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Asked:
    """`values`: in order, each name once or more."""

    path: str
    values: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, path: str, search: str) -> "Asked":
        """`search` with or without its question mark. What is too long or too much is left out."""
        try:
            pairs = parse_qsl(search.lstrip("?"), max_num_fields=60)
        except ValueError:
            pairs = []
        kept = [(name, _clean(value)) for name, value in pairs if len(name) <= 24 and name.isascii()]
        return cls(path, tuple(kept[:_MOST]))

    def text(self, name: str) -> str:
        return next((value for key, value in self.values if key == name), "")

    def slug(self, name: str) -> str | None:
        """None if it is left out, or none."""
        text = self.text(name)
        return text if _SLUG.fullmatch(text) else None

    def number(self, name: str, usual: int, least: int, most: int) -> int:
        text = self.text(name)
        return min(max(int(text), least), most) if text.isdecimal() and len(text) < 16 else usual

    def choices(self, name: str, of: type[_Choice]) -> frozenset[_Choice] | None:
        """None: all of them."""
        known = {choice.value: choice for choice in of}
        return frozenset(known[value] for key, value in self.values if key == name and value in known) or None

    def one_of(self, name: str, of: Iterable[str], usual: str) -> str:
        text = self.text(name)
        return text if text in of else usual

    def search(self, **changes: str | int | None) -> str:
        """The address' end with some values changed; None takes one away. Begins with `?`."""
        kept = [(name, value) for name, value in self.values if name not in changes and value]
        kept += [(name, str(value)) for name, value in changes.items() if value not in (None, "")]
        return "?" + urlencode(kept)

    def href(self, **changes: str | int | None) -> str:
        return self.path + self.search(**changes)


def address(path: str, wanted: Mapping[str, str | int | None] | None = None) -> str:
    """A path of ours with a question behind it."""
    return Asked(path).href(**dict(wanted or {})).rstrip("?")


def _clean(text: str) -> str:
    return "".join(letter for letter in text[:_LONGEST] if letter.isprintable()).strip()
