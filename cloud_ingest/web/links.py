"""Where the pages find what the city's API answers: the only file here that knows its paths."""

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from markupsafe import Markup

from classroom_profiles.telemetry import Series
from cloud_ingest.web.asked import Asked
from cloud_ingest.web.markup import link
from cloud_ingest.web.words import Words

API = "/api/v1"
SCHOOLS_ON_MAP = f"{API}/schools.geojson"
WARDS = "/web/wards.json"

_FILTERS = {
    "schools": ("health", "ward", "level"),
    "rooms": ("health", "state", "lesson", "school"),
    "gateways": ("state", "school"),
    "equipment": ("health", "role", "school", "room"),
}
"""What of a page's address the list of the API takes too."""


def csv(say: Words, kind: str, asked: Asked) -> Markup:
    """All rows that the page's filters leave, not only those of its page."""
    wanted = [(name, value) for name, value in asked.values if name in _FILTERS[kind] and value]
    if asked.text("q"):
        wanted.append(("find", asked.text("q")))
    return download(say, f"{API}/{kind}.csv" + (f"?{urlencode(wanted)}" if wanted else ""))


def alarms_csv(say: Words, asked: Asked) -> Markup:
    shown, muted = asked.text("state"), {"yes": "true", "no": "false"}.get(asked.text("muted"), "")
    states = ("open", "acknowledged", "cleared") if shown == "every" else (shown,)
    wanted = [("state", state) for state in states]
    wanted += [(name, asked.text(name)) for name in ("severity", "school", "room")]
    wanted += [("muted", muted), ("assigned_to", asked.text("to")), ("find", asked.text("q"))]
    wanted += [("newest_first", "true")] if shown in ("every", "cleared") else []
    kept = [(name, value) for name, value in wanted if value and value != "hold"]
    return download(say, f"{API}/alarms.csv" + (f"?{urlencode(kept)}" if kept else ""))


def rooms_csv(say: Words, find: str, school: str | None, states: Iterable[str]) -> Markup:
    """Rooms whose gateways are in one of these states."""
    wanted = [("state", state) for state in states] + [("school", school or ""), ("find", find)]
    return download(say, f"{API}/rooms.csv?{urlencode([(name, value) for name, value in wanted if value])}")


def download(say: Words, href: str) -> Markup:
    return link(href, say("csv"), class_="button", download="")


def forecasts_csv(say: Words, asked: Asked, until: str | None) -> Markup:
    wanted = {"find": asked.text("q"), "wear": asked.text("wear"), "school": asked.text("school"), "until": until or ""}
    kept = {name: value for name, value in wanted.items() if value}
    return download(say, f"{API}/forecasts.csv" + (f"?{urlencode(kept)}" if kept else ""))


def windows(school: str, series: Series) -> str:
    """Of a series, without when and how long."""
    wanted = {
        "measurement": series.measurement.value, "device": series.device, "role": series.role, "metric": series.metric,
    }  # fmt: skip
    return f"{_room(school, series.room)}/windows?{urlencode(wanted)}"


def lessons_csv(school: str, room: str, since: str) -> str:
    return f"{_room(school, room)}/lessons.csv?since={since}"


def attendance_csv(school: str) -> str:
    return f"{API}/schools/{quote(school, safe='')}/attendance.csv"


def usage_csv(kind: str, **wanted: str | None) -> str:
    kept = {name: value for name, value in wanted.items() if value}
    return f"{API}/usage/{kind}.csv" + (f"?{urlencode(kept)}" if kept else "")


def _room(school: str, room: str) -> str:
    return f"{API}/schools/{quote(school, safe='')}/rooms/{quote(room, safe='')}"
