"""`lophoc forecast`: make them, and show them."""

import json
import os
import sys
import time
import zlib
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import click
import msgspec

from classroom_profiles.telemetry import Series
from cloud_ingest.forecasts.forecast import Forecast, Wear
from cloud_ingest.forecasts.forecast_file import FILE, ForecastFile, ForecastsUnavailable, Wanted
from cloud_ingest.registry import Registry, RegistryUnavailable, beside
from cloud_ingest.store import STORE_OPTION, Store, StoreUnavailable, WrongStore, store_of

_DATA = click.option(
    "--data", required=True, type=click.Path(file_okay=False, path_type=Path), envvar="LOPHOC_OPS_DATA",
    help="The operations centre's data directory.",
)  # fmt: skip
_SOON_DAYS = 120


@click.group()
def forecast() -> None:
    """What will wear out, and when."""


@forecast.command("make")
@_DATA
@click.option("--store", "store_url", required=True, help=STORE_OPTION)
@click.option("--registry", "registry_path", type=click.Path(path_type=Path), help="The registry's file.")
@click.option("--school", "schools", multiple=True, help="Only this one; repeatable.")
@click.option("--all", "wants_all", is_flag=True, help="Every series now, not a seventh of those that are far off.")
def make(data: Path, store_url: str, registry_path: Path | None, schools: tuple[str, ...], wants_all: bool) -> None:
    """Forecast every lamp, filter, battery, disk and sensor; for a timer of the night.

    What is expected within 120 days, and what is new, is made each night, the rest once a week: some 0.3 to 1 s of a
    core each.
    """
    os.umask(0o077)
    counts: Counter[str] = Counter()
    try:
        with ExitStack() as open_things:
            store = store_of(store_url)
            open_things.callback(store.close)
            store.open(create=False)
            kept = open_things.enter_context(ForecastFile(data / FILE))
            if not schools:
                with Registry(registry_path or beside(store_url), create=False) as registry:
                    schools = tuple(sorted({gateway.school for gateway in registry.gateways()}))
            with click.progressbar(schools, label="trường / schools", file=sys.stderr) as shown:
                for school in shown:
                    _make(store, school, kept, wants_all, counts)
    except WrongStore as wrong:
        raise click.UsageError(str(wrong)) from wrong
    except (StoreUnavailable, RegistryUnavailable, ForecastsUnavailable) as why:
        raise click.ClickException(str(why)) from why
    without = ", ".join(f"{code} {number}" for code, number in sorted(counts.items()) if code != "made")
    click.echo(f"{counts['made']} dự báo / forecasts" + (f"; không có / none: {without}" if without else ""))


def _make(store: Store, school: str, kept: ForecastFile, wants_all: bool, counts: Counter[str]) -> None:
    from cloud_ingest.forecasts.nightly import of_school  # statsmodels takes a second and 150 MB: only here
    from cloud_ingest.forecasts.school_days import SchoolDays

    now_us = time.time_ns() // 1000
    before = kept.expected(school)

    def wants(series: Series) -> bool:
        return wants_all or _is_due(series, before.get(series), now_us)

    made: list[Forecast] = []
    for found in of_school(store, school, now_us, SchoolDays(), wants=wants):
        if isinstance(found, Forecast):
            made.append(found)
        else:
            series, why = found
            counts[why.code] += 1
            kept.forget(school, series)
    kept.put(made)
    counts["made"] += len(made)


def _is_due(series: Series, before: tuple[date, date | None] | None, now_us: int) -> bool:
    """The rest is spread over the week by name, so that nights are alike."""
    if before is None:
        return True
    made, expected = before
    today = date.fromtimestamp(now_us / 1e6)  # noqa: DTZ012 - which day it is here decides nothing but the turn
    if expected is not None and expected <= today + timedelta(days=_SOON_DAYS):
        return True
    turn = zlib.crc32(str(series).encode()) % 7
    return turn == today.toordinal() % 7 or (today - made).days >= 7


@forecast.command("list")
@_DATA
@click.option("--school", help="Only this one.")
@click.option("--wear", type=click.Choice([wear.value for wear in Wear]), help="Only these.")
@click.option("--days", type=click.IntRange(1, 3650), help="Only what is expected within so many days.")
@click.option("--find", default="", metavar="TEXT", help="Only rows with this in a room, device, role or metric.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON object a line.")
def show(data: Path, school: str | None, wear: str | None, days: int | None, find: str, wants_json: bool) -> None:
    """What was forecast last, the soonest first. Exit code 1 if there is nothing."""
    until = None if days is None else date.today() + timedelta(days=days)  # noqa: DTZ011 - days as people count them
    try:
        with ForecastFile(data / FILE, create=False) as kept:
            wanted = Wanted(school, wear=None if wear is None else Wear(wear), until=until, find=find)
            found = kept.read(wanted, limit=100_000)
    except ForecastsUnavailable as why:
        raise click.ClickException(str(why)) from why
    for one in found:
        click.echo(json.dumps(msgspec.to_builtins(asdict(one)), ensure_ascii=False) if wants_json else _line(one))
    if not found:
        raise click.ClickException("không có dự báo nào / there are no forecasts")


def _line(one: Forecast) -> str:
    when = f"{one.early or '…'} – {one.late or '…'}" if one.expected else f"> {one.horizon}"
    place = f"{one.school}/{one.series.room}/{one.series.device}"
    line = f"{one.expected or '-':<12} {when:<27} {one.wear:<8} {place:<40} {one.value:g}/{one.limit:g} {one.unit}"
    if (tested := one.back_test) is None:
        return line
    return f"{line}  ±{tested.error:.1f} {one.unit}/{tested.ahead_days} d (naive {tested.naive_error:.1f})"
