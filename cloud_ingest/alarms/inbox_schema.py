"""The inbox's file: its tables, and what to do with a file that is later, or none of ours."""

import sqlite3

from cloud_ingest.wal import write_ahead

VERSION = 1

_TABLES = """
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, rule TEXT NOT NULL, severity INTEGER NOT NULL,
    school TEXT, room TEXT, device TEXT, gateway TEXT, metric TEXT,
    since_us INTEGER NOT NULL, cleared_us INTEGER, cause_of INTEGER NOT NULL, in_schools INTEGER NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0, acknowledged_by TEXT, acknowledged_us INTEGER, assigned_to TEXT,
    text_vi TEXT NOT NULL, text_en TEXT NOT NULL, revision INTEGER NOT NULL);
CREATE UNIQUE INDEX alarm_that_holds ON alarm (key) WHERE cleared_us IS NULL;
CREATE INDEX alarm_by_key ON alarm (key, cleared_us);
CREATE INDEX alarm_by_revision ON alarm (revision);
CREATE INDEX alarm_by_school ON alarm (school, cleared_us);
CREATE INDEX alarm_by_clearing ON alarm (cleared_us);
CREATE TABLE concerned (
    school TEXT NOT NULL, alarm INTEGER NOT NULL REFERENCES alarm (id) ON DELETE CASCADE,
    PRIMARY KEY (school, alarm)) WITHOUT ROWID;
CREATE INDEX concerned_by_alarm ON concerned (alarm);
CREATE TABLE history (
    id INTEGER PRIMARY KEY, alarm INTEGER NOT NULL REFERENCES alarm (id) ON DELETE CASCADE, at_us INTEGER NOT NULL,
    by TEXT NOT NULL, what TEXT NOT NULL, comment TEXT NOT NULL);
CREATE INDEX history_by_alarm ON history (alarm);
CREATE TABLE mute (key TEXT PRIMARY KEY, until_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO state (name, value) VALUES ('revision', 0);
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL,
    severity INTEGER NOT NULL, school TEXT, after_s REAL NOT NULL, active INTEGER NOT NULL DEFAULT 1);
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT, step TEXT NOT NULL,
    alarm INTEGER NOT NULL REFERENCES alarm (id) ON DELETE CASCADE, event TEXT NOT NULL, made_us INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, next_us INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
    error TEXT NOT NULL DEFAULT '');
CREATE INDEX delivery_by_alarm ON delivery (alarm);
CREATE INDEX delivery_that_waits ON delivery (next_us) WHERE state = 'waiting';
CREATE UNIQUE INDEX delivery_once ON delivery (step, alarm, event);
"""


class WrongFile(Exception):
    """It is not an inbox that this lophoc knows: a person has to look."""


def prepare(connection: sqlite3.Connection, name: str, *, create: bool) -> None:
    """Settings and tables. Raises WrongFile, sqlite3.Error; nothing is changed then."""
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    except sqlite3.DatabaseError as wrong:
        if wrong.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise WrongFile(f"{name} is not a SQLite file: {wrong}") from wrong
        raise
    if version not in (0, VERSION):
        raise WrongFile(f"{name} has version {version}; this lophoc knows {VERSION}")
    if version == 0 and tables:
        raise WrongFile(f"{name} is the database of something else")
    connection.execute("PRAGMA foreign_keys = ON")
    if version == 0 and not create:
        raise WrongFile(f"{name} is empty: lophoc ingest makes it")
    write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")  # another process may be making the tables just now: look again
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
