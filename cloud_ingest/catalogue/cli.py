"""`lophoc catalogue`: publish profiles and timetables to gateways, by the broker or by a file to carry."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import click

from classroom_profiles.catalogue import WrongCatalogue
from classroom_profiles.documents import builtin_profiles
from classroom_profiles.problem import DocumentError
from classroom_profiles.timetable import WrongTimetable
from cloud_ingest.accounts.account_file import FILE as ACCOUNTS
from cloud_ingest.accounts.account_file import AccountFile, AccountsUnavailable
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.who import SCHOOL_NAME, Role, Who
from cloud_ingest.broker_link import Broker, WrongBroker
from cloud_ingest.catalogue import ics, sending
from cloud_ingest.catalogue.preview import end_of_school_year
from cloud_ingest.catalogue.shelf import FILE, NotPublished, Shelf, ShelfUnavailable
from cloud_ingest.catalogue.signing_key import WrongSigningKey, signing_key

_DATA = click.option(
    "--data", required=True, type=click.Path(file_okay=False, path_type=Path), envvar="LOPHOC_OPS_DATA",
    help="The operations centre's data directory.",
)  # fmt: skip
_FILES = click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
_HERE = Who("command line", Role.ADMIN)


def _slug(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and SCHOOL_NAME.fullmatch(value) is None:
        raise click.BadParameter("a school is its slug: 1 to 48 of a-z, 0-9 and '-'")
    return value


_SCHOOL = click.option("--school", callback=_slug, help="Only for this school, as its slug.")
_OF_SCHOOL = click.option("--school", required=True, callback=_slug, help="The school, as its slug.")


@click.group()
def catalogue() -> None:
    """Profiles and timetables that gateways take from the centre, signed."""


@catalogue.command("key")
@_DATA
def key(data: Path) -> None:
    """Make the signing key, if there is none, and print what gateways are given: `lophoc published trust KEY`."""
    os.umask(0o077)
    with _told():
        click.echo(signing_key(data, create=True).written)


@catalogue.command("publish")
@_DATA
@_SCHOOL
@click.option("--note", default="", help="What has changed, for colleagues.")
@_FILES
def publish(data: Path, school: str | None, note: str, files: tuple[Path, ...]) -> None:
    """Publish profiles: all FILES or none. A version is never changed, it counts up."""
    with _opened(data) as (shelf, audit):
        texts = [(str(file), file.read_text("utf-8", "strict")) for file in files]
        for one in shelf.publish(texts, _HERE.name, school or "", note):
            audit.write(_HERE, "profile.publish", one.id, {"version": str(one.version), "note": note}, school)
            click.echo(f"{one.id} {one.version}")


@catalogue.command("withdraw")
@_DATA
@_SCHOOL
@click.argument("profile")
def withdraw(data: Path, school: str | None, profile: str) -> None:
    """Take a profile back: the one that gateways were installed with holds again."""
    with _opened(data) as (shelf, audit):
        shelf.withdraw(profile, school or "")
        audit.write(_HERE, "profile.withdraw", profile, {}, school)
    click.echo(f"Đã rút lại / withdrawn: {profile}")


@catalogue.command("timetable")
@_DATA
@_OF_SCHOOL
@click.option("--ends", type=click.DateTime(["%Y-%m-%d"]), help="Last day of the school year.  [default: 31 May]")
@click.option("--room", "rooms", multiple=True, metavar="LOCATION=SLUG", help="What a location in the file is here.")
@click.option("--check", "only_check", is_flag=True, help="Only say what is in it.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def timetable(data: Path, school: str, ends: object, rooms: tuple[str, ...], only_check: bool, file: Path) -> None:
    """Publish a school's timetable, from an iCalendar FILE, in the place of the one before.

    Exit code 1 if nothing in it is a lesson.
    """
    names = dict(_pair(one) for one in rooms)
    last = ends.date() if hasattr(ends, "date") else end_of_school_year(date.today())  # noqa: DTZ011 - the day here
    try:
        found = ics.read(file.read_bytes(), last, {one.id for one in builtin_profiles()}, names)
    except ics.WrongCalendar as wrong:
        raise click.UsageError(f"{file}: {wrong}") from wrong
    for why, number in Counter(one.why for one in found.skipped).most_common(20):
        click.echo(f"bỏ qua / left out: {number} × {why}", err=True)
    if not found.entries:
        raise click.ClickException(f"{file}: không có tiết nào / there is no lesson in it")
    if not only_check:
        with _opened(data) as (shelf, audit):
            shelf.put_timetable(school, found.entries, file.name, _HERE.name)
            audit.write(_HERE, "timetable.publish", school, {"entries": str(len(found.entries))}, school)
    rooms_shown = len({entry.room for entry in found.entries})
    click.echo(f"{len(found.entries)} tiết / lessons, {rooms_shown} phòng / rooms")


@catalogue.command("send")
@_DATA
@click.option("--broker", required=True, help="mqtt[s]://[user@]host:port; LOPHOC_BROKER_PASSWORD, LOPHOC_BROKER_CA.")
@click.option("--school", "schools", multiple=True, help="To this school, too, although it has nothing of its own.")
@click.option("--all", "wants_all", is_flag=True, help="Also what the broker should have already.")
def send(data: Path, broker: str, schools: tuple[str, ...], wants_all: bool) -> None:
    """Give the broker what gateways shall have; gateways that are away find it when they come back."""
    with _opened(data) as (shelf, _):
        where, signs = Broker.of(broker), signing_key(data)
        every = sorted({*shelf.schools(), *schools})
        found = [one for school in every if (one := shelf.bundle(school, signs)) is not None]
        wanted = [one for one in found if wants_all or not one.is_sent]
        sent = sending.send(where, wanted) if wanted else []
        for one in sent:
            shelf.was_sent(one.school, one.serial)
    click.echo(f"{len(sent)} đã gửi / sent, {len(found) - len(wanted)} không đổi / unchanged")
    if len(sent) < len(wanted):
        raise click.ClickException(f"{len(wanted) - len(sent)} chưa gửi được / not sent")


@catalogue.command("export")
@_DATA
@_OF_SCHOOL
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(data: Path, school: str, file: Path) -> None:
    """Write what a school shall have to a FILE, for a technician to carry: `lophoc published take FILE`."""
    with _opened(data) as (shelf, _):
        bundle = shelf.bundle(school, signing_key(data))
        if bundle is None:
            raise click.ClickException(f"chưa có gì / nothing is published for {school}")
        file.write_bytes(bundle.sealed)
    click.echo(f"{school} {bundle.serial}: {len(bundle.sealed)} bytes")


@catalogue.command("list")
@_DATA
@_SCHOOL
def list_published(data: Path, school: str | None) -> None:
    """What is published, a line each."""
    with _opened(data) as (shelf, _):
        for one in shelf.profiles(school):
            at = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.published_us / 1e6))
            off = "  (đã rút / withdrawn)" if one.withdrawn_us is not None else ""
            click.echo(f"{one.id:<28} {one.version:>3}  {one.school or '*':<20} {at}  {one.note}{off}".rstrip())


@contextmanager
def _opened(data: Path) -> Iterator[tuple[Shelf, Audit]]:
    os.umask(0o077)
    with _told(), Shelf(data / FILE) as shelf, AccountFile(data / ACCOUNTS) as accounts:
        yield shelf, Audit(accounts)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DocumentError as wrong:
        raise click.UsageError("\n".join(map(str, wrong.problems))) from wrong
    except (NotPublished, WrongCatalogue, WrongTimetable, WrongBroker, UnicodeDecodeError) as wrong:
        raise click.UsageError(str(wrong)) from wrong
    except (ShelfUnavailable, AccountsUnavailable, WrongSigningKey, sending.NotSent, OSError) as why:
        raise click.ClickException(str(why)) from why


def _pair(written: str) -> tuple[str, str]:
    name, found, slug = written.rpartition("=")
    if not found or SCHOOL_NAME.fullmatch(slug) is None:
        raise click.BadParameter(f"write LOCATION=SLUG, such as 'P. 101=a101', not {written!r}", param_hint="--room")
    return name, slug
