"""`lophoc published`: whose catalogues a gateway takes, and one that a technician has carried here."""

import os
from pathlib import Path

import click

from classroom_profiles import catalogue
from classroom_profiles.catalogue import WrongCatalogue
from edge_agent import private_file, trusted_keys
from edge_agent.catalogue import FOLDER, INCOMING
from edge_agent.trusted_keys import WrongKey

_DATA = click.option(
    "--data", required=True, type=click.Path(file_okay=False, path_type=Path), help="The agent's data directory."
)


@click.group()
def published() -> None:
    """What the centre publishes to this gateway: profiles and the timetable."""


@published.command("trust")
@_DATA
@click.argument("key")
def trust(data: Path, key: str) -> None:
    """Take catalogues that are signed with KEY, as `lophoc catalogue key` prints it; a running agent, too."""
    os.umask(0o077)
    try:
        data.mkdir(parents=True, exist_ok=True)
        trusted_keys.trust(data, key)
    except WrongKey as wrong:
        raise click.UsageError(str(wrong)) from wrong
    except OSError as why:
        raise click.ClickException(f"{data} cannot be written: {why.strerror}") from why
    click.echo("Đã tin khóa này / this key is trusted")


@published.command("take")
@_DATA
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def take(data: Path, file: Path) -> None:
    """Take the catalogue in FILE, as `lophoc catalogue export` wrote it; the agent applies it when no lesson is on.

    Exit code 2 if it is none, or signed by nobody whom this gateway trusts.
    """
    os.umask(0o077)
    try:
        sealed = file.read_bytes()
        parts = catalogue.parts(sealed)
        trusted_keys.check(parts, trusted_keys.trusted(data))
        bundle = catalogue.unpacked(parts.payload)
        catalogue.checked(bundle)
        (data / FOLDER).mkdir(exist_ok=True)
        private_file.write_bytes(data / FOLDER / INCOMING, sealed)
    except (WrongCatalogue, WrongKey) as wrong:
        raise click.UsageError(f"{file}: {wrong}") from wrong
    except OSError as why:
        raise click.ClickException(f"{why.filename}: {why.strerror}") from why
    what = f"{len(bundle.profiles)} hồ sơ / profiles, {len(bundle.timetable)} tiết / lessons"
    click.echo(f"{bundle.school} {bundle.serial}: {what}")
