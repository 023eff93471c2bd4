"""The engine: what is new goes in, what becomes of alarms comes out. It knows the time it is told, and no I/O.

    points ────► SeriesVerdicts ──┐
    gateways ──► GatewayVerdicts ─┼─ what is true ─► Gathering ─► transitions ─► inbox
    forecasts ─► Forecasts ───────┘                     ▲
    the centre's own link and store ────────────────────┘ while they are away nobody else is judged

What it must not forget over a restart it hands out by `keep`, to be written together with the transitions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern

from classroom_profiles.telemetry import Measurement
from cloud_ingest.alarms import centre_alarms
from cloud_ingest.alarms.centre_alarms import Centre
from cloud_ingest.alarms.forecast_verdicts import Forecast, ForecastVerdicts
from cloud_ingest.alarms.gateway_verdicts import Fleet, GatewayVerdicts
from cloud_ingest.alarms.hours import Calendar
from cloud_ingest.alarms.rules import Forecast as ForecastRule
from cloud_ingest.alarms.rules import GatewayRule, Rule, RuleSet
from cloud_ingest.alarms.series_verdicts import SeriesVerdicts, is_end_of, is_of
from cloud_ingest.alarms.together import Gathering
from cloud_ingest.alarms.transition import Cleared, Transition
from cloud_ingest.alarms.unit import Point, Unit
from cloud_ingest.gateways import Gateway
from cloud_ingest.last_rows import Name

MOST_TRACKS = 1_000_000
_GAP_US = 30_000_000
"""If nobody fed it for so long, it does not know what happened meanwhile."""
_BACK_US = 5_000_000
_SWEEP_US = 3_600_000_000
_NOW = "now"

_Take = Callable[[Point, Unit, int], None]
_Judge = SeriesVerdicts | GatewayVerdicts | ForecastVerdicts


@dataclass(slots=True)
class Seen:
    """What the engine has done, counted."""

    points: int = 0
    judged: int = 0
    raised: int = 0
    cleared: int = 0
    untracked: int = 0
    """Series for which there was no room."""


class Engine:
    def __init__(self, rules: RuleSet, calendar: Calendar, wards: Mapping[str, str] | None = None) -> None:
        self.seen = Seen()
        self._fleet = Fleet()
        self._units: dict[Unit, Unit] = {}
        self._gateway_of: Mapping[tuple[str, str], str] = {}
        self._routes: dict[tuple[Measurement, str, str], list[_Take]] = {}
        self._series: list[SeriesVerdicts] = []
        self._gateways: list[GatewayVerdicts] = []
        self._forecasts: list[ForecastVerdicts] = []
        self._judges: dict[str, _Judge] = {}
        self._gatherings: dict[str, Gathering] = {}
        self._centre = centre_alarms.CentreAlarms()
        self._now_us: int | None = None
        self._resumed_us = 0
        self._swept_us = 0
        self._knows_gateways = False
        self._knows_forecasts = False
        self._knows_points = False
        self._strangers: list[str] = []
        """Alarms that hold, of rules that there are no longer."""
        self._stale: list[str] = []
        for rule in rules.rules:
            self._add(rule, rules, calendar, wards or {})

    def _add(self, rule: Rule, rules: RuleSet, calendar: Calendar, wards: Mapping[str, str]) -> None:
        late: list[_Judge] = []

        def total(school: str) -> int:
            judge = late[0]
            return (self._fleet.totals if isinstance(judge, GatewayVerdicts) else judge.totals).get(school, 0)

        def schools() -> int:
            judge = late[0]
            return len(self._fleet.totals if isinstance(judge, GatewayVerdicts) else judge.totals)

        gathering = Gathering(rule, rules.together, total, schools, wards)
        judge: _Judge
        if isinstance(rule, GatewayRule):
            judge = GatewayVerdicts(rule, calendar, self._cause_known, gathering)
            self._gateways.append(judge)
        elif isinstance(rule, ForecastRule):
            judge = ForecastVerdicts(rule, calendar, self._cause_known, gathering)
            self._forecasts.append(judge)
        else:
            judge = SeriesVerdicts(rule, calendar, self._cause_known, gathering, self._may_track, self._same)
            gathering.limit = judge.limit
            self._series.append(judge)
        late.append(judge)
        self._judges[rule.id] = judge
        self._gatherings[rule.id] = gathering

    # ---- over a restart

    def restore(self, holding: Mapping[str, int], kept: Mapping[str, str]) -> None:
        """Before the first `feed`: the alarms that hold, and what `keep` handed out."""
        if _NOW in kept and kept[_NOW].isdigit():
            self._now_us = int(kept[_NOW])
        waves: dict[str, dict[str, str]] = {}
        for name, text in kept.items():
            rule_id, _, rest = name.partition(" ")
            judge = self._judges.get(rule_id)
            if rest.startswith("incident "):
                waves.setdefault(rule_id, {})[name] = text
            elif name != _NOW and not (
                isinstance(judge, SeriesVerdicts) and self._restored(judge, rest.partition(" ")[2], text)
            ):
                self._stale.append(name)
        held: dict[str, dict[str, int]] = {}
        for key, since_us in holding.items():
            rule_id = key.partition(" ")[0]
            if rule_id == centre_alarms.RULE:
                self._centre.restore(key)
            elif rule_id in self._gatherings:
                held.setdefault(rule_id, {})[key] = since_us
            else:
                self._strangers.append(key)
        for rule_id, gathering in self._gatherings.items():
            gathering.restore(held.get(rule_id, {}), waves.pop(rule_id, {}))
        self._stale += [name for each in waves.values() for name in each]

    def _restored(self, judge: SeriesVerdicts, name: str, text: str) -> bool:
        try:
            return judge.restore(Unit.of(name), text, self._now_us or 0)
        except ValueError:
            return False

    def keep(self) -> tuple[dict[str, str], list[str]]:
        """What is to be remembered of what changed since the last time, and what no longer."""
        changed: dict[str, str] = {} if self._now_us is None else {_NOW: str(self._now_us)}
        gone, self._stale = self._stale, []
        for name, text in self._to_keep():
            if text is None:
                gone.append(name)
            else:
                changed[name] = text
        return changed, gone

    def _to_keep(self) -> Iterator[tuple[str, str | None]]:
        for judge in self._series:
            for unit, text in judge.keep():
                yield f"{judge.rule.id} unit {unit.name}", text
        for gathering in self._gatherings.values():
            yield from gathering.keep()
        for other in self._others():
            other.verdicts.changed = set()

    def _others(self) -> list[GatewayVerdicts | ForecastVerdicts]:
        return [*self._gateways, *self._forecasts]

    # ---- what is new

    def rooms(self, gateway_of: Mapping[tuple[str, str], str]) -> None:
        """Which gateway each room (school, room) has."""
        self._gateway_of = gateway_of

    def looks_at(self, name: Name) -> bool:
        """Some rule is about series of that name: points of others need not be fed."""
        measurement, _, role, metric = name
        return any(
            series.rule.of.measurement == measurement
            and (is_end_of(series.rule, metric, role) or is_of(series.rule, metric, role))
            for series in self._series
        )

    def feed(
        self,
        points: Iterable[Point],
        now_us: int,
        *,
        gateways: Iterable[Gateway] | None = None,
        forecasts: Iterable[Forecast] | None = None,
        centre: Centre | None = None,
    ) -> list[Transition]:
        """`points`: those that are newer than before; None of the others: nothing new is known.

        The first time all that there is. Raises nothing of its own.
        """
        self._time_passes(now_us)
        found: list[Transition] = [Cleared(key, now_us) for key in self._strangers]
        self._strangers = []
        if centre is not None:
            found += self._centre.look(centre, now_us)
        if self._centre.is_blind:
            self._resumed_us = now_us
        self._take(points, now_us)
        if gateways is not None and not self._centre.is_blind:
            self._look_at(gateways, now_us)
        if forecasts is not None:
            self._knows_forecasts = True
            known = list(forecasts)
            for judge in self._forecasts:
                judge.take(known, now_us)
        for series in self._series:
            series.tick(now_us, self._resumed_us)
        for gateway in self._gateways:
            gateway.tick(now_us)
        for forecast in self._forecasts:
            forecast.verdicts.tick(now_us, 0)
        for gathering in self._gatherings.values():
            if self._is_known(gathering.rule):
                found += gathering.step(now_us)
        self.seen.raised += sum(not isinstance(each, Cleared) for each in found)
        self.seen.cleared += sum(isinstance(each, Cleared) for each in found)
        return found

    def _is_known(self, rule: Rule) -> bool:
        """Before the first news of a kind nobody knows what has cleared meanwhile."""
        if isinstance(rule, GatewayRule):
            return self._knows_gateways
        return self._knows_forecasts if isinstance(rule, ForecastRule) else self._knows_points

    def _time_passes(self, now_us: int) -> None:
        before_us = self._now_us
        if before_us is None or now_us - before_us > _GAP_US:
            self._resumed_us = now_us
        elif now_us < before_us - _BACK_US:
            self._resumed_us = min(self._resumed_us, now_us)
            self._swept_us = min(self._swept_us, now_us)
            for series in self._series:
                series.rewind(now_us)
            for other in self._others():
                other.verdicts.rewind(now_us)
            for gathering in self._gatherings.values():
                gathering.rewind(now_us)
        self._now_us = now_us
        if now_us - self._swept_us > _SWEEP_US:
            self._swept_us = now_us
            for series in self._series:
                series.sweep(now_us)
            self._units = {unit: unit for series in self._series for unit in series.verdicts.tracks}

    def _take(self, points: Iterable[Point], now_us: int) -> None:
        routes = self._routes
        seen = judged = 0
        for point in points:
            seen += 1
            name = (point.measurement, point.role, point.metric)
            route = routes.get(name)
            if route is None:
                route = self._route(point)
                if len(routes) < 100_000:
                    routes[name] = route
            if route:
                unit = Unit(point.school, point.room, point.device, point.metric)
                judged += len(route)
                for take in route:
                    take(point, unit, now_us)
        self.seen.judged += judged
        self.seen.points += seen
        self._knows_points = True

    def _route(self, point: Point) -> list[_Take]:
        """The rules that look at points of this metric and role."""
        found: list[_Take] = []
        for series in self._series:
            if series.rule.of.measurement is point.measurement:
                if is_end_of(series.rule, point.metric, point.role):
                    found.append(series.clear)
                elif is_of(series.rule, point.metric, point.role):
                    found.append(series.take)
        return found

    def _look_at(self, gateways: Iterable[Gateway], now_us: int) -> None:
        self._knows_gateways = True
        before = self._fleet.totals
        for unit, seen in self._fleet.look(gateways, now_us, self._resumed_us):
            for judge in self._gateways:
                judge.take(unit, seen, now_us)
        for judge in self._gateways:
            judge.gone(self._fleet.known)
        for school in before.keys() | self._fleet.totals.keys():
            if before[school] != self._fleet.totals[school]:
                for judge in self._gateways:
                    self._gatherings[judge.rule.id].reconsider(school)

    def _same(self, unit: Unit) -> Unit:
        return self._units.setdefault(unit, Unit(*map(intern, unit)))

    def _may_track(self) -> bool:
        if sum(len(series.verdicts.tracks) for series in self._series) < MOST_TRACKS:
            return True
        self.seen.untracked += 1
        return False

    def _cause_known(self, rule: Rule, unit: Unit, now_us: int) -> bool:
        """Something that explains it holds for the same gateway or device, or did until just now."""
        if self._centre.is_blind:
            return True
        for cause in rule.unless:
            judge = self._judges[cause]
            if isinstance(judge, GatewayVerdicts):
                gateway = unit.gateway or self._gateway_of.get((unit.school, unit.room), "")
                if gateway and judge.is_wrong(Unit(unit.school, "", "", "", gateway), now_us):
                    return True
            elif judge.verdicts.is_device_wrong(unit):
                return True
        return False
