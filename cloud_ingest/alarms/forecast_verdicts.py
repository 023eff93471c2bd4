"""The verdicts of rules on forecasts: what will reach its end soon. Forecasts are made elsewhere, a few times a day."""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Protocol

from cloud_ingest.alarms.hours import Calendar
from cloud_ingest.alarms.rules import Forecast as ForecastRule
from cloud_ingest.alarms.rules import Rule
from cloud_ingest.alarms.unit import Unit
from cloud_ingest.alarms.verdicts import Listener, Track, Verdicts

_CLEARS_AT = 1.2
"""Of the days: a forecast that wavers raises one alarm."""


class Forecast(Protocol):
    """Of one series of a device: in how many days it reaches its end."""

    @property
    def school(self) -> str: ...
    @property
    def room(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def earliest_days(self) -> float:
        """The early end of the interval."""


class ForecastVerdicts:
    def __init__(
        self, rule: ForecastRule, calendar: Calendar, cause_known: Callable[[Rule, Unit, int], bool], listener: Listener
    ) -> None:
        self.rule = rule
        self.verdicts = Verdicts(rule, calendar, cause_known, listener)
        self.totals: dict[str, int] = {}

    def take(self, forecasts: Iterable[Forecast], now_us: int) -> None:
        """All that are known now: what is no longer among them is right."""
        seen: set[Unit] = set()
        self.totals.clear()
        for each in forecasts:
            if not self._wants(each):
                continue
            unit = Unit(each.school, each.room, each.device, each.metric)
            seen.add(unit)
            self.totals[each.school] = self.totals.get(each.school, 0) + 1
            track = self.verdicts.tracks.get(unit)
            if track is None:
                track = self.verdicts.tracks[unit] = Track(unit, None)
            track.heard_us = now_us
            limit = self.rule.within_days * (_CLEARS_AT if self.verdicts.is_wrong(unit) else 1.0)
            if each.earliest_days <= limit:
                track.value = max(0.0, float(round(each.earliest_days)))
                self.verdicts.wrong(track, now_us)
            else:
                self.verdicts.right(track)
        for unit in [unit for unit in self.verdicts.tracks if unit not in seen]:
            self.verdicts.forget(unit)

    def _wants(self, each: Forecast) -> bool:
        rule = self.rule
        return (
            fnmatchcase(each.metric, rule.metric)
            and fnmatchcase(each.role, rule.role)
            and any(fnmatchcase(each.school, glob) for glob in rule.schools)
            and any(fnmatchcase(each.room, glob) for glob in rule.rooms)
        )
