"""`lophoc run`: what benches recorded: list, show, export, repeat. Also while the agent records."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge_agent.run import Run
    from edge_agent.run_file import RunArchive

FILE = "runs.sqlite"
_DATA = click.option(
    "--data", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="The agent's data directory.",
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def run() -> None:
    """Runs that the room's benches recorded."""


@run.command("list")
@_DATA
@click.option("--bench", metavar="ID", help="Only of this bench.")
@click.option("--most", default=100, show_default=True, type=click.IntRange(1, 10_000), help="The newest so many.")
@_JSON
def list_runs(data: Path, bench: str | None, most: int, as_json: bool) -> None:
    """The newest first."""
    from edge_agent.run_export import described

    archive = _archive(data)
    with _errors_in_words():
        for one in archive.runs(bench, most):
            if as_json:
                click.echo(json.dumps(described(archive, one), ensure_ascii=False))
            else:
                click.echo(_line(one))


@run.command()
@_DATA
@_JSON
@click.argument("run_id", metavar="ID")
def show(data: Path, as_json: bool, run_id: str) -> None:
    """What it takes to repeat a run, what was turned, and what people wrote."""
    from edge_agent.run_export import described

    archive = _archive(data)
    with _errors_in_words():
        told = described(archive, archive.run(run_id))
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for name, value in told.items():
        click.echo(f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


@run.command()
@_DATA
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), help="Otherwise by the ending of --out.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Otherwise CSV on standard output."
)
@click.argument("run_id", metavar="ID")
def export(data: Path, form: str | None, out: Path | None, run_id: str) -> None:
    """A run as CSV or Parquet, with units, parameters, seed and versions."""
    from edge_agent.run_export import Format, NotInstalled, write, write_csv

    chosen = Format(form or ("parquet" if out is not None and out.suffix == ".parquet" else "csv"))
    archive = _archive(data)
    with _errors_in_words():
        found = archive.run(run_id)
        if out is None:
            if chosen is Format.PARQUET:
                raise click.UsageError("Parquet needs --out FILE")
            write_csv(archive, found, sys.stdout)
            return
        try:
            write(archive, found, chosen, out)
        except NotInstalled as missing:
            raise click.ClickException(str(missing)) from missing
        except OSError as why:
            raise click.ClickException(f"{out} cannot be written: {why.strerror}") from why


@run.command()
@_DATA
@_JSON
@click.argument("run_id", metavar="ID")
def repeat(data: Path, as_json: bool, run_id: str) -> None:
    """Simulate a run again from its seed and settings; exit code 0 only if every bit is the same."""
    from edge_agent.run_repeat import CannotRepeat
    from edge_agent.run_repeat import repeat as repeat_run

    archive = _archive(data)
    with _errors_in_words():
        try:
            came = repeat_run(archive, archive.run(run_id))
        except CannotRepeat as why:
            raise click.ClickException(f"it cannot be repeated: {why}") from why
    if as_json:
        click.echo(json.dumps({"compared": came.compared, "differing": came.differing, "first_n": came.first_n}))
    elif came.same:
        click.echo(f"✓ {came.compared} mẫu giống từng bit / samples, the same to the bit")
    else:
        click.echo(f"✗ {came.differing} / {came.compared} khác / differ, from n = {came.first_n}: {came.first}")
    raise SystemExit(0 if came.same else 1)


def _archive(data: Path) -> "RunArchive":
    from edge_agent.run_file import RunArchive

    return RunArchive(data / FILE)


def _line(one: "Run") -> str:
    mark = "mô phỏng / simulated" if one.about.simulated else ""
    lost = f", {one.lost} lost" if one.lost else ""
    ending = "…" if one.ending is None else str(one.ending)
    what = (
        f"{one.id}  {one.about.bench:<16} {one.about.experiment:<20} {one.samples:>8} samples{lost}  {ending}  {mark}"
    )
    return what.rstrip()


@contextmanager
def _errors_in_words() -> Iterator[None]:
    from edge_agent.run_file import NoSuchRun

    try:
        yield
    except NoSuchRun as unknown:
        raise click.ClickException(f"there is no run {unknown}") from unknown
    except (sqlite3.Error, ValueError) as wrong:
        raise click.ClickException(f"the runs cannot be read: {wrong}") from wrong
