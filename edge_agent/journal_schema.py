"""The tables of the journal's file, in each version, and how it is opened.

    entry   one row a batch that waits, under (measurement, id): its own order, and the drop order, are a range each;
            `checked` is the checksum of the columns before it, one of which is the digest of the payload
    layout, layout_again
            the names of the series in those batches
    aside   the last batches that could not be read, here or at the centre
    tally, tally_again
            one line: counts, and where sequence numbers and time go on when no row is left to tell

Rows of versions 1 and 2 wait in tables of their own until `journal_upgrade` has moved them.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

from edge_agent.damaged_journals import log_waits, put_log_aside
from edge_agent.journal_header import PAGE_BYTES, mended
from edge_agent.journal_judge import NotAJournal, judged
from edge_agent.journal_log import damaged

VERSION = 3
_LOG_CHANGED = "its log has changed on the disk"
_WAL_PAGES = 1_000
_ENTRY = """
CREATE TABLE entry (
    measurement TEXT NOT NULL, id INTEGER NOT NULL, points INTEGER NOT NULL, clock TEXT NOT NULL,
    handed INTEGER NOT NULL, offset_us INTEGER NOT NULL, last_us INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    digest TEXT NOT NULL, layout INTEGER NOT NULL, checked INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (measurement, id)) WITHOUT ROWID;
"""
_LAYOUTS = """
CREATE TABLE layout (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE layout_again (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);
"""
_TALLY_AGAIN = "CREATE TABLE tally_again (one INTEGER PRIMARY KEY CHECK (one = 1), counts BLOB NOT NULL);"
_MADE = f"""
{_ENTRY}{_LAYOUTS}
CREATE TABLE aside (id INTEGER PRIMARY KEY, why TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE tally (one INTEGER PRIMARY KEY CHECK (one = 1), counts BLOB NOT NULL);
{_TALLY_AGAIN}
"""
_WORDS = {words.split()[2]: words for each in _MADE.split(";") if (words := each.strip())}
"""Of each table, as SQLite keeps them."""
_CHANGES = {
    0: _MADE,
    1: f"ALTER TABLE entry RENAME TO entry_1;{_ENTRY}{_LAYOUTS}{_TALLY_AGAIN}",
    2: f"ALTER TABLE entry RENAME TO entry_2;{_ENTRY}{_TALLY_AGAIN}",
}


def connected(path: Path) -> sqlite3.Connection:
    """The journal at `path`, made or brought to the newest version; only its user can read the file.

    Raises sqlite3.Error or OSError where the disk fails, and NotAJournal.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _keep_private(path)
    _look_at_log(path)
    try:
        connection = _opened(path)
    except (NotAJournal, sqlite3.OperationalError) as wrong:
        # A header that the disk has changed. Not before: whoever opens and closes the file takes the locks of his own
        # process from it (fcntl(2)), and to change what another process writes is no mending.
        if getattr(wrong, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            raise
        header, words = mended(path), _words_mended(path)
        if not header and not words:
            raise
        return _opened(path)
    if _pages_said(connection) != path.stat().st_size // PAGE_BYTES:
        connection.close()
        mended(path)
        return _opened(path)
    return connection


def intact(connection: sqlite3.Connection) -> str:
    """Empty, or what is wrong with the trees in which SQLite keeps the rows. Reads the whole file."""
    with judged():
        said = [str(line) for (line,) in connection.execute("PRAGMA quick_check(1)").fetchall()]
    return "" if said == ["ok"] else " ".join(said)


def _keep_private(path: Path) -> None:
    """SQLite gives its log the mode of the file."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        with contextlib.suppress(PermissionError):  # another user's, who has let us use it
            if path.is_file():
                path.chmod(0o600)


def _look_at_log(path: Path) -> None:
    """Raises NotAJournal if something that was durable lies behind a damaged frame of the log: SQLite would drop it.

    The log has its name among the damaged journals then, since SQLite removes it under its own.
    """
    if not path.with_name(f"{path.name}-wal").exists():
        if log_waits(path):  # the power went before the rest could be put aside
            raise NotAJournal(_LOG_CHANGED)
        return
    with contextlib.closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as connection:
        try:  # nobody else shall be using it while it is looked at
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError as wrong:
            if getattr(wrong, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise
        except sqlite3.DatabaseError:
            pass  # it is damaged, too
        if damaged(path.with_name(f"{path.name}-wal")):
            put_log_aside(path)
            raise NotAJournal(_LOG_CHANGED)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
    connection.text_factory = _text
    try:
        with judged():
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # a second agent shall not send all of it again
            connection.execute("PRAGMA cell_size_check = ON")
            version = _version(connection)
            if version == 0:
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_PAGES * PAGE_BYTES}")
            connection.execute("PRAGMA cache_size = -1024")
            if version != VERSION:
                changes = f"{_CHANGES[version]}PRAGMA user_version = {VERSION};"
                connection.executescript(f"BEGIN IMMEDIATE;{changes}COMMIT;")
            connection.execute("DELETE FROM aside WHERE 0")  # a file that may only be read is found out now
    except BaseException:
        connection.close()
        raise
    return connection


def _pages_said(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0])


def _wrong_words(connection: sqlite3.Connection) -> list[tuple[int, str, str]]:
    """Tables of which SQLite has kept other words than they were made with: where, their name and their words."""
    kept = connection.execute("SELECT rowid, type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    return [
        (row_id, name, words)
        for name, words in _WORDS.items()
        for row_id, *row in kept
        if (row[1] == name or row[3] == words) and row != ["table", name, name, words]
    ]


def _words_mended(path: Path) -> bool:
    """SQLite reads the words of all tables when it opens a file, and those have no checksum either."""
    with contextlib.closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as connection:
        connection.text_factory = _text
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA writable_schema = ON")
            wrong = _wrong_words(connection)
            for row_id, name, words in wrong:
                connection.execute(
                    "UPDATE sqlite_schema SET type = 'table', name = ?, tbl_name = ?, sql = ? WHERE rowid = ?",
                    (name, name, words, row_id),
                )
        except (sqlite3.Error, TypeError):
            return False
    return bool(wrong)


def _version(connection: sqlite3.Connection) -> int:
    """What the tables say counts: the number is one word of the file's header, and has no checksum."""
    said = int(connection.execute("PRAGMA user_version").fetchone()[0])
    columns = {row[1] for row in connection.execute("PRAGMA table_info(entry)")}
    if said == 0 and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return 0
    if not columns or not 0 <= said <= VERSION:
        raise NotAJournal(f"it has version {said}; this lophoc knows {VERSION}" if columns else "it has no rows")
    if said == VERSION or "checked" in columns:
        if _wrong_words(connection):
            raise NotAJournal("the words of its tables have changed")
        if said != VERSION:
            connection.execute(f"PRAGMA user_version = {VERSION}")
        return VERSION
    return 2 if "layout" in columns else 1


def _text(raw: bytes) -> str:
    """Whatever the disk made of it: what reads it knows what it must be."""
    return raw.decode("ascii", "replace")
