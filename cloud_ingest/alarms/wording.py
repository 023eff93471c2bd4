"""What an alarm says, of one unit, of a school, of an incident of many schools. Pure."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from classroom_profiles.metrics import unit as unit_of
from classroom_profiles.model import Sentence
from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.rules import PLACES, Rule, severity_of
from cloud_ingest.alarms.transition import Finding
from cloud_ingest.alarms.unit import Unit

_SCHOOL = Sentence(vi="{name}: {count}/{total} ở trường {school}", en="{name}: {count} of {total} at {school}")
_CITY = Sentence(
    vi="{name}: {schools} trường cùng lúc ({count}; {where})", en="{name}: {schools} schools at once ({count}; {where})"
)
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Held:
    """A unit of which the rule holds."""

    since_us: int
    value: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Incident:
    schools: frozenset[str]
    count: int
    """Units of them."""
    all_schools: int


def of_unit(rule: Rule, key: str, unit: Unit, held: Held, limit: float | None) -> Finding:
    places = {
        "value": held.value, "unit": unit_of(unit.metric), "limit": "" if limit is None else f"{limit:g}",
        "count": "1", "total": "1", "school": unit.school, "where": unit.where,
    }  # fmt: skip
    vi, en = _filled(rule, rule.says, places)
    if held.simulated:
        vi, en = f"{vi} (mô phỏng)", f"{en} (simulated)"
    return Finding(
        key, rule.id, severity_of(rule, "one"), vi, en, unit.school, unit.room or None, unit.device or None,
        unit.gateway or None, unit.metric or None,
    )  # fmt: skip


def of_school(rule: Rule, key: str, school: str, count: int, total: int) -> Finding:
    places = {"count": str(count), "total": str(total), "school": school, "where": school}
    vi, en = _filled(rule, rule.school_says or _SCHOOL, places)
    return Finding(key, rule.id, severity_of(rule, "school"), vi, en, school, cause_of=count)


def of_incident(rule: Rule, key: str, incident: Incident, wards: Mapping[str, str], all_share: float) -> Finding:
    is_all = len(incident.schools) >= all_share * incident.all_schools
    words = (rule.all_says if is_all else None) or rule.city_says or _CITY
    places = {
        "count": str(incident.count), "schools": str(len(incident.schools)), "all_schools": str(incident.all_schools),
    }  # fmt: skip
    vi, en = (
        _filled(rule, words, {**places, "where": _places(incident.schools, wards, language)})[number]
        for number, language in enumerate(("vi", "en"))
    )
    severity: Severity = severity_of(rule, "city")
    return Finding(key, rule.id, severity, vi, en, cause_of=incident.count, schools=incident.schools)


def _places(schools: frozenset[str], wards: Mapping[str, str], language: str) -> str:
    """The wards that have most of them, else the first schools."""
    found = Counter(wards[school] for school in schools if wards.get(school))
    names = [ward for ward, _ in sorted(found.items(), key=lambda each: (-each[1], each[0]))] or sorted(schools)
    shown = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    if more <= 0:
        return shown
    what = {"vi": "phường" if found else "trường", "en": "wards" if found else "schools"}[language]
    return f"{shown} và {more} {what} khác" if language == "vi" else f"{shown} and {more} more {what}"


def _filled(rule: Rule, words: Sentence, places: Mapping[str, str]) -> tuple[str, str]:
    return _fill(words.vi, rule.name.vi, places, "vi"), _fill(words.en, rule.name.en, places, "en")


_STATES: dict[str, str] = {
    "unreachable": "mất kết nối", "silent": "im lặng", "flapping": "chập chờn", "off": "tắt", "buffering": "gửi chậm",
    "clock untrusted": "sai đồng hồ", "journal not writable": "đĩa không ghi được", "fault": "lỗi",
    "failed": "thất bại", "blocked": "bị chặn",
}  # fmt: skip


_NUMBER = re.compile(r"\A(-?\d+)\.(\d+)\Z")
"""One with a decimal point."""


def _fill(text: str, name: str, places: Mapping[str, str], language: Literal["vi", "en"]) -> str:
    for place in PLACES:
        value = places.get(place, "")
        if language == "vi" and place in ("value", "limit"):
            value = _STATES.get(value) or _NUMBER.sub(r"\1,\2", value)
        text = text.replace(f"{{{place}}}", value)
    return text.replace("{name}", name)
