"""All parts of the operations centre in one place, for its API and its pages."""

from dataclasses import dataclass
from pathlib import Path

from cloud_ingest.accounts.accounts import Accounts
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.oidc import Oidc
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.catalogue.delivery import Delivery
from cloud_ingest.catalogue.desk import Desk
from cloud_ingest.forecasts.shown_forecasts import ShownForecasts
from cloud_ingest.operations.city import City
from cloud_ingest.operations.register import Register
from cloud_ingest.operations.usage import Usage
from cloud_ingest.operations.watching import RoomWatches


@dataclass(frozen=True, slots=True)
class Centre:
    city: City
    watches: RoomWatches
    register: Register
    usage: Usage
    inbox: Alarms
    accounts: Accounts
    audit: Audit
    data: Path
    """The centre's folder: each part keeps a file of its own in it."""
    forecasts: ShownForecasts
    desk: Desk
    """Of the catalogue."""
    delivery: Delivery
    export: Path | None = None
    """Where the nightly export is; None: it is not said."""
    oidc: Oidc | None = None
    """None: people log in with a password only."""
    tiles: str = ""
    """Where a map's tiles come from; empty: there are none."""
