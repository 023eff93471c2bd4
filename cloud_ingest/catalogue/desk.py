"""What people do with the catalogue: publish, withdraw, put a timetable in place; each change is in the audit."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources

from classroom_profiles import catalogue
from classroom_profiles.catalogue import Bundle, ProfileText
from classroom_profiles.documents import builtin_profiles
from classroom_profiles.timetable import Entry
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.who import Who
from cloud_ingest.catalogue import ics
from cloud_ingest.catalogue.shelf import NotPublished, Published, Serial, Shelf, Timetable

FILE = "profile.yaml"
"""What problems call a text that came without a file's name."""
_NOBODYS_KEY = bytes(32)


@dataclass(frozen=True, slots=True)
class Before:
    """The text that held before. `version` 0: the one that comes with lophoc."""

    version: int
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What would be published, and what it takes the place of; None if there is nothing."""

    profile: Published
    before: Before | None


class Desk:
    """Blocking; from any thread. All methods raise ShelfUnavailable."""

    def __init__(self, shelf: Shelf, audit: Audit) -> None:
        self._shelf = shelf
        self._audit = audit

    def profiles(self, who: Who, school: str | None = None) -> list[Published]:
        """All versions that they see, the newest of each first; `school`: its own and those for all."""
        return self._shelf.profiles(school or who.school)

    def versions(self, who: Who, profile_id: str, school: str = "") -> list[Published]:
        """The newest first; empty if there is none, or none of theirs."""
        if school and not who.sees(school):
            return []
        return [one for one in self._shelf.profiles(school or None) if (one.id, one.school) == (profile_id, school)]

    def before(self, one: Published) -> Before | None:
        """What a version took the place of: the one before it, else that of all schools, else the built-in one."""
        same = [each for each in self._shelf.profiles(one.school) if each.id == one.id]
        older = [each for each in same if each.school == one.school and each.version < one.version]
        older += [each for each in same if one.school and not each.school and each.withdrawn_us is None]
        if older:
            return Before(older[0].version, older[0].text)
        built_in = resources.files("classroom_profiles") / "profiles" / f"{one.id}.yaml"
        return Before(0, built_in.read_text("utf-8")) if built_in.is_file() else None

    def check(self, who: Who, text: str, school: str = "") -> Checked:
        """Would it be published? Raises DocumentError, NotPublished, WrongCatalogue."""
        made = self._shelf.publish([(FILE, text)], who.name, school, only_check=True)[0]
        profiles, entries = self._shelf.wanted(school)
        others = tuple(one for one in profiles if one.id != made.id)
        _fits(school, (*others, ProfileText(made.id, made.version, text)), entries)
        return Checked(made, self.before(made))

    def publish(self, who: Who, text: str, school: str = "", note: str = "") -> Published:
        """Raises DocumentError, NotPublished, WrongCatalogue."""
        self.check(who, text, school)
        made = self._shelf.publish([(FILE, text)], who.name, school, note)[0]
        detail = {"version": str(made.version), "note": made.note}
        self._audit.write(who, "profile.publish", made.id, detail, school or None)
        return made

    def withdraw(self, who: Who, profile_id: str, school: str = "") -> None:
        """Raises NotPublished."""
        self._shelf.withdraw(profile_id, school)
        self._audit.write(who, "profile.withdraw", profile_id, {}, school or None)

    def timetable(self, school: str) -> Timetable | None:
        return self._shelf.timetable(school)

    def read_timetable(
        self, school: str, content: bytes, ends: date, rooms: Mapping[str, str] | None = None
    ) -> ics.Read:
        """What would be published. Raises WrongCalendar, WrongCatalogue."""
        profiles, _ = self._shelf.wanted(school)
        known = {one.id for one in builtin_profiles()} | {one.id for one in profiles}
        found = ics.read(content, ends, known, rooms)
        if found.entries:
            _fits(school, profiles, found.entries)
        return found

    def put_timetable(self, who: Who, school: str, found: ics.Read, source: str) -> None:
        """In the place of the one before. Raises NotPublished if there is no lesson in it."""
        if not found.entries:
            raise NotPublished("there is no lesson in it")
        self._shelf.put_timetable(school, found.entries, source, who.name)
        detail = {"entries": str(len(found.entries)), "left_out": str(len(found.skipped)), "source": source[:120]}
        self._audit.write(who, "timetable.publish", school, detail, school)

    def serials(self, school: str | None = None) -> dict[str, Serial]:
        return self._shelf.serials(school)


def _fits(school: str, profiles: tuple[ProfileText, ...], entries: tuple[Entry, ...]) -> None:
    """Raises WrongCatalogue if no gateway would take it. Nobody signs it here."""
    bundle = Bundle(school, 1, time.time_ns() // 1000, profiles, entries)
    catalogue.seal(bundle, _NOBODYS_KEY, lambda _: bytes(64))
