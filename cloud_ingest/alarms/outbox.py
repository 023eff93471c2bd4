"""The outbox: what is to be told to whom, what was, and what could not be. Tables of the inbox's file.

A step is a webhook, or an e-mail of the rules. For each alarm it is told once that it was raised, if nobody has
acknowledged or muted it by then, and once that it has cleared, if it was told of it. What fails is tried again, later
and later, and is then kept as dead for people to see.
"""

import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.alarms.inbox_writing import next_revision, write_down

TRIES = 8
_FIRST_AGAIN_S = 5.0
_LAST_AGAIN_S = 3_600.0
_CLEARED_WITHIN_US = 86_400_000_000
_AT_ONCE = 50


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"
    """It was tried as often as it may be."""


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to tell, of what."""

    name: str
    """`webhook 3`, `mail duty-officer`."""
    severity: Severity
    after_s: float
    school: str | None = None
    schools: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class Delivery:
    id: int
    step: str
    alarm: int
    event: str
    """`raised` or `cleared`."""
    made_us: int
    tries: int
    next_us: int
    state: DeliveryState
    error: str


_WHERE = """
FROM alarm WHERE severity >= :severity
AND (:school IS NULL OR school = :school OR id IN (SELECT alarm FROM concerned WHERE school = :school))
AND (:all OR school IS NULL OR wanted(school))
"""
_RAISED = f"""
INSERT OR IGNORE INTO delivery (step, alarm, event, made_us, next_us)
SELECT :step, id, 'raised ' || repeats, :now, :now {_WHERE}
AND cleared_us IS NULL AND acknowledged_us IS NULL AND since_us <= :until
AND NOT EXISTS (SELECT 1 FROM mute WHERE mute.key = alarm.key AND until_us > :now)
ORDER BY severity DESC, cause_of DESC LIMIT 500
"""
_CLEARED = f"""
INSERT OR IGNORE INTO delivery (step, alarm, event, made_us, next_us)
SELECT :step, id, 'cleared ' || repeats, :now, :now {_WHERE}
AND cleared_us > :lately
AND EXISTS (SELECT 1 FROM delivery
    WHERE step = :step AND delivery.alarm = alarm.id AND event = 'raised ' || alarm.repeats)
"""
_COLUMNS = "id, step, alarm, event, made_us, tries, next_us, state, error"


class Outbox:
    def __init__(self, inbox: Alarms, dice: random.Random | None = None) -> None:
        self._inbox = inbox
        self._dice = dice or random.Random()  # noqa: S311 - jitter

    def plan(self, steps: Sequence[Step], now_us: int) -> None:
        """Note what is to be told by now. Raises InboxUnavailable, as all that follow."""
        if not steps:
            return
        with self._inbox.writing() as connection:
            for step in steps:
                schools = step.schools
                connection.create_function(
                    "wanted", 1, lambda school, globs=schools: any(fnmatchcase(school, glob) for glob in globs)
                )
                values = {
                    "step": step.name, "severity": int(step.severity), "school": step.school,
                    "all": schools == ("*",), "now": now_us, "until": now_us - int(step.after_s * 1e6),
                    "lately": now_us - _CLEARED_WITHIN_US,
                }  # fmt: skip
                connection.execute(_RAISED, values)
                connection.execute(_CLEARED, values)

    def due(self, step: str, now_us: int) -> list[Delivery]:
        """What is to be sent now, in order."""
        with self._inbox.reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM delivery WHERE state = 'waiting' AND next_us <= ? AND step = ? "
                "ORDER BY id LIMIT ?",
                (now_us, step, _AT_ONCE),
            ).fetchall()
        return [_delivery(row) for row in rows]

    def list(self, state: DeliveryState | None = None, step: str | None = None, limit: int = 100) -> Sequence[Delivery]:
        """The newest first."""
        with self._inbox.reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM delivery WHERE (:state IS NULL OR state = :state) "
                "AND (:step IS NULL OR step = :step) ORDER BY id DESC LIMIT :limit",
                {"state": state, "step": step, "limit": limit},
            ).fetchall()
        return [_delivery(row) for row in rows]

    def sent(self, deliveries: Sequence[Delivery], now_us: int) -> None:
        with self._inbox.writing() as connection:
            for each in deliveries:
                connection.execute("UPDATE delivery SET state = 'sent', error = '' WHERE id = ?", (each.id,))
                write_down(connection, each.alarm, now_us, "", "told", each.step)
                connection.execute(
                    "UPDATE alarm SET revision = ? WHERE id = ?", (next_revision(connection), each.alarm)
                )

    def failed(self, deliveries: Sequence[Delivery], now_us: int, why: str, *, for_good: bool = False) -> None:
        """All of that step waits; these are tried again, or are dead."""
        with self._inbox.writing() as connection:
            for each in deliveries:
                tries = each.tries + 1
                wait_s = min(_LAST_AGAIN_S, _FIRST_AGAIN_S * 3 ** (tries - 1)) * self._dice.uniform(0.5, 1.5)
                next_us = now_us + int(wait_s * 1e6)
                is_dead = for_good or tries >= TRIES
                connection.execute(
                    "UPDATE delivery SET tries = ?, next_us = ?, state = ?, error = ? WHERE id = ?",
                    (tries, next_us, "dead" if is_dead else "waiting", why[:200], each.id),
                )
                if not for_good:
                    connection.execute(
                        "UPDATE delivery SET next_us = max(next_us, ?) WHERE step = ? AND state = 'waiting'",
                        (next_us, each.step),
                    )

    def again(self, number: int, now_us: int) -> bool:
        """Try a dead one anew; False if there is none."""
        with self._inbox.writing() as connection:
            return bool(
                connection.execute(
                    "UPDATE delivery SET state = 'waiting', tries = 0, next_us = ? WHERE id = ? AND state = 'dead'",
                    (now_us, number),
                ).rowcount
            )

    def forget(self, step: str) -> None:
        """It is no step any longer."""
        with self._inbox.writing() as connection:
            _forget(connection, step)


def _forget(connection: sqlite3.Connection, step: str) -> None:
    connection.execute("DELETE FROM delivery WHERE step = ?", (step,))


def _delivery(row: tuple[object, ...]) -> Delivery:
    number, step, alarm, event, made_us, tries, next_us, state, error = row
    assert isinstance(number, int)
    assert isinstance(alarm, int)
    assert isinstance(made_us, int)
    assert isinstance(tries, int)
    assert isinstance(next_us, int)
    event = str(event).partition(" ")[0]
    return Delivery(number, str(step), alarm, event, made_us, tries, next_us, DeliveryState(str(state)), str(error))
