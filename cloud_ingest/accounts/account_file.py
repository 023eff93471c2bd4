"""The SQLite file behind accounts, sessions, keys and the audit."""

from pathlib import Path

from cloud_ingest.own_file import OwnFile

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


class AccountFile(OwnFile):
    """Open it with `with`. Several processes and threads may have it open."""

    def __init__(self, path: Path) -> None:
        # synchronous FULL: who was let in, or put out, stays so
        pragmas = ("synchronous = FULL", "foreign_keys = ON")
        super().__init__(path, _SCHEMA, _VERSION, "the accounts", AccountsUnavailable, pragmas=pragmas)
