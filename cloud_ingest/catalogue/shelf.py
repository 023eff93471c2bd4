"""What is published: versions of profiles, timetables, and the sealed bundle of each school, in one SQLite file."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from classroom_profiles.catalogue import Bundle, ProfileText
from classroom_profiles.documents import parse_profile
from classroom_profiles.problem import DocumentError
from classroom_profiles.timetable import Entry
from cloud_ingest.catalogue.signing_key import SigningKey
from cloud_ingest.own_file import OwnFile
from cloud_ingest.store import wall_us

FILE = "catalogue.sqlite"

_VERSION = 1
_SCHEMA = """
CREATE TABLE profile (
    id TEXT NOT NULL, version INTEGER NOT NULL, school TEXT NOT NULL, text TEXT NOT NULL, note TEXT NOT NULL,
    published_us INTEGER NOT NULL, published_by TEXT NOT NULL, withdrawn_us INTEGER,
    PRIMARY KEY (id, school, version)) WITHOUT ROWID;
CREATE TABLE timetable (
    school TEXT PRIMARY KEY, entries BLOB NOT NULL, source TEXT NOT NULL, published_us INTEGER NOT NULL,
    published_by TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE bundle (
    school TEXT PRIMARY KEY, serial INTEGER NOT NULL, content BLOB NOT NULL, sealed BLOB NOT NULL,
    key BLOB NOT NULL, made_us INTEGER NOT NULL, sent_serial INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""
_entries = msgspec.json.Decoder(tuple[Entry, ...])


class ShelfUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


class NotPublished(ValueError):
    """It cannot be published so; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Published:
    """A version of a profile. `school` is empty if it is for all of them."""

    id: str
    version: int
    school: str
    text: str
    note: str
    published_us: int
    published_by: str
    withdrawn_us: int | None


@dataclass(frozen=True, slots=True)
class Timetable:
    school: str
    entries: tuple[Entry, ...]
    source: str
    published_us: int
    published_by: str


@dataclass(frozen=True, slots=True)
class ToSend:
    """A school's bundle as it is now."""

    school: str
    serial: int
    sealed: bytes
    made_us: int
    is_sent: bool


@dataclass(frozen=True, slots=True)
class Serial:
    """Of a school's newest bundle."""

    serial: int
    made_us: int
    is_sent: bool


class Shelf:
    """Open it with `with`. Blocking; from any thread. All methods raise ShelfUnavailable."""

    def __init__(self, path: Path, clock_us: Callable[[], int] = wall_us) -> None:
        self._file = OwnFile(path, _SCHEMA, _VERSION, "the catalogue", ShelfUnavailable)
        self._clock_us = clock_us
        self._changes = 0

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__()

    # --- profiles ---

    def publish(
        self, texts: Sequence[tuple[str, str]], by: str, school: str = "", note: str = "", *, only_check: bool = False
    ) -> list[Published]:
        """New versions of profiles, all or none; `texts` are names of files and what is in them.

        A version is never changed: what is published again must be the same, or count up. `only_check`: say what would
        be published, and change nothing. Raises NotPublished, DocumentError for what is wrong in the files.
        """
        made: list[Published] = []
        now_us = self._clock_us()
        with contextlib.suppress(_OnlyChecked), self._file.changing() as rows:
            for file, text in texts:
                profile = parse_profile(text.encode(), file)
                versions = rows.execute(
                    "SELECT version, text FROM profile WHERE id = ? AND school = ? ORDER BY version DESC",
                    (profile.id, school),
                ).fetchall()
                if (profile.version, text) in versions[:1]:
                    rows.execute(
                        "UPDATE profile SET withdrawn_us = NULL WHERE id = ? AND school = ? AND version = ?",
                        (profile.id, school, profile.version),
                    )
                elif versions and profile.version <= versions[0][0]:
                    raise NotPublished(
                        f"{file}: {profile.id} has version {versions[0][0]} already; "
                        f"write 'version: {versions[0][0] + 1}' for what has changed"
                    )
                else:
                    rows.execute(
                        "INSERT INTO profile VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                        (profile.id, profile.version, school, text, note[:200], now_us, by),
                    )
                made.append(Published(profile.id, profile.version, school, text, note[:200], now_us, by, None))
            if only_check:
                raise _OnlyChecked
        if not only_check:
            self._changes += 1
        return made

    def withdraw(self, profile_id: str, school: str = "") -> None:
        """No gateway shall have it any more; the built-in one of its id, if there is one, holds again.

        Raises NotPublished if there is none.
        """
        with self._file.changing() as rows:
            changed = rows.execute(
                "UPDATE profile SET withdrawn_us = ? WHERE id = ? AND school = ? AND withdrawn_us IS NULL",
                (self._clock_us(), profile_id, school),
            ).rowcount
        self._changes += 1
        if not changed:
            raise NotPublished(f"no profile {profile_id} is published" + (f" for {school}" if school else ""))

    def profiles(self, school: str | None = None) -> list[Published]:
        """All versions, the newest of each first; of one school with those for everybody."""
        with self._file.reading() as rows:
            found = rows.execute(
                "SELECT id, version, school, text, note, published_us, published_by, withdrawn_us FROM profile "
                "WHERE :school IS NULL OR school IN ('', :school) ORDER BY id, school, version DESC",
                {"school": school},
            ).fetchall()
        return [Published(*row) for row in found]

    # --- timetables ---

    def put_timetable(self, school: str, entries: Sequence[Entry], source: str, by: str) -> None:
        """In the place of the one before."""
        with self._file.changing() as rows:
            rows.execute(
                "INSERT OR REPLACE INTO timetable VALUES (?, ?, ?, ?, ?)",
                (school, msgspec.json.encode(tuple(entries)), source[:120], self._clock_us(), by),
            )
        self._changes += 1

    def timetable(self, school: str) -> Timetable | None:
        with self._file.reading() as rows:
            row = rows.execute(
                "SELECT entries, source, published_us, published_by FROM timetable WHERE school = ?", (school,)
            ).fetchone()
        return None if row is None else Timetable(school, _entries.decode(row[0]), *row[1:])

    # --- bundles ---

    def revision(self) -> tuple[int, int]:
        """Another one whenever something was published or withdrawn, here or by another process."""
        with self._file.reading() as rows:
            version: int = rows.execute("PRAGMA data_version").fetchone()[0]
        return version, self._changes

    def serials(self, school: str | None = None) -> dict[str, Serial]:
        """What was made last for each school, as far as anything was."""
        with self._file.reading() as rows:
            found = rows.execute(
                "SELECT school, serial, made_us, serial = sent_serial FROM bundle WHERE :school IS NULL "
                "OR school = :school",
                {"school": school},
            ).fetchall()
        return {name: Serial(serial, made_us, bool(is_sent)) for name, serial, made_us, is_sent in found}

    def wanted(self, school: str) -> tuple[tuple[ProfileText, ...], tuple[Entry, ...]]:
        """What a school's gateways shall have: the newest version of each profile that is not withdrawn, one of the
        school's own before the city's, and the timetable.
        """
        newest: dict[str, ProfileText] = {}
        with self._file.reading() as rows:
            found = rows.execute(
                "SELECT id, max(version), text, school FROM profile "
                "WHERE school IN ('', ?) AND withdrawn_us IS NULL GROUP BY id, school ORDER BY id, school",
                (school,),
            ).fetchall()
        for profile_id, version, text, _ in found:
            newest[profile_id] = ProfileText(profile_id, version, text)
        timetable = self.timetable(school)
        return tuple(newest.values()), () if timetable is None else timetable.entries

    def bundle(self, school: str, key: SigningKey) -> ToSend | None:
        """What the school's gateways shall have, sealed anew if that has changed; None if nothing was ever published.

        Serials are seconds since 1970 or one more than the last, so that they grow even if this file is lost.
        Raises WrongCatalogue if it became too large.
        """
        profiles, timetable = self.wanted(school)
        content = msgspec.json.encode((profiles, timetable))
        with self._file.changing() as rows:
            before = rows.execute(
                "SELECT serial, content, sealed, key, made_us, sent_serial FROM bundle WHERE school = ?", (school,)
            ).fetchone()
            if before is None and not profiles and not timetable:
                return None
            if before is not None and (before[1], before[3]) == (content, key.public):
                return ToSend(school, before[0], before[2], before[4], before[5] == before[0])
            now_us = self._clock_us()
            serial = max(now_us // 1_000_000, 0 if before is None else before[0] + 1)
            sealed = key.seal(Bundle(school, serial, now_us, profiles, timetable))
            rows.execute(
                "INSERT OR REPLACE INTO bundle VALUES (?, ?, ?, ?, ?, ?, ?)",
                (school, serial, content, sealed, key.public, now_us, 0 if before is None else before[5]),
            )
        return ToSend(school, serial, sealed, now_us, is_sent=False)

    def was_sent(self, school: str, serial: int) -> None:
        """The broker has it."""
        with self._file.changing() as rows:
            rows.execute("UPDATE bundle SET sent_serial = ? WHERE school = ? AND serial = ?", (serial, school, serial))

    def schools(self) -> list[str]:
        """Those that have anything of their own, or had."""
        with self._file.reading() as rows:
            found = rows.execute(
                "SELECT school FROM profile WHERE school <> '' UNION SELECT school FROM timetable "
                "UNION SELECT school FROM bundle ORDER BY 1"
            ).fetchall()
        return [school for (school,) in found]


class _OnlyChecked(Exception):
    """Nothing is to be kept."""


__all__ = ["DocumentError", "NotPublished", "Published", "Serial", "Shelf", "ShelfUnavailable", "Timetable", "ToSend"]
