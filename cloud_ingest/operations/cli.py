"""`lophoc ops`: the operations centre."""

import asyncio
import fcntl
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cloud_ingest.accounts import cli as accounts_cli
from cloud_ingest.accounts.account_file import FILE, AccountFile, AccountsUnavailable
from cloud_ingest.accounts.accounts import Accounts
from cloud_ingest.accounts.oidc import Oidc, Provider, WrongProvider
from cloud_ingest.alarms.inbox import InboxUnavailable
from cloud_ingest.alarms.place import alarms_beside
from cloud_ingest.broker_link import Broker, WrongBroker
from cloud_ingest.catalogue.shelf import ShelfUnavailable
from cloud_ingest.operations.app import Settings, serve
from cloud_ingest.operations.directory import WrongDirectory
from cloud_ingest.operations.folder import ops_folder
from cloud_ingest.operations.register import RegisterUnavailable
from cloud_ingest.operations.usage import UsageUnavailable
from cloud_ingest.registry import beside
from cloud_ingest.store import STORE_OPTION, Store, StoreUnavailable, WrongStore, store_of

_log = logging.getLogger("lophoc.ops")


@click.group(invoke_without_command=True)
@click.option("--store", "store_url", envvar="LOPHOC_OPS_STORE", help=STORE_OPTION)
@click.option(
    "--registry", "registry_path", type=click.Path(dir_okay=False, path_type=Path), envvar="LOPHOC_OPS_REGISTRY",
    help="The registry that lophoc ingest writes.  [default: beside the store]",
)  # fmt: skip
@click.option(
    "--last-values", "lasts_path", type=click.Path(dir_okay=False, path_type=Path), envvar="LOPHOC_OPS_LAST_VALUES",
    help="The last values that lophoc ingest writes.  [default: beside the store]",
)  # fmt: skip
@click.option(
    "--alarms", "alarms_path", type=click.Path(dir_okay=False, path_type=Path), envvar="LOPHOC_OPS_ALARMS",
    help="The inbox of alarms that lophoc ingest fills.  [default: beside the store]",
)  # fmt: skip
@click.option(
    "--data", "data", type=click.Path(file_okay=False, path_type=Path), envvar="LOPHOC_OPS_DATA",
    help="The centre's own folder: accounts, alarms, equipment.  [default: $XDG_STATE_HOME/lophoc/ops]",
)  # fmt: skip
@click.option(
    "--schools", "schools", type=click.Path(dir_okay=False, path_type=Path), envvar="LOPHOC_OPS_SCHOOLS",
    help="A CSV of schools: school,name,ward,latitude,longitude,level.",
)  # fmt: skip
@click.option(
    "--broker", "broker_url", default="", envvar="LOPHOC_OPS_BROKER", metavar="URL",
    help="Send what is published by itself: mqtt[s]://[user@]host:port.  [default: lophoc catalogue send does it]",
)  # fmt: skip
@click.option(
    "--export", "export", type=click.Path(file_okay=False, path_type=Path), envvar="LOPHOC_OPS_EXPORT",
    help="The folder of lophoc warehouse export, to show which days are in it.",
)  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, envvar="LOPHOC_OPS_HOST", help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8090, show_default=True, envvar="LOPHOC_OPS_PORT",
              help="0: any that is free.")  # fmt: skip
@click.option("--url", "public_url", default="", envvar="LOPHOC_OPS_URL",
              help="How people reach it, such as https://ops.example.vn; for --oidc-issuer.")  # fmt: skip
@click.option("--proxy", default="", envvar="LOPHOC_OPS_PROXY", metavar="ADDRESS",
              help="The proxy before it that ends TLS; what it says of the client is believed.")  # fmt: skip
@click.option("--tiles", default="", envvar="LOPHOC_OPS_TILES", metavar="URL",
              help="Map tiles, such as https://tiles.example.vn/{z}/{x}/{y}.png.  [default: none]")  # fmt: skip
@click.option("--oidc-issuer", default="", envvar="LOPHOC_OPS_OIDC_ISSUER", help="The city's identity provider.")
@click.option("--oidc-client", default="", envvar="LOPHOC_OPS_OIDC_CLIENT", help="What it calls this centre.")
@click.pass_context
def ops(
    ctx: click.Context,
    store_url: str | None,
    registry_path: Path | None,
    lasts_path: Path | None,
    alarms_path: Path | None,
    data: Path | None,
    schools: Path | None,
    broker_url: str,
    export: Path | None,
    host: str,
    port: int,
    public_url: str,
    proxy: str,
    tiles: str,
    oidc_issuer: str,
    oidc_client: str,
) -> None:
    """The operations centre: the city's rooms on one page, and its API. Make the first admin with `account add`.

    Secrets come from the environment: LOPHOC_STORE_PASSWORD, LOPHOC_STORE_TOKEN, LOPHOC_OPS_OIDC_SECRET,
    LOPHOC_BROKER_PASSWORD (and LOPHOC_BROKER_CA).
    """
    if ctx.invoked_subcommand is not None:
        return
    if store_url is None:
        raise click.UsageError("Missing option '--store'.")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("uvicorn", "httpx", "nicegui"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    os.umask(0o077)
    try:
        store = store_of(store_url)
        broker = Broker.of(broker_url) if broker_url else None
    except WrongStore as wrong:
        raise click.UsageError(str(wrong)) from wrong
    except WrongBroker as wrong:
        raise click.UsageError(f"--broker: {wrong}") from wrong
    registry = registry_path or beside(store_url)
    folder = data or ops_folder()
    with _only_one(folder), _listening(host, port) as listening:
        settings = Settings(
            registry=registry,
            lasts=lasts_path or beside(store_url, "last-values"),
            alarms=alarms_path or alarms_beside(store_url),
            data=folder,
            schools=schools,
            export=export,
            broker=broker,
            oidc=_oidc(oidc_issuer, oidc_client, public_url),
            tiles=tiles,
        )
        _say_no_accounts(folder)
        try:
            store.open(create=False)
        except WrongStore as wrong:
            raise click.ClickException(str(wrong)) from wrong
        except StoreUnavailable as why:
            raise click.ClickException(f"không đọc được kho dữ liệu / the store cannot be read: {why}") from why
        try:
            asyncio.run(_until_asked(settings, store, listening, proxy))
        finally:
            store.close()


ops.add_command(accounts_cli.account)
ops.add_command(accounts_cli.key)


async def _until_asked(settings: Settings, store: Store, listening: socket.socket, proxy: str) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    host, port = listening.getsockname()[:2]
    where = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def ready() -> None:
        click.echo(f"ready {where}")
        sys.stdout.flush()

    try:
        await serve(settings, store, listening, ready, stopped, proxy)
    except (
        WrongDirectory, AccountsUnavailable, RegisterUnavailable, UsageUnavailable, InboxUnavailable, ShelfUnavailable,
    ) as why:  # fmt: skip
        raise click.ClickException(str(why)) from why


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """One centre in a folder at a time."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / "ops.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as why:
        raise click.ClickException(f"{folder} cannot be used: {why.strerror}") from why
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as why:
            raise click.ClickException(f"another lophoc ops works in {folder}") from why
        yield
    finally:
        os.close(lock)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=256)
    except OSError as why:
        raise click.ClickException(f"cannot listen on {host}:{port}: {why.strerror or why}") from why
    with listening:
        yield listening


def _oidc(issuer: str, client: str, public_url: str) -> Oidc | None:
    if not issuer and not client:
        return None
    secret = os.environ.get("LOPHOC_OPS_OIDC_SECRET", "")
    if not (issuer and client and public_url and secret):
        raise click.UsageError("--oidc-issuer, --oidc-client, --url and LOPHOC_OPS_OIDC_SECRET go together")
    try:
        return Oidc(Provider(issuer, client, secret), f"{public_url.rstrip('/')}/auth/oidc/callback")
    except WrongProvider as wrong:
        raise click.UsageError(f"--oidc-issuer: {wrong}") from wrong


def _say_no_accounts(folder: Path) -> None:
    try:
        with AccountFile(folder / FILE) as file:
            if not Accounts(file).people():
                _log.warning("nobody can log in yet: lophoc ops account add --data %s --role admin NAME", folder)
    except AccountsUnavailable as why:
        raise click.ClickException(str(why)) from why
