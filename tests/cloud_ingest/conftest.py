"""Every store that there is, opened and empty, for tests that hold for each of them."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cloud_ingest.store import Portion, Store, store_of, wall_us
from cloud_ingest.victoria_store import VictoriaStore
from tests.cloud_ingest.influx2_shim import TOKEN, influx2_shim
from tests.cloud_ingest.victoria import victoria_metrics
from tests.servers import InfluxDB

EXACT = ("sqlite", "influx1", "influx2 over 1.6.7")
_numbers = itertools.count()


class Clock:
    """The time, and as much later as a test says."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def __call__(self) -> int:
        return wall_us() + self.ahead_us


class _VictoriaAtOnce(VictoriaStore):
    """What it takes becomes readable about a second later: here at once."""

    def __init__(self, address: str, clock_us: Callable[[], int]) -> None:
        super().__init__(f"http://{address}", clock_us)
        self._address = address

    def write(self, portions: Sequence[Portion]) -> list[int]:
        refused = super().write(portions)
        httpx.get(f"http://{self._address}/internal/force_flush", trust_env=False, timeout=10.0)
        return refused


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of one server for all tests of a process."""
    with victoria_metrics(tmp_path_factory.mktemp("victoria")) as address:
        yield address


@pytest.fixture(params=[*EXACT, "victoria"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> Iterator[Store]:
    """Any store."""
    with _store(request, tmp_path, monkeypatch, clock) as store:
        yield store


@pytest.fixture(params=EXACT)
def exact_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> Iterator[Store]:
    """A store that keeps every bit of a number and every microsecond: not VictoriaMetrics."""
    with _store(request, tmp_path, monkeypatch, clock) as store:
        yield store


@contextmanager
def _store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> Iterator[Store]:
    if request.param == "sqlite":
        with _opened(store_of(f"sqlite:///{tmp_path / 'store.sqlite'}", clock)) as store:
            yield store
        return
    if request.param == "victoria":
        address: str = request.getfixturevalue("victoria")
        everything = {"match[]": '{__name__!=""}'}
        where = f"http://{address}/api/v1/admin/tsdb/delete_series"
        assert httpx.post(where, params=everything, trust_env=False, timeout=10.0).status_code == 204
        with _opened(_VictoriaAtOnce(address, clock)) as store:
            yield store
        return
    influxdb: InfluxDB = request.getfixturevalue("influxdb")
    database = f"lophoc{next(_numbers)}"
    with _opened(store_of(f"influx1://127.0.0.1:{influxdb.port}/{database}", clock)) as store:
        if request.param == "influx1":
            yield store
            return
    monkeypatch.setenv("LOPHOC_STORE_TOKEN", TOKEN)  # its buckets are there now, as whoever runs a 2.x would make them
    with (
        influx2_shim(f"http://127.0.0.1:{influxdb.port}") as address,
        _opened(store_of(f"influx2+http://{address}/city/{database}", clock)) as store,
    ):
        yield store


@contextmanager
def _opened(store: Store) -> Iterator[Store]:
    try:
        store.open()
        yield store
    finally:
        store.close()
