"""What the pages say, in Vietnamese and English: every text that somebody may read is here or in its sisters.

A test holds that none is missing in either language, that both fill in the same blanks, and that every code which the
centre knows (states, roles, reasons, metrics) has words.
"""

from collections.abc import Mapping
from types import MappingProxyType

from classroom_profiles.metrics import unit
from cloud_ingest.web import words_pages, words_published, words_shell, words_things

LANGUAGES = ("vi", "en")
USUAL = "vi"

Both = tuple[str, str]
"""In Vietnamese and in English."""

WORDS: Mapping[str, Both] = MappingProxyType(
    {**words_shell.SHELL, **words_pages.PAGES, **words_published.PUBLISHED, **words_things.THINGS}
)


class Words:
    """`say("rooms", count=3)`: the words for a key in one language, its blanks filled in."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else USUAL
        self._at = LANGUAGES.index(self.language)

    def __call__(self, key: str, **blanks: object) -> str:
        """Raises KeyError for a key that is none."""
        text = WORDS[key][self._at]
        return text.format(**blanks) if blanks else text

    def of(self, kind: str, code: str) -> str:
        """The words of a code of the centre's, such as `of("health", "down")`; a strange one is shown as it is."""
        found = WORDS.get(f"{kind}.{code}")
        return found[self._at] if found else code.replace("-", " ").replace("_", " ")

    def metric(self, name: str) -> str:
        """What is measured, without its unit: that stands beside the number."""
        found = WORDS.get(f"metric.{name}")
        if found:
            return found[self._at]
        stem, _, last = name.rpartition("_")
        if unit(name):
            return self.metric(stem) if f"metric.{stem}" in WORDS else stem.replace("_", " ")
        if last.isdigit() and f"metric.{stem}" in WORDS:
            return f"{self.metric(stem)} {last}"
        return name.replace("_", " ")
