"""How several processes come at once to one SQLite file that is new or at rest, and all get in.

Two things of SQLite make that fail by themselves. Changing to the write-ahead log, and being the first to open a file
that has one, needs the file for oneself, and SQLite does not wait for it as for a transaction: it says SQLITE_BUSY
at once where waiting could be a deadlock (https://www.sqlite.org/rescode.html#busy). And whoever closes a file
of its own takes away all locks which its process has on it (https://www.sqlite.org/howtocorrupt.html, section 2.2).
"""

import contextlib
import os
import random
import sqlite3
import tempfile
import time
from pathlib import Path

_WITHIN_S = 10.0
_MOST_PAUSE_S = 0.05


def make_private(path: Path) -> None:
    """An empty file that only we can read, if there is none: SQLite gives its log the mode of the file.

    It is closed before it gets its name, so that no lock of a connection in this process goes with it. Raises OSError.
    """
    if path.exists():
        return
    number, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    os.close(number)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
    finally:
        Path(beside).unlink()


def write_ahead(connection: sqlite3.Connection) -> None:
    """Use the write-ahead log. Raises sqlite3.OperationalError if others have kept the file for ten seconds."""
    until = time.monotonic() + _WITHIN_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as wrong:
            if wrong.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.1, 1.0) * _MOST_PAUSE_S)  # noqa: S311 - so that two do not meet again
        else:
            return
