"""What every test has: real servers, and the promise that no task is left running."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers import InfluxDB, Mosquitto

settings.register_profile("lophoc", deadline=None)  # a loaded machine is slow, and that is no property of the code
settings.load_profile("lophoc")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of the test's own."""
    with Mosquitto(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    """One server for all tests of a process, since it takes long to start; a test that stops it starts it again."""
    with InfluxDB(tmp_path_factory.mktemp("influxdb")) as server:
        yield server


@pytest.fixture(autouse=True)
def every_task_ends(request: pytest.FixtureRequest) -> None:
    """An asynchronous test that leaves a task running fails."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_every_task_ends")


@pytest.fixture
async def _every_task_ends() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    assert not left, "tasks left running: " + ", ".join(task.get_name() for task in left)
