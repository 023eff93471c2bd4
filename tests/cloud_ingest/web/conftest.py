"""One browser and one operations centre for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.cloud_ingest.web.centre_process import CentreProcess, a_centre, logged_in
from tests.edge_agent.panel.browser import CHROMIUM, chromium


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CentreProcess]:
    folder: Path = tmp_path_factory.mktemp("centre")
    with a_centre(folder) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with its module, since its event loop would stand in the way of asynchronous tests."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: scripts/setup installs it")
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, centre: CentreProcess) -> Iterator[Page]:
    """An administrator's desk."""
    with logged_in(browser, centre) as shown:
        yield shown
