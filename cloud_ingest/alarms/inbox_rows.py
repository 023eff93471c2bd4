"""Rows of the inbox as alarms: which are asked for, and what of them who asks may see. Pure."""

from dataclasses import dataclass, replace
from typing import Any

from cloud_ingest.alarms.alarm import Alarm, AlarmState, Asker, Severity

CONCERNED = "(school = :own OR id IN (SELECT alarm FROM concerned WHERE school = :own))"
COLUMNS = """
id, rule, severity, school, room, device, gateway, metric, since_us, cleared_us, acknowledged_us, cause_of, in_schools,
repeats, acknowledged_by, assigned_to, (SELECT until_us FROM mute WHERE mute.key = alarm.key AND until_us > :now),
text_vi, text_en, revision
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alarms, and in which order. The defaults: all that hold, the worst and widest first."""

    states: frozenset[AlarmState] = frozenset((AlarmState.OPEN, AlarmState.ACKNOWLEDGED))
    severities: frozenset[Severity] = frozenset(Severity)
    school: str | None = None
    room: str | None = None
    rule: str | None = None
    assigned_to: str | None = None
    muted: bool | None = None
    """None: muted or not."""
    find: str = ""
    """In its words, its rule or where it is."""
    newest_first: bool = False
    limit: int = 50
    offset: int = 0


def where(who: Asker, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    holds = "cleared_us IS NULL AND acknowledged_us IS"
    of_state = {
        AlarmState.OPEN: f"({holds} NULL)",
        AlarmState.ACKNOWLEDGED: f"({holds} NOT NULL)",
        AlarmState.CLEARED: "(cleared_us IS NOT NULL)",
    }
    severities = ", ".join(str(int(each)) for each in wanted.severities)
    parts = [f"({' OR '.join(of_state[state] for state in wanted.states) or '0'})", f"severity IN ({severities})"]
    values: dict[str, Any] = {}
    if who.school is not None:
        parts.append(CONCERNED)
        values["own"] = who.school
    if wanted.school is not None and not who.sees(wanted.school):
        parts.append("0")  # or it would tell who else has a part in an alarm of many schools
    elif wanted.school is not None:
        parts.append("(school = :school OR id IN (SELECT alarm FROM concerned WHERE school = :school))")
        values["school"] = wanted.school
    for name in ("room", "rule", "assigned_to"):
        value = getattr(wanted, name)
        if value is not None:
            # Of an alarm of many schools it is not shown to whom it is given, so it is not found by that.
            is_hidden = name == "assigned_to" and who.school is not None
            parts.append(f"{name} = :{name}" + (" AND school IS NOT NULL" if is_hidden else ""))
            values[name] = value
    if wanted.muted is not None:
        is_muted = "EXISTS (SELECT 1 FROM mute WHERE mute.key = alarm.key AND until_us > :now)"
        parts.append(is_muted if wanted.muted else f"NOT {is_muted}")
    for number, word in enumerate(wanted.find.split()[:8]):
        # What a school's account finds must not tell it the words of an alarm of many schools.
        columns = "rule, school, room, device, gateway" + (", text_vi, text_en" if who.school is None else "")
        parts.append(f"lower_words({columns}) LIKE :find{number} ESCAPE '!'")
        values[f"find{number}"] = "%" + _escaped(word.lower()) + "%"
    return " AND ".join(parts), values


def lower_words(*texts: str | None) -> str:
    return " ".join(text for text in texts if text).lower()


def _escaped(word: str) -> str:
    return word.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def alarm_of(row: tuple[Any, ...]) -> Alarm:
    (
        number, rule, severity, school, room, device, gateway, metric, since_us, cleared_us, acknowledged_us, cause_of,
        in_schools, repeats, acknowledged_by, assigned_to, muted_until_us, text_vi, text_en, revision,
    ) = row  # fmt: skip
    if cleared_us is not None:
        state = AlarmState.CLEARED
    else:
        state = AlarmState.OPEN if acknowledged_us is None else AlarmState.ACKNOWLEDGED
    return Alarm(
        number, rule, Severity(severity), school, room, device, gateway, metric, since_us, cleared_us, state, cause_of,
        in_schools, repeats, acknowledged_by, assigned_to, muted_until_us, text_vi, text_en, revision,
    )  # fmt: skip


def is_part(who: Asker, alarm: Alarm) -> bool:
    return who.school is not None and alarm.school is None


def seen_by(who: Asker, alarm: Alarm) -> Alarm:
    if not is_part(who, alarm):
        return alarm
    return replace(
        alarm, school=who.school, cause_of=1, in_schools=1, acknowledged_by=None, assigned_to=None,
        text_vi="Cùng một sự cố với nhiều trường khác; trung tâm điều hành đang xử lý",
        text_en="Part of an incident at many schools; the operations centre handles it",
    )  # fmt: skip
