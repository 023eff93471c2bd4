"""The gaps of all series of a room: points from a store, reasons from the registry."""

from collections.abc import Iterator
from dataclasses import dataclass

from classroom_profiles.telemetry import Series
from cloud_ingest.gaps import Report, Spell, learned_period_us, report
from cloud_ingest.gateways import Condition, condition
from cloud_ingest.registry import Registry
from cloud_ingest.store import Store
from cloud_ingest.windows import DAY_US, FIVE_MINUTES_US, HOUR_US, MINUTE_US, MOST, Span

_EXACTLY = 20_000
_TO_LEARN = 500


@dataclass(frozen=True, slots=True)
class SeriesGaps:
    series: Series
    gateway: str
    """Empty if the registry does not know which gateway brings it."""
    report: Report


def of_room(
    store: Store, registry: Registry | None, school: str, room: str, span: Span, period_us: int | None = None
) -> Iterator[SeriesGaps]:
    """One report a series. `span` ends now. `period_us`: what all of them should keep to; None to learn each.

    Raises StoreUnavailable, RegistryUnavailable.
    """
    known = _gateways(registry, school, room, span.until_us)
    for last in store.latest(school, room):
        series = Series(last.measurement, room, last.device, last.role, last.metric)
        gateway, now, spells = known.get((last.device, last.role), ("", None, []))
        times_us, resolution_us, learned = _times(store, school, series, span)
        period = learned if period_us is None else period_us
        found = report(times_us, span, period, spells, now, resolution_us, declared=period_us is not None)
        yield SeriesGaps(series, gateway, found)


def _times(store: Store, school: str, series: Series, span: Span) -> tuple[list[int], int, int | None]:
    """When it has points, how exactly that is known, and the period that they keep to."""
    samples = store.points(school, series, span, _EXACTLY + 1)
    times_us = [sample.time_us for sample in samples]
    period = learned_period_us(times_us[-_TO_LEARN:])
    if len(times_us) <= _EXACTLY:
        return times_us, 0, period
    lengths = (MINUTE_US, FIVE_MINUTES_US, HOUR_US, DAY_US)
    window_us = next((length for length in lengths if len(span.starts(length)) <= MOST), DAY_US)
    windows = store.windows(school, series, span, window_us)
    return [window.start_us for window in windows], window_us, period


def _gateways(
    registry: Registry | None, school: str, room: str, now_us: int
) -> dict[tuple[str, str], tuple[str, Condition | None, list[Spell]]]:
    """By device and role."""
    if registry is None:
        return {}
    gateways = {gateway.name: gateway for gateway in registry.gateways(school)}
    spells = {name: registry.spells(school, name) for name in gateways}
    return {
        (device.device, device.role): (
            device.gateway,
            condition(gateways[device.gateway], now_us) if device.gateway in gateways else None,
            spells.get(device.gateway, []),
        )
        for device in registry.devices(school, room)
    }
