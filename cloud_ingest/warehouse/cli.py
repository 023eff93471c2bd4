"""`lophoc warehouse`: the nightly export, its check, and dashboards for Grafana."""

import sys
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from importlib.resources import files as resources
from pathlib import Path

import click

from classroom_profiles.timetable import VIETNAM
from cloud_ingest.registry import Registry, RegistryUnavailable, beside
from cloud_ingest.store import STORE_OPTION, StoreUnavailable, WrongStore, store_of

_FOLDER = click.Path(file_okay=False, path_type=Path)
_OUT = click.option("--out", required=True, type=_FOLDER, help="The folder to write to.")
_DAY = click.option("--day", "day", type=click.DateTime(["%Y-%m-%d"]), help="A day in Vietnam.  [default: yesterday]")


@click.group()
def warehouse() -> None:
    """Open formats for the city's data warehouse."""


@warehouse.command("export")
@_OUT
@_DAY
@click.option("--days", type=click.IntRange(1, 366), default=1, show_default=True, help="So many days, up to that one.")
@click.option("--store", "store_url", required=True, help=STORE_OPTION)
@click.option("--registry", "registry_path", type=click.Path(path_type=Path), help="The registry's file.")
@click.option("--school", "schools", multiple=True, help="Only this one; repeatable. Then no manifest is written.")
def export(
    out: Path, day: datetime | None, days: int, store_url: str, registry_path: Path | None, schools: tuple[str, ...]
) -> None:
    """Write a day of every school as Parquet, then its manifest; for a timer of the night.

    `--days 7` writes the last week again, with what gateways have sent late. Exit code 1 if something is missing;
    then there is no manifest, and the same command goes on.
    """
    from cloud_ingest.warehouse.export import NotExported, export_school, write_manifest

    last = day.date() if day is not None else datetime.now(VIETNAM).date() - timedelta(days=1)
    try:
        with ExitStack() as open_things:
            store = store_of(store_url)
            open_things.callback(store.close)
            store.open(create=False)
            every = schools or _schools(registry_path or beside(store_url))
            for one in (last - timedelta(days=back) for back in reversed(range(days))):
                made = []
                with click.progressbar(every, label=str(one), file=sys.stderr) as shown:
                    for school in shown:
                        made += export_school(store, school, one, out)
                if not schools:
                    write_manifest(out, one, made, datetime.now(VIETNAM))
                rows, size = sum(file.rows for file in made), sum(file.bytes for file in made)
                click.echo(f"{one}  {len(every)} trường / schools  {rows} dòng / rows  {size / 1e6:.1f} MB")
    except WrongStore as wrong:
        raise click.UsageError(str(wrong)) from wrong
    except (StoreUnavailable, RegistryUnavailable, NotExported) as why:
        raise click.ClickException(str(why)) from why


def _schools(registry: Path) -> tuple[str, ...]:
    """Raises RegistryUnavailable."""
    with Registry(registry, create=False) as opened:
        return tuple(sorted({gateway.school for gateway in opened.gateways()}))


@warehouse.command("check")
@_OUT
@_DAY
def check(out: Path, day: datetime | None) -> None:
    """Is each file of a day as its manifest says? Exit code 1 if not."""
    from cloud_ingest.warehouse import export as exported

    asked: date = day.date() if day is not None else datetime.now(VIETNAM).date() - timedelta(days=1)
    try:
        wrong = exported.check(out, asked)
    except exported.NotExported as why:
        raise click.ClickException(str(why)) from why
    for line in wrong:
        click.echo(line, err=True)
    if wrong:
        raise click.ClickException(f"{asked}: {len(wrong)} sai / wrong")
    click.echo(f"{asked}: đúng / holds")


@warehouse.command("dashboards")
@_OUT
def dashboards(out: Path) -> None:
    """Write the dashboards for Grafana (InfluxQL): import them, and choose the InfluxDB data source."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in sorted(resources("cloud_ingest.warehouse").joinpath("grafana").iterdir(), key=lambda one: one.name):
            if file.name.endswith(".json"):
                (out / file.name).write_text(file.read_text("utf-8"), "utf-8")
                click.echo(str(out / file.name))
    except OSError as why:
        raise click.ClickException(f"{out}: {why.strerror}") from why
