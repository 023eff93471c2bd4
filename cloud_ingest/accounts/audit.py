"""The audit: every change that somebody made at the centre, in order, each line sealed to the one before it.

A line that was changed or taken out later breaks the chain of seals behind it; `broken_at` finds where.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cloud_ingest.accounts.account_file import AccountFile
from cloud_ingest.accounts.who import Who
from cloud_ingest.store import wall_us

MOST_DETAIL = 2000

_COLUMNS = "id, at_us, who, role, act, of, school, detail"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `detail` holds what it was and became; never a secret."""

    id: int
    at_us: int
    who: str
    role: str
    action: str
    on: str
    school: str
    """Empty if it is about no school."""
    detail: dict[str, str]


class Audit:
    """Written and read from any thread."""

    def __init__(self, file: AccountFile, clock_us: Callable[[], int] = wall_us) -> None:
        self._file = file
        self._clock_us = clock_us

    def write(
        self, who: Who, action: str, on: str, detail: Mapping[str, str] | None = None, school: str | None = None
    ) -> None:
        """Returns when it is kept. Raises AccountsUnavailable."""
        written = json.dumps(dict(detail or {}), ensure_ascii=False, sort_keys=True)
        if len(written) > MOST_DETAIL:
            written = json.dumps({"cut": written[:MOST_DETAIL]}, ensure_ascii=False)
        role = "key" if who.is_key else who.role.value
        with self._file.changing() as rows:
            last = rows.execute("SELECT id, seal FROM audit ORDER BY id DESC LIMIT 1").fetchone() or (0, b"")
            line = (last[0] + 1, self._clock_us(), who.name, role, action, on, school or "", written)
            rows.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*line, _seal(last[1], line)))

    def read(
        self,
        limit: int = 100,
        before: int | None = None,
        who: str | None = None,
        action: str | None = None,
        school: str | None = None,
        find: str = "",
    ) -> list[Entry]:
        """The newest first; `before` an id, for the next page. Raises AccountsUnavailable."""
        wanted = {"limit": limit, "before": before, "who": who, "act": action, "school": school, "find": find}
        with self._file.reading() as rows:
            found = rows.execute(
                f"SELECT {_COLUMNS} FROM audit WHERE (:before IS NULL OR id < :before) "  # noqa: S608 - our own names
                "AND (:who IS NULL OR who = :who) AND (:act IS NULL OR act = :act) "
                "AND (:school IS NULL OR school = :school) "
                "AND (:find = '' OR instr(lower(who || ' ' || act || ' ' || of || ' ' || detail), lower(:find))) "
                "ORDER BY id DESC LIMIT :limit",
                wanted,
            ).fetchall()
        return [
            Entry(made, at_us, name, role, act, of, about, json.loads(detail))
            for made, at_us, name, role, act, of, about, detail in found
        ]

    def broken_at(self) -> int | None:
        """The first line that is not as it was written, or before which one is missing.

        Raises AccountsUnavailable."""
        with self._file.reading() as rows:
            return _first_broken(rows)


def _first_broken(rows: sqlite3.Connection) -> int | None:
    before, expected = b"", 1
    for *line, seal in rows.execute(f"SELECT {_COLUMNS}, seal FROM audit ORDER BY id"):  # noqa: S608 - our own names
        if line[0] != expected or seal != _seal(before, tuple(line)):
            return expected
        before, expected = seal, expected + 1
    return None


def _seal(before: bytes, line: tuple[object, ...]) -> bytes:
    return hashlib.blake2b(before + json.dumps(line, ensure_ascii=False).encode(), digest_size=16).digest()
