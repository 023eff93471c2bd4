"""The operations centre as one application: the city's API below /api/v1, log-in below /auth, and the pages."""

import asyncio
import contextlib
import importlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from cloud_ingest.accounts import routes as accounts_routes
from cloud_ingest.accounts.account_file import FILE as ACCOUNTS
from cloud_ingest.accounts.account_file import AccountFile
from cloud_ingest.accounts.accounts import Accounts
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.oidc import Oidc
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.api.api import make_api
from cloud_ingest.broker_link import Broker
from cloud_ingest.catalogue.delivery import Delivery
from cloud_ingest.catalogue.desk import Desk
from cloud_ingest.catalogue.shelf import FILE as CATALOGUE
from cloud_ingest.catalogue.shelf import Shelf
from cloud_ingest.forecasts.forecast_file import FILE as FORECASTS
from cloud_ingest.forecasts.shown_forecasts import ShownForecasts
from cloud_ingest.operations import directory, register, usage
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.city import City
from cloud_ingest.operations.feed import StoreFeed
from cloud_ingest.operations.headers import Headers
from cloud_ingest.operations.lasts_feed import LastsFeed
from cloud_ingest.operations.register import Register
from cloud_ingest.operations.usage import Usage, UsageUnavailable
from cloud_ingest.operations.watching import RoomWatches
from cloud_ingest.registry import Registry, RegistryUnavailable
from cloud_ingest.store import Store, StoreUnavailable

API = "/api/v1"
_USAGE_S = 2.0
_LAST_ANSWERS_S = 2

_log = logging.getLogger("lophoc.ops")


@dataclass(frozen=True, slots=True)
class Settings:
    registry: Path
    lasts: Path
    """The last values, which `lophoc ingest` writes."""
    alarms: Path
    """The inbox, which `lophoc ingest` fills."""
    data: Path
    schools: Path | None = None
    export: Path | None = None
    """Where `lophoc warehouse export` writes to."""
    broker: Broker | None = None
    """To whom what is published is given; None: `lophoc catalogue send` does it."""
    oidc: Oidc | None = None
    tiles: str = ""
    """Where a map's tiles come from; empty: it is drawn without, and nothing leaves the house."""


@contextlib.asynccontextmanager
async def opened(settings: Settings, store: Store) -> AsyncIterator[Centre]:
    """All parts, and the tasks that keep them new. `store` is open.

    Raises WrongDirectory, AccountsUnavailable, RegisterUnavailable, UsageUnavailable, InboxUnavailable,
    ShelfUnavailable.
    """
    known = {} if settings.schools is None else directory.read(settings.schools)
    with ExitStack() as files:
        file = files.enter_context(AccountFile(settings.data / ACCOUNTS))
        written = files.enter_context(Register(settings.data / register.FILE))
        used = files.enter_context(Usage(settings.data / usage.FILE, store))
        inbox = files.enter_context(Alarms(settings.alarms, create=True))
        shelf = files.enter_context(Shelf(settings.data / CATALOGUE))
        audit = Audit(file)
        asked = StoreFeed(store, lambda: _schools(settings.registry))
        feed = files.enter_context(LastsFeed(settings.lasts, asked, _log))
        async with City(settings.registry, store, feed, known, inbox, used.notice) as city:
            delivery = Delivery(shelf, settings.data, settings.broker, lambda: city.snapshot.schools)
            working = [
                asyncio.create_task(_count(city, used), name="usage"),
                asyncio.create_task(delivery.run(), name="delivery"),
            ]
            try:
                yield Centre(
                    city=city,
                    watches=RoomWatches(city),
                    register=written,
                    usage=used,
                    inbox=inbox,
                    accounts=Accounts(file),
                    audit=audit,
                    data=settings.data,
                    forecasts=ShownForecasts(settings.data / FORECASTS),
                    desk=Desk(shelf, audit),
                    delivery=delivery,
                    export=settings.export,
                    oidc=settings.oidc,
                    tiles=settings.tiles,
                )
            finally:
                for task in working:
                    task.cancel()
                for ended in await asyncio.gather(*working, return_exceptions=True):
                    if isinstance(ended, Exception):
                        raise ended


def make_app(centre: Centre) -> ASGIApp:
    """The pages are there if their package has any."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(accounts_routes.router(centre.accounts, centre.audit, centre.oidc))
    app.mount(API, make_api(centre))
    attach: Callable[[FastAPI, Centre], None] | None = getattr(
        importlib.import_module("cloud_ingest.web"), "attach", None
    )
    if attach is not None:
        attach(app, centre)
    return Headers(app, centre.tiles)


class Server(uvicorn.Server):
    """uvicorn that tells when it can be asked, and leaves signals alone."""

    def __init__(self, app: ASGIApp, ready: Callable[[], None], proxy: str = "") -> None:
        """`proxy`: the address of the one before it that ends TLS and whose `X-Forwarded-*` are believed."""
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(proxy),
                forwarded_allow_ips=proxy or None,
                timeout_graceful_shutdown=_LAST_ANSWERS_S,
            )
        )
        self._ready = ready

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()


async def serve(
    settings: Settings,
    store: Store,
    listening: socket.socket,
    ready: Callable[[], None],
    stopped: asyncio.Event,
    proxy: str = "",
) -> None:
    """Until `stopped` is set. Calls `ready` once it can be asked. Raises what `opened` raises."""
    async with opened(settings, store) as centre:
        server = Server(make_app(centre), ready, proxy)
        serving = asyncio.create_task(server.serve([listening]), name="http")
        waiting = asyncio.create_task(stopped.wait(), name="stopped")
        try:
            await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            server.should_exit = True
            await serving


async def _count(city: City, used: Usage) -> None:
    """Count lessons a few at a time, so that whoever asks the store need not wait for it."""
    away = False
    while True:
        try:
            more = await city.ask(used.step)
            away = False
        except (StoreUnavailable, UsageUnavailable) as why:
            if not away:
                _log.warning("lessons are not counted, they will be: %s", why)
            more, away = False, True
        await asyncio.sleep(0.05 if more else _USAGE_S)


def _schools(registry: Path) -> list[str]:
    try:
        with Registry(registry, create=False) as opened:
            return sorted({gateway.school for gateway in opened.gateways()})
    except RegistryUnavailable:
        return []
