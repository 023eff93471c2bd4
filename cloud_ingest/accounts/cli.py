"""`lophoc ops account` and `lophoc ops key`: the first admin, and what has to be done without a browser."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cloud_ingest.accounts.account_file import FILE, AccountFile, AccountsUnavailable
from cloud_ingest.accounts.accounts import Accounts
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.who import SCOPES, Act, Role, Who, WrongAccount

_DATA = click.option(
    "--data", required=True, type=click.Path(file_okay=False, path_type=Path), envvar="LOPHOC_OPS_DATA",
    help="The operations centre's data directory.",
)  # fmt: skip
_STDIN = click.option("--from-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
_SCHOOL = click.option("--school", help="The only school that it sees, as its slug.")
_HERE = Who("command line", Role.ADMIN)


@click.group()
def account() -> None:
    """Accounts: who may see and do what."""


@account.command("add")
@_DATA
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@_SCHOOL
@click.option("--shown", default="", help="A name to show.")
@click.option("--subject", help="Who the identity provider says it is, as 'ISSUER SUBJECT'; then it needs no password.")
@_STDIN
@click.argument("name")
def add_account(
    data: Path, role: str, school: str | None, shown: str, subject: str | None, from_stdin: bool, name: str
) -> None:
    """Add an account; asks for its password (12 characters or more)."""
    password = None if subject is not None and not from_stdin else _password(from_stdin)
    with _opened(data) as (accounts, audit):
        accounts.add_person(name, Role(role), school, password, shown, subject)
        audit.write(_HERE, "account.add", name, {"role": role, "school": school or ""}, school)
    click.echo(f"Đã thêm tài khoản / account added: {name} ({role})")


@account.command("password")
@_DATA
@_STDIN
@click.argument("name")
def set_password(data: Path, from_stdin: bool, name: str) -> None:
    """Give an account another password; its sessions end."""
    password = _password(from_stdin)
    with _opened(data) as (accounts, audit):
        accounts.change_person(name, password=password)
        audit.write(_HERE, "account.password", name)
    click.echo(f"Đã đổi mật khẩu / password changed: {name}")


@account.command("list")
@_DATA
def list_accounts(data: Path) -> None:
    """All accounts, a line each."""
    with _opened(data) as (accounts, _):
        for person in accounts.people():
            off = "" if person.enabled else "  (đã khóa / disabled)"
            click.echo(f"{person.name:30} {person.role:10} {person.school or '-':20} {person.shown}{off}".rstrip())


@account.command("remove")
@_DATA
@click.argument("name")
def remove_account(data: Path, name: str) -> None:
    """Remove an account; its sessions end at once."""
    with _opened(data) as (accounts, audit):
        accounts.remove_person(name)
        audit.write(_HERE, "account.remove", name)
    click.echo(f"Đã xóa tài khoản / account removed: {name}")


@click.group()
def key() -> None:
    """API keys, for programs."""


@key.command("add")
@_DATA
@_SCHOOL
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(sorted(scope.value for scope in SCOPES)), default=["read"],
    show_default=True, help="What it may do; repeatable.",
)  # fmt: skip
@click.option("--days", type=click.IntRange(1, 3650), help="It ends after so many days.  [default: never]")
@click.argument("label")
def add_key(data: Path, school: str | None, scopes: tuple[str, ...], days: int | None, label: str) -> None:
    """Make a key, and print it: it cannot be read again."""
    until_us = None if days is None else time.time_ns() // 1000 + days * 86_400_000_000
    with _opened(data) as (accounts, audit):
        made, written = accounts.add_key(label, frozenset(map(Act, scopes)), _HERE.name, school, until_us)
        audit.write(_HERE, "key.add", made, {"label": label, "scopes": " ".join(scopes)}, school)
    click.echo(written)


@key.command("list")
@_DATA
def list_keys(data: Path) -> None:
    """All keys, a line each, without their secrets."""
    with _opened(data) as (accounts, _):
        for one in accounts.api_keys():
            click.echo(f"{one.id:10} {one.school or '-':20} {' '.join(sorted(one.scopes)):40} {one.label}")


@key.command("remove")
@_DATA
@click.argument("key_id", metavar="ID")
def remove_key(data: Path, key_id: str) -> None:
    """Remove a key: it is refused from now on."""
    with _opened(data) as (accounts, audit):
        accounts.remove_key(key_id)
        audit.write(_HERE, "key.remove", key_id)
    click.echo(f"Đã xóa khóa / key removed: {key_id}")


@contextmanager
def _opened(data: Path) -> Iterator[tuple[Accounts, Audit]]:
    os.umask(0o077)
    try:
        with AccountFile(data / FILE) as file:
            yield Accounts(file), Audit(file)
    except WrongAccount as wrong:
        raise click.UsageError(f"{wrong.field}: {wrong}") from wrong
    except AccountsUnavailable as why:
        raise click.ClickException(str(why)) from why


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Mật khẩu / password", hide_input=True, confirmation_prompt=True))
