"""Tells a file that is damaged from a disk that is full or away."""

import contextlib
import sqlite3
from collections.abc import Iterator

_BEYOND_USE = {
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
    # What we ask never changes: if there is no such table or a row breaks a rule, the file is not what we wrote.
    sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH,
}  # fmt: skip


class NotAJournal(Exception):
    """The file cannot be used as it is; the text says why."""


@contextlib.contextmanager
def judged() -> Iterator[None]:
    """Raises NotAJournal for what is wrong with the file, and passes on what is wrong with the disk."""
    try:
        yield
    except sqlite3.DatabaseError as wrong:
        if getattr(wrong, "sqlite_errorcode", 0) & 0xFF in _BEYOND_USE:
            raise NotAJournal(str(wrong)) from wrong
        raise
    except (UnicodeDecodeError, TypeError, OverflowError) as wrong:  # a column, or the schema, is of another kind
        raise NotAJournal(f"something in it is not of its kind: {wrong}") from wrong
