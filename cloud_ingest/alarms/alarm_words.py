"""An alarm as JSON and as rows of a table, for the command line, webhooks and e-mail."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cloud_ingest.alarms.alarm import Alarm, AlarmState, Entry
from cloud_ingest.alarms.hours import CITY
from cloud_ingest.query import aligned

STATES = {
    AlarmState.OPEN: "mở / open",
    AlarmState.ACKNOWLEDGED: "đã biết / acknowledged",
    AlarmState.CLEARED: "đã hết / cleared",
}


def when(time_us: int | None) -> str | None:
    """ISO 8601 in the city's time."""
    if time_us is None:
        return None
    return datetime.fromtimestamp(time_us / 1e6, UTC).astimezone(CITY).isoformat(timespec="seconds")


def as_json(alarm: Alarm) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "rule": alarm.rule,
        "severity": alarm.severity.word,
        "state": alarm.state.value,
        "school": alarm.school,
        "room": alarm.room,
        "device": alarm.device,
        "gateway": alarm.gateway,
        "metric": alarm.metric,
        "since": when(alarm.since_us),
        "cleared": when(alarm.cleared_us),
        "cause_of": alarm.cause_of,
        "in_schools": alarm.in_schools,
        "repeats": alarm.repeats,
        "acknowledged_by": alarm.acknowledged_by,
        "assigned_to": alarm.assigned_to,
        "muted_until": when(alarm.muted_until_us),
        "text_vi": alarm.text_vi,
        "text_en": alarm.text_en,
    }


def entry_as_json(entry: Entry) -> dict[str, Any]:
    return {"at": when(entry.at_us), "by": entry.by, "what": entry.what, "comment": entry.comment}


def as_table(alarms: Sequence[Alarm]) -> list[str]:
    heads = ("số / id", "mức / severity", "trạng thái / state", "từ / since", "nội dung / text")
    rows = [
        (str(a.id), a.severity.word, STATES[a.state], when(a.since_us) or "", f"{a.text_vi} / {a.text_en}")
        for a in alarms
    ]
    return aligned([heads, *rows])
