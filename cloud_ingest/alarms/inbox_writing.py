"""What the engine found, written down in the inbox: pure SQL, within a transaction of its caller."""

import sqlite3

from cloud_ingest.alarms.transition import Changed, Cleared, Finding, Raised, Transition

BY_RULES = frozenset(("raised", "changed", "cleared", "reopened", "absorbed"))
"""What a history has that no person did."""


def write(connection: sqlite3.Connection, transition: Transition, revision: int, reopens_us: int) -> None:
    """What became of one alarm. Twice is once."""
    match transition:
        case Raised(finding, since_us):
            held = connection.execute(
                "SELECT id FROM alarm WHERE key = ? AND cleared_us IS NULL", (finding.key,)
            ).fetchone()
            recent = (
                held
                or connection.execute(
                    "SELECT id FROM alarm WHERE key = ? AND cleared_us >= ? ORDER BY cleared_us DESC LIMIT 1",
                    (finding.key, since_us - reopens_us),
                ).fetchone()
            )
            if recent is None:
                number = _insert(connection, finding, since_us)
                write_down(connection, number, since_us, "", "raised", "")
            else:
                number = int(recent[0])
                if held is None:
                    connection.execute(
                        "UPDATE alarm SET cleared_us = NULL, repeats = repeats + 1 WHERE id = ?", (number,)
                    )
                    write_down(connection, number, since_us, "", "reopened", "")
            _describe(connection, number, finding, revision)
        case Changed(finding, _):
            row = connection.execute(
                "SELECT id FROM alarm WHERE key = ? AND cleared_us IS NULL", (finding.key,)
            ).fetchone()
            if row is not None:
                _describe(connection, int(row[0]), finding, revision)
        case Cleared(key, at_us, cause):
            row = connection.execute(
                "SELECT id, since_us FROM alarm WHERE key = ? AND cleared_us IS NULL", (key,)
            ).fetchone()
            if row is not None:
                number, since_us = row
                connection.execute(
                    "UPDATE alarm SET cleared_us = ?, revision = ? WHERE id = ?",
                    (max(at_us, since_us), revision, number),
                )
                write_down(connection, number, at_us, "", "absorbed" if cause else "cleared", cause)


def _describe(connection: sqlite3.Connection, number: int, finding: Finding, revision: int) -> None:
    connection.execute(
        "UPDATE alarm SET rule = ?, severity = ?, cause_of = ?, in_schools = ?, text_vi = ?, text_en = ?, "
        "revision = ? WHERE id = ?",
        (
            finding.rule, int(finding.severity), finding.cause_of, _in_schools(finding), finding.text_vi,
            finding.text_en, revision, number,
        ),
    )  # fmt: skip
    connection.execute("DELETE FROM concerned WHERE alarm = ?", (number,))
    connection.executemany(
        "INSERT INTO concerned (school, alarm) VALUES (?, ?)", [(each, number) for each in finding.schools]
    )


def _insert(connection: sqlite3.Connection, finding: Finding, since_us: int) -> int:
    cursor = connection.execute(
        "INSERT INTO alarm (key, rule, severity, school, room, device, gateway, metric, since_us, cause_of, in_schools,"
        " text_vi, text_en, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            finding.key, finding.rule, int(finding.severity), finding.school, finding.room, finding.device,
            finding.gateway, finding.metric, since_us, finding.cause_of, _in_schools(finding), finding.text_vi,
            finding.text_en,
        ),
    )  # fmt: skip
    return int(cursor.lastrowid or 0)


def _in_schools(finding: Finding) -> int:
    return len(finding.schools) or 1


def write_down(connection: sqlite3.Connection, number: int, at_us: int, by: str, what: str, comment: str) -> None:
    connection.execute(
        "INSERT INTO history (alarm, at_us, by, what, comment) VALUES (?, ?, ?, ?, ?)",
        (number, at_us, by, what, comment),
    )


def revision_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT value FROM state WHERE name = 'revision'").fetchone()[0])


def next_revision(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE state SET value = value + 1 WHERE name = 'revision'")
    return revision_of(connection)
