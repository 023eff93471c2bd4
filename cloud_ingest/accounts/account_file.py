"""The SQLite file behind accounts, sessions, keys and the audit."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

FILE = "accounts.sqlite"

_VERSION = 1
_SCHEMA = """
CREATE TABLE person (
    name TEXT PRIMARY KEY, shown TEXT NOT NULL, role TEXT NOT NULL, school TEXT, password TEXT, subject TEXT UNIQUE,
    enabled INTEGER NOT NULL DEFAULT 1, made_us INTEGER NOT NULL, seen_us INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE session (
    token BLOB PRIMARY KEY, name TEXT NOT NULL REFERENCES person ON DELETE CASCADE ON UPDATE CASCADE,
    made_us INTEGER NOT NULL, used_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX session_by_name ON session (name);
CREATE TABLE api_key (
    id TEXT PRIMARY KEY, secret BLOB NOT NULL, label TEXT NOT NULL, role TEXT NOT NULL, school TEXT,
    scopes TEXT NOT NULL, made_by TEXT NOT NULL, made_us INTEGER NOT NULL, until_us INTEGER,
    used_us INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL, act TEXT NOT NULL,
    of TEXT NOT NULL, school TEXT NOT NULL, detail TEXT NOT NULL, seal BLOB NOT NULL);
CREATE INDEX audit_by_school ON audit (school, id);
"""


class AccountsUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


class AccountFile:
    """Open it with `with`. Several processes and threads may have it open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        """Raises AccountsUnavailable."""
        with _translated():
            if not self._path.exists():
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")  # who was let in, or put out, stays so
                connection.execute("PRAGMA foreign_keys = ON")
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        self._connection = connection
        return self

    def _prepare(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection):
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise AccountsUnavailable(f"{self._path} has version {version}; this lophoc knows {_VERSION}")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Raises AccountsUnavailable."""
        with self._lock, _translated():
            yield self._opened()

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing. Raises AccountsUnavailable."""
        with self._lock, _translated(), _transaction(self._opened()) as connection:
            yield connection

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise AccountsUnavailable(f"{self._path} is not open")
        return self._connection


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as wrong:
        raise AccountsUnavailable(f"the accounts: {wrong}") from wrong
