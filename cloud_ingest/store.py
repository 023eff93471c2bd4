"""What the centre asks of a store, whichever it is, and which store a URL means."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Layout, Measurement, Run, Series
from cloud_ingest.windows import Span, Window


@dataclass(frozen=True, slots=True)
class Portion:
    """What one batch brings: checked points, and the school that its topic named."""

    school: str
    runs: Sequence[Run]
    layout: Layout | None = None
    """If they are all of one layout's series, each once and in its order: a store may keep what it prepared for it."""

    @property
    def points(self) -> int:
        return sum(len(run.times_us) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Stored:
    """The last value of one series of a room."""

    measurement: Measurement
    device: str
    role: str
    metric: str
    value: Value
    time_us: int
    simulated: bool
    room: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One point of a series that is known."""

    time_us: int
    value: Value
    simulated: bool


@dataclass(frozen=True, slots=True)
class SchoolTotals:
    """What one school has of one metric, over all rooms and devices."""

    school: str
    count: int
    mean: float | None
    """None for texts."""
    last_seen_us: int


class StoreUnavailable(Exception):
    """The store did not do it now: try the same again later. The text says what it answered, without secrets."""


class WrongStore(ValueError):
    """The URL or what it points to can never work: a person has to correct it."""


STORE_OPTION = (
    "sqlite:///PATH, influx1://[user@]host:port/db, influx2+http(s)://host:port/org/bucket or victoria://host:port."
)


class Sink(Protocol):
    """Takes points. The same series and time again is the same point: writing twice changes nothing."""

    writers: int
    """How many threads may `write` at a time."""
    points_per_write: int
    """How many points it likes in one write."""
    durable_after_s: float
    """Seconds after a successful write until it would survive a kill: nothing is acknowledged before."""

    def open(self, *, create: bool = True) -> None:
        """Make it ready, or make sure that it still is; with `create`, make what is missing.

        Raises StoreUnavailable, WrongStore.
        """

    def close(self) -> None: ...

    def write(self, portions: Sequence[Portion]) -> list[int]:
        """Store all of it (see `durable_after_s`); returns for each portion how many of its points it will never take.

        Raises StoreUnavailable; part of it may then be stored.
        """


class Store(Sink, Protocol):
    """A place for points that can be asked for them."""

    def tend(self, now_us: int) -> bool:
        """A short step of what nobody waits for, such as rollups; False if none is left for now.

        The first write starts a thread that does it. Raises StoreUnavailable.
        """

    def latest(self, school: str, room: str | None = None, since_us: int = 0) -> list[Stored]:
        """The last point of each series of a room, or of a whole school, of those at or after `since_us`.

        In order of room, measurement, device, metric, role. Raises StoreUnavailable, as all that follow.
        """

    def points(self, school: str, series: Series, span: Span, limit: int = 10_000) -> list[Sample]:
        """The points of one series in order of time, the first `limit` of them."""

    def windows(self, school: str, series: Series, span: Span, window_us: int) -> list[Window]:
        """One series by windows (widened to whole ones), in order of time; those without a point are left out.

        Raises ValueError for a question that is none: see `windows.asked`.
        """

    def by_school(self, metric: str, span: Span) -> list[SchoolTotals]:
        """Each school that has points of `metric`, over whole five minutes, in order of name. Raises ValueError."""

    def count(self, school: str, room: str | None = None, since_us: int = 0) -> int:
        """How many distinct points a room, or a whole school, has."""


def wall_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def store_of(url: str, clock_us: Callable[[], int] = wall_us) -> Store:
    """The store at `url`, not opened yet.

    `sqlite:///PATH[?raw_days=N…]`, `influx1://[user@]host[:port]/db`, `influx2+http(s)://host[:port]/org/bucket`,
    `victoria://host[:port]`.
    Secrets come from LOPHOC_STORE_PASSWORD (1.x) and LOPHOC_STORE_TOKEN (2.x). Raises WrongStore.
    """
    parts = urlsplit(url)
    if parts.password is not None:
        raise WrongStore("a password does not belong in a store's URL: put it in LOPHOC_STORE_PASSWORD")
    match parts.scheme:
        case "sqlite":
            path = unquote(parts.path[1:])
            if parts.netloc or not path:
                raise WrongStore("write sqlite:///PATH, such as sqlite:///store.sqlite or sqlite:////var/lib/x.sqlite")
            from cloud_ingest.sqlite_keeping import Keeping
            from cloud_ingest.sqlite_store import SqliteStore

            return SqliteStore(path, Keeping.of(parts.query), clock_us)
        case "influx1" | "influx1+http" | "influx1+https":
            (database,) = _names(parts, "influx1://host:8086/DATABASE", 1)
            from cloud_ingest.influx1_store import Influx1Store  # httpx is not loaded for the embedded store

            return Influx1Store(_origin(parts), database, parts.username or "", clock_us)
        case "influx2+http" | "influx2+https":
            org, bucket = _names(parts, "influx2+http://host:8086/ORG/BUCKET", 2)
            from cloud_ingest.influx2_store import Influx2Store

            return Influx2Store(_origin(parts), org, bucket, clock_us)
        case "victoria" | "victoria+http" | "victoria+https":
            if not parts.hostname or parts.path.strip("/"):
                raise WrongStore("write victoria://host:8428, or victoria+https://host:8428")
            from cloud_ingest.victoria_store import VictoriaStore

            return VictoriaStore(_origin(parts, 8428), clock_us)
    raise WrongStore(f"'{parts.scheme}' is no store known here: sqlite, influx1, influx2+http(s) or victoria")


def _origin(parts: SplitResult, usual_port: int = 8086) -> str:
    try:
        port = parts.port or usual_port
    except ValueError:
        raise WrongStore("the store's port is a number from 1 to 65535") from None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{'https' if parts.scheme.endswith('https') else 'http'}://{host}:{port}"


def _names(parts: SplitResult, example: str, wanted: int) -> list[str]:
    if parts.query or parts.fragment:
        raise WrongStore(f"write {example}, and nothing behind it: secrets come from the environment")
    names = [unquote(name) for name in parts.path.strip("/").split("/")]
    if not parts.hostname or len(names) != wanted or not all(re.fullmatch(r"[\w. -]{1,64}", name) for name in names):
        raise WrongStore(f"write {example}; names have letters, digits, '_', '.', '-' and spaces")
    return names
