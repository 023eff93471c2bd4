"""The forecasts of a school, from what its store knows. Slow: run it at night, in a process of its own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

from classroom_profiles.telemetry import Series
from cloud_ingest.forecasts import drift, intervals, levels, wear
from cloud_ingest.forecasts.daily import Daily, daily, lowest, since_replaced, today, used
from cloud_ingest.forecasts.forecast import Forecast, NoForecast, Wear
from cloud_ingest.forecasts.kinds import Kind, kind_of
from cloud_ingest.forecasts.school_days import SchoolDays
from cloud_ingest.store import Store
from cloud_ingest.windows import DAY_US, Span, Window

_BACK_DAYS = 400
_STALE_DAYS = 14
_DRIFT_DAYS = 120
_NEIGHBOURS = 50

Limits = Callable[[str, Series, float], float]
"""Of a school, a series and its kind's usual limit: the limit that holds, such as a lamp's rated life."""


def usual(school: str, series: Series, limit: float) -> float:
    """No limits of one's own."""
    return limit


def of_school(
    store: Store, school: str, now_us: int, calendar: SchoolDays, limits: Limits = usual,
    wants: Callable[[Series], bool] = lambda _: True,
) -> Iterator[Forecast | tuple[Series, NoForecast]]:  # fmt: skip
    """What wears, and why not where nothing can be said. Raises StoreUnavailable."""
    made = today(now_us)
    span = Span(max(0, now_us - _BACK_DAYS * DAY_US), now_us)
    found = [Series(one.measurement, one.room, one.device, one.role, one.metric) for one in store.latest(school)]
    kept: dict[Series, list[Window]] = {}

    def windows(series: Series) -> list[Window]:
        if series not in kept:
            kept[series] = store.windows(school, series, span, DAY_US)
        return kept[series]

    for series in found:
        kind = kind_of(series)
        if kind is None or not wants(series):
            continue
        own = replace(kind, limit=limits(school, series, kind.limit))
        try:
            if own.wear is Wear.DRIFT:
                same = [one for one in found if one.metric == series.metric and one != series][:_NEIGHBOURS]
                yield _drifts(school, series, own, made, windows(series), partial(map, windows, same))
            else:
                yield _wears(school, series, own, made, daily(windows(series)), calendar)
        except NoForecast as why:
            yield series, why


def _wears(
    school: str, series: Series, kind: Kind, made: date, values: Sequence[Daily], calendar: SchoolDays
) -> Forecast:
    if not values or (made - values[-1].day).days > _STALE_DAYS:
        raise NoForecast("stale", f"no value since {values[-1].day if values else 'ever'}")
    if kind.counts:
        history = used(values, calendar, kind.step)
        notes = ("replaced",) * history.replaced + ("gaps",) * (history.spread_days > 5)
        folds = wear.folds(since_replaced(values, kind.step), calendar, kind.step)
        found = wear.reached(history, kind.limit, calendar, values[-1].day, intervals.factor(folds))
        method, observed = wear.METHOD, len(history.days)
    else:
        turned = levels.since_turned(values, kind.rises, kind.step)
        notes = ("replaced",) * (len(turned) < len(values))
        folds = levels.folds(turned)
        found = levels.reached(turned, kind.limit, kind.rises, intervals.factor(folds))
        method, observed = levels.METHOD, len(turned)
    ahead = 28
    return Forecast(
        school, series, kind.wear, made, values[-1].value, kind.limit, kind.unit, found.expected, found.early,
        found.late, found.horizon, intervals.LEVEL, observed, method, intervals.back_test_of(folds, ahead), notes,
    )  # fmt: skip


def _drifts(
    school: str, series: Series, kind: Kind, made: date, own: Sequence[Window],
    neighbours: Callable[[], Iterable[Sequence[Window]]],
) -> Forecast:  # fmt: skip
    since = made - timedelta(days=_DRIFT_DAYS)
    if series.metric == "co2_ppm":
        compared = drift.from_outside([one for one in lowest(own) if one.day >= since])
    else:
        others = [{one.day: one.value for one in _means(each, since)} for each in neighbours()]
        compared = drift.from_neighbours(_means(own, since), others)
    found = drift.drift(compared)
    if (made - compared[-1].day).days > _STALE_DAYS:
        raise NoForecast("stale", f"nothing to compare since {compared[-1].day}")
    horizon = made + timedelta(days=levels.HORIZON_DAYS)

    def on(months: float | None) -> date | None:
        return None if months is None or months * 30 > levels.HORIZON_DAYS else made + timedelta(days=months * 30)

    slopes = sorted((found.low_per_month, found.high_per_month), key=abs)
    slow, fast = (replace(found, per_month=slope).months_until(kind.limit) for slope in slopes)
    return Forecast(
        school, series, Wear.DRIFT, made, round(found.offset, 3), kind.limit, kind.unit,
        on(found.months_until(kind.limit)), on(fast), on(slow), horizon, intervals.LEVEL, found.days, drift.METHOD,
        notes=("sure",) * found.is_sure,
    )  # fmt: skip


def _means(windows: Sequence[Window], since: date) -> list[Daily]:
    days = zip(daily(windows), windows, strict=False)
    return [Daily(one.day, window.mean) for one, window in days if one.day >= since and window.mean is not None]
