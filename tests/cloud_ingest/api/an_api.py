"""The city's API over a small city, asked in-process; and a session or key for whoever asks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI

from cloud_ingest.accounts.account_file import AccountFile
from cloud_ingest.accounts.accounts import COOKIE, Accounts
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.who import SCOPES, Act, Role
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.api.api import make_api
from cloud_ingest.api.right import Limits
from cloud_ingest.api.stream import Streams
from cloud_ingest.catalogue.delivery import Delivery
from cloud_ingest.catalogue.desk import Desk
from cloud_ingest.catalogue.shelf import FILE as CATALOGUE
from cloud_ingest.catalogue.shelf import Shelf
from cloud_ingest.forecasts.forecast_file import FILE as FORECASTS
from cloud_ingest.forecasts.shown_forecasts import ShownForecasts
from cloud_ingest.operations import register, usage
from cloud_ingest.operations.centre import Centre
from cloud_ingest.operations.city import City
from cloud_ingest.operations.register import Register
from cloud_ingest.operations.usage import Usage
from cloud_ingest.operations.watching import RoomWatches
from tests.cloud_ingest.operations.a_city import DIRECTORY, Place, a_place, two_schools

PASSWORD = "mot hai ba bon nam"


@dataclass
class Asked:
    """The API, and keys of whoever asks it."""

    place: Place
    centre: Centre
    whole: FastAPI
    api: FastAPI
    keys: dict[str, str]

    def client(self, who: str | None = "city") -> httpx.AsyncClient:
        """`city`, `school` (thcs-a), `reader`, or a stranger."""
        headers = {} if who is None else {"Authorization": f"Bearer {self.keys[who]}"}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.whole), base_url="http://ops/api/v1", headers=headers
        )

    def session(self, name: str, role: Role, school: str | None = None) -> httpx.AsyncClient:
        """Somebody who has logged in."""
        self.centre.accounts.add_person(name, role, school, PASSWORD)
        token, _ = self.centre.accounts.log_in(name, PASSWORD, "127.0.0.1")
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.whole), base_url="http://ops/api/v1", cookies={COOKIE: token}
        )


@asynccontextmanager
async def an_api(folder: Path, limits: Limits | None = None, *, once: bool = True) -> AsyncIterator[Asked]:
    """`once`: streams end after their first events, since the transport gives an answer when all of it is there."""
    with ExitStack() as files:
        place = files.enter_context(a_place(folder))
        two_schools(place)
        file = files.enter_context(AccountFile(folder / "accounts.sqlite"))
        written = files.enter_context(Register(folder / register.FILE))
        used = files.enter_context(Usage(folder / usage.FILE, place.store))
        accounts = Accounts(file)
        inbox = files.enter_context(Alarms(folder / "alarms.sqlite", create=True, clock_us=place.clock))
        city = City(
            place.path, place.store, place.feed(), DIRECTORY, inbox, on_values=used.notice, clock_us=place.clock,
            period_s=3600.0,
        )  # fmt: skip
        async with city:
            shelf = files.enter_context(Shelf(folder / CATALOGUE, place.clock))
            audit = Audit(file)
            (folder / "export").mkdir(exist_ok=True)
            centre = Centre(
                city, RoomWatches(city, 0.01), written, used, inbox, accounts, audit, folder,
                ShownForecasts(folder / FORECASTS), Desk(shelf, audit),
                Delivery(shelf, folder, None, lambda: city.snapshot.schools), folder / "export",
            )  # fmt: skip
            keys = {
                "city": accounts.add_key("city", SCOPES, "test")[1],
                "school": accounts.add_key(
                    "school", frozenset({Act.READ, Act.HANDLE_ALARMS, Act.EDIT_EQUIPMENT}), "test", "thcs-a"
                )[1],
                "reader": accounts.add_key("reader", frozenset({Act.READ}), "test")[1],
            }
            api = make_api(centre, limits, Streams(0.05, once=once))
            whole = FastAPI(openapi_url=None)
            whole.mount("/api/v1", api)
            yield Asked(place, centre, whole, api, keys)


@contextmanager
def an_api_elsewhere(folder: Path, limits: Limits | None = None) -> Iterator[Asked]:
    """For whoever asks from a loop of their own."""
    with asyncio.Runner() as runner:
        opened = an_api(folder, limits)
        made = runner.run(opened.__aenter__())
        try:
            yield made
        finally:
            runner.run(opened.__aexit__(None, None, None))
